"""Severity and priority from what the alert says, by a table and by rules.

Rules come first and are CEL over the alert's labels and fields; the first that holds decides. An alert that neither a
rule nor the table knows keeps what its mapping said: unknown stays unknown, it does not become low.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from tieline.core.expressions import Condition, ExpressionError, compile_condition
from tieline.core.hooks import hookimpl
from tieline.core.model import Fields, Priority, Severity, Signal, Value

VARIABLES: Final[Mapping[str, type]] = {
    "labels": dict,
    "severity": str,
    "service": str,
    "title": str,
    "tags": list,
    "source": str,
}


class Rule(BaseModel):
    """One rule: when it holds, these fields are set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str = Field(description="CEL over labels, severity, service, title, tags and source.")
    severity: Severity | None = Field(default=None, description="How bad it is then.")
    priority: Priority | None = Field(default=None, description="In which order it is worked on then.")


class Settings(BaseModel):
    """What the `severity` plugin may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[Rule, ...] = Field(default=(), description="Rules, most important first.")
    priorities: dict[Severity, Priority] = Field(
        default={
            Severity.CRITICAL: Priority.P1,
            Severity.HIGH: Priority.P2,
            Severity.MEDIUM: Priority.P3,
            Severity.LOW: Priority.P4,
            Severity.INFO: Priority.P5,
        },
        description="The priority of each severity where no rule says one.",
    )


class Classifier:
    """The plugin: rules are compiled once, when it is made."""

    settings = Settings

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules: list[tuple[Condition, Rule]] = [
            (_compile(number, rule), rule) for number, rule in enumerate(settings.rules, 1)
        ]

    @hookimpl
    def tieline_classify(self, signal: Signal, fields: Fields) -> Fields | None:
        """Severity and priority of the incident that this signal opens."""
        rule = self._matching(signal, fields)
        severity = rule.severity.value if rule is not None and rule.severity is not None else fields.get("severity")
        found: dict[str, Value] = {}
        if severity is not None:
            found["severity"] = severity
        if rule is not None and rule.priority is not None:
            found["priority"] = rule.priority.value
        elif severity is not None:
            priority = self._settings.priorities.get(Severity(str(severity)))
            if priority is not None:
                found["priority"] = priority.value
        return found or None

    def _matching(self, signal: Signal, fields: Fields) -> Rule | None:
        if not self._rules:
            return None
        values: dict[str, Any] = {
            "labels": dict(signal.labels),
            "source": str(signal.connection),
            **{name: fields.get(name) for name in ("severity", "service", "title")},
            "tags": list(tags) if isinstance(tags := fields.get("tags"), tuple) else [],
        }
        for condition, rule in self._rules:
            try:
                if condition.holds(values):
                    return rule
            except ExpressionError:
                # A rule about a label that this alert does not have says nothing about it.
                continue
        return None


def _compile(number: int, rule: Rule) -> Condition:
    try:
        return compile_condition(rule.when, VARIABLES)
    except ExpressionError as error:
        raise ValueError(f"rule {number} (`{rule.when}`), column {error.column}: {error.what}") from None


plugin = Classifier

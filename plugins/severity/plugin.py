"""Severity, priority, impact and urgency from what the alert says: by rules, else by what its mapping read.

Rules come first and are CEL over the alert's labels and fields; the first that holds decides. What nobody knows stays
unknown: it does not become low.

Impact and urgency come with the priority, so that each tool gets its own words at once: one that is told less fills in
a default, which the next tool contradicts, and a pager that is told no urgency wakes people for a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from tieline.core.expressions import Condition, ExpressionError, compile_condition
from tieline.core.hooks import hookimpl
from tieline.core.model import Fields, Level, Priority, Severity, Signal

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
    impacts: dict[Priority, Level] = Field(
        default={
            Priority.P1: Level.HIGH,
            Priority.P2: Level.MEDIUM,
            Priority.P3: Level.MEDIUM,
            Priority.P4: Level.MEDIUM,
            Priority.P5: Level.LOW,
        },
        description="The impact that goes with each priority, as ServiceNow's own table has it.",
    )
    urgencies: dict[Priority, Level] = Field(
        default={
            Priority.P1: Level.HIGH,
            Priority.P2: Level.HIGH,
            Priority.P3: Level.MEDIUM,
            Priority.P4: Level.LOW,
            Priority.P5: Level.LOW,
        },
        description="The urgency that goes with each priority: PagerDuty wakes people for a high one.",
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
        """What this signal says of the incident that it opens."""
        rule = self._matching(signal, fields)
        severity = _severity(rule, fields)
        priority = rule.priority if rule is not None else None
        if priority is None and severity is not None:
            priority = self._settings.priorities.get(severity)
        found = {
            "severity": severity,
            "priority": priority,
            "impact": None if priority is None else self._settings.impacts.get(priority),
            "urgency": None if priority is None else self._settings.urgencies.get(priority),
        }
        return {name: word.value for name, word in found.items() if word is not None} or None

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
                # It was tried when it was compiled; what is left is an alert that it cannot take (300 tags).
                continue
        return None


def _severity(rule: Rule | None, fields: Fields) -> Severity | None:
    if rule is not None and rule.severity is not None:
        return rule.severity
    read = fields.get("severity")
    return None if read is None else Severity(str(read))


def _compile(number: int, rule: Rule) -> Condition:
    """Compile a rule, and try it once: a bad pattern shows only then."""
    try:
        condition = compile_condition(rule.when, VARIABLES)
        condition.holds({name: kind() for name, kind in VARIABLES.items()})
    except ExpressionError as error:
        raise ValueError(f"rule {number} (`{rule.when}`), column {error.column}: {error.what}") from None
    return condition


plugin = Classifier

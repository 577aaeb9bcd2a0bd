"""Whether Prometheus knows what fires: an empty list of alerts proves an end only if rules were evaluated on data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tieline.core.episodes import parse_moment
from tieline.core.port import Body


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """One rule. Its alerts carry its labels, beside those of the series that it finds."""

    name: str
    labels: Mapping[str, str]
    is_evaluated: bool

    def body(self) -> Body:
        """What its alerts will say, as far as the rule tells: a label may be made from the series' own."""
        told = {name: text for name, text in self.labels.items() if "{{" not in text}
        return {"labels": {"alertname": self.name, **told}}

    @property
    def tells_all(self) -> bool:
        """False for a rule whose severity depends on the series."""
        return "{{" not in self.labels.get("severity", "")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Prometheus says of itself. None where this one does not tell (Thanos and Mimir have fewer resources)."""

    started: datetime | None
    rules: tuple[AlertingRule, ...]
    targets: int | None

    @property
    def not_evaluated(self) -> int:
        """Rules that nobody has tried yet."""
        return sum(not rule.is_evaluated for rule in self.rules)

    def doubt(self, at: datetime, grace: timedelta, needs_targets: bool) -> str:
        """Why an absent alert does not count as ended, as a sentence; "" when it does."""
        # `at` has whole seconds, and may lie before a start in the same second.
        if self.started is not None and max(at - self.started, timedelta(0)) < grace:
            return "it started a short while ago, and has not restored its alerts yet"
        if not self.rules:
            return "it has no alerting rules loaded"
        if self.not_evaluated:
            return f"{self.not_evaluated} of its alerting rules have not been evaluated yet"
        if needs_targets and self.targets == 0:
            return "it scrapes no target, and without data no condition holds (see `needs_targets`)"
        return ""


def rules(data: Any) -> tuple[AlertingRule, ...]:
    """The alerting rules in GET /rules. Raises ValueError."""
    try:
        found = [rule for group in data["groups"] for rule in group["rules"] if rule["type"] == "alerting"]
        return tuple(
            AlertingRule(str(rule.get("name")), _texts(rule.get("labels")), _is_evaluated(rule)) for rule in found
        )
    except (AttributeError, KeyError, TypeError):
        raise ValueError("no `groups` of `rules`") from None


def _is_evaluated(rule: Mapping[str, Any]) -> bool:
    """vmalert calls a rule healthy that it has never tried; the time of its last evaluation is then the year 1."""
    return rule.get("health") != "unknown" and not str(rule.get("lastEvaluation") or "").startswith("0001-")


def _texts(labels: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in (labels or {}).items()}


def started(data: Any) -> datetime | None:
    """When the process started, from GET /status/runtimeinfo."""
    text = data.get("startTime") if isinstance(data, dict) else None
    return parse_moment(text) if isinstance(text, str) else None


def targets(data: Any) -> int | None:
    """How many targets are scraped, up or down, from GET /targets."""
    active = data.get("activeTargets") if isinstance(data, dict) else None
    return len(active) if isinstance(active, list) else None


def version(data: Any) -> str:
    """What answers, from GET /status/buildinfo: Mimir names itself there, VictoriaMetrics tells nothing."""
    told = data if isinstance(data, dict) else {}
    return f"{told.get('application') or 'Prometheus'} {told.get('version') or 'of unknown version'}"

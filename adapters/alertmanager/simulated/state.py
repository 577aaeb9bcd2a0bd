"""What a simulated Alertmanager holds: alerts in memory, silences and what it has notified of on disk."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tieline.adapters.alertmanager.simulated.matching import Inhibition, Matcher, all_hold
from tieline.core.episodes import fingerprint, moment_text

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""How Go writes a time that is not set."""


class Refused(Exception):
    """A request that is answered with this status and sentence."""

    def __init__(self, status: int, sentence: str | Mapping[str, Any]) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True)
class Kin:
    """Which Alertmanager it is."""

    version: str = "0.25.0"
    mutes: bool = False
    """Since 0.28 an alert shows which time intervals mute it."""
    grafana: bool = False
    """Grafana's own: it tells neither its start, its version nor its receivers, has labels for itself, and sends a
    webhook of version 1 with more members."""


ALERTMANAGER = Kin()
ALERTMANAGER_28 = Kin("0.28.1", mutes=True)
GRAFANA = Kin("N/A", grafana=True)


@dataclass
class Alert:
    """One alert. It is over from `ends` on."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts: datetime
    ends: datetime
    updated: datetime
    generator: str = ""
    odd: Mapping[str, Any] = field(default_factory=dict)
    """What is shown in place of members of it, as a sender or a version that is not the usual one does; `...` in the
    place of a value leaves the member out."""
    timeout: bool = False
    """True when nobody told its end, so that it is `resolve_timeout` after the last report."""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.labels)

    def with_oddities(self, shown: dict[str, Any]) -> dict[str, Any]:
        """What is shown of it, spoilt as it is."""
        return {name: value for name, value in {**shown, **self.odd}.items() if value is not ...}

    def over(self, now: datetime) -> bool:
        return self.ends <= now


@dataclass
class Silence:
    """One silence; expired ones stay readable."""

    id: str
    matchers: tuple[Matcher, ...]
    starts: datetime
    ends: datetime
    author: str
    comment: str
    updated: datetime

    def state(self, now: datetime) -> str:
        if now < self.starts:
            return "pending"
        return "active" if now < self.ends else "expired"

    def expire(self, now: datetime) -> None:
        """What DELETE does. One that has expired stays as it is."""
        if self.state(now) != "expired":
            self.starts, self.ends, self.updated = min(self.starts, now), now, now

    def shown(self, now: datetime) -> dict[str, Any]:
        return {
            "id": self.id,
            "status": {"state": self.state(now)},
            "updatedAt": moment_text(self.updated),
            "comment": self.comment,
            "createdBy": self.author,
            "endsAt": moment_text(self.ends),
            "matchers": [matcher.shown() for matcher in self.matchers],
            "startsAt": moment_text(self.starts),
        }


@dataclass
class State:
    """Everything, and what changes it."""

    resolve_timeout: timedelta = timedelta(minutes=5)
    receiver: str = "tieline"
    inhibitions: tuple[Inhibition, ...] = ()
    kin: Kin = ALERTMANAGER
    muted: dict[str, list[str]] = field(default_factory=dict)
    """By fingerprint, the time intervals that mute an alert now."""
    alerts: dict[str, Alert] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)

    def take(self, posted: Mapping[str, Any], starts: datetime | None, ends: datetime | None, now: datetime) -> None:
        """One posted alert. Raises Refused."""
        labels = {name: value for name, value in (posted.get("labels") or {}).items() if value}
        if not labels:
            raise Refused(400, "at least one label pair required")
        for name in labels:
            if not NAME.fullmatch(name):
                raise Refused(400, f'invalid label set: invalid name "{name}"')
        if starts is None:
            starts = ends if ends is not None else now
        timeout = ends is None
        ends = ends if ends is not None else now + self.resolve_timeout
        if ends < starts:
            raise Refused(400, "start time must be before end time")
        annotations = dict(posted.get("annotations") or {})
        alert = Alert(labels, annotations, starts, ends, now, posted.get("generatorURL") or "", timeout=timeout)
        self._merge(alert, now)

    def _merge(self, alert: Alert, now: datetime) -> None:
        """Reports that overlap are one firing: it keeps its earliest start, and an end that was told explicitly."""
        old = self.alerts.get(alert.fingerprint)
        if old is not None and (old.starts < alert.ends < old.ends or old.starts < alert.starts < old.ends):
            alert.starts = min(old.starts, alert.starts)
            if old.ends > alert.ends and (old.over(now) if alert.over(now) else not old.timeout):
                alert.ends = old.ends
        self.alerts[alert.fingerprint] = alert

    def firing(self, now: datetime) -> Iterator[Alert]:
        for _, alert in sorted(self.alerts.items()):
            if not alert.over(now):
                yield alert

    def silenced_by(self, alert: Alert, now: datetime) -> list[str]:
        return sorted(
            silence.id
            for silence in self.silences.values()
            if silence.state(now) == "active" and all_hold(silence.matchers, self.labels(alert))
        )

    def labels(self, alert: Alert) -> dict[str, str]:
        """The labels of an alert with those that Grafana has for itself: silences match them, webhooks lack them."""
        return alert.labels | ({"__alert_rule_uid__": "cIBgcSjkk"} if self.kin.grafana else {})

    def inhibited_by(self, alert: Alert, now: datetime) -> list[str]:
        return sorted(
            other.fingerprint
            for other in self.firing(now)
            if other is not alert and any(rule.applies(other.labels, alert.labels) for rule in self.inhibitions)
        )

    def put_silence(
        self, posted: Mapping[str, Any], starts: datetime, ends: datetime, now: datetime, dice: Random
    ) -> str:
        """Make or edit a silence; answers its id. One that is edited beyond its end and comment is made anew."""
        matchers = tuple(Matcher.of(matcher) for matcher in posted["matchers"])
        if all(matcher.equal and not matcher.regex and not matcher.value for matcher in matchers):
            raise Refused(400, "silence invalid: at least one matcher must not match the empty string")
        if ends < now:
            raise Refused(400, "Failed to create silence: end time can't be in the past")
        if starts > ends:
            raise Refused(400, "Failed to create silence: start time must be before end time")
        old = self.silences.get(str(posted.get("id") or ""))
        if posted.get("id") and old is None:
            raise Refused(404, "silence not found")
        if old is not None and _can_stay(old, matchers, starts, now):
            old.ends, old.comment, old.author, old.updated = ends, posted["comment"], posted["createdBy"], now
            return old.id
        if old is not None:
            old.expire(now)
        made = Silence(
            str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            matchers,
            max(starts, now),
            ends,
            posted["createdBy"],
            posted["comment"],
            now,
        )
        self.silences[made.id] = made
        return made.id


def _can_stay(old: Silence, matchers: tuple[Matcher, ...], starts: datetime, now: datetime) -> bool:
    match old.state(now):
        case "active":
            # Whole seconds: Alertmanager shows a start cut to milliseconds and takes that back as the same one.
            return old.matchers == matchers and old.starts.replace(microsecond=0) == starts.replace(microsecond=0)
        case "pending":
            return old.matchers == matchers
        case _:
            return False

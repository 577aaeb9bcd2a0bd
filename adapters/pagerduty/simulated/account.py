"""A simulated PagerDuty account: its users, services, incidents and log. What people and rules do to them.

Stamps count whole seconds, as PagerDuty's do. Every change writes a log entry, among noise that changes nothing.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

PRIORITIES = {f"PRIO{number}": f"P{number}" for number in range(1, 6)}


class Refusal(Exception):
    """PagerDuty's own refusal: HTTP status, its error code, its words."""

    def __init__(self, status: int, code: int, message: str, *errors: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "code": code, **({"errors": list(errors)} if errors else {})}}


@dataclass
class User:
    id: str
    name: str
    email: str


@dataclass
class Service:
    """The three time-outs in seconds, None for never. That of escalation belongs to its policy."""

    id: str
    name: str
    status: str = "active"
    acknowledgement_timeout: int | None = None
    auto_resolve_timeout: int | None = None
    escalation_timeout: int | None = None
    integration_key: str = ""
    escalation_policy: str = "PEPOLIC"


@dataclass
class Note:
    id: str
    user: str
    content: str
    at: datetime


@dataclass
class Alert:
    id: str
    key: str
    summary: str
    status: str
    at: datetime


@dataclass
class Incident:
    id: str
    number: int
    title: str
    service: str
    urgency: str
    created_at: datetime
    updated_at: datetime
    status_at: datetime
    status: str = "triggered"
    key: str | None = None
    details: Any = None
    priority: str | None = None
    status_by: str | None = None
    resolved_at: datetime | None = None
    merged_into: str | None = None
    assignees: list[tuple[str, datetime]] = field(default_factory=list)
    acknowledgements: list[tuple[str, datetime]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    conference_bridge: Any = None
    snoozed_until: datetime | None = None
    by_policy: bool = True
    """Whether the escalation policy chose the assignees."""

    @property
    def open(self) -> bool:
        return self.status != "resolved"


@dataclass(frozen=True)
class LogEntry:
    id: str
    type: str
    at: datetime
    incident: str
    service: str
    agent: str | None
    summary: str
    channel: str
    assignees: tuple[str, ...] = ()
    """To whom an incident was assigned, or escalated."""


class Account:
    """Everything the account holds. `told` hears of every event that a webhook would announce."""

    def __init__(self, clock: Callable[[], datetime], dice: random.Random) -> None:
        self._clock = clock
        self._dice = dice
        self.users = [
            User("PXPGF42", "Tieline", "tieline@example.org"),
            User("PAM4FGS", "Ada Lovelace", "ada@example.org"),
            User("PL7A2O4", "Grace Hopper", "grace@example.org"),
        ]
        self.services = [
            Service("PIJ90N7", "API Service", integration_key="e93facc04764012d7bfb002500d5d1a6"),
            Service("PF9KMXH", "Batch"),
        ]
        self.on_call = "PAM4FGS"
        self.priorities = dict(PRIORITIES)
        """By id; other accounts have other names. Empty where the plan has none."""
        self.incidents: dict[str, Incident] = {}
        self.log: list[LogEntry] = []
        self.changes_announced: list[dict[str, Any]] = []
        self.spoilt: set[str] = set()
        """Incidents that an answer shows with a number where the list of their assignments should stand."""
        self.told: Callable[[str, Incident, Note | None, str | None], None] = lambda *_: None

    def now(self) -> datetime:
        return self._clock().astimezone(UTC).replace(microsecond=0)

    def new_id(self, letter: str, length: int = 13) -> str:
        return letter + "".join(self._dice.choices(string.ascii_uppercase + string.digits, k=length))

    def user(self, identity: str) -> User | None:
        return next((user for user in self.users if user.id == identity), None)

    def user_by_email(self, email: str) -> User | None:
        return next((user for user in self.users if user.email.lower() == email.lower()), None)

    def service(self, identity: str) -> Service | None:
        return next((service for service in self.services if service.id == identity), None)

    def priority_id(self, name: Any) -> str | None:
        return next((identity for identity, known in self.priorities.items() if known == name), None)

    def incident(self, identity: str) -> Incident:
        """Raises Refusal (404, 2100)."""
        if identity not in self.incidents:
            raise Refusal(404, 2100, "Not Found")
        return self.incidents[identity]

    def pass_time(self) -> None:
        """Do what the account's own clock is due to do, each at the moment when it was due."""
        for incident in self.incidents.values():
            while due := [(at, act) for at, act in self._due(incident) if at <= self.now()]:
                at, act = min(due, key=lambda one: one[0])
                act(at)

    def _due(self, incident: Incident) -> Iterator[tuple[datetime, Callable[[datetime], None]]]:
        service = self.service(incident.service)
        if service is None or not incident.open:
            return
        if incident.status == "acknowledged":
            seconds, until = service.acknowledgement_timeout, incident.snoozed_until
            over = until or (incident.status_at + timedelta(seconds=seconds) if seconds is not None else None)
            if over is not None:
                yield over, lambda at: self.unacknowledge(incident, None, at, channel="timeout")
        if service.auto_resolve_timeout is not None:
            over = incident.created_at + timedelta(seconds=service.auto_resolve_timeout)
            yield over, lambda at: self.resolve(incident, None, at=at, channel="timeout")
        if incident.status == "triggered" and service.escalation_timeout is not None and incident.by_policy:
            over = max(at for _, at in incident.assignees) + timedelta(seconds=service.escalation_timeout)
            yield over, lambda at: self.escalate(incident, at)

    # What can be done to an incident

    def open_incident(
        self,
        title: str,
        by: str | None,
        *,
        service: str = "PIJ90N7",
        urgency: str = "high",
        key: str | None = None,
        details: Any = None,
        priority: str | None = None,
        assignees: tuple[str, ...] = (),
        alerts: tuple[Alert, ...] = (),
    ) -> Incident:
        now = self.now()
        number = len(self.incidents) + 1
        incident = Incident(
            self.new_id("Q"),
            number,
            title,
            service,
            urgency,
            now,
            now,
            now,
            key=key,
            details=details,
            priority=priority,
        )
        incident.status_by = by
        incident.alerts = list(alerts)
        incident.assignees = [(user, now) for user in assignees or (self.on_call,)]
        incident.by_policy = not assignees
        self.incidents[incident.id] = incident
        self._write(incident, "trigger", by, "Triggered through the API.", channel="api")
        self._write(incident, "assign", None, "Assigned by escalation policy.")
        self._write(incident, "notify", None, "Notified by e-mail.")
        self.told("incident.triggered", incident, None, by)
        return incident

    def acknowledge(self, incident: Incident, by: str | None, *, channel: str | None = None) -> None:
        now = self.now()
        incident.snoozed_until = None
        incident.acknowledgements.append((by or self.on_call, now))
        self._set_status(incident, "acknowledged", by, now)
        self._write(incident, "acknowledge", by, "Acknowledged.", channel=channel)
        self.told("incident.acknowledged", incident, None, by)

    def snooze(self, incident: Incident, by: str, until: datetime) -> None:
        """An acknowledgement that ends by itself."""
        self.acknowledge(incident, by)
        incident.snoozed_until = until
        self._write(incident, "snooze", by, "Snoozed.")

    def escalate(self, incident: Incident, at: datetime) -> None:
        """The policy's next level: whoever comes after those who did not answer."""
        users = [user.id for user in self.users]
        following = users[(users.index(incident.assignees[-1][0]) + 1) % len(users)]
        incident.assignees = [(following, at)]
        incident.updated_at = at
        self._write(incident, "escalate", None, "Escalated.", at, channel="timeout")
        self.told("incident.escalated", incident, None, None)

    def unacknowledge(
        self, incident: Incident, by: str | None, at: datetime | None = None, *, channel: str | None = None
    ) -> None:
        incident.acknowledgements = []
        incident.snoozed_until = None
        self._set_status(incident, "triggered", by, at or self.now())
        self._write(incident, "unacknowledge", by, "Unacknowledged.", at, channel=channel)
        self.told("incident.unacknowledged", incident, None, by)

    def resolve(
        self,
        incident: Incident,
        by: str | None,
        into: Incident | None = None,
        *,
        at: datetime | None = None,
        channel: str | None = None,
    ) -> None:
        now = at or self.now()
        incident.resolved_at = now
        incident.acknowledgements = []
        incident.assignees = []
        incident.merged_into = into.id if into else None
        for alert in incident.alerts:
            alert.status = "resolved"
        self._set_status(incident, "resolved", by, now)
        self._write(incident, "resolve", by, "Resolved.", at, channel=channel)
        self.told("incident.resolved", incident, None, by)

    def reopen(self, incident: Incident, by: str | None, *, acknowledged: bool = False) -> None:
        now = self.now()
        incident.resolved_at = None
        incident.merged_into = None
        incident.assignees = [(by if acknowledged and by else self.on_call, now)]
        self._set_status(incident, "triggered", by, now)
        self._write(incident, "reopen", by, "Reopened.")
        self.told("incident.reopened", incident, None, by)
        if acknowledged:
            self.acknowledge(incident, by)

    def edit(self, incident: Incident, by: str | None, **values: Any) -> None:
        """Title, urgency, priority, service, details or conference_bridge."""
        kinds = {"urgency": "urgency_change", "priority": "priority_change"}
        for name, value in values.items():
            setattr(incident, name, value)
            self._write(incident, kinds.get(name, "field_value_change"), by, f"Changed {name}.")
        incident.updated_at = self.now()
        if "priority" in values:
            self.told("incident.priority_updated", incident, None, by)

    def assign(self, incident: Incident, by: str | None, users: tuple[str, ...]) -> None:
        """Reassigning an acknowledged incident calls its new assignee: it is triggered again."""
        now = self.now()
        incident.assignees = [(user, now) for user in users]
        incident.by_policy = False
        incident.updated_at = now
        self._write(incident, "assign", by, "Reassigned.")
        self.told("incident.reassigned", incident, None, by)
        if incident.status == "acknowledged":
            self.unacknowledge(incident, by)

    def note(self, incident: Incident, by: str, content: str) -> Note:
        note = Note(self.new_id("P", 6), by, content, self.now())
        incident.notes.append(note)
        self._write(incident, "annotate", by, content)
        self.told("incident.annotated", incident, note, by)
        return note

    def merge(self, source: Incident, target: Incident, by: str | None) -> None:
        """Raises Refusal when the target is resolved."""
        if not target.open:
            raise Refusal(400, 2001, "Invalid Input Provided", "Incident has already been resolved")
        target.alerts += source.alerts
        source.alerts = []
        self.resolve(source, by, into=target)
        target.updated_at = self.now()
        self._write(target, "annotate", by, f"Merged with #{source.number}.")

    def vanish(self, incident: Incident) -> None:
        """PagerDuty deletes no incident; a key that lost its rights sees it no more."""
        del self.incidents[incident.id]
        self.log = [entry for entry in self.log if entry.incident != incident.id]

    def entries(self, since: datetime | None, until: datetime | None, hidden_after: datetime) -> Iterator[LogEntry]:
        """The newest first; what was stamped after `hidden_after` is not published yet."""
        for entry in reversed(self.log):
            if (
                (since is None or entry.at >= since)
                and (until is None or entry.at <= until)
                and entry.at <= hidden_after
            ):
                yield entry

    def _set_status(self, incident: Incident, status: str, by: str | None, at: datetime) -> None:
        incident.status = status
        incident.status_by = by
        incident.status_at = incident.updated_at = at

    def _write(
        self,
        incident: Incident,
        kind: str,
        by: str | None,
        summary: str,
        at: datetime | None = None,
        *,
        channel: str | None = None,
    ) -> None:
        """What nobody did, a rule did by itself, unless `channel` says otherwise."""
        entry = LogEntry(
            self.new_id("R", 25),
            f"{kind}_log_entry",
            at or self.now(),
            incident.id,
            incident.service,
            by,
            summary,
            channel or ("website" if by else "auto"),
            tuple(user for user, _at in incident.assignees) if kind in ("assign", "escalate") else (),
        )
        self.log.append(entry)

"""PagerDuty behind the port. Decisions are in `incident.py`; here is what is asked and in which order.

PagerDuty has no conditional write: `update` reads, compares and writes, and an edit in between is not seen before the
next reading. Its own check (error 1005) narrows that gap without closing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.pagerduty import incident, notes, schema, webhook
from tieline.adapters.pagerduty.events import Events, EventSeverity
from tieline.adapters.pagerduty.feed import Feed
from tieline.adapters.pagerduty.people import Priorities, Users
from tieline.adapters.pagerduty.settings import PagerDutySettings
from tieline.adapters.pagerduty.wire import Answer, Refused, Wire
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.listing import alone
from tieline.core.model import ConnectionName, Visibility
from tieline.core.port import (
    Body,
    Cursor,
    Delivery,
    FieldFact,
    Health,
    Page,
    Reading,
    Received,
    Ref,
    RemoteComment,
    Token,
    Version,
    Workbench,
)

EVENT_WAITS: Final = (0.5, 1.0, 2.0, 4.0)
"""Seconds between looks for the incident that an event raises."""

FOLLOW_UPS: Final = 3
"""Tries of the write that completes a creation (POST takes no status). It is safe to repeat: it names a state."""


class PagerDuty:
    """One connection to one account."""

    def __init__(
        self, name: ConnectionName, settings: PagerDutySettings, bench: Workbench, events: Events | None
    ) -> None:
        self._name = name
        self._settings = settings
        self._bench = bench
        self._events = events
        self._wire = Wire(name, settings, bench)
        self._users = Users(self._wire, bench.clock)
        self._priorities = Priorities(self._wire, bench.clock)
        self._feed = Feed(self._wire, settings, self.read)
        self._asks_for_body = True
        self._webhook_secrets: tuple[str, ...] | None = None
        self.lookup_lag: timedelta = settings.lookup_lag

    def check(self) -> Health:
        return schema.check(self._wire, self._settings, self._users, self._priorities, self._bench.clock.now)

    def describe(self) -> Mapping[str, FieldFact]:
        return schema.describe(self._wire, self._priorities)

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        return self._feed.changes(since)

    def read(self, ref: Ref) -> Reading:
        path = _path(ref)
        answer = self._whole(path)
        found = self._wire.object_in(answer, "incident", path)

        def understand() -> Reading:
            return incident.reading_of(found, answer.at, self._users.emails_of(incident.people_in(found)))

        return alone(self._name, f"incident {ref}", understand)

    def create(self, body: Body, token: Token) -> Reading:
        """Looks for the token first: PagerDuty refuses a second incident with a key only while the first is open."""
        found = self.find(token)
        if found is not None:
            return found
        first, later = self._creation(body, token)
        ref = self._raise(first, token) if self._events is None else self._announce(self._events, first, later, token)
        if later:
            self._follow_up(ref, later)
        return self._read_back(ref)

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        before = self.read(ref)
        if before.version != seen:
            raise StaleVersion(self._name, f"{before.key or ref} moved from {seen} to {before.version}")
        if before.merged_into is not None:
            raise Gone(
                self._name, f"{before.key or ref} was merged into another incident", merged_into=before.merged_into
            )
        try:
            change = incident.change(before.body, self._in_their_words(patch))
        except incident.Refusal as error:
            raise Rejected(self._name, f"{before.key or ref}: {error}", refused=error.refused) from None
        if not change:
            return before
        self._put(ref, change)
        after = self._read_back(ref)
        left = incident.ignored(before.body, after.body, change)
        if left:
            raise Rejected(
                self._name,
                f"PagerDuty took the write to {after.key or ref} and left {', '.join(left)} unchanged; "
                "look for a rule of the account that forbids it.",
            )
        return after

    def find(self, token: Token) -> Reading | None:
        query = {"incident_key": token, "date_range": "all", "sort_by": "created_at:asc"}
        rows = self._wire.rows("/incidents", "incidents", query)
        carriers = [row for row in rows if row.get("id") and self._carries(row, token)]
        if not carriers:
            return None
        oldest = min(carriers, key=_number)
        return replace(self.read(Ref(str(oldest["id"]))), token=token)

    def comments(self, ref: Ref) -> Sequence[RemoteComment]:
        return notes.listed(self._wire, ref, self._users.id_of(self._settings.from_email))

    def add_comment(self, ref: Ref, body: Any, visibility: Visibility, token: Token) -> RemoteComment:  # noqa: ARG002
        """Internal whatever is asked: a note is seen inside the account only. It cannot carry the token."""
        return notes.added(self._wire, ref, str(body), self._users.id_of(self._settings.from_email))

    def person_id(self, email: str) -> str | None:
        return self._users.id_of(email)

    def verify(self, delivery: Delivery, now: Any) -> None:  # noqa: ARG002 - PagerDuty signs no time
        webhook.verify(self._name, delivery, self._secrets())

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(delivery)

    def close(self) -> None:
        """Give the sockets back."""
        self._wire.close()
        if self._events is not None:
            self._events.close()

    def _whole(self, path: str) -> Answer:
        """The description comes only when asked for, by an `include` that the vendor's specification does not list."""
        if self._asks_for_body:
            try:
                return self._wire.get(path, {"include": ["body"]})
            except Refused as error:
                if "include" not in str(error).lower():
                    raise
                self._asks_for_body = False
        return self._wire.get(path)

    def _secrets(self) -> tuple[str, ...]:
        if self._webhook_secrets is None:
            try:
                self._webhook_secrets = tuple(secret.reveal() for secret in self._settings.webhook_secrets)
            except LookupError as error:
                raise NeedsOperator(self._name, str(error)) from None
        return self._webhook_secrets

    def _in_their_words(self, body: Body) -> dict[str, Any]:
        """Names of priorities become ids, people become references. Raises Refusal."""
        words = dict(body)
        if "priority" in words:
            words["priority"] = self._priorities.resolve(words["priority"])
        if words.get("assignments"):
            words["assignments"] = incident.assignees(words["assignments"])
        return words

    def _creation(self, body: Body, token: Token) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            return incident.creation(self._in_their_words(body), self._settings.service, token)
        except incident.Refusal as error:
            raise Rejected(self._name, f"a new incident: {error}", refused=error.refused) from None

    def _raise(self, first: Body, token: Token) -> Ref:
        try:
            answer = self._wire.post("/incidents", {"incident": dict(first)})
        except Refused as error:
            found = self.find(token) if error.duplicate_key else None
            if found is None:
                raise
            return found.ref
        found_id = self._wire.object_in(answer, "incident", "POST /incidents")["id"]
        return Ref(str(found_id))

    def _announce(self, events: Events, first: Body, later: dict[str, Any], token: Token) -> Ref:
        """Raise by an event and wait until its incident shows. What an event cannot say follows by `later`."""
        severity = EventSeverity.WARNING if first.get("urgency") == "low" else EventSeverity.CRITICAL
        details = (first.get("body") or {}).get("details")
        events.trigger(
            token,
            str(first.get("title") or ""),
            source="tieline",
            severity=severity,
            details={"details": details} if details else None,
        )
        later |= {name: first[name] for name in ("priority", "urgency", "assignments") if name in first}
        for wait in EVENT_WAITS:
            found = self._look(token)
            if found is not None:
                return found.ref
            self._bench.sleep(wait)
        raise TryAgain(
            self._name,
            f"the event for {token} was taken and no incident shows yet",
            wait=self.lookup_lag,
            maybe_done=True,
        )

    def _look(self, token: Token) -> Reading | None:
        try:
            return self.find(token)
        except TryAgain as error:
            raise TryAgain(self._name, str(error), wait=error.wait, maybe_done=True, limit=error.limit) from None

    def _carries(self, row: Body, token: Token) -> bool:
        """An incident made of alerts has no key of its own; its alerts have."""
        if row.get("incident_key") == token:
            return True
        if self._settings.routing_key is None or not (row.get("alert_counts") or {}).get("all"):
            return False
        path = f"{_path(Ref(str(row['id'])))}/alerts"
        return any(alert.get("alert_key") == token for alert in self._wire.rows(path, "alerts", {}))

    def _follow_up(self, ref: Ref, later: Body) -> None:
        for attempt in range(1, FOLLOW_UPS + 1):
            try:
                self._put(ref, later)
            except TryAgain as error:
                if attempt == FOLLOW_UPS or error.limit is not None:
                    raise TryAgain(
                        self._name, str(error), wait=error.wait, maybe_done=True, limit=error.limit
                    ) from None
                self._bench.sleep(min(error.wait or timedelta(seconds=attempt), timedelta(seconds=5)).total_seconds())
            else:
                return

    def _put(self, ref: Ref, change: Body) -> None:
        """Write; where the status is so already, write the rest. Raises StaleVersion when it is another than wanted."""
        try:
            self._wire.put(_path(ref), {"incident": {"type": "incident_reference", **change}})
        except Refused as error:
            if not error.already_so or "status" not in change:
                raise
            now = self.read(ref)
            if now.body.get("status") != change["status"]:
                raise StaleVersion(self._name, f"{now.key or ref} is {now.body.get('status')} meanwhile") from None
            rest = {name: value for name, value in change.items() if name not in ("status", "resolution")}
            if rest:
                self._wire.put(_path(ref), {"incident": {"type": "incident_reference", **rest}})

    def _read_back(self, ref: Ref) -> Reading:
        """The record after our write: PUT and POST answer with less than GET, and rules may have edited it since."""
        try:
            return self.read(ref)
        except TryAgain as error:
            raise TryAgain(
                self._name,
                f"written, and not read back: {error}",
                wait=error.wait,
                maybe_done=True,
                limit=error.limit,
            ) from None


def connect(name: ConnectionName, settings: PagerDutySettings, bench: Workbench) -> PagerDuty:
    """Builds the adapter; calls nobody."""
    events = None
    if settings.routing_key is not None:
        events = Events(
            name,
            settings.events_url,
            settings.routing_key,
            now=bench.clock.now,
            timeout=settings.timeout,
            verify=settings.verify_tls,
        )
    return PagerDuty(name, settings, bench, events)


def _number(row: Body) -> int:
    number = row.get("incident_number")
    return number if isinstance(number, int) else 0


def _path(ref: Ref) -> str:
    return f"/incidents/{quote(ref, safe='')}"

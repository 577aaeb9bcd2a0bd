"""PagerDuty behind the port. Decisions are in `incident.py`; here is what is asked and in which order.

PagerDuty has no conditional write: `update` reads, compares and writes, and an edit in between is not seen before the
next reading. Its own check (error 1005) narrows that gap without closing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from tieline.adapters.pagerduty import doings, incident, notes, schema, webhook
from tieline.adapters.pagerduty.events import Events, EventSeverity
from tieline.adapters.pagerduty.feed import Feed
from tieline.adapters.pagerduty.people import Priorities, Users
from tieline.adapters.pagerduty.settings import PagerDutySettings
from tieline.adapters.pagerduty.wire import Answer, Refused, Wire
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.http import asked_of_no_record, looking, not_there, written
from tieline.core.listing import alone
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import (
    WHOLE,
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
        self._feed = Feed(self._wire, settings, self._looked_at, self.comments)
        self._asks_for_body = True
        self.lookup_lag: timedelta = settings.lookup_lag

    def check(self) -> Health:
        with asked_of_no_record():
            return schema.check(self._wire, self._settings, self._users, self._priorities, self._bench.clock.now)

    def describe(self) -> Mapping[str, FieldFact]:
        with asked_of_no_record():
            return schema.describe(self._wire, self._priorities)

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        with asked_of_no_record():
            yield from self._feed.changes(since)

    def read(self, ref: Ref) -> Reading:
        return self._looked_at(ref, by_itself=False)

    def _looked_at(self, ref: Ref, by_itself: bool) -> Reading:
        """`by_itself` says that PagerDuty's own clock or rule may have changed the incident: its log tells what."""
        found, at = self._found(ref)
        reading = self._understood(found, at)
        assigned_by = doings.assigned_anew_by(found)
        account = self._users.id_of(self._settings.from_email) if by_itself or assigned_by else None
        if not (by_itself or doings.may_be(found) or (assigned_by and assigned_by == account)):
            return reading
        return replace(reading, automatic=doings.automatic(self._log(ref), account))

    def _found(self, ref: Ref) -> tuple[Body, datetime | None]:
        path = _path(ref)
        answer = self._whole(path)
        return self._wire.object_in(answer, "incident", path), answer.at

    def _understood(self, found: Body, at: datetime | None) -> Reading:
        def understand() -> Reading:
            return incident.reading_of(found, at, self._users.emails_of(incident.people_in(found)))

        return alone(self._name, f"incident {found['id']}", understand)

    def _log(self, ref: Ref) -> list[Body]:
        """The newest entries of an incident's log, newest first."""
        path = f"{_path(ref)}/log_entries"
        answer = self._wire.get(path, {"limit": 100, "time_zone": "UTC"})
        return self._wire.list_in(answer, "log_entries", path)

    def create(self, body: Body, token: Token) -> Reading:
        """Looks for the token first: PagerDuty refuses a second incident with a key only while the first is open."""
        found = self.find(token)
        if found is not None:
            return found
        first, later = self._creation(body, token)
        ref, born = self._announce(self._events, first, later, token) if self._events else self._raise(first, token)
        with written(self._name, f"{ref} was made"):
            told, refused = self._follow_up(ref, later) if later else (born, {})
            reading, left = self._left(ref, told)
            # An edit between the two steps is no doing of the tool's: the incident has to be found anew.
            unasked = incident.differing(left, born or left) - later.keys()
            if later and unasked and self._others_changed(ref, unasked):
                raise StaleVersion(self._name, f"somebody changed {', '.join(sorted(unasked))} meanwhile")
        return replace(reading, refused=refused) if refused else reading

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        with looking(self._name):
            before = self._understood(*self._found(ref))
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
        answer = self._reopen(ref, change) if incident.reopens(before.body, change) else self._put(ref, change)
        with written(self._name, f"{before.key or ref} was written"):
            after, left = self._left(ref, answer)
            unasked = incident.differing(left, before.body) - change.keys()
            # What nobody asked for follows from the write, unless somebody came between: their entry is in the log.
            return replace(after, raced=bool(unasked) and self._others_changed(ref, unasked))

    def find(self, token: Token) -> Reading | None:
        """A search is about no record that could be gone, and carries no value that could be refused."""
        try:
            return self._carrier(token)
        except Gone as error:
            raise not_there(error) from None
        except Rejected as error:
            raise NeedsOperator(self._name, f"the search for {token} was refused: {error}") from None

    def _carrier(self, token: Token) -> Reading | None:
        query = {"incident_key": token, "date_range": "all", "sort_by": "created_at:asc"}
        rows = self._wire.rows("/incidents", "incidents", query)
        carriers = [row for row in rows if row.get("id") and self._carries(row, token)]
        if not carriers:
            return None
        oldest = min(carriers, key=_number)
        ref = Ref(str(oldest["id"]))
        found, at = self._found(ref)
        log = self._log(ref)
        reading = self._understood(found, at)
        account = self._users.id_of(self._settings.from_email)
        edited = doings.edited(log, account)
        return replace(
            reading,
            token=token,
            automatic=doings.automatic(log, account),
            # What somebody edited since, it did not show then, and the log does not tell what it showed instead.
            born=None if edited is None else {name: one for name, one in reading.body.items() if name not in edited},
            # Who made the newest entry of all says nothing of a field that somebody else changed before.
            ours=WHOLE if edited == frozenset() and doings.last_by(log, account) else frozenset(),
        )

    audiences = notes.AUDIENCES

    def comments(self, ref: Ref) -> Sequence[RemoteComment]:
        return notes.listed(self._wire, ref, self._users.id_of(self._settings.from_email))

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:  # noqa: ARG002
        """For staff: a note is seen inside the account only. It cannot carry the token."""
        return notes.added(self._wire, ref, str(body), self._account())

    def edit_comment(self, ref: Ref, comment: str, body: Any, audience: Audience) -> RemoteComment:  # noqa: ARG002
        """For staff, as every note."""
        return notes.edited(self._wire, ref, comment, str(body), self._account())

    def person_id(self, email: str) -> str | None:
        with asked_of_no_record():
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
        try:
            return tuple(secret.reveal() for secret in self._settings.webhook_secrets)
        except LookupError as error:
            raise NeedsOperator(self._name, str(error)) from None

    def _in_their_words(self, body: Body) -> dict[str, Any]:
        """Names of priorities become ids, people become references. Raises Refusal."""
        words = dict(body)
        if "priority" in words:
            with looking(self._name), asked_of_no_record():
                words["priority"] = self._priorities.resolve(words["priority"])
        if words.get("assignments"):
            words["assignments"] = incident.assignees(words["assignments"])
        return words

    def _creation(self, body: Body, token: Token) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            return incident.creation(self._in_their_words(body), self._settings.service, token)
        except incident.Refusal as error:
            raise Rejected(self._name, f"a new incident: {error}", refused=error.refused) from None

    def _raise(self, first: Body, token: Token) -> tuple[Ref, Body | None]:
        """The ref, and the incident as it was born where the answer shows it."""
        try:
            answer = self._wire.post("/incidents", {"incident": dict(first)})
        except Gone as error:
            raise not_there(error) from None
        except Refused as error:
            found = self.find(token) if error.duplicate_key else None
            if found is None:
                raise
            return found.ref, found.born
        born = self._wire.object_in(answer, "incident", "POST /incidents", wrote=True)
        return Ref(str(born["id"])), born

    def _announce(self, events: Events, first: Body, later: dict[str, Any], token: Token) -> tuple[Ref, Body | None]:
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
                return found.ref, found.born
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

    def _follow_up(self, ref: Ref, later: Body) -> tuple[Body | None, Mapping[str, str]]:
        """What the creation could not say, and what of it was refused. The incident exists by now, and a refusal as an
        error would say that nothing was made. Where somebody came in between, or PagerDuty says so, what it shows now
        is not what it made of our words: the incident has to be found anew."""
        try:
            return self._put_a_few_times(ref, later), {}
        except Rejected as error:
            return None, error.refused or dict.fromkeys(later, str(error))

    def _put_a_few_times(self, ref: Ref, later: Body) -> Body | None:
        for attempt in range(1, FOLLOW_UPS + 1):
            try:
                return self._put(ref, later)
            except TryAgain as error:
                if attempt == FOLLOW_UPS or error.limit is not None:
                    raise
                self._bench.sleep(min(error.wait or timedelta(seconds=attempt), timedelta(seconds=5)).total_seconds())
        return None

    def _put(self, ref: Ref, change: Body) -> Body | None:
        """Write; where the status is so already, write the rest. Answers with the incident as the write left it, None
        where nothing was left to write. Raises StaleVersion when the status is another than wanted."""
        path = _path(ref)
        try:
            answer = self._wire.put(path, {"incident": {"type": "incident_reference", **change}})
        except Refused as error:
            if not error.already_so or "status" not in change:
                raise
            now = self.read(ref)
            if now.body.get("status") != change["status"]:
                raise StaleVersion(self._name, f"{now.key or ref} is {now.body.get('status')} meanwhile") from None
            rest = {name: value for name, value in change.items() if name not in ("status", "resolution")}
            if not rest:
                return None
            answer = self._wire.put(path, {"incident": {"type": "incident_reference", **rest}})
        told = answer.json.get("incident")
        return told if isinstance(told, dict) else None

    def _account(self) -> str | None:
        """Our own user, asked for on the way to a write."""
        with looking(self._name), asked_of_no_record():
            return self._users.id_of(self._settings.from_email)

    def _reopen(self, ref: Ref, change: Body) -> Body | None:
        """PagerDuty gives an incident to whoever reopens it as acknowledged: that would be our own user, whom nobody
        watches. So it is triggered first, for those who had it last, and acknowledged then."""
        with looking(self._name):
            had = doings.assigned_last(self._log(ref), self._account())
        known = {} if "assignments" in change or not had else {"assignments": incident.for_users(had)}
        opening = {**change, "status": incident.TRIGGERED}
        try:
            answer = self._put(ref, {**opening, **known})
        except Rejected:
            if not known:
                raise
            # They may have left the account, or the service, meanwhile.
            answer = self._put(ref, opening)
        if change["status"] == incident.ACKNOWLEDGED:
            with written(self._name, f"{ref} was reopened"):
                answer = self._put(ref, {"status": incident.ACKNOWLEDGED})
        return answer

    def _others_changed(self, ref: Ref, members: frozenset[str]) -> bool:
        return doings.changed_by_others(self._log(ref), self._users.id_of(self._settings.from_email), members)

    def _left(self, ref: Ref, answer: Body | None) -> tuple[Reading, Body]:
        """The record as our write left it, and the same as far as the answer told it. PUT and POST answer with less
        than GET does; where a look afterwards says another thing, somebody was at work since then, and what they did
        is left to the next reading: the answer has an older version."""
        now, at = self._found(ref)
        if answer is None or not incident.differing(answer, now):
            return self._understood(now, at), now
        left = incident.as_left(answer, now)
        return self._understood(left, at), left


def connect(name: ConnectionName, settings: PagerDutySettings, bench: Workbench) -> PagerDuty:
    """Builds the adapter; calls nobody."""
    events = None
    if settings.routing_key is not None:
        events = Events(name, settings.events_url, settings.routing_key, settings, bench)
    return PagerDuty(name, settings, bench, events)


def _number(row: Body) -> int:
    number = row.get("incident_number")
    return number if isinstance(number, int) else 0


def _path(ref: Ref) -> str:
    return f"/incidents/{quote(ref, safe='')}"

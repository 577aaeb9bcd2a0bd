"""The stream of changes: log entries since the cursor, and the incidents they speak of, each read once.

GET /incidents cannot be asked for what was updated. The log can, and every change of an incident writes an entry. The
log is published late now and then, so each pass looks back by `overlap`; the cursor names the entries of that stretch
that were handed over already, so that looking back costs no reading. All times are the tool's own (its Date header).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tieline.adapters.pagerduty import doings
from tieline.adapters.pagerduty.incident import moment
from tieline.adapters.pagerduty.settings import PagerDutySettings
from tieline.adapters.pagerduty.wire import Wire
from tieline.core.errors import NeedsOperator, TryAgain
from tieline.core.listing import fetched
from tieline.core.port import Cursor, Page, Reading, Ref, RemoteComment

REACH: Final = 10_000
"""PagerDuty refuses offset + limit beyond this; a busier stretch of time is asked for in halves."""

SHORTEST: Final = timedelta(seconds=4)
"""A stretch this short is not halved again. Halves overlap by one second, whatever `until` includes."""

MOST_SEEN: Final = 1_000
"""Entries that a cursor names. Beyond it the oldest are forgotten, which costs readings and loses nothing."""

ANNOTATE: Final = "annotate_log_entry"

SILENT: Final = frozenset({"notify_log_entry", "exhaust_escalation_path_log_entry", "repeat_escalation_path_log_entry"})
"""Entries that tell of notifications and change nothing in the incident."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. `order` is its place in its stretch, oldest first: stamps count whole seconds. `by_itself`
    says that PagerDuty's own clock or rule acted."""

    id: str
    at: datetime
    order: int
    ref: Ref | None
    service: str
    by_itself: bool = False
    note: bool = False
    """Whether somebody wrote a note, which shows nowhere in the incident."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader stands: everything stamped before `at` was handed over, and of what follows the `seen`.

    Nothing before `floor`, where the first pass began, is ever asked for.
    """

    at: datetime
    floor: datetime
    seen: Mapping[str, datetime]

    def pack(self) -> Cursor:
        seen = [[identity, stamp(at)] for identity, at in self.seen.items()]
        return Cursor(json.dumps({"at": stamp(self.at), "floor": stamp(self.floor), "seen": seen}))

    @classmethod
    def unpack(cls, cursor: Cursor) -> Place:
        """Raises ValueError when the text is no cursor of ours."""
        try:
            held = json.loads(cursor)
            seen = {str(identity): _certain(at) for identity, at in held["seen"]}
            return cls(_certain(held["at"]), _certain(held["floor"]), seen)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a cursor ({type(error).__name__})") from None


def stamp(at: datetime) -> str:
    """UTC with `Z`: a naive time would be read in the account's zone."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _certain(text: Any) -> datetime:
    found = moment(text)
    if found is None:
        raise ValueError(f"{text!r} is not an instant")
    return found


class Log:
    """The account's log entries."""

    def __init__(self, wire: Wire, page_size: int) -> None:
        self._wire = wire
        self._size = page_size

    def now(self) -> datetime:
        """The tool's clock, from an answer's Date header."""
        at = self._wire.get("/log_entries", {"limit": 1}).at
        if at is None:
            raise TryAgain(self._wire.connection, "GET /log_entries came without a Date header; its clock is unknown")
        return at

    def stretches(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, list[Entry], bool]]:
        """Stretches of time in order: their end, their entries (oldest first), and whether another follows."""
        waiting = [(since, until)]
        while waiting:
            start, end = waiting.pop()
            entries = self._between(start, end)
            if entries is not None:
                yield end, entries, bool(waiting)
                continue
            if end - start <= SHORTEST:
                raise NeedsOperator(
                    self._wire.connection,
                    f"more than {REACH} log entries within seconds of {stamp(start)}; PagerDuty lists no more. "
                    "Follow fewer services with `watch`, or start over with a later `history`.",
                )
            middle = (start + (end - start) / 2).replace(microsecond=0)
            waiting += [(middle - timedelta(seconds=1), end), (start, middle)]

    def _between(self, since: datetime, until: datetime) -> list[Entry] | None:
        """All entries of a stretch, or None when there are more than can be listed."""
        rows: list[Mapping[str, Any]] = []
        while len(rows) + self._size <= REACH:
            query: dict[str, str | int | Sequence[str]] = {
                "since": stamp(since),
                "until": stamp(until),
                "time_zone": "UTC",
                "limit": self._size,
                "offset": len(rows),
            }
            answer = self._wire.get("/log_entries", query if rows else {**query, "total": "true"})
            page = self._wire.list_in(answer, "log_entries", "/log_entries")
            total = answer.json.get("total")
            if isinstance(total, int) and total > REACH:
                return None
            rows += page
            if not answer.json.get("more"):
                return self._entries(rows, until)
            if not page:
                raise TryAgain(self._wire.connection, "GET /log_entries gave an empty page and said that more follow")
        return None

    def _entries(self, rows: Sequence[Mapping[str, Any]], until: datetime) -> list[Entry]:
        """The newest come first in the answer. An odd one still says that something happened to its incident: without
        a time it counts as the newest, without an id as what it says."""
        entries: dict[str, Entry] = {}
        for order, row in enumerate(reversed(rows)):
            incident, service = row.get("incident"), row.get("service")
            ref = incident.get("id") if isinstance(incident, Mapping) and row.get("type") not in SILENT else None
            identity = str(row.get("id") or hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest())
            entries[identity] = Entry(
                identity,
                moment(row.get("created_at")) or until,
                order,
                Ref(str(ref)) if ref else None,
                str(service.get("id") or "") if isinstance(service, Mapping) else "",
                doings.by_itself(row),
                row.get("type") == ANNOTATE,
            )
        return sorted(entries.values(), key=lambda entry: (entry.at, entry.order))


class Feed:
    """Walks the log from a cursor to now."""

    def __init__(
        self,
        wire: Wire,
        settings: PagerDutySettings,
        read: Callable[[Ref, bool], Reading],
        notes: Callable[[Ref], Sequence[RemoteComment]],
    ) -> None:
        """`read` is told whether PagerDuty may have changed the incident by itself."""
        self._wire = wire
        self._settings = settings
        self._log = Log(wire, settings.page_size)
        self._read = read
        self._notes = notes

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        now = self._log.now()
        if since is None:
            start = now - self._settings.history
            place = Place(start, start, {})
        else:
            place = self._place(since)
            start = max(place.floor, place.at - self._settings.overlap)
            if now < place.at:
                # The tool's clock was set back: what it stamps now lies before our place, and maybe before our floor.
                start = now - self._settings.overlap
        for end, entries, more in self._log.stretches(start, now):
            for page, after in self._pages(place, entries, end, more):
                place = after
                yield page

    def _place(self, cursor: Cursor) -> Place:
        try:
            return Place.unpack(cursor)
        except ValueError as error:
            raise NeedsOperator(
                self._wire.connection, f"the stored cursor cannot be read ({error}); reset it to start over."
            ) from None

    def _pages(self, place: Place, entries: Sequence[Entry], end: datetime, more: bool) -> Iterator[tuple[Page, Place]]:
        """One stretch in pages of incidents, the one changed longest ago first."""
        fresh = [entry for entry in entries if entry.id not in place.seen]
        last: dict[Ref, Entry] = {}
        for entry in fresh:
            if entry.ref is not None and self._follows(entry.service):
                last[entry.ref] = entry
        noted = frozenset(entry.ref for entry in fresh if entry.note)
        refs = sorted(last, key=lambda ref: (last[ref].at, last[ref].order))
        clocked = {entry.ref for entry in entries if entry.by_itself}
        seen = {**place.seen, **{entry.id: entry.at for entry in entries if entry.ref not in last}}
        for begin in range(0, max(len(refs), 1), self._settings.page_size):
            chunk = refs[begin : begin + self._settings.page_size]
            rest = set(refs[begin + self._settings.page_size :])
            read = fetched(chunk, lambda ref: self._look(ref, ref in clocked, ref in noted))
            seen |= {entry.id: entry.at for entry in entries if entry.ref not in rest}
            at = min((entry.at for entry in fresh if entry.ref in rest), default=end)
            after = self._advance(place, at, seen)
            yield Page(read.found, after.pack(), more or bool(rest), unreadable=read.unreadable), after

    def _look(self, ref: Ref, clocked: bool, noted: bool) -> Reading:
        """The incident; with its notes where one was written, for its version does not tell of them."""
        found = self._read(ref, clocked)
        return replace(found, comments=tuple(self._notes(ref))) if noted else found

    def _follows(self, service: str) -> bool:
        followed = self._settings.followed
        return not followed or not service or service in followed

    def _advance(self, place: Place, at: datetime, seen: Mapping[str, datetime]) -> Place:
        oldest = at - self._settings.overlap
        kept = sorted(((stamped, identity) for identity, stamped in seen.items() if stamped >= oldest), reverse=True)
        floor = min(place.floor, at)
        return Place(at, floor, {identity: stamped for stamped, identity in kept[:MOST_SEEN]})

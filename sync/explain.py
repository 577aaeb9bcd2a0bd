"""Answers for people: what is going on, why a field has its value, what waits for a decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Select, Text, bindparam, func, not_, or_, select, text, type_coerce

from tieline.core import journal, timers
from tieline.core.errors import NotThere
from tieline.core.events import CAUSE, Facts, NotUpcast
from tieline.core.model import (
    ConnectionName,
    IncidentId,
    RecordKind,
    Value,
    incident_number,
    item_number,
    parse_item_number,
)
from tieline.core.port import Ref
from tieline.core.store import tables as t
from tieline.core.store.among import among
from tieline.core.store.store import Connection, Transaction
from tieline.sync import loading
from tieline.sync import search as words
from tieline.sync.alerts import absence, groups, unheeded, unknown
from tieline.sync.intake import left_out
from tieline.sync.records import OWN_DOING, Held, Hold, Incident, Replica, ReplicaState
from tieline.sync.sight import OUTSIDER, Sight

# Who only looks (`tieline status`) does not wait for the engine and the mappings: what is decided is in the office.


MOST_WORDS: Final = 5
"""Words for unknown severities that are shown of one connection, the most frequent first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a field's history: when, who, from what to what, and the reason's word."""

    seq: int
    at: datetime
    kind: str
    who: str
    before: Any
    after: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Why:
    """Why a field of an incident has its value: the present on every side, and how it came about."""

    incident: IncidentId
    field: str
    value: Value
    copies: Mapping[str, Mapping[str, Any]]
    steps: tuple[Step, ...]
    unknown: tuple[str, ...] = ()
    """Sentences: why nobody knows it, where alerts that fire should tell."""
    unreadable: int = 0
    """Entries of which nobody can read any more what they said: shredded, forgotten, or sealed with lost keys."""
    replaced: tuple[int, ...] = ()
    """Entries that tell of the field and do not say what was written there, but what is left of it."""


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """One held field of one copy."""

    incident: IncidentId
    connection: ConnectionName
    field: str
    hold: Hold
    kind: RecordKind = RecordKind.INCIDENT

    @property
    def number(self) -> str:
        """The number that people use for the item."""
        return item_number(self.kind, self.incident)


@dataclass(frozen=True, slots=True)
class Parked:
    """One thing that waits for a person, and the sentence that says what is missing."""

    what: str
    id: int
    incident: IncidentId | None
    connection: str
    sentence: str
    kind: RecordKind = RecordKind.INCIDENT

    @property
    def number(self) -> str | None:
        """The number that people use for its item, where it belongs to one."""
        return None if self.incident is None else item_number(self.kind, self.incident)


_HISTORY = journal.ENTRIES.where(t.journal.c.incident_id == bindparam("incident"), t.journal.c.seq > bindparam("after"))


def history(
    connection: Connection, incident: IncidentId, *, after: int = 0, limit: int | None = None
) -> list[dict[str, Any]]:
    """Everything the journal says about one incident, oldest first, from after an entry on. `person` is the id of a
    person who acted; entries of schemas before 0009 have none."""
    return [
        {
            "seq": row.seq,
            "at": row.at,
            "kind": row.kind,
            "connection": row.connection,
            "actor": journal.who(row),
            "person": row.person,
            "reason": row.reason,
            "facts": _told(connection, row),
        }
        for row in connection.execute(_HISTORY.limit(limit), {"incident": incident, "after": after})
    ]


def _told(connection: Connection, row: Any) -> Mapping[str, Any]:
    """What an entry says, and whether that is only what is left of it."""
    facts = _facts(connection, row)
    if facts is None:
        return {"shredded": True}
    return {**facts, "replaced": True} if journal.is_replaced(row) else facts


def _facts(connection: Connection, row: Any) -> Facts | None:
    """What an entry says; as it was written, where its plugin cannot say it in today's words."""
    try:
        return journal.facts(connection, row)
    except NotUpcast as error:
        return error.facts


def why(connection: Connection, item: Incident, field: str) -> Why:
    """Why `field` of an item has its value."""
    copies: dict[str, Mapping[str, Any]] = {
        copy.connection: {
            "key": copy.key,
            "shows": copy.observed.get(field),
            "agreed": copy.base.get(field),
            "held": copy.holds[field].sentence() if field in copy.holds else "",
            "waits": _waits(copy),
            "state": copy.state.value,
        }
        for copy in loading.load_replicas(connection, item.id)
    }
    entries = history(connection, item.id)
    approved = _approved(entries)
    steps = [
        _with_approval(step, approved.get(entry["facts"].get(CAUSE, 0)))
        for entry in entries
        for step in _steps(entry, field)
    ]
    lost = sum("shredded" in entry["facts"] for entry in entries)
    left = {entry["seq"] for entry in entries if "replaced" in entry["facts"]} & {step.seq for step in steps}
    said = unknown.firing_of(connection, [item.id]).get(item.id, ()) if field == "severity" else ()
    return Why(
        item.id,
        field,
        item.fields.get(field),
        copies,
        tuple(steps),
        tuple(one.sentence for one in said),
        lost,
        tuple(sorted(left)),
    )


def _approved(entries: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Who approved what was done, by the entry that says it was."""
    given = {
        one["seq"]: f"{one['facts'].get('label', '')} by {one['actor']}" for one in entries if one["kind"] == "approved"
    }
    acted = ((one["seq"], one["facts"].get(CAUSE)) for one in entries if one["kind"] == "acted")
    return {seq: given[cause] for seq, cause in acted if cause in given}


def _with_approval(step: Step, approved: str | None) -> Step:
    return step if approved is None else replace(step, reason=f"{step.reason or 'done'}, approved as {approved}")


def _waits(copy: Replica) -> str:
    """Why a whole copy does not say what the incident says, where one knows: gone, put aside, or to be written."""
    if copy.parked or not copy.dirty:
        return copy.parked
    if not copy.attempts or copy.next_at is None:
        return "it is not written yet"
    tries = "one try" if copy.attempts == 1 else f"{copy.attempts} tries"
    return f"it is not written yet, after {tries}; the next one is at {copy.next_at:%H:%M:%S} UTC"


def changes(entry: Mapping[str, Any]) -> list[tuple[str, Step]]:
    """What an entry of the history says of fields: each with from what to what. What an incident was opened without is
    no change."""
    facts = entry["facts"]
    kinds = (facts.get(kind) for kind in ("fields", "changes", "conflicts", "held", "unknown"))
    names = sorted({name for kind in kinds if isinstance(kind, dict) for name in kind})
    steps = [(name, step) for name in names for step in _steps(entry, name)]
    return [(name, step) for name, step in steps if step.kind != "opened" or step.after not in (None, "", [], ())]


def _steps(entry: Mapping[str, Any], field: str) -> list[Step]:
    facts = entry["facts"]
    who = entry["actor"] or entry["connection"] or "tieline"
    found: list[Step] = []
    if entry["kind"] == "opened" and field in facts.get("fields", {}):
        found.append(Step(entry["seq"], entry["at"], "opened", who, None, facts["fields"][field], entry["reason"]))
    if field in facts.get("unknown", {}):
        word = facts["unknown"][field] or None
        found.append(Step(entry["seq"], entry["at"], "unknown", who, word, None, "no_meaning"))
    change = facts.get("changes", {}).get(field) if isinstance(facts.get("changes"), dict) else None
    if change:
        before = None if isinstance(change["before"], dict) else change["before"]
        found.append(Step(entry["seq"], entry["at"], "changed", who, before, change["after"], change["reason"]))
    conflict = facts.get("conflicts", {}).get(field) if isinstance(facts.get("conflicts"), dict) else None
    if conflict:
        kind = "conflict" if conflict["open"] else "refused"
        found.append(Step(entry["seq"], entry["at"], kind, who, conflict["lost"], conflict["kept"], conflict["reason"]))
    held = facts.get("held", {}).get(field) if entry["kind"] == "held" else None
    if held:
        found.append(Step(entry["seq"], entry["at"], "held", who, held["ours"], held["shows"], held["kind"]))
    if entry["kind"] == "written" and field in facts.get("fields", {}):
        found.append(
            Step(
                entry["seq"], entry["at"], "written", f"to {entry['connection']}", None, facts["fields"][field], "ours"
            )
        )
    return found


def conflicts(connection: Connection, sight: Sight = OUTSIDER) -> list[OpenConflict]:
    """Every field that is held until a person acts, oldest first."""
    waiting = select(t.replica).where(loading.WAITS_FOR_A_PERSON)
    rows = connection.execute(sight.within(waiting, t.replica.c.incident_id))
    copies = map(loading.replica_of, rows)
    held = [
        OpenConflict(copy.incident, copy.connection, name, hold, copy.kind)
        for copy in copies
        for name, hold in copy.holds.items()
        if hold.waits
    ]
    return sorted(held, key=lambda one: (one.hold.since, one.incident, one.field, one.connection))


PARKED: Final = ("copy", "inbox", "comment", "signal", "timer", "reaction")
"""What may be parked, in the order in which it is listed."""


def parked(connection: Connection | Transaction, sight: Sight = OUTSIDER) -> list[Parked]:
    """Everything that waits for a person, by what it is and then by number."""

    def rows(what: str, incident: ColumnElement[Any]) -> Sequence[Any]:
        return connection.execute(sight.within(_PARKED_ROWS[what], incident)).all()

    of_copy, of_signal = t.replica.c.incident_id, t.signal.c.incident_id
    copies = [
        Parked("copy", row.id, IncidentId(row.incident_id), row.connection, row.parked, RecordKind(row.kind))
        for row in rows("copy", of_copy)
    ]
    seen = sight.sees_record(t.inbox.c.connection, t.inbox.c.ref)
    arrivals = [
        Parked("inbox", row.id, None, row.connection, f"{row.ref}: {row.parked}")
        for row in connection.execute(_PARKED_ROWS["inbox"].where(seen))
    ]
    comments = [
        Parked("comment", row.id, IncidentId(row.incident_id), row.connection, row.parked, RecordKind(row.kind))
        for row in rows("comment", of_copy)
    ]
    acts = [
        Parked("signal", row.id, IncidentId(row.incident_id), row.connection, row.parked)
        for row in rows("signal", of_signal)
    ]
    found = [*copies, *arrivals, *comments, *acts, *parked_timers(connection, sight)]
    return [*found, *_parked_reactions(connection, sight)]


_PARKED_ROWS: Final[Mapping[str, Select[Any]]] = {
    "copy": select(t.replica).where(text("state = 'parked'")).order_by(t.replica.c.id),
    "inbox": select(t.inbox).where(text("inbox.parked <> ''")).order_by(t.inbox.c.id),
    "comment": select(t.twin, t.replica.c.incident_id, t.replica.c.kind)
    .join(t.replica, t.twin.c.replica_id == t.replica.c.id)
    .where(text("twin.state = 'parked'"))
    .order_by(t.twin.c.id),
    "signal": select(t.signal).where(text("signal.parked <> ''")).order_by(t.signal.c.id),
}

_PARKED_REACTIONS: Final = (
    select(t.follower_backlog, t.incident.c.kind)
    .join(t.incident, t.incident.c.id == t.follower_backlog.c.incident_id, isouter=True)
    .where(text("follower_backlog.parked <> ''"))
    .order_by(t.follower_backlog.c.id)
)


def _parked_reactions(connection: Connection | Transaction, sight: Sight) -> list[Parked]:
    """What plugins failed to do about what happened."""
    found = []
    for row in connection.execute(sight.within(_PARKED_REACTIONS, t.follower_backlog.c.incident_id)):
        words = f"{row.follower}: {row.parked}. Whatever happens to the same item waits behind it."
        sentence = f"{words} When that is mended: tieline parked retry reaction {row.id}"
        incident = None if row.incident_id is None else IncidentId(row.incident_id)
        kind = RecordKind.INCIDENT if row.kind is None else RecordKind(row.kind)
        found.append(Parked("reaction", row.id, incident, "", sentence, kind))
    return found


_PARKED_TIMERS = (
    # As it is kept: a payload that somebody else wrote need not be JSON.
    select(t.timer.c.id, t.timer.c.kind, t.timer.c.key, t.timer.c.due_at, t.timer.c.parked)
    .add_columns(type_coerce(t.timer.c.payload, Text).label("facts"))
    .where(text("timer.parked <> ''"))
    .order_by(t.timer.c.id)
)


def parked_timers(connection: Connection | Transaction, sight: Sight = OUTSIDER) -> list[Parked]:
    """The timers that wait for a person."""
    rows = connection.execute(_PARKED_TIMERS).all()
    about = owners(connection, [row.facts for row in rows])
    kinds, is_seen = _kinds(connection, about), sight.among(connection, about)
    found: list[Parked] = []
    for row, incident in zip(rows, about, strict=True):
        if not is_seen(incident):
            continue
        # An incident where it is not there any more.
        kind = RecordKind.INCIDENT if incident is None else kinds.get(incident, RecordKind.INCIDENT)
        of = "" if incident is None else f", for {sight.called(incident, item_number(kind, incident))}"
        head = f"{row.kind} {row.key}, due at {row.due_at:%Y-%m-%d %H:%M:%S} UTC{of}"
        sentence = f"{head}: {_what_next(row.id, row.parked)}"
        found.append(Parked("timer", row.id, incident, "", sentence, kind))
    return found


def _what_next(number: int, words: str) -> str:
    if words == timers.NOBODY_KNOWS:
        return f"{words}; it then happens by itself"
    return words if words == timers.UNREADABLE else f"{words} When that is mended: tieline parked retry timer {number}"


def incident_of_timer(connection: Connection | Transaction, facts: str) -> IncidentId | None:
    """The incident that a timer is about, or whose alert it is about, as far as it says so."""
    [owner] = owners(connection, [facts])
    return owner


_INCIDENTS_OF: Final = select(t.signal.c.id, t.signal.c.incident_id).where(
    among(t.signal.c.id, "signals"), t.signal.c.incident_id.is_not(None)
)
_KINDS: Final = select(t.incident.c.id, t.incident.c.kind).where(among(t.incident.c.id, "items"))


def owners(connection: Connection | Transaction, payloads: Sequence[str]) -> list[IncidentId | None]:
    """The incident that each of these timers is about, of which this is what it was set with."""
    told = [_named_by(payload) for payload in payloads]
    signals = sorted({signal for incident, signal in told if incident is None and signal is not None})
    found = connection.execute(_INCIDENTS_OF, {"signals": signals}) if signals else ()
    known = {row.id: IncidentId(row.incident_id) for row in found}
    return [known.get(signal) if incident is None else incident for incident, signal in told]


def _named_by(payload: str) -> tuple[IncidentId | None, int | None]:
    """The incident that a timer names, and the alert."""
    try:
        told = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None, None
    named = told if isinstance(told, dict) else {}
    incident, signal = named.get("incident"), named.get("signal")
    return IncidentId(incident) if isinstance(incident, int) else None, signal if isinstance(signal, int) else None


def _kinds(connection: Connection | Transaction, items: Iterable[IncidentId | None]) -> dict[IncidentId, RecordKind]:
    """What kind of item each of these is that are there."""
    numbers = sorted({one for one in items if one is not None})
    found = connection.execute(_KINDS, {"items": numbers}) if numbers else ()
    return {IncidentId(row.id): RecordKind(row.kind) for row in found}


def incidents(
    connection: Connection,
    *,
    status: str = "",
    search: str = "",
    system: str = "",
    limit: int = 50,
    before: int | None = None,
    sight: Sight = OUTSIDER,
    kind: RecordKind | None = None,
) -> list[tuple[Incident, list[Replica]]]:
    """Items with their copies, newest first: those of a kind, in a status, with these words in what a person reads of
    it or in the key of a ticket, and with a copy in a connection (`system`); opened `before` the one of this number."""
    query = select(t.incident.c.id).where(sight.sees_item(t.incident))
    query = query.order_by(t.incident.c.id.desc())
    if kind is not None:
        query = query.where(t.incident.c.kind == kind.value)
    copies = select(t.replica.c.incident_id)
    if status:
        query = query.where(t.incident.c.status == status)
    if system:
        query = query.where(t.incident.c.id.in_(copies.where(t.replica.c.connection == system)))
    if before is not None:
        query = query.where(t.incident.c.id < before)
    numbers = (
        words.found(connection, query, search, limit) if search else connection.execute(query.limit(limit)).scalars()
    )
    return loading.load_with_copies(connection, [IncidentId(number) for number in numbers])


@dataclass(frozen=True, slots=True)
class OfConnections:
    """What the store says of each connection, and what of it is counted over all of them."""

    facts: dict[str, dict[str, Any]]
    held: Sequence[OpenConflict]
    doubted: Mapping[ConnectionName, absence.Doubt]
    left_out: int
    severity_unknown: int


def of_connections(connection: Connection, now: datetime, sight: Sight = OUTSIDER) -> OfConnections:
    """How each connection is, by name, from the store alone."""
    connections: dict[str, dict[str, Any]] = {}
    for row in connection.execute(select(t.cursor).where(sight.sees_connection(t.cursor.c.connection))):
        connections[row.connection] = {
            "polled_seconds_ago": max(0, int((now - row.polled_at).total_seconds())),
            "state": "working",
            "reason": "",
        }
    for row in connection.execute(select(t.connection).where(sight.sees_connection(t.connection.c.name))):
        found = connections.setdefault(row.name, {"polled_seconds_ago": None})
        found.update(state=row.state, reason=row.reason, since=row.since, next_try_at=row.next_at)
    doubted = doubts(connection, sight)
    for name, doubt in doubted.items():
        one = connections.setdefault(name, not_started())
        one["doubt"] = doubt_as_facts(name, doubt)
    without_severity = unknown.firing(connection, sight)
    for name, said in _by_connection(without_severity).items():
        one = connections.setdefault(name, not_started())
        one["severity_unknown"] = said
    lost = {name: one for name, one in left_out.found(connection).items() if sight.has_all_of(name)}
    for name, missed in lost.items():
        one = connections.setdefault(name, not_started())
        one["left_out"] = left_out.as_facts(name, missed)
    held = conflicts(connection, sight)
    for name in {one.connection for one in held}:
        one = connections.setdefault(name, not_started())
        one["held"] = held_as_facts([field for field in held if field.connection == name])
    # By name: which one was first to come to rest says nothing.
    return OfConnections(
        dict(sorted(connections.items())),
        held,
        doubted,
        sum(one.records for one in lost.values()),
        sum(one.alerts for one in without_severity),
    )


_STILL_OPEN: Final = text("incident.status IN ('new', 'in_progress', 'on_hold')")
"""In the words of the partial index: with a parameter in it, a database would read every row."""


def status(connection: Connection, now: datetime, sight: Sight = OUTSIDER) -> dict[str, Any]:
    """The state of everything in a few figures, from the store alone: it works while the daemon is down."""
    i, r, s = t.incident.c, t.replica.c, t.signal.c

    def count(query: Any) -> int:
        return int(connection.execute(query).scalar_one())

    def of_theirs(query: Any, incident: Any) -> int:
        return count(sight.within(query, incident))

    of_each = of_connections(connection, now, sight)
    dirty = select(func.min(r.dirty_since)).where(text("dirty"))
    oldest = connection.execute(sight.within(dirty, r.incident_id)).scalar_one()
    gone = (
        select(func.count())
        .select_from(t.replica.join(t.incident, r.incident_id == i.id))
        .where(r.state == ReplicaState.GONE.value, _STILL_OPEN)
    )
    flapping, over = groups.flapping(connection, now), unheeded.unheeded(connection)
    is_seen = sight.among(connection, [*(one.incident for one in flapping), *(one.incident for one in over)])
    arrivals = select(func.count()).select_from(t.inbox).where(text("parked = ''"))
    is_incident = i.kind == RecordKind.INCIDENT.value
    open_incidents = select(func.count()).select_from(t.incident).where(_STILL_OPEN, is_incident)
    return {
        "incidents_open": count(open_incidents.where(sight.sees_item(t.incident))),
        "flapping": [
            {
                "incident": sight.called(one.incident, incident_number(one.incident)),
                "title": one.title,
                "flaps": one.flaps.count,
                "held_until": one.flaps.held_until,
            }
            for one in flapping
            if is_seen(one.incident)
        ],
        "resolved_while_firing": [
            {
                "incident": sight.called(one.incident, incident_number(one.incident)),
                "title": one.title,
                "status": one.status,
                "alerts": one.firing,
                "raised_again_at": one.again,
            }
            for one in over
            if is_seen(one.incident)
        ],
        "signals_firing": of_theirs(select(func.count()).select_from(t.signal).where(text("firing")), s.incident_id),
        "signals_left_out": of_each.left_out,
        "inbox_waiting": count(arrivals.where(sight.has_all_in(t.inbox.c.connection))),
        "copies_gone": of_theirs(gone, r.incident_id),
        "copies_behind": of_theirs(select(func.count()).select_from(t.replica).where(text("dirty")), r.incident_id),
        "oldest_undelivered_seconds": 0 if oldest is None else max(0, int((now - oldest).total_seconds())),
        "parked": len(parked(connection, sight)),
        "conflicts": len(of_each.held),
        "severity_unknown": of_each.severity_unknown,
        "ends_doubted": sum(len(doubt.episodes) for doubt in of_each.doubted.values()),
        "connections": of_each.facts,
    }


def resting(connection: Connection) -> dict[str, datetime | None]:
    """The connections that the daemon leaves alone after a failure, and when it tries each next."""
    rest = select(t.connection.c.name, t.connection.c.next_at).where(t.connection.c.state != "working")
    return {row.name: row.next_at for row in connection.execute(rest)}


def connections(connection: Connection, sight: Sight, names: Iterable[str]) -> frozenset[str]:
    """The connections, of these, of which somebody is told: something that they see is there."""
    if sight.is_wide:
        return frozenset(names)
    found = connection.execute(select(t.connection.c.name).where(sight.sees_connection(t.connection.c.name))).scalars()
    return frozenset(found) | {name for name in names if sight.has_all_of(name)}


def not_started() -> dict[str, Any]:
    """What is said of a connection that was never read."""
    return {"polled_seconds_ago": None, "state": "not started", "reason": ""}


def _by_connection(found: Sequence[unknown.UnknownSeverity]) -> dict[ConnectionName, list[dict[str, Any]]]:
    """As plain facts, a few of each connection: words may be as many as the alerts."""
    said: dict[ConnectionName, list[dict[str, Any]]] = {}
    for one in found:
        facts = said.setdefault(one.connection, [])
        if len(facts) < MOST_WORDS:
            facts.append({"word": one.word, "alerts": one.alerts, "sentence": one.sentence})
    return said


def held_as_facts(found: Sequence[OpenConflict]) -> list[dict[str, Any]]:
    """What a tool was not told, or did not keep, by field and sentence: how many copies, and what to look at."""
    groups: dict[tuple[str, str, str], int] = {}
    for one in found:
        if one.hold.kind in (*OWN_DOING, Held.UNWRITABLE):
            group = (one.field, one.hold.kind.value, one.hold.words)
            groups[group] = groups.get(group, 0) + 1
    return [
        {"field": field, "kind": kind, "copies": copies, "sentence": words}
        for (field, kind, words), copies in sorted(groups.items())
    ]


def doubt_as_facts(name: ConnectionName, doubt: absence.Doubt) -> dict[str, Any]:
    """A doubt as plain facts, the sentence for people among them."""
    return {
        "missing": len(doubt.episodes),
        "of": doubt.firing,
        "since": doubt.since,
        "reason": doubt.reason.value,
        "confirmed": not doubt.open,
        "sentence": doubt.sentence(name),
    }


def doubts(connection: Connection | Transaction, sight: Sight = OUTSIDER) -> dict[ConnectionName, absence.Doubt]:
    """The ends of alerts that are not believed, by connection: of those that they see, and counted over those."""
    found = absence.doubts(connection)
    if sight.is_whole or not found:
        return found
    if sight.is_wide:
        unseen = unseen_of(connection, sight, found)
        theirs = {name: doubt.episodes - unseen[name] for name, doubt in found.items()}
        fewer = {name: len(doubt.episodes & unseen[name]) for name, doubt in found.items()}
    else:
        seen, firing = _seen_alerts(connection, sight, found)
        theirs = {name: doubt.episodes & seen[name] for name, doubt in found.items()}
        fewer = {name: doubt.firing - firing[name] for name, doubt in found.items()}
    return {
        name: replace(
            doubt, episodes=theirs[name], firing=doubt.firing - fewer[name], of=max(doubt.of - fewer[name], 0)
        )
        for name, doubt in found.items()
        if theirs[name]
    }


def unseen_of(
    connection: Connection | Transaction, sight: Sight, names: Iterable[ConnectionName]
) -> dict[ConnectionName, frozenset[Ref]]:
    """The alerts and records of these connections that are of what somebody does not see."""
    found: dict[ConnectionName, set[Ref]] = {name: set() for name in names}
    for where, ref, incident in (
        (t.replica.c.connection, t.replica.c.ref, t.replica.c.incident_id),
        (t.signal.c.connection, t.signal.c.episode, t.signal.c.incident_id),
    ):
        query = select(where, ref).where(where.in_([*found]), incident.is_not(None), ref.is_not(None))
        for name, one in connection.execute(query.where(not_(sight.sees(incident)))):
            found[ConnectionName(name)].add(Ref(one))
    return {name: frozenset(refs) for name, refs in found.items()}


def _seen_alerts(
    connection: Connection | Transaction, sight: Sight, names: Iterable[ConnectionName]
) -> tuple[dict[ConnectionName, frozenset[Ref]], Counter[ConnectionName]]:
    """The alerts of these connections that somebody sees, and how many of them fire."""
    found: dict[ConnectionName, set[Ref]] = {name: set() for name in names}
    firing = Counter[ConnectionName]()
    query = select(t.signal.c.connection, t.signal.c.episode, t.signal.c.firing)
    for row in connection.execute(
        sight.within(query.where(t.signal.c.connection.in_([*found])), t.signal.c.incident_id)
    ):
        found[ConnectionName(row.connection)].add(Ref(row.episode))
        firing[ConnectionName(row.connection)] += bool(row.firing)
    return {name: frozenset(refs) for name, refs in found.items()}, firing


def named(connection: Connection | Transaction, words: str, sight: Sight = OUTSIDER) -> list[Incident]:
    """The items that a person means: by our number, or by the key, the id or the address of a ticket of theirs. One
    that is restricted is meant by its label too, and by nobody who may not read it."""
    wanted = words.strip()
    labelled = sight.labelled(wanted)
    try:
        kind, number = (None, labelled) if labelled is not None else parse_item_number(wanted)
        found = [number]
    except ValueError:
        kind, found = None, []
    # In as many queries for what they do not see as for what is not there.
    items = _seen(connection, sight, found)
    if items and kind in (None, items[0].kind):
        return items
    r = t.replica.c
    query = select(r.incident_id).where(or_(func.lower(r.key) == wanted.lower(), r.ref == wanted, r.url == wanted))
    numbers = sorted({IncidentId(one) for one in connection.execute(sight.within(query, r.incident_id)).scalars()})
    return [item for one in numbers if (item := loading.load_incident(connection, one)) is not None]


def _seen(connection: Connection | Transaction, sight: Sight, numbers: Sequence[IncidentId]) -> list[Incident]:
    is_seen = sight.among(connection, numbers)
    return [item for one in numbers if is_seen(one) and (item := loading.load_incident(connection, one)) is not None]


def one_named(connection: Connection | Transaction, words: str, sight: Sight = OUTSIDER) -> Incident:
    """The one item that a person means. Raises LookupError for none, and for several."""
    found = named(connection, words, sight)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotThere(f"there is no incident and no ticket {words!r}; `tieline incidents` lists those that exist")
    several = ", ".join(sight.called(one.id, one.number) for one in found)
    raise NotThere(f"{words!r} names tickets of several incidents: {several}; name one of those")


def one_incident(connection: Connection | Transaction, number: IncidentId) -> tuple[Incident, list[Replica]] | None:
    """One incident with its copies."""
    incident = loading.load_incident(connection, number)
    return None if incident is None else (incident, loading.load_replicas(connection, number))

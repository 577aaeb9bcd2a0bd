"""Answers for people: what is going on, why a field has its value, what waits for a decision, and settling it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Text, bindparam, func, or_, select, text, type_coerce, update

from tieline.core import journal, timers
from tieline.core.events import Released, Settled
from tieline.core.journal import Actor
from tieline.core.model import (
    CATALOGUE,
    ConnectionName,
    IncidentId,
    RecordKind,
    Value,
    incident_number,
    item_number,
    parse_item_number,
)
from tieline.core.port import Power
from tieline.core.settings import no_such
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync import loading
from tieline.sync import search as words
from tieline.sync.alerts import absence, groups, unheeded, unknown
from tieline.sync.intake import left_out
from tieline.sync.records import OWN_DOING, Held, Hold, Incident, Replica, ReplicaState
from tieline.sync.sight import OUTSIDER, Sight, records_of, without

if TYPE_CHECKING:
    from tieline.sync.engine import Engine

# Who only looks (`tieline status`) does not wait for the engine and the mappings: what decides imports them itself.


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


_LARGEST: Final = 2**63 - 1
"""No row of a store has a larger number."""

_HISTORY = journal.ENTRIES.where(t.journal.c.incident_id == bindparam("incident"))


def history(connection: Connection, incident: IncidentId) -> list[dict[str, Any]]:
    """Everything the journal says about one incident, oldest first. `person` is the id of a person who acted; entries
    of schemas before 0009 have none."""
    return [
        {
            "seq": row.seq,
            "at": row.at,
            "kind": row.kind,
            "connection": row.connection,
            "actor": journal.who(row),
            "person": row.person,
            "reason": row.reason,
            "facts": {"shredded": True} if (facts := journal.facts(connection, row)) is None else facts,
        }
        for row in connection.execute(_HISTORY, {"incident": incident})
    ]


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
    steps = [step for entry in entries for step in _steps(entry, field)]
    lost = sum("shredded" in entry["facts"] for entry in entries)
    said = unknown.firing_of(connection, [item.id]).get(item.id, ()) if field == "severity" else ()
    return Why(item.id, field, item.fields.get(field), copies, tuple(steps), tuple(one.sentence for one in said), lost)


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
    waiting = select(t.replica.c.id).where(loading.WAITS_FOR_A_PERSON)
    found = connection.execute(without(waiting, t.replica.c.incident_id, sight.hidden(connection))).scalars()
    copies = [copy for row in list(found) if (copy := loading.load_replica(connection, row)) is not None]
    held = [
        OpenConflict(copy.incident, copy.connection, name, hold, copy.kind)
        for copy in copies
        for name, hold in copy.holds.items()
        if hold.waits
    ]
    return sorted(held, key=lambda one: (one.hold.since, one.incident, one.field))


def settle(
    tx: Transaction,
    engine: Engine,
    incident: IncidentId,
    field: str,
    connection: ConnectionName,
    *,
    theirs: bool,
    actor: Actor,
) -> Value:
    """Settle a held field: take the tool's value or keep the incident's. Answers the value that stands.

    Raises LookupError when nothing is held there, ValueError when the tool's value has no word in the mapping.
    """
    from tieline.sync.road import commit
    from tieline.sync.road.merge import Reason

    current = loading.load_incident(tx, incident, lock=True)
    known = CATALOGUE[RecordKind.INCIDENT if current is None else current.kind]
    if field not in known:
        raise no_such("field", field, known)
    copy = next((one for one in loading.load_replicas(tx, incident) if one.connection == connection), None)
    if copy is None and connection not in engine.connections:
        raise no_such("connection", connection, engine.connections)
    if current is None or copy is None or field not in copy.holds:
        raise LookupError(f"nothing is held for {field} in {connection}; run `tieline conflicts` to see what is")
    hold = copy.holds[field]
    if theirs and hold.kind is Held.UNMAPPED:
        raise ValueError(f"{hold.theirs!r} has no word in the mapping; map it, or keep the incident's value")
    value: Value = hold.theirs if theirs else current.fields.get(field)
    plain = loading.plain({"kept": value, "lost": hold.theirs})
    refused = {} if theirs else {field: {**plain, "reason": Reason.SETTLED.value, "open": False}}
    engine.record(
        tx,
        Settled(field=field, took="theirs" if theirs else "ours", value=plain["kept"], conflicts=refused),
        incident=incident,
        connection=connection,
        actor=actor,
        reason=Reason.SETTLED.value,
    )
    holds = {name: one for name, one in copy.holds.items() if name != field}
    in_vain = hold.kind in (*OWN_DOING, Held.UNWRITABLE) and not theirs
    if in_vain:
        # Written once more, and held anew if the tool does the same again.
        holds[field] = replace(hold, again=True)
    # What the tool shows is known to differ from the incident: without a base, keeping ours means writing it.
    base = {name: one for name, one in copy.base.items() if name != field}
    if hold.kind is Held.REPLACED or in_vain:
        # The tool shows what we wrote (the edit that waited is in no record any more), or what it kept instead.
        base = dict(copy.base)
    elif hold.kind is Held.CONFLICT or theirs:
        base[field] = hold.theirs
    loading.save_replica(tx, replace(copy, holds=holds, base=base))
    if theirs:
        commit.edit(tx, engine, incident, {field: value}, actor=actor, reason=Reason.SETTLED)
    else:
        commit.spread(tx, engine, current)
    return value


def parked(connection: Connection | Transaction, sight: Sight = OUTSIDER) -> list[Parked]:
    """Everything that waits for a person."""
    hidden = sight.hidden(connection)
    records = records_of(connection, hidden)
    copies = [
        Parked("copy", row.id, IncidentId(row.incident_id), row.connection, row.parked, RecordKind(row.kind))
        for row in connection.execute(select(t.replica).where(text("state = 'parked'")).order_by(t.replica.c.id))
    ]
    arrivals = [
        Parked("inbox", row.id, None, row.connection, f"{row.ref}: {row.parked}")
        for row in connection.execute(select(t.inbox).where(text("inbox.parked <> ''")).order_by(t.inbox.c.id))
        if (row.connection, row.ref) not in records
    ]
    comments = [
        Parked("comment", row.id, IncidentId(row.incident_id), row.connection, row.parked, RecordKind(row.kind))
        for row in connection.execute(
            select(t.twin, t.replica.c.incident_id, t.replica.c.kind)
            .join(t.replica, t.twin.c.replica_id == t.replica.c.id)
            .where(text("twin.state = 'parked'"))
            .order_by(t.twin.c.id)
        )
    ]
    acts = [
        Parked("signal", row.id, IncidentId(row.incident_id), row.connection, row.parked)
        for row in connection.execute(select(t.signal).where(text("signal.parked <> ''")).order_by(t.signal.c.id))
    ]
    found = [*copies, *arrivals, *comments, *acts, *_parked_timers(connection, sight)]
    return [one for one in found if one.incident not in hidden]


_PARKED_TIMERS = (
    # As it is kept: a payload that somebody else wrote need not be JSON.
    select(t.timer.c.id, t.timer.c.kind, t.timer.c.key, t.timer.c.due_at, t.timer.c.parked)
    .add_columns(type_coerce(t.timer.c.payload, Text).label("facts"))
    .where(text("timer.parked <> ''"))
    .order_by(t.timer.c.id)
)


def _parked_timers(connection: Connection | Transaction, sight: Sight) -> list[Parked]:
    found: list[Parked] = []
    for row in connection.execute(_PARKED_TIMERS):
        incident = _incident_of_timer(connection, row.facts)
        kind = _kind(connection, incident)
        of = "" if incident is None else f", for {sight.called(incident, item_number(kind, incident))}"
        head = f"{row.kind} {row.key}, due at {row.due_at:%Y-%m-%d %H:%M:%S} UTC{of}"
        sentence = f"{head}: {_what_next(row.id, row.parked)}"
        found.append(Parked("timer", row.id, incident, "", sentence, kind))
    return found


def _what_next(number: int, words: str) -> str:
    if words == timers.NOBODY_KNOWS:
        return f"{words}; it then happens by itself"
    return words if words == timers.UNREADABLE else f"{words} When that is mended: tieline parked retry timer {number}"


def _incident_of_timer(connection: Connection | Transaction, facts: str) -> IncidentId | None:
    """The incident that a timer is about, or whose alert it is about, as far as it says so."""
    try:
        told = orjson.loads(facts)
    except orjson.JSONDecodeError:
        return None
    named = told if isinstance(told, dict) else {}
    match named.get("incident"), named.get("signal"):
        case int() as number, _:
            return IncidentId(number)
        case _, int() as signal:
            owner = connection.execute(select(t.signal.c.incident_id).where(t.signal.c.id == signal)).scalar()
            return None if owner is None else IncidentId(owner)
    return None


def release(tx: Transaction, engine: Engine, what: str, number: int, *, actor: Actor) -> None:
    """Let one parked thing try again. Raises LookupError when it is not parked, ValueError when nobody would try it."""
    from tieline.sync.fit import unfit
    from tieline.sync.road import commit

    if number > _LARGEST:
        raise _not_parked(what, number)
    if what in _OF_A_CONNECTION:
        _refuse_unless_connected(tx, engine, what, number)
    match what:
        case "copy":
            copy = loading.lock_replica(tx, number)
            if copy is None or copy.state is not ReplicaState.PARKED:
                raise _not_parked(what, number)
            connected = engine.connections.get(copy.connection)
            if connected is not None and not connected.can(Power.FIND):
                # Nothing can look for the record; a person did, and says that there is none.
                copy = replace(copy, intent=None)
            back = replace(copy, state=commit.resumed(copy), parked="", dirty=True, attempts=0, trail={})
            back = replace(back, holds=unfit.tried_anew(back))
            loading.save_replica(tx, replace(back, dirty_since=engine.clock.now(), next_at=None))
            incident, connection = copy.incident, copy.connection
            engine.rouse(tx, connection)
            engine.record(tx, Released(what=what), incident=incident, connection=connection, actor=actor)
            return
        case "inbox":
            change = update(t.inbox).where(t.inbox.c.id == number, t.inbox.c.parked != "")
            found = tx.execute(change, {"parked": "", "attempts": 0, "next_at": None})
        case "comment":
            change = update(t.twin).where(t.twin.c.id == number, t.twin.c.state == "parked")
            # Looked for before it is written: in a store that was put back, somebody may have said so before.
            found = tx.execute(change, {"state": "sending", "parked": "", "attempts": 0, "next_at": None})
        case "signal":
            signal = tx.execute(select(t.signal.c.incident_id).where(t.signal.c.id == number)).first()
            if signal is not None and signal.incident_id is not None:
                loading.lock_incident(tx, IncidentId(signal.incident_id))
            change = update(t.signal).where(t.signal.c.id == number, t.signal.c.parked != "")
            found = tx.execute(change, {"parked": "", "attempts": 0, "next_at": None})
        case "timer":
            _refuse_unless_known(tx, number)
            change = update(t.timer).where(t.timer.c.id == number, t.timer.c.parked != "")
            found = tx.execute(change, {"parked": "", "attempts": 0, "next_at": None})
        case _:
            raise LookupError(f"{what!r} is not copy, inbox, comment, signal or timer")
    if found.rowcount == 0:
        raise _not_parked(what, number)
    engine.record(tx, Released(what=what, number=number), actor=actor)


_OF_A_CONNECTION: Final = {"copy": t.replica, "inbox": t.inbox, "comment": t.twin, "signal": t.signal}
"""Where what is parked waits for a connection."""


def _refuse_unless_connected(tx: Transaction, engine: Engine, what: str, number: int) -> None:
    """Raises ValueError for what would wait for a connection that nobody has."""
    table = _OF_A_CONNECTION[what]
    name: str | None = tx.execute(select(table.c.connection).where(table.c.id == number)).scalar()
    if name is not None and name not in engine.connections:
        why = f"{engine.config.file.name} has no connection {name!r}."
        raise ValueError(f"{what} {number} cannot be tried: {why} Write it there again, or leave what is parked.")


def _refuse_unless_known(tx: Transaction, number: int) -> None:
    """Raises ValueError for a timer that nothing here would fire."""
    from tieline.sync.daemon.firing import HANDLERS

    kind = tx.execute(select(t.timer.c.kind).where(t.timer.c.id == number, t.timer.c.parked != "")).scalar()
    if kind is not None and kind not in HANDLERS:
        what = f"timer {number} cannot be tried: nothing at work knows what {kind} is."
        raise ValueError(f"{what} Install the plugin that set it again; it then happens by itself.")


def incident_of_parked(connection: Connection | Transaction, what: str, number: int, sight: Sight) -> IncidentId | None:
    """The incident that something is about which is parked, or was; None for one that they do not see, as where it is
    about none or is not there any more."""
    owner, _is_hidden = _owner(connection, what, number, sight)
    return owner


def hold_parked(tx: Transaction, what: str, number: int, sight: Sight) -> None:
    """Lock what is to be released, and its incident before it, as whoever works on it does. Raises LookupError for what
    is not there, and for what is of an incident that they do not see."""
    owner, is_hidden = _owner(tx, what, number, sight)
    if is_hidden:
        raise _not_parked(what, number)
    if owner is not None and what != "timer":
        loading.lock_incident(tx, owner)
    row = _PARKED_IN[what].c.id
    if number > _LARGEST or tx.execute(select(row).where(row == number).with_for_update()).first() is None:
        raise _not_parked(what, number)


_PARKED_IN: Final = {**_OF_A_CONNECTION, "timer": t.timer}


def _owner(
    connection: Connection | Transaction, what: str, number: int, sight: Sight
) -> tuple[IncidentId | None, bool]:
    """The incident that something parked is about, and whether it is one that they do not see; then None stands for
    it."""
    if number > _LARGEST:
        return None, False
    hidden = sight.hidden(connection)
    if what == "inbox":
        row = connection.execute(_ARRIVAL, {"number": number}).first()
        return None, row is not None and (row.connection, row.ref) in records_of(connection, hidden)
    if what == "timer":
        facts = connection.execute(_FACTS, {"number": number}).scalar()
        found = None if facts is None else _incident_of_timer(connection, facts)
    else:
        found = connection.execute(_OWNERS[what], {"number": number}).scalar()
    return (None, True) if found in hidden else (found, False)


_ARRIVAL: Final = select(t.inbox.c.connection, t.inbox.c.ref).where(t.inbox.c.id == bindparam("number"))
_FACTS: Final = select(type_coerce(t.timer.c.payload, Text)).where(t.timer.c.id == bindparam("number"))
_OWNERS: Final = {
    "copy": select(t.replica.c.incident_id).where(t.replica.c.id == bindparam("number")),
    "comment": select(t.replica.c.incident_id)
    .join(t.twin, t.twin.c.replica_id == t.replica.c.id)
    .where(t.twin.c.id == bindparam("number")),
    "signal": select(t.signal.c.incident_id).where(t.signal.c.id == bindparam("number")),
}


def _not_parked(what: str, number: int) -> LookupError:
    return LookupError(f"{what} {number} is not parked; run `tieline parked` to see what is")


def incidents(
    connection: Connection,
    *,
    status: str = "",
    search: str = "",
    system: str = "",
    limit: int = 50,
    sight: Sight = OUTSIDER,
) -> list[tuple[Incident, list[Replica]]]:
    """Incidents with their copies, newest first: those in a status, with these words in what a person reads of it or
    in the key of a ticket, and with a copy in a connection (`system`)."""
    query = without(select(t.incident.c.id), t.incident.c.id, sight.hidden(connection))
    query = query.order_by(t.incident.c.id.desc())
    copies = select(t.replica.c.incident_id)
    if status:
        query = query.where(t.incident.c.status == status)
    if system:
        query = query.where(t.incident.c.id.in_(copies.where(t.replica.c.connection == system)))
    found: list[tuple[Incident, list[Replica]]] = []
    numbers = (
        words.found(connection, query, search, limit) if search else connection.execute(query.limit(limit)).scalars()
    )
    for number in list(numbers):
        incident = loading.load_incident(connection, IncidentId(number))
        if incident is not None:
            found.append((incident, loading.load_replicas(connection, incident.id)))
    return found


def status(connection: Connection, now: datetime, sight: Sight = OUTSIDER) -> dict[str, Any]:
    """The state of everything in a few figures, from the store alone: it works while the daemon is down."""
    hidden = sight.hidden(connection)
    i, r, s = t.incident.c, t.replica.c, t.signal.c

    def count(query: Any) -> int:
        return int(connection.execute(query).scalar_one())

    open_states = ["new", "in_progress", "on_hold"]
    connections: dict[str, dict[str, Any]] = {}
    for row in connection.execute(select(t.cursor)):
        connections[row.connection] = {
            "polled_seconds_ago": max(0, int((now - row.polled_at).total_seconds())),
            "state": "working",
            "reason": "",
        }
    for row in connection.execute(select(t.connection)):
        found = connections.setdefault(row.name, {"polled_seconds_ago": None})
        found.update(state=row.state, reason=row.reason, since=row.since, next_try_at=row.next_at)
    doubted = doubts(connection, sight)
    for name, doubt in doubted.items():
        one = connections.setdefault(name, not_started())
        one["doubt"] = doubt_as_facts(name, doubt)
    without_severity = unknown.firing(connection, hidden)
    for name, said in _by_connection(without_severity).items():
        one = connections.setdefault(name, not_started())
        one["severity_unknown"] = said
    lost = left_out.found(connection)
    for name, missed in lost.items():
        one = connections.setdefault(name, not_started())
        one["left_out"] = left_out.as_facts(name, missed)
    held = conflicts(connection, sight)
    for name in {one.connection for one in held}:
        one = connections.setdefault(name, not_started())
        one["held"] = held_as_facts([field for field in held if field.connection == name])
    dirty = select(func.min(r.dirty_since)).where(text("dirty"))
    oldest = connection.execute(without(dirty, r.incident_id, hidden)).scalar_one()
    gone = (
        select(func.count())
        .select_from(t.replica.join(t.incident, r.incident_id == i.id))
        .where(r.state == ReplicaState.GONE.value, i.status.in_(open_states))
    )
    open_incidents = select(func.count()).where(i.status.in_(open_states), i.kind == RecordKind.INCIDENT.value)
    return {
        "incidents_open": count(without(open_incidents, i.id, hidden)),
        "flapping": [
            {
                "incident": sight.called(one.incident, incident_number(one.incident)),
                "title": one.title,
                "flaps": one.flaps.count,
                "held_until": one.flaps.held_until,
            }
            for one in groups.flapping(connection, now)
            if one.incident not in hidden
        ],
        "resolved_while_firing": [
            {
                "incident": sight.called(one.incident, incident_number(one.incident)),
                "title": one.title,
                "status": one.status,
                "alerts": one.firing,
                "raised_again_at": one.again,
            }
            for one in unheeded.unheeded(connection)
            if one.incident not in hidden
        ],
        "signals_firing": count(
            without(select(func.count()).select_from(t.signal).where(text("firing")), s.incident_id, hidden)
        ),
        "signals_left_out": sum(one.records for one in lost.values()),
        "inbox_waiting": count(select(func.count()).select_from(t.inbox).where(text("parked = ''"))),
        "copies_gone": count(without(gone, r.incident_id, hidden)),
        "copies_behind": count(
            without(select(func.count()).select_from(t.replica).where(text("dirty")), r.incident_id, hidden)
        ),
        "oldest_undelivered_seconds": 0 if oldest is None else max(0, int((now - oldest).total_seconds())),
        "parked": len(parked(connection, sight)),
        "conflicts": len(held),
        "severity_unknown": sum(one.alerts for one in without_severity),
        "ends_doubted": sum(len(doubt.episodes) for doubt in doubted.values()),
        # By name: which one was first to come to rest says nothing.
        "connections": dict(sorted(connections.items())),
    }


def resting(connection: Connection) -> dict[str, datetime | None]:
    """The connections that the daemon leaves alone after a failure, and when it tries each next."""
    rest = select(t.connection.c.name, t.connection.c.next_at).where(t.connection.c.state != "working")
    return {row.name: row.next_at for row in connection.execute(rest)}


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
    """The ends of alerts that are not believed, by connection."""
    found, records = absence.doubts(connection), records_of(connection, sight.hidden(connection))
    if not records:
        return found
    seen: dict[ConnectionName, absence.Doubt] = {}
    for name, doubt in found.items():
        episodes = frozenset(one for one in doubt.episodes if (name, one) not in records)
        fewer = len(doubt.episodes) - len(episodes)
        if episodes:
            seen[name] = replace(doubt, episodes=episodes, firing=doubt.firing - fewer, of=doubt.of - fewer)
    return seen


_KIND: Final = select(t.incident.c.kind).where(t.incident.c.id == bindparam("item"))


def _kind(connection: Connection | Transaction, item: IncidentId | None) -> RecordKind:
    """What kind of item it is; an incident where it is not there."""
    return RecordKind(connection.execute(_KIND, {"item": item}).scalar() or RecordKind.INCIDENT)


def named(connection: Connection | Transaction, words: str, sight: Sight = OUTSIDER) -> list[Incident]:
    """The items that a person means: by our number, or by the key, the id or the address of a ticket of theirs. One
    that is restricted is meant by its label too, and by nobody who may not read it."""
    wanted, hidden = words.strip(), sight.hidden(connection)
    labelled = sight.labelled(wanted)
    try:
        kind, number = (None, labelled) if labelled is not None else parse_item_number(wanted)
        item = None if number in hidden else loading.load_incident(connection, number)
    except ValueError:
        kind = item = None
    if item is not None and kind in (None, item.kind):
        return [item]
    r = t.replica.c
    query = select(r.incident_id).where(or_(func.lower(r.key) == wanted.lower(), r.ref == wanted, r.url == wanted))
    numbers = sorted({IncidentId(one) for one in connection.execute(query).scalars()} - hidden)
    return [item for one in numbers if (item := loading.load_incident(connection, one)) is not None]


def one_named(connection: Connection | Transaction, words: str, sight: Sight = OUTSIDER) -> Incident:
    """The one item that a person means. Raises LookupError for none, and for several."""
    found = named(connection, words, sight)
    if len(found) == 1:
        return found[0]
    if not found:
        raise LookupError(f"there is no incident and no ticket {words!r}; `tieline incidents` lists those that exist")
    several = ", ".join(sight.called(one.id, one.number) for one in found)
    raise LookupError(f"{words!r} names tickets of several incidents: {several}; name one of those")


def one_incident(connection: Connection | Transaction, number: IncidentId) -> tuple[Incident, list[Replica]] | None:
    """One incident with its copies."""
    incident = loading.load_incident(connection, number)
    return None if incident is None else (incident, loading.load_replicas(connection, number))

"""What a person decides of what waits for them: which value of a held field stands, and that what is parked is tried
again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlalchemy import Text, bindparam, select, type_coerce, update

from tieline.core.events import Released, Settled
from tieline.core.journal import Actor
from tieline.core.model import ConnectionName, IncidentId, RecordKind, Value, fields_of
from tieline.core.port import Power
from tieline.core.settings import no_such
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync import loading
from tieline.sync.daemon.firing import HANDLERS
from tieline.sync.engine import Engine
from tieline.sync.explain import incident_of_timer
from tieline.sync.fit import unfit
from tieline.sync.records import OWN_DOING, Held, ReplicaState
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason
from tieline.sync.sight import Sight

_LARGEST: Final = 2**63 - 1
"""No row of a store has a larger number."""


def settle(
    tx: Transaction,
    engine: Engine,
    incident: IncidentId,
    field: str,
    connection: ConnectionName,
    *,
    theirs: bool,
    actor: Actor,
    demand: Callable[[str], object],
) -> Value:
    """Settle a held field: take the tool's value or keep the incident's. Answers the value that stands. `demand` is
    asked for the right that the hold itself names, and raises where it is lacking.

    Raises LookupError when nothing is held there, ValueError when the tool's value has no word in the mapping.
    """
    current = loading.load_incident(tx, incident, lock=True)
    known = fields_of(RecordKind.INCIDENT if current is None else current.kind)
    if field not in known:
        raise no_such("field", field, known)
    copy = next((one for one in loading.load_replicas(tx, incident) if one.connection == connection), None)
    if copy is None and connection not in engine.connections:
        raise no_such("connection", connection, engine.connections)
    if current is None or copy is None or field not in copy.holds:
        raise LookupError(f"nothing is held for {field} in {connection}; run `tieline conflicts` to see what is")
    hold = copy.holds[field]
    if hold.right:
        demand(hold.right)
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
    if hold.kind is Held.REVIEW:
        # The tool shows the edit, as far as it can: of a set or a text the incident's words may be more.
        base = {**base, **{name: one for name, one in copy.observed.items() if name == field}}
    elif hold.kind is Held.REPLACED or in_vain:
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


def release(tx: Transaction, engine: Engine, what: str, number: int, *, actor: Actor) -> None:
    """Let one parked thing try again. Raises LookupError when it is not parked, ValueError when nobody would try it."""
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
            _refuse_unless_known(tx, engine, number)
            change = update(t.timer).where(t.timer.c.id == number, t.timer.c.parked != "")
            found = tx.execute(change, {"parked": "", "attempts": 0, "next_at": None})
        case "reaction":
            _refuse_unless_followed(tx, engine, number)
            backlog = t.follower_backlog
            change = update(backlog).where(backlog.c.id == number, backlog.c.parked != "")
            found = tx.execute(change, {"parked": "", "attempts": 0, "next_at": None})
        case _:
            raise LookupError(f"{what!r} is not copy, inbox, comment, signal, timer or reaction")
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


def _refuse_unless_known(tx: Transaction, engine: Engine, number: int) -> None:
    """Raises ValueError for a timer that nothing here would fire."""
    kind = tx.execute(select(t.timer.c.kind).where(t.timer.c.id == number, t.timer.c.parked != "")).scalar()
    if kind is not None and kind not in HANDLERS and kind not in engine.registry.offers.timers:
        what = f"timer {number} cannot be tried: nothing at work knows what {kind} is."
        raise ValueError(f"{what} Install the plugin that set it again; it then happens by itself.")


def _refuse_unless_followed(tx: Transaction, engine: Engine, number: int) -> None:
    """Raises ValueError for a reaction of a plugin that is not at work."""
    backlog = t.follower_backlog.c
    name = tx.execute(select(backlog.follower).where(backlog.id == number, backlog.parked != "")).scalar()
    if name is not None and name not in engine.registry.offers.followers:
        what = f"reaction {number} cannot be tried: no plugin at work has the follower {name}."
        raise ValueError(f"{what} Allow it again; then release this.")


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
    if owner is not None and what not in ("timer", "reaction"):
        loading.lock_incident(tx, owner)
    row = _PARKED_IN[what].c.id
    if number > _LARGEST or tx.execute(select(row).where(row == number).with_for_update()).first() is None:
        raise _not_parked(what, number)


_PARKED_IN: Final = {**_OF_A_CONNECTION, "timer": t.timer, "reaction": t.follower_backlog}


def _owner(
    connection: Connection | Transaction, what: str, number: int, sight: Sight
) -> tuple[IncidentId | None, bool]:
    """The incident that something parked is about, and whether it is one that they do not see; then None stands for
    it."""
    if number > _LARGEST:
        return None, False
    if what == "inbox":
        there = connection.execute(_ARRIVAL, {"number": number}).first()
        seen = connection.execute(
            _ARRIVAL.where(sight.sees_record(t.inbox.c.connection, t.inbox.c.ref)), {"number": number}
        )
        return None, there is not None and seen.first() is None
    if what == "timer":
        facts = connection.execute(_FACTS, {"number": number}).scalar()
        found = None if facts is None else incident_of_timer(connection, facts)
    else:
        found = connection.execute(_OWNERS[what], {"number": number}).scalar()
    return (found, False) if sight.among(connection, [found])(found) else (None, True)


_ARRIVAL: Final = select(t.inbox.c.connection, t.inbox.c.ref).where(t.inbox.c.id == bindparam("number"))
_FACTS: Final = select(type_coerce(t.timer.c.payload, Text)).where(t.timer.c.id == bindparam("number"))
_OWNERS: Final = {
    "copy": select(t.replica.c.incident_id).where(t.replica.c.id == bindparam("number")),
    "comment": select(t.replica.c.incident_id)
    .join(t.twin, t.twin.c.replica_id == t.replica.c.id)
    .where(t.twin.c.id == bindparam("number")),
    "signal": select(t.signal.c.incident_id).where(t.signal.c.id == bindparam("number")),
    "reaction": select(t.follower_backlog.c.incident_id).where(t.follower_backlog.c.id == bindparam("number")),
}


def _not_parked(what: str, number: int) -> LookupError:
    return LookupError(f"{what} {number} is not parked; run `tieline parked` to see what is")

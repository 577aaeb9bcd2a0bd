"""Decisions about an incident go back to the monitoring that raised it: acknowledged means silence, with an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, bindparam, or_, select, text, update

from tieline.core.errors import Gone
from tieline.core.model import ConnectionName, IncidentId, Status, incident_number
from tieline.core.port import Acknowledger, Act, Power, Ref, Token
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.core.timers import cancel, set_timer
from tieline.sync.engine import Connected, Engine
from tieline.sync.records import Incident

RENEW: Final = "renew_silence"
"""The kind of timer that keeps a silence alive while somebody still works on the incident."""

_ACT_FOR = {
    Status.NEW: "",
    Status.IN_PROGRESS: Act.ACKNOWLEDGE.value,
    Status.ON_HOLD: Act.ACKNOWLEDGE.value,
    Status.RESOLVED: Act.RESOLVE.value,
    Status.CLOSED: Act.RESOLVE.value,
    Status.CANCELLED: Act.RESOLVE.value,
}

LISTED_AGAIN: Final = timedelta(minutes=5)
"""How long an act waits whose source does not know the signal although, as far as we know, it fires."""

_SIGNALS = select(t.signal.c.id, t.signal.c.connection, t.signal.c.firing, t.signal.c.act, t.signal.c.acted).where(
    t.signal.c.incident_id == bindparam("incident")
)
_SET = update(t.signal).where(t.signal.c.id == bindparam("row_id"))


@dataclass(frozen=True, slots=True)
class Told:
    """What the source of a signal should be told last, and what it was told for sure."""

    act: str
    acted: str

    @property
    def may_be_silent(self) -> bool:
        """Whether a silence of ours may be there. An act that is still to be told may have been carried out in part,
        or without our hearing of it; and what it is to undo is there until it is told."""
        return self.acted == Act.ACKNOWLEDGE.value or self.act != self.acted


@dataclass(frozen=True, slots=True)
class Pending:
    """One act that a signal's source should still be told."""

    id: int
    ref: Ref
    incident: IncidentId
    act: str
    attempts: int
    title: str


def wanted_act(status: Status, told: Told, *, firing: bool) -> str:
    """What the source should hold. What is over needs no new silence; one that may be there is taken back."""
    act = _ACT_FOR[status]
    if act == Act.ACKNOWLEDGE.value:
        return act if firing or told.may_be_silent else told.acted
    if not told.may_be_silent:
        return told.acted
    return act or Act.RELEASE.value


def follow(tx: Transaction, engine: Engine, incident: Incident, *, episode: str | None = None) -> None:
    """Mark the signals whose source should hear of the incident's status: all of them, or the one that just joined."""
    for row, told in _followers(tx, engine, incident, episode):
        act = wanted_act(_status(incident), told, firing=row.firing)
        if act != told.act:
            _mark(tx, engine, row, {"act": act})


def follow_anew(tx: Transaction, engine: Engine, incident: Incident, episode: str) -> None:
    """The same for an episode that fires again: whatever its source was told before may have been lost there."""
    for row, told in _followers(tx, engine, incident, episode):
        before = Told(told.act, "") if told.may_be_silent else Told("", "")
        act = wanted_act(_status(incident), before, firing=True)
        if (told.act, told.acted, act) != ("", "", ""):
            _mark(tx, engine, row, {"act": act, "acted": ""})


def _followers(
    tx: Transaction, engine: Engine, incident: Incident, episode: str | None
) -> Iterator[tuple[Row[Any], Told]]:
    if not engine.config.signals.acknowledge:
        return
    query = _SIGNALS if episode is None else _SIGNALS.where(t.signal.c.episode == episode)
    for row in list(tx.execute(query, {"incident": incident.id})):
        connected = engine.connections.get(row.connection)
        if connected is not None and connected.can(Power.ACKNOWLEDGE):
            yield row, Told(row.act, row.acted)


def _mark(tx: Transaction, engine: Engine, row: Row[Any], changes: Mapping[str, str]) -> None:
    tx.execute(_SET, {"row_id": row.id, **changes, "attempts": 0, "next_at": None, "parked": ""})
    engine.rouse(tx, row.connection)


def _status(incident: Incident) -> Status:
    return Status(str(incident.fields["status"]))


_PENDING = (
    select(
        t.signal.c.id,
        t.signal.c.episode,
        t.signal.c.incident_id,
        t.signal.c.act,
        t.signal.c.attempts,
        t.signal.c.fields,
    )
    .where(
        t.signal.c.connection == bindparam("connection"),
        text("act <> acted"),
        t.signal.c.parked == "",
        or_(
            t.signal.c.next_at.is_(None), t.signal.c.next_at <= bindparam("now"), t.signal.c.next_at > bindparam("far")
        ),
    )
    .order_by(t.signal.c.id)
    .limit(bindparam("limit"))
)


def pending(
    connection: Connection | Transaction, name: ConnectionName, now: datetime, far: datetime, limit: int
) -> list[Pending]:
    """The acts that wait to be carried to this source."""
    found = connection.execute(_PENDING, {"connection": name, "now": now, "far": far, "limit": limit})
    return [
        Pending(
            row.id,
            Ref(row.episode),
            IncidentId(row.incident_id),
            row.act,
            row.attempts,
            str(row.fields.get("title", "")),
        )
        for row in found
    ]


def carry_out(engine: Engine, here: Connected, item: Pending) -> None:
    """Tell the source, and write down that it knows. Repeating it changes nothing: the token is the signal's own.

    A signal that the source does not know any more needs no silence, once that it has ended is known here too. Until
    then it may only be hidden, and is asked for again.
    """
    source = here.source
    if not isinstance(source, Acknowledger):
        raise TypeError(f"{here.name} claims to acknowledge and cannot")
    until = engine.clock.now() + engine.config.signals.silence_for
    note = f"{incident_number(item.incident)} is being worked on (set by Tieline)"
    try:
        handle = source.acknowledge(item.ref, Act(item.act), until=until, note=note, token=token_of(item))
    except Gone:
        _let_be(engine, item)
        return
    with engine.store.write() as tx:
        tx.execute(
            _SET,
            {
                "row_id": item.id,
                "acted": item.act,
                "handle": handle,
                "act_until": until if item.act == Act.ACKNOWLEDGE.value else None,
                "attempts": 0,
                "next_at": None,
            },
        )
        engine.record(
            tx,
            "signal_told",
            incident=item.incident,
            connection=here.name,
            signal=item.ref,
            act=item.act,
            handle=handle,
        )
        if item.act == Act.ACKNOWLEDGE.value:
            due = until - min(timedelta(minutes=10), engine.config.signals.silence_for / 4)
            set_timer(tx, f"{RENEW}:{item.id}", RENEW, due, {"signal": item.id})
        else:
            cancel(tx, f"{RENEW}:{item.id}")


def _let_be(engine: Engine, item: Pending) -> None:
    with engine.store.write() as tx:
        row = tx.execute(select(t.signal.c.firing, t.signal.c.act).where(t.signal.c.id == item.id)).one()
        if row.act != item.act:
            # Somebody decided anew while the source was asked: that is carried out now.
            tx.execute(_SET, {"row_id": item.id, "acted": ""})
        elif row.firing and item.act == Act.ACKNOWLEDGE.value:
            retry(tx, item, item.attempts, engine.clock.now() + LISTED_AGAIN, "")
        else:
            tx.execute(_SET, {"row_id": item.id, "act": "", "acted": "", "attempts": 0, "next_at": None})


def token_of(item: Pending) -> Token:
    """One token per signal and incident, so that a repeated act finds its own silence."""
    return Token(f"tieline-{incident_number(item.incident)}-{item.id}")


def renew(tx: Transaction, engine: Engine, signal: int) -> None:
    """A silence runs out while somebody still works on the incident: ask for another one."""
    row = tx.execute(
        select(t.signal.c.connection, t.signal.c.act, t.signal.c.firing).where(t.signal.c.id == signal)
    ).first()
    if row is not None and row.act == Act.ACKNOWLEDGE.value and row.firing:
        tx.execute(_SET, {"row_id": signal, "acted": ""})
        engine.rouse(tx, ConnectionName(row.connection))


def retry(tx: Transaction, item: Pending, attempts: int, next_at: datetime | None, parked: str) -> None:
    """Count a failed try, or put the act aside with the sentence that says why."""
    tx.execute(_SET, {"row_id": item.id, "attempts": attempts, "next_at": next_at, "parked": parked})

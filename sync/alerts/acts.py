"""Decisions about an incident go back to the monitoring that raised it: acknowledged means silence, with an end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, bindparam, or_, select, text, update

from tieline.core.errors import RemoteError
from tieline.core.events import SignalTold
from tieline.core.model import ConnectionName, IncidentId, Signal, Status, incident_number
from tieline.core.port import Acknowledger, Act, Power, Ref, Token
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.core.timers import cancel, set_timer
from tieline.sync import loading
from tieline.sync.engine import Connected, Engine
from tieline.sync.outcomes import Done, Standing, Then, Verb, outcome
from tieline.sync.records import Incident

RENEW: Final = "renew_silence"
"""The kind of timer that keeps a silence alive while somebody still works on the incident."""

UNSURE: Final = "unsure"
"""What a source holds that is being asked, or never answered: perhaps the act, perhaps what was there before."""

_ACT_FOR = {
    Status.NEW: Act.RELEASE,
    Status.IN_PROGRESS: Act.ACKNOWLEDGE,
    Status.ON_HOLD: Act.ACKNOWLEDGE,
    Status.RESOLVED: Act.RESOLVE,
    Status.CLOSED: Act.RESOLVE,
    Status.CANCELLED: Act.RESOLVE,
}

LISTED_AGAIN: Final = timedelta(minutes=5)
"""How long an act waits whose source does not know the signal although, as far as we know, it fires."""
BELIEVED: Final = 3
"""Denials in a row after which a source is believed that it has nothing to take back, though the signal fires."""

_COLUMNS = (t.signal.c.id, t.signal.c.connection, t.signal.c.firing, t.signal.c.act, t.signal.c.acted)
_SIGNALS = select(*_COLUMNS).where(t.signal.c.incident_id == bindparam("incident")).order_by(t.signal.c.id)
_SIGNAL = _SIGNALS.where(t.signal.c.connection == bindparam("connection"), t.signal.c.episode == bindparam("episode"))
_ROW = select(*_COLUMNS).where(t.signal.c.id == bindparam("row_id"), t.signal.c.incident_id == bindparam("incident"))
_SET = update(t.signal).where(t.signal.c.id == bindparam("row_id"))
_RETRY = _SET.where(t.signal.c.act == bindparam("failed"))


@dataclass(frozen=True, slots=True)
class Pending:
    """One act that a signal's source should still be told."""

    id: int
    ref: Ref
    incident: IncidentId
    act: str
    attempts: int
    title: str


def may_be_silent(acted: str) -> bool:
    """Whether a silence of ours may be at the source."""
    return acted in (Act.ACKNOWLEDGE.value, UNSURE)


def wanted_act(status: Status, acted: str, *, firing: bool, silences: bool) -> str:
    """What the source should hold. Nothing is silenced that is over, or that may not be; a silence that is there may
    outlast its alert while somebody works on the incident, and is taken back with everything that may be there when
    nobody does."""
    act = _ACT_FOR[status]
    if act is Act.ACKNOWLEDGE and silences and (firing or acted == Act.ACKNOWLEDGE.value):
        return act.value
    if not may_be_silent(acted):
        return acted
    return (Act.RELEASE if act is Act.ACKNOWLEDGE else act).value


def follow(tx: Transaction, engine: Engine, incident: Incident, signal: Signal | None = None) -> None:
    """Mark the signals whose source should hear of the incident's status: all of them, or the one just seen."""
    for row in _followers(tx, engine, incident, signal):
        _mark(tx, engine, incident, row, row.acted)


def follow_anew(tx: Transaction, engine: Engine, incident: Incident, signal: Signal) -> None:
    """The same for one that fires again: whatever its source was told before may have been lost there."""
    for row in _followers(tx, engine, incident, signal):
        _mark(tx, engine, incident, row, UNSURE if may_be_silent(row.acted) else "")


def _followers(
    tx: Transaction, engine: Engine, incident: Incident, signal: Signal | None
) -> Iterator[Row[tuple[int, str, bool, str, str]]]:
    which: dict[str, object] = {"incident": incident.id}
    if signal is not None:
        which |= {"connection": signal.connection, "episode": signal.episode}
    for row in list(tx.execute(_SIGNALS if signal is None else _SIGNAL, which)):
        connected = engine.connections.get(row.connection)
        if connected is not None and connected.can(Power.ACKNOWLEDGE):
            yield row


def _mark(tx: Transaction, engine: Engine, incident: Incident, row: Row[Any], acted: str) -> str:
    """Write down what the source should be told, given what it holds; answers that."""
    status, silences = Status(str(incident.fields["status"])), engine.config.signals.acknowledge
    act = wanted_act(status, acted, firing=row.firing, silences=silences)
    if (act, acted) != (row.act, row.acted):
        changes = {"act": act, "acted": acted, "attempts": 0, "next_at": None, "parked": ""}
        tx.execute(_SET, {"row_id": row.id, **changes})
        engine.rouse(tx, row.connection)
    return act


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

    That it is being told is written down first. Whatever becomes of the call, of its answer or of this process, a
    silence that may be there is known to be possible until the source has answered.

    A signal that the source does not know any more needs no silence, once that it has ended is known here too. Until
    then it may only be hidden, and is asked for again.
    """
    source = here.source
    if not isinstance(source, Acknowledger):
        raise TypeError(f"{here.name} claims to acknowledge and cannot")
    before = _begin(engine, item)
    if before is None:
        return
    until = engine.clock.now() + engine.config.signals.silence_for
    note = f"{incident_number(item.incident)} is being worked on (set by Tieline)"
    try:
        handle = here.call(
            Verb.ACKNOWLEDGE, source.acknowledge, item.ref, Act(item.act), until=until, note=note, token=token_of(item)
        )
    except RemoteError as error:
        becomes = outcome(error, Standing.LINKED)
        if becomes.then is Then.LET_BE:
            _let_be(engine, item, before)
            return
        if becomes.done is Done.NO and item.act == Act.ACKNOWLEDGE.value:
            _not_silenced(engine, item, before)
        raise
    with engine.store.write() as tx:
        loading.lock_incident(tx, item.incident)
        is_silence = item.act == Act.ACKNOWLEDGE.value
        if is_silence:
            due = until - min(timedelta(minutes=10), engine.config.signals.silence_for / 4)
            set_timer(tx, f"{RENEW}:{item.id}", RENEW, due, {"signal": item.id})
        else:
            cancel(tx, f"{RENEW}:{item.id}")
        changes = {"acted": item.act, "handle": handle, "act_until": until if is_silence else None}
        tx.execute(_SET, {"row_id": item.id, **changes, "attempts": 0, "next_at": None})
        engine.record(
            tx,
            SignalTold(signal=item.ref, act=item.act, handle=handle),
            incident=item.incident,
            connection=here.name,
        )


def _begin(engine: Engine, item: Pending) -> str | None:
    """Write down that the source is being told, and answer what it held. None where something else is to be told by
    now, or nothing: the decision is taken anew from the incident as it is."""
    with engine.store.write() as tx:
        incident = loading.load_incident(tx, item.incident, lock=True)
        row = _row(tx, item)
        if incident is None or row is None:
            return None
        act = _mark(tx, engine, incident, row, row.acted)
        if act != item.act or act == row.acted:
            return None
        tx.execute(_SET, {"row_id": item.id, "acted": UNSURE})
    return str(row.acted)


def _row(tx: Transaction, item: Pending) -> Row[Any] | None:
    return tx.execute(_ROW, {"row_id": item.id, "incident": item.incident}).first()


def _not_silenced(engine: Engine, item: Pending, before: str) -> None:
    """The source refused to set a silence, or was not reached: it holds what it held. What it was to take back may be
    gone in part, and stays unsure."""
    if before != UNSURE:
        with engine.store.write() as tx:
            tx.execute(_SET, {"row_id": item.id, "acted": before})


def _let_be(engine: Engine, item: Pending, before: str) -> None:
    """The source does not know the signal: it silenced nothing, and has nothing to take back. While the signal fires as
    far as we know, that may be somebody else's word, and the silence that was to be taken back may be there still: that
    it is not is believed when it has been said so often, in a row."""
    with engine.store.write() as tx:
        incident = loading.load_incident(tx, item.incident, lock=True)
        row = _row(tx, item)
        if incident is None or row is None:
            return
        if item.act == Act.ACKNOWLEDGE.value:
            held, denials = before, item.attempts
        else:
            denials = item.attempts + 1
            held = UNSURE if row.firing and denials < BELIEVED else ""
        if _mark(tx, engine, incident, row, held) == item.act:
            retry(tx, item, denials, engine.clock.now() + LISTED_AGAIN, "")
        else:
            tx.execute(_SET, {"row_id": item.id, "attempts": 0, "next_at": None})


def token_of(item: Pending) -> Token:
    """One token per signal and incident, so that a repeated act finds its own silence."""
    return Token(f"tieline-{incident_number(item.incident)}-{item.id}")


def renew(tx: Transaction, engine: Engine, signal: int) -> None:
    """A silence runs out, and perhaps somebody still works on the incident, or will again before it is taken back: then
    another one is asked for."""
    row = tx.execute(
        select(t.signal.c.connection, t.signal.c.acted, t.signal.c.firing).where(t.signal.c.id == signal)
    ).first()
    if row is not None and row.firing and may_be_silent(row.acted):
        tx.execute(_SET, {"row_id": signal, "acted": UNSURE})
        engine.rouse(tx, ConnectionName(row.connection))


def retry(tx: Transaction, item: Pending, attempts: int, next_at: datetime | None, parked: str) -> bool:
    """Count a failed try, or put the act aside with the sentence that says why. False when something else is to be told
    by now: that has not failed."""
    changes = {"attempts": attempts, "next_at": next_at, "parked": parked}
    return tx.execute(_RETRY, {"row_id": item.id, "failed": item.act, **changes}).rowcount == 1

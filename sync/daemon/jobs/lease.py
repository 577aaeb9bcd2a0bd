"""Turns at a lane: one worker at a time, and a worker that was taken for dead can write nothing when it wakes up.

Each turn has a token that is higher than every one before. Every write of the turn first locks the lease row and finds
its own token there; the next turn can begin only when that write is committed, and from then on finds another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, exists, literal, or_, select, text, update

from tieline.core.errors import LeaseLost
from tieline.core.model import ConnectionName
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Store, Transaction
from tieline.sync.limits import FARTHEST

TRUSTED: Final = 1.0
"""Seconds for which a turn is believed to be ours without asking the store again, before a call to a tool."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One worker's turn at a lane. `memory` is what the last turn left; `idle` is how many seconds ago it ended, or
    None when it never said so: that worker died in it, or was never there."""

    lane: ConnectionName
    token: int
    worker: str
    memory: Mapping[str, Any]
    idle: float | None
    poll_soon: bool
    takes_over: bool = False
    """Whether the last turn never said that it ended: its worker died in it, or is only silent and still goes on."""


_LOCKED = select(t.lease).where(t.lease.c.lane == bindparam("row_lane")).with_for_update()
_SET = update(t.lease).where(t.lease.c.lane == bindparam("row_lane"))
_FIRST = text(
    "INSERT INTO lease (lane, token, worker, taken_at, poll_soon, memory) "
    "VALUES (:lane, 0, '', :now, :no, '{}') ON CONFLICT (lane) DO NOTHING"
).bindparams(bindparam("now", type_=t.lease.c.taken_at.type), bindparam("no", type_=t.lease.c.poll_soon.type))
# A lock that lets other writes of the same turn through, and no new turn.
_TOKEN = select(t.lease.c.token).where(t.lease.c.lane == bindparam("lane")).with_for_update(read=True)
_LOOK = select(t.lease.c.token).where(t.lease.c.lane == bindparam("lane"))


def begin(store: Store, lane: ConnectionName, worker: str, now: datetime) -> Turn:
    """Begin a turn: from here on every earlier turn of this lane can write nothing any more."""
    with store.write() as tx:
        row = tx.execute(_LOCKED, {"row_lane": lane}).first()
        if row is None:
            tx.execute(_FIRST, {"lane": lane, "now": now, "no": False})
            row = tx.execute(_LOCKED, {"row_lane": lane}).one()
        token = row.token + 1
        tx.execute(
            _SET,
            {
                "row_lane": lane,
                "token": token,
                "worker": worker[:80],
                "taken_at": now,
                "released_at": None,
                "poll_soon": False,
            },
        )
    idle = None if row.released_at is None else max(0.0, (now - row.released_at).total_seconds())
    takes_over = row.token > 0 and row.released_at is None
    return Turn(lane, token, worker, row.memory, idle, bool(row.poll_soon), takes_over)


def give_back(
    store: Store,
    turn: Turn,
    memory: Mapping[str, Any],
    *,
    poll_at: datetime | None,
    next_at: datetime | None,
    now: datetime,
) -> None:
    """End a turn, with what the next one has to know. Raises LeaseLost when it was not ours any more."""
    with store.write() as tx:
        lock(tx, turn)
        tx.execute(
            _SET,
            {
                "row_lane": turn.lane,
                "released_at": now,
                "poll_at": poll_at,
                "next_at": next_at,
                "memory": dict(memory),
            },
        )


def lock(tx: Transaction, turn: Turn) -> None:
    """Keep every other turn out until this transaction ends. Raises LeaseLost when one has begun."""
    if tx.execute(_TOKEN, {"lane": turn.lane}).scalar() != turn.token:
        raise _lost(turn)


def fenced(store: Store, turn: Turn) -> Store:
    """The store as this turn may use it: every write holds the turn, or is refused."""
    return store.guarded(lambda tx: lock(tx, turn))


def permit(store: Store, turn: Turn, steady: Callable[[], float]) -> Callable[[], None]:
    """What to ask before a call to the tool. A worker that was frozen for longer than a moment asks the store first.

    `steady` is in seconds and never runs backwards. Raises LeaseLost.
    """
    asked = steady()

    def check() -> None:
        nonlocal asked
        if steady() - asked < TRUSTED:
            return
        with store.read() as connection:
            token = connection.execute(_LOOK, {"lane": turn.lane}).scalar()
        if token != turn.token:
            raise _lost(turn)
        asked = steady()

    return check


def poll_soon(store: Store, lane: ConnectionName) -> None:
    """Have the next turn poll, whenever the last poll was."""
    with store.write() as tx:
        tx.execute(_SET, {"row_lane": lane, "poll_soon": True})


def _lost(turn: Turn) -> LeaseLost:
    return LeaseLost(
        f"{turn.lane}: this worker ({turn.worker}) was silent for longer than `lease`, and another one has taken over; "
        "what it had not committed is done again there.",
        timedelta(0),
    )


def claim(store: Store, what: str, every: timedelta, now: datetime) -> bool:
    """True for one of the workers, at most once in `every`: for chores that one of them does for all."""
    with store.write() as tx:
        found = tx.execute(_CLAIM, {"lane": what, "now": now, "due": now - every, "far": now + FARTHEST})
        if found.rowcount:
            return True
        return tx.execute(_FIRST, {"lane": what, "now": now, "no": False}).rowcount > 0


_AT = t.lease.c.taken_at.type
# A moment far ahead was written before the clock was set back.
_CLAIM = text(
    "UPDATE lease SET taken_at = :now WHERE lane = :lane AND (taken_at <= :due OR taken_at > :far)"
).bindparams(bindparam("now", type_=_AT), bindparam("due", type_=_AT), bindparam("far", type_=_AT))


def _open(next_at: Any) -> Any:
    return or_(next_at.is_(None), next_at <= bindparam("now"), next_at > bindparam("far"))


def _has(table: Any, *conditions: Any) -> Any:
    return exists(select(literal(1)).select_from(table).where(table.c.connection == bindparam("lane"), *conditions))


_LEASE = select(t.lease.c.poll_at, t.lease.c.next_at, t.lease.c.poll_soon).where(t.lease.c.lane == bindparam("lane"))
_WORK = select(
    or_(
        _has(t.inbox, text("inbox.parked = ''"), _open(t.inbox.c.next_at)),
        _has(t.replica, text("dirty"), _open(t.replica.c.next_at)),
        _has(t.twin, text("twin.state IN ('wanted', 'sending')"), _open(t.twin.c.next_at)),
        _has(t.signal, text("act <> acted"), t.signal.c.parked == "", _open(t.signal.c.next_at)),
    )
)


def is_due(connection: Connection, lane: ConnectionName, now: datetime) -> bool:
    """True when a turn at this lane would find something to do: a poll, or work that waits."""
    row = connection.execute(_LEASE, {"lane": lane}).first()
    if row is None or row.poll_soon:
        return True
    if row.next_at is not None and now < row.next_at <= now + FARTHEST:
        return False
    if row.poll_at is None or row.poll_at <= now or row.poll_at > now + FARTHEST:
        return True
    return bool(connection.execute(_WORK, {"lane": lane, "now": now, "far": now + FARTHEST}).scalar())

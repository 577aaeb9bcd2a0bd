"""Timers: what is to happen later, as rows. They survive a restart, fire once, and say how late they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, exists, select, text

from tieline.core.store import tables as t
from tieline.core.store.many import Many
from tieline.core.store.store import Connection, Transaction


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer that is due. `late` is how long ago it should have fired: never negative, large after an outage."""

    key: str
    kind: str
    due_at: datetime
    payload: Mapping[str, Any]
    late: timedelta


_SET = text(
    "INSERT INTO timer (key, kind, due_at, payload) VALUES (:key, :kind, :due_at, :payload) "
    "ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, due_at = excluded.due_at, payload = excluded.payload"
).bindparams(bindparam("due_at", type_=t.timer.c.due_at.type), bindparam("payload", type_=t.timer.c.payload.type))
_SET_UNLESS_SET = Many(
    text(
        "INSERT INTO timer (key, kind, due_at, payload) VALUES (:key, :kind, :due_at, :payload) "
        "ON CONFLICT (key) DO NOTHING"
    ).bindparams(bindparam("due_at", type_=t.timer.c.due_at.type), bindparam("payload", type_=t.timer.c.payload.type))
)
_CANCEL = delete(t.timer).where(t.timer.c.key == bindparam("key"))
_ANY_DUE = select(exists().where(t.timer.c.due_at <= bindparam("now")))
# Workers side by side take different timers instead of waiting for each other; SQLite has one worker and no such words.
_DUE = (
    select(t.timer)
    .where(t.timer.c.due_at <= bindparam("now"))
    .order_by(t.timer.c.due_at, t.timer.c.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_FIRED = delete(t.timer).where(t.timer.c.id == bindparam("row_id"))


def set_timer(tx: Transaction, key: str, kind: str, due_at: datetime, payload: Mapping[str, Any]) -> None:
    """Set a timer, or move the one that has this key."""
    tx.execute(_SET, {"key": key, "kind": kind, "due_at": due_at, "payload": dict(payload)})


def set_unless_set(
    tx: Transaction, kind: str, due_at: datetime, wanted: Sequence[tuple[str, Mapping[str, Any]]]
) -> None:
    """Set these timers, each a key and a payload, at once; one that is set already stays as it is."""
    tx.execute_many(
        _SET_UNLESS_SET,
        [{"key": key, "kind": kind, "due_at": due_at, "payload": dict(payload)} for key, payload in wanted],
    )


def cancel(tx: Transaction, key: str) -> bool:
    """Take a timer back. False when there is none: it was never set, or it has fired."""
    return tx.execute(_CANCEL, {"key": key}).rowcount > 0


def any_due(connection: Connection | Transaction, now: datetime) -> bool:
    """True when at least one timer is due: a look that takes no write lock."""
    return bool(connection.execute(_ANY_DUE, {"now": now}).scalar_one())


def due(tx: Transaction, now: datetime, limit: int) -> list[Timer]:
    """Take out what is due, longest overdue first. Act in this same transaction, and each timer fires once."""
    rows = tx.execute(_DUE, {"now": now, "limit": limit}).all()
    if rows:
        tx.execute(_FIRED, [{"row_id": row.id} for row in rows])
    return [Timer(row.key, row.kind, row.due_at, row.payload, now - row.due_at) for row in rows]


def next_due(connection: Connection | Transaction) -> datetime | None:
    """When the next timer is due; None when none is set."""
    found: datetime | None = connection.execute(_NEXT).scalar()
    return found


_NEXT = select(t.timer.c.due_at).order_by(t.timer.c.due_at).limit(1)

"""Timers are rows: they survive a restart, fire once, and say how late they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, delete, exists, insert, select

from tieline.core.store import tables as t

if TYPE_CHECKING:
    from tieline.core.store.store import Transaction


@dataclass(frozen=True, slots=True)
class Timer:
    """One thing that was due. `late` is how long after its moment it fires."""

    key: str
    kind: str
    due_at: datetime
    payload: Mapping[str, Any]
    late: timedelta


_DELETE = delete(t.timer).where(t.timer.c.key == bindparam("row_key"))


def set_timer(tx: Transaction, key: str, kind: str, due_at: datetime, payload: Mapping[str, Any]) -> None:
    """Set the timer `key`, in place of an earlier one with the same key."""
    tx.execute(_DELETE, {"row_key": key})
    tx.execute(insert(t.timer), {"key": key, "kind": kind, "due_at": due_at, "payload": dict(payload)})


def cancel(tx: Transaction, key: str) -> bool:
    """Unset a timer. False when there was none."""
    return tx.execute(_DELETE, {"row_key": key}).rowcount > 0


def any_due(connection: Connection, now: datetime) -> bool:
    """True when something is due."""
    return bool(connection.execute(select(exists().where(t.timer.c.due_at <= now))).scalar_one())


def due(tx: Transaction, now: datetime, limit: int) -> list[Timer]:
    """Take out what is due, earliest first. They fire if this transaction commits, and only then."""
    query = select(t.timer).where(t.timer.c.due_at <= now).order_by(t.timer.c.due_at, t.timer.c.id).limit(limit)
    found = [Timer(row.key, row.kind, row.due_at, row.payload, now - row.due_at) for row in tx.execute(query)]
    if found:
        tx.execute(_DELETE, [{"row_key": timer.key} for timer in found])
    return found

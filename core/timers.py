"""Timers: what is to happen later, as rows. They survive a restart, fire once, and say how late they were.

One that fails is tried again and put aside in the end; one of a kind that nobody at work knows stays until somebody
does. Neither delays another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Text, and_, bindparam, delete, exists, or_, select, text, type_coerce, update

from tieline.core.store import tables as t
from tieline.core.store.among import among
from tieline.core.store.many import Many
from tieline.core.store.store import Connection, Transaction


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer that is due. `late` is how long ago it should have fired: never negative, large after an outage;
    `attempts` is how often it failed before."""

    key: str
    kind: str
    due_at: datetime
    payload: Mapping[str, Any]
    late: timedelta
    attempts: int = 0


UNREADABLE: Final = "what it is about is kept in a form that is no JSON: somebody else wrote into the store"
"""What is said of a timer that nobody can read."""

NOBODY_KNOWS: Final = "nothing at work knows what is to happen then: install the plugin that set it again"
"""What is said of a due timer whose kind no worker knows. Whoever knows it fires it all the same."""

NO_WAIT: Final = timedelta(hours=1)
"""Nothing that failed waits so long: a moment beyond that was set by a clock that has been put back since."""


_SET = text(
    "INSERT INTO timer (key, kind, due_at, payload) VALUES (:key, :kind, :due_at, :payload) "
    "ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, due_at = excluded.due_at, payload = excluded.payload, "
    "attempts = 0, next_at = NULL, parked = ''"
).bindparams(bindparam("due_at", type_=t.timer.c.due_at.type), bindparam("payload", type_=t.timer.c.payload.type))
_SET_UNLESS_SET = Many(
    text(
        "INSERT INTO timer (key, kind, due_at, payload) VALUES (:key, :kind, :due_at, :payload) "
        "ON CONFLICT (key) DO NOTHING"
    ).bindparams(bindparam("due_at", type_=t.timer.c.due_at.type), bindparam("payload", type_=t.timer.c.payload.type))
)
_LOCKED = select(t.timer.c.id).where(among(t.timer.c.key, "keys")).order_by(t.timer.c.key).with_for_update()
_CANCEL = delete(t.timer).where(t.timer.c.key == bindparam("key"))


def _is_due() -> ColumnElement[bool]:
    timer, now = t.timer.c, bindparam("now", type_=t.timer.c.due_at.type)
    return and_(
        timer.due_at <= now,
        or_(timer.next_at.is_(None), timer.next_at <= now, timer.next_at > bindparam("no_wait", type_=now.type)),
        timer.kind.in_(bindparam("kinds", expanding=True)),
        timer.parked.in_(("", NOBODY_KNOWS)),
    )


_ANY_DUE = select(exists().where(_is_due()))
_OVERDUE = (
    select(
        t.timer.c.id,
        t.timer.c.key,
        t.timer.c.kind,
        t.timer.c.due_at,
        t.timer.c.attempts,
        type_coerce(t.timer.c.payload, Text).label("facts"),
    )
    .where(_is_due())
    .order_by(t.timer.c.due_at, t.timer.c.id)
    .limit(bindparam("limit"))
)
# Workers side by side take different timers instead of waiting for each other; SQLite has one worker and no such words.
_DUE = _OVERDUE.with_for_update(skip_locked=True)
_STRANGE = and_(
    t.timer.c.due_at <= bindparam("now", type_=t.timer.c.due_at.type),
    t.timer.c.kind.not_in(bindparam("kinds", expanding=True)),
    t.timer.c.parked == "",
)
_ANY_STRANGE = select(exists().where(_STRANGE))
_SAY_STRANGE = update(t.timer).where(_STRANGE).values(parked=NOBODY_KNOWS)
_PUT_OFF = (
    update(t.timer)
    .where(t.timer.c.key == bindparam("its_key"), t.timer.c.due_at == bindparam("its_due_at"))
    .values(attempts=bindparam("attempts"), next_at=bindparam("next_at"), parked=bindparam("parked"))
)
_SET_ASIDE = (
    update(t.timer).where(t.timer.c.id == bindparam("row_id")).values(parked=bindparam("sentence"), next_at=None)
)
_WHEN = select(t.timer.c.due_at).where(t.timer.c.key == bindparam("its_key"))
_CALL_OTHERWISE = (
    update(t.timer)
    .where(t.timer.c.key == bindparam("its_key"), t.timer.c.due_at == bindparam("its_due_at"))
    .values(key=bindparam("key_then"))
)
_TAKE = delete(t.timer).where(t.timer.c.key == bindparam("its_key"), t.timer.c.due_at == bindparam("its_due_at"))
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


def lock(tx: Transaction, keys: Collection[str]) -> None:
    """Keep everybody else from moving, cancelling or firing the timers that have these keys, until this transaction
    ends. Whoever sets timers locks theirs before the journal's head: whoever fires one has its row, and wants that."""
    if keys:
        tx.execute(_LOCKED, {"keys": sorted(keys)})


def cancel(tx: Transaction, key: str) -> bool:
    """Take a timer back. False when there is none: it was never set, or it has fired."""
    return tx.execute(_CANCEL, {"key": key}).rowcount > 0


def any_due(connection: Connection | Transaction, now: datetime, kinds: Collection[str]) -> bool:
    """True when at least one timer of these kinds is due: a look that takes no write lock."""
    return bool(connection.execute(_ANY_DUE, _asked(now, kinds)).scalar_one())


def _asked(now: datetime, kinds: Collection[str]) -> dict[str, object]:
    return {"now": now, "no_wait": now + NO_WAIT, "kinds": list(kinds)}


def due(tx: Transaction, now: datetime, limit: int, kinds: Collection[str]) -> list[Timer]:
    """Take out what is due of these kinds, longest overdue first. Act in this same transaction, and each timer fires
    once. One that cannot be read is put aside, and the next one stands in its place."""
    found: list[Timer] = []
    while rows := tx.execute(_DUE, {**_asked(now, kinds), "limit": limit - len(found)}).all():
        for row in rows:
            try:
                facts = orjson.loads(row.facts)
            except orjson.JSONDecodeError:
                set_aside(tx, [row.id])
                continue
            tx.execute(_FIRED, {"row_id": row.id})
            found.append(Timer(row.key, row.kind, row.due_at, facts, now - row.due_at, row.attempts))
        if len(found) == limit:
            break
    return found


def overdue(
    source: Connection | Transaction, now: datetime, limit: int, kinds: Collection[str]
) -> tuple[list[Timer], list[int]]:
    """What is due of these kinds, longest overdue first, which stays where it is; and the rows that cannot be read, for
    `set_aside`."""
    found, unreadable = list[Timer](), list[int]()
    for row in source.execute(_OVERDUE, {**_asked(now, kinds), "limit": limit}):
        try:
            facts = orjson.loads(row.facts)
        except orjson.JSONDecodeError:
            unreadable.append(row.id)
            continue
        found.append(Timer(row.key, row.kind, row.due_at, facts, now - row.due_at, row.attempts))
    return found, unreadable


def set_aside(tx: Transaction, rows: Collection[int]) -> None:
    """Put timers that nobody can read among what waits for people."""
    for row in rows:
        tx.execute(_SET_ASIDE, {"row_id": row, "sentence": UNREADABLE})


def take(tx: Transaction, timer: Timer) -> bool:
    """Take one out that is due. False where somebody else did, or it was moved. Act in this same transaction, and it
    fires once."""
    return tx.execute(_TAKE, {"its_key": timer.key, "its_due_at": timer.due_at}).rowcount > 0


def put_off(tx: Transaction, timer: Timer, next_at: datetime | None, parked: str = "") -> None:
    """Count a failed try of a timer that was not taken out after all: it is tried again at `next_at`, or is put aside
    with the sentence that says why. One that was moved meanwhile has not failed."""
    tx.execute(
        _PUT_OFF,
        {
            "its_key": timer.key,
            "its_due_at": timer.due_at,
            "attempts": timer.attempts + 1,
            "next_at": next_at,
            "parked": parked,
        },
    )


def when(source: Connection | Transaction, key: str) -> datetime | None:
    """When the timer with this key is due; None where none is set."""
    found: datetime | None = source.execute(_WHEN, {"its_key": key}).scalar()
    return found


def call_otherwise(tx: Transaction, timer: Timer, key: str) -> None:
    """Give a timer that was not taken out another key, so that the next of its kind may have this one."""
    tx.execute(_CALL_OTHERWISE, {"its_key": timer.key, "its_due_at": timer.due_at, "key_then": key})


def any_strange(connection: Connection | Transaction, now: datetime, kinds: Collection[str]) -> bool:
    """True when a timer is due whose kind is none of these, and nothing is said of it yet."""
    return bool(connection.execute(_ANY_STRANGE, {"now": now, "kinds": list(kinds)}).scalar_one())


def say_strange(tx: Transaction, now: datetime, kinds: Collection[str]) -> int:
    """Put what is due of any other kind among what waits for people. Answers how many there were."""
    return tx.execute(_SAY_STRANGE, {"now": now, "kinds": list(kinds)}).rowcount


def next_due(connection: Connection | Transaction) -> datetime | None:
    """When the next timer is due; None when none is set."""
    found: datetime | None = connection.execute(_NEXT).scalar()
    return found


_NEXT = select(t.timer.c.due_at).order_by(t.timer.c.due_at).limit(1)

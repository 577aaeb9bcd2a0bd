"""Legal holds: what is to be kept for a court or an authority, and beats everything that would let go of it.

One is over an item, over whatever a condition is true of, or over everything. What a condition has been
true of at any time since the hold was placed is held, whatever becomes of it: nobody gets an item from under a hold by
editing it. Whoever forgets asks `refuse` first, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from sqlalchemy import Row, bindparam, func, insert, select, text, update

from tieline.core.acts import NotDone
from tieline.core.events import Changed
from tieline.core.expressions import Condition, ExpressionError, compile_condition, variables_of
from tieline.core.model import INCIDENT_FIELDS, Fields, IncidentId
from tieline.core.store import parts
from tieline.core.store import tables as t
from tieline.core.store.chain import about
from tieline.core.store.store import Connection, Transaction, keys_of

EVERYTHING: Final = "everything"
_LOCK: Final = "legal holds"
_CHUNK: Final = 400

_OPEN: Final = select(t.legal_hold).where(text("lifted_at IS NULL")).order_by(t.legal_hold.c.id)
_LAST: Final = select(func.coalesce(func.max(t.legal_hold.c.id), 0))
_ONE: Final = select(t.legal_hold).where(t.legal_hold.c.id == bindparam("number"))
_ITEMS: Final = select(t.incident.c.id, t.incident.c.kind, t.incident.c.fields).where(
    t.incident.c.id.in_(bindparam("items", expanding=True))
)
_CHANGED: Final = (
    select(t.journal.c.seq, t.journal.c.kind, t.journal_payload.c.payload, t.journal_payload.c.sealed)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(
        t.journal.c.incident_id == bindparam("item"),
        t.journal.c.seq > bindparam("after"),
        t.journal.c.kind == Changed.KIND,
    )
    .order_by(t.journal.c.seq.desc())
)


class OnHold(NotDone):
    """Something is to be kept, and is not let go of."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What is to be kept, and since which entry of the journal: an item, whatever a condition is true of, or everything
    where it names neither."""

    number: int
    incident: IncidentId | None
    condition: str
    why: str
    reference: str
    person: str
    placed_at: datetime
    entry: int
    lifted_at: datetime | None = None

    @property
    def label(self) -> str:
        """How people call it."""
        return label(self.number)

    @property
    def is_over_everything(self) -> bool:
        return self.incident is None and not self.condition


def label(number: int) -> str:
    """How people call a hold."""
    return f"HOLD-{number}"


def number_of(words: str) -> int:
    """The number of the hold that is called so. Raises LookupError for what is no hold's name."""
    prefix, _dash, number = words.strip().upper().partition("-")
    if prefix != "HOLD" or not (number.isascii() and number.isdecimal()) or len(number) > 18:
        raise LookupError(f"{words[:40]!r} is no hold; write it like HOLD-1, as `tieline holds` does")
    return int(number)


@lru_cache(maxsize=64)
def compiled(condition: str) -> Condition:
    """The condition of a hold, over the fields of incidents and the kind of item. Raises ExpressionError."""
    return compile_condition(condition, {**variables_of(INCIDENT_FIELDS), "kind": str})


def lock(tx: Transaction) -> None:
    """Have nobody place or lift a hold, or forget anything, until this transaction ends. Before the first entry."""
    tx.lock_names([_LOCK])


def in_force(source: Connection | Transaction) -> list[Hold]:
    """The holds that nobody has lifted."""
    return [_hold(row) for row in source.execute(_OPEN)]


def found(source: Connection | Transaction, number: int) -> Hold | None:
    """One of them, lifted or not; None where there is no such one."""
    row = source.execute(_ONE, {"number": number}).first()
    return None if row is None else _hold(row)


def last(source: Connection | Transaction) -> int:
    """The number of the last one that was placed; 0 where none was."""
    return int(source.execute(_LAST).scalar_one())


def _hold(row: Row[Any]) -> Hold:
    facts = {name: getattr(row, name) for name in ("condition", "why", "reference", "person", "placed_at", "entry")}
    return Hold(number=row.id, incident=row.incident_id, lifted_at=row.lifted_at, **facts)


def place(tx: Transaction, hold: Hold) -> None:
    """Have it hold from now on."""
    names = ("condition", "why", "reference", "person", "placed_at", "entry")
    row = {"id": hold.number, "incident_id": hold.incident, "lifted_at": None}
    tx.execute(insert(t.legal_hold), {**row, **{name: getattr(hold, name) for name in names}})


def lift(tx: Transaction, number: int, now: datetime) -> None:
    """Have it hold no longer."""
    tx.execute(update(t.legal_hold).where(t.legal_hold.c.id == number).values(lifted_at=now))


def refuse(source: Connection | Transaction, items: Collection[int]) -> None:
    """Raises OnHold where any of these is held. What no item tells of is kept by a hold over everything alone."""
    holds = in_force(source)
    everything = next((one for one in holds if one.is_over_everything), None)
    if everything is not None:
        raise OnHold(sentence(everything))
    for hold in _over(source, items, holds).values():
        raise OnHold(sentence(hold))


def over(source: Connection | Transaction, items: Collection[int]) -> dict[int, Hold]:
    """Of these items, those that are held, each with the first hold that is over it."""
    holds = in_force(source)
    everything = next((one for one in holds if one.is_over_everything), None)
    return dict.fromkeys(items, everything) if everything is not None else _over(source, items, holds)


def sentence(hold: Hold) -> str:
    """Why what it is over is not let go of, and who could end that."""
    return (
        f"it is to be kept: {hold.label} is over it, for {hold.reference}. Nothing of it is forgotten before somebody "
        f"with the right holds.lift asks for that, with `tieline holds lift {hold.label}`, and somebody else agrees"
    )


def _over(source: Connection | Transaction, items: Collection[int], holds: Sequence[Hold]) -> dict[int, Hold]:
    """Of these items, those that are held, or are parts of what is."""
    whole_of = parts.wholes(source, items) if holds else {}
    wanted = {*items, *whole_of.values()}
    held = {int(one.incident): one for one in reversed(holds) if one.incident is not None and one.incident in wanted}
    conditions = [hold for hold in holds if hold.condition]
    asked = sorted(wanted) if conditions else []
    for start in range(0, len(asked), _CHUNK):
        for row in source.execute(_ITEMS, {"items": asked[start : start + _CHUNK]}).all():
            hold = next((one for one in conditions if _is_true(source, one, row)), None)
            if hold is not None:
                held.setdefault(row.id, hold)
    found: dict[int, Hold] = {}
    for item in items:
        one: int | None = item
        while one is not None and one not in held:
            one = whole_of.get(one)
        if one is not None:
            found[item] = held[one]
    return found


def _is_true(source: Connection | Transaction, hold: Hold, row: Row[Any]) -> bool:
    """Whether its condition is true of an item, or has been since. What cannot be answered is held."""
    condition = compiled(hold.condition)
    try:
        return any(condition.holds({**fields, "kind": row.kind}) for fields in _states(source, row, hold.entry))
    except ExpressionError:
        return True


def _states(source: Connection | Transaction, row: Row[Any], after: int) -> Iterator[Fields]:
    """What an item says now, and what it said after each entry before, back to the one that is named."""
    fields: dict[str, Any] = dict(row.fields)
    yield fields
    for entry in source.execute(_CHANGED, {"item": row.id, "after": after}).all():
        for name, step in (_changes(source, row.id, entry) or {}).items():
            if isinstance(step, Mapping):
                fields[name] = step.get("before")
        yield {**fields}


def _changes(source: Connection | Transaction, item: int, entry: Row[Any]) -> Mapping[str, Any] | None:
    payload: Any = entry.payload
    if entry.sealed is not None:
        keys = keys_of(source)
        if keys is None:
            return None
        payload = keys.fresh().unseal(item, about(entry.seq, entry.kind), bytes(entry.sealed))
    return None if payload is None else orjson.loads(payload).get("changes")

"""Items that are parts of others: a run of the incident that it is carried out for, an execution of its run.

A part is restricted with its whole, kept where its whole is on hold, and forgotten with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sqlalchemy import Row, Select, bindparam, select

from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

_CHUNK: Final = 400
_PARTS: Final = (
    select(t.incident.c.id, t.incident.c.part_of)
    .where(t.incident.c.part_of.in_(bindparam("wholes", expanding=True)))
    .order_by(t.incident.c.id)
)
_WHOLES: Final = select(t.incident.c.id, t.incident.c.part_of).where(
    t.incident.c.id.in_(bindparam("parts", expanding=True)), t.incident.c.part_of.is_not(None)
)


def with_parts(source: Connection | Transaction, items: Collection[int]) -> dict[int, int]:
    """These items and all their parts, each with that of these items with which it goes."""
    found = {item: item for item in items}
    level = sorted(found)
    while level:
        parts = {one.id: found[one.part_of] for one in _rows(source, _PARTS, "wholes", level) if one.id not in found}
        found |= parts
        level = sorted(parts)
    return found


def wholes(source: Connection | Transaction, items: Collection[int]) -> dict[int, int]:
    """The whole of each of these items that is a part, and of each of these wholes in turn."""
    found: dict[int, int] = {}
    level = sorted(set(items))
    while level:
        above = {row.id: row.part_of for row in _rows(source, _WHOLES, "parts", level)}
        found |= above
        level = sorted(set(above.values()) - found.keys())
    return found


def _rows(
    source: Connection | Transaction, query: Select[tuple[int, int]], name: str, numbers: Sequence[int]
) -> Iterator[Row[tuple[int, int]]]:
    """The rows of all these numbers, of so many at once as a statement may name."""
    for start in range(0, len(numbers), _CHUNK):
        yield from source.execute(query, {name: list(numbers[start : start + _CHUNK])}).all()

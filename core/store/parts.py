"""Items that are parts of others: a run of the incident that it is carried out for, an execution of its run.

A part is restricted with its whole, kept where its whole is on hold, and forgotten with it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import bindparam, select

from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

_CHUNK: Final = 400
_PARTS: Final = (
    select(t.incident.c.id)
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
        below: list[int] = []
        for one in level:
            parts = [part for part in source.execute(_PARTS, {"wholes": [one]}).scalars() if part not in found]
            found |= dict.fromkeys(parts, found[one])
            below += parts
        level = below
    return found


def wholes(source: Connection | Transaction, items: Collection[int]) -> dict[int, int]:
    """The whole of each of these items that is a part, and of each of these wholes in turn."""
    found: dict[int, int] = {}
    level = sorted(set(items))
    while level:
        above: dict[int, int] = {}
        for start in range(0, len(level), _CHUNK):
            rows = source.execute(_WHOLES, {"parts": level[start : start + _CHUNK]}).all()
            above |= {row.id: row.part_of for row in rows}
        found |= above
        level = sorted(set(above.values()) - found.keys())
    return found

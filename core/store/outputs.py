"""What runners wrote while they executed something: in parts, each sealed with the key of its item.

Whoever may read the item may read it, it is held with the item, and forgotten with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import BindParameter, bindparam, delete, insert, select

from tieline.core.errors import StoreUnavailable
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction, keys_of

PART: Final = 32 * 1024
"""Characters of a part."""

_ITEM: Final[BindParameter[int]] = bindparam("item")
_KEPT: Final = select(t.output).where(t.output.c.incident_id == _ITEM)
_PART: Final = select(t.output_part).where(
    t.output_part.c.incident_id == _ITEM, t.output_part.c.part == bindparam("number")
)
_NO_PARTS: Final = delete(t.output_part).where(t.output_part.c.incident_id == _ITEM)
_NONE: Final = delete(t.output).where(t.output.c.incident_id == _ITEM)


@dataclass(frozen=True, slots=True)
class Output:
    """What is kept of an output. `sha` is of all that was written, as its runner tells it, `size` the bytes that are
    kept. `is_cut` says that its end is not kept since it is long, `agrees` that what its runner gave, to its end, has
    that hash: before secrets became stars, and what is no text the sign for that."""

    sha: str
    size: int
    parts: int
    is_cut: bool
    agrees: bool
    kept_at: datetime


def keep(tx: Transaction, item: int, text: str, sha: str, at: datetime, *, is_cut: bool, agrees: bool) -> None:
    """Keep what was written, in the place of what was kept before."""
    parts = [text[start : start + PART].encode() for start in range(0, len(text), PART)]
    chain = tx.hold_journal()
    rows = []
    for number, body in enumerate(parts, 1):
        sealed = chain.seal(item, _about(number), body)
        kept = {"size": len(body), "is_sealed": sealed is not None, "body": body if sealed is None else sealed}
        rows.append({"incident_id": item, "part": number, **kept})
    for gone in (_NO_PARTS, _NONE):
        tx.execute(gone, {"item": item})
    told = {"sha": sha, "size": sum(map(len, parts)), "parts": len(parts), "kept_at": at}
    tx.execute(insert(t.output), {"incident_id": item, "is_cut": is_cut, "agrees": agrees, **told})
    if rows:
        tx.execute(insert(t.output_part), rows)


def kept(source: Connection | Transaction, item: int) -> Output | None:
    """What is kept of an item's output; None where there is none."""
    row = source.execute(_KEPT, {"item": item}).first()
    return None if row is None else Output(row.sha, row.size, row.parts, row.is_cut, row.agrees, row.kept_at)


def part(source: Connection | Transaction, item: int, number: int) -> str | None:
    """One part, from 1 on; None where there is none, or its key is forgotten."""
    row = source.execute(_PART, {"item": item, "number": number}).first()
    if row is None:
        return None
    body = bytes(row.body)
    if row.is_sealed:
        keys = keys_of(source)
        if keys is None:
            raise StoreUnavailable("what runners wrote is sealed. Name the file of the keys in `keys:`.")
        opened = keys.fresh().unseal(item, _about(number), body)
        if opened is None:
            return None
        body = opened[: row.size]
    return body.decode()


def _about(number: int) -> bytes:
    return f"output {number}".encode()

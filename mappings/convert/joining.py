"""What two people changed in one list, one quotation or one table: item by item, block by block, row by row."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tieline.mappings.convert.rich import Block, Blocks, Items, Quote, Runs, Table
from tieline.mappings.convert.threeway import Merged, merge

_DEEPEST = 8

Row = tuple[Runs, ...]


def joined(base: Blocks, ours: Blocks, theirs: Blocks, *, prefer_theirs: bool, depth: int = 0) -> Merged[Block]:
    """What both sides did to blocks, and to what stands in them."""
    within = partial(_within, prefer_theirs=prefer_theirs, depth=depth + 1)
    return merge(base, ours, theirs, prefer_theirs=prefer_theirs, within=within)


def _within(base: Block, ours: Block, theirs: Block, *, prefer_theirs: bool, depth: int) -> Merged[Block] | None:
    if depth > _DEEPEST:
        return None
    match base, ours, theirs:
        case Items(), Items(), Items() if _is_one_kind(base, ours, theirs):
            item = partial(_item, prefer_theirs=prefer_theirs, depth=depth)
            found = merge(base.items, ours.items, theirs.items, prefer_theirs=prefer_theirs, within=item)
            return Merged((replace(ours, items=found.blocks),), found.clashed) if found.blocks else None
        case Quote(was), Quote(mine), Quote(yours):
            inner = joined(was, mine, yours, prefer_theirs=prefer_theirs, depth=depth)
            return Merged((Quote(inner.blocks),), inner.clashed) if inner.blocks else None
        case Table(was), Table(mine), Table(yours) if len({len(row) for row in (*was, *mine, *yours)}) == 1:
            row = partial(_row, prefer_theirs=prefer_theirs)
            rows = merge(was, mine, yours, prefer_theirs=prefer_theirs, within=row)
            return Merged((Table(rows.blocks),), rows.clashed) if rows.blocks else None
    return None


def _is_one_kind(base: Items, ours: Items, theirs: Items) -> bool:
    return len({(one.ordered, one.start) for one in (base, ours, theirs)}) == 1


def _item(base: Blocks, ours: Blocks, theirs: Blocks, *, prefer_theirs: bool, depth: int) -> Merged[Blocks]:
    """An item that both changed."""
    found = joined(base, ours, theirs, prefer_theirs=prefer_theirs, depth=depth)
    return Merged((found.blocks or (theirs if prefer_theirs else ours),), found.clashed)


def _row(base: Row, ours: Row, theirs: Row, *, prefer_theirs: bool) -> Merged[Row]:
    """A row that both changed: its cells stay in their columns."""
    cells: list[Runs] = []
    clashed = False
    for was, mine, yours in zip(base, ours, theirs, strict=True):
        takes_theirs = mine == was if was in (mine, yours) else prefer_theirs
        clashed |= was not in (mine, yours) and mine != yours
        cells.append(yours if takes_theirs else mine)
    return Merged((tuple(cells),), clashed)

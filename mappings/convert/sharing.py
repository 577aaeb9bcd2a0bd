"""Shares blocks that are read as one out over the pieces that they were read from.

Two lists that stand next to each other are read as one list, two quotations as one. When such a block has changed, each
piece gets its own entries back, and what was added stands with the piece before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby

from tieline.mappings.convert.rich import Block, Blocks, Items, Quote


@dataclass(frozen=True, slots=True)
class _Entry:
    """An item of a list."""

    ordered: bool
    item: Blocks


@dataclass(frozen=True, slots=True)
class _Quoted:
    """Something in a quotation."""

    inner: _Unit


_Unit = Block | _Entry | _Quoted


def shared(pieces: Sequence[Blocks], now: Blocks) -> list[Blocks]:
    """What each piece shows when all of them together show `now`; `pieces` are what each showed before."""
    olds = [(number, unit) for number, blocks in enumerate(pieces) for unit in _units(blocks)]
    news = list(_units(now))
    mine: list[list[_Unit]] = [[] for _ in pieces]
    steps = SequenceMatcher(None, [unit for _, unit in olds], news, autojunk=False).get_opcodes()
    for _, begin, end, first, last in steps:
        for place, unit in enumerate(news[first:last]):
            # One that became another stands where that stood; what is new behind the last stands with it.
            owner = begin + place if begin + place < end else (end or 1) - 1
            mine[olds[owner][0]].append(unit)
    return [tuple(_blocks(units, _starts(blocks))) for units, blocks in zip(mine, pieces, strict=True)]


def _units(blocks: Blocks) -> Iterator[_Unit]:
    for block in blocks:
        match block:
            case Items(ordered, _, items):
                yield from (_Entry(ordered, item) for item in items)
            case Quote(inner):
                yield from map(_Quoted, _units(inner))
            case _:
                yield block


def _blocks(units: Iterable[_Unit], starts: Iterator[int]) -> Iterator[Block]:
    def kind(unit: _Unit) -> object:
        return (type(unit), unit.ordered if isinstance(unit, _Entry) else None)

    for _, group in groupby(units, key=kind):
        members = list(group)
        match members[0]:
            case _Entry(ordered):
                items = tuple(one.item for one in members if isinstance(one, _Entry))
                yield Items(ordered, next(starts, 1) if ordered else 1, items)
            case _Quoted():
                yield Quote(tuple(_blocks((one.inner for one in members if isinstance(one, _Quoted)), starts)))
            case _:
                yield from (one for one in members if not isinstance(one, _Entry | _Quoted))


def _starts(blocks: Blocks) -> Iterator[int]:
    """With which numbers the numbered lists begin."""
    for block in blocks:
        if isinstance(block, Items) and block.ordered:
            yield block.start
        elif isinstance(block, Quote):
            yield from _starts(block.blocks)

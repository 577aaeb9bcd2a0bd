"""Three-way merge of blocks: what two people changed in different blocks stands together.

Both sides are held against the blocks that they last agreed on. Where both changed the same block there is no third
text that either of them wrote, so the caller says whose stands. A block that has parts of its own, as a list has items,
is looked into: what they changed in different items stands together, too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

One = TypeVar("One", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Merged(Generic[One]):
    """The merged sequence. `clashed` says that both sides changed the same place."""

    blocks: tuple[One, ...]
    clashed: bool


@dataclass(frozen=True, slots=True)
class _Hunk(Generic[One]):
    """`begin` to `end` of the base became `blocks`."""

    begin: int
    end: int
    blocks: tuple[One, ...]


Within = Callable[[One, One, One], Merged[One] | None]
"""What both sides did to the parts of one block: of what they last agreed on, ours and theirs. None for one without
parts, and where they are no longer of one kind."""


def merge(
    base: Sequence[One],
    ours: Sequence[One],
    theirs: Sequence[One],
    *,
    prefer_theirs: bool,
    within: Within[One] = lambda _base, _ours, _theirs: None,
) -> Merged[One]:
    """What both sides did to `base`. Of a place that both changed, one side's version stands."""
    merged: list[One] = []
    clashed = False
    at = 0
    for left, right in _together(_hunks(base, ours), _hunks(base, theirs)):
        begin, end = _reach(left, right)
        merged += base[at:begin]
        mine, yours = (_version(base, begin, end, hunks) for hunks in (left, right))
        if not left or not right or mine == yours:
            merged += mine if left else yours
        elif all(hunk.begin == hunk.end for hunk in (*left, *right)):
            merged += _both(mine, yours)
        elif all(map(_is_even, (*left, *right))) and (parts := _one_by_one(base[begin:end], mine, yours, within)):
            merged += [block for part in parts for block in part.blocks]
            clashed |= any(part.clashed for part in parts)
        else:
            clashed = True
            merged += yours if prefer_theirs else mine
        at = end
    return Merged((*merged, *base[at:]), clashed)


def _is_even(hunk: _Hunk[One]) -> bool:
    """Whether as many blocks are there as before."""
    return hunk.end - hunk.begin == len(hunk.blocks)


def _one_by_one(
    base: Sequence[One], mine: Sequence[One], yours: Sequence[One], within: Within[One]
) -> list[Merged[One]]:
    """Each block by itself, where all that both sides changed have parts; else none."""
    found: list[Merged[One]] = []
    for was, ours, theirs in zip(base, mine, yours, strict=True):
        if ours == theirs or was in (ours, theirs):
            part: Merged[One] | None = Merged((theirs if ours == was else ours,), clashed=False)
        else:
            part = within(was, ours, theirs)
        if part is None:
            return []
        found.append(part)
    return found


def _hunks(base: Sequence[One], side: Sequence[One]) -> list[_Hunk[One]]:
    matcher = SequenceMatcher(None, base, side, autojunk=False)
    return [
        _Hunk(begin, end, tuple(side[first:last]))
        for tag, begin, end, first, last in matcher.get_opcodes()
        if tag != "equal"
    ]


def _together(left: list[_Hunk[One]], right: list[_Hunk[One]]) -> Iterator[tuple[list[_Hunk[One]], list[_Hunk[One]]]]:
    """Hunks of both sides in order; those that overlap come together."""
    left, right = list(left), list(right)
    while left or right:
        group: tuple[list[_Hunk[One]], list[_Hunk[One]]] = ([], [])
        # What is inserted in front of a changed block comes before it.
        first = 0 if left and (not right or _span(left[0]) <= _span(right[0])) else 1
        group[first].append((left, right)[first].pop(0))
        grown = True
        while grown:
            grown = False
            for side, waiting in enumerate((left, right)):
                if waiting and any(_overlap(waiting[0], hunk) for hunk in group[1 - side]):
                    group[side].append(waiting.pop(0))
                    grown = True
        yield group


def _span(hunk: _Hunk[One]) -> tuple[int, int]:
    return hunk.begin, hunk.end


def _overlap(one: _Hunk[One], other: _Hunk[One]) -> bool:
    """True for changes of the same blocks, for two insertions at one place, and for one inside of a change."""
    if one.begin == one.end and other.begin == other.end:
        return one.begin == other.begin
    return one.begin < other.end and other.begin < one.end


def _reach(left: list[_Hunk[One]], right: list[_Hunk[One]]) -> tuple[int, int]:
    hunks = (*left, *right)
    return min(hunk.begin for hunk in hunks), max(hunk.end for hunk in hunks)


def _version(base: Sequence[One], begin: int, end: int, hunks: list[_Hunk[One]]) -> tuple[One, ...]:
    """One side's version of a stretch of the base."""
    version: list[One] = []
    for hunk in hunks:
        version += [*base[begin : hunk.begin], *hunk.blocks]
        begin = hunk.end
    return (*version, *base[begin:end])


def _both(mine: tuple[One, ...], yours: tuple[One, ...]) -> tuple[One, ...]:
    """Two insertions at one place, one behind the other; what both begin with stands once."""
    same = 0
    while same < min(len(mine), len(yours)) and mine[same] == yours[same]:
        same += 1
    return (*mine, *yours[same:])

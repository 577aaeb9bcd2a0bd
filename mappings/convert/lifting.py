"""Lifts an edit of a poorer text into the richer one it was made from: what was not touched stays as it is.

An *old* is a piece of the richer text together with what the poorer text shows of it. The pieces whose blocks are all
still there are kept; between those, pieces and new blocks are paired by likeness and edited, added or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Generic, TypeVar

Piece = TypeVar("Piece")
Shown = TypeVar("Shown", bound=Hashable)

_ALIKE = 0.4
_COMPARED = 400
"""Letters of a block that are looked at to find its like."""
_MOST_PAIRS = 2500


@dataclass(frozen=True, slots=True)
class Old(Generic[Piece, Shown]):
    """A piece of the richer text, and the blocks that the poorer one shows in its place: none, one or several."""

    piece: Piece
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Lift(Generic[Piece, Shown]):
    """How pieces are made and changed. `edit` is given a piece and the blocks that now stand in its place, `()` when it
    was removed; `speak` gives a block's words."""

    make: Callable[[tuple[Shown, ...]], Sequence[Piece]]
    edit: Callable[[Old[Piece, Shown], tuple[Shown, ...]], Sequence[Piece]]
    speak: Callable[[Shown], str]

    def __call__(self, olds: Sequence[Old[Piece, Shown]], news: Sequence[Shown]) -> list[Piece]:
        """The pieces that show `news`."""
        done: list[Piece] = []
        place = 0
        waiting: list[Old[Piece, Shown]] = []
        for old, at in _placed(olds, news):
            if at is None:
                waiting.append(old)
                continue
            done += self._gap(waiting, news[place:at])
            waiting = []
            done.append(old.piece)
            place = at + len(old.shown)
        return [*done, *self._gap(waiting, news[place:])]

    def _gap(self, olds: list[Old[Piece, Shown]], news: Sequence[Shown]) -> Iterator[Piece]:
        """Pieces none of which stands as it did, and what stands in their place now."""
        visible = [old for old in olds if old.shown]
        if len(visible) == 1 and len(visible[0].shown) > 1:
            pairs: list[tuple[int, int]] = [(0, len(news))] if news else []
            single = True
        else:
            pairs, single = self._pairs(visible, news), False
        mates = {id(visible[one]): (0 if single else other, len(news) if single else other + 1) for one, other in pairs}
        place = 0
        for old in olds:
            if not old.shown:
                yield old.piece
                continue
            mate = mates.get(id(old))
            if mate is None:
                yield from self.edit(old, ())
                continue
            if mate[0] > place:
                yield from self.make(tuple(news[place : mate[0]]))
            yield from self.edit(old, tuple(news[mate[0] : mate[1]]))
            place = mate[1]
        if place < len(news):
            yield from self.make(tuple(news[place:]))

    def _pairs(self, olds: Sequence[Old[Piece, Shown]], news: Sequence[Shown]) -> list[tuple[int, int]]:
        """Which old became which new, in order: the likest ones; as many as there are where the numbers are equal."""
        if len(olds) == len(news):
            return [(place, place) for place in range(len(olds))]
        if len(olds) * len(news) > _MOST_PAIRS:
            return []
        pairs: list[tuple[int, int]] = []
        begin = 0
        for place, old in enumerate(olds):
            words = " ".join(map(self.speak, old.shown))[:_COMPARED]
            best, likest = _ALIKE, -1
            for other in range(begin, len(news)):
                likeness = SequenceMatcher(None, words, self.speak(news[other])[:_COMPARED], autojunk=False).ratio()
                if likeness > best:
                    best, likest = likeness, other
            if likest >= 0:
                pairs.append((place, likest))
                begin = likest + 1
        return pairs


def _placed(olds: Sequence[Old[Piece, Shown]], news: Sequence[Shown]) -> Iterator[tuple[Old[Piece, Shown], int | None]]:
    """Each old, and where all its blocks stand together in `news`; None where they do not, or where it shows none."""
    flat = [block for old in olds for block in old.shown]
    where: dict[int, int] = {}
    for begin, other, size in SequenceMatcher(None, flat, news, autojunk=False).get_matching_blocks():
        where |= {begin + step: other + step for step in range(size)}
    at = 0
    for old in olds:
        places = [where.get(at + step) for step in range(len(old.shown))]
        at += len(old.shown)
        if not places:
            yield old, None
        elif None not in places and places == list(range(places[0] or 0, (places[0] or 0) + len(places))):
            yield old, places[0]
        else:
            yield old, None


def aligned(
    parts: Sequence[tuple[tuple[Piece, ...], tuple[Shown, ...]]], shown: tuple[Shown, ...]
) -> list[Old[tuple[Piece, ...], Shown]]:
    """The parts as they stand in the whole; those between the agreeing ends stand together."""
    head, at = 0, 0
    while head < len(parts) and shown[at : at + len(parts[head][1])] == parts[head][1]:
        at += len(parts[head][1])
        head += 1
    tail, end = len(parts), len(shown)
    while (
        tail > head
        and end - len(parts[tail - 1][1]) >= at
        and shown[end - len(parts[tail - 1][1]) : end] == parts[tail - 1][1]
    ):
        tail -= 1
        end -= len(parts[tail][1])
    middle: list[Old[tuple[Piece, ...], Shown]] = []
    if head < tail or at < end:
        middle.append(Old(tuple(one for own, _ in parts[head:tail] for one in own), shown[at:end]))
    return [*(Old(*part) for part in parts[:head]), *middle, *(Old(*part) for part in parts[tail:])]

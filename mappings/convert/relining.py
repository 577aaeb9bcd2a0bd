"""Takes an edit of a block's words, line by line, over into the block: a list's items, a table's rows, lines of code.

A tool that cannot say a list shows `- one` and `- two`. Whoever changes such a line, adds one with the same beginning
or removes one has changed the list. What cannot be told so certainly is not taken over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from tieline.mappings.convert.rich import (
    Block,
    Blocks,
    CodeBlock,
    Heading,
    Items,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
    parted,
    spoken,
    words,
)
from tieline.mappings.convert.wording import reworded

Leaf = tuple[Runs, ...]
"""One line of a block: its words, or the cells of a row."""
_GLUE = " | "
_NUMBER = re.compile(r"\d+(?=\\\. )")


@dataclass(frozen=True, slots=True)
class Relined:
    """The block as edited, and the lines that were added around it."""

    before: tuple[str, ...]
    blocks: Blocks
    behind: tuple[str, ...]


def relined(block: Block, shown: Blocks, edited: Blocks) -> Relined | None:
    """The block after the lines `shown` of it became `edited`; None when nobody can say what that means for it."""
    leaves = list(_leaves(block))
    old, new = _lines(shown), _lines(edited)
    places = _places(leaves, old)
    if places is None:
        return None
    edit = _Edit(leaves, places, old, new)
    for tag, begin, end, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal" and not edit.step(begin, end, first, last):
            return None
    waiting = iter(edit.leaves)
    return Relined(tuple(edit.before), tuple(_rebuilt(block, lambda: next(waiting))), tuple(edit.behind))


class _Edit:
    """The leaves of a block while an edit of their lines is taken over. Each becomes none, one or several."""

    def __init__(self, leaves: list[Leaf], places: dict[int, int], old: list[str], new: list[str]) -> None:
        self.leaves: list[list[Leaf]] = [[leaf] for leaf in leaves]
        self.before: list[str] = []
        self.behind: list[str] = []
        self._originals = leaves
        self._places = places
        self._old = old
        self._new = new

    def step(self, begin: int, end: int, first: int, last: int) -> bool:
        """Take over one stretch of lines; False when it cannot be."""
        pairs = min(end - begin, last - first)
        changed = all(self._change(begin + step, self._new[first + step]) for step in range(pairs))
        removed = all(self._remove(place) for place in range(begin + pairs, end))
        return changed and removed and self._add(begin + pairs, self._new[first + pairs : last])

    def _change(self, place: int, line: str) -> bool:
        number = self._places.get(place)
        if number is None:
            return not line.strip() and not self._old[place].strip()
        changed = self._like(number, place, line)
        if changed is None:
            return False
        self.leaves[number] = [changed, *self.leaves[number][1:]]
        return True

    def _remove(self, place: int) -> bool:
        number = self._places.get(place)
        if number is not None:
            self.leaves[number] = self.leaves[number][1:]
        return number is not None or not self._old[place].strip()

    def _add(self, place: int, lines: list[str]) -> bool:
        """New lines stand behind the line before `place`: they are of its kind, or stand outside of the block."""
        if not lines:
            return True
        number, joins = self._neighbours(place - 1, lines)
        if joins:
            self.leaves[number] += joins
            return True
        if place >= len(self._old):
            self.behind += lines
            return True
        if place <= 0:
            self.before += lines
            return True
        return not any(line.strip() for line in lines)

    def _neighbours(self, anchor: int, lines: list[str]) -> tuple[int, list[Leaf]]:
        """The leaf that new lines below `anchor` are of the kind of, and the lines as such leaves. What lies between
        must belong to that leaf: it stands further in."""
        depth: int | None = None
        for place in range(anchor, -1, -1):
            number = self._places.get(place)
            frame = None if number is None else self._frame(self._originals[number], place)
            if number is None or frame is None:
                break
            joins = [leaf for line in lines if (leaf := self._sibling(number, place, line)) is not None]
            if len(joins) == len(lines) and (depth is None or len(frame[0]) < depth):
                return number, joins
            depth = min(len(frame[0]), len(frame[0]) if depth is None else depth)
        return 0, []

    def _like(self, number: int, place: int, line: str) -> Leaf | None:
        """The leaf with a changed line's words."""
        leaf = self._originals[number]
        frame = self._frame(leaf, place)
        words_now = None if frame is None else _unframed(line, *frame)
        if words_now is None:
            return None
        if len(leaf) == 1:
            changed = reworded(leaf[0], _plain(leaf[0]), (Run(words_now),))
            return None if changed is None else (changed,)
        cells = words_now.split(_GLUE)
        if len(cells) != len(leaf):
            return None
        done = [reworded(cell, _plain(cell), (Run(said),)) for cell, said in zip(leaf, cells, strict=True)]
        return None if None in done else tuple(cell for cell in done if cell is not None)

    def _sibling(self, number: int, place: int, line: str) -> Leaf | None:
        """A new line as a leaf of the same kind: it begins as its neighbour does, or has as many cells."""
        leaf = self._originals[number]
        frame = self._frame(leaf, place)
        if frame is None:
            return None
        said = _unframed(line, *frame)
        if said is None:
            return None
        if len(leaf) > 1:
            cells = said.split(_GLUE)
            return tuple((Run(cell),) for cell in cells) if len(cells) == len(leaf) else None
        return ((Run(said),),) if frame[0] else None

    def _frame(self, leaf: Leaf, place: int) -> tuple[str, str] | None:
        """What the tool shows around a leaf's words."""
        said = _said(leaf)
        at = self._old[place].find(said)
        return None if at < 0 else (self._old[place][:at], self._old[place][at + len(said) :])


def _unframed(line: str, head: str, tail: str) -> str | None:
    """A line's words without what stands around them; the numbers of an ordered list may be any."""
    begin = re.match(_NUMBER.sub(lambda _found: r"\d+", re.escape(head).replace(r"\ ", " ")), line)
    if begin is None or not line.endswith(tail) or len(line) < begin.end() + len(tail):
        return None
    return line[begin.end() : len(line) - len(tail)]


def _plain(runs: Runs) -> Runs:
    return (Run(spoken(runs)),)


def _said(leaf: Leaf) -> str:
    return _GLUE.join(spoken(runs) for runs in leaf)


def _places(leaves: list[Leaf], lines: list[str]) -> dict[int, int] | None:
    """Which line shows which leaf. None when a line with letters shows none, or a leaf is shown by none."""
    found: dict[int, int] = {}
    at = 0
    for number, leaf in enumerate(leaves):
        letters = _letters(_said(leaf))
        if not letters:
            continue
        while at < len(lines) and not _letters(lines[at]):
            at += 1
        if at >= len(lines) or not _letters(lines[at]).endswith(letters):
            return None
        found[at] = number
        at += 1
    return None if any(_letters(line) for line in lines[at:]) else found


def _letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum())


def _lines(blocks: Blocks) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        lines += [""] if lines else []
        lines += words([block])
    return lines


def _leaves(block: Block) -> Iterator[Leaf]:
    match block:
        case Paragraph(runs):
            yield from ((line,) for line in parted(runs))
        case Heading(_, runs):
            yield (runs,)
        case CodeBlock(text):
            yield from (((Run(line),),) for line in text.split("\n"))
        case Quote(inner):
            for one in inner:
                yield from _leaves(one)
        case Items(_, _, items):
            for item in items:
                for one in item:
                    yield from _leaves(one)
        case Table(rows):
            yield from rows
        case Rule():
            yield ()


def _rebuilt(block: Block, take: Callable[[], list[Leaf]]) -> Iterator[Block]:
    match block:
        case Paragraph(runs):
            was = list(parted(runs))
            lines = [line for _ in was for (line,) in take()]
            if lines == was:
                # Also what is marked over a line's end.
                yield block
            elif lines:
                yield Paragraph(tuple(run for place, line in enumerate(lines) for run in [*_break(place), *line]))
        case Heading(level):
            for place, (runs,) in enumerate(take()):
                yield Paragraph(runs) if place else Heading(level, runs)
        case CodeBlock(text, language):
            lines = [line for _ in text.split("\n") for (line,) in take()]
            if lines:
                yield CodeBlock("\n".join(map(spoken, lines)), language)
        case Quote(inner):
            kept = tuple(one for part in inner for one in _rebuilt(part, take))
            if kept:
                yield Quote(kept)
        case Items(ordered, start, items):
            entries = tuple(entry for item in items for entry in _rebuilt_item(item, take))
            if entries:
                yield Items(ordered, start, entries)
        case Table(rows):
            left = tuple(leaf for _ in rows for leaf in take())
            if left:
                yield Table(left)
        case Rule():
            take()
            yield block


def _rebuilt_item(item: Blocks, take: Callable[[], list[Leaf]]) -> Iterator[Blocks]:
    """A line added behind an item's first line is an item of its own."""
    match item:
        case (Paragraph(runs), *rest) if len(list(parted(runs))) == 1:
            heads = take()
            others = [one for part in rest for one in _rebuilt(part, take)]
            if heads:
                yield (Paragraph(heads[0][0]), *others)
            elif others:
                yield tuple(others)
            yield from ((Paragraph(runs),) for (runs,) in heads[1:])
        case _:
            kept = tuple(one for part in item for one in _rebuilt(part, take))
            if kept:
                yield kept


def _break(place: int) -> Runs:
    return (Run("\n"),) if place else ()

"""Takes an edit made in a tool over into the incident's text, block by block.

A tool may show less than the incident says: no bold words, no table. What its people did not touch keeps all that the
incident says of it. What they did to words that stand for something more is taken over where it is certain what it
means, and otherwise left out, with a sentence that says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tieline.mappings.convert.lifting import Lift, Old
from tieline.mappings.convert.relining import relined
from tieline.mappings.convert.rich import (
    Block,
    Blocks,
    CodeBlock,
    Heading,
    Items,
    Mark,
    Paragraph,
    Quote,
    Run,
    Runs,
    Table,
    in_one_line,
    parted,
    spoken,
    tidy,
    words,
)
from tieline.mappings.convert.wording import reworded

Piece = Old[Blocks, Block]
"""Blocks of the incident, and what the tool shows of them."""

_NAMES = {Items: "a list", Table: "a table", CodeBlock: "code", Quote: "a quotation", Heading: "a heading"}


@dataclass(slots=True)
class Carrier:
    """Carries one edit. `held` gathers a sentence for each change that could not be taken over."""

    held: list[str] = field(default_factory=list)
    _in_item: bool = False

    def carry(self, pieces: Iterable[Piece], edited: Blocks) -> Blocks:
        """The incident's blocks after what the tool shows of them became `edited`."""
        lift: Lift[Blocks, Block] = Lift(lambda new: [new], self._edit, speak)
        return tidy(block for blocks in lift(list(pieces), edited) for block in blocks)

    def _edit(self, old: Piece, new: Blocks) -> list[Blocks]:
        if old.piece == old.shown:
            return [_beside_mark(old.piece, new, in_item=self._in_item)]
        if not new and _letters(old.piece) == _letters(old.shown):
            return []
        same = self._same_kind(old, new)
        if same is not None:
            return [same]
        if len(old.piece) == 1 and new:
            found = relined(old.piece[0], old.shown, new)
            around = _around(old.shown, new)
            if found is not None and (around is None or found.blocks != old.piece):
                return [_paragraph(found.before), found.blocks, _paragraph(found.behind)]
        around = _around(old.shown, new)
        if around is not None:
            return [around[0], old.piece, around[1]]
        self.held.append(_sentence(old.piece))
        return [old.piece]

    def _same_kind(self, old: Piece, new: Blocks) -> Blocks | None:
        """One block that the tool shows as a block of its kind, with less in it."""
        match old.piece, old.shown, new:
            case (Paragraph(rich),), (Paragraph(shown),), (Paragraph(edited),):
                runs = reworded(rich, shown, edited) or _continued(rich, shown, edited)
                return None if runs is None else (Paragraph(runs),)
            case (Heading(_, rich),), (Heading(level, shown),), (Heading(changed, edited),):
                runs = reworded(rich, shown, edited)
                mine = old.piece[0].level if isinstance(old.piece[0], Heading) else changed
                return None if runs is None else (Heading(mine if level == changed else changed, runs),)
            case (CodeBlock(_, language),), (CodeBlock(),), (CodeBlock(text, changed),):
                return (CodeBlock(text, changed or language),)
            case (Quote(rich),), (Quote(shown),), (Quote(edited),):
                inner = self.carry(side_by_side(rich, shown), edited)
                return (Quote(inner),)
            case (Items() as rich,), (Items() as shown,), (Items() as edited,):
                return self._items(rich, shown, edited)
            case (Table(rich),), (Table(shown),), (Table(edited),):
                return self._rows(rich, shown, edited)
        return None

    def _items(self, rich: Items, shown: Items, edited: Items) -> Blocks | None:
        if len(rich.items) != len(shown.items):
            return None
        olds: list[Old[Blocks, Blocks]] = [
            Old(mine, (theirs,)) for mine, theirs in zip(rich.items, shown.items, strict=True)
        ]

        def edit(old: Old[Blocks, Blocks], new: tuple[Blocks, ...]) -> list[Blocks]:
            inner = Carrier(self.held, _in_item=len(old.piece) == 1)
            return [inner.carry(side_by_side(old.piece, old.shown[0]), item) for item in new]

        lift: Lift[Blocks, Blocks] = Lift(lambda new: list(new), edit, lambda item: "\n".join(words(item)))
        ordered, start = rich.ordered, rich.start
        if (shown.ordered, shown.start) != (edited.ordered, edited.start):
            ordered, start = edited.ordered, edited.start
        return (Items(ordered, start, tuple(item for item in lift(olds, edited.items) if item)),)

    def _rows(self, rich: Rows, shown: Rows, edited: Rows) -> Blocks | None:
        if len(rich) != len(shown) or len({len(row) for row in (*rich, *shown, *edited)}) != 1:
            return None
        olds: list[Old[Row, Row]] = [Old(mine, (theirs,)) for mine, theirs in zip(rich, shown, strict=True)]
        lost: list[Row] = []

        def edit(old: Old[Row, Row], new: tuple[Row, ...]) -> list[Row]:
            done: list[Row] = []
            for row in new:
                cells = [reworded(*three) for three in zip(old.piece, old.shown[0], row, strict=True)]
                lost.extend([row] if None in cells else [])
                done.append(tuple(cell for cell in cells if cell is not None))
            return done

        lift: Lift[Row, Row] = Lift(lambda new: list(new), edit, lambda row: " ".join(map(spoken, row)))
        rows = tuple(lift(olds, edited))
        return None if lost or not rows else (Table(rows),)


def _continued(rich: Runs, shown: Runs, edited: Runs) -> Runs | None:
    """The runs with lines added behind them, whatever the tool shows of the others."""
    was, now = list(parted(shown)), list(parted(edited))
    if now[: len(was)] != was:
        return None
    return (*rich, *(run for line in now[len(was) :] for run in (Run("\n"), *line)))


MARKED = re.compile(
    r"^(?:[> ]*(?:(?:-|\d+\.) )*\\?\[(?:[^\[\]\n]|\[[^\[\]\n]*\])+\]|[> ]*\\?---|>[> ]*\*.*)$", re.MULTILINE
)
"""How a picture, a file, a macro or a rule is shown where it cannot be said, alone in its paragraph; and a heading in a
panel, which is a line of bold words in a quotation."""


_FILE = re.compile(r"\[[^\[\]\n]+\.\w{1,5}\]")


def _is_mark(runs: Runs, *, quoted: bool, in_item: bool) -> bool:
    if in_item:
        # Alone in an item, words in brackets are a state or a box, unless they name a file.
        return _FILE.fullmatch(spoken(runs)) is not None
    heading = quoted and all({Mark.STRONG, Mark.CODE} & run.marks for run in runs if run.text.strip())
    return heading or MARKED.fullmatch(spoken(runs)) is not None


def _beside_mark(old: Blocks, new: Blocks, *, quoted: bool = False, in_item: bool = False) -> Blocks:
    """Lines that were added to such a mark are a paragraph of their own: it cannot hold them."""
    if not old or len(old) != len(new) or old[:-1] != new[:-1]:
        return new
    match old[-1], new[-1]:
        case Paragraph(mark), Paragraph(runs) if _is_mark(mark, quoted=quoted, in_item=in_item):
            lines = list(parted(runs))
            if mark in lines:
                at = lines.index(mark)
                above, below = (_blocks_of(list(map(Paragraph, part))) for part in (lines[:at], lines[at + 1 :]))
                return tidy((*new[:-1], *above, old[-1], *below))
        case Quote(inner), Quote(changed):
            return (*new[:-1], Quote(_beside_mark(inner, changed, quoted=True)))
        case Items(_, _, items), Items(ordered, start, others) if items[:-1] == others[:-1]:
            last = _beside_mark(items[-1], others[-1], in_item=len(items[-1]) == 1)
            return (*new[:-1], Items(ordered, start, (*others[:-1], last)))
    return new


Row = tuple[Runs, ...]
Rows = tuple[Row, ...]


def speak(block: Block) -> str:
    """A block's words."""
    return "\n".join(words([block]))


def side_by_side(rich: Blocks, shown: Blocks) -> list[Piece]:
    """Each block with what is shown of it, where that is certain; what lies between stands together."""
    head = 0
    while head < min(len(rich), len(shown)) and _letters(rich[head : head + 1]) == _letters(shown[head : head + 1]):
        head += 1
    tail = 0
    while tail < min(len(rich), len(shown)) - head and _letters(rich[len(rich) - tail - 1 :][:1]) == _letters(
        shown[len(shown) - tail - 1 :][:1]
    ):
        tail += 1
    pieces: list[Piece] = [Old((mine,), (theirs,)) for mine, theirs in zip(rich[:head], shown[:head], strict=True)]
    middle = rich[head : len(rich) - tail], shown[head : len(shown) - tail]
    if any(middle):
        pieces.append(Old(*middle))
    last = zip(rich[len(rich) - tail :], shown[len(shown) - tail :], strict=True)
    pieces += (Old((mine,), (theirs,)) for mine, theirs in last)
    return pieces


def _around(shown: Blocks, new: Blocks) -> tuple[Blocks, Blocks] | None:
    """What was added before and behind, where what was shown is still there, line for line."""
    old_lines, new_lines = _shown_lines(shown), _shown_lines(new)
    for begin in range(len(new_lines) - len(old_lines) + 1):
        if new_lines[begin : begin + len(old_lines)] == old_lines:
            return _blocks_of(new_lines[:begin]), _blocks_of(new_lines[begin + len(old_lines) :])
    return None


def _shown_lines(blocks: Blocks) -> list[Block]:
    """Blocks with their paragraphs' lines standing alone."""
    lines: list[Block] = []
    for block in blocks:
        if isinstance(block, Paragraph):
            lines += map(Paragraph, parted(block.runs))
        else:
            lines.append(block)
    return lines


def _blocks_of(lines: list[Block]) -> Blocks:
    done: list[Block] = []
    for line in lines:
        last = done[-1] if done else None
        if isinstance(line, Paragraph) and isinstance(last, Paragraph):
            done[-1] = Paragraph((*last.runs, Run("\n"), *line.runs))
        else:
            done.append(line)
    return tuple(done)


def _paragraph(lines: tuple[str, ...]) -> Blocks:
    return tidy([Paragraph((Run("\n".join(lines)),))])


def _letters(blocks: Blocks) -> str:
    return "".join(letter for line in words(blocks) for letter in line if letter.isalnum())


def _sentence(blocks: Blocks) -> str:
    """Why a change was left out, and what there is to do."""
    kind = next((_NAMES[type(block)] for block in blocks if type(block) in _NAMES), "a text")
    said = spoken(in_one_line(blocks))[:60].strip()
    return (
        f"a change inside {kind} (“{said}…”) is not taken over: this tool shows only its words. Change it in a tool "
        "that shows it whole, or put the words back as they were."
    )

"""Fits a rich text into a tool's limit: converted first, measured as the tool does, cut between blocks if it can be.

The cut place does not depend on the link that is written behind it, so that reading a cut text gives the same fields
whoever wrote the link, and nothing is written twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tieline.core.letters import whole_letters
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
    safe_href,
    tidy,
)

MARK = "(… cut to fit here)"
LINKED = "(… cut to fit here; the whole text: "
HEADROOM = 700
"""What is kept free for the mark, a link of up to `_LONGEST_LINK`, and the tool's own wrapping of both."""
_LONGEST_LINK = 180
_CUT = Paragraph((Run(MARK),))

Measure = Callable[[Blocks], int]


def is_cut(markdown: str) -> bool:
    """True for a text that a tool holds only the beginning of."""
    return MARK in markdown


def cut(blocks: Blocks, limit: int, measure: Measure) -> Blocks:
    """The blocks themselves when they fit, else their beginning and a mark."""
    if measure(blocks) <= limit:
        return blocks
    room = max(limit - HEADROOM, 0)
    kept = _fitting(tuple(block for block in blocks if block != _CUT), room, measure)
    return (*kept, _CUT)


def _fitting(blocks: Blocks, room: int, measure: Measure) -> Blocks:
    """The longest beginning that fits: whole blocks, and where not even the first fits, or most of the room would stay
    empty, a beginning of the next one."""
    count = most(len(blocks), lambda n: measure(blocks[:n]), room)
    kept = blocks[:count]
    if count == len(blocks) or measure(kept) > room // 2:
        return kept
    size = _size(blocks[count])
    pieces = most(size, lambda n: measure(tidy((*kept, *_beginning(blocks[count], n)))), room)
    return tidy((*kept, *_beginning(blocks[count], pieces)))


def most(largest: int, weigh: Callable[[int], int], room: int) -> int:
    """The largest number of parts that weigh no more than the room, when fewer weigh no more.

    Weighing means to write them out, and parts of a kind weigh alike: every second time what the last weight lets
    expect is weighed, and in between the middle, so that it comes to an end for parts that are not.
    """
    low, high, expected, guesses = 0, largest, 0, False
    while low < high:
        number = min(max(expected, low + 1), high) if guesses else (low + high + 1) // 2
        weight = weigh(number)
        low, high = (number, high) if weight <= room else (low, number - 1)
        expected, guesses = number * room // max(weight, 1), not guesses
    return low


def _size(block: Block) -> int:
    match block:
        case Paragraph(runs) | Heading(_, runs):
            return sum(len(run.text) for run in runs)
        case CodeBlock(text):
            return len(text)
        case Quote(inner):
            return len(inner)
        case Items(_, _, items):
            return len(items)
        case Table(rows):
            return len(rows)
        case Rule():
            return 1


def _beginning(block: Block, size: int) -> Blocks:
    """The first `size` letters, items or rows of a block."""
    if size <= 0:
        return ()
    match block:
        case Paragraph(runs):
            return (Paragraph(_first_letters(runs, size)),)
        case Heading(level, runs):
            return (Heading(level, _first_letters(runs, size)),)
        case CodeBlock(text, language):
            return (CodeBlock(_whole_words(text, size, "\n"), language),)
        case Quote(inner):
            return (Quote(inner[:size]),)
        case Items(ordered, start, items):
            return (Items(ordered, start, items[:size]),)
        case Table(rows):
            return (Table(rows[:size]),)
        case Rule():
            return (block,)


def _first_letters(runs: Runs, size: int) -> Runs:
    kept: list[Run] = []
    for run in runs:
        if len(run.text) > size:
            kept.append(replace(run, text=_whole_words(run.text, size, " ")))
            break
        kept.append(run)
        size -= len(run.text)
    return tuple(kept)


def _whole_words(text: str, size: int, between: str) -> str:
    """At most `size` letters, up to the end of a word or line if one ends in the last fifth."""
    if len(text) <= size:
        return text
    end = text.rfind(between, size * 4 // 5, size)
    return text[: end if end > 0 else whole_letters(text, size)]


def linked(blocks: Blocks, link: str) -> Blocks:
    """The blocks with the link behind the mark, when they were cut and the link is one."""
    href = safe_href(link)
    if not href or len(href) > _LONGEST_LINK or not blocks or blocks[-1] != _CUT:
        return blocks
    return (*blocks[:-1], Paragraph((Run(f"{LINKED}{href} )"),)))


def unlinked(blocks: Blocks) -> Blocks:
    """The blocks as they were before `linked`."""
    match blocks:
        case (*rest, Paragraph((Run(first), *_)) as last) if first.startswith(LINKED) and _ends(last):
            return (*rest, _CUT)
    return blocks


def _ends(block: Paragraph) -> bool:
    return block.runs[-1].text.endswith(")") and all("\n" not in run.text for run in block.runs)

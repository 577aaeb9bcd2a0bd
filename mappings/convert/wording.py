"""Changes the words of marked text and keeps the marks of those that stay.

Both sides are compared word by word, as they would be spoken: a link's address stands behind its words. A link of
which a word changes is a link no more, since nobody can say what it would lead to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from tieline.mappings.convert.rich import Run, Runs, spoken

_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)
_LONGEST = 20_000
"""Letters beyond which words are not compared one by one: it costs time in proportion to their square."""


class _Letter(NamedTuple):
    """A letter, the run it is spoken for, and whether it is a link's address."""

    letter: str
    run: Run
    number: int
    tail: bool


def reworded(rich: Runs, shown: Runs, edited: Runs) -> Runs | None:
    """`rich`, of which a tool shows `shown`, after that became `edited`. None when they do not belong together.

    What the edit says of a word's marks counts where it changed them.
    """
    if spoken(rich) != spoken(shown):
        return None
    if shown == edited:
        return rich
    own, seen, new = (list(_letters(runs, number)) for number, runs in enumerate((rich, shown, edited)))
    kept: list[_Letter] = []
    for tag, begin, end, first, last in steps(spoken(shown), spoken(edited)):
        if tag != "equal":
            kept += new[first:last]
            continue
        for before, after, mine in zip(seen[begin:end], new[first:last], own[begin:end], strict=True):
            same = before.run.marks == after.run.marks and before.run.href == after.run.href
            kept.append(mine if same else after)
    return tuple(_joined(kept))


def steps(before: str, after: str) -> list[tuple[str, int, int, int, int]]:
    """How one text became the other, in letters, by whole words: as difflib's opcodes."""
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    middle = before[head : len(before) - tail], after[head : len(after) - tail]
    found = [("equal", 0, head, 0, head)]
    if max(map(len, middle)) > _LONGEST:
        found.append(("replace", head, head + len(middle[0]), head, head + len(middle[1])))
    else:
        found += _by_words(*middle, head)
    found.append(("equal", len(before) - tail, len(before), len(after) - tail, len(after)))
    return [step for step in found if step[2] > step[1] or step[4] > step[3]]


def _by_words(before: str, after: str, at: int) -> Iterator[tuple[str, int, int, int, int]]:
    left, right = _WORD.findall(before), _WORD.findall(after)
    first = other = at
    for tag, begin, end, start, stop in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        old, new = len("".join(left[begin:end])), len("".join(right[start:stop]))
        yield tag, first, first + old, other, other + new
        first, other = first + old, other + new


def _alike(before: str, after: str) -> int:
    """Letters that both begin with, up to the end of a word."""
    same = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        same += 1
    while 0 < same < max(len(before), len(after)) and _inside_word(before, same) | _inside_word(after, same):
        same -= 1
    return same


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _letters(runs: Runs, side: int) -> Iterator[_Letter]:
    for place, run in enumerate(runs):
        number = place * 3 + side
        yield from (_Letter(letter, run, number, tail=False) for letter in run.text)
        if run.href:
            yield from (_Letter(letter, run, number, tail=True) for letter in f" ({run.href})")


def _joined(letters: Iterable[_Letter]) -> Iterator[Run]:
    group: list[_Letter] = []
    for letter in letters:
        if group and group[-1].number != letter.number:
            yield from _run(group)
            group = []
        group.append(letter)
    yield from _run(group)


def _run(group: list[_Letter]) -> Iterator[Run]:
    if not group:
        return
    run = group[0].run
    said = "".join(letter.letter for letter in group)
    if not run.href:
        yield Run(said, run.marks)
    elif said == spoken((run,)):
        yield run
    else:
        yield Run(said, run.marks)

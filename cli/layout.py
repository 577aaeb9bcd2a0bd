"""How a table is laid out: in a terminal within its width, elsewhere one row a line, however long.

A column is never narrower than the longest word of its header, nor than what reads well. Where the columns do not fit
side by side, each row becomes a block of its own, with one cell a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len

from tieline.core.letters import letters_of

NOTHING: Final = "·"
"""A cell with nothing in it."""

GAP: Final = "   "
LEGIBLE: Final = 20
"""Columns that a long cell is given at least; what is shorter is not broken at all."""

BRIEF: Final = 120
"""Columns of a cell among others, after which it is cut."""

WHOLE: Final = 1_000
"""The same where a cell is what was asked for, and a terminal breaks it into lines."""

WHOLE_IN_A_ROW: Final = 300
"""The same where every row is one line."""

MARK: Final = "…"
"""What a cut text ends with."""

Row = Sequence[str]


def table(columns: Row, rows: Sequence[Row], width: int | None) -> list[str]:
    """The lines of a table, the first of which are its header. `width` is the terminal's, or None without one."""
    if width is None:
        return _side_by_side(columns, [[cell.replace("\n", " ↵ ") for cell in row] for row in rows], None)
    return _side_by_side(columns, rows, width) or [line for row in rows for line in _block(columns, row, width)]


def cut(text: str, most: int) -> str:
    """The text, or its beginning with a mark at its end where it is wider. A line's end counts as a legible column."""
    if len(text) <= most and _room(text) <= most:
        return text
    # A character is of a few code points, or of nobody's writing.
    kept, room = "", 0
    for letter in letters_of(text[: 8 * most]):
        room += _room(letter)
        if room >= most:
            break
        kept += letter
    return text if kept == text else kept + MARK


def _room(text: str) -> int:
    return cell_len(text) + text.count("\n") * LEGIBLE


def wrapped(text: str, width: int, *, whole: bool = False) -> list[str]:
    """The lines of a text that is at most so wide. Words stay whole unless they are wider, and then too if `whole`."""
    return [line for paragraph in text.split("\n") for line in _filled(paragraph, width, whole)]


def _filled(paragraph: str, width: int, whole: bool) -> Iterator[str]:
    line, empty = "", True
    for word in paragraph.split(" "):
        if not empty and cell_len(line) + 1 + cell_len(word) <= width:
            line += f" {word}"
            continue
        if not empty:
            yield line
        # Only a word that is wider than the whole line is broken.
        *full, line = _parts(word, width) if cell_len(word) > width and not whole else [word]
        yield from full
        empty = False
    yield line


def _parts(word: str, width: int) -> Iterator[str]:
    """The lines of a word that is wider than one. A character is not parted, though it be wider by itself."""
    line = ""
    for letter in letters_of(word):
        if line and cell_len(line + letter) > width:
            yield line
            line = ""
        line += letter
    yield line


def _side_by_side(columns: Row, rows: Sequence[Row], width: int | None) -> list[str]:
    """Header, rule and rows; nothing where the columns do not fit."""
    natural = [max(_breadth(row[place]) for row in (columns, *rows)) for place in range(len(columns))]
    widths = natural if width is None else _shared(columns, natural, width - len(GAP) * (len(columns) - 1))
    if not widths:
        return []
    rule = "─" * (sum(widths) + len(GAP) * (len(widths) - 1))
    return [*_lines(columns, widths), rule, *(line for row in rows for line in _lines(row, widths))]


def _breadth(cell: str) -> int:
    return max(cell_len(line) for line in cell.split("\n"))


def _shared(columns: Row, natural: Sequence[int], room: int) -> list[int]:
    """How wide each column is, so that all of them fit. Nothing where they cannot."""
    words = [max(cell_len(word) for word in column.split(" ")) for column in columns]
    widths = [max(word, min(full, LEGIBLE)) for word, full in zip(words, natural, strict=True)]
    if sum(widths) > room:
        return []
    for _ in range(room - sum(widths)):
        wanting = [place for place, full in enumerate(natural) if widths[place] < full]
        if not wanting:
            break
        widths[min(wanting, key=lambda place: widths[place])] += 1
    return widths


def _lines(row: Row, widths: Sequence[int]) -> Iterator[str]:
    cells = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for parts in zip_longest(*cells, fillvalue=""):
        padded = [part + " " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True)]
        yield GAP.join(padded).rstrip()


def _block(columns: Row, row: Row, width: int) -> Iterator[str]:
    """A row as lines of its own, without the cells that have nothing in them."""
    indent = max((cell_len(column) for column in columns[1:]), default=0) + 2 + len(GAP)
    yield from wrapped(f"{columns[0]} {row[0]}", width)
    for column, cell in zip(columns[1:], row[1:], strict=True):
        if cell != NOTHING:
            first, *others = wrapped(cell, max(width - indent, LEGIBLE))
            yield f"  {column}" + " " * (indent - 2 - cell_len(column)) + first
            yield from (" " * indent + line for line in others)
    yield ""

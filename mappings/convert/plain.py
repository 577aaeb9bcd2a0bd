"""Plain text, and ServiceNow's journal, which is plain text except for `[code]` blocks of HTML.

Text is taken literally: `*` in a log line is a star. What a rich text has beyond words is written as people write it in
plain text, and reads back as those words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tieline.mappings.convert import html
from tieline.mappings.convert.lines import GUARD, quiet
from tieline.mappings.convert.rich import (
    NO_BREAK,
    Block,
    Blocks,
    CodeBlock,
    Heading,
    Items,
    Paragraph,
    Quote,
    Rule,
    Run,
    Table,
    clean_text,
    even_lines,
    spoken,
    tidy,
)

_BLANK = re.compile(r"\n[ \t]*(?:\n[ \t]*)*\n")
_RAW_BLANK = re.compile(r"(?:\r\n|\r|\n)(?:[ \t]*(?:\r\n|\r|\n))+")
_CODE_TAG = re.compile(r"\[(?=\s{0,3}/?\s{0,3}code\b)", re.IGNORECASE)
_CODE_BLOCK = re.compile(r"\[code\](.*?)\[/code\]", re.IGNORECASE | re.DOTALL)


def parse(body: Any) -> Blocks:
    """Paragraphs, taken word for word. Indentation is kept as no-break spaces. A tool that holds named values where a
    text should be (PagerDuty's details of an event) shows them a line each."""
    if isinstance(body, Mapping):
        body = "\n".join(f"{name}: {value}" for name, value in body.items())
    text = clean_text(str(body)).strip()
    return tidy(Paragraph((Run("\n".join(map(_indented, part.split("\n")))),)) for part in _BLANK.split(text))


def spans(text: str) -> list[tuple[str, Blocks]]:
    """The text in the pieces that its blocks stand in, each with what follows it up to the next; and their blocks."""
    return [(piece, parse(piece)) for piece in _paragraphs_of(text, [])]


def journal_spans(text: str) -> list[tuple[str, Blocks]]:
    """As `spans`, where a piece never ends inside of `[code]`."""
    closed = [(found.start(), found.end()) for found in _CODE_BLOCK.finditer(text)]
    return [(piece, parse_journal(piece)) for piece in _paragraphs_of(text, closed)]


def _paragraphs_of(text: str, closed: list[tuple[int, int]]) -> list[str]:
    pieces: list[str] = []
    at = 0
    for found in _RAW_BLANK.finditer(text):
        if text[at : found.start()].strip() and not any(begin < found.start() < end for begin, end in closed):
            pieces.append(text[at : found.end()])
            at = found.end()
    return [*pieces, text[at:]] if text[at:] else pieces


def _indented(line: str) -> str:
    bare = line.lstrip(" \t")
    return line if bare == line else NO_BREAK * len(line[: len(line) - len(bare)].expandtabs(4)) + bare


def parse_journal(body: Any) -> Blocks:
    """Like plain text, with what the HTML of `[code]` blocks says in its place."""
    text = even_lines(str(body)).strip()  # guards stay until the tags are found: they hide what looks like one
    lower = text.lower()
    end = lower.rfind("[/code]") + len("[/code]")
    if "[/code]" not in lower or lower.count("[/code]") > lower.count("[code]"):
        return parse(text)
    reader = html.Reader()
    *parts, last = _CODE_BLOCK.split(text[:end])  # behind the last end none is looked for, once for each beginning
    for index, part in enumerate([*parts, last + text[end:]]):
        if index % 2:
            reader.feed(part)
        else:
            reader.say(_plainly(part, begins=not index))
    return tidy(reader.blocks())


def _plainly(text: str, *, begins: bool) -> str:
    """Plain text between two pieces of HTML: its first line only goes on, unless it begins the whole."""
    first, *more = text.split("\n")
    even = "\n".join([_indented(first) if begins else first, *map(_indented, more)])
    return _BLANK.sub("\n\n", even)


def render(blocks: Blocks) -> str:
    """The text, blocks parted by an empty line."""
    return quiet("\n\n".join("\n".join(_lines(block)) for block in blocks)).strip()


def render_journal(blocks: Blocks) -> str:
    """The text, with foreign `[code]` tags made harmless: ServiceNow would show what they hold as HTML."""
    return _CODE_TAG.sub("[" + GUARD, render(blocks))


def _lines(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(runs) | Heading(_, runs):
            yield from map(_unindented, spoken(runs).split("\n"))
        case CodeBlock(text):
            yield from (f"    {line}" if line else "" for line in text.split("\n"))
        case Quote(inner):
            for index, one in enumerate(inner):
                yield from [">"] if index else []
                yield from (f"> {line}" for line in _lines(one))
        case Items(ordered, start, items):
            for place, item in enumerate(items):
                marker = f"{start + place}. " if ordered else "- "
                lines = [line for one in item for line in _lines(one)]
                yield from (" " * len(marker) + line if index else marker + line for index, line in enumerate(lines))
        case Table(rows):
            yield from (" | ".join(spoken(cell) for cell in row) for row in rows)
        case Rule():
            yield "-----"


def _unindented(line: str) -> str:
    bare = line.lstrip(NO_BREAK)
    return " " * (len(line) - len(bare)) + bare

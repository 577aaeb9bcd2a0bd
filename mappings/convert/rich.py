"""Rich text as a tree that every dialect can say: what all converters parse into and render from.

A tree is *tidy* when `tidy(tree) == tree`: no empty nodes, no spaces at the edges of a line or of a mark, neighbours
with equal marks joined. Renderers are given tidy trees only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from tieline.core.letters import beginning
from tieline.mappings.convert.lines import GUARD

DEEPEST = 8
# What Markdown strips from the edges of a line. A no-break space stays at the beginning: it is how indentation is kept.
SPACES = " \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
NO_BREAK = "\u00a0"
LONGEST = 1 << 17
"""Letters of a text that are looked at. What lies behind them is left out, so that no text costs without end."""
_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{GUARD}\u2028\u2029\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,30}")
_SAFE_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]+", re.IGNORECASE)
_LINK_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\"`{}|\\^()\[\]]")


class Mark(StrEnum):
    """How a run of text is marked. `CODE` stands alone."""

    STRONG = "strong"
    EM = "em"
    STRIKE = "strike"
    CODE = "code"


Marks = frozenset[Mark]
PLAIN: Marks = frozenset()


@dataclass(frozen=True, slots=True)
class Run:
    """Text with one set of marks. A newline in it is a line break."""

    text: str
    marks: Marks = PLAIN
    href: str = ""


Runs = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    runs: Runs


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    runs: Runs


@dataclass(frozen=True, slots=True)
class CodeBlock:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Quote:
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class Items:
    """A list. `start` counts for ordered ones only."""

    ordered: bool
    start: int
    items: tuple[Blocks, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The first row is the header. In a tidy tree every row has as many cells as the widest."""

    rows: tuple[tuple[Runs, ...], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    pass


Block = Paragraph | Heading | CodeBlock | Quote | Items | Table | Rule
Blocks = tuple[Block, ...]


def clean_text(text: str) -> str:
    """Newlines as one character; control characters, guards and lone surrogates gone."""
    if text.isascii() and text.isprintable():
        return beginning(text, LONGEST)
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", even_lines(text)))


def even_lines(text: str) -> str:
    """The text as far as it is looked at, with every newline as one character."""
    return beginning(text, LONGEST).replace("\r\n", "\n").replace("\r", "\n")


def safe_href(href: str) -> str:
    """A link's target with everything escaped that could end it early, or "" when it is not http, https or mailto."""
    href = clean_text(href).replace("\n", "").strip()
    if not _SAFE_LINK.fullmatch(href.replace(" ", "%20")):
        return ""
    return _LINK_UNSAFE.sub(lambda found: f"%{ord(found.group()):02X}", href)


def tidy(blocks: Iterable[Block], depth: int = 0) -> Blocks:
    """The same text in the one form that renderers take."""
    groups: list[list[Block]] = []
    for block in blocks:
        for kept in _tidy_block(block, depth):
            if groups and _are_one(groups[-1][0], kept):
                groups[-1].append(kept)
            else:
                groups.append([kept])
    return tuple(_joined_blocks(group, depth) for group in groups)


def _are_one(block: Block, following: Block) -> bool:
    """Lists of a kind that follow each other, and quotes."""
    if isinstance(block, Items):
        return isinstance(following, Items) and block.ordered == following.ordered
    return isinstance(block, Quote) and isinstance(following, Quote)


def _joined_blocks(group: list[Block], depth: int) -> Block:
    first, *others = group
    if not others:
        return first
    if isinstance(first, Items):
        return replace(first, items=tuple(item for one in group if isinstance(one, Items) for item in one.items))
    return Quote(tidy((inner for one in group if isinstance(one, Quote) for inner in one.blocks), depth + 1))


def _tidy_block(block: Block, depth: int) -> Iterator[Block]:
    match block:
        case Paragraph(runs):
            yield from (Paragraph(part) for part in _paragraphs(runs))
        case Heading(level, runs):
            line = tidy_runs(one_line(runs))
            if line:
                yield Heading(min(max(level, 1), 6), line)
        case CodeBlock(text, language):
            known = _LANGUAGE.fullmatch(language)
            text = "\n".join(line.rstrip() for line in clean_text(text).split("\n")).strip("\n")
            if text.strip():
                yield CodeBlock(text, language if known else "")
        case Quote(blocks):
            inner = tidy(blocks, depth + 1)
            if inner and depth >= DEEPEST:
                yield from inner
            elif inner:
                yield Quote(inner)
        case Items(ordered, start, items):
            kept = tuple(inner for item in items if (inner := tidy(item, depth + 1)))
            if kept and depth >= DEEPEST:
                yield from (inner for item in kept for inner in item)
            elif kept:
                yield Items(ordered, min(max(start, 0), 999_999_999) if ordered else 1, kept)
        case Table(rows):
            yield from _tidy_table(rows)
        case Rule():
            yield block


def _tidy_table(rows: tuple[tuple[Runs, ...], ...]) -> Iterator[Block]:
    cells = [[tidy_runs(one_line(cell)) for cell in _narrowed(row)] for row in rows]
    width = max(map(len, cells), default=0)
    if any(cell for row in cells for cell in row):
        yield Table(tuple(tuple(row + [()] * (width - len(row))) for row in cells))


def _narrowed(row: tuple[Runs, ...]) -> tuple[Runs, ...]:
    """At most _WIDEST columns, of which the last holds what stood behind it: every row is made as wide as the widest,
    so that one of thousands would cost thousands in each."""
    if len(row) <= _WIDEST:
        return row
    return (*row[: _WIDEST - 1], tuple(_with_between(" ", row[_WIDEST - 1 :])))


Cell = tuple[Runs, int, int]
"""What a cell holds, and how many columns and rows it takes."""
_WIDEST = 200


def spread_cells(rows: Iterable[Iterable[Cell]]) -> tuple[tuple[Runs, ...], ...]:
    """Rows in which each cell stands in its own column: what spans further has empty ones beside and below it."""
    spread: list[tuple[Runs, ...]] = []
    taken: dict[int, int] = {}  # column -> how many more rows a cell above reaches into
    for row in rows:
        line: list[Runs] = []
        below: dict[int, int] = {}
        for runs, columns, height in row:
            while taken.get(len(line), 0) > 0:
                line.append(())
            begin = len(line)
            line += [runs, *[()] * (min(columns, _WIDEST - begin) - 1)]
            below |= {column: height - 1 for column in range(begin, min(len(line), _WIDEST)) if height > 1}
        taken = {column: more - 1 for column, more in taken.items() if more > 1} | below
        spread.append(tuple(line))
    return tuple(spread)


def in_one_line(blocks: Iterable[Block]) -> Runs:
    """The words of blocks with their marks, as a table's cell or any other single line can hold them."""
    runs: list[Run] = []
    for block in blocks:
        runs += [Run(" "), *_line_of(block)]
    return one_line(tuple(runs[1:]))


def _line_of(block: Block) -> Iterator[Run]:
    match block:
        case Paragraph(runs) | Heading(_, runs):
            yield from runs
        case CodeBlock(text):
            yield Run(text, frozenset({Mark.CODE}))
        case Quote(inner):
            yield from in_one_line(inner)
        case Items(_, _, items):
            yield from _with_between("; ", (in_one_line(item) for item in items))
        case Table(rows):
            yield from _with_between("; ", (tuple(_with_between(", ", row)) for row in rows))
        case Rule():
            yield Run("---")


def _with_between(glue: str, lines: Iterable[Runs]) -> Iterator[Run]:
    for index, line in enumerate(one for one in lines if one):
        yield from [Run(glue)] if index else []
        yield from line


def parted(runs: Runs) -> Iterator[Runs]:
    """The lines of runs."""
    line: list[Run] = []
    for run in runs:
        first, *more = run.text.split("\n")
        line += [replace(run, text=first)] if first else []
        for text in more:
            yield tuple(line)
            line = [replace(run, text=text)] if text else []
    yield tuple(line)


def one_line(runs: Runs) -> Runs:
    """Runs without line breaks."""
    return tuple(replace(run, text=run.text.replace("\n", " ")) if "\n" in run.text else run for run in runs)


def tidy_runs(runs: Iterable[Run]) -> Runs:
    """Runs cleaned, joined, and without spaces at the edges of lines and of marks."""
    now = _joined(_cleaned(runs))
    for _ in range(4):
        before, now = now, _joined(_loosened(now))
        if now == before:
            break
    return now


def _saying(run: Run, text: str) -> Run:
    """The run with another text; `dataclasses.replace` takes ten times as long, and most texts stay as they are."""
    return run if text == run.text else Run(text, run.marks, run.href)


def _cleaned(runs: Iterable[Run]) -> Iterator[Run]:
    for run in runs:
        text = clean_text(run.text).replace("\t", " ")
        href = safe_href(run.href) if run.href else ""
        marks = frozenset({Mark.CODE}) if Mark.CODE in run.marks else run.marks
        if marks or href:
            text = text.replace("\n", " ") if Mark.CODE in marks or href else text
        if href and Mark.CODE not in marks and safe_href(text.strip()) == href:
            href = ""  # a bare address is text in every dialect, and each makes a link of it when it shows it
        if text:
            yield Run(text, marks, href)


def _loosened(runs: Iterable[Run]) -> Iterator[Run]:
    """Spaces at the edges of a marked run belong outside of it: `**a **b` marks nothing in Markdown."""
    edges = SPACES + NO_BREAK + "\n"
    for run in runs:
        core = run.text.strip(edges)
        if not (run.marks or run.href) or core == run.text:
            yield run
            continue
        head = len(run.text) - len(run.text.lstrip(edges))
        if head:
            yield Run(run.text[:head])
        if core:
            yield _saying(run, core)
            if len(run.text) > head + len(core):
                yield Run(run.text[head + len(core) :])


def _joined(runs: Iterable[Run]) -> Runs:
    done: list[Run] = []
    for run in runs:
        if done and done[-1].marks == run.marks and done[-1].href == run.href:
            done[-1] = _saying(run, done[-1].text + run.text)
        else:
            done.append(run)
    return _trimmed(done)


def _trimmed(runs: list[Run]) -> Runs:
    """No spaces at the beginning or end of any line, and no empty line at either end."""
    done: list[Run] = []
    fresh = True
    for place, run in enumerate(runs):
        following = runs[place + 1].text if place + 1 < len(runs) else "\n"
        text = _trim_lines(run.text, fresh=fresh, ends=following.startswith("\n"))
        if text:
            done.append(_saying(run, text))
            fresh = text.endswith("\n")
    while done and not done[0].text.strip(SPACES + "\n"):
        done.pop(0)
    while done and not done[-1].text.strip(SPACES + NO_BREAK + "\n"):
        done.pop()
    if done:
        done[0] = _saying(done[0], done[0].text.lstrip(SPACES + "\n"))
        done[-1] = _saying(done[-1], done[-1].text.rstrip(SPACES + NO_BREAK + "\n"))
    return tuple(done)


def _trim_lines(text: str, *, fresh: bool, ends: bool) -> str:
    """`fresh` says that the text begins a line, `ends` that a line ends behind it."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if index or fresh:
            line = line.lstrip(SPACES)
        if ends or index < len(lines) - 1:
            line = line.rstrip(SPACES + NO_BREAK)
        lines[index] = line
    return "\n".join(lines)


def _paragraphs(runs: Runs) -> Iterator[Runs]:
    """A paragraph's runs, parted where a line is empty: Markdown ends a paragraph there."""
    whole = tidy_runs(runs)
    if not any("\n\n" in run.text for run in whole):
        if whole:
            yield whole
        return
    current: list[Run] = []
    for run in whole:
        parts = re.split(r"\n{2,}", run.text) if "\n\n" in run.text else [run.text]
        for index, part in enumerate(parts):
            if index:
                if line := tidy_runs(current):
                    yield line
                current = []
            current.append(_saying(run, part))
    if line := tidy_runs(current):
        yield line


def words(blocks: Iterable[Block]) -> Iterator[str]:
    """The text of a tree, a line for each line, without any marks; a link's address stands behind its words."""
    for block in blocks:
        match block:
            case Paragraph(runs) | Heading(_, runs):
                yield from spoken(runs).split("\n")
            case CodeBlock(text):
                yield from text.split("\n")
            case Quote(inner):
                yield from words(inner)
            case Items(_, _, items):
                for item in items:
                    yield from words(item)
            case Table(rows):
                yield from (" | ".join(spoken(cell) for cell in row) for row in rows)
            case Rule():
                yield "-----"


def spoken(runs: Runs) -> str:
    """Runs as plain text."""
    return "".join(f"{run.text} ({run.href})" if run.href else run.text for run in runs)

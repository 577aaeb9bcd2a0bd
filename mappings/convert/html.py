"""The HTML of ServiceNow's rich fields and journals to and from the tree.

One pass over the tags, whatever they are. What a browser would not show (scripts, styles, comments) is left out; a tag
that is not known here keeps its words.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tieline.core.entities import unescaped
from tieline.mappings.convert.lines import GUARD, quiet
from tieline.mappings.convert.rich import (
    Block,
    Blocks,
    CodeBlock,
    Heading,
    Items,
    Mark,
    Marks,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
    even_lines,
    in_one_line,
    spread_cells,
    tidy,
)

_TOKEN = re.compile(
    r"<(?P<unseen>!--|(?ai:script|style)\b)"
    r"|<(?P<closes>/?)(?P<tag>[A-Za-z][A-Za-z0-9]{0,20})\b(?P<attributes>[^<>]{0,4000})>"
)
_ATTRIBUTE = re.compile(r"([A-Za-z-]{1,30})\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_GAPS = re.compile(r"[ \t\n\r\f]+")
_CODE_TAG = re.compile(r"\[(?=\s{0,3}/?\s{0,3}code\b)", re.IGNORECASE)
_CODE_MARKS = re.compile(r"\[/?code\]", re.IGNORECASE)
_MARKS = {
    "b": Mark.STRONG, "strong": Mark.STRONG, "i": Mark.EM, "em": Mark.EM, "s": Mark.STRIKE, "strike": Mark.STRIKE,
    "del": Mark.STRIKE, "code": Mark.CODE, "tt": Mark.CODE, "kbd": Mark.CODE, "samp": Mark.CODE,
}  # fmt: skip
_PARTS = frozenset({"p", "div", "section", "article", "header", "footer", "dl", "dt", "dd", "details", "summary",
                    "figure", "figcaption", "address", "main", "aside", "form", "fieldset", "center"})  # fmt: skip
_CONTAINERS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "table", "tr",
                         "td", "th"})  # fmt: skip
_UNSEEN_ENDS = {
    kind: re.compile(end, re.ASCII | re.IGNORECASE)
    for kind, end in {"script": "</script>", "style": "</style>", "!--": "-->"}.items()
}
_ENDED_BY = {"li": "li", "tr": "tr", "td": "td", "th": "td"}
"""Tags whose end may be left out: the next of their kind ends them."""
_DEEPEST = 30


@dataclass(slots=True)
class _Open:
    """A tag that is open: what it holds so far."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    items: list[Blocks] = field(default_factory=list)
    rows: list[list[tuple[Runs, int, int]]] = field(default_factory=list)


class Reader:
    """Builds a tree from pieces of HTML and of plain text, in the order in which they are fed."""

    def __init__(self) -> None:
        self._open = [_Open("")]
        self._marks: Counter[str] = Counter()
        self._href = ""

    def feed(self, markup: str) -> None:
        """Take in HTML. Tags left open are closed at its end."""
        at = 0
        for found, end in _tokens(markup):
            self._text(markup[at : found.start()])
            at = end
            if found["tag"]:
                self._tag(found["tag"].lower(), found["attributes"], closes=bool(found["closes"]))
        self._text(markup[at:])
        while len(self._open) > 1:
            self._close_last()
        self._marks, self._href = Counter(), ""

    def say(self, text: str) -> None:
        """Take in plain text, in which a newline is one."""
        self._open[0].runs.append(Run(text))

    def blocks(self) -> Blocks:
        """Everything that was fed."""
        self._flush()
        return tuple(self._open[0].blocks)

    def _text(self, text: str) -> None:
        if not text:
            return
        top = self._open[-1]
        if top.tag == "pre":
            top.runs.append(Run(unescaped(text)))
            return
        text = unescaped(_GAPS.sub(" ", text))
        if text.strip(" ") or top.runs:
            marks: Marks = frozenset(_MARKS[tag] for tag, times in self._marks.items() if times)
            top.runs.append(Run(text, marks, self._href))

    def _tag(self, tag: str, attributes: str, *, closes: bool) -> None:
        if tag == "br":
            self._open[-1].runs.append(Run("\n"))
        elif tag == "hr":
            self._flush()
            self._open[-1].blocks.append(Rule())
        elif tag == "a":
            self._href = "" if closes else _attributes(attributes).get("href", "")
        elif tag == "img":
            self._picture(_attributes(attributes))
        elif tag in _MARKS:
            self._mark(tag, closes=closes)
        elif tag in _PARTS:
            self._flush()
        elif tag in _CONTAINERS and closes:
            self._close(tag)
        elif tag in _CONTAINERS:
            self._begin(tag, attributes)

    def _picture(self, attributes: dict[str, str]) -> None:
        name = attributes.get("alt") or attributes.get("src", "").split("?")[0].rsplit("/", 1)[-1] or "picture"
        self._open[-1].runs.append(Run(f"[{name}]"))

    def _mark(self, tag: str, *, closes: bool) -> None:
        if not closes:
            self._marks[tag] += 1
        elif self._marks[tag]:
            self._marks[tag] -= 1

    def _begin(self, tag: str, attributes: str) -> None:
        sibling = _ENDED_BY.get(tag)
        last = self._open[-1].tag
        if sibling and (
            last == sibling or {last, sibling} == {"td", "th"} or (sibling == "tr" and last in ("td", "th"))
        ):
            self._close_last()
            if sibling == "tr" and self._open[-1].tag == "tr":
                self._close_last()
        self._flush()
        if len(self._open) < _DEEPEST:
            self._open.append(_Open(tag, _attributes(attributes)))

    def _close(self, tag: str) -> None:
        if any(one.tag == tag for one in self._open):
            while self._close_last() != tag:
                pass
        else:
            self._flush()

    def _close_last(self) -> str:
        self._flush()
        done = self._open.pop()
        parent = self._open[-1]
        match done.tag:
            case "li":
                parent.items.append(tuple(done.blocks))
                if parent.tag not in ("ul", "ol"):
                    parent.blocks.append(Items(False, 1, tuple(parent.items)))
                    parent.items.clear()
            case "ul" | "ol":
                loose = [tuple(done.blocks)] if done.blocks else []
                start = done.attributes.get("start", "1")
                parent.blocks.append(
                    Items(done.tag == "ol", int(start) if start.isdecimal() else 1, (*done.items, *loose))
                )
            case "td" | "th":
                cell = (in_one_line(tidy(done.blocks)), _span(done, "colspan"), _span(done, "rowspan"))
                if parent.tag == "tr":
                    row = parent.rows[0] if parent.rows else []
                    row.append(cell)
                    parent.rows = [row]
                else:
                    parent.blocks.append(Paragraph(cell[0]))
            case "tr":
                parent.rows += done.rows
                parent.blocks += done.blocks
                if parent.tag != "table" and done.rows:
                    parent.blocks.append(Table(spread_cells(done.rows)))
                    parent.rows.clear()
            case "table":
                parent.blocks += done.blocks
                parent.blocks.append(Table(spread_cells(done.rows)))
            case "blockquote":
                parent.blocks.append(Quote(tuple(done.blocks)))
            case _:
                parent.blocks += done.blocks
        return done.tag

    def _flush(self) -> None:
        top = self._open[-1]
        if not top.runs:
            return
        runs = tuple(top.runs)
        top.runs.clear()
        if top.tag == "pre":
            text = "".join(run.text for run in runs)
            top.blocks.append(CodeBlock(text.removeprefix("\n"), _language(top.attributes)))
        elif top.tag[:1] == "h":
            top.blocks.append(Heading(int(top.tag[1]), runs))
        else:
            top.blocks.append(Paragraph(runs))


def _tokens(markup: str) -> Iterator[tuple[re.Match[str], int]]:
    """Each tag and where what is not shown of it ends. What never ends is text, and is looked for once."""
    endless: set[str] = set()
    at = 0
    for found in _TOKEN.finditer(markup):
        if found.start() < at:
            continue
        unseen = (found["unseen"] or "").lower()
        if not unseen:
            at = found.end()
            yield found, at
            continue
        end = None if unseen in endless else _UNSEEN_ENDS[unseen].search(markup, found.end())
        if end is None:
            endless.add(unseen)
            continue
        at = end.end()
        yield found, at


def _span(cell: _Open, name: str) -> int:
    said = cell.attributes.get(name, "1")
    return int(said) if said.isdecimal() and len(said) < 4 else 1


def _attributes(said: str) -> dict[str, str]:
    return {
        found[1].lower(): unescaped(next(value for value in (found[2], found[3], found[4], "") if value is not None))
        for found in _ATTRIBUTE.finditer(said)
    }


def _language(attributes: dict[str, str]) -> str:
    return attributes.get("class", "").removeprefix("language-")


def parse(body: Any) -> Blocks:
    """The tree of an HTML text. Where it has no tag that breaks lines, its newlines do."""
    text = str(body)
    return _parse(text, tagged=in_tags(text))


def _parse(body: str, *, tagged: bool) -> Blocks:
    text = _CODE_MARKS.sub("", even_lines(body))
    reader = Reader()
    reader.feed(text if tagged else text.strip().replace("\n", "<br>"))
    return tidy(reader.blocks())


def in_tags(text: str) -> bool:
    """True for a text that has a tag which breaks lines, so that its newlines do not."""
    return any(found["tag"] and _breaks(found["tag"].lower()) for found, _ in _tokens(text))


def _breaks(tag: str) -> bool:
    return tag in ("br", "hr") or tag in _PARTS or tag in _CONTAINERS


def spans(text: str) -> list[tuple[str, Blocks]]:
    """The text in the pieces that its blocks stand in, each with what follows it up to the next; and their blocks."""
    pieces: list[str] = []
    depth = at = 0
    for found, _ in _tokens(text):
        tag = (found["tag"] or "").lower()
        if tag not in _PARTS | _CONTAINERS | {"hr"}:
            continue
        if tag != "hr" and found["closes"]:
            depth = max(depth - 1, 0)
        elif not depth and text[at : found.start()].strip():
            pieces.append(text[at : found.start()])
            at = found.start()
        if tag != "hr" and not found["closes"]:
            depth += 1
        if not depth:
            pieces.append(text[at : found.end()])
            at = found.end()
    pieces += [text[at:]] if text[at:] else []
    tagged = in_tags(text)
    return [(piece, _parse(piece, tagged=tagged)) for piece in pieces]


# Rendering ------------------------------------------------------------------------------------------------------------


def render(blocks: Blocks) -> str:
    """The HTML of a tidy tree: only tags and links of our own making."""
    return _CODE_TAG.sub("[" + GUARD, "\n".join(map(_render, blocks)))


def render_bare(blocks: Blocks) -> str:
    """The HTML of paragraphs for a text whose newlines break its lines, because no tag does."""
    if not all(isinstance(block, Paragraph) for block in blocks):
        return render(blocks)
    lines = (_runs(block.runs).replace("<br>", "\n") for block in blocks if isinstance(block, Paragraph))
    return _CODE_TAG.sub("[" + GUARD, "\n\n".join(lines))


def _render(block: Block) -> str:
    match block:
        case Paragraph(runs):
            return f"<p>{_runs(runs)}</p>"
        case Heading(level, runs):
            return f"<h{level}>{_runs(runs)}</h{level}>"
        case CodeBlock(text, language):
            known = f' class="language-{html.escape(language)}"' if language else ""
            return f"<pre{known}>{_escape(text)}</pre>"
        case Quote(inner):
            return _within("blockquote", map(_render, inner))
        case Items(ordered, start, items):
            entries = (_within("li", _item(item)) for item in items)
            return _within("ol" if ordered else "ul", entries, f' start="{start}"' if ordered and start != 1 else "")
        case Table(rows):
            return _within("table", (_row(row, "td" if index else "th") for index, row in enumerate(rows)))
        case Rule():
            return "<hr>"


def _item(item: Blocks) -> Iterator[str]:
    """An item's first paragraph stands bare, as editors write it."""
    for index, block in enumerate(item):
        bare = not index and isinstance(block, Paragraph)
        yield _runs(block.runs) if bare and isinstance(block, Paragraph) else _render(block)


def _row(row: tuple[Runs, ...], tag: str) -> str:
    return _within("tr", (f"<{tag}>{_runs(cell)}</{tag}>" for cell in row))


def _within(tag: str, inner: Iterator[str], attributes: str = "") -> str:
    return f"<{tag}{attributes}>{''.join(inner)}</{tag}>"


def _runs(runs: Runs) -> str:
    return "".join(map(_run, runs))


_TAGS: tuple[tuple[Mark, str], ...] = (
    (Mark.CODE, "code"), (Mark.STRIKE, "s"), (Mark.EM, "em"), (Mark.STRONG, "strong")
)  # fmt: skip


def _run(run: Run) -> str:
    shown = _escape(run.text).replace("\n", "<br>")
    for mark, tag in _TAGS:
        if mark in run.marks:
            shown = f"<{tag}>{shown}</{tag}>"
    return f'<a href="{html.escape(run.href)}">{shown}</a>' if run.href else shown


def _escape(text: str) -> str:
    return html.escape(quiet(text), quote=False)

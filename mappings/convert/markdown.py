"""Markdown, the canonical text, to and from the tree: `parse(render(tree)) == tree` for what `settled` returns.

It is CommonMark with tables and `~~strike~~`, read as people write in tickets: a newline is a line break; HTML,
reference definitions and underlined headings are plain text, so that no word of a pasted log disappears.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from tieline.mappings.convert.lines import raw_lines
from tieline.mappings.convert.rich import (
    PLAIN,
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
    clean_text,
    safe_href,
    spoken,
    tidy,
    words,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

_MARKS = {"strong": Mark.STRONG, "em": Mark.EM, "s": Mark.STRIKE}
_NESTED = 20
"""How deep the parser goes. A long row of `[` costs it time in proportion to this."""


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": _NESTED})
    parser.block.ruler.at("table", _whole_table, {"alt": ["paragraph", "reference"]})
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline", "reference", "lheading"])
    parser.validateLink = lambda url: bool(safe_href(url))  # type: ignore[method-assign]
    parser.normalizeLink = lambda url: safe_href(url)  # type: ignore[method-assign]
    parser.normalizeLinkText = lambda link: link  # type: ignore[method-assign]
    return parser


def _whole_table(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A table none of whose rows has more cells than its head: the parser would drop them, so those lines stay text."""
    from markdown_it.rules_block.table import table

    refused = state.env.setdefault("refused_tables_end", 0)
    here, made = state.line, len(state.tokens)
    if first < refused or not table(state, first, last, silent):
        return False
    if not silent:
        (head,) = _rows(state, first, first + 1)
        if any(len(row) > len(head) for row in _rows(state, first + 2, state.line)):
            state.env["refused_tables_end"] = state.line  # nothing in it is looked at again: it may be long
            del state.tokens[made:]
            state.line = here
            return False
    return True


def _rows(state: StateBlock, first: int, last: int) -> Iterator[list[str]]:
    """The cells of lines of a table, as the parser parts them."""
    from markdown_it.rules_block.table import escapedSplit

    for number in range(first, last):
        begin = state.bMarks[number] + state.tShift[number]
        cells = escapedSplit(state.src[begin : state.eMarks[number]].strip())
        yield cells[1 if cells and not cells[0] else 0 : -1 if cells and not cells[-1] else None]


def parse(markdown: str) -> Blocks:
    """The tree of a Markdown text. Every text is Markdown; nothing is ever refused."""
    text = clean_text(markdown)
    tokens = _parser().parse(text) if _ACTIVE.search(text) else []
    if not tokens or max(token.level for token in tokens) >= _NESTED - 2:
        # Nothing to parse; or so deep that the parser dropped what lies deeper, and no word may be lost.
        return tidy(Paragraph((Run(part),)) for part in _BLANK.split(text))
    blocks, _ = _blocks(tokens, 0, "")
    return tidy(blocks)


def spans(text: str) -> list[tuple[str, Blocks]]:
    """The text in the pieces that its blocks stand in, each with what follows it up to the next; and their blocks."""
    tokens = _parser().parse(text)
    begins = [token.map[0] for token in tokens if token.level == 0 and token.nesting >= 0 and token.map]
    lines = raw_lines(text)
    ends = [*begins[1:], len(lines)]
    pieces = [
        "".join(lines[begin if place else 0 : end]) for place, (begin, end) in enumerate(zip(begins, ends, strict=True))
    ]
    return [(piece, parse(piece)) for piece in pieces]


# What might be more than text. A text without any of it is paragraphs, and needs no parser.
_ACTIVE = re.compile(r"[\\`*_\[\]<>&~|#\t\u00a0]|^ {0,3}(?:[-+=]|\d{1,9}[.)])|^ {4}| $", re.MULTILINE)
_BLANK = re.compile(r"\n[ \n]*\n")


def _blocks(tokens: list[Token], at: int, until: str) -> tuple[list[Block], int]:
    """The blocks from `at` up to the token that closes them, and where that stands."""
    blocks: list[Block] = []
    while at < len(tokens) and tokens[at].type != until:
        token = tokens[at]
        match token.type:
            case "paragraph_open":
                blocks.append(Paragraph(_runs(tokens[at + 1])))
                at += 2
            case "heading_open":
                blocks.append(Heading(int(token.tag[1]), _runs(tokens[at + 1])))
                at += 2
            case "fence" | "code_block":
                blocks.append(CodeBlock(token.content, token.info.strip().split(" ")[0]))
            case "hr":
                blocks.append(Rule())
            case "blockquote_open":
                inner, at = _blocks(tokens, at + 1, "blockquote_close")
                blocks.append(Quote(tuple(inner)))
            case "bullet_list_open" | "ordered_list_open":
                items, at = _items(tokens, at + 1, token.type.replace("open", "close"))
                start = token.attrGet("start")
                ordered = token.type == "ordered_list_open"
                blocks.append(Items(ordered, int(start) if start is not None else 1, items))
            case "table_open":
                table, at = _table(tokens, at + 1)
                blocks.append(table)
            case "inline":
                blocks.append(Paragraph(_runs(token)))
        at += 1
    return blocks, at


def _items(tokens: list[Token], at: int, until: str) -> tuple[tuple[Blocks, ...], int]:
    items: list[Blocks] = []
    while tokens[at].type != until:
        inner, at = _blocks(tokens, at + 1, "list_item_close")
        items.append(tuple(inner))
        at += 1
    return tuple(items), at


def _table(tokens: list[Token], at: int) -> tuple[Table, int]:
    rows: list[tuple[Runs, ...]] = []
    row: list[Runs] = []
    while tokens[at].type != "table_close":
        match tokens[at].type:
            case "tr_open":
                row = []
            case "inline":
                row.append(_runs(tokens[at]))
            case "tr_close":
                rows.append(tuple(row))
        at += 1
    return Table(tuple(rows)), at


def _runs(inline: Token) -> Runs:
    marks: Marks = PLAIN
    href = ""
    runs: list[Run] = []
    for token in inline.children or ():
        kind = token.type.removesuffix("_open").removesuffix("_close")
        if kind == "link":
            href = str(token.attrGet("href") or "") if token.nesting > 0 else ""
        elif kind in _MARKS:
            marks = marks | {_MARKS[kind]} if token.nesting > 0 else marks - {_MARKS[kind]}
        elif kind in ("softbreak", "hardbreak"):
            runs.append(Run("\n", marks, href))
        elif kind == "code_inline":
            runs.append(Run(token.content, frozenset({Mark.CODE}), href))
        elif kind == "image":
            source = str(token.attrGet("src") or "")
            runs.append(Run(token.content or source, marks, source))
        elif token.content:
            runs.append(Run(token.content, marks, href))
    return tuple(runs)


# Rendering ------------------------------------------------------------------------------------------------------------

_ALWAYS = re.compile(r"[\\`*_\[\]<>&~|#+\-=.)!:(]")
_CAREFUL = re.compile(
    r"`"
    r"|\\(?=[!-/:-@\[-`{-~\n]|$)"
    r"|(?<!\s)\*|\*(?!\s)"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|\](?=\()"
    r"|<(?=[A-Za-z])"
    r"|&(?=#[0-9xX][0-9a-fA-F]{0,7};|[A-Za-z][A-Za-z0-9]{1,31};)"
    r"|~(?=~)|(?<=~)~"
)
_LINE_START = re.compile(
    r"^(#{1,6}(?=\s|$)|>|[-+*](?=\s|$)"
    r"|[-_*](?=[ \t_*-]+$)"  # a rule
    r"|[|:-](?=[|: \t-]*$)"  # the line under a table's head
    r")|^(\d{1,9})([.)])(?=\s|$)"
)

Escape = Callable[[str], str]


def careful(text: str) -> str:
    """Escapes what would otherwise mean something; most prose stays as it is."""
    return _CAREFUL.sub(_backslash, text)


def thorough(text: str) -> str:
    """Escapes every mark there is. Sure to read back as text, and hard to read for people."""
    return _ALWAYS.sub(_backslash, text)


def _backslash(found: re.Match[str]) -> str:
    return "\\" + found.group()


def render(blocks: Blocks, escape: Escape = careful) -> str:
    """The Markdown of a tidy tree."""
    return "\n\n".join(_render(block, escape) for block in blocks)


def _render(block: Block, escape: Escape) -> str:
    match block:
        case Paragraph(runs):
            return _lines(runs, escape)
        case Heading(level, runs):
            text = _inline(runs, escape)
            return "#" * level + " " + (text[:-1] + "\\#" if text.endswith("#") else text)
        case CodeBlock(text, language):
            fence = "`" * max(3, _longest(text, "`") + 1)
            return f"{fence}{language}\n{text}\n{fence}"
        case Quote(inner):
            return "\n".join(f"> {line}" if line else ">" for line in render(inner, escape).split("\n"))
        case Items():
            return _render_items(block, escape)
        case Table(rows):
            return _render_table(rows, escape)
        case Rule():
            return "---"


def _render_items(block: Items, escape: Escape) -> str:
    tight = all(_is_tight(item) for item in block.items)
    rendered = []
    for place, item in enumerate(block.items):
        marker = f"{min(block.start + place, 999_999_999)}. " if block.ordered else "- "
        text = ("\n" if tight else "\n\n").join(_render(inner, escape) for inner in item)
        pad = " " * len(marker)
        rendered.append(marker + "\n".join(pad + line if line else "" for line in text.split("\n"))[len(pad) :])
    return ("\n" if tight else "\n\n").join(rendered)


def _is_tight(item: Blocks) -> bool:
    head, *rest = item
    return isinstance(head, Paragraph) and all(
        isinstance(inner, Items) and not (inner.ordered and inner.start != 1) and all(map(_is_tight, inner.items))
        for inner in rest
    )


def _render_table(rows: tuple[tuple[Runs, ...], ...], escape: Escape) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    head, *rest = ([_inline(cell, escape, in_table=True) for cell in row] for row in rows)
    return "\n".join([line(head), line("---" for _ in head), *map(line, rest)])


def _longest(text: str, letter: str) -> int:
    return max((len(found) for found in re.findall(re.escape(letter) + "+", text)), default=0)


def _lines(runs: Runs, escape: Escape) -> str:
    """A paragraph: what would open a block at the beginning of a line is escaped too."""
    return "\n".join(_line_start(line) for line in _inline(runs, escape).split("\n"))


def _line_start(line: str) -> str:
    if not line or line[0].isalpha():
        return line
    if line[0] == "\u00a0":
        # The parser strips a no-break space at the beginning of a paragraph, and leaves its entity alone.
        return "&nbsp;" + line[1:]
    return _LINE_START.sub(lambda found: f"{found[2]}\\{found[3]}" if found[2] else "\\" + found[1], line, count=1)


_BANG = re.compile("!$")  # before a link it would make an image of it
_DELIMITERS = ((Mark.STRONG, "**"), (Mark.EM, "*"), (Mark.STRIKE, "~~"))


def _inline(runs: Runs, escape: Escape, *, in_table: bool = False) -> str:
    """Runs as Markdown. Marks close in the reverse order they opened; a link stands in no mark of its neighbours."""
    out: list[str] = []
    open_marks: list[tuple[Mark, str]] = []
    href = ""
    for run in runs:
        if run.href != href or any(mark not in run.marks for mark, _ in open_marks):
            out += _close(open_marks, run.marks if run.href == href else PLAIN)
            if run.href != href:
                out += [f"]({href})"] if href else []
                if run.href and out and escape is careful:
                    out[-1] = _BANG.sub(r"\\!", out[-1])
                out += ["["] if run.href else []
                href = run.href
        for mark, delimiter in _DELIMITERS:
            if mark in run.marks and (mark, delimiter) not in open_marks:
                open_marks.append((mark, delimiter))
                out.append(delimiter)
        text = _code(run.text) if Mark.CODE in run.marks else escape(run.text)
        out.append(text.replace("|", "\\|") if in_table else text)
    out += _close(open_marks, PLAIN)
    return "".join([*out, f"]({href})"] if href else out)


def _close(open_marks: list[tuple[Mark, str]], staying: Marks) -> list[str]:
    """Close marks from the inside until only staying ones are open."""
    out = []
    while any(mark not in staying for mark, _ in open_marks):
        out.append(open_marks.pop()[1])
    return out


def _code(text: str) -> str:
    fence = "`" * (_longest(text, "`") + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


# Settling -------------------------------------------------------------------------------------------------------------


def settled(blocks: Blocks) -> tuple[Blocks, str]:
    """The nearest tree that Markdown can say exactly, and that Markdown: reading it gives the tree again."""
    markdown = render(blocks)
    if not _ACTIVE.search(markdown) or parse(markdown) == blocks:
        return blocks, markdown
    plainer = tidy(exact for block in blocks for exact in _exact(block))
    for escape in (careful, thorough):
        markdown = render(plainer, escape)
        if parse(markdown) == plainer:
            return plainer, markdown
    bare = literal(plainer)
    return bare, render(bare, thorough)


def literal(blocks: Blocks) -> Blocks:
    """The words alone, a paragraph for each block of lines."""
    return tidy(Paragraph((Run("\n".join(words([block]))),)) for block in blocks)


def _exact(block: Block) -> Blocks:
    """A block as it is, or without the marks, or the structure, that Markdown cannot say here."""
    tree = tidy([block])
    if parse(render(tree)) == tree:
        return tree
    for attempt in (_inside_exact(block), without_marks(block, links=True), without_marks(block, links=False)):
        tree = tidy([attempt])
        if parse(render(tree)) == tree:
            return tree
    return literal((block,))


def _inside_exact(block: Block) -> Block:
    """A container with each of its blocks made exact by itself: what one of them loses, the others keep."""
    match block:
        case Quote(inner):
            return Quote(tuple(exact for one in inner for exact in _exact(one)))
        case Items(ordered, start, items):
            return Items(ordered, start, tuple(tuple(exact for one in item for exact in _exact(one)) for item in items))
        case _:
            return block


def without_marks(block: Block, *, links: bool) -> Block:
    """The block with its structure and without emphasis; without links too unless they stay."""

    def bare(runs: Runs) -> Runs:
        return tuple(Run(run.text, PLAIN, run.href) if links else Run(spoken((run,))) for run in runs)

    match block:
        case Paragraph(runs):
            return Paragraph(bare(runs))
        case Heading(level, runs):
            return Heading(level, bare(runs))
        case Quote(inner):
            return Quote(tuple(without_marks(one, links=links) for one in inner))
        case Items(ordered, start, items):
            return Items(
                ordered, start, tuple(tuple(without_marks(one, links=links) for one in item) for item in items)
            )
        case Table(rows):
            return Table(tuple(tuple(bare(cell) for cell in row) for row in rows))
        case _:
            return block

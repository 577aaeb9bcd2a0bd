"""Atlassian Document Format to and from the tree. A node that is not known here keeps its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tieline.mappings.convert.lines import quiet
from tieline.mappings.convert.rich import (
    PLAIN,
    Block,
    Blocks,
    Cell,
    CodeBlock,
    Heading,
    Items,
    Mark,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
    in_one_line,
    spread_cells,
    tidy,
)

Node = Mapping[str, Any]
_DEEPEST = 40
MARKS = {"strong": Mark.STRONG, "em": Mark.EM, "strike": Mark.STRIKE, "code": Mark.CODE}
_INLINE = frozenset(
    {"text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "mediaInline", "placeholder",
     "inlineExtension"}
)  # fmt: skip
_CARDS = frozenset({"inlineCard", "blockCard", "embedCard"})
_EXTENSIONS = frozenset({"extension", "inlineExtension", "bodiedExtension", "multiBodiedExtension"})
_URL = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'*]")


def parse(body: Any) -> Blocks:
    """The tree of a document. A text where a document should be is taken as plain paragraphs."""
    if isinstance(body, Mapping):
        return tidy(_blocks(_content(body), 0))
    return tidy(Paragraph((Run(part),)) for part in str(body).split("\n\n"))


def _content(node: Node) -> list[Node]:
    content = node.get("content")
    return [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []


def _attribute(node: Node, name: str) -> Any:
    attributes = node.get("attrs")
    return attributes.get(name) if isinstance(attributes, Mapping) else None


def _blocks(nodes: list[Node], depth: int) -> Iterator[Block]:
    loose: list[Run] = []
    for node in nodes:
        if node.get("type") in _INLINE:
            loose += _inline(node)
            continue
        if loose:
            yield Paragraph(tuple(loose))
            loose = []
        yield from _block(node, depth)
    if loose:
        yield Paragraph(tuple(loose))


def _block(node: Node, depth: int) -> Iterator[Block]:
    content = _content(node)
    if depth > _DEEPEST:
        yield Paragraph((Run(_all_text(node)),))
        return
    match node.get("type"):
        case "paragraph":
            yield Paragraph(_runs(content))
        case "heading":
            level = _attribute(node, "level")
            yield Heading(level if isinstance(level, int) else 1, _runs(content))
        case "codeBlock":
            text = "".join(run.text for run in _runs(content))
            yield CodeBlock(text, str(_attribute(node, "language") or ""))
        case "blockquote" | "panel":
            yield Quote(tuple(_blocks(content, depth + 1)))
        case "bulletList" | "orderedList" | "decisionList" | "taskList" as kind:
            order = _attribute(node, "order")
            items = tuple(tuple(_item(part, depth + 1)) for part in content)
            yield Items(kind == "orderedList", order if isinstance(order, int) else 1, items)
        case "table":
            yield Table(spread_cells([_cell(cell, depth + 1) for cell in _content(row)] for row in content))
        case "rule":
            yield Rule()
        case "expand" | "nestedExpand":
            title, inner = str(_attribute(node, "title") or ""), tuple(_blocks(content, depth + 1))
            strong = Paragraph((Run(title, frozenset({Mark.STRONG})),))
            yield strong if tidy(inner) or not title.strip() else Paragraph((Run(f"[{title.strip()}]"),))
            yield from inner
        case _ if content:
            yield from _blocks(content, depth + 1)
        case kind if kind in _CARDS or kind in _EXTENSIONS:
            yield Paragraph((Run(f"[{''.join(run.text for run in _inline(node)).strip('[]')}]"),))
        case _:
            yield Paragraph(tuple(_inline(node)))


def _item(node: Node, depth: int) -> Iterator[Block]:
    if node.get("type") == "taskItem":
        box = "[x] " if _attribute(node, "state") == "DONE" else "[ ] "
        yield Paragraph((Run(box), *_runs(_content(node))))
    elif node.get("type") == "decisionItem":
        yield Paragraph(_runs(_content(node)))
    elif node.get("type") in ("bulletList", "orderedList", "taskList"):
        yield from _block(node, depth)
    else:
        yield from _blocks(_content(node), depth)


def _cell(node: Node, depth: int) -> Cell:
    """A cell is one line here: what is more than a paragraph keeps its words and their marks."""
    columns, rows = (_attribute(node, name) for name in ("colspan", "rowspan"))
    return (
        in_one_line(tidy(_blocks(_content(node), depth))),
        columns if isinstance(columns, int) else 1,
        rows if isinstance(rows, int) else 1,
    )


def _runs(nodes: list[Node]) -> Runs:
    return tuple(run for runs in inline_runs(nodes) for run in runs)


def _inline(node: Node) -> Iterator[Run]:
    match node.get("type"):
        case "text":
            yield _text_run(node)
        case "hardBreak":
            yield Run("\n")
        case "status":
            yield Run(f"[{_attribute(node, 'text') or ''}]")
        case "date":
            yield Run(_date(_attribute(node, "timestamp")))
        case "media" | "mediaInline":
            yield Run(f"[{_attribute(node, 'alt') or 'attachment'}]")
        case kind if kind in _CARDS:
            yield Run(_card(node))
        case kind if kind in _EXTENSIONS:
            yield Run(_all_text(node) or f"[{_attribute(node, 'extensionKey') or 'extension'}]")
        case _:
            yield Run(_all_text(node))


def _edged(address: str, before: str, behind: str) -> Runs:
    """A card's address, with a space where the text beside it would become a part of it: Jira draws an edge there."""
    grown = _URL.match(address + behind)
    head = " " if before and not before.isspace() and before not in "([{<\"'" else ""
    tail = " " if grown is not None and grown.end() > len(address) else ""
    return (Run(head + address + tail),)


def _card(node: Node) -> str:
    """The address that a card shows, or the name in the data that it was made from."""
    made_from = _attribute(node, "data")
    named = made_from if isinstance(made_from, Mapping) else {}
    return str(_attribute(node, "url") or named.get("url") or named.get("name") or "[card]")


def _text_run(node: Node) -> Run:
    marks = PLAIN
    href = ""
    listed = node.get("marks")
    for mark in listed if isinstance(listed, list) else ():
        if not isinstance(mark, Mapping):
            continue
        if mark.get("type") == "link":
            href = str(_attribute(mark, "href") or "")
        elif mark.get("type") in MARKS:
            marks = marks | {MARKS[str(mark["type"])]}
    return Run(str(node.get("text") or ""), marks, href)


def _date(timestamp: Any) -> str:
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(timestamp))
    except (TypeError, ValueError, OverflowError):
        return str(timestamp or "")
    return moment.date().isoformat()


def _all_text(node: Node) -> str:
    """Every word in a node, however deep, without recursion: the nesting is somebody else's making."""
    pieces: list[str] = []
    waiting: list[Node] = [node]
    while waiting:
        here = waiting.pop()
        word = here.get("text") or next(
            (found for name in ("text", "url", "shortName", "title") if (found := _attribute(here, name))), ""
        )
        pieces.append("\n" if here.get("type") == "hardBreak" else str(word))
        waiting += reversed(_content(here))
    return "".join(pieces)


# Rendering ------------------------------------------------------------------------------------------------------------


def render(blocks: Blocks) -> dict[str, Any]:
    """The document of a tidy tree."""
    return {"type": "doc", "version": 1, "content": [_render(block) for block in blocks]}


def _render(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph(runs):
            return {"type": "paragraph", "content": _nodes(runs)}
        case Heading(level, runs):
            return {"type": "heading", "attrs": {"level": level}, "content": _nodes(runs)}
        case CodeBlock(text, language):
            attributes = {"attrs": {"language": language}} if language else {}
            return {"type": "codeBlock", **attributes, "content": [{"type": "text", "text": quiet(text)}]}
        case Quote(inner):
            return {"type": "blockquote", "content": [_render(one) for one in _narrow(inner)]}
        case Items(ordered, start, items):
            content = [{"type": "listItem", "content": _item_nodes(item)} for item in items]
            if ordered:
                return {"type": "orderedList", "attrs": {"order": start}, "content": content}
            return {"type": "bulletList", "content": content}
        case Table(rows):
            return {"type": "table", "content": [_row(row, head=not index) for index, row in enumerate(rows)]}
        case Rule():
            return {"type": "rule"}


def _narrow(blocks: Blocks) -> Iterator[Block]:
    """What ADF allows inside a quote or a list item: paragraphs, code and lists."""
    for block in blocks:
        match block:
            case Heading(_, runs):
                yield Paragraph(tuple(Run(run.text, _strong(run.marks), run.href) for run in runs))
            case Quote(inner):
                yield from _narrow(inner)
            case Table(rows):
                yield Paragraph(tuple(run for row in rows for run in (*_spread(row), Run("\n"))))
            case Rule():
                yield Paragraph((Run("---"),))
            case _:
                yield block


def _strong(marks: frozenset[Mark]) -> frozenset[Mark]:
    """Beside code there is no other mark in ADF."""
    return marks if Mark.CODE in marks else marks | {Mark.STRONG}


def _spread(row: tuple[Runs, ...]) -> Iterator[Run]:
    for index, cell in enumerate(row):
        yield from [Run(" | ")] if index else []
        yield from cell


def _item_nodes(item: Blocks) -> list[dict[str, Any]]:
    return begun([_render(one) for one in _narrow(item)])


def begun(nodes: list[Any]) -> list[Any]:
    """An item's nodes as Jira takes them: it may not begin with a list."""
    match nodes:
        case [{"type": "bulletList" | "orderedList"}, *_]:
            return [{"type": "paragraph", "content": []}, *nodes]
    return nodes


def _row(row: tuple[Runs, ...], *, head: bool) -> dict[str, Any]:
    kind = "tableHeader" if head else "tableCell"
    cells = [{"type": kind, "content": [{"type": "paragraph", "content": _nodes(cell)}]} for cell in row]
    return {"type": "tableRow", "content": cells}


def inline_runs(nodes: Sequence[Node]) -> list[Runs]:
    """What is read of each of the inline nodes that stand beside one another."""
    each = [tuple(_inline(node)) for node in nodes]
    cards = [node.get("type") in _CARDS for node in nodes]
    texts = ["", *("".join(run.text for run in runs) for runs in each), ""]
    for place in (place for place, card in enumerate(cards) if card):
        behind = "" if cards[place + 1 : place + 2] == [True] else texts[place + 2]
        each[place] = _edged(texts[place + 1], texts[place][-1:], behind)
    return each


def inline_nodes(runs: Runs) -> list[dict[str, Any]]:
    """The inline nodes of runs."""
    return _nodes(runs)


def _nodes(runs: Runs) -> list[dict[str, Any]]:
    return [node for run in runs for node in _run_nodes(run)]


def _run_nodes(run: Run) -> Iterator[dict[str, Any]]:
    for index, line in enumerate(run.text.split("\n")):
        if index:
            yield {"type": "hardBreak"}
        if run.href or Mark.CODE in run.marks or "://" not in line:
            yield from _text(line, run, run.href)
            continue
        at = 0
        for found in _URL.finditer(line):
            yield from _text(line[at : found.start()], run, "")
            yield from _text(found.group(), run, found.group())
            at = found.end()
        yield from _text(line[at:], run, "")


def _text(text: str, run: Run, href: str) -> Iterator[dict[str, Any]]:
    if not text:
        return
    marks: list[dict[str, Any]] = [{"type": name} for name, mark in MARKS.items() if mark in run.marks]
    if href:
        marks.append({"type": "link", "attrs": {"href": href}})
    yield {"type": "text", "text": quiet(text), **({"marks": marks} if marks else {})}

"""Rich text that survives a visit to a poorer tool: edits are taken over, and written, block by block.

`carried` takes a tool's edit over into the incident's text. `over` writes the incident's text into a tool over what
stands there. In both, what was not touched stays as it was, to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from tieline.mappings.convert import markdown
from tieline.mappings.convert.carrying import MARKED, Carrier, Piece
from tieline.mappings.convert.cutting import is_cut
from tieline.mappings.convert.joining import joined
from tieline.mappings.convert.lifting import Old, aligned
from tieline.mappings.convert.lines import units
from tieline.mappings.convert.nodes import NodeWriter, holds_more
from tieline.mappings.convert.rich import Block, Blocks, clean_text, tidy
from tieline.mappings.convert.sources import SOURCES, SourceWriter, source_of
from tieline.mappings.convert.text import DIALECTS, from_tool, project_text, settle, to_tool
from tieline.mappings.document import TextDialect


@dataclass(frozen=True, slots=True)
class Carried:
    """The incident's text with a tool's edit in it. `held` are sentences about what could not be taken over; `clashed`
    says that both sides changed one block, of which one version stands."""

    text: str
    held: tuple[str, ...] = ()
    clashed: bool = False


class Over(NamedTuple):
    """A tool's text written over what stood there, and what reading it gives. `held`: what stays as it was, and why."""

    body: Any
    back: str
    held: tuple[str, ...] = ()


def carried(
    dialect: TextDialect, text: str, before: str, theirs: str, limit: int | None = None, *, prefer_theirs: bool = True
) -> Carried:
    """The incident's `text` after a tool that showed `before` shows `theirs`; both as they are read from there."""
    ours = project_text(dialect, text, limit)
    if ours == before and text == ours and not MARKED.search(text):
        return Carried(theirs)
    if theirs == before:
        return Carried(text)
    blocks = markdown.parse(text)
    merged = joined(
        *map(markdown.parse, (before, ours, theirs)), prefer_theirs=prefer_theirs
    )  # in the tool's own words, before anything is taken over
    carrier = Carrier()
    pieces = _pieces(dialect, blocks, limit)
    now = carrier.carry(pieces, merged.blocks)
    if not text.strip():
        return Carried(markdown.settled(now)[1], tuple(carrier.held), merged.clashed)
    writer = SourceWriter(source_of(TextDialect.MARKDOWN, text), _ELSEWHERE)
    written = writer.write(_sources(TextDialect.MARKDOWN, text), markdown.settled(now)[0])
    # What the incident's own source keeps was not taken over either.
    held = (*carrier.held, *writer.held)
    return Carried(clean_text(written).strip("\n").rstrip(), held, merged.clashed)


_ELSEWHERE = (
    "This tool does not show that, so the change is not taken over: make it where it was written, or put the words "
    "back as they were."
)


def _pieces(dialect: TextDialect, blocks: Blocks, limit: int | None) -> list[Piece]:
    """Each block of the incident with what the tool shows of it. What it does not reach stands with the cut."""
    shown = settle(dialect, blocks, limit)[0]
    return aligned([((block,), settle(dialect, (block,), None)[0]) for block in blocks], shown)


def is_more(dialect: TextDialect, body: Any) -> bool:
    """True for a text that holds more than we would write of it, or is written in another way: worth keeping."""
    return bool(body) and to_tool(dialect, from_tool(dialect, body)) != body


def over(dialect: TextDialect, original: Any, text: str, limit: int | None = None, link: str = "") -> Over:
    """`text` written over `original`, which stands in the tool."""
    wanted = project_text(dialect, text, limit)
    fresh = Over(to_tool(dialect, text, limit, link), wanted)
    known = from_tool(dialect, original, limit)
    if known == wanted:
        return Over(original, wanted)
    if dialect is TextDialect.MARKDOWN:
        return fresh  # the incident's own text: it holds what its author wrote
    if is_cut(wanted) or is_cut(known) or not _fitting_kind(dialect, original):
        return fresh
    blocks = markdown.parse(wanted)
    if isinstance(original, Mapping):
        writer = NodeWriter(partial(_settled, dialect))
        body: Any = {**original, "content": writer.write(_content(original), blocks)}
        made = Over(body, "", tuple(writer.held))
    else:
        made = _source(dialect, original, blocks)
    back = from_tool(dialect, made.body, limit)
    if (back == wanted or made.held) and not is_cut(back) and _fits(made.body, original, limit):
        return Over(made.body, back, made.held)
    if says_more(dialect, original):
        return Over(original, known, (_LOST,))
    return fresh


_LOST = (
    "what stands there holds something that would be lost if it were written anew (a picture, a macro, a colour), and "
    "the change cannot be made around it. Change it in the tool itself, or take the change back."
)


def says_more(dialect: TextDialect, body: Any) -> bool:
    """True for a body that holds something our tree has no word for."""
    if isinstance(body, Mapping):
        return any(map(holds_more, _content(body)))
    return isinstance(body, str) and SOURCES[dialect].more.search(body) is not None


def _fitting_kind(dialect: TextDialect, original: Any) -> bool:
    return isinstance(original, Mapping) if dialect is TextDialect.JIRA_ADF else isinstance(original, str)


def _fits(body: Any, original: Any, limit: int | None) -> bool:
    """Whether the tool takes the body, with all that our tree has no word for. It holds the original already; how long
    a document is for it, nobody knows."""
    return limit is None or not isinstance(body, str) or units(body) <= max(limit, units(original))


def _content(body: Mapping[str, Any]) -> list[Any]:
    content = body.get("content")
    return content if isinstance(content, list) else []


def _settled(dialect: TextDialect, blocks: Blocks) -> Blocks:
    return settle(dialect, blocks, None)[0]


def _source(dialect: TextDialect, original: str, now: Blocks) -> Over:
    source = source_of(dialect, original)
    writer = SourceWriter(source)
    return Over(writer.write(_sources(dialect, original), now), "", tuple(writer.held))


def _sources(dialect: TextDialect, original: str) -> list[Old[str, Block]]:
    """The pieces of a source with what is read of them in the whole."""
    parts: list[tuple[str, Blocks]] = []
    for piece, found in SOURCES[dialect].spans(original):
        blocks = tidy(found)
        last = parts[-1] if parts else ("", ())
        if last[1] and blocks and len(tidy((*last[1], *blocks))) < len(last[1]) + len(blocks):
            parts[-1] = (last[0] + piece, tidy((*last[1], *blocks)))
        else:
            parts.append((piece, blocks))
    whole = DIALECTS[dialect].parse(original)
    shown = _settled(dialect, whole) if dialect is not TextDialect.MARKDOWN else markdown.settled(whole)[0]
    each: list[tuple[tuple[str, ...], Blocks]] = [((piece,), _settled(dialect, blocks)) for piece, blocks in parts]
    return [Old("".join(old.piece), old.shown) for old in aligned(each, shown)]

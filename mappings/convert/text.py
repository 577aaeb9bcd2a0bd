"""Rich text: every dialect to and from the canonical Markdown.

A tree *settles* in a dialect when Markdown and the dialect can both say it exactly. Reading, projecting and writing all
settle first; so what is written reads back as what was meant, and what was read is never written back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from tieline.mappings.convert import adf, html, markdown, plain, wiki
from tieline.mappings.convert.cutting import LINKED, cut, linked, unlinked
from tieline.mappings.convert.lines import quiet, units
from tieline.mappings.convert.rich import LONGEST, Blocks, clean_text, tidy
from tieline.mappings.document import TextDialect

_SHORT = 4096


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one tool writes rich text. `measure` is the length of a tree as the tool's limits count it."""

    parse: Callable[[Any], Blocks]
    render: Callable[[Blocks], Any]
    measure: Callable[[Blocks], int]


def _json_length(blocks: Blocks) -> int:
    """The length of the document's JSON: never less than what Jira counts, whichever way it counts."""
    return units(orjson.dumps(adf.render(blocks)).decode())


def _text_length(parsed: Callable[[Blocks], str]) -> Callable[[Blocks], int]:
    return lambda blocks: units(parsed(blocks))


def _markdown(blocks: Blocks) -> str:
    return quiet(markdown.settled(blocks)[1])


def _longest_markdown(blocks: Blocks) -> str:
    """No shorter than what `_markdown` makes of any part of the tree, and made without parsing."""
    return quiet(markdown.render(blocks, markdown.thorough))


DIALECTS: dict[TextDialect, Dialect] = {
    TextDialect.MARKDOWN: Dialect(markdown.parse, _markdown, _text_length(_longest_markdown)),
    TextDialect.PLAIN: Dialect(plain.parse, plain.render, _text_length(plain.render)),
    TextDialect.SERVICENOW_JOURNAL: Dialect(
        plain.parse_journal, plain.render_journal, _text_length(plain.render_journal)
    ),
    TextDialect.SERVICENOW_HTML: Dialect(html.parse, html.render, _text_length(html.render)),
    TextDialect.JIRA_WIKI: Dialect(wiki.parse, wiki.render, _text_length(wiki.render)),
    TextDialect.JIRA_ADF: Dialect(adf.parse, adf.render, _json_length),
}


def to_tool(dialect: TextDialect, text: str, limit: int | None = None, link: str = "") -> Any:
    """The tool's text for a Markdown text. Where it had to be cut, `link` says where it goes on."""
    if dialect is TextDialect.MARKDOWN and LINKED not in text and _fits(text, limit):
        return quiet(_tidy_markdown(text))
    blocks, _ = _from_markdown(dialect, text, limit)
    return DIALECTS[dialect].render(linked(blocks, link) if limit is not None else blocks)


def from_tool(dialect: TextDialect, body: Any, limit: int | None = None) -> str:
    """The Markdown of a tool's text. Never fails: what is no markup is text."""
    if isinstance(body, str):
        if dialect is TextDialect.MARKDOWN and LINKED not in body and _fits(body, limit):
            return _tidy_markdown(body)
        return (_read_short if len(body) <= _SHORT else _read_long)(dialect, body, limit)
    try:
        document = orjson.dumps(body)
    except TypeError:
        return _read(dialect, body, limit)  # a lone surrogate: JSON can carry one, UTF-8 cannot
    return (_read_short if len(document) <= _SHORT else _read_long)(dialect, document, limit)


def comment_from_tool(dialect: TextDialect, body: Any) -> str:
    """The Markdown of a comment. It is never written back, so all stays that Markdown can say, whether or not the
    dialect could: a link in the HTML of a journal that is written as plain text."""
    return markdown.settled(unlinked(DIALECTS[dialect].parse(body)))[1]


def project_text(dialect: TextDialect, text: str, limit: int | None = None) -> str:
    """What the tool would read back of a Markdown text."""
    if dialect is TextDialect.MARKDOWN and LINKED not in text and _fits(text, limit):
        return _tidy_markdown(text)
    return _from_markdown(dialect, text, limit)[1]


def written(dialect: TextDialect, text: str, limit: int | None = None, link: str = "") -> tuple[Any, str]:
    """`to_tool` and `project_text` at once."""
    if len(text) <= _SHORT and dialect is not TextDialect.JIRA_ADF:
        return _written_short(dialect, text, limit, link)
    return _written(dialect, text, limit, link)  # a document is the caller's to change


def _written(dialect: TextDialect, text: str, limit: int | None, link: str) -> tuple[Any, str]:
    return to_tool(dialect, text, limit, link), project_text(dialect, text, limit)


def _from_markdown(dialect: TextDialect, text: str, limit: int | None) -> tuple[Blocks, str]:
    return (_settle_short if len(text) <= _SHORT else _settle_long)(dialect, text, limit)


def _settle_markdown(dialect: TextDialect, text: str, limit: int | None) -> tuple[Blocks, str]:
    return settle(dialect, markdown.parse(text), limit)


def _read(dialect: TextDialect, body: Any, limit: int | None) -> str:
    held = orjson.loads(body) if isinstance(body, bytes) else body
    return settle(dialect, DIALECTS[dialect].parse(held), limit)[1]


# The same few texts come by at every poll, and reading one costs a hundred times what comparing it does. Long ones cost
# seconds when they are made to hurt, so a few of them are remembered too.
_read_short = lru_cache(256)(_read)
_read_long = lru_cache(16)(_read)
_settle_short = lru_cache(256)(_settle_markdown)
_settle_long = lru_cache(16)(_settle_markdown)
_written_short = lru_cache(256)(_written)


def _fits(text: str, limit: int | None) -> bool:
    if limit is None:
        return len(text) <= LONGEST
    return len(text) <= limit and units(quiet(_tidy_markdown(text))) <= limit


def _tidy_markdown(text: str) -> str:
    """Markdown as its author wrote it, cleaned of what no tool should hold."""
    return clean_text(text).strip("\n").rstrip()


def settle(dialect: TextDialect, blocks: Blocks, limit: int | None) -> tuple[Blocks, str]:
    """The nearest tree that Markdown and the dialect both say exactly, within the limit; and its Markdown.

    Where the two keep disagreeing, emphasis goes first, then links and structure; the words always stay.
    """
    tool = DIALECTS[dialect]
    exact, text = blocks, ""
    blocks = unlinked(blocks)
    for step, give_up in enumerate(_LADDER):
        if step == _APART and len(blocks) > 1:
            # What one block cannot keep, the others do.
            blocks = tidy(one for block in blocks for one in settle(dialect, (block,), None)[0])
        exact, text = markdown.settled(give_up(blocks))
        fitting = exact if limit is None else cut(exact, limit, tool.measure)
        blocks = unlinked(tool.parse(tool.render(fitting)))
        if blocks == exact:
            return exact, text
    return exact, text


def _keep(blocks: Blocks) -> Blocks:
    return blocks


def _without_emphasis(blocks: Blocks) -> Blocks:
    return tidy(markdown.without_marks(block, links=True) for block in blocks)


_APART = 2
# Cutting may part a mark from its partner, so one pass is not always enough.
_LADDER = (
    _keep,
    _keep,
    _keep,
    _without_emphasis,
    _without_emphasis,
    markdown.literal,
    markdown.literal,
    markdown.literal,
)

"""The laws of every text dialect, on texts and documents that are made to break them."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.mappings.documents import markdown as written_by_people
from tests.mappings.marks import lost_marks, meaning

from tieline.mappings.convert import markdown, rich
from tieline.mappings.convert.text import DIALECTS as TOOLS
from tieline.mappings.convert.text import from_tool, project_text, to_tool
from tieline.mappings.document import TextDialect

FRAGMENTS = r"""
    a b1 word * ** _ __ ` `` ``` ~~ [ ] ]( ) < > # ## - + 1. 2) | --- *** ___ \ \\ & = : ! ? ^ { } &amp; &nbsp; &#92;
    http://x.y/a_b https://e.org/(q) <http://a.b> ![x](http://i.j/k) [t](javascript:x) h1. bq. {code} {code:java}
    {noformat} {quote} {{ }} {color:red} || [~joe] [a|http://x.y] @channel @all [code] [/code] <b> </b> <br> é 🔥 *x*
    _y_ -z- (x)
""".split()  # noqa: SIM905 - sixty quoted fragments could not be read
LAYOUT = (
    " ", "  ", "\n", "\n\n", "\t", "    ", "\r\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\x00", "\x1b", "\ud800",
    "> ", "# ", "- ", "* ", "1. ", "\n|---|---|\n", "| a | b |", "\n---\n", "(… cut to fit here)",
    "(… cut to fit here; the whole text: http://q.w )",
)  # fmt: skip

texts = st.lists(st.sampled_from([*FRAGMENTS, *LAYOUT]), max_size=14).map("".join) | st.text(max_size=40)

_marks = st.lists(st.sampled_from(["strong", "em", "strike", "code", "underline"]), max_size=2, unique=True)
_hrefs = st.sampled_from(["", "", "http://x.y/a", "javascript:x", "https://e.org/(q) z"])


def _text(text: str, marks: list[str], href: str) -> dict[str, Any]:
    link = [{"type": "link", "attrs": {"href": href}}] if href else []
    return {"type": "text", "text": text, "marks": [*({"type": mark} for mark in marks), *link]}


def _node(kind: str, content: Any, **attributes: Any) -> dict[str, Any]:
    return {"type": kind, "attrs": attributes, "content": content}


_leaves = st.one_of(
    st.builds(_text, texts, _marks, _hrefs),
    st.just({"type": "hardBreak"}),
    texts.map(lambda text: {"type": "mention", "attrs": {"text": text}}),
    texts.map(lambda text: {"type": "unheard-of", "attrs": {"text": text}}),
)
_inline = st.lists(_leaves, max_size=4)
_paragraphs = _inline.map(lambda content: _node("paragraph", content))


def _wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    blocks = st.lists(inner, max_size=3)
    items = st.lists(blocks, max_size=3).map(lambda listed: [_node("listItem", item) for item in listed])
    cells = st.lists(_paragraphs.map(lambda cell: _node("tableCell", [cell])), max_size=3)
    return st.one_of(
        st.builds(lambda content, level: _node("heading", content, level=level), _inline, st.integers(-1, 9)),
        st.builds(lambda text: _node("codeBlock", [{"type": "text", "text": text}], language="a b"), texts),
        st.builds(_node, st.sampled_from(["blockquote", "panel", "unheard-of-block", "expand"]), blocks),
        st.builds(_node, st.sampled_from(["bulletList", "orderedList", "taskList"]), items),
        st.lists(cells.map(lambda row: _node("tableRow", row)), max_size=3).map(lambda rows: _node("table", rows)),
        st.just({"type": "rule"}),
    )


documents = st.lists(st.recursive(_paragraphs, _wrapped, max_leaves=6), max_size=4).map(
    lambda content: {"type": "doc", "version": 1, "content": content}
)


LINK = "https://tieline.example.org/incidents/INC-12"
DIALECTS = list(TextDialect)
hard = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def check_read(dialect: TextDialect, body: Any, limit: int | None = None) -> None:
    read = from_tool(dialect, body, limit)

    assert from_tool(dialect, to_tool(dialect, read, limit, LINK), limit) == read
    assert project_text(dialect, read, limit) == read, "what was read would be written"


def check_written(dialect: TextDialect, text: str, limit: int | None = None) -> None:
    projected = project_text(dialect, text, limit)

    assert project_text(dialect, projected, limit) == projected
    assert from_tool(dialect, to_tool(dialect, text, limit, LINK), limit) == projected


@pytest.mark.parametrize("dialect", DIALECTS)
@hard
@given(text=texts)
def test_what_a_tool_holds_reads_the_same_after_it_was_written(dialect: TextDialect, text: str) -> None:
    check_read(dialect, text)


@pytest.mark.parametrize("dialect", DIALECTS)
@hard
@given(text=texts)
def test_what_is_written_reads_back_as_it_was_projected(dialect: TextDialect, text: str) -> None:
    check_written(dialect, text)


@hard
@given(body=documents)
def test_a_jira_document_reads_the_same_after_it_was_written(body: Any) -> None:
    check_read(TextDialect.JIRA_ADF, body)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(hard, max_examples=40)
@given(text=texts.map(lambda text: text * 25), limit=st.sampled_from([1000, 1200, 2000]))
def test_a_cut_text_keeps_the_laws(dialect: TextDialect, text: str, limit: int) -> None:
    check_written(dialect, text, limit)
    check_read(dialect, text, limit)


@hard
@given(text=texts)
def test_a_parsed_text_is_tidy(text: str) -> None:
    blocks = markdown.parse(text)

    assert rich.tidy(blocks) == blocks


@hard
@given(text=texts)
def test_settled_markdown_is_exact(text: str) -> None:
    blocks, written = markdown.settled(markdown.parse(text))

    assert markdown.parse(written) == blocks
    assert markdown.settled(blocks) == (blocks, written)


@hard
@given(text=texts)
def test_plain_text_keeps_every_word(text: str) -> None:
    """Of a plain text nothing is markup: its letters come through Markdown and back."""
    assume("cut to fit" not in text)
    written = to_tool(TextDialect.PLAIN, from_tool(TextDialect.PLAIN, text))

    assert "".join(written.split()).replace("\u200b", "") == "".join(rich.clean_text(text).split())


@pytest.mark.parametrize("dialect", DIALECTS)
@hard
@given(text=texts)
def test_no_word_is_lost_on_the_way_to_a_tool(dialect: TextDialect, text: str) -> None:
    assume("cut to fit" not in text)

    assert letters(project_text(dialect, text)) == letters(text)


def letters(text: str) -> str:
    return "".join(letter for line in rich.words(markdown.parse(text)) for letter in line if letter.isalpha())


RICH = [TextDialect.JIRA_ADF, TextDialect.JIRA_WIKI, TextDialect.SERVICENOW_HTML, TextDialect.MARKDOWN]


@pytest.mark.parametrize("dialect", RICH)
def test_every_word_keeps_all_its_marks_and_its_address(dialect: TextDialect) -> None:
    for number in range(150):
        text = written_by_people(Random(number))

        assert meant(project_text(dialect, text)) == meant(text), number


def meant(text: str) -> list[Any]:
    return list(meaning(markdown.parse(text)))


@pytest.mark.parametrize("dialect", RICH)
def test_no_rich_dialect_loses_a_mark(dialect: TextDialect) -> None:
    assert lost_marks(TOOLS[dialect]) == []


def test_a_conversion_that_keeps_one_of_two_marks_breaks_a_law() -> None:
    tool = TOOLS[TextDialect.JIRA_ADF]

    def last_mark_only(body: Any) -> rich.Blocks:
        return rich.tidy(fewer(block) for block in tool.parse(body))

    def fewer(block: rich.Block) -> rich.Block:
        if not isinstance(block, rich.Paragraph):
            return block
        return rich.Paragraph(tuple(replace(run, marks=frozenset(sorted(run.marks)[-1:])) for run in block.runs))

    assert lost_marks(replace(tool, parse=last_mark_only)) == ["d", "e", "f", "g"]


def test_a_conversion_that_forgets_where_links_lead_breaks_a_law() -> None:
    tool = TOOLS[TextDialect.JIRA_ADF]

    def without_links(body: Any) -> rich.Blocks:
        return tuple(markdown.without_marks(block, links=False) for block in tool.parse(body))

    assert "h" in lost_marks(replace(tool, parse=without_links))

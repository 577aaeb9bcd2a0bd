"""HTML in ServiceNow: what a browser would show there is what is read, and only tags of ours are written."""

from __future__ import annotations

import re
import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mappings.test_texts import MARKDOWN

from tieline.mappings import load
from tieline.mappings.convert.html import parse
from tieline.mappings.convert.rich import Table
from tieline.mappings.convert.text import from_tool, project_text, to_tool
from tieline.mappings.document import TextDialect

HTML = TextDialect.SERVICENOW_HTML


def comment(body: str) -> str:
    return load("servicenow-incident").from_text(body)


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ("See [code]<a href='https://kb.example/KB7?v=1&amp;x=2' target='_blank'>KB7</a>[/code] first",
         "See [KB7](https://kb.example/KB7?v=1&x=2) first"),
        ("restarted[code]<br/>[/code]checked", "restarted\nchecked"),
        ("[code]<table><tr><td>host</td><td>db1</td></tr></table>[/code]", "| host | db1 |\n| --- | --- |"),
        ("a[code]<hr>[/code]b", "a\n\n---\n\nb"),
        ("[code]<b>bold</b> and <i>soft</i>[/code] words", "**bold** and *soft* words"),
        ("[code]<ul><li>one</li><li>two</li></ul>[/code]", "- one\n- two"),
        ("  indented\n[code]<code>x</code>[/code]", "indented\n`x`"),
        ("[code]<script>alert(1)</script>shown[/code]", "shown"),
        ("[code]<img src='https://x.example/graph.png'/>[/code]", "[graph.png]"),
        ("[code]<ſcript>is no script[/code]", "<ſcript>is no script"),
        ("[code]İİİ<Script>alert(1)</SCRIPT>shown[/code]", "İİİshown"),
        (f"[code]a&#{'9' * 5000};<br>b[/code]", "a\ufffd\nb"),
    ],
)  # fmt: skip
def test_the_html_of_a_journal_is_read_as_it_is_shown(body: str, meaning: str) -> None:
    assert comment(body) == meaning


def test_html_without_code_tags_is_text_where_the_instance_shows_it_as_text() -> None:
    assert comment("a <br/> b") == "a \\<br/> b"


def test_html_without_code_tags_is_html_where_the_instance_shows_it_so() -> None:
    assert from_tool(HTML, "<p>restarted<br/>see <a href='https://kb.example/1'>KB1</a></p>[code]<b>x</b>[/code]") == (
        "restarted\nsee [KB1](https://kb.example/1)\n\n**x**"
    )
    assert from_tool(HTML, "a < b & c\nsecond line") == "a < b & c\nsecond line"


def test_a_rich_text_goes_through_html_unchanged() -> None:
    assert project_text(HTML, MARKDOWN) == MARKDOWN


@given(st.text(alphabet="<>/abpliuoth\"'=& [code]\n", max_size=60))
def test_whatever_is_written_as_html_holds_no_tag_but_ours(text: str) -> None:
    written = to_tool(HTML, from_tool(TextDialect.PLAIN, text))

    assert re.sub(r"</?p>|<br>|<hr>", "", written).count("<") == 0


def test_a_mark_ends_once_for_each_time_that_it_began() -> None:
    assert comment("[code]" + "<b><i>x</i>" * 3 + "</b></b>y</b>z[/code]") == "***xxx*y**z"


@pytest.mark.parametrize(
    "piece",
    ["<b>x", "<a>x", "<a ", "<td>x", "<tr><td>x", "<li>x", "<p>x", "<script>x", "<!--", "<blockquote>x</blockquote>",
     "<ul><li>x</ul>", "<ol><li>x</ol>", "<blockquote>x", "<h1>x", "<pre>x", "x<br>", "x<hr>"],
)  # fmt: skip
def test_twice_as_much_takes_twice_the_work_whatever_it_is_made_of(piece: str) -> None:
    assert work_of(piece * 400) <= 2.5 * work_of(piece * 200)


def test_a_wide_table_keeps_its_words_and_does_not_widen_every_row_without_end() -> None:
    wide = "<td colspan=199 rowspan=9>x" * 50 + "<td>x" * 250

    (table,) = parse(f"<table><tr>{wide}{'<tr><td>x' * 20}</table>")

    assert isinstance(table, Table)
    assert {len(row) for row in table.rows} == {200}
    assert sum(run.text.count("x") for row in table.rows for cell in row for run in cell) == 50 + 250 + 20


def work_of(markup: str) -> int:
    """How many functions of Python reading it calls, and generators it resumes."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        parse(markup)
    finally:
        sys.setprofile(before)
    return calls

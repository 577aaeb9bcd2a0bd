"""No cell of a table is lost, whatever spans, ends early or holds more than a line."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.mappings import load
from tieline.mappings.convert.merging import over
from tieline.mappings.convert.text import from_tool, project_text
from tieline.mappings.document import TextDialect


def paragraph(text: str, *marks: str) -> dict[str, Any]:
    run = {"type": "text", "text": text, "marks": [{"type": mark} for mark in marks]}
    return {"type": "paragraph", "content": [run]}


def cell(*content: Any, **attributes: Any) -> dict[str, Any]:
    return {"type": "tableCell", "attrs": attributes, "content": list(content)}


def table(*rows: list[dict[str, Any]]) -> dict[str, Any]:
    listed = [{"type": "tableRow", "content": row} for row in rows]
    return {"type": "doc", "version": 1, "content": [{"type": "table", "content": listed}]}


def items(*entries: str) -> dict[str, Any]:
    return {"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph(one)]} for one in entries]}


def read(body: Any) -> str:
    return load("jira-issue").from_text(body)


def test_a_cell_over_two_columns_keeps_the_cells_below_it() -> None:
    body = table([cell(paragraph("Impact"), colspan=2)], [cell(paragraph("EU")), cell(paragraph("orders fail"))])

    assert read(body) == "| Impact |  |\n| --- | --- |\n| EU | orders fail |"


def test_a_cell_over_two_rows_keeps_its_neighbours_in_their_columns() -> None:
    body = table(
        [cell(paragraph("h")), cell(paragraph("i"))],
        [cell(paragraph("EU"), rowspan=2), cell(paragraph("db1"))],
        [cell(paragraph("db2"))],
    )

    assert read(body) == "| h | i |\n| --- | --- |\n| EU | db1 |\n|  | db2 |"


def test_a_row_longer_than_the_first_keeps_its_cells() -> None:
    assert read(table([cell(paragraph("a"))], [cell(paragraph("b")), cell(paragraph("c"))])) == (
        "| a |  |\n| --- | --- |\n| b | c |"
    )
    assert load("jira-issue-wiki").from_text("||Host||\n|db1|full|95 %|") == (
        "| Host |  |  |\n| --- | --- | --- |\n| db1 | full | 95 % |"
    )


def test_a_markdown_row_longer_than_its_head_keeps_its_words() -> None:
    text = from_tool(TextDialect.JIRA_WIKI, load("jira-issue-wiki").to_text("| a |\n| --- |\n| b | c |"))

    assert "c" in text


@pytest.mark.timeout(20)
def test_tables_with_a_long_row_are_looked_at_once() -> None:
    text = "|a|b|\n|---|---|\n" * 6000 + "|1|2|3|"

    assert project_text(TextDialect.PLAIN, text).endswith("|1|2|3|")


def test_what_a_cell_holds_beside_a_paragraph_is_parted_by_more_than_nothing() -> None:
    panel = {"type": "panel", "content": [paragraph("first"), paragraph("second", "strong")]}

    assert (
        read(table([cell(paragraph("Step"))], [cell(items("stop", "start"))])) == "| Step |\n| --- |\n| stop; start |"
    )
    assert read(table([cell(paragraph("h"))], [cell(panel)])) == "| h |\n| --- |\n| first **second** |"


def test_a_table_in_html_spans_and_leaves_ends_out() -> None:
    markup = "<table><tr><th colspan=2>Impact<tr><td rowspan='2'>EU<td>db1</tr><tr><td><ul><li>a<li>b</ul></table>"

    assert from_tool(TextDialect.SERVICENOW_HTML, markup) == ("| Impact |  |\n| --- | --- |\n| EU | db1 |\n|  | a; b |")


def table_with(block: Any) -> dict[str, Any]:
    return table([cell(paragraph("What"))], [cell(block, background="#fff")])


@pytest.mark.parametrize(
    "block",
    [
        items("alpha", "beta"),
        {**items("alpha", "beta"), "type": "orderedList"},
        {"type": "codeBlock", "attrs": {"language": "sh"}, "content": [{"type": "text", "text": "alpha\nbeta"}]},
        {"type": "blockquote", "content": [paragraph("alpha")]},
    ],
    ids=["bullets", "numbers", "code", "quotation"],
)
def test_what_a_cell_shows_as_a_line_is_not_made_one(block: dict[str, Any]) -> None:
    own = table_with(block)

    written = over(TextDialect.JIRA_ADF, own, from_tool(TextDialect.JIRA_ADF, own).replace("alpha", "omega"))

    assert written.body == own
    assert len(written.held) == 1 and "would be lost" in written.held[0]


def test_a_heading_in_a_cell_stays_one_with_other_words() -> None:
    heading = {"type": "heading", "attrs": {"level": 3}, "content": [{"type": "text", "text": "alpha"}]}
    own = table_with(heading)

    written = over(TextDialect.JIRA_ADF, own, from_tool(TextDialect.JIRA_ADF, own).replace("alpha", "omega"))

    other = {**heading, "content": [{"type": "text", "text": "omega"}]}
    assert (written.body, written.held) == (table_with(other), ())


@pytest.mark.parametrize(
    "words", ["<ul><li>alpha</li><li>beta</li></ul>", "<p>alpha</p>\n<p>beta</p>", "<h3>alpha</h3>", "<pre>alpha</pre>"]
)
def test_what_a_cell_of_html_shows_as_a_line_is_not_made_one(words: str) -> None:
    own = f"<table><tr><th>What</th></tr><tr><td>{words}</td></tr></table>"

    written = over(
        TextDialect.SERVICENOW_HTML, own, from_tool(TextDialect.SERVICENOW_HTML, own).replace("alpha", "omega")
    )

    assert written.body == own
    assert len(written.held) == 1

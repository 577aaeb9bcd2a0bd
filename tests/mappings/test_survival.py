"""The law of rich text: a line appended in one tool is all that changes in the other, whatever the text holds.

Each document is one tool's own text, of all kinds of nodes. It is shown in another tool, a person appends a line there,
and the first tool's text is written anew: it must be what it was, to the letter, and that line.
"""

from __future__ import annotations

import json
import os
from random import Random
from typing import Any

import pytest
from tests.mappings.documents import MAKERS

from tieline.mappings.convert.merging import carried, over
from tieline.mappings.convert.text import from_tool, project_text, to_tool
from tieline.mappings.document import TextDialect

LINE = "Checked again by Ada"
DOCUMENTS = 10_000 if os.environ.get("TIELINE_SOAK") == "true" else 6
"""How many documents each pair of dialects is tried with: `make soak` sets TIELINE_SOAK."""
ADF, WIKI, HTML = TextDialect.JIRA_ADF, TextDialect.JIRA_WIKI, TextDialect.SERVICENOW_HTML
MARKDOWN = TextDialect.MARKDOWN
PAIRS = [(one, other) for one in MAKERS for other in MAKERS]


def appended(dialect: TextDialect, body: Any, *, below: bool) -> Any:
    """The body after somebody appended the line: as a paragraph of its own, or right `below` the last line."""
    if dialect is HTML:
        return f"{body}\n<p>{LINE}</p>"
    if dialect is not ADF:
        return body.rstrip() + ("\n" if below else "\n\n") + LINE
    *before, last = body["content"] or [{}]
    line = {"type": "text", "text": LINE}
    if below and last.get("type") == "paragraph":
        return {**body, "content": [*before, {**last, "content": [*last["content"], {"type": "hardBreak"}, line]}]}
    return {**body, "content": [*body["content"], {"type": "paragraph", "content": [line]}]}


def inserted(before: Any, after: Any) -> str | None:
    """What stands in `after` beyond `before`, at one place; None where more than that differs."""
    one, other = (text if isinstance(text, str) else json.dumps(text, sort_keys=True) for text in (before, after))
    head = alike(one, other)
    tail = alike(one[head:][::-1], other[head:][::-1])
    return other[head : len(other) - tail] if head + tail >= len(one) else None


def alike(one: str, other: str) -> int:
    """How many letters both begin with."""
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def solid(text: str) -> str:
    """The lines that say something: a list one of whose items has two paragraphs has empty ones everywhere, and in a
    quotation they begin with its mark."""
    return "\n".join(line for line in text.split("\n") if line.strip(" >"))


def letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalpha())


def check(here: TextDialect, there: TextDialect, seed: str) -> None:
    random = Random(seed)
    own = MAKERS[here](random)
    text = from_tool(here, own)
    shown = to_tool(there, text)
    # Nobody appends to an entry of a journal: it is only ever read, and another is written below it.
    below = random.random() < 0.5 and here is not TextDialect.SERVICENOW_JOURNAL
    edited = from_tool(there, appended(there, shown, below=below))

    taken = carried(there, text, from_tool(there, shown), edited)
    assert taken.held == ()
    assert letters(inserted(solid(text), solid(taken.text)) or "") == letters(LINE), (text, taken.text)

    written = over(here, own, taken.text)
    assert written.held == ()
    assert LINE in (inserted(own, written.body) or "").replace("\\", ""), (own, written.body)
    assert written.back == project_text(here, taken.text) == from_tool(here, written.body)


@pytest.mark.timeout(0)
@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_an_appended_line_is_all_that_changes(here: TextDialect, there: TextDialect) -> None:
    for number in range(DOCUMENTS):
        seed = f"{here}:{there}:{number}"
        try:
            check(here, there, seed)
        except AssertionError as error:
            raise AssertionError(f"check({here!r}, {there!r}, {seed!r})") from error


@pytest.mark.parametrize(
    ("here", "there", "number"),
    [
        (ADF, ADF, 360),  # two line breaks at a paragraph's end
        (ADF, ADF, 2193),  # a list beside one in a column
        (ADF, WIKI, 906),  # a list, and behind it text, in a macro beside a list
        (ADF, WIKI, 919),
        (ADF, WIKI, 1066),  # a picture alone in an item
        (ADF, WIKI, 1977),  # brackets in the title of what is folded away
        (ADF, WIKI, 5144),  # a paragraph with two line breaks in it
        (ADF, MARKDOWN, 1593),  # a heading in a panel, struck out
        (ADF, MARKDOWN, 1474),  # one with a link
        (ADF, MARKDOWN, 3984),  # a task with two line breaks in it
        (ADF, MARKDOWN, 9912),  # a file alone in an item, in a panel
        (MARKDOWN, TextDialect.PLAIN, 6221),  # emphasis over the lines of an item
        (WIKI, MARKDOWN, 2064),  # a quotation in one line that is all bold
        (WIKI, MARKDOWN, 1696),  # one beside a panel
    ],
)
def test_a_line_below_what_once_gave_way(here: TextDialect, there: TextDialect, number: int) -> None:
    check(here, there, f"{here}:{there}:{number}")


def test_a_paragraph_below_a_quotation_in_one_line_is_another_such_line() -> None:
    own = "bq. *disk full*\n\nCall {color:red}Ada{color}"

    written = over(WIKI, own, "> **disk full**\n>\n> since noon\n> as it seems\n>\n> again\n\nCall Ada")

    assert written.body == "bq. *disk full*\nbq. since noon \\\\ as it seems\nbq. again\n\nCall {color:red}Ada{color}"
    assert written.held == ()


@pytest.mark.parametrize("dialect", list(MAKERS))
def test_a_text_that_nobody_touched_is_not_written(dialect: TextDialect) -> None:
    for number in range(40):
        own = MAKERS[dialect](Random(number))

        assert over(dialect, own, from_tool(dialect, own)).body == own


def test_the_search_for_differences_finds_them() -> None:
    assert inserted("ab", "aXb") == "X"
    assert inserted("ab", "Xab") == "X"
    assert inserted("abc", "aXc") is None
    assert inserted("abc", "Xac") is None

"""A text that comes back from a poorer tool, and one that is written over what stands there."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.mappings.convert.cutting import MARK
from tieline.mappings.convert.merging import carried, is_more, over, says_more
from tieline.mappings.convert.text import project_text, to_tool
from tieline.mappings.document import TextDialect

ADF, WIKI, HTML = TextDialect.JIRA_ADF, TextDialect.JIRA_WIKI, TextDialect.SERVICENOW_HTML
MARKDOWN, PLAIN, JOURNAL = TextDialect.MARKDOWN, TextDialect.PLAIN, TextDialect.SERVICENOW_JOURNAL

TABLE = "| **a** | b |\n| --- | --- |\n| c | d |"
PICTURE, SHOWN_PICTURE = "![p](http://h/i.png) x", "p (http\\://h/i.png) x"
LONG = "\n\n".join(f"Paragraph {number} of **words**" for number in range(100))
SHORTER = 1500


@pytest.mark.parametrize(
    ("dialect", "text", "before", "theirs", "now"),
    [
        pytest.param(MARKDOWN, "1. a", "1. a", "* b __c__\n", "* b __c__\n", id="a tool that shows all of it"),
        pytest.param(MARKDOWN, "a\n\nb", "x\n\nb", "x\n\nc", "a\n\nc", id="the incident changed elsewhere"),
        pytest.param(PLAIN, "**a** b", "a b", "a c", "**a** c", id="a tool that shows less"),
        pytest.param(PLAIN, "[p.png]", "[p.png]", "[p.png]\nbelow", "[p.png]\n\nbelow", id="below a mark"),
        pytest.param(PLAIN, "a **b**\n\n", "a b", "a b", "a **b**\n\n", id="a tool whose people touched nothing"),
        pytest.param(PLAIN, "", "x", "", "", id="both emptied it"),
        pytest.param(PLAIN, " ", "x", "x\n\n\\*y\\*", "\\*y\\*", id="added to what the incident emptied"),
        pytest.param(PLAIN, "\n\n**a** b\n", "a b", "a c", "**a** c", id="empty lines around it"),
        pytest.param(PLAIN, "## a ##\n\nx", "a\n\nx", "a\n\ny", "## a ##\n\ny", id="a heading as its author wrote it"),
        pytest.param(WIKI, "- a\n- b", "- a\n- b", "- a\n- b\n- c", "- a\n- b\n- c", id="an item more"),
    ],
)
def test_an_edit_is_taken_over_and_all_else_stays(
    dialect: TextDialect, text: str, before: str, theirs: str, now: str
) -> None:
    found = carried(dialect, text, before, theirs)

    assert (found.text, found.held, found.clashed) == (now, (), False)


@pytest.mark.parametrize(("prefers", "now"), [({}, "y\n\nb"), ({"prefer_theirs": False}, "a\n\nb")])
def test_of_a_block_that_both_changed_one_version_stands(prefers: dict[str, bool], now: str) -> None:
    found = carried(PLAIN, "a\n\nb", "x\n\nb", "y\n\nb", **prefers)

    assert (found.text, found.held, found.clashed) == (now, (), True)


def test_two_people_who_changed_different_items_of_a_list_both_stand_in_the_richer_text() -> None:
    shown = "- a\n\n  **1**\n\n- b\n\n- c"
    found = carried(ADF, "- A\n\n  ## 1\n\n- b\n\n- c", shown, shown.replace("c", "C"))

    assert (found.text, found.held, found.clashed) == ("- A\n\n  ## 1\n\n- b\n\n- C", (), False)


def test_of_a_text_that_one_side_emptied_one_version_stands() -> None:
    found = carried(PLAIN, "", "x", "y")

    assert (found.text, found.clashed) == ("y", True)


@pytest.mark.parametrize(
    ("text", "before", "theirs", "says"),
    [
        pytest.param(PICTURE, SHOWN_PICTURE, "p (http\\://h/i.png) y", "make it where it was written", id="a picture"),
        pytest.param(TABLE, "a | b\nc | d", "a | b | z\nc | d | y", "shows only its words", id="a table of lines"),
    ],
)
def test_what_cannot_be_taken_over_is_held_with_a_sentence(text: str, before: str, theirs: str, says: str) -> None:
    found = carried(PLAIN, text, before, theirs)

    assert found.text == text
    assert len(found.held) == 1 and says in found.held[0]


def test_an_edit_of_a_cut_text_leaves_what_the_tool_does_not_reach() -> None:
    before = project_text(PLAIN, LONG, SHORTER)
    found = carried(PLAIN, LONG, before, before.replace("Paragraph 3 ", "Paragraph three "), SHORTER)

    assert MARK in before
    assert (found.text, found.held) == (LONG.replace("Paragraph 3 ", "Paragraph three "), ())


def words(text: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": text}]}


def doc(*content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content), **more}


PANEL = {"type": "panel", "attrs": {"panelType": "info"}, "content": [words("a")]}


@pytest.mark.parametrize(
    ("dialect", "original", "text", "body"),
    [
        pytest.param(WIKI, "{color:red}a{color}\n\nb", "a\n\nc", "{color:red}a{color}\n\nc", id="around a colour"),
        pytest.param(WIKI, "h1. a\n\n* x", "# a\n\n- y", "h1. a\n\n* y", id="a block"),
        pytest.param(
            WIKI,
            "* {color:red}a{color}\n\n* b",
            "- a\n- b\n- c",
            "* {color:red}a{color}\n\n* b\n* c",
            id="two lists that are read as one",
        ),
        pytest.param(
            WIKI,
            "* a\n\n* b\n\n{color:red}x{color}\n\n* c\n\n* d",
            "- a\n- y\n\nx\n\n- c\n- d",
            "* a\n* y\n\n{color:red}x{color}\n\n* c\n\n* d",
            id="lists that are read as one, twice",
        ),
        pytest.param(MARKDOWN, "a\n", "a", "a\n", id="what says the same already"),
        pytest.param(MARKDOWN, "![p](http://h/i.png)", "x", "x", id="a tool that holds the text as it was written"),
        pytest.param(HTML, "a &amp; b", "a & c", "a &amp; c", id="html without tags"),
        pytest.param(HTML, "<p>a</p>", "a\nb", "<p>a<br>b</p>", id="html"),
        pytest.param(ADF, doc(words("a"), extra=1), "b", doc(words("b"), extra=1), id="a document"),
        pytest.param(ADF, doc(words("a"), PANEL), "b\n\n> a", doc(words("b"), PANEL), id="a document with a panel"),
        pytest.param(ADF, {**doc(), "content": 5}, "b", doc(words("b")), id="a document of nonsense"),
        pytest.param(ADF, "{color}a", "b", doc(words("b")), id="a text where a document should be"),
        pytest.param(ADF, None, "b", doc(words("b")), id="no document"),
        pytest.param(WIKI, doc(PANEL), "b", "b", id="a document where a text should be"),
        pytest.param(WIKI, None, "b", "b", id="no text"),
    ],
)
def test_a_text_is_written_over_what_stands_there(dialect: TextDialect, original: Any, text: str, body: Any) -> None:
    written = over(dialect, original, text)

    assert (written.body, written.back, written.held) == (body, text, ())


@pytest.mark.parametrize(
    ("original", "text"), [("{color:red}x{color}", LONG), (f"{{color:red}}x{{color}}\n\n{'y ' * SHORTER}", "x")]
)
def test_a_text_that_is_cut_is_written_anew(original: str, text: str) -> None:
    written = over(WIKI, original, text, SHORTER, "https://example.org/7")

    assert written == (
        to_tool(WIKI, text, SHORTER, "https://example.org/7"),
        project_text(WIKI, text, SHORTER),
        (),
    )


RED = "{color:red}a{color}"
AROUND = len(RED) + len("\n\n")


@pytest.mark.parametrize(
    ("original", "text", "limit", "body"),
    [
        pytest.param(RED, "a\n\n" + "b" * 100, AROUND + 100, f"{RED}\n\n" + "b" * 100, id="as long as may be"),
        pytest.param(RED, "a\n\n" + "b" * 100, AROUND + 99, RED, id="a letter more"),
        pytest.param(RED, "a\n\n" + "🔥" * 50, AROUND + 99, RED, id="letters that count twice"),
        pytest.param(f"{RED * 9}\n\nb", f"{'a' * 9}\n\nc", 20, f"{RED * 9}\n\nc", id="as long as what it holds"),
        pytest.param("a" + "\n" * 50 + "b", "a\n\nbc", 20, "a\n\nbc", id="nothing is lost when it is written anew"),
    ],
)
def test_what_is_written_around_what_stands_there_is_no_longer_than_the_tool_takes(
    original: str, text: str, limit: int, body: str
) -> None:
    written = over(WIKI, original, text, limit)

    assert (written.body, len(written.held)) == (body, int(body == original))


def test_a_document_that_what_stays_makes_too_long_is_not_written() -> None:
    marked = {"type": "text", "text": "w" * 400, "marks": [{"type": "underline"}]}
    original = doc({"type": "paragraph", "content": [marked]})
    text = "x" * 300 + "\n\n" + "y" * 300

    assert over(ADF, original, text, 10_000).body["content"][1:] == [words("x" * 300), words("y" * 300)]
    written = over(ADF, original, text, 850)
    assert (written.body, len(written.held)) == (original, 1)


EXPAND = {"type": "expand", "attrs": {"title": "More"}, "content": [words("a")]}


@pytest.mark.parametrize(
    ("dialect", "original", "text", "back", "says"),
    [
        pytest.param(WIKI, "{color:red}a{color} b", "x y", "a b", "a colour", id="words of a colour"),
        pytest.param(ADF, doc(EXPAND), "**More**", "**More**\n\na", "cannot be made around it", id="emptied"),
    ],
)
def test_what_would_be_lost_stays_with_a_sentence(
    dialect: TextDialect, original: Any, text: str, back: str, says: str
) -> None:
    written = over(dialect, original, text)

    assert (written.body, written.back) == (original, back)
    assert len(written.held) == 1 and says in written.held[0]


@pytest.mark.parametrize(
    ("dialect", "body", "more"),
    [
        (WIKI, "*a*", False),
        (WIKI, "{color:red}a{color}", True),
        (WIKI, "a\n\n\n\nb", True),
        (WIKI, "", False),
        (WIKI, None, False),
        (ADF, doc(words("a")), False),
        (ADF, doc(PANEL), True),
    ],
)
def test_a_text_that_holds_more_than_we_would_write_is_worth_keeping(
    dialect: TextDialect, body: Any, *, more: bool
) -> None:
    assert is_more(dialect, body) is more


@pytest.mark.parametrize(
    ("dialect", "body", "more"),
    [
        (WIKI, "a {color:red}b{color}", True),
        (WIKI, "a *b*", False),
        (PLAIN, "{color:red}", False),
        (HTML, '<p style="x">a</p>', True),
        (JOURNAL, "[code]<b>x</b>[/code]", True),
        (ADF, doc(words("a"), PANEL), True),
        (ADF, doc(words("a")), False),
        (WIKI, None, False),
    ],
)
def test_what_no_word_of_ours_says_is_seen(dialect: TextDialect, body: Any, *, more: bool) -> None:
    assert says_more(dialect, body) is more

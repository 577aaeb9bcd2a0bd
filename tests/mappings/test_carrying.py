"""An edit of what a poorer tool shows, carried over into the incident's text, block by block. All in Markdown."""

from __future__ import annotations

import pytest

from tieline.mappings.convert import markdown
from tieline.mappings.convert.carrying import Carrier, side_by_side
from tieline.mappings.convert.lifting import Old
from tieline.mappings.convert.rich import Blocks


def said(blocks: Blocks) -> str:
    return markdown.settled(blocks)[1]


def carried(rich: str, shown: str, edited: str) -> tuple[str, int]:
    """The text after the edit, and how many changes are held."""
    carrier = Carrier()
    now = carrier.carry([Old(markdown.parse(rich), markdown.parse(shown))], markdown.parse(edited))
    return said(now), len(carrier.held)


TABLE = "| **a** | b |\n| --- | --- |\n| c | d |"
PLAIN_TABLE = TABLE.replace("*", "")
LINES = "a and b\nc and d"
LIST, SHOWN_LIST = "- **a**\n- b", "- a\n- b"


@pytest.mark.parametrize(
    ("rich", "shown", "edited", "now"),
    [
        pytest.param("**a** b", "a b", "a b c", "**a** b c", id="marks of words"),
        pytest.param("**a**", "a", "", "", id="removed"),
        pytest.param("- a\n- b", "\\- a\n\\- b", "", "", id="a list of which all words showed, removed"),
        pytest.param("## **a** b", "## a b", "## a c", "## **a** c", id="a heading"),
        pytest.param("# **a**", "## a", "## a x", "# **a** x", id="a heading shown on another level"),
        pytest.param("# **a**", "## a", "### a x", "### **a** x", id="a heading put on another level"),
        pytest.param("```py\nx\n```", "```\nx\n```", "```\ny\n```", "```py\ny\n```", id="code of a language"),
        pytest.param("```py\nx\n```", "```\nx\n```", "```sh\ny\n```", "```sh\ny\n```", id="code of another language"),
        pytest.param("> **a**\n>\n> b", "> a\n>\n> b", "> a\n>\n> c", "> **a**\n>\n> c", id="a quotation"),
        pytest.param(LIST, SHOWN_LIST, "- a\n- b\n- c", "- **a**\n- b\n- c", id="an item more"),
        pytest.param(LIST, SHOWN_LIST, "- b", "- b", id="an item less"),
        pytest.param(LIST, SHOWN_LIST, "- a\n- x", "- **a**\n- x", id="an item changed"),
        pytest.param(LIST, SHOWN_LIST, "1. a\n2. b", "1. **a**\n2. b", id="a list that is numbered now"),
        pytest.param("3. **a**", "1. a", "1. a\n2. b", "3. **a**\n4. b", id="a list that is numbered otherwise there"),
        pytest.param("3. **a**", "1. a", "5. a", "5. **a**", id="a list that begins with another number now"),
        pytest.param(TABLE, PLAIN_TABLE, PLAIN_TABLE.replace("d", "x"), TABLE.replace("d", "x"), id="a cell"),
        pytest.param(TABLE, PLAIN_TABLE, f"{PLAIN_TABLE}\n| e | f |", f"{TABLE}\n| e | f |", id="a row"),
        pytest.param(
            "| [a](http://h) | b |\n| --- | --- |\n| c | d |",
            PLAIN_TABLE.replace("a", "a (http\\://h)"),
            PLAIN_TABLE.replace("a", "a (http\\://h)").replace("d", "x"),
            "| [a](http://h) | b |\n| --- | --- |\n| c | x |",
            id="a cell beside a link",
        ),
        pytest.param(
            "| **a \\| x** | b |\n| --- | --- |\n| c | d |",
            "| a \\| x | b |\n| --- | --- |\n| c | d |",
            "| a \\| x | z |\n| --- | --- |\n| c | d |",
            "| **a \\| x** | z |\n| --- | --- |\n| c | d |",
            id="a cell beside one with a bar",
        ),
        pytest.param("> **a** x\n>\n> c", "> a x\n>\n> c", "> a y\n>\n> c", "> **a** y\n>\n> c", id="quoted words"),
        pytest.param(
            "> **A** `b`", "> **A** `b`", "> **A** `b`\n> more", "> **A** `b`\n>\n> more", id="a heading with code"
        ),
        pytest.param("> **A** b", "> **A** b", "> **A** b\n> more", "> **A** b\n> more", id="bold words and others"),
        pytest.param("1. [a.png]\n2. b", "1. [a.png]\n2. b", "1. [a.png]\n2. c", "1. [a.png]\n2. c", id="another item"),
        pytest.param(
            "- x\n- [a.png]", "- x\n- [a.png]", "- x\n- [a.png]\n  below", "- x\n\n- [a.png]\n\n  below", id="last item"
        ),
        pytest.param(
            "- x\n- [a.png]", "- x\n- [a.png]", "- y\n- [a.png]\n  below", "- y\n- [a.png]\n  below", id="two items"
        ),
        pytest.param(TABLE, LINES, f"new\n\n{LINES}\n\nbelow", f"new\n\n{TABLE}\n\nbelow", id="around a block"),
        pytest.param(TABLE, LINES, f"{LINES}\nbelow", f"{TABLE}\n\nbelow", id="a line below a block"),
        pytest.param(TABLE, LINES, f"above\n{LINES}", f"above\n\n{TABLE}", id="a line above a block"),
        pytest.param(
            "![p](http://h/i.png)", "see it", "see it\nmore", "[p](http://h/i.png)\nmore", id="a line more of words"
        ),
        pytest.param("- a\n- b", "\\- a\n\\- b", "\\- a\n\\- c", "- a\n- c", id="a list shown as lines"),
        pytest.param(
            "- a\n- b", "\\- a\n\\- b", "\\- a\n\\- b\n\\- c\ntext", "- a\n- b\n\n\\- c\ntext", id="lines below a list"
        ),
        pytest.param(
            "3. **a**\n4. b",
            "3\\. a\n4\\. b",
            "1\\. a\n2\\. b",
            "3. **a**\n4. b",
            id="lines that are numbered otherwise",
        ),
        pytest.param("a\n\n> [p]", "a\n\n> [p]", "a\n\n> [p]\n> x", "a\n\n> [p]\n>\n> x", id="a quoted mark, last"),
        pytest.param(
            "a\n\n- [p.png]", "a\n\n- [p.png]", "a\n\n- [p.png]\n  x", "a\n\n- [p.png]\n\n  x", id="a file, last"
        ),
        pytest.param(
            "- a\n- b", "\\- a\n\\- b", "\\- a\n\\- b\n\n## h", "- a\n- b\n\n## h", id="a heading below lines"
        ),
        pytest.param(
            "- a\n  - b",
            "\\- a\n\u00a0\u00a0\\- b",
            "\\- a\n\u00a0\u00a0\\- b\n\u00a0\u00a0\\- c",
            "- a\n  - b\n  - c",
            id="further in",
        ),
        pytest.param(TABLE, LINES, f"{LINES}\n\nx\n\n## h", f"{TABLE}\n\nx\n\n## h", id="a heading below a block"),
        pytest.param("***a*** b", "**a** b", "**a** *b*", "***a*** *b*", id="marks that are shown and others"),
        pytest.param("> ***a*** b", "> **a** b", "> **a** *b*", "> ***a*** *b*", id="such marks in a quotation"),
        # A line that stands for a picture, a file or a macro cannot hold what is written beside it.
        pytest.param("[picture]", "[picture]", "[picture]\nbelow", "[picture]\n\nbelow", id="below a mark"),
        pytest.param("[picture]", "[picture]", "above\n[picture]", "above\n\n[picture]", id="above a mark"),
        pytest.param(
            "[picture]", "[picture]", "above\n[picture]\nbelow", "above\n\n[picture]\n\nbelow", id="around a mark"
        ),
        pytest.param("[picture]", "[picture]", "[other]\nbelow", "[other]\nbelow", id="a mark that is another now"),
        pytest.param("a [picture]", "a [picture]", "a [picture]\nbelow", "a [picture]\nbelow", id="words and a mark"),
        pytest.param("> **Note**", "> **Note**", "> **Note**\n> more", "> **Note**\n>\n> more", id="a panel's heading"),
        pytest.param("**Note**", "**Note**", "**Note**\nmore", "**Note**\nmore", id="bold words in no panel"),
        pytest.param("- [a.png]", "- [a.png]", "- [a.png]\n  below", "- [a.png]\n\n  below", id="a file in an item"),
        pytest.param("- [x]", "- [x]", "- [x]\n  below", "- [x]\n  below", id="a box in an item"),
        pytest.param(
            "- **b**\n- [x]",
            "- b\n- [x]",
            "- b\n- [x]\n  below",
            "- **b**\n- [x]\n  below",
            id="a box in a richer list",
        ),
        pytest.param("a\n\n[p]", "a\n\n[p]", "a\n\n[p]\nbelow", "a\n\n[p]\n\nbelow", id="the last of several"),
        pytest.param("a\n\n[p]", "a\n\n[p]", "x\n\n[p]\nbelow", "x\n\n[p]\nbelow", id="the last, and another changed"),
    ],
)
def test_what_is_certain_is_taken_over(rich: str, shown: str, edited: str, now: str) -> None:
    assert carried(rich, shown, edited) == (now, 0)


@pytest.mark.parametrize(
    ("rich", "shown", "edited"),
    [
        pytest.param(TABLE, LINES, "a and x\nc and d", id="words of a table shown as lines"),
        pytest.param(TABLE, PLAIN_TABLE, "| a | b | z |\n| --- | --- | --- |\n| c | d | y |", id="a column more"),
        pytest.param(LIST, "- a b", "- a c", id="items that show as one"),
        pytest.param(TABLE, "| a | b |\n| --- | --- |", "| a | x |\n| --- | --- |", id="rows that are not shown"),
        pytest.param(
            TABLE, "| q | b |\n| --- | --- |\n| c | d |", "| z | b |\n| --- | --- |\n| c | d |", id="other words shown"
        ),
        pytest.param("![p](http://h/i.png)", "see it", "see that", id="words that stand for a picture"),
        pytest.param("## ![p](http://h/i.png)", "## see it", "## see that", id="a heading that stands for a picture"),
        pytest.param("**a** [x](http://h/i)", "a", "", id="a block of which not all showed, removed"),
    ],
)
def test_what_is_not_certain_is_held_and_stays(rich: str, shown: str, edited: str) -> None:
    assert carried(rich, shown, edited) == (said(markdown.parse(rich)), 1)


@pytest.mark.parametrize(
    ("rich", "shown", "pairs"),
    [
        ("a\n\nb\n\nc", "a\n\nb\n\nc", [("a", "a"), ("b", "b"), ("c", "c")]),
        ("**a**\n\nb", "a\n\nb", [("**a**", "a"), ("b", "b")]),
        (f"a\n\n{TABLE}\n\nz", "a\n\nx y\n\nz w\n\nz", [("a", "a"), (TABLE, "x y\n\nz w"), ("z", "z")]),
        ("a\n\nb", "a", [("a", "a"), ("b", "")]),
        ("a", "a\n\nb", [("a", "a"), ("", "b")]),
        ("a\n\nb\n\na", "a\n\na", [("a", "a"), ("b", ""), ("a", "a")]),
        ("a\n\na", "a", [("a", "a"), ("a", "")]),
        ("x", "y", [("x", "y")]),
        ("a\n\nb\n\nc\n\nd", "a\n\nb\n\nx\n\nd", [("a", "a"), ("b", "b"), ("c", "x"), ("d", "d")]),
        ("q\n\nb\n\nc", "x y\n\nb\n\nc", [("q", "x y"), ("b", "b"), ("c", "c")]),
        ("a\n\n---", "a", [("a", "a"), ("---", "")]),
        ("---\n\na", "a", [("---", ""), ("a", "a")]),
        ("", "a", [("", "a")]),
    ],
)
def test_blocks_stand_with_what_is_shown_of_them(rich: str, shown: str, pairs: list[tuple[str, str]]) -> None:
    found = side_by_side(markdown.parse(rich), markdown.parse(shown))
    assert [(said(one.piece), said(one.shown)) for one in found] == pairs

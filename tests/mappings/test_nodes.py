"""An Atlassian document written anew: which nodes stay to the letter, which change, and which are held."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.adapters.jira.simulated.screens import document as taken_by_jira
from tieline.mappings.convert.merging import over
from tieline.mappings.convert.text import from_tool, project_text
from tieline.mappings.document import TextDialect

ADF = TextDialect.JIRA_ADF


def text(words: str, *marks: str) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"marks": [{"type": one} for one in marks]} if marks else {})}


def node(kind: str, *content: Any, **attributes: Any) -> dict[str, Any]:
    return {"type": kind, **({"attrs": attributes} if attributes else {}), "content": list(content)}


def said(words: str, *marks: str) -> dict[str, Any]:
    return node("paragraph", text(words, *marks))


def item(*content: Any) -> dict[str, Any]:
    return node("listItem", *content)


def bullets(*items: Any) -> dict[str, Any]:
    return node("bulletList", *items)


def doc(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


BREAK = {"type": "hardBreak"}
EMPTY = node("paragraph")
MIA = {"type": "mention", "attrs": {"id": "5b", "text": "@Mia"}}
PICTURE = {"type": "media", "attrs": {"id": "m", "alt": "g.png"}}


def columns(*each: list[Any]) -> dict[str, Any]:
    return node("layoutSection", *(node("layoutColumn", *content, width=50) for content in each))


IN, TWO = bullets(item(said("in"))), item(said("two"))
NESTED = bullets(item(said("one"), IN), TWO)
A, B, C, X = said("a"), said("b"), said("c"), said("x")


def under(words: str) -> dict[str, Any]:
    """Words with a mark that the incident has no word for."""
    return text(words, "underline")


def heading(level: int, *content: Any) -> dict[str, Any]:
    return node("heading", *content, level=level)


def code(words: str, **attributes: Any) -> dict[str, Any]:
    return node("codeBlock", text(words), **attributes)


def task(words: str, state: str) -> dict[str, Any]:
    return node("taskItem", text(words), localId="i", state=state)


def tasks(*items: Any) -> dict[str, Any]:
    return node("taskList", *items, localId="t")


def cell(*content: Any, **attributes: Any) -> dict[str, Any]:
    return node("tableCell", *content, **attributes)


def head(*content: Any, **attributes: Any) -> dict[str, Any]:
    return node("tableHeader", *content, **attributes)


def row(*cells: Any) -> dict[str, Any]:
    return node("tableRow", *cells)


def table(*rows: Any) -> dict[str, Any]:
    return node("table", *rows, layout="wide")


def grid(*rows: str) -> str:
    return "\n".join(["| a | b |", "| --- | --- |", *rows])


def ask(*around: Any) -> dict[str, Any]:
    return node("paragraph", *around)


HALF = node("paragraph", text("a "), under("b"))
HEAD, COLOURED = row(head(A), head(B)), cell(said("d"), background="#f")
ROW = row(cell(HALF), COLOURED)
WIDE = row(head(A, colspan=2))
EXPAND = node("expand", HALF, B, title="T")
LINES = node("paragraph", under("a"), BREAK, text("b"))
PARTED = node("paragraph", under("a"), BREAK, BREAK, text("b"))
CARD = {"type": "blockCard", "attrs": {"url": "https://example.org/"}}


@pytest.mark.parametrize(
    ("own", "edited", "after"),
    [
        pytest.param([columns([A], [B])], "a\n\nx\n\nb", [columns([A, X], [B])], id="between columns"),
        pytest.param([columns([A], [B])], "a\n\nb\n\nx", [columns([A], [B]), X], id="behind columns"),
        pytest.param([columns([A], [B])], "x\n\na\n\nb", [X, columns([A], [B])], id="before columns"),
        pytest.param([columns([A], [B])], "aa\n\nb\n\nx", [columns([said("aa")], [B, X])], id="in two columns"),
        pytest.param([columns([A], [EMPTY])], "aa", [columns([said("aa")], [EMPTY])], id="beside an empty column"),
        pytest.param([NESTED], "- - in\n- two", [bullets(item(EMPTY, IN), TWO)], id="what an item began with"),
        pytest.param(
            [bullets(item(IN), TWO)],
            "- - in\n  - x\n- two",
            [bullets(item(EMPTY, bullets(item(said("in")), item(X))), TWO)],
            id="in an item that began with a list",
        ),
        pytest.param(
            [heading(2, text("a "), under("b"))],
            "## a b c",
            [heading(2, text("a "), under("b"), text(" c"))],
            id="heading",
        ),
        pytest.param(
            [heading(2, text("a "), under("b"))], "### a b", [heading(3, text("a "), under("b"))], id="another level"
        ),
        pytest.param(
            [heading(2, under("b"), text(" a"))], "#### b c", [heading(4, under("b"), text(" "), text("c"))], id="both"
        ),
        pytest.param(
            [code("x", language="py", uniqueId="1")],
            "```py\ny\n```",
            [code("y", language="py", uniqueId="1")],
            id="code",
        ),
        pytest.param(
            [code("x", language="py", uniqueId="1")],
            "```sh\nx\n```",
            [code("x", language="sh", uniqueId="1")],
            id="code of another language",
        ),
        pytest.param([code("x")], "```\ny\n```", [code("y")], id="code of no language"),
        pytest.param([code("x")], "```sh\nx\n```", [code("x", language="sh")], id="code of a language now"),
        pytest.param(
            [node("blockquote", HALF)],
            "> a b c",
            [node("blockquote", node("paragraph", text("a "), under("b"), text(" c")))],
            id="a quotation",
        ),
        pytest.param(
            [node("panel", A, B, panelType="note")],
            "> a\n>\n> c",
            [node("panel", A, C, panelType="note")],
            id="a panel",
        ),
        pytest.param(
            [node("panel", heading(3, text("h")), A, panelType="note")],
            "> **h**\n>\n> b",
            [node("panel", heading(3, text("h")), B, panelType="note")],
            id="below a panel's heading",
        ),
        pytest.param(
            [node("panel", heading(3, text("h")), A, panelType="note")],
            "> **x**\n>\n> a",
            [node("panel", heading(3, text("x")), A, panelType="note")],
            id="a panel's heading",
        ),
        pytest.param(
            [node("panel", heading(3, under("b"), text(" a")), A, panelType="note")],
            "> **b c**\n>\n> a",
            [node("panel", heading(3, under("b"), text(" "), text("c")), A, panelType="note")],
            id="a panel's heading with a mark",
        ),
        pytest.param(
            [node("panel", heading(3, text("h")), A, panelType="note")],
            "> x\n>\n> a",
            [node("panel", X, A, panelType="note")],
            id="a panel's heading that is none any more",
        ),
        pytest.param([bullets(item(HALF), TWO)], "- a b\n- x", [bullets(item(HALF), item(X))], id="an item"),
        pytest.param(
            [bullets(item(HALF), TWO)], "- a b\n- two\n- x", [bullets(item(HALF), TWO, item(X))], id="an item more"
        ),
        pytest.param([bullets(item(HALF), TWO)], "- a b", [bullets(item(HALF))], id="an item less"),
        pytest.param(
            [bullets(item(A), TWO)], "1. a\n2. two", [node("orderedList", item(A), TWO, order=1)], id="numbered now"
        ),
        pytest.param(
            [node("orderedList", item(HALF), TWO, order=3)],
            "5. a b\n6. two",
            [node("orderedList", item(HALF), TWO, order=5)],
            id="numbered otherwise",
        ),
        pytest.param(
            [node("orderedList", item(HALF), TWO)],
            "1. a b\n2. x\n3. two",
            [node("orderedList", item(HALF), item(X), TWO)],
            id="an item between",
        ),
        pytest.param(
            [tasks(task("a", "TODO"), task("b", "DONE"))],
            "- [ ] a\n- [x] c",
            [tasks(task("a", "TODO"), task("c", "DONE"))],
            id="a task",
        ),
        pytest.param(
            [tasks(node("taskItem", under("a"), text(" b"), state="TODO"))],
            "- [ ] a c",
            [tasks(node("taskItem", under("a"), text(" "), text("c"), state="TODO"))],
            id="a task with a mark",
        ),
        pytest.param(
            [node("decisionList", node("decisionItem"), node("decisionItem", text("go")))],
            "- stop",
            [node("decisionList", node("decisionItem"), node("decisionItem", text("stop")))],
            id="a decision beside an empty one",
        ),
        pytest.param(
            [table(HEAD, ROW)],
            grid("| a b | x |"),
            [table(HEAD, row(cell(HALF), cell(X, background="#f")))],
            id="a cell with a colour",
        ),
        pytest.param(
            [table(HEAD, ROW)],
            grid("| a b c | d |"),
            [table(HEAD, row(cell(node("paragraph", text("a "), under("b"), text(" c"))), COLOURED))],
            id="a cell with a mark",
        ),
        pytest.param(
            [table(HEAD, ROW)],
            grid("| a b | d |", "| x | c |"),
            [table(HEAD, ROW, row(cell(X), cell(C)))],
            id="a row more",
        ),
        pytest.param(
            [table(HEAD, ROW)],
            grid("| x | c |", "| a b | d |"),
            [table(HEAD, row(cell(X), cell(C)), ROW)],
            id="a row between",
        ),
        pytest.param(
            [table(HEAD, ROW)],
            grid("| a b | d |").replace("a | b", "x | b", 1),
            [table(row(head(X), head(B)), ROW)],
            id="a table's head",
        ),
        pytest.param([table(HEAD, row(cell(A), cell(B)))], grid(), [table(HEAD)], id="a row less"),
        pytest.param(
            [table(WIDE, row(cell(A), cell(B)))],
            "| a |  |\n| --- | --- |\n| a | c |\n| x | x |",
            [table(WIDE, row(cell(A), cell(C)), row(cell(X), cell(X)))],
            id="below a cell over two columns",
        ),
        pytest.param(
            [table(row(head(A)), row(cell(node("paragraph", text("a"), BREAK, text("b")))))],
            "| a |\n| --- |\n| a c |",
            [table(row(head(A)), row(cell(node("paragraph", text("a"), BREAK, text("c")))))],
            id="a cell with a line break",
        ),
        pytest.param(
            [table(row(head(A)), row(cell(node("paragraph", text("a"), BREAK, text("b c"), BREAK, text("d")))))],
            "| a |\n| --- |\n| a b x d |",
            [
                table(
                    row(head(A)),
                    row(cell(node("paragraph", text("a"), BREAK, text("b "), text("x"), BREAK, text("d")))),
                )
            ],
            id="between a cell's line breaks",
        ),
        pytest.param(
            [table(row(head(A)), row(cell()), row(cell(EMPTY, background="#f")))],
            "| a |\n| --- |\n| x |\n| c |",
            [table(row(head(A)), row(cell(X)), row(cell(C, background="#f")))],
            id="empty cells",
        ),
        pytest.param(
            [table(row(head(A)), row(cell(HALF)))],
            "| a |\n| --- |\n|  |",
            [table(row(head(A)), row(cell(EMPTY)))],
            id="a cell that is emptied",
        ),
        pytest.param([EXPAND], "**T**\n\na b\n\nc", [node("expand", HALF, C, title="T")], id="what is folded away"),
        pytest.param(
            [node("bodiedExtension", A, extensionKey="e")],
            "b",
            [node("bodiedExtension", B, extensionKey="e")],
            id="a macro's body",
        ),
        pytest.param(
            [ask(text("ask "), MIA, text(" now"))],
            "tell @Mia now",
            [ask(text("tell"), text(" "), MIA, text(" now"))],
            id="before a mention",
        ),
        pytest.param(
            [ask(text("ask "), MIA, text(" now"))],
            "ask x @Mia now",
            [ask(text("ask "), text("x "), MIA, text(" now"))],
            id="right before a mention",
        ),
        pytest.param(
            [ask(text("ask "), MIA, text(" now"))],
            "ask @Mia x now",
            [ask(text("ask "), MIA, text(" "), text("x "), text("now"))],
            id="behind a mention",
        ),
        pytest.param(
            [ask(text("ask "), MIA, text(" now"))], "ask @Mia", [ask(text("ask "), MIA)], id="up to a mention"
        ),
        pytest.param([ask(MIA, text(" now"))], "x @Mia now", [ask(text("x "), MIA, text(" now"))], id="first of all"),
        pytest.param([HALF], "a **b**", [node("paragraph", text("a "), text("b", "strong"))], id="a mark"),
        pytest.param(
            [HALF], "**a** b", [node("paragraph", text("a", "strong"), text(" "), under("b"))], id="a mark beside one"
        ),
        pytest.param([HALF], "x a b", [node("paragraph", text("x "), text("a "), under("b"))], id="words before"),
        pytest.param([HALF], "b", [node("paragraph", under("b"))], id="words less"),
        pytest.param([HALF], "a", [A], id="marked words less"),
        pytest.param([LINES], "a\nx", [node("paragraph", under("a"), BREAK, text("x"))], id="a line"),
        pytest.param(
            [LINES], "a\nb\nx", [node("paragraph", under("a"), BREAK, text("b"), BREAK, text("x"))], id="a line more"
        ),
        pytest.param([LINES], "a b", [node("paragraph", under("a"), text(" "), text("b"))], id="a line break less"),
        pytest.param([LINES], "a\n\nb", [node("paragraph", under("a")), B], id="a paragraph of its own"),
        pytest.param([PARTED], "a\n\nx", [node("paragraph", under("a"), BREAK, BREAK, text("x"))], id="two breaks"),
        pytest.param(
            [node("paragraph", under("a"), BREAK, BREAK)],
            "a x",
            [node("paragraph", under("a"), text(" x"), BREAK, BREAK)],
            id="before breaks that nothing follows",
        ),
        pytest.param(
            [node("paragraph", text("a\tb "), under("c"))],
            "a b c d",
            [node("paragraph", text("a\tb "), under("c"), text(" d"))],
            id="a tab",
        ),
        pytest.param(
            [bullets(item(HALF)), bullets(TWO)], "- a b\n- x", [bullets(item(HALF)), bullets(item(X))], id="lists"
        ),
        pytest.param(
            [bullets(item(HALF)), EMPTY, bullets(TWO)],
            "- a b\n- two\n- x",
            [bullets(item(HALF)), EMPTY, bullets(TWO, item(X))],
            id="lists with an empty line between",
        ),
        pytest.param(
            [table(HEAD, row(cell(bullets(item(A))), cell(B)))],
            grid("| a | x |"),
            [table(HEAD, row(cell(bullets(item(A))), cell(X)))],
            id="a cell beside a list",
        ),
        pytest.param(
            [said("ab cd ef gh")], "ab ef gh ij", [node("paragraph", text("ab ef gh"), text(" ij"))], id="less and more"
        ),
        pytest.param(
            [said("  ab cd", "underline")],
            "ab x cd",
            [node("paragraph", under("  ab "), text("x "), under("cd"))],
            id="behind spaces that are not shown",
        ),
        pytest.param(
            [node("paragraph", under("a"), BREAK)],
            "a x",
            [node("paragraph", under("a"), text(" x"), BREAK)],
            id="before a break that nothing follows",
        ),
        pytest.param(
            [node("paragraph", text("ab cd "), under("ef gh"))],
            "cd ef",
            [node("paragraph", text("cd "), under("ef"))],
            id="words less at both ends",
        ),
        pytest.param([said("a", "strong"), B], "b", [B], id="marks that the incident knows"),
        pytest.param([CARD, A], "[https://example.org/]\n\nb", [CARD, B], id="below a card"),
        pytest.param([{"type": "paragraph"}, A], "b", [{"type": "paragraph"}, B], id="below a node without content"),
    ],
)
def test_what_was_changed_is_written_and_jira_takes_it(own: list[Any], edited: str, after: list[Any]) -> None:
    written = over(ADF, doc(*own), project_text(ADF, edited))

    assert (written.body["content"], written.held) == (after, ())
    assert written.back == from_tool(ADF, written.body) == project_text(ADF, edited)
    assert taken_by_jira(written.body) == written.body


@pytest.mark.parametrize(
    ("own", "edited", "after"),
    [
        pytest.param([columns([A], [B])], "a", [columns([A], [B])], id="a column's words are gone"),
        pytest.param([columns([A], [B])], "x", [columns([X], [B])], id="both columns' words are one now"),
        pytest.param(
            [node("mediaSingle", PICTURE, node("caption", text("below")))],
            "[g.png]\n\nx\n\nbelow",
            [node("mediaSingle", PICTURE, node("caption", text("below")))],
            id="between a picture and its caption",
        ),
        *(
            pytest.param([own], edited, [own], id=name)
            for name, own, edited in (
                ("an item with a mark is gone", bullets(item(HALF), TWO), "- two"),
                ("a list with a mark is numbered now", bullets(item(HALF), TWO), "1. a b\n2. two"),
                ("a task is ticked elsewhere", tasks(task("a", "TODO"), task("b", "DONE")), "- [x] a\n- [x] b"),
                ("a task is gone", tasks(task("a", "TODO"), task("b", "DONE")), "- [ ] a"),
                ("tasks are numbered now", tasks(task("a", "TODO")), "1. [ ] a"),
                ("a box is gone", tasks(task("a", "TODO"), task("b", "DONE")), "- a\n- [x] b"),
                ("a row with a mark is gone", table(HEAD, ROW), grid()),
                ("a column is gone", table(HEAD, ROW), "| a |\n| --- |\n| a b |"),
                (
                    "a cell over two columns",
                    table(WIDE, row(cell(A), cell(B))),
                    "| x |  |\n| --- | --- |\n| a | b |",
                ),
                ("two paragraphs in a cell", table(row(head(A)), row(cell(A, B))), "| a |\n| --- |\n| a c |"),
                ("another title", EXPAND, "**U**\n\na b\n\nb"),
                ("no title", EXPAND, "a b\n\nb"),
                ("a macro without a body", node("bodiedExtension", A, extensionKey="e"), ""),
                ("another mention", ask(text("ask "), MIA, text(" now")), "ask @Max now"),
                ("no mention", ask(text("ask "), MIA, text(" now")), "ask now"),
                ("a nested task", tasks(task("a", "TODO"), tasks(task("b", "TODO"))), "- [ ] a\n- - [ ] c"),
                ("code instead of a task", tasks(task("a", "TODO"), task("b", "TODO")), "- [ ] a\n- ```\n  b\n  ```"),
                ("a quotation instead of a task", tasks(task("a", "TODO"), task("b", "TODO")), "- [ ] a\n- > b"),
                ("a macro that has no body", {"type": "bodiedExtension", "attrs": {"extensionKey": "e"}}, "x"),
                ("another mention in a cell", table(HEAD, row(cell(ask(MIA)), cell(B))), grid("| @Max | b |")),
                ("a card", CARD, "[https://example.org/x]"),
            )
        ),
    ],
)
def test_what_cannot_be_written_stays_and_is_held(own: list[Any], edited: str, after: list[Any]) -> None:
    written = over(ADF, doc(*own), project_text(ADF, edited))

    assert written.body["content"] == after
    assert len(written.held) == 1
    assert taken_by_jira(written.body) == written.body


@pytest.mark.parametrize(
    ("own", "edited", "after", "held"),
    [
        pytest.param([5, A], "b", [5, B], 0, id="no node"),
        pytest.param([bullets(5, item(A), item(B))], "- a\n- x", [bullets(item(A), item(X))], 0, id="no item"),
        pytest.param([bullets(item(5, A), item(B))], "- x\n- b", [bullets(item(5, X), item(B))], 0, id="in an item"),
        pytest.param([bullets(item(5, A), item(B))], "- b", [bullets(item(B))], 0, id="in an item that is gone"),
        pytest.param(
            [bullets(item(HALF, 5), item(B))], "- b", [bullets(item(HALF, 5), item(B))], 1, id="behind what is held"
        ),
        pytest.param([node("panel", 5, HALF)], "> a", [node("panel", 5, A)], 0, id="in a panel"),
        pytest.param(
            [{"type": "heading", "content": 7}, A], "x", [{"type": "heading", "content": 7}, X], 0, id="words"
        ),
        pytest.param(
            [{**heading(1, text("a "), under("b")), "attrs": 7}],
            "### a b",
            [heading(3, text("a "), under("b"))],
            0,
            id="attributes",
        ),
        pytest.param([node("paragraph", {**text("a"), "marks": 5}), B], "b", [B], 0, id="marks"),
        pytest.param(
            [node("paragraph", {**text("a"), "marks": [5]}), B],
            "b",
            [node("paragraph", {**text("a"), "marks": [5]}), B],
            1,
            id="a mark",
        ),
    ],
)
def test_what_is_no_document_of_jiras_is_gone_around(own: list[Any], edited: str, after: list[Any], held: int) -> None:
    written = over(ADF, doc(*own), edited)

    assert (written.body["content"], len(written.held)) == (after, held)

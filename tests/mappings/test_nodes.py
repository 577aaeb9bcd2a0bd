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
A, B, X = said("a"), said("b"), said("x")


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
    ],
)
def test_what_cannot_be_written_stays_and_is_held(own: list[Any], edited: str, after: list[Any]) -> None:
    written = over(ADF, doc(*own), project_text(ADF, edited))

    assert written.body["content"] == after
    assert len(written.held) == 1
    assert taken_by_jira(written.body) == written.body

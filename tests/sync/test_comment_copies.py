"""By what a copied comment is known again, and what of a comment may stand in a tool: decided from values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tieline.core.model import Audience, ConnectionName, IncidentId
from tieline.core.port import Reading, Ref, RemoteComment, Token, Version
from tieline.mappings import Mapping, load
from tieline.sync.comments import comments
from tieline.sync.comments.comments import Outgoing

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MEMORY: Final = load("memory-incident")
TOKEN: Final = Token("tl-0123456789abcdef")
HEAD: Final = "ann in snow (INC-12#89abcdef):"


def shown(body: str, **facts: Any) -> RemoteComment:
    known = {"id": "c1", "author": "bot", "body": body, "audience": Audience.CUSTOMERS, "ours": True}
    return RemoteComment(**{"created_at": NOW, **known, **facts})


def outgoing(**facts: Any) -> Outgoing:
    known: dict[str, Any] = {"state": "sending", "author": "ann", "origin": "snow", "body": "It is **full**.", **facts}
    return Outgoing(
        id=1,
        comment=2,
        incident=IncidentId(12),
        replica=3,
        ref=Ref("7"),
        token=TOKEN,
        audience=Audience.CUSTOMERS,
        attempts=0,
        **known,
    )


def test_the_first_line_says_who_wrote_it_where_and_by_what_it_is_known() -> None:
    assert comments.first_line("ann", "snow", "INC-12", TOKEN) == HEAD
    assert comments.first_line("ann", "", "INC-12", TOKEN) == HEAD.replace("snow", "Tieline")


def test_a_copy_stands_under_its_first_line() -> None:
    assert comments.rendered(MEMORY, outgoing()) == f"{HEAD}\n\nIt is **full**."


@pytest.mark.parametrize(
    ("comment", "token", "is_copy"),
    [
        pytest.param(shown("words", token=TOKEN), TOKEN, True, id="its token"),
        pytest.param(shown("words", token=TOKEN, ours=False), TOKEN, True, id="its token, whoever wrote it"),
        pytest.param(shown(HEAD, token=Token("other")), TOKEN, False, id="another token, whatever it says"),
        pytest.param(shown(f"{HEAD}\n\nwords"), TOKEN, True, id="its first line"),
        pytest.param(shown(f"{HEAD}\n\nwords", ours=False), TOKEN, False, id="its first line, quoted by a person"),
        pytest.param(shown(f"words\n{HEAD}"), TOKEN, False, id="its first line further down"),
        pytest.param(shown(HEAD.replace("89abcdef", "00000000")), TOKEN, False, id="the line of another"),
        pytest.param(shown("89abcdef"), TOKEN, False, id="its digits alone"),
    ],
)
def test_a_copy_is_known_by_its_token_and_else_by_its_first_line(
    comment: RemoteComment, token: Token, is_copy: bool
) -> None:
    assert comments.is_copy(comment, comment.body, token) is is_copy


SHIPPED: Final = [
    load(name)
    for name in ("jira-issue", "jira-issue-wiki", "jira-jsm-incident", "pagerduty-incident", "servicenow-incident")
]
MARKS: Final = st.sampled_from(
    ["\n", "\r", " ", "`", "~", "#", "=", "<", ">", "|", "{", "}", "[", "]", "\\", "*", "-", "\0"]
)


@pytest.mark.parametrize("mapping", [MEMORY, *SHIPPED], ids=lambda one: one.name)
@settings(max_examples=30, deadline=None)
@given(author=st.text(st.characters() | MARKS))
@example(author="~~~")
@example(author="```ann")
@example(author="    ann")
@example(author="ann\nof the desk")
@example(author="<!-- ann")
@example(author="[code]<pre>")
@example(author="{noformat}")
@example(author="ann\ud800")
def test_a_copy_is_known_whatever_its_author_is_called(mapping: Mapping, author: str) -> None:
    body = mapping.from_text(comments.rendered(mapping, outgoing(author=author)))
    assert comments.is_copy(shown(body), body, TOKEN)


def test_a_comment_in_doubt_is_found_among_those_that_stand_there() -> None:
    mine = shown(f"{HEAD}\n\nwords", id="c2")
    others = [shown("words"), mine, replace(mine, id="c3")]
    assert comments.search(others, MEMORY, outgoing()) is mine
    assert comments.search(others[:1], MEMORY, outgoing()) is None


@pytest.mark.parametrize("stands", Audience)
@pytest.mark.parametrize("written_for", Audience)
def test_only_a_comment_that_stands_there_for_more_than_it_was_written_for_is_wider(
    stands: Audience, written_for: Audience
) -> None:
    order = ["responders", "staff", "executives", "partners", "customers", "public"]
    wider = order.index(stands) > order.index(written_for)
    assert comments.is_wider(shown("words", audience=stands), written_for) is wider


class Known:
    """Stands for a transaction that knows of these comments."""

    def __init__(self, *known: str) -> None:
        self._known = known

    def execute(self, _statement: object, facts: dict[str, Any]) -> Known:
        assert facts == {"name": "desk", "ref": "7"}
        return self

    def scalars(self) -> tuple[str, ...]:
        return self._known


@pytest.mark.parametrize(
    ("brought", "known", "any_new"),
    [(None, (), False), ((), (), False), (("1",), ("1",), False), (("1", "2"), ("1",), True), (("2",), (), True)],
)
def test_a_reading_is_news_where_it_brings_a_comment_that_its_copy_lacks(
    brought: tuple[str, ...] | None, known: tuple[str, ...], any_new: bool
) -> None:
    said = None if brought is None else tuple(shown("words", id=one) for one in brought)
    tx: Any = Known(*known)
    reading = Reading(Ref("7"), Version("1"), {}, comments=said)
    assert comments.any_new(tx, ConnectionName("desk"), reading) is any_new

"""Where a poll goes on after each page, from answers alone: one row is a page, and the place that it leads to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pytest
from pydantic import TypeAdapter

from tieline.adapters.servicenow.answers import Row
from tieline.adapters.servicenow.poll import Batch, Place, batches
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.adapters.servicenow.wire import Listing
from tieline.core.errors import NeedsOperator
from tieline.core.port import Cursor, Ref, Unreadable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY: Final = "2026-03-01 "
START = Place(DAY + "11:00:00")
SETTINGS: Final = TypeAdapter(ServiceNowSettings).validate_python(
    {"url": "http://localhost", "username": "tieline", "password": {"env": "X"}, "lag": 90, "page_size": 2}
)


def row(sys_id: str, at: str, count: int = 1) -> Row:
    return {"sys_id": sys_id, "sys_updated_on": DAY + at, "sys_mod_count": str(count), "number": f"INC{sys_id}"}


def page(*rows: Row, more: bool | None = False, at: datetime | None = NOW) -> Listing:
    return Listing(tuple(rows), more, None, at)


def polled(*answers: Listing, start: Place = START) -> tuple[list[Batch], list[tuple[str, int]]]:
    """What the poll brings when the tool answers so, and what it asked."""
    asked: list[tuple[str, int]] = []
    waiting = iter(answers)

    def fetch(query: str, offset: int) -> Listing:
        asked.append((query, offset))
        return next(waiting)

    return list(batches("snow", SETTINGS, start, fetch)), asked


def places(found: Sequence[Batch]) -> list[str]:
    return [f"{batch.place.at.removeprefix(DAY)}|{batch.place.sys_id}" for batch in found]


def ids(found: Sequence[Batch]) -> list[list[str]]:
    return [[str(one["sys_id"]) for one in batch.rows] for batch in found]


FROM = f"sys_updated_on>={DAY}11:00:00^ORDERBYsys_updated_on^ORDERBYsys_id"
A, B, C = row("aa", "11:10:00"), row("bb", "11:20:00"), row("cc", "11:30:00")
SAME = [row(name, "11:10:00") for name in ("aa", "bb", "cc")]


@pytest.mark.parametrize(
    ("answers", "batched", "placed", "last_asked"),
    [
        pytest.param([page()], [[]], ["11:58:30|"], FROM, id="nothing there"),
        pytest.param([page(A, B)], [["aa", "bb"]], ["11:58:30|"], FROM, id="all on one page"),
        pytest.param(
            [page(A, B, more=True), page(B, C)],
            [["aa", "bb"], ["cc"]],
            ["11:20:00|", "11:58:30|"],
            FROM.replace("11:00:00", "11:20:00"),
            id="the last of a page is read again and told once",
        ),
        pytest.param(
            [page(A, B, more=None), page(B)],
            [["aa", "bb"], []],
            ["11:20:00|", "11:58:30|"],
            FROM.replace("11:00:00", "11:20:00"),
            id="an answer that does not tell whether more follow",
        ),
        pytest.param(
            [page(A, B, more=True), page(row("bb", "11:20:00", 2), C)],
            [["aa", "bb"], ["bb", "cc"]],
            ["11:20:00|", "11:58:30|"],
            FROM.replace("11:00:00", "11:20:00"),
            id="one that was saved again is told again",
        ),
        pytest.param(
            [page(*SAME[:2], more=True), page(*SAME[:2], more=True), page(SAME[2]), page(C)],
            [["aa", "bb"], ["cc"], ["cc"]],
            ["11:10:00|", "11:10:01|", "11:58:30|"],
            FROM.replace("11:00:00", "11:10:01"),
            id="a second that is longer than a page",
        ),
        pytest.param(
            [page(A, B, more=True), page(B, more=True), page(), page()],
            [["aa", "bb"], []],
            ["11:20:00|", "11:58:30|"],
            FROM.replace("11:00:00", "11:20:01"),
            id="behind a second whose last is known, without an empty page between",
        ),
        pytest.param(
            [page(A, row("bb", "11:59:00"), more=True), page(A)],
            [["aa", "bb"], []],
            ["11:10:00|", "11:58:30|"],
            FROM.replace("11:00:00", "11:10:00"),
            id="what is younger than the window moves no place",
        ),
        pytest.param(
            [page(row("aa", "11:58:31"), row("bb", "11:59:00"), more=True), page()],
            [["aa", "bb"], []],
            ["11:58:30|", "11:58:30|"],
            FROM.replace("11:00:00", "11:59:00"),
            id="where all is young the cursor stays behind the window",
        ),
        pytest.param([page(more=None)], [[]], ["11:58:30|"], FROM, id="nothing there, and nobody says more"),
        pytest.param(
            [page(A, B, more=True), page(row("ab", "11:20:00"), B)],
            [["aa", "bb"], ["ab"]],
            ["11:20:00|", "11:58:30|"],
            FROM.replace("11:00:00", "11:20:00"),
            id="one of the same second that was saved meanwhile",
        ),
        pytest.param(
            [page(A, row("bb", "11:58:30"), more=True), page(A)],
            [["aa", "bb"], []],
            ["11:10:00|", "11:58:30|"],
            FROM.replace("11:00:00", "11:10:00"),
            id="the window begins with its first second",
        ),
        pytest.param([page(A, at=None)], [["aa"]], ["11:08:30|"], FROM, id="without a clock the stamps tell the time"),
        pytest.param([page(at=None)], [[]], ["11:00:00|"], FROM, id="without a clock or a row nothing moves"),
    ],
)
def test_where_a_poll_goes_on(
    answers: list[Listing], batched: list[list[str]], placed: list[str], last_asked: str
) -> None:
    found, asked = polled(*answers)
    assert (ids(found), places(found)) == (batched, placed)
    assert [batch.more for batch in found] == [True] * (len(found) - 1) + [False]
    assert {batch.at for batch in found} == {answers[0].at}
    assert asked[0] == (FROM, 0)
    assert asked[-1] == (last_asked, 0)


def test_behind_a_record_only_the_rest_of_its_second_is_asked_for() -> None:
    _found, asked = polled(page(*SAME[:2], more=True), page(*SAME[:2], more=True), page(SAME[2]), page())
    assert [query for query, _ in asked] == [
        FROM,
        FROM.replace("11:00:00", "11:10:00"),
        f"sys_updated_on={DAY}11:10:00^sys_id>bb^ORDERBYsys_id",
        FROM.replace("11:00:00", "11:10:01"),
    ]


def test_a_cursor_inside_of_a_second_goes_on_there() -> None:
    found, asked = polled(page(C_SAME, more=True), page(), page(), start=Place(DAY + "11:10:00", "bb"))
    assert [query.partition("^ORDERBY")[0] for query, _ in asked] == [
        f"sys_updated_on={DAY}11:10:00^sys_id>bb",
        f"sys_updated_on={DAY}11:10:00^sys_id>cc",
        f"sys_updated_on>={DAY}11:10:01",
    ]
    assert places(found) == ["11:10:00|cc", "11:58:30|"]


C_SAME = SAME[2]


def test_behind_a_record_the_last_of_a_page_leads_on_whenever_it_was_edited() -> None:
    edited = row("dd", "11:59:00")
    _found, asked = polled(page(C_SAME, edited, more=True), page(), page(), start=IN_SECOND)
    assert [query.partition("^ORDERBY")[0] for query, _ in asked] == [
        f"sys_updated_on={DAY}11:10:00^sys_id>bb",
        f"sys_updated_on={DAY}11:10:00^sys_id>dd",
        f"sys_updated_on>={DAY}11:10:01",
    ]


def test_a_cursor_younger_than_the_window_stays_where_it_is() -> None:
    found, asked = polled(page(), start=Place(DAY + "11:59:30"))
    assert places(found) == ["11:59:30|"]
    assert len(asked) == 1
    found, _asked = polled(page(), start=Place(DAY + "12:00:00"))
    assert places(found) == ["12:00:00|"]


def test_a_clock_that_was_set_back_is_followed() -> None:
    found, asked = polled(page(), page(row("aa", "11:59:00")), start=Place(DAY + "12:00:01"))
    assert [query.partition("^")[0] for query, _ in asked] == [
        f"sys_updated_on>={DAY}12:00:01",
        f"sys_updated_on>={DAY}11:58:30",
    ]
    assert (ids(found), places(found)) == ([["aa"]], ["11:58:30|"])


def test_a_clock_is_asked_whether_it_was_set_back_at_the_beginning_only() -> None:
    """The second answer comes from a node whose clock is behind: what was read stands."""
    behind = datetime(2026, 3, 1, 10, tzinfo=UTC)
    found, asked = polled(page(A, B, more=True), page(B, at=behind))
    assert len(asked) == 2
    assert places(found) == ["11:20:00|", "11:00:00|"]


def test_pages_that_are_hidden_whole_are_stepped_over_by_offset() -> None:
    found, asked = polled(page(more=True), page(more=True), page(A))
    assert asked == [(FROM, 0), (FROM, 2), (FROM, 4)]
    assert ids(found) == [["aa"]]


ODD = {"sys_id": "dd", "number": "INC9", "sys_mod_count": "1"}


def test_an_odd_record_is_told_with_its_page_and_the_poll_goes_on() -> None:
    found, _asked = polled(page(A, ODD, more=True), page(A, ODD, more=True), page(), page())
    assert [[one.ref for one in batch.unreadable] for batch in found] == [[Ref("dd")], [Ref("dd")], []]
    assert isinstance(found[0].unreadable[0], Unreadable)
    found, _asked = polled(page(ODD))
    assert [[one.key for one in batch.unreadable] for batch in found] == [["INC9"]]


@pytest.mark.parametrize("answer", [page(ODD, ODD), page(ODD, more=True)])
def test_where_every_record_is_odd_it_is_the_account(answer: Listing) -> None:
    with pytest.raises(NeedsOperator, match="comes without sys_updated_on"):
        polled(answer)


IN_SECOND = Place(DAY + "11:10:00", "bb")


@pytest.mark.parametrize(
    ("start", "rows", "words"),
    [
        pytest.param(START, [row("aa", "10:59:59")], "excludes", id="older than the place"),
        pytest.param(IN_SECOND, [row("bb", "11:10:00")], "excludes", id="the record of the place itself"),
        pytest.param(IN_SECOND, [row("cc", "11:10:01")], "excludes", id="another second"),
        pytest.param(START, [B, A], "did not sort", id="out of order"),
        pytest.param(START, [row("aa", "11:00:00")], "", id="at the place"),
        pytest.param(START, [row("bb", "11:59:00"), row("aa", "11:58:45")], "", id="out of order within the window"),
        pytest.param(START, [row("aa", "11:59:00"), A], "", id="edited while the page was put together"),
        pytest.param(IN_SECOND, [row("cc", "11:59:00")], "", id="edited since, behind a record"),
        pytest.param(IN_SECOND, [row("cc", "11:58:30")], "", id="edited in the first second of the window"),
        pytest.param(START, [row("bb", "11:58:30"), row("aa", "11:58:29")], "", id="where the window begins"),
        pytest.param(START, [row("bb", "11:10:00"), row("aa", "11:10:00")], "", id="one second in any order"),
    ],
)
def test_what_the_query_excludes_is_never_believed(start: Place, rows: list[Row], words: str) -> None:
    if not words:
        found, _asked = polled(page(*rows), page(), start=start)
        assert places(found)
        return
    with pytest.raises(NeedsOperator, match=words):
        polled(page(*rows), start=start)


@pytest.mark.parametrize(
    ("cursor", "place"),
    [
        ("2026-03-01 11:00:00|", START),
        ("2026-03-01 11:00:00", START),
        ("2026-03-01 11:10:00|bb", IN_SECOND),
        ("2026-03-01 11:10:00|b^b", None),
        ("yesterday|bb", None),
        ("", None),
    ],
)
def test_a_cursor_is_a_place(cursor: str, place: Place | None) -> None:
    if place is None:
        with pytest.raises(ValueError):
            Place.parse(Cursor(cursor))
        return
    assert Place.parse(Cursor(cursor)) == place
    assert Place.parse(place.cursor()) == place

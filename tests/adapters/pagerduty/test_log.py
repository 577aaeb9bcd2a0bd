"""What a pass over the log hands over and where its cursor stands, entry by entry, against a log of our own making."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from tieline.adapters.pagerduty import feed
from tieline.adapters.pagerduty.feed import Feed, Log, Place
from tieline.adapters.pagerduty.settings import PagerDutySettings
from tieline.adapters.pagerduty.wire import Answer, Wire
from tieline.core.errors import NeedsOperator, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Page, Reading, Ref, Version
from tieline.core.secrets import Secret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
OVERLAP = timedelta(seconds=30)


class Paper:
    """A log on paper: entries by their moment, listed newest first as PagerDuty does."""

    connection = ConnectionName("pd")

    def __init__(self, *rows: Mapping[str, Any], now: datetime | None = NOW) -> None:
        self.rows, self.now = rows, now
        self.asked: list[dict[str, Any]] = []

    def get(self, path: str, query: Mapping[str, Any]) -> Answer:
        assert path == "/log_entries"
        if "offset" not in query:
            return Answer({"log_entries": []}, self.now)
        self.asked.append(dict(query))
        within = [row for row in self.rows if query["since"] <= str(row.get("created_at", "")) <= query["until"]]
        newest = sorted(within, key=lambda row: (row["created_at"], self.rows.index(row)), reverse=True)
        page = newest[query["offset"] : query["offset"] + query["limit"]]
        more = len(newest) > query["offset"] + query["limit"]
        total = {"total": len(newest)} if query.get("total") else {}
        return Answer({"log_entries": page, "more": more, **total}, self.now)

    list_in = Wire.list_in


def entry(seconds: float, incident: str | None = "P1", name: str = "", **facts: Any) -> dict[str, Any]:
    """An entry so many seconds before now."""
    at = feed.stamp(NOW - timedelta(seconds=seconds))
    row = {"id": name or f"R{seconds:g}{incident}", "created_at": at, "type": "trigger_log_entry", **facts}
    return row if incident is None else {**row, "incident": {"id": incident}}


def settings(**facts: Any) -> PagerDutySettings:
    known = {"api_key": Secret.literal("u+key-of-the-test"), "service": "S1", "from_email": "us@example.org"}
    return PagerDutySettings(**{**known, "overlap": OVERLAP, **facts})


class Reader:
    """A feed over a log on paper, and what it asked for."""

    def __init__(self, paper: Paper, **facts: Any) -> None:
        self.read: list[tuple[str, bool]] = []
        self.noted: list[str] = []
        self.feed = Feed(cast(Wire, paper), settings(**facts), self._read, self._notes)

    def _read(self, ref: Ref, clocked: bool) -> Reading:
        self.read.append((ref, clocked))
        return Reading(ref, Version("1"), {})

    def _notes(self, ref: Ref) -> Sequence[Any]:
        self.noted.append(ref)
        return []

    def changes(self, since: Cursor | None = None) -> list[Page]:
        return list(self.feed.changes(since))


def refs(pages: Sequence[Page]) -> list[list[str]]:
    return [[one.ref for one in page.readings] for page in pages]


def place(seconds: float, **seen: float) -> Cursor:
    """A cursor so many seconds before now, which began an hour ago."""
    at = {name: NOW - timedelta(seconds=ago) for name, ago in seen.items()}
    return Place(NOW - timedelta(seconds=seconds), NOW - timedelta(hours=1), at).pack()


def stretches(paper: Paper, since: datetime, size: int = 100) -> list[tuple[datetime, list[str], bool]]:
    found = Log(cast(Wire, paper), size).stretches(since, NOW)
    return [(end, [one.id for one in entries], more) for end, entries, more in found]


def test_a_tool_without_a_clock_is_asked_again() -> None:
    with pytest.raises(TryAgain, match="without a Date header"):
        Reader(Paper(now=None)).changes()


@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_entries_of_all_pages_come_oldest_first(size: int) -> None:
    paper = Paper(entry(3, name="a"), entry(2, name="b"), entry(2, name="c"), entry(1, name="d"))
    assert stretches(paper, NOW - 9 * SECOND, size) == [(NOW, ["a", "b", "c", "d"], False)]
    assert [one["offset"] for one in paper.asked] == list(range(0, 4, size))
    assert ["total" in one for one in paper.asked] == [True] + [False] * (len(paper.asked) - 1)


@pytest.mark.parametrize(("reach", "whole"), [(4, True), (3, False)])
def test_a_stretch_is_listed_whole_up_to_the_reach_of_the_log(
    reach: int, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "REACH", reach)
    paper = Paper(*(entry(seconds, name=f"e{seconds}") for seconds in (8, 6, 4, 2)))
    found = stretches(paper, NOW - 9 * SECOND, 2)
    assert (len(found) == 1) is whole
    assert list(dict.fromkeys(name for _end, names, _more in found for name in names)) == ["e8", "e6", "e4", "e2"]


def test_no_page_reaches_beyond_what_the_log_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "REACH", 5)
    paper = Paper(*(entry(seconds, name=f"e{seconds}") for seconds in (8, 6, 4, 2)))
    stretches(paper, NOW - 9 * SECOND, 2)
    assert max(one["offset"] + one["limit"] for one in paper.asked) <= 5


def test_halves_overlap_by_a_second_so_that_none_falls_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "REACH", 6)
    paper = Paper(*(entry(seconds) for seconds in range(0, 60, 3)))
    found = stretches(paper, NOW - 60 * SECOND, 1)
    asked = [(one["since"][14:19], one["until"][14:19]) for one in paper.asked if one["offset"] == 0]
    assert asked == [
        ("59:00", "00:00"),
        ("59:00", "59:30"),
        ("59:00", "59:15"),
        ("59:14", "59:30"),
        ("59:29", "00:00"),
        ("59:29", "59:44"),
        ("59:43", "00:00"),
    ]
    assert len({name for _end, names, _more in found for name in names}) == 20
    assert [end.second for end, _names, _more in found] == [15, 30, 44, 0]
    assert [more for _end, _names, more in found] == [True, True, True, False]


def test_a_stretch_of_four_seconds_is_halved_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "REACH", 1)
    paper = Paper(entry(1, name="a"), entry(1, name="b"))
    with pytest.raises(NeedsOperator, match="more than 1 log entries within seconds of 2026-03-01T11:59:56Z"):
        stretches(paper, NOW - 4 * SECOND, 1)
    assert len(paper.asked) == 1


def test_an_entry_without_a_time_is_the_newest_and_one_without_an_id_is_what_it_says() -> None:
    rows = [{"id": "late", "incident": {"id": "P2"}}, entry(5, "P1", name="early")]
    found = Log(cast(Wire, Paper()), 100)._entries(rows, NOW)
    assert [(one.id, one.at) for one in found] == [("early", NOW - 5 * SECOND), ("late", NOW)]
    one, same = ({**entry(5), "id": None}, dict(reversed({**entry(5), "id": None}.items())))
    assert len(Log(cast(Wire, Paper()), 100)._entries([one, same], NOW)) == 1
    assert len(Log(cast(Wire, Paper()), 100)._entries([one, {**entry(6), "id": None}], NOW)) == 2


@pytest.mark.parametrize("service", [None, {}, {"id": None}, {"id": ""}, {"id": "S1"}])
def test_an_entry_that_names_no_other_service_is_followed(service: Any) -> None:
    reader = Reader(Paper(entry(5, service=service)), watch=["S1"])
    assert refs(reader.changes(place(10))) == [["P1"]]


def test_entries_of_services_that_are_not_followed_read_nothing() -> None:
    reader = Reader(Paper(entry(5, service={"id": "S9"})), watch=["S1"])
    assert refs(reader.changes(place(10))) == [[]]
    assert reader.read == []


def test_an_entry_that_was_handed_over_stays_so_while_it_lies_in_the_overlap() -> None:
    paper = Paper(entry(25, "P1", name="old"), entry(5, "P2", name="new"))
    reader = Reader(paper)
    assert refs(reader.changes(place(10, old=25))) == [["P2"]]
    (page,) = reader.changes(place(10, old=25))
    assert Place.unpack(page.cursor).seen.keys() == {"old", "new"}
    assert refs(reader.changes(page.cursor)) == [[]]


def test_what_lies_before_the_overlap_is_forgotten_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(Paper())
    (page,) = reader.changes(place(10, at_its_edge=30, before_it=31, later=3))
    assert Place.unpack(page.cursor).seen.keys() == {"at_its_edge", "later"}
    monkeypatch.setattr(feed, "MOST_SEEN", 2)
    (page,) = reader.changes(place(10, a=29, b=20, c=3))
    assert Place.unpack(page.cursor).seen.keys() == {"b", "c"}


def test_a_cursor_between_two_pages_stands_at_the_first_entry_of_what_is_left() -> None:
    paper = Paper(entry(9, "P3"), entry(8, "P1"), entry(7, "P2"), entry(6, "P4"), entry(5, "P3"))
    reader = Reader(paper, page_size=2)
    first, second = reader.changes(place(12))
    assert refs([first, second]) == [["P1", "P2"], ["P4", "P3"]]
    assert (first.more, second.more) == (True, False)
    held = Place.unpack(first.cursor)
    assert (held.at, set(held.seen)) == (NOW - 9 * SECOND, {"R8P1", "R7P2"})
    assert Place.unpack(second.cursor).at == NOW
    assert refs(reader.changes(first.cursor)) == [["P4", "P3"]]


def test_there_is_more_while_another_stretch_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "REACH", 2)
    reader = Reader(Paper(entry(18, "P1"), entry(12, "P2"), entry(2, "P3")), page_size=2)
    pages = reader.changes(place(20))
    assert [ref for page in refs(pages) for ref in page] == ["P1", "P2", "P3"]
    assert [page.more for page in pages] == [True] * (len(pages) - 1) + [False]


def test_notes_are_asked_for_only_where_one_was_written_since() -> None:
    rows = [entry(8, "P1", type=feed.ANNOTATE, name="known"), entry(7, "P1"), entry(5, "P2", type=feed.ANNOTATE)]
    reader = Reader(Paper(*rows))
    (page,) = reader.changes(place(10, known=8))
    assert reader.noted == ["P2"]
    assert [(one.ref, one.comments) for one in page.readings] == [("P1", None), ("P2", ())]


def test_only_where_the_tool_s_own_clock_acted_the_reading_is_told() -> None:
    rows = [entry(8, "P1", type="unacknowledge_log_entry", channel={"type": "timeout"}), entry(5, "P2")]
    reader = Reader(Paper(*rows))
    reader.changes(place(10))
    assert reader.read == [("P1", True), ("P2", False)]


def test_no_pass_looks_before_the_first_one_began() -> None:
    paper, floor = Paper(), NOW - 5 * SECOND
    Reader(paper).changes(Place(floor, floor, {}).pack())
    assert [one["since"] for one in paper.asked] == ["2026-03-01T11:59:55Z"]

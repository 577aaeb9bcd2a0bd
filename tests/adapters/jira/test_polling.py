"""The stream of changes over an index that is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.simulated.desk import Desk
from tieline.adapters.jira.simulated.site import BOT
from tieline.core.errors import NeedsOperator, TryAgain
from tieline.core.port import Cursor, Token


def passed(adapter: JiraAdapter, since: Cursor | None) -> tuple[list[str], Cursor]:
    """The keys of one pass, and where it ended."""
    keys: list[str] = []
    cursor = since
    for page in adapter.changes(since):
        keys += [reading.key for reading in page.readings]
        cursor = page.cursor
    assert cursor is not None
    return keys, cursor


def test_what_the_index_shows_late_is_not_lost(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    late = desk.person_makes("Disk full")
    desk.site.lagging[late] = timedelta(seconds=80)
    desk.clock.advance(10)
    desk.person_makes("CPU hot")
    keys, cursor = passed(adapter, cursor)
    assert keys == ["OPS-2"]
    desk.clock.advance(75)
    keys, _ = passed(adapter, cursor)
    assert keys == ["OPS-1"]


def test_a_reading_is_never_as_old_as_the_index(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    ref = desk.person_makes("Disk full")
    desk.clock.advance(60)
    desk.site.search_lag = timedelta(seconds=30)
    desk.person("edit", ref, fields={"summary": "Disk full on db1"})
    page = next(iter(adapter.changes(cursor)))
    assert [reading.body["fields"]["summary"] for reading in page.readings] == ["Disk full on db1"]


def test_a_quiet_cycle_is_two_small_reads(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    for number in range(5):
        desk.person_makes(f"Disk full on db{number}")
    desk.clock.advance(30)
    _, cursor = passed(adapter, cursor)
    desk.calls()
    keys, _ = passed(adapter, cursor)
    assert keys == []
    assert desk.calls() == [("GET", "/myself"), ("GET", "/search/jql")]


def test_a_page_is_one_search_and_one_bulk_fetch(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    for number in range(100):
        desk.person_makes(f"Disk full on db{number}")
    desk.calls()
    keys, _ = passed(adapter, cursor)
    assert len(keys) == 100
    assert desk.calls() == [("GET", "/myself"), ("GET", "/search/jql"), ("POST", "/issue/bulkfetch")]


def test_a_page_in_the_middle_does_not_move_the_cursor_past_what_follows(desk: Desk) -> None:
    """An answer shows the newest `updated` of a row that the index still sorts by its old one."""
    adapter = desk.connect(page_size=2)
    _, cursor = passed(adapter, None)
    first = desk.person_makes("sorted first")
    for number in range(4):
        desk.clock.advance(60)
        desk.person_makes(f"sorted later {number}")
    desk.clock.advance(3600)
    desk.site.search_lag = timedelta(seconds=60)
    desk.person("edit", first, fields={"summary": "edited just now"})
    page = next(iter(adapter.changes(cursor)))
    assert "OPS-1" in [reading.key for reading in page.readings]
    keys, _ = passed(desk.connect(page_size=2), page.cursor)
    assert {"OPS-3", "OPS-4", "OPS-5"} <= set(keys), "a crash after the first page loses nothing"


def test_rows_that_move_while_a_data_center_is_paged_are_not_skipped(data_center: Desk) -> None:
    adapter = data_center.connect(page_size=3)
    _, cursor = passed(adapter, None)
    refs = [data_center.person_makes(f"Disk full on db{number}") for number in range(12)]
    keys: list[str] = []
    for number, page in enumerate(adapter.changes(cursor)):
        keys += [reading.key for reading in page.readings]
        if number == 0:
            data_center.clock.advance(1)
            for ref in refs[:3]:
                data_center.person("edit", ref, fields={"summary": "moved to the end"})
    assert set(keys) == {f"OPS-{number}" for number in range(1, 13)}


def test_an_issue_deleted_between_search_and_fetch_is_left_out(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    desk.person_makes("Disk full")
    ref = desk.person_makes("Disk full too")
    desk.clock.advance(1)
    desk.simulator.fail(200, body={"issues": [], "issueErrors": []}, path="bulkfetch")
    keys, _ = passed(adapter, cursor)
    assert keys == [] and ref


def test_an_issue_that_does_not_come_with_the_others_is_read_alone(desk: Desk) -> None:
    """`issueErrors` beside the issues: the payload of one was too large."""
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    refs = [desk.person_makes(f"Disk {number} is full") for number in range(3)]
    desk.site.too_large.add(refs[1])
    assert passed(adapter, cursor)[0] == ["OPS-1", "OPS-2", "OPS-3"]


@pytest.mark.parametrize("status", [400, 413, 500, 503])
def test_a_bulk_that_is_refused_or_fails_is_asked_for_one_by_one(desk: Desk, status: int) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    for number in range(3):
        desk.person_makes(f"Disk {number} is full")
    desk.simulator.fail(status, path="bulkfetch")
    assert passed(adapter, cursor)[0] == ["OPS-1", "OPS-2", "OPS-3"]


@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_issue_that_cannot_be_brought_at_all_is_named_and_the_others_go_on(desk: Desk, status: int) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    refs = [desk.person_makes(f"Disk {number} is full") for number in range(3)]
    desk.site.too_large.add(refs[1])
    desk.simulator.fail(status, path=f"/issue/{refs[1]}", times=9)
    (page,) = adapter.changes(cursor)
    assert [one.key for one in page.readings] == ["OPS-1", "OPS-3"]
    assert [one.ref for one in page.unreadable] == [refs[1]]
    desk.simulator.faults.clear()
    desk.clock.advance(3600)
    later = desk.person_makes("Disk 4 is full")
    assert later in [one.ref for page in adapter.changes(page.cursor) for one in page.readings]


def test_a_site_that_brings_nothing_at_all_is_an_error(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    for number in range(4):
        desk.person_makes(f"Disk {number} is full")
    desk.simulator.fail(503, path="/issue", times=99)
    with pytest.raises(TryAgain):
        passed(adapter, cursor)


@pytest.mark.parametrize("path", ["/myself", "/search/jql", "/issue/bulkfetch"])
@pytest.mark.parametrize("nonsense", [b"{}", b"[]", b"null", b"", b"<html>", b'{"issues": [{"id": "10001"}]}'])
def test_nonsense_is_never_an_empty_page(desk: Desk, path: str, nonsense: bytes) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    ref = desk.person_makes("Disk full")
    desk.simulator.fail(200, raw=nonsense, path=path)
    try:
        pages = list(adapter.changes(cursor))
    except (TryAgain, NeedsOperator):
        return
    told = [
        *(one.ref for page in pages for one in page.readings),
        *(one.ref for page in pages for one in page.unreadable),
    ]
    assert told == [ref], "the issue itself was asked for, or it is named"


def test_a_page_token_that_expired_ends_the_pass_and_not_the_stream(desk: Desk) -> None:
    adapter = desk.connect(page_size=2)
    _, cursor = passed(adapter, None)
    for number in range(5):
        desk.person_makes(f"Disk full on db{number}")
    pages = iter(adapter.changes(cursor))
    first = next(pages)
    desk.clock.advance(8 * 24 * 3600)
    with pytest.raises(TryAgain, match="page token"):
        next(pages)
    keys, _ = passed(adapter, first.cursor)
    assert {"OPS-3", "OPS-4", "OPS-5"} <= set(keys)


def test_a_search_that_goes_in_circles_ends(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    answer = {"issues": [], "isLast": False, "nextPageToken": "again"}
    desk.simulator.fail(200, body=answer, path="/search/jql", times=50)
    with pytest.raises(TryAgain, match="does not end"):
        passed(adapter, cursor)


def test_a_refused_filter_is_for_an_operator(desk: Desk) -> None:
    with pytest.raises(NeedsOperator, match="check `project`, `issue_type` and `jql`"):
        passed(desk.connect(jql="mood = bad"), None)


def test_credentials_that_search_as_nobody_are_not_an_empty_page(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    desk.simulator.fail(
        200, body={"issues": []}, headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, path="search"
    )
    with pytest.raises(NeedsOperator, match="as if nobody had logged in"):
        passed(adapter, cursor)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("hour", [4, 5, 6, 7])
def test_the_hour_that_comes_twice_loses_nothing(desk: Desk, zone: str, hour: int) -> None:
    # Clocks in New York and St. John's are set back on 1 November 2026, between 04:30Z and 06:00Z.
    start = datetime(2026, 11, 1, hour, 15, tzinfo=UTC)
    desk.clock.step((start - desk.clock.now()).total_seconds())
    desk.site.users[BOT].time_zone = zone
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    for number in range(1, 9):
        desk.clock.advance(900)
        desk.person_makes(f"Disk full on db{number}")
        keys, cursor = passed(adapter, cursor)
        assert keys == [f"OPS-{number}"]


def test_a_time_zone_changed_between_two_polls_loses_nothing(desk: Desk) -> None:
    adapter = desk.connect()
    desk.site.users[BOT].time_zone = "Asia/Tokyo"
    _, cursor = passed(adapter, None)
    desk.site.users[BOT].time_zone = "America/Los_Angeles"
    desk.person_makes("Disk full")
    keys, _ = passed(adapter, cursor)
    assert keys == ["OPS-1"]


def test_an_unknown_time_zone_is_for_an_operator(desk: Desk) -> None:
    adapter = desk.connect()
    desk.simulator.fail(200, body={"accountId": BOT, "timeZone": "Moon/Tranquility"}, path="/myself")
    with pytest.raises(NeedsOperator, match="install tzdata"):
        passed(adapter, None)


def test_history_reaches_back_as_far_as_asked(desk: Desk) -> None:
    desk.person_makes("two hours old")
    desk.clock.advance(3600)
    desk.person_makes("one hour old")
    desk.clock.advance(3600)
    assert passed(desk.connect(history=timedelta(minutes=90)), None)[0] == ["OPS-2"]


def test_only_the_connections_issues_are_listed(desk: Desk) -> None:
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    desk.simulator.control("create", {"issue_type": "Task", "fields": {"summary": "tidy up"}})
    desk.person_makes("another project", project="WEB")
    desk.person_makes("Disk full")
    assert passed(adapter, cursor)[0] == ["OPS-2"]
    assert passed(desk.connect(jql="issuetype = Task"), cursor)[0] == ["OPS-1"]


def test_two_edits_under_one_stamp_are_two_versions(desk: Desk) -> None:
    desk.site.whole_seconds = True
    adapter = desk.connect()
    _, cursor = passed(adapter, None)
    ref = desk.person_makes("Disk full")
    keys, cursor = passed(adapter, cursor)
    desk.person("edit", ref, fields={"summary": "Disk full on db1"})
    assert passed(adapter, cursor)[0] == keys == ["OPS-1"]


def test_a_listing_tells_the_token(desk: Desk, data_center: Desk) -> None:
    for site in (desk, data_center):
        adapter = site.connect()
        _, cursor = passed(adapter, None)
        adapter.create({"fields": {"summary": "Disk full"}}, Token("01J"))
        assert [reading.token for page in adapter.changes(cursor) for reading in page.readings] == ["01J"]


def test_a_cursor_of_somebody_else_is_for_an_operator(desk: Desk) -> None:
    with pytest.raises(NeedsOperator, match="the stored cursor cannot be read"):
        passed(desk.connect(), Cursor("2026-01-01"))

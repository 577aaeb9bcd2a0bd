"""Reading on from a cursor: nothing is missed, nothing old is read again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tieline.adapters.pagerduty import feed
from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.core.errors import NeedsOperator, TryAgain
from tieline.core.port import Cursor, Page, Ref


def listed(adapter: PagerDuty, since: Cursor | None) -> list[Ref]:
    return [reading.ref for page in adapter.changes(since) for reading in page.readings]


def here(adapter: PagerDuty) -> Cursor:
    return [page.cursor for page in adapter.changes(None)][-1]


def on(pages: list[Page]) -> Cursor:
    return pages[-1].cursor


def test_an_incident_that_changed_many_times_is_read_once(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    ref = tool.make("Disk full")
    for number in range(5):
        tool.edit(ref, {"title": f"Disk full {number}"})
    tool.simulator.requests.clear()
    assert listed(adapter, start) == [ref]
    assert tool.simulator.requests.count(("GET", f"/incidents/{ref}")) == 1


def test_what_changed_last_comes_last(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    first, second = tool.make("first"), tool.make("second")
    tool.advance(10)
    tool.edit(first, {"title": "first, again"})
    assert listed(adapter, start) == [second, first]


def test_looking_back_reads_nothing_twice(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    ref = tool.make("Disk full")
    pages = list(adapter.changes(start))
    tool.advance(30)
    tool.simulator.requests.clear()
    assert listed(adapter, on(pages)) == []
    assert ("GET", f"/incidents/{ref}") not in tool.simulator.requests


def test_an_entry_that_is_published_late_is_found_by_looking_back(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    tool.advance(60)
    tool.simulator.rest.log_lag = timedelta(seconds=90)
    ref = tool.make("Disk full")
    tool.advance(30)
    pages = list(adapter.changes(start))
    assert [reading for page in pages for reading in page.readings] == []
    tool.advance(90)
    assert listed(adapter, on(pages)) == [ref]


def test_the_first_pass_looks_as_far_back_as_history_says(tool: PagerDutyDriver) -> None:
    old = tool.make("old")
    tool.advance(7200)
    recent = tool.make("recent")
    tool.advance(60)
    adapter = tool.connect(history=timedelta(hours=1))
    assert listed(adapter, None) == [recent]
    assert set(listed(tool.connect(history=timedelta(hours=3)), None)) == {old, recent}


def test_nothing_before_the_first_pass_is_ever_listed(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.make("before Tieline came")
    tool.advance(60)
    start = here(adapter)
    tool.advance(5)
    assert listed(adapter, start) == []


def test_a_page_cut_short_by_a_crash_is_read_on_from_its_cursor(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    made = [tool.make(f"Disk full on db{number}") for number in range(8)]
    first = next(iter(adapter.changes(start)))
    assert first.more
    rest = listed(tool.connect(), first.cursor)
    assert [reading.ref for reading in first.readings] + rest == made


def test_a_long_absence_is_read_on_from_any_page(tool: PagerDutyDriver) -> None:
    adapter = tool.connect(overlap=timedelta(seconds=5))
    start = here(adapter)
    made = []
    for number in range(8):
        tool.advance(60)
        made.append(tool.make(f"Disk full on db{number}"))
    first = next(iter(adapter.changes(start)))
    rest = listed(tool.connect(overlap=timedelta(seconds=5)), first.cursor)
    assert [reading.ref for reading in first.readings] + rest == made


def test_a_busy_stretch_is_asked_for_in_halves(
    tool: PagerDutyDriver, adapter: PagerDuty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "REACH", 12)
    start = here(adapter)
    made = []
    for number in range(20):
        tool.advance(20)
        made.append(tool.make(f"Disk full on db{number}"))
    assert listed(adapter, start) == made
    asked = [request.query for request in tool.simulator.seen if "until" in request.query]
    widest = max(asked, key=lambda query: (query["until"], -asked.index(query)))
    assert sum(query["since"] == widest["since"] and query["until"] == widest["until"] for query in asked) == 1


def test_more_entries_within_seconds_than_can_be_listed_ask_for_a_person(
    tool: PagerDutyDriver, adapter: PagerDuty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "REACH", 12)
    start = here(adapter)
    for number in range(20):
        tool.make(f"Disk full on db{number}")
    tool.advance(1)
    with pytest.raises(NeedsOperator, match="more than 12 log entries"):
        listed(adapter, start)


def test_a_note_brings_its_incident(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("Disk full")
    tool.advance(60)
    start = here(adapter)
    tool.account.note(tool.account.incident(ref), "PL7A2O4", "looking at it")
    assert listed(adapter, start) == [ref]


def test_an_acknowledgement_that_times_out_is_a_change(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("Disk full")
    tool.account.services[0].acknowledgement_timeout = 1800
    tool.account.acknowledge(tool.account.incident(ref), "PL7A2O4")
    start = here(adapter)
    tool.advance(1801)
    readings = [reading for page in adapter.changes(start) for reading in page.readings]
    assert [(reading.ref, reading.body["status"]) for reading in readings] == [(ref, "triggered")]


def test_notifications_alone_bring_nothing(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("Disk full")
    tool.advance(60)
    start = here(adapter)
    tool.account._write(tool.account.incident(ref), "notify", None, "Notified by phone.")
    assert listed(adapter, start) == []


def test_only_followed_services_are_read(tool: PagerDutyDriver) -> None:
    adapter = tool.connect(watch=("PIJ90N7",))
    start = here(adapter)
    tool.account.open_incident("Batch is late", "PL7A2O4", service="PF9KMXH")
    ours = tool.make("Disk full")
    assert listed(adapter, start) == [ours]


def test_an_incident_that_went_out_of_sight_meanwhile_is_left_out(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    ref, kept = tool.make("Disk full"), tool.make("Disk full too")
    tool.simulator.fail(404, path=f"/incidents/{ref}", body={"error": {"message": "Not Found", "code": 2100}})
    assert listed(adapter, start) == [kept]


def test_a_tool_whose_clock_is_set_back_loses_no_change(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    tool.advance(60)
    tool.skew(-3600)
    ref = tool.make("Disk full")
    tool.advance(30)
    assert listed(adapter, start) == [ref]


def test_our_own_clock_is_never_asked(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.skew(86_400)
    start = here(adapter)
    ref = tool.make("Disk full")
    tool.clock.step(-7200)
    tool.skew(86_400 + 7200)
    assert listed(adapter, start) == [ref]


def test_times_are_asked_for_in_utc_whatever_the_accounts_zone(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    listed(adapter, here(adapter))
    asked = [request.query for request in tool.simulator.seen]
    stamps = [query[name] for query in asked for name in ("since", "until") if name in query]
    assert stamps
    assert all(stamp.endswith("Z") for stamp in stamps)


def test_an_empty_page_that_promises_more_is_an_error(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    body = {"log_entries": [], "limit": 3, "offset": 0, "more": True, "total": None}
    tool.simulator.fail(200, path="/log_entries", body=body, times=9)
    with pytest.raises(TryAgain):
        listed(adapter, start)


@pytest.mark.parametrize("odd", [{"created_at": None}, {"created_at": "soon"}, {"id": None}, {"service": 7}])
def test_an_odd_entry_still_says_that_its_incident_changed(
    tool: PagerDutyDriver, adapter: PagerDuty, odd: dict[str, object]
) -> None:
    start = here(adapter)
    ref = tool.make("Disk full")
    entry = {"id": "R1", "type": "annotate_log_entry", "created_at": "2026-11-23T07:00:00Z", "incident": {"id": ref}}
    body = {"log_entries": [{"type": "annotate_log_entry"}, {**entry, **odd}], "more": False}
    tool.simulator.fail(200, path="/log_entries", body={"log_entries": [], "more": False})
    tool.simulator.fail(200, path="/log_entries", body=body)
    assert listed(adapter, start) == [ref]


@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_incident_that_cannot_be_brought_is_named_and_the_others_go_on(
    tool: PagerDutyDriver, adapter: PagerDuty, status: int
) -> None:
    start = here(adapter)
    first, second, third = (tool.make(f"Disk {number} is full") for number in range(3))
    tool.simulator.fail(status, path=f"/incidents/{second}", times=9)
    pages = list(adapter.changes(start))
    assert [one.ref for page in pages for one in page.readings] == [first, third]
    assert [one.ref for page in pages for one in page.unreadable] == [second]
    tool.simulator.faults.clear()
    tool.advance(60)
    later = tool.make("Disk 4 is full")
    assert listed(adapter, on(pages)) == [later]


def test_an_account_that_brings_no_incident_at_all_is_an_error(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    start = here(adapter)
    for number in range(3):
        tool.make(f"Disk {number} is full")
    tool.simulator.fail(503, path="/incidents", times=99)
    with pytest.raises(TryAgain):
        listed(adapter, start)


def test_a_cursor_of_something_else_asks_for_a_person(adapter: PagerDuty) -> None:
    for cursor in ("", "null", "[]", "2026-11-23", '{"at": 1}', '{"at": "soon", "floor": "soon", "seen": []}'):
        with pytest.raises(NeedsOperator, match="cursor"):
            listed(adapter, Cursor(cursor))


def test_a_cursor_stays_small_in_a_storm(tool: PagerDutyDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST_SEEN", 10)
    adapter = tool.connect()
    start = here(adapter)
    made = [tool.make(f"Disk full on db{number}") for number in range(12)]
    pages = list(adapter.changes(start))
    assert [reading.ref for page in pages for reading in page.readings] == made
    assert len(feed.Place.unpack(on(pages)).seen) == 10

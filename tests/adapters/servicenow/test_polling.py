"""Polling misses nothing: bursts, hidden rows, late commits, edits during a page, clocks set back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.rows import stamp
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.adapters.testing.simulation import Request, Response
from tieline.core.errors import NeedsOperator, Rejected, TryAgain
from tieline.core.port import Cursor, Reading


def one_pass(adapter: ServiceNow, since: Cursor | None) -> tuple[list[Reading], Cursor]:
    found: list[Reading] = []
    cursor = since
    for page in adapter.changes(since):
        found.extend(page.readings)
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


def refs(found: list[Reading]) -> set[str]:
    return {reading.ref for reading in found}


def age_row(driver: ServiceNowDriver, ref: str, seconds: float) -> None:
    """The record appears now, with a stamp of some time ago: a slow transaction."""
    row = driver.simulator.tables.rows["incident"][ref]
    row["sys_updated_on"] = stamp(driver.tool_now() - timedelta(seconds=seconds))


def offsets_asked(simulator: ServiceNowSimulator, seen: list[Request]) -> set[str]:
    return {request.query.get("sysparm_offset", "0") for request in seen if request.path.endswith("/incident")}


@pytest.fixture
def seen(simulator: ServiceNowSimulator, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every request to the API."""
    heard: list[Request] = []
    respond = simulator.respond

    def listen(request: Request) -> Response:
        heard.append(request)
        return respond(request)

    monkeypatch.setattr(simulator, "respond", listen)
    return heard


def test_pages_are_asked_for_by_key_and_never_by_offset(
    driver: ServiceNowDriver, adapter: ServiceNow, seen: list[Request]
) -> None:
    _, start = one_pass(adapter, None)
    made = set()
    for number in range(20):
        driver.advance(7)
        made.add(driver.make(f"disk {number} is full"))
    driver.advance(600)
    found, _ = one_pass(adapter, start)
    assert refs(found) == made
    assert offsets_asked(driver.simulator, seen) == {"0"}


def test_a_backlog_costs_about_one_request_a_page(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    adapter = driver.connect(page_size=10)
    _, start = one_pass(adapter, None)
    for number in range(100):
        driver.advance(2)
        driver.make(f"disk {number} is full")
    driver.advance(600)
    list(adapter.changes(start))  # the people are known after this
    simulator.requests.clear()
    found, _ = one_pass(adapter, start)
    assert len(found) == 100
    # Each page begins with the last record of the one before: 9 new ones each.
    assert len(simulator.requests) == 11


def test_a_quiet_pass_costs_one_request(
    driver: ServiceNowDriver, adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    for number in range(20):
        driver.make(f"disk {number} is full")
    driver.advance(600)
    _, cursor = one_pass(adapter, None)
    simulator.requests.clear()
    found, _ = one_pass(adapter, cursor)
    assert found == []
    assert len(simulator.requests) == 1


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 50])
def test_a_burst_in_one_second_between_calmer_ones_is_read_whole(driver: ServiceNowDriver, page_size: int) -> None:
    adapter = driver.connect(page_size=page_size)
    _, start = one_pass(adapter, None)
    made = {driver.make("before")}
    driver.advance(1)
    made |= {driver.make(f"burst {number}") for number in range(15)}
    driver.advance(1)
    made.add(driver.make("after"))
    driver.advance(600)
    found, _ = one_pass(adapter, start)
    assert refs(found) == made


def test_pages_that_access_rules_hide_whole_are_stepped_over(
    driver: ServiceNowDriver, adapter: ServiceNow, simulator: ServiceNowSimulator, seen: list[Request]
) -> None:
    _, start = one_pass(adapter, None)
    simulator.hidden = {driver.make(f"not for our eyes {number}") for number in range(7)}
    driver.advance(1)
    visible = driver.make("for all")
    driver.advance(600)
    found, _ = one_pass(adapter, start)
    assert refs(found) == {visible}
    assert offsets_asked(simulator, seen) == {"0", "3", "6"}


def test_a_page_that_access_rules_shorten_is_not_the_end(
    driver: ServiceNowDriver, adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    _, start = one_pass(adapter, None)
    made = []
    for number in range(9):
        driver.advance(1)
        made.append(driver.make(f"disk {number} is full"))
    simulator.hidden = {made[1], made[2], made[7]}
    driver.advance(600)
    found, _ = one_pass(adapter, start)
    assert refs(found) == set(made) - simulator.hidden


def test_a_record_that_is_committed_late_is_found_by_the_next_pass(
    driver: ServiceNowDriver, adapter: ServiceNow
) -> None:
    _, cursor = one_pass(adapter, None)
    driver.advance(600)
    driver.make("on time")
    _, cursor = one_pass(adapter, cursor)
    late = driver.make("a slow transaction")
    age_row(driver, late, 80)
    found, _ = one_pass(adapter, cursor)
    assert late in refs(found)


def test_no_cursor_comes_closer_to_the_tools_clock_than_the_lag(driver: ServiceNowDriver, adapter: ServiceNow) -> None:
    _, start = one_pass(adapter, None)
    driver.advance(600)
    for number in range(8):
        driver.make(f"disk {number} is full")
    late, cursor = None, start
    for page in adapter.changes(start):
        if late is None:
            late = driver.make("a slow transaction")
            age_row(driver, late, 60)
        cursor = page.cursor
        assert cursor < stamp(driver.tool_now() - timedelta(seconds=89))
    found, _ = one_pass(adapter, cursor)
    assert late in refs(found)


def test_a_record_edited_while_its_page_is_put_together_hides_no_other(driver: ServiceNowDriver) -> None:
    """The query sorts by the stamp it found; the row that is shown bears the stamp of the edit after it."""

    class Slow(ServiceNowSimulator):
        def _list(self, request: Request, table: str, user: str) -> Response:
            answer = super()._list(request, table, user)
            if table != "incident" or not armed:
                return answer
            armed.clear()
            rows = json.loads(answer.body)["result"]
            last = self.tables.rows[table][rows[-1]["sys_id"]]
            self.tables.touch(last, "fred.luddy")
            return Response.of({"result": [*rows[:-1], self._shown(table, last, request)]}, 200, answer.headers)

    armed: list[bool] = []
    driver.simulator = Slow(clock=driver.tool_now)
    adapter = driver.connect()
    _, start = one_pass(adapter, None)
    made = set()
    for number in range(9):
        driver.advance(5)
        made.add(driver.make(f"disk {number} is full"))
    driver.advance(600)
    armed.append(True)
    found, _ = one_pass(adapter, start)
    assert refs(found) == made


def test_a_clock_that_is_set_back_loses_no_change(driver: ServiceNowDriver, adapter: ServiceNow) -> None:
    driver.advance(600)
    _, cursor = one_pass(adapter, None)
    driver.skew(-86_400)
    ref = driver.make("made yesterday, says the tool")
    found, after = one_pass(adapter, cursor)
    assert ref in refs(found)
    assert after < cursor


def test_a_time_condition_that_the_tool_ignores_stops_the_connection(
    driver: ServiceNowDriver, adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    driver.make("old")
    driver.advance(86_400)
    _, cursor = one_pass(adapter, None)
    simulator.tables.columns["incident"] = {
        name: column for name, column in simulator.tables.columns["incident"].items() if name != "sys_updated_on"
    }
    with pytest.raises(NeedsOperator, match="excludes"):
        one_pass(adapter, cursor)


@pytest.mark.parametrize("ignored", ["sys_id", "sys_updated_on"])
def test_a_burst_whose_conditions_the_tool_ignores_stops_the_connection(
    driver: ServiceNowDriver, adapter: ServiceNow, simulator: ServiceNowSimulator, ignored: str
) -> None:
    burst = sorted(driver.make(f"burst {number}") for number in range(3))
    cursor = Cursor(f"{stamp(driver.tool_now())}|{burst[0]}")
    driver.advance(60)
    later = simulator.tables.rows["incident"][driver.make("later")]
    simulator.tables.rows["incident"]["f" * 32] = {**later, "sys_id": "f" * 32}  # behind the burst by either condition
    driver.advance(600)
    columns = simulator.tables.columns["incident"]
    simulator.tables.columns["incident"] = {name: columns[name] for name in columns if name != ignored}
    with pytest.raises(NeedsOperator, match="excludes"):
        next(adapter.changes(cursor))


def test_an_order_that_the_tool_ignores_stops_the_connection(driver: ServiceNowDriver, adapter: ServiceNow) -> None:
    _, start = one_pass(adapter, None)
    first = driver.make("edited later")
    driver.advance(60)
    driver.make("made later")
    driver.advance(60)
    driver.touch(first)
    driver.advance(600)
    # Without the columns to sort by, rows come in the order of their making.
    row = {"result": sorted(driver.simulator.tables.rows["incident"].values(), key=lambda row: row["number"])}
    driver.simulator.fail(200, body=row, headers={"X-Total-Count": "2", "Link": ""}, path="/incident")
    with pytest.raises(NeedsOperator, match="sort"):
        one_pass(adapter, start)


def odd_rows(driver: ServiceNowDriver, refs: Sequence[str], field: str, value: str | None) -> list[dict[str, str]]:
    """The rows as an answer shows them, one field of each hidden or in another form."""
    rows = [dict(driver.simulator.tables.rows["incident"][ref]) for ref in refs]
    kept = [{name: held for name, held in row.items() if name != field} for row in rows]
    return [row if value is None else {**row, field: value} for row in kept]


ODD = [("sys_mod_count", None), ("sys_updated_on", None), ("sys_updated_on", "23.11.2026 19:04:37"), ("sys_id", "..")]


@pytest.mark.parametrize(("field", "value"), ODD)
def test_what_is_odd_about_every_record_stops_the_connection(
    driver: ServiceNowDriver, adapter: ServiceNow, field: str, value: str | None
) -> None:
    _, start = one_pass(adapter, None)
    made = [driver.make(f"disk {number} is full") for number in range(3)]
    driver.simulator.fail(200, body={"result": odd_rows(driver, made, field, value)})
    with pytest.raises(NeedsOperator, match=field):
        one_pass(adapter, start)


@pytest.mark.parametrize(("field", "value"), ODD)
def test_what_is_odd_about_one_record_is_named_and_the_others_go_on(
    driver: ServiceNowDriver, adapter: ServiceNow, field: str, value: str | None
) -> None:
    _, start = one_pass(adapter, None)
    first, second, third = (driver.make(f"disk {number} is full") for number in range(3))
    shown = odd_rows(driver, [first, second, third], "none", None)
    shown[1] = odd_rows(driver, [second], field, value)[0]
    driver.simulator.fail(200, body={"result": shown})
    page = next(iter(adapter.changes(start)))
    assert [one.ref for one in page.readings] == [first, third]
    assert [field in one.sentence for one in page.unreadable] == [True]


@pytest.mark.parametrize(("field", "value"), ODD[:3])
def test_an_odd_record_that_is_read_alone_is_refused_by_name(
    driver: ServiceNowDriver, adapter: ServiceNow, field: str, value: str | None
) -> None:
    ref = driver.make("disk full")
    driver.simulator.fail(200, body={"result": odd_rows(driver, [ref], field, value)[0]})
    with pytest.raises(Rejected, match=field):
        adapter.read(ref)


def test_an_odd_answer_to_a_write_may_be_done(driver: ServiceNowDriver, adapter: ServiceNow) -> None:
    ref = driver.make("disk full")
    seen = adapter.read(ref).version
    row = odd_rows(driver, [ref], "sys_mod_count", None)[0]
    driver.simulator.fail(200, body={"result": row}, method="PATCH")
    with pytest.raises(TryAgain) as told:
        adapter.update(ref, {"short_description": "disk fuller"}, seen)
    assert told.value.maybe_done


def test_the_filter_of_the_settings_holds_on_every_page(driver: ServiceNowDriver) -> None:
    adapter = driver.connect(query="category=network^ORcategory=database")
    _, start = one_pass(adapter, None)
    wanted = set()
    for number in range(12):
        ref = driver.make(f"disk {number} is full")
        driver.edit(ref, {"category": ("network", "database", "software")[number % 3]})
        wanted |= {ref} if number % 3 != 2 else set()
    driver.advance(600)
    found, _ = one_pass(adapter, start)
    assert refs(found) == wanted


def test_without_a_date_header_the_stamps_tell_the_time(
    driver: ServiceNowDriver, adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    _, start = one_pass(adapter, None)
    made = {driver.make(f"disk {number} is full") for number in range(7)}
    simulator.no_date = True
    found, cursor = one_pass(adapter, start)
    assert refs(found) == made
    assert cursor == start
    with pytest.raises(NeedsOperator, match="Date"):
        one_pass(adapter, None)


def test_a_cursor_of_another_make_is_refused(adapter: ServiceNow) -> None:
    for cursor in ("", "x", "2026-11-23T19:04:37Z|", "2026-11-23 19:04:37|a^NQactive=true"):
        with pytest.raises(NeedsOperator, match="cursor"):
            list(adapter.changes(Cursor(cursor)))


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.sampled_from([0, 0, 0, 1, 2, 50, 200]), min_size=1, max_size=25),
    page_size=st.integers(1, 6),
    hidden=st.sets(st.integers(0, 24)),
    stop=st.integers(0, 12),
)
def test_whatever_the_rhythm_every_visible_record_is_read(
    gaps: list[int], page_size: int, hidden: set[int], stop: int
) -> None:
    driver = ServiceNowDriver()
    adapter = driver.connect(page_size=page_size)
    _, cursor = one_pass(adapter, None)
    made = []
    for number, gap in enumerate(gaps):
        driver.advance(gap)
        made.append(driver.make(f"disk {number} is full"))
    driver.simulator.hidden = {made[number] for number in hidden if number < len(made)}
    seen: set[str] = set()
    for number, page in enumerate(adapter.changes(cursor)):
        seen |= {reading.ref for reading in page.readings}
        cursor = page.cursor
        if number == stop:
            break  # killed here; a new daemon goes on from the stored cursor
    found, _ = one_pass(driver.connect(page_size=page_size), cursor)
    assert seen | refs(found) == set(made) - driver.simulator.hidden


def test_of_a_long_page_nothing_is_left_out(driver: ServiceNowDriver) -> None:
    adapter = driver.connect(page_size=2_000)
    _, start = one_pass(adapter, None)
    made = {driver.make(f"disk {number} is full") for number in range(1_001)}
    found, _ = one_pass(adapter, start)
    assert refs(found) == made

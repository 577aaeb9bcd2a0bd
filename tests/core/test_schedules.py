"""A schedule: once on each of its days, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.schedules import DAYS, Daily

START = datetime(2020, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
NIGHTLY = Daily(time(3), BERLIN)


def at(words: str) -> datetime:
    return datetime.fromisoformat(words)


def test_it_is_the_next_time_on_the_clocks_of_its_zone() -> None:
    assert NIGHTLY.after(at("2026-11-30T01:59:59+00:00")) == at("2026-11-30T02:00:00+00:00")
    assert NIGHTLY.after(at("2026-11-30T02:00:00+00:00")) == at("2026-12-01T02:00:00+00:00")
    assert NIGHTLY.after(at("2026-07-01T00:00:00+00:00")) == at("2026-07-01T01:00:00+00:00")


def test_a_time_that_the_clocks_leave_out_is_as_much_later_as_they_go_forward() -> None:
    within = Daily(time(2, 30), BERLIN)
    night = at("2026-03-28T23:00:00+00:00")
    assert within.after(night) == at("2026-03-29T03:30:00+02:00")
    assert within.after(within.after(night)) == at("2026-03-30T02:30:00+02:00")


def test_a_time_that_comes_twice_is_the_first_of_the_two_and_once() -> None:
    within = Daily(time(2, 30), BERLIN)
    first = within.after(at("2026-10-24T23:00:00+00:00"))
    assert first == at("2026-10-25T02:30:00+02:00")
    assert within.after(first) == at("2026-10-26T02:30:00+01:00")


def test_only_its_days_count() -> None:
    weekly = Daily(time(3), BERLIN, frozenset({"sun"}))
    assert weekly.after(at("2026-11-30T00:00:00+00:00")) == at("2026-12-06T02:00:00+00:00")


def test_it_knows_its_own_times() -> None:
    assert NIGHTLY.has(at("2026-11-30T02:00:00+00:00"))
    assert not NIGHTLY.has(at("2026-11-30T02:00:01+00:00"))
    assert not NIGHTLY.has(at("2026-11-30T03:00:00+00:00"))


@given(
    moment=st.integers(0, 20 * 365 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds)),
    clock=st.times(),
    zone=st.sampled_from([BERLIN, LORD_HOWE, ZoneInfo("America/Santiago"), ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")]),
)
def test_the_next_time_is_later_within_two_days_and_one_of_its_own(
    moment: datetime, clock: time, zone: ZoneInfo
) -> None:
    schedule = Daily(clock, zone)
    found = schedule.after(moment)
    assert moment < found <= moment + timedelta(hours=49)
    assert schedule.has(found)
    days = [schedule.after(found).astimezone(zone).date(), found.astimezone(zone).date()]
    assert days[0] > days[1]


@pytest.mark.parametrize(
    ("clock", "days", "words"),
    [
        (time(3), frozenset[str](), "days of a schedule"),
        (time(3), frozenset({"monday"}), "days of a schedule"),
        (time(3, tzinfo=timezone(timedelta(hours=1))), frozenset(DAYS), "zone of its own"),
    ],
)
def test_what_is_no_schedule_is_refused(clock: time, days: frozenset[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Daily(clock, BERLIN, days)

"""Hours in which time counts."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.plugins.escalation.calendar import Hours, after

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Hours(BERLIN, frozenset({"mon", "tue", "wed", "thu", "fri"}), time(8), time(18))
ALL_DAY = Hours(BERLIN, frozenset({"mon", "tue", "wed", "thu", "fri", "sat", "sun"}), time(0), time.max)


def berlin(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("since", "length", "is_over"),
    [
        (berlin(2026, 11, 23, 9), HOUR, berlin(2026, 11, 23, 10)),
        (berlin(2026, 11, 23, 17, 30), HOUR, berlin(2026, 11, 24, 8, 30)),
        (berlin(2026, 11, 27, 17, 30), HOUR, berlin(2026, 11, 30, 8, 30)),  # over a week-end
        (berlin(2026, 11, 28, 3), 10 * HOUR, berlin(2026, 11, 30, 18)),
        (berlin(2026, 11, 23, 5), timedelta(0), berlin(2026, 11, 23, 8)),
        (berlin(2026, 10, 24, 12), 24 * HOUR, berlin(2026, 10, 28, 12)),  # the clocks go back meanwhile
    ],
)
def test_time_counts_in_these_hours_only(since: datetime, length: timedelta, is_over: datetime) -> None:
    assert after(since, length, OFFICE) == is_over


def test_without_hours_time_always_counts() -> None:
    assert after(berlin(2026, 11, 28, 3), HOUR, None) == berlin(2026, 11, 28, 4)


ZONES = st.sampled_from(["Europe/Berlin", "America/Chicago", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"])
MOMENTS = st.integers(0, 730 * 24).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + hours * HOUR)
LENGTHS = st.integers(1, 14 * 24 * 3600).map(lambda seconds: timedelta(seconds=seconds))


@given(ZONES, MOMENTS, LENGTHS)
def test_round_the_clock_is_always_however_the_clocks_change(zone: str, since: datetime, length: timedelta) -> None:
    hours = Hours(ZoneInfo(zone), ALL_DAY.days, time(0), time.max)
    assert after(since, length, hours) == since + length


@given(ZONES, MOMENTS, LENGTHS, LENGTHS)
def test_what_takes_longer_is_over_later_and_parts_add_up(
    zone: str, since: datetime, one: timedelta, other: timedelta
) -> None:
    hours = Hours(ZoneInfo(zone), OFFICE.days, time(8), time(18))
    halfway = after(since, one, hours)
    assert halfway >= since + one
    assert after(halfway, other, hours) == after(since, one + other, hours) >= halfway

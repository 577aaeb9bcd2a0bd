"""Numbers that keep tools and people from harm, at their edges."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import Limit, Rejected, TryAgain
from tieline.sync.limits import (
    BREAKER_WRITES,
    FARTHEST,
    GIVE_UP,
    READ_TRIES,
    REFUSED,
    TRIES,
    WRITES_PER_HOUR,
    Budget,
    Trail,
    extend_trail,
    is_due,
    moved_by_others,
    oscillation,
    repeated_reads,
    wait_after,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


class Dice(random.Random):
    """Dice that always show the same."""

    def __init__(self, shows: float) -> None:
        super().__init__()
        self._shows = shows

    def random(self) -> float:
        return self._shows


@pytest.mark.parametrize(("attempts", "longest"), [(0, 1), (1, 2), (3, 8), (8, 256), (9, 300), (10_000, 300)])
def test_a_wait_doubles_up_to_five_minutes_and_half_of_it_is_chance(attempts: int, longest: int) -> None:
    assert wait_after(attempts, Dice(0.0)) == longest * SECOND / 2
    assert wait_after(attempts, Dice(0.5)) == longest * SECOND * 0.75


def test_a_tool_that_says_when_is_not_asked_before_and_not_by_all_at_once() -> None:
    error = TryAgain("desk", "HTTP 429", wait=timedelta(seconds=40))
    assert wait_after(9, Dice(0.25), error) == timedelta(seconds=40.25)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 60), (8, 256)])
def test_a_limit_without_a_time_is_waited_out_for_a_minute(attempts: int, seconds: int) -> None:
    error = TryAgain("desk", "HTTP 429", limit=next(iter(Limit)))
    assert wait_after(attempts, Dice(0.25), error) == timedelta(seconds=seconds + 0.25)


@pytest.mark.parametrize(
    ("ahead", "due"),
    [(None, True), (-SECOND, True), (0 * SECOND, True), (SECOND, False), (FARTHEST, False), (FARTHEST + SECOND, True)],
)
def test_a_wait_is_over_at_its_moment_or_when_it_is_longer_than_any(ahead: timedelta | None, due: bool) -> None:
    assert is_due(None if ahead is None else NOW + ahead, NOW) is due


def written(value: str, times: int, every: timedelta = SECOND, field: str = "status") -> Trail:
    """So many writes of a value, the last one right now."""
    trail: Trail = {}
    for number in range(times):
        trail = extend_trail(trail, {field: value}, NOW - (times - 1 - number) * every)
    return trail


def test_the_same_value_is_written_a_few_times_and_then_called_a_loop() -> None:
    assert oscillation(written("new", BREAKER_WRITES - 1), {"status": "new"}, NOW) == ""
    assert "status was set to 'new' 4 times within 10 minutes" in oscillation(
        written("new", BREAKER_WRITES), {"status": "new"}, NOW
    )
    assert oscillation(written("new", BREAKER_WRITES), {"status": "resolved"}, NOW) == ""
    assert oscillation(written("new", BREAKER_WRITES), {"title": "new"}, NOW) == ""


def test_what_was_written_ten_minutes_ago_is_no_loop() -> None:
    trail = written("new", BREAKER_WRITES)
    oldest = trail["status"][0][0]
    assert oscillation(trail, {"status": "new"}, oldest + timedelta(minutes=10) - SECOND) != ""
    assert oscillation(trail, {"status": "new"}, oldest + timedelta(minutes=10)) == ""


def test_long_texts_are_a_loop_too() -> None:
    long = "x" * 100_000
    trail = written(long, BREAKER_WRITES)
    assert all(len(str(value)) == 200 for _at, value in trail["status"])
    assert oscillation(trail, {"status": long}, NOW) != ""


def test_more_writes_than_a_person_makes_are_named_whatever_their_values() -> None:
    trail: Trail = {}
    for number in range(WRITES_PER_HOUR):
        trail = extend_trail(trail, {f"field{number % 7}": number}, NOW)
    assert oscillation(trail, {"title": "x"}, NOW) == ""
    trail = extend_trail(trail, {"title": "x"}, NOW)
    assert "121 fields were written within an hour" in oscillation(trail, {"title": "y"}, NOW)


def test_a_trail_forgets_after_an_hour() -> None:
    trail = extend_trail({}, {"status": "new"}, NOW)
    assert set(extend_trail(trail, {"title": "x"}, NOW + 59 * MINUTE)) == {"status", "title"}
    assert set(extend_trail(trail, {"title": "x"}, NOW + 60 * MINUTE)) == {"title"}
    assert extend_trail(trail, {}, NOW + 60 * MINUTE) == {}


@pytest.mark.parametrize(("moved", "stays"), [(-SECOND, True), (0 * SECOND, False), (SECOND, False)])
def test_what_alerts_have_moved_since_is_nobodys_fight(moved: timedelta, stays: bool) -> None:
    trail = {**written("new", 2), **written("x", 1, field="title")}
    assert ("status" in moved_by_others(trail, {"status": NOW + moved})) is stays
    assert "title" in moved_by_others(trail, {"status": NOW + moved})


def test_a_budget_never_lets_a_minute_see_a_call_too_many() -> None:
    clock = ManualClock()
    budget = Budget(60, clock, clock.sleep)
    began, calls = clock.monotonic(), []
    for _ in range(200):
        budget.spend()
        calls.append(clock.monotonic() - began)
    assert max(sum(at <= one < at + 60 for one in calls) for at in calls) == 60
    assert (budget.calls, calls[:4]) == (200, [0.0, 0.0, 0.0, pytest.approx(60 / 58)])
    assert budget.waited == pytest.approx(calls[-1])


def test_a_budget_goes_on_with_what_another_worker_left() -> None:
    clock = ManualClock()
    budget = Budget(60, clock, clock.sleep)
    budget.resume(0.0, 0.0)
    assert budget.left == 0.0
    budget.resume(0.0, -5.0)  # a clock that was set back gives nothing and takes nothing
    assert budget.left == 0.0
    budget.resume(0.0, 1.0)
    assert budget.left == pytest.approx(58 / 60)
    budget.resume(2.0, 3600.0)
    assert budget.left == 3.0


def test_whoever_may_not_go_on_is_stopped_before_the_call_and_after_the_wait() -> None:
    clock, asked = ManualClock(), []
    budget = Budget(1, clock, clock.sleep)
    budget.permit = lambda: asked.append(clock.monotonic())
    began = clock.monotonic()
    budget.spend()
    budget.spend()
    assert [at - began for at in asked] == [0.0, 0.0, pytest.approx(60.0)]


def test_refusals_park_sooner_than_failures_of_a_moment() -> None:
    assert (TRIES, REFUSED, GIVE_UP) == (5, 4, 20)


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (TryAgain("desk", "HTTP 500"), READ_TRIES),
        (TryAgain("desk", "HTTP 429", wait=SECOND), 1),
        (TryAgain("desk", "HTTP 429", limit=next(iter(Limit))), 1),
        (Rejected("desk", "HTTP 400"), 1),
    ],
)
def test_a_read_is_repeated_only_after_a_failure_of_a_moment(error: Exception, asked: int) -> None:
    calls: list[None] = []
    pauses: list[float] = []

    def read() -> None:
        calls.append(None)
        raise error

    with pytest.raises(type(error)) as raised:
        repeated_reads(pauses.append)(read)
    assert raised.value is error
    assert len(calls) == asked
    assert pauses == [0.2, 0.4][: asked - 1]


@pytest.mark.parametrize(("per_minute", "burst"), [(1, 1), (19, 1), (20, 1), (40, 2), (600, 30)])
def test_what_may_be_spent_at_once_is_a_twentieth_of_a_minute(per_minute: int, burst: int) -> None:
    clock = ManualClock(NOW)
    budget = Budget(per_minute, clock, lambda _seconds: None)
    assert budget.left == burst


def test_a_clock_that_differs_takes_nothing_from_what_another_worker_left() -> None:
    clock = ManualClock(NOW)
    budget = Budget(60, clock, lambda _seconds: None)
    budget.resume(0.5, -10.0)
    assert budget.left == pytest.approx(0.5)
    budget.resume(0.5, 1.0)
    assert budget.left == pytest.approx(0.5 + 58 / 60)

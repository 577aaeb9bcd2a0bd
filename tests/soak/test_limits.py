"""What a tool allows is used, and what it refuses is left alone, by the record, the endpoint or the connection."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from tests.soak import limits
from tests.sync.world import World

from tieline.adapters.memory.faults import Fault
from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import Limit, TryAgain
from tieline.core.http import retry_after
from tieline.sync.limits import Budget, wait_after
from tieline.sync.road.read import read

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600, 997])
def test_no_minute_wherever_it_begins_sees_more_calls_than_are_allowed_and_few_less(per_minute):
    clock = ManualClock()
    budget = Budget(per_minute, clock, clock.advance)
    clock.advance(3600)
    calls = []
    while clock.monotonic() < 3600 + 300:
        budget.spend()
        calls.append(clock.monotonic())
    # A microsecond for sums of fractions: a window that ends with the call that began it is another one.
    assert all(later - first > 60 - 1e-6 for first, later in zip(calls, calls[per_minute:], strict=False))
    assert len(calls) >= 0.9 * 5 * per_minute


def test_a_declared_limit_is_never_met_and_is_used(tmp_path):
    assert limits.declared(tmp_path, 60, 60)["failures"] == []


def test_an_unknown_limit_is_met_once_in_a_window_and_is_used(tmp_path):
    figures = limits.unknown(tmp_path, 150, 100, 60)
    assert figures["failures"] == []
    assert figures["refused"] >= 2


def test_an_hourly_quota_is_waited_for(tmp_path):
    figures = limits.unknown(tmp_path, 100, 70, 3600)
    assert figures["failures"] == []
    assert figures["windows"] >= 3


def test_an_issue_that_may_not_be_written_again_yet_holds_up_no_other(tmp_path):
    assert limits.of_one_issue(tmp_path, 10, 14)["failures"] == []


def test_an_endpoint_that_rests_holds_up_no_other(tmp_path):
    assert limits.of_one_endpoint(tmp_path, 40)["failures"] == []


def test_a_pause_until_a_date_goes_by_the_clock_of_the_tool_that_wrote_it(tmp_path):
    rule = limits.Rule(30, 60)
    with limits.traffic(tmp_path, [rule], 100_000, ahead=timedelta(days=1)) as one:
        one.make(30)
        took = one.go_on(3600, one.in_step)
    assert (rule.early, rule.most_refusals) == (0, 1)
    assert took < 600


def test_a_date_is_held_against_ours_where_the_tool_tells_no_time():
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert retry_after({"Retry-After": "Mon, 23 Nov 2026 12:01:30 GMT"}, now) == timedelta(seconds=90)


def test_a_pause_without_a_time_is_the_window_of_most_tools():
    error = TryAgain("jira", "too many", limit=Limit.CONNECTION)
    assert timedelta(minutes=1) <= wait_after(1, random.Random(1), error) <= timedelta(seconds=61)


def test_a_read_that_was_one_too_many_is_not_repeated_at_once(tmp_path):
    both = World(tmp_path)
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    both.tools["right"].faults.queue.append(Fault(status=429))
    copy = both.copy("right")
    assert copy.ref is not None
    with pytest.raises(TryAgain):
        read(both.engine, both.engine.connections[copy.connection], copy.ref)
    both.engine.store.close()

"""The half of a driver that every tool shares: faults that fit the request, ambushes, and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tieline.adapters.testing.clock import START, ManualClock
from tieline.adapters.testing.contract import SimulatorDriver, ToolDriver
from tieline.adapters.testing.contract.expect import needs
from tieline.adapters.testing.simulation import Request, Response, Simulator
from tieline.core.model import Audience
from tieline.core.port import Body, Ref

READ, WRITE = Request("GET", "/records/1"), Request("POST", "/records")
SEARCH = Request("POST", "/search")


class Counting(Simulator):
    """A tool that counts what it did."""

    def __init__(self, driver: SimulatorDriver) -> None:
        super().__init__(driver.tool_now)
        self.done: list[str] = []

    def respond(self, request: Request) -> Response:
        self.done.append(request.path)
        return Response.of({"done": len(self.done)})


class CountingDriver(SimulatorDriver):
    writes = (("POST", "/records"), ("PATCH", ""))

    def __init__(self) -> None:
        super().__init__()
        # No other kind is ever assigned, which is what pyright fears of a narrower attribute.
        self.simulator: Counting = Counting(self)  # pyright: ignore[reportIncompatibleVariableOverride]


@pytest.fixture
def driver() -> CountingDriver:
    return CountingDriver()


def test_a_failure_lasts_until_the_tool_heals(driver: CountingDriver) -> None:
    driver.fail(503, headers={"retry-after": "7"}, content=b"down")
    for _ in range(3):
        answer = driver.simulator.answer(READ)
        assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "7", b"down")
    driver.heal()
    assert driver.simulator.answer(READ).status == 200


def test_a_failure_of_writes_leaves_reads_and_searches_alone(driver: CountingDriver) -> None:
    driver.fail(503, only_writes=True)
    statuses = [driver.simulator.answer(request).status for request in (READ, SEARCH, WRITE)]
    assert statuses == [200, 200, 503]


@pytest.mark.parametrize(("after_effect", "done"), [(True, ["/records"]), (False, [])])
def test_one_write_is_lost_before_or_after_its_effect(
    driver: CountingDriver, after_effect: bool, done: list[str]
) -> None:
    driver.lose_next_write(after_effect=after_effect)
    assert driver.simulator.answer(WRITE).lost
    assert driver.simulator.done == done
    assert not driver.simulator.answer(WRITE).lost


def test_an_ambush_comes_before_the_write_and_only_once(driver: CountingDriver) -> None:
    driver.before_next_write(lambda: driver.simulator.done.append("a person"))
    for request in (READ, WRITE, WRITE):
        driver.simulator.answer(request)
    assert driver.simulator.done == ["/records/1", "a person", "/records", "/records"]


def test_an_ambush_may_use_the_tool_itself(driver: CountingDriver) -> None:
    def act() -> None:
        driver.simulator.answer(WRITE)

    driver.before_next_write(act)
    assert driver.simulator.answer(WRITE).body == b'{"done": 2}'


def test_the_tools_clock_is_skewed_against_ours(driver: CountingDriver) -> None:
    driver.skew(3600)
    driver.advance(60)
    assert driver.now() == START + timedelta(seconds=60)
    assert driver.tool_now() == START + timedelta(seconds=3660)


def test_waiting_moves_the_clock_and_blocks_nobody(driver: CountingDriver) -> None:
    driver.workbench(None).sleep(90)
    assert driver.now() == START + timedelta(seconds=90)


def test_a_verb_counts_when_it_is_filled() -> None:
    class Half(ToolDriver):
        def edit(self, ref: Ref, patch: Body) -> None:
            """Nobody asks."""

    class Whole(Half):
        def patch_title(self, title: str) -> Body:
            return {"title": title}

    assert [ToolDriver().can("edit"), Half().can("edit")] == [False, True]
    assert [Half().can("touch"), Whole().can("touch")] == [False, True]


def test_every_verb_that_is_not_filled_refuses() -> None:
    tool, ref = ToolDriver(), Ref("1")
    for act in (
        tool.connect,
        lambda: tool.make("Disk full"),
        lambda: tool.comment(ref, "x", Audience.CUSTOMERS),
        lambda: tool.delivery(ref),
        lambda: tool.fail(503),
        lambda: tool.advance(1),
    ):
        with pytest.raises(NotImplementedError):
            act()


def test_a_misspelled_verb_is_refused_at_import() -> None:
    with pytest.raises(AttributeError, match="no verb 'coment'"):
        needs("coment")


def test_a_clock_stands_still_until_it_is_told_to_move() -> None:
    clock = ManualClock()
    assert clock.now() == clock.now() == START
    clock.advance(1.5)
    assert (clock.now() - START, clock.monotonic()) == (timedelta(seconds=1.5), 1.5)


def test_a_clock_that_is_set_back_leaves_the_monotonic_time_alone() -> None:
    clock = ManualClock()
    clock.advance(10)
    clock.step(-3600)
    assert (clock.now() - START, clock.monotonic()) == (timedelta(seconds=-3590), 10.0)


def test_time_does_not_run_backwards_by_itself() -> None:
    with pytest.raises(ValueError, match="step"):
        ManualClock().advance(-1)


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        ManualClock(datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None))

"""Connections of one account in a fleet: workers that know each other through the store make its calls, and no more."""

import threading
import time

import pytest
from tests.daemon.conftest import eventually

from tieline.adapters.memory.faults import Fault, Faults
from tieline.adapters.memory.tool import MemoryTool
from tieline.core.store.store import Store
from tieline.sync import explain
from tieline.sync.accounts.account import LATE
from tieline.sync.limits import Pace

pytestmark = [pytest.mark.xdist_group("fleet"), pytest.mark.timeout(180)]

PER_MINUTE = 600
SHARED = f"    account: desk\n    calls_per_minute: {PER_MINUTE}\n"


class Counting(Faults):
    """Notes when each request comes, as the tool itself would count them."""

    def __init__(self, made):
        super().__init__()
        self.made = made

    def next(self, verb, *, writes):
        self.made.append(time.monotonic())
        return super().next(verb, writes=writes)


@pytest.fixture
def desk(team):
    """A team whose two connections are of one account, and when its tools were asked."""

    def start(workers):
        one = team(0)
        made: list[float] = []
        one.made = made
        for name in one.tools:
            one.tools[name] = MemoryTool(webhook_secret="-")
            one.tools[name].faults = Counting(made)
        text = one.file.read_text()
        one.file.write_text(text.replace("    tool: memory\n", f"    tool: memory\n{SHARED}"))
        for _ in range(workers):
            one.join()
        return one

    return start


def most_over(made, pace, lanes):
    """By how many calls any stretch of time saw more than the pace allows; each lane may be late with one."""
    made = sorted(made)
    return max(
        number - (pace.burst + pace.rate * (made[last] - made[first] + LATE) + lanes)
        for first in range(len(made))
        for last in range(first, len(made))
        for number in [last - first + 1]
    )


def states(team):
    with Store.open(team.store) as store, store.read() as connection:
        found = explain.status(connection, team.workers[0].engine.clock.now())["connections"]
    return {name: (one["state"], one["reason"]) for name, one in found.items()}


def calls(worker):
    return sum(here.budget.calls for here in worker.engine.connections.values())


def test_two_workers_make_together_no_more_calls_than_the_account_has(desk):
    two = desk(2)
    for number in range(60):
        two.tools["left"].make({"title": f"Disk {number} full", "status": "new"})
    eventually(lambda: len(two.tools["right"].rows()) == 60 and all(calls(worker) for worker in two.workers), 90)
    assert sum(calls(worker) for worker in two.workers) >= len(two.made)
    pace = Pace.of(PER_MINUTE, LATE)
    assert len(two.made) > 3 * pace.burst
    assert most_over(two.made, pace, lanes=2) <= 0


def test_a_pause_that_one_worker_meets_is_kept_by_the_others_and_told_of_both(desk):
    two = desk(2)
    eventually(lambda: all(state == "working" for state, _ in states(two).values()) and len(states(two)) == 2)
    for tool in two.tools.values():
        tool.faults.draw = lambda _verb, _writes: Fault(status=429, headers={"Retry-After": "4"})
    began = len(two.made)
    eventually(lambda: all(state == "waiting" for state, _ in states(two).values()))
    sentences = {reason for _, reason in states(two).values()}
    assert len(sentences) == 1
    assert "The account desk (left, right) is not answered: " in sentences.pop()
    time.sleep(9)
    # One finds it, at most one other call was on its way, and one looks every four seconds or more.
    assert len(two.made) - began <= 5
    for tool in two.tools.values():
        tool.faults.heal()
    eventually(lambda: all(state == "working" for state, _ in states(two).values()), 30)


def test_a_worker_that_dies_while_it_looks_keeps_nobody_waiting_for_ever(desk, monkeypatch):
    monkeypatch.setattr("tieline.sync.accounts.circuit.PROBE", 3.0)
    two = desk(2)
    eventually(lambda: len(states(two)) == 2)
    entered, go_on = threading.Event(), threading.Event()

    def freeze(verb, _writes):
        if verb in ("changes", "check"):
            entered.set()
            assert go_on.wait(60)

    for tool in two.tools.values():
        tool.faults.draw = lambda _verb, _writes: Fault(status=429, headers={"Retry-After": "2"})
    eventually(lambda: all(state == "waiting" for state, _ in states(two).values()))
    for tool in two.tools.values():
        tool.faults.draw = freeze
    assert entered.wait(30)
    for tool in two.tools.values():
        tool.faults.heal()  # whoever is frozen stays so, and the next one that looks is answered
    eventually(lambda: "working" in {state for state, _ in states(two).values()}, 30)
    go_on.set()
    eventually(lambda: {state for state, _ in states(two).values()} == {"working"}, 30)


def test_what_is_refused_to_one_connection_stops_none_of_another_worker(desk):
    two = desk(2)
    two.tools["right"].faults.draw = lambda _verb, _writes: Fault(status=403)
    eventually(lambda: states(two).get("right", ("", ""))[0] == "stopped")
    for number in range(10):
        two.tools["left"].make({"title": f"Disk {number} full", "status": "new"})
    for _ in range(20):
        assert states(two)["left"][0] == "working"
        time.sleep(0.2)
    assert "The account desk" not in states(two)["right"][1]

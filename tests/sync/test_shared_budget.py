"""What one account may be asked, whoever asks: never more than it is, and nobody waits for more than a turn of each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.store_backends import BACKENDS, postgres_database, postgres_server

from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import LeaseLost, Limit, NeedsOperator, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.store.store import Store
from tieline.sync.accounts.account import LATE, Account, Member, SharedBudget, Together
from tieline.sync.accounts.circuit import Circuit, Outage
from tieline.sync.accounts.memory import AHEAD, InProcess, InStore, Keeper, Memory, as_facts, from_facts, spent
from tieline.sync.daemon.jobs import lease
from tieline.sync.limits import Pace

__all__ = ["postgres_database", "postgres_server"]

ONE, TWO = ConnectionName("one"), ConnectionName("two")
PACE = Pace.of(60, LATE)
HOUR = timedelta(hours=1)


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=200), st.integers(1, 200), st.data())
def test_no_minute_sees_a_call_too_many_where_each_is_made_a_little_late(
    idle: list[float], per_minute: int, data: st.DataObject
) -> None:
    pace, now, made = Pace.of(per_minute, LATE), 1_000.0, []
    memory = Memory(pace.burst, now)
    for pause in idle:
        now += pause
        left, at, wait = spent(memory, pace, now)
        memory = Memory(left, at)
        made.append(now + wait + data.draw(st.floats(0.0, LATE * 0.99)))
    made.sort()
    for first in made:
        assert sum(first <= one < first + 60 for one in made) <= per_minute


@given(st.integers(2, 12), st.integers(1, 600), st.floats(0.0, 300.0))
def test_one_that_asks_seldom_waits_for_one_call_of_each_of_the_others(
    busy: int, per_minute: int, later: float
) -> None:
    """The busy ones ask for the next call as soon as the last one's moment has come."""
    pace = Pace.of(per_minute, LATE)
    memory, due = Memory(pace.burst, 0.0), dict.fromkeys(range(busy), 0.0)
    for _ in range(10_000):
        who = min(due, key=lambda one: due[one])
        if due[who] > later:
            break
        left, at, wait = spent(memory, pace, due[who])
        memory = Memory(left, at)
        due[who] += max(wait, 1e-3)
    _, _, wait = spent(memory, pace, later)
    assert wait <= (busy + 1) / pace.rate + 1e-6


def test_a_clock_that_differs_gives_nothing_and_one_that_was_set_back_takes_nothing_for_ever() -> None:
    empty = Memory(0.0, 100.0)
    left, at, pause = spent(empty, PACE, 100.0 - AHEAD / 2)
    assert (left, at, round(pause, 6)) == (-1.0, 100.0, round(AHEAD / 2 + 1 / PACE.rate, 6))
    left, at, pause = spent(empty, PACE, 100.0 - AHEAD)
    assert (left, at, round(pause, 6)) == (-1.0, 100.0 - AHEAD, round(1 / PACE.rate, 6))


def test_what_is_remembered_is_read_as_it_was_written() -> None:
    outage = Outage("waiting", "TryAgain None", "no answer.", 5.0, "one", 65.0, ("four",), ("one", "two"), ("three",))
    for memory in (Memory(1.5, 2.5), Memory(-3.0, 7.0, Circuit(("one",), ("two",), outage))):
        assert from_facts(as_facts(memory)) == memory


# -- several connections ---------------------------------------------------------------------------------------------


class Bench:
    """Two connections of one account; with a store, each is served by a worker of its own."""

    def __init__(self, shared: Store | None, per_minute: int = 60) -> None:
        self.clock = ManualClock()
        self.woken: list[ConnectionName] = []
        self.made: list[float] = []
        self.per_minute = per_minute
        self.shared = shared
        self.members: dict[ConnectionName, Member] = {}
        self.alone = self.account(self.keeper())
        self.one, self.two = self.budget(ONE), self.budget(TWO)

    def keeper(self) -> Keeper:
        pace = Pace.of(self.per_minute, LATE)
        if self.shared is None:
            return InProcess(pace, self.clock.monotonic)
        return InStore(self.shared, "desk", pace, lambda: self.clock.now().timestamp())

    def account(self, keeper: Keeper) -> Account:
        return Account("desk", [ONE, TWO], Pace.of(self.per_minute, LATE), keeper, self.woken.append)

    def budget(self, who: ConnectionName) -> SharedBudget:
        account = self.alone if self.shared is None else self.account(self.keeper())
        member = self.members[who] = Member(account, who)
        return SharedBudget(self.per_minute, self.clock, self.clock.sleep, member)

    def spend(self, budget: SharedBudget) -> None:
        budget.spend()
        self.made.append(self.clock.monotonic())


@pytest.fixture(params=["alone", *BACKENDS])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """In one process, and in a fleet on either store."""
    if request.param == "alone":
        yield Bench(None)
        return
    at_hand = request.param == "sqlite"
    with Store.open(
        f"sqlite:///{tmp_path / 'desk.db'}" if at_hand else request.getfixturevalue("postgres_database")
    ) as store:
        store.migrate()
        yield Bench(store)


def test_two_have_together_what_one_would_have(here: Bench) -> None:
    began = here.clock.monotonic()
    for number in range(200):
        here.spend(here.one if number % 3 else here.two)
    assert max(sum(first <= one < first + 60 for one in here.made) for first in here.made) <= 60
    assert here.made[-1] - began == pytest.approx((200 - PACE.burst) / PACE.rate)
    assert sum(budget.calls for budget in (here.one, here.two)) == 200


def test_one_that_died_with_a_call_in_hand_has_cost_that_call_and_no_more(here: Bench) -> None:
    for _ in range(int(PACE.burst) + 1):
        here.members[ONE].take()  # and is never heard of again
    assert here.members[TWO].take() == pytest.approx(2 / PACE.rate)
    here.clock.advance(3600)
    assert here.members[TWO].take() == 0.0
    assert here.two.left == PACE.burst - 1


def test_what_a_turn_that_is_over_believes_to_know_is_refused(postgres_database: str) -> None:
    with Store.open(postgres_database) as store:
        store.migrate()
        here = Bench(store)
        turn = lease.begin(store, ONE, "frozen", here.clock.now())
        member = here.members[ONE]
        member.fence = partial(lease.lock, turn=turn)
        assert member.take() == 0.0
        lease.begin(store, ONE, "another", here.clock.now())
        for change in (member.take, lambda: member.met(TryAgain("one", "no", limit=Limit.CONNECTION), "waiting", HOUR)):
            with pytest.raises(LeaseLost):
                change()
        assert here.members[TWO].ask() is False
        here.members[TWO].take()
        assert here.two.left == PACE.burst - 2


def test_one_that_was_frozen_when_its_moment_came_waits_for_another(here: Bench) -> None:
    for _ in range(int(PACE.burst)):
        here.spend(here.one)
    slept: list[float] = []

    def frozen(seconds: float) -> None:
        slept.append(seconds)
        here.clock.advance(seconds + (LATE if len(slept) == 1 else 0.0))
        if len(slept) == 1:
            here.members[TWO].take()

    budget = SharedBudget(60, here.clock, frozen, here.members[ONE])
    budget.spend()
    assert len(slept) == 2


def test_what_the_last_turn_left_is_not_asked(here: Bench) -> None:
    here.one.resume(0.0, 0.0)
    assert here.one.left == PACE.burst
    here.members[ONE].take()
    assert here.one.left == PACE.burst - 1


def test_a_pause_of_one_is_everybodys(here: Bench) -> None:
    here.spend(here.one)
    error = TryAgain("one", "answered 429", limit=Limit.CONNECTION)
    told = here.members[ONE].met(error, "waiting", timedelta(seconds=40))
    assert told is not None
    assert sorted(here.woken) == [ONE, TWO]
    with pytest.raises(Together, match=r"The account desk \(one, two\) is not answered: one: answered 429\.") as raised:
        here.spend(here.two)
    assert (raised.value.state, raised.value.wait) == ("waiting", timedelta(seconds=40))
    assert raised.value.connection == TWO


def test_whoever_sleeps_for_its_moment_is_told_when_trouble_began_meanwhile(here: Bench) -> None:
    for _ in range(int(PACE.burst)):
        here.spend(here.one)
    error = NeedsOperator("one", "answered 401", status=401)
    error.verb = "check"

    def sleeping(seconds: float) -> None:
        here.clock.advance(seconds)
        here.members[ONE].met(error, "stopped", timedelta(minutes=5))

    with pytest.raises(Together):
        SharedBudget(60, here.clock, sleeping, here.members[TWO]).spend()
    assert here.two.calls == 0


def test_one_with_trouble_of_its_own_that_looks_in_a_pause_waits_by_itself(here: Bench) -> None:
    one, two = here.members[ONE], here.members[TWO]
    assert one.met(TryAgain("one", "no answer"), "waiting", HOUR) is None
    two.take()
    two.heard(None)
    assert (
        two.met(TryAgain("two", "answered 429", limit=Limit.CONNECTION), "waiting", timedelta(seconds=40)) is not None
    )
    here.clock.advance(40)
    assert one.ask() is True
    denied = NeedsOperator("one", "answered 403", status=403)
    denied.verb = "check"
    assert one.met(denied, "stopped", HOUR) is None
    assert two.ask() is True

"""Two connections of one account: what is everybody's trouble stops both, what is one's own stops that one."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from tests.sync.world import World

from tieline.adapters.memory.faults import Fault
from tieline.core.errors import Gone, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Ref
from tieline.sync import explain
from tieline.sync.accounts.circuit import Circuit
from tieline.sync.daemon.lane import RECHECK, LaneState
from tieline.sync.outcomes import Verb

BOTH = ("left", "right")


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(*tools: str, **options: str) -> World:
        names = tools or BOTH
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(World(folder, names, options={name: options.get(name, "account: desk") for name in names}))
        return made[-1]

    yield make
    for one in made:
        one.engine.store.close()
        one.engine.registry.close()


@pytest.fixture
def both(worlds: Callable[..., World]) -> World:
    world = worlds()
    world.settle(2)
    return world


def fails(world: World, *names: str, status: int) -> None:
    for name in names:
        world.tools[name].faults.draw = lambda _verb, _writes: Fault(status)


def heals(world: World, *names: str) -> None:
    for name in names or world.tools:
        world.tools[name].faults.heal()


def asked(world: World) -> int:
    return sum(tool.faults.asked for tool in world.tools.values())


def seconds(world: World, number: int) -> None:
    """As the daemon's lanes do, each of them steps once a second, and again while there is something to do."""
    for _ in range(number):
        world.clock.advance(1)
        for name in world.lanes:
            for _ in range(20):
                if not world.step(name):
                    break


def states(world: World) -> set[LaneState]:
    return {lane.state for lane in world.lanes.values()}


def said(world: World, name: str) -> str:
    with world.engine.store.read() as connection:
        found = explain.status(connection, world.clock.now())["connections"][name]["reason"]
    return str(found)


def test_a_pause_that_one_was_asked_for_is_kept_by_both_and_then_one_looks_first(both: World) -> None:
    both.tools["left"].faults.queue.append(Fault(status=429, headers={"Retry-After": "40"}))
    both.lanes["left"].poll_soon()
    both.step("left")
    before = asked(both)
    both.lanes["right"].poll_soon()
    seconds(both, 39)
    assert asked(both) == before
    assert states(both) == {LaneState.WAITING}
    sentences = {said(both, name) for name in BOTH}
    assert len(sentences) == 1
    assert "The account desk (left, right) is not answered: left: " in sentences.pop()
    seconds(both, 4)
    assert states(both) == {LaneState.WORKING}
    assert [said(both, name) for name in BOTH] == ["", ""]


@pytest.mark.parametrize("status", [0, 503, 403])
def test_a_tool_that_answers_neither_is_asked_by_one_at_a_time(both: World, status: int) -> None:
    fails(both, *BOTH, status=status)
    seconds(both, 40)
    assert len(states(both)) == 1
    assert states(both) <= {LaneState.WAITING, LaneState.STOPPED}
    assert len({said(both, name) for name in BOTH}) == 1
    looks = []
    for _ in range(900):
        before = {name: both.tools[name].faults.asked for name in BOTH}
        seconds(both, 1)
        looked = [name for name in BOTH if both.tools[name].faults.asked > before[name]]
        assert len(looked) <= 1
        looks += looked
    assert set(looks) == set(BOTH)
    heals(both)
    seconds(both, int(RECHECK.total_seconds()) + 10)
    assert states(both) == {LaneState.WORKING}


def test_a_login_that_is_refused_stops_both_at_once_and_one_look_brings_both_back(both: World) -> None:
    fails(both, *BOTH, status=401)
    seconds(both, 31)
    assert states(both) == {LaneState.STOPPED}
    before = asked(both)
    seconds(both, 200)
    assert asked(both) == before
    assert all("renew them, then run `tieline check" in said(both, name) for name in BOTH)
    heals(both)
    seconds(both, int(RECHECK.total_seconds()))
    assert states(both) == {LaneState.WORKING}


@pytest.mark.parametrize("status", [403, 500, 0])
def test_what_is_refused_to_one_alone_stops_that_one_alone(both: World, status: int) -> None:
    fails(both, "right", status=status)
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    for _ in range(700):
        seconds(both, 1)
        assert both.lanes["left"].state is LaneState.WORKING
    assert both.lanes["right"].state in (LaneState.STOPPED, LaneState.WAITING)
    assert "account" not in said(both, "right").replace("The account lacks a permission", "")
    assert both.incident().fields["title"] == "Disk full"
    heals(both)
    seconds(both, int(RECHECK.total_seconds()) + 31)
    assert both.shows("right", "title") == "Disk full"


def test_two_that_are_each_refused_something_keep_the_third_at_work(worlds: Callable[..., World]) -> None:
    three = worlds("left", "right", "third")
    three.settle(2)
    fails(three, "left", "right", status=403)
    seconds(three, 120)
    rests = 0
    for _ in range(1200):
        seconds(three, 1)
        rests += three.lanes["third"].state is not LaneState.WORKING
    assert rests == 0
    assert [three.lanes[name].state for name in BOTH] == [LaneState.STOPPED] * 2


def test_a_mapping_that_does_not_fit_stops_the_connection_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("fields: {team: {from: u_support_team}}\n", encoding="utf-8")
    world = World(tmp_path, BOTH, options={"left": "account: desk", "right": "account: desk\noverlay: odd.yaml"})
    world.settle(2)
    assert world.lanes["right"].state is LaneState.STOPPED
    assert "which right does not have" in said(world, "right")
    assert "account" not in said(world, "right")
    assert world.lanes["left"].state is LaneState.WORKING
    world.engine.store.close()
    world.engine.registry.close()


def test_one_that_was_refused_something_keeps_no_other_waiting_after_a_pause(both: World) -> None:
    fails(both, "right", status=403)
    seconds(both, 40)
    both.tools["left"].faults.queue.append(Fault(status=429))
    both.lanes["left"].poll_soon()
    seconds(both, 5)
    assert states(both) == {LaneState.WAITING}
    seconds(both, 70)
    assert {name: lane.state.value for name, lane in both.lanes.items()} == {"left": "working", "right": "stopped"}


def test_a_record_that_is_not_there_is_an_answer(both: World) -> None:
    left, right = (both.engine.connections[ConnectionName(name)] for name in BOTH)
    assert left.account is not None
    left.account.met(TryAgain("left", "no answer"), "waiting", timedelta(seconds=30))
    with pytest.raises(Gone):
        right.call(Verb.READ, right.source.read, Ref("nowhere"))
    assert left.account.account.last.circuit == Circuit(apart=("left",))


def test_the_one_that_looks_does_so_at_once_however_seldom_it_is_polled(worlds: Callable[..., World]) -> None:
    world = worlds(right="account: desk\npoll_every: 12h")
    world.settle(2)
    before = world.tools["right"].faults.asked
    fails(world, "left", status=401)
    seconds(world, 40)
    assert world.tools["right"].faults.asked > before
    assert world.lanes["right"].state is LaneState.WORKING
    assert said(world, "left").startswith("left: ")


def test_both_together_make_the_calls_of_one(worlds: Callable[..., World]) -> None:
    world = worlds(left="account: desk\ncalls_per_minute: 30")
    made: list[float] = []
    for tool in world.tools.values():
        tool.faults.draw = lambda _verb, _writes: made.append(world.clock.monotonic())
    for number in range(20):
        world.tools["left"].make({"title": f"Disk {number} full", "status": "new"})
    world.settle(20)
    assert len(world.tools["right"].rows()) == 20
    assert len(made) > 60
    assert max(sum(first <= one < first + 60 for one in made) for first in made) <= 30


def statements(world: World) -> int:
    counted: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        counted.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        world.tools["left"].make({"title": "Disk full", "status": "new"})
        world.settle(4)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert world.shows("right", "title") == "Disk full"
    assert not any("account" in one for one in counted)
    return len(counted)


def test_in_one_process_an_account_costs_no_statement(worlds: Callable[..., World]) -> None:
    alone = worlds(left="account: ''", right="account: ''")
    assert all(here.account is None for here in alone.engine.connections.values())
    assert statements(worlds()) == statements(alone)


def test_nothing_is_written_while_both_wait(both: World) -> None:
    fails(both, *BOTH, status=401)
    seconds(both, 40)
    commits = both.engine.store.commits
    seconds(both, 100)
    assert both.engine.store.commits == commits
    for lane in both.lanes.values():
        assert lane.next_at is not None
        assert lane.next_at - both.clock.now() > timedelta(minutes=2)

"""What a connection is said to be: what its last attempts said, and not what nobody has tried."""

from datetime import timedelta

import pytest
from tests.sync.world import World

from tieline.adapters.memory.faults import Fault
from tieline.core.errors import StoreUnavailable
from tieline.sync import explain
from tieline.sync.daemon.lane import Lane, LaneState


def _said(world, name="right"):
    with world.engine.store.read() as connection:
        return explain.status(connection, world.clock.now())["connections"].get(name)


def _away(world, name="right"):
    world.tools[name].faults.draw = lambda _verb, _writes: Fault(status=503)


@pytest.fixture
def both(tmp_path):
    world = World(tmp_path)
    yield world
    world.engine.store.close()
    world.engine.registry.close()


def _states(world, seconds, name="right"):
    """The states that somebody would see who looks once a second, as the daemon's lane steps once a second."""
    seen = set()
    for _ in range(seconds):
        world.clock.advance(1)
        world.step(name)
        seen.add(world.lanes[name].state)
    return seen


def test_a_tool_that_was_never_reached_never_works(both):
    _away(both)
    assert both.lanes["right"].state is LaneState.STARTING
    assert _states(both, 300) == {LaneState.WAITING}


def test_a_tool_that_goes_away_does_not_work_until_it_was_read_again(both):
    both.settle()
    assert both.lanes["right"].state is LaneState.WORKING
    _away(both)
    _states(both, 31)
    assert _states(both, 300) == {LaneState.WAITING}
    both.tools["right"].faults.draw = lambda _verb, _writes: None
    _states(both, 31)
    assert _states(both, 60) == {LaneState.WORKING}


def test_when_a_waiting_tool_is_tried_next_is_said_and_kept_up_to_date(both):
    _away(both)
    _states(both, 100)
    said = _said(both)
    assert both.clock.now() - timedelta(seconds=1) <= said["next_try_at"] <= both.clock.now() + timedelta(seconds=30)
    _states(both, 40)
    assert _said(both)["next_try_at"] > said["next_try_at"]


def test_a_listing_that_cannot_be_had_keeps_no_write_waiting(both):
    both.settle()
    both.tools["right"].faults.draw = lambda verb, _writes: Fault(status=503) if verb == "changes" else None
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle(4)
    assert both.shows("right", "title") == "Disk full"
    assert both.lanes["right"].state is LaneState.WAITING


def test_another_worker_does_not_say_working_of_what_nobody_has_read(both):
    lane = Lane(both.engine, both.engine.connections["right"])
    lane.recall({})
    assert lane.state is LaneState.STARTING


def test_a_store_that_refused_the_last_write_is_down_until_it_takes_one(both):
    store = both.engine.store
    store.ping()
    with pytest.raises(StoreUnavailable), store.write():
        raise StoreUnavailable("the disk is full", timedelta(0))
    guarded = store.guarded(lambda _tx: None)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        store.ping()
    with guarded.write():
        pass
    store.ping()

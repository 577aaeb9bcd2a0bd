"""A wall clock that is put back lengthens no wait; one that is put forward only ends waits early."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tieline.adapters.memory.faults import Fault
from tieline.adapters.testing.clock import ManualClock
from tieline.core.store import tables as t
from tieline.sync.daemon.lane import LaneState
from tieline.sync.daemon.putback import Watch
from tieline.sync.intake import inbox

HOUR = 3600


def opened(world):
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    return both


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(status=401)], ids=["away", "refused"])
def test_a_connection_is_tried_when_it_would_have_been(world, fault):
    both = opened(world)
    both.tools["right"].faults.draw = lambda _verb, _writes: fault
    both.edit("left", title="Disk full on db1")
    both.settle(3)
    lane = both.lanes["right"]
    assert lane.state in (LaneState.WAITING, LaneState.STOPPED)
    left = lane.next_at - both.clock.now()
    both.tools["right"].faults.heal()

    both.clock.step(-HOUR)
    both.step("right")
    assert lane.next_at - both.clock.now() == left
    with both.engine.store.read() as connection:
        (told,) = connection.execute(select(t.connection.c.next_at).where(t.connection.c.name == "right")).scalars()
    assert told == lane.next_at, "what `tieline status` says"
    both.clock.advance(left.total_seconds() + 1)
    both.settle(2)
    assert lane.state is LaneState.WORKING


def test_what_waits_alone_waits_no_longer(world):
    """A copy, a delivery, a comment, an act: each has a moment of its own."""
    both = opened(world)
    at = both.clock.now() + timedelta(minutes=1)
    with both.engine.store.write() as tx:
        tx.execute(t.replica.update().where(t.replica.c.connection == "right").values(dirty=True, next_at=at))
        inbox.put(tx, both.engine.connections["right"].name, [(both.copy("right").ref, None)], asked=0, now=at)
        tx.execute(t.inbox.update().values(next_at=at))
    both.clock.step(-HOUR)
    both.step("right")
    with both.engine.store.read() as connection:
        moments = [*connection.execute(select(t.inbox.c.next_at)).scalars(), both.copy("right").next_at]
    assert moments == [at - timedelta(hours=1)] * 2


def test_a_clock_that_is_put_forward_moves_nothing(world):
    both = opened(world)
    both.tools["right"].faults.draw = lambda _verb, _writes: Fault(status=503)
    both.edit("left", title="Disk full on db1")
    both.settle(3)
    both.tools["right"].faults.heal()
    both.clock.step(HOUR)
    both.settle(2)
    assert both.shows("right", "title") == "Disk full on db1"


def test_what_keeps_a_clock_right_little_by_little_is_no_step():
    clock = ManualClock()
    watch = Watch(clock)
    for _ in range(10):
        clock.advance(60)
        clock.step(-1)
        assert not watch.put_back()
    clock.step(-HOUR)
    assert watch.put_back() == timedelta(seconds=HOUR)
    assert not watch.put_back()

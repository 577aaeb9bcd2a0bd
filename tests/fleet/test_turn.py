"""What a turn hands on to the next one, whoever takes that."""

from dataclasses import replace
from datetime import timedelta

from tests.core.store_backends import postgres_database, postgres_server
from tests.sync.conftest import world

from tieline.adapters.memory.faults import Fault
from tieline.core.errors import LeaseLost
from tieline.sync.daemon.jobs import lease
from tieline.sync.daemon.jobs.turn import take_turn
from tieline.sync.daemon.lane import Lane

__all__ = ["postgres_database", "postgres_server", "world"]


def turn(here, worker, lane, *, ends=lambda: False, lingers=lambda: False, pause=lambda _seconds: None):
    return take_turn(here.engine.store, lane, worker, here.clock, ends=ends, lingers=lingers, pause=pause)


def test_whoever_takes_over_from_one_that_is_only_silent_waits_until_that_one_asks_again(world):
    here, asked = world(), list[str]()
    lane, other = here.lanes["left"], Lane(here.engine, here.engine.connections["left"])
    store, steady = here.engine.store, here.clock.monotonic
    silent = lease.begin(store, lane.here.name, "silent", here.clock.now())
    may = lease.permit(store, silent, steady)

    def permitted():
        try:
            may()
        except LeaseLost:
            return False
        return True

    def pause(seconds):
        here.clock.advance(0.9)
        asked.append(f"while it waits: {permitted()}")
        here.clock.advance(seconds - 0.9)

    assert turn(here, "other", other, pause=pause) is False
    asked.append(f"afterwards: {permitted()}")
    assert asked == ["while it waits: True", "afterwards: False"]


def test_nobody_waits_where_the_last_turn_ended_in_order_or_there_was_none(world):
    here, waited = world(), list[float]()
    for worker in ("one", "other", "one"):
        turn(here, worker, here.lanes["left"], pause=waited.append)
    assert waited == []


def test_a_turn_goes_on_where_the_turn_of_another_worker_ended(world):
    here = world()
    one, other = here.lanes["left"], Lane(here.engine, here.engine.connections["left"])
    assert turn(here, "one", one) is False
    assert one.poll_at is not None
    assert turn(here, "other", other) is False
    assert other.polled_at == one.polled_at


def test_a_turn_that_ends_in_the_midst_of_its_work_says_that_there_is_more(world):
    here = world()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    asked = iter([False])
    assert turn(here, "one", here.lanes["left"], ends=lambda: next(asked, True)) is True
    assert turn(here, "other", here.lanes["left"]) is False
    assert here.incident().fields["title"] == "Disk full"


def test_a_turn_that_has_run_dry_goes_on_when_somebody_wakes_it(world):
    here = world()
    woken = iter([True])

    def edited():
        here.tools["left"].make({"title": "Disk full", "status": "new"})
        here.lanes["left"].poll_soon()
        return next(woken, False)

    assert turn(here, "one", here.lanes["left"], lingers=edited) is False
    assert here.incident().fields["title"] == "Disk full"


def test_a_look_for_one_create_says_nothing_of_the_create_that_another_worker_made_since(world):
    here = world(options={"right": "poll_every: 12h"})  # only its search can tell of the record
    right = here.tools["right"]
    right.lookup_lag = timedelta(seconds=90)
    here.restart()
    here.settle(1)
    connected = here.engine.connections["right"]
    one, other = here.lanes["right"], Lane(here.engine, replace(connected, looked={}))
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    here.clock.advance(31)
    turn(here, "the poller", here.lanes["left"])

    right.faults.queue.append(Fault(only_writes=True))
    for _ in range(4):  # made nothing, and cannot know; then looks for it in vain
        turn(here, "one", one)
        here.clock.advance(31)
    assert [look.intended for look in one.here.looked.values()] == [here.copy("right").intent.since]
    assert other.here.looked == {}
    right.faults.queue.append(Fault(only_writes=True, after_effect=True))
    for _ in range(12):
        here.clock.advance(31)
        turn(here, "other", other)
        if right.rows():
            break
    here.clock.advance(31)
    turn(here, "one", one)
    assert len(right.rows()) == 1
    for _ in range(12):
        here.clock.advance(31)
        turn(here, "one", one)
    assert len(right.rows()) == 1
    assert here.copy("right").ref == right.rows()[0].ref

"""What plugins do side by side, in a fleet and beside whoever asks for something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs
from tests.daemon.conftest import eventually
from tests.sync.test_offers import (
    EDITS,
    HOUR,
    SEAT,
    SEATS,
    Looked,
    Sits,
    Take,
    Taken,
    edited,
    kinds,
    opened,
    perform,
    rows_of,
    taken,
)
from tests.sync.world import World

from tieline.core.acts import Act
from tieline.core.arguments import Answer
from tieline.core.desk import Desk
from tieline.core.errors import StoreUnavailable
from tieline.core.events import Changed, Opened
from tieline.core.journal import Entry
from tieline.core.model import Audience
from tieline.core.offer import Due, Follower, TimerKind
from tieline.core.projections import Happened, Projection, Rows
from tieline.core.store import tables as t
from tieline.sync.office import following, projecting

Worlds = Callable[..., World]


class Stopped(BaseException):
    """A process ends here."""


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def together(*works: Callable[[], object]) -> list[StoreUnavailable]:
    """Do these at the same time. Answers what the store refused."""
    begin, refused = threading.Barrier(len(works)), list[StoreUnavailable]()

    def run(work: Callable[[], object]) -> None:
        begin.wait(10)
        try:
            work()
        except StoreUnavailable as error:
            refused.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return refused


def test_whoever_moves_a_timer_and_whoever_fires_it_do_not_wait_for_each_other(world: Worlds) -> None:
    def look(desk: Desk, due: Due) -> None:
        desk.set_timer("look", desk.now + HOUR, desk.item(due.item))

    def move(desk: Desk, ask: Take) -> Answer:
        """Move the timer."""
        item = desk.item(ask.incident)
        desk.comment(item, "Later.", Audience.STAFF)
        desk.set_timer("look", desk.now + HOUR, item)
        return Sits(seat=ask.seat)

    acts = (Act("take", move, "seats.take", ("incident", "seat")),)
    one = opened(world, replace(SEATS, acts=acts, followers=(), timers=(TimerKind("look", look),)))

    def move_thrice() -> None:
        for _ in range(3):
            perform(one, 1)

    def fire_thrice() -> None:
        for _ in range(3):
            following.fire(one.engine, one.offers[0], one.clock.now())

    move_thrice()
    for _ in range(12):
        one.clock.advance(3700)
        assert together(move_thrice, fire_thrice) == []
    with one.engine.store.read() as connection:
        assert len(connection.execute(select(t.timer).where(t.timer.c.kind == "seats.look")).all()) == 1


def test_two_who_make_the_same_tables_anew_help_each_other(world: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    one = opened(world, count=3)
    for seat in range(6):
        perform(one, seat)
    before = rows_of(one, SEAT)
    monkeypatch.setattr(projecting, "WINDOW", 1)
    applied = list[int]()

    def count(rows: Rows, event: Taken, happened: Happened) -> None:
        applied.append(event.seat)
        if len(applied) % 2:
            raise Stopped
        taken(rows, event, happened)

    (offer,) = one.offers
    newer = replace(offer, projections=(Projection("seats", (SEAT,), {Taken: count}, version=2),))
    for number in range(12):
        # Each is stopped at the next seat, and somebody else is at it then.
        with suppress(Stopped):
            projecting.make_all(one.engine.store, newer, f"{number:08x}")
    assert applied == [seat for seat in range(6) for _ in range(2)]
    assert rows_of(one, SEAT) == before


def test_tables_that_are_being_made_by_another_declaration_are_not_brought_up(world: Worlds) -> None:
    one = opened(world)
    newer = Projection("edits", (EDITS,), {Changed: edited}, version=2)
    one.edit("left", title="Another title")
    one.settle(1)
    before = rows_of(one, EDITS)
    one.offers = ()
    one.edit("left", title="One more title")
    one.settle(1)
    assert projecting.catch_up(one.engine.store, "seats.edits", newer) == 0
    assert rows_of(one, EDITS) == before


def test_a_clock_that_is_put_back_a_day_keeps_no_plugin_waiting(world: Worlds) -> None:
    is_broken, done = [True], list[str]()

    def react(_desk: Desk, happened: Happened) -> None:
        if is_broken:
            raise RuntimeError("no")
        done.append(happened.item)

    def look(_desk: Desk, due: Due) -> None:
        if is_broken:
            raise RuntimeError("no")
        done.append(due.item)

    def set_one(desk: Desk, ask: Take) -> Answer:
        """Have it looked after."""
        desk.set_timer("look", desk.now - 48 * HOUR, desk.item(ask.incident))
        return Sits(seat=ask.seat)

    acts = (Act("take", set_one, "seats.take", ("incident", "seat")),)
    followers, timers = (Follower("react", (Opened,), react),), (TimerKind("look", look),)
    one = opened(world, replace(SEATS, acts=acts, followers=followers, timers=timers))
    perform(one, 1)
    one.work()
    is_broken.clear()
    one.clock.step(-24 * 3600)
    one.work()
    assert done == ["INC-1", "INC-1"]


def test_a_plugin_that_would_end_the_process_only_fails(world: Worlds) -> None:
    def react(_desk: Desk, _happened: Happened) -> None:
        raise SystemExit(3)

    one = opened(world, replace(SEATS, followers=(Follower("react", (Opened,), react),), timers=()))
    with one.engine.store.read() as connection:
        assert len(connection.execute(select(t.follower_backlog)).all()) == 1


def test_a_plugin_that_reacts_to_itself_for_ever_is_stopped_and_told_of(world: Worlds) -> None:
    def react(desk: Desk, happened: Happened) -> None:
        desk.record(Looked(late=happened.seq), desk.item(happened.item))

    one = opened(world, replace(SEATS, followers=(Follower("react", (Opened, Looked), react),), timers=()))
    for _ in range(8):
        one.clock.advance(3600)
        one.work()
    with one.engine.store.read() as connection:
        (row,) = connection.execute(select(t.follower_backlog)).all()
    assert "reacts to what it brought about itself" in row.parked
    assert kinds(one).count("seats.looked") == following.LONGEST_CHAIN


def test_an_event_that_nobody_can_read_any_more_is_parked_and_delays_no_other_item(world: Worlds) -> None:
    done = list[str]()

    def react(_desk: Desk, happened: Happened) -> None:
        done.append(happened.item)

    one = opened(world, replace(SEATS, followers=(Follower("react", (Taken,), react),), timers=()), count=2)
    with one.engine.store.write() as tx:
        tx.journal(
            Entry(one.clock.now(), "seats.taken", one.incident(1).id, None, "plugin:seats", "", {"seat": "gone"})
        )
    perform(one, 2, incident="INC-2")
    for _ in range(8):
        one.clock.advance(3600)
        with suppress(ValueError):  # the tables that are made of it cannot be brought up
            one.work()
    assert done == ["INC-2"]
    with one.engine.store.read() as connection:
        (row,) = connection.execute(select(t.follower_backlog)).all()
    assert "cannot be read as seats.taken" in row.parked


def test_a_plugin_that_hangs_over_its_rows_keeps_nobody_from_the_journal_while_they_are_made_anew(
    world: Worlds,
) -> None:
    one = opened(world)
    perform(one, 1)
    store, seats = one.engine.store, one.offers[0].projections[0]
    made = threading.Thread(target=projecting.make, args=(store, "seats.seats", seats, "again"))
    with store.read() as hangs:
        hangs.execute(select(SEAT)).all()
        made.start()
        if hangs.dialect.name == "postgresql":
            eventually(lambda: _is_waited_for(one))
        with store.write() as tx:
            tx.hold_journal()
    made.join(30)
    assert len(rows_of(one, SEAT)) == 1


def _is_waited_for(world: World) -> bool:
    with world.engine.store.read() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def test_whoever_was_frozen_takes_no_other_entry_for_the_one_that_it_began_with(world: Worlds) -> None:
    fails, meanwhile = {1, 2}, list[Callable[[], object]]()

    def react(desk: Desk, happened: Happened) -> None:
        if happened.incident in fails:
            raise RuntimeError("not yet")
        if meanwhile:
            meanwhile.pop()()
        desk.record(Looked(late=0), desk.item(happened.item))

    follower = Follower("react", (Opened,), react)
    offer = replace(SEATS, followers=(follower,), timers=())
    one = opened(world, offer)

    def keep_up() -> None:
        one.clock.advance(7200)
        following.keep_up(one.engine, offer, follower)

    def others_go_on() -> None:
        keep_up()
        one.tools["left"].make({"title": "Network down", "status": "new"})
        one.settle(1)
        keep_up()

    following.keep_up(one.engine, offer, follower)
    fails.discard(1)
    meanwhile.append(others_go_on)
    keep_up()
    fails.clear()
    keep_up()
    assert [kinds(one, number).count("seats.looked") for number in (1, 2)] == [1, 1]

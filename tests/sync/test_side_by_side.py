"""What plugins do side by side, in a fleet and beside whoever asks for something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs
from tests.sync.test_offers import HOUR, SEATS, Sits, Take, opened, perform
from tests.sync.world import World

from tieline.core.acts import Act
from tieline.core.arguments import Answer
from tieline.core.desk import Desk
from tieline.core.errors import StoreUnavailable
from tieline.core.model import Audience
from tieline.core.offer import Due, TimerKind
from tieline.core.store import tables as t
from tieline.sync.office import following

Worlds = Callable[..., World]


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

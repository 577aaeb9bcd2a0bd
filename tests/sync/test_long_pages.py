"""A page is taken in whole, however long it is."""

from __future__ import annotations

from collections.abc import Callable

from tests.sync.world import World

from tieline.core.model import ConnectionName
from tieline.sync.intake import inbox
from tieline.sync.polling import poll

MANY = 1_001


def test_of_a_page_of_a_thousand_records_each_comes_in(world: Callable[..., World]) -> None:
    here = world(options={"left": f"page_size: {MANY - 1}"})
    left = here.engine.connections[ConnectionName("left")]
    here.settle(1)
    made = {here.tools["left"].make({"title": f"Disk {number} is full", "status": "new"}).ref for number in range(MANY)}
    told = poll.poll(here.engine, left)
    assert (told.seen, told.fresh) == (MANY, MANY)
    with here.engine.store.read() as connection:
        waiting = {item.ref for item in inbox.waiting(connection, left.name, here.clock.now(), MANY + 1)}
    assert waiting == made

"""What is drawn once for all who see the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.api.calling import ANN, BOB
from tests.sync.deciding import decide
from tests.web.browsing import Visitor

from tieline.core.access import Role
from tieline.core.identity import Someone
from tieline.core.model import IncidentId
from tieline.sync import restricting
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.web.drawing import Drawing
from tieline.sync.web.live import Live
from tieline.sync.web.pages import Pages

T = TypeVar("T")


def test_whoever_sees_more_while_it_is_drawn_shows_it_to_nobody_who_sees_less(visitor: Visitor) -> None:
    engine, offers = visitor.engine, visitor.engine.registry.offers
    with engine.store.write() as tx:
        restricting.restrict(tx, engine, IncidentId(1), "need to know", actor=ANN)
    visitor.grant(BOB, Role.RESPONDER)
    asked = 0

    async def in_thread(work: Callable[[], T]) -> T:
        nonlocal asked
        asked += 1
        if asked == 3:  # the journal was looked at, and what Bob sees; now it is drawn
            visitor.grant(BOB, Role.SECURITY)
        return work()

    live = Live(engine.store, in_thread, Drawing(offers), lambda: Enquiries(engine.store, engine.config, OWN_VIEWS))
    meant = Pages(offers).meant("/", "")
    assert meant is not None

    async def shown(someone: Someone) -> str:
        async def asker() -> Asker:
            return Asker(someone, owns_store=False, now=visitor.world.clock.now())

        frames = live.frames(meant, asker, "", lambda: 0.0)
        await anext(frames)
        said = await anext(frames)
        await frames.aclose()
        return said.decode()

    bobs, anns = asyncio.run(_both(shown(BOB), shown(ANN)))
    assert "Not known how bad" in bobs  # the incident has no severity
    assert "Not known how bad" not in anns


def test_a_stream_that_begins_shows_nothing_older_than_its_page(visitor: Visitor) -> None:
    engine, offers = visitor.engine, visitor.engine.registry.offers

    async def in_thread(work: Callable[[], T]) -> T:
        return work()

    live = Live(engine.store, in_thread, Drawing(offers), lambda: Enquiries(engine.store, engine.config, OWN_VIEWS))
    meant = Pages(offers).meant("/", "")
    assert meant is not None

    async def asker() -> Asker:
        return Asker(ANN, owns_store=False, now=visitor.world.clock.now())

    async def shown() -> str:
        frames = live.frames(meant, asker, "", lambda: 0.0)
        await anext(frames)
        said = await anext(frames)
        await frames.aclose()
        return said.decode()

    async def told() -> tuple[str, str]:
        before = await shown()
        decide(engine, "edit", incident="INC-1", changes={"severity": "critical"})
        return before, await shown()

    before, after = asyncio.run(told())
    assert "<span>Critical</span><b>0</b>" in before
    assert "<span>Critical</span><b>1</b>" in after


async def _both(one: Awaitable[str], other: Awaitable[str]) -> tuple[str, str]:
    return await one, await other

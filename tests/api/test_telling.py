"""What happens is looked at and rendered once for all who see the same, and each is told all of it, once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.sync.test_enquiries import counted
from tests.sync.world import World

from tieline.core import grants
from tieline.core.access import Grant, Role, Rule, Scope, ScopeKind, Verdict
from tieline.core.identity import of_account
from tieline.core.journal import Entry
from tieline.core.model import IncidentId
from tieline.sync import loading
from tieline.sync.api import happenings, stream, telling
from tieline.sync.api.telling import Ring, Telling
from tieline.sync.office.asking import Asker
from tieline.sync.sight import OUTSIDER

Worlds = Callable[..., World]
LOOKS = "ORDER BY journal.seq"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY", 0.01)


async def inline(work: Callable[[], Any]) -> Any:
    return work()


def teller(here: World) -> Telling:
    return Telling(here.engine.store, inline, lambda asker: replace(asker, now=here.clock.now()))


def reader(here: World, name: str, scope: Scope | None = None) -> Asker:
    """Somebody who reads, everywhere or within a scope."""
    ann, now = of_account(name, "db1"), here.clock.now()
    with here.engine.store.write() as tx:
        grants.grant(tx, ann, Grant(Role.VIEWER, scope), at=now, actor=ann, verdict=Verdict(True, Rule.OWNER))
    return Asker(ann, False, now)


def happens(here: World, kind: str, times: int = 1, incident: int = 1) -> None:
    with here.engine.store.write() as tx:
        tx.journal_many(
            Entry(here.clock.now(), kind, IncidentId(incident), "left", "tieline", "", {}) for _ in range(times)
        )


def opened(here: World, team: str = "network") -> World:
    with here.engine.store.write() as tx:
        fields: dict[str, Any] = {"title": "Disk full", "status": "new", "team": team}
        loading.insert_incidents(tx, [(fields, {})], [""], here.clock.now())
    return here


def now(here: World) -> tuple[int, str]:
    with here.engine.store.read() as connection:
        return happenings.last(connection, OUTSIDER)


async def until(frames: AsyncGenerator[bytes, None], kind: str) -> list[str]:
    """The ids of what comes, up to the first of this kind."""
    found: list[str] = []
    async for words in frames:
        for one in words.decode().split("\n\n"):
            lines: dict[str, str] = {}
            for line in one.splitlines():
                name, _colon, value = line.partition(": ")
                lines[name] = value
            if "event" in lines:
                found.append(lines["id"])
                if lines["event"] == kind:
                    return found
    return found


async def started(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """One that has been told of all there is."""
    assert (await anext(frames)).startswith(b"retry: ")
    while await anext(frames):
        pass
    assert await anext(frames) == b""
    return frames


def test_many_who_see_the_same_cost_one_look_at_the_journal(world: Worlds) -> None:
    here = opened(world())
    looks: list[int] = []
    for count in (2, 40):
        askers = [reader(here, f"{count}-{number}") for number in range(count)]

        async def told(askers: list[Asker]) -> list[str]:
            to_all, begun = teller(here), now(here)
            streams = [await started(to_all.frames(one, begun)) for one in askers]
            with counted() as statements:
                happens(here, "commented", 3)
                happens(here, "changed")
                found = await asyncio.gather(*(until(one, "changed") for one in streams))
            looks.append(sum(LOOKS in one for one in statements))
            for one in streams:
                await one.aclose()
            assert len({tuple(one) for one in found}) == 1
            return found[0]

        assert len(asyncio.run(told(askers))) == 4
    assert looks[0] == looks[1] <= 2, "one look, and another where it fell between the two"


def test_each_class_is_told_of_what_it_sees(world: Worlds) -> None:
    here = opened(opened(world()), "payments")
    teams = [reader(here, name, Scope(ScopeKind.TEAM, name)) for name in ("network", "payments")]
    everywhere = reader(here, "ann")

    async def told() -> list[int]:
        to_all, begun = teller(here), now(here)
        streams = [await started(to_all.frames(one, begun)) for one in (*teams, everywhere)]
        happens(here, "commented", 5, incident=1)
        happens(here, "commented", 2, incident=2)
        happens(here, "changed", incident=1)
        happens(here, "resolved", incident=2)
        kinds = ("changed", "resolved", "resolved")
        found = [len(await until(one, kind)) for one, kind in zip(streams, kinds, strict=True)]
        for one in streams:
            await one.aclose()
        return found

    assert asyncio.run(told()) == [6, 3, 9]


def test_whoever_lags_behind_what_is_kept_is_told_all_of_it_once(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "KEPT", 1_000)
    here = opened(world())
    quick, slow = reader(here, "quick"), reader(here, "slow")

    async def told() -> tuple[list[str], list[str]]:
        to_all, begun = teller(here), now(here)
        lags = await started(to_all.frames(slow, begun))
        reads = await started(to_all.frames(quick, begun))
        found: list[str] = []
        for _ in range(30):
            happens(here, "commented", 20)
            happens(here, "changed")
            found += await until(reads, "changed")
        happens(here, "resolved")
        found += await until(reads, "resolved")
        late = await until(lags, "resolved")
        for one in (lags, reads):
            await one.aclose()
        return found, late

    found, late = asyncio.run(told())
    assert len(set(found)) == len(found) == 30 * 21 + 1
    assert late == found


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "KEPT", 100)
    ring = Ring(0, 0)
    for seq in range(1, 200):
        ring.add([(seq, b"x" * 10)], seq, 100)
    assert (ring.after(189), ring.after(190), ring.after(199)) == (b"x" * 100, b"x" * 90, b"")
    assert ring.after(188) is None


def test_whoever_may_no_longer_read_is_told_no_more(world: Worlds) -> None:
    here = opened(world())
    leaves, stays = reader(here, "leaves"), reader(here, "stays")

    async def told() -> tuple[list[str], list[str]]:
        to_all, begun = teller(here), now(here)
        streams = [await started(to_all.frames(one, begun)) for one in (leaves, stays)]
        with here.engine.store.write() as tx:
            grants.revoke(tx, leaves.someone, Grant(Role.VIEWER), at=here.clock.now(), actor=stays.someone)
        happens(here, "changed")
        found = await until(streams[0], "changed"), await until(streams[1], "changed")
        await streams[1].aclose()
        return found

    gone, on = asyncio.run(told())
    assert (gone, len(on)) == ([], 1)


def test_a_stream_too_many_is_refused_also_where_the_others_were_opened_meanwhile() -> None:
    async def nothing() -> AsyncGenerator[bytes, None]:
        yield b""

    async def refused() -> list[Any]:
        streams, said = stream.Streams(of_one=1), list[Any]()

        async def send(message: Any) -> None:
            said.append(message)

        async def receive() -> Any:
            raise AssertionError("nothing is read")

        with streams.one_more("t"):
            await stream.Stream(nothing(), streams, "t", lambda: False)({"type": "http"}, receive, send)
        return said

    said = asyncio.run(refused())
    assert said[0]["status"] == 429
    assert dict(said[0]["headers"])[b"retry-after"] == b"30"

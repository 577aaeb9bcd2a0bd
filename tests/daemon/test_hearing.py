"""What commands did beside the daemon reaches its observers: once, whoever of several workers comes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from tests.core.store_backends import postgres_database, postgres_server
from tests.core.strangers import plugin
from tests.daemon.conftest import eventually
from tests.sync.world import World

from tieline.cli.main import cli
from tieline.core.hooks import Committed, hookimpl
from tieline.core.journal import Someone, forget, shred
from tieline.core.registry import Limits, Registry
from tieline.sync.daemon import hearing
from tieline.sync.engine import Engine
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

__all__ = ["postgres_database", "postgres_server"]


class Ears:
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[Committed] = []

    @hookimpl
    def tieline_committed(self, event: Committed) -> None:
        self.heard.append(event)


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def world(tmp_path: Path, ears: Ears) -> Iterator[World]:
    one = World(tmp_path, ("left",))
    one.tools["left"].make({"title": "Disk full", "status": "new"})
    one.settle()
    one.engine.registry = Registry([plugin("ears", ears)], limits=Limits(inline=True))
    yield one
    one.engine.store.close()


def by_command(world: World, **fields: Any) -> None:
    engine: Engine = world.engine
    engine.is_command = True
    try:
        with engine.store.write() as tx:
            commit.edit(tx, engine, world.incident().id, fields, actor=Someone("ann"), reason=Reason.EDITED)
    finally:
        engine.is_command = False


def test_a_command_s_own_process_tells_nobody_and_the_daemon_tells_once(world: World, ears: Ears) -> None:
    by_command(world, team="storage")
    assert ears.heard == []
    assert hearing.hear(world.engine) == 1
    [event] = ears.heard
    assert (event.kind, event.incident, event.actor, event.reason) == ("changed", world.incident().id, "ann", "edited")
    assert event.facts["changes"]["team"] == {
        "before": {"absent": True},
        "after": "storage",
        "reason": "edited",
    }
    assert hearing.hear(world.engine) == 0
    assert len(ears.heard) == 1


def test_what_the_daemon_does_itself_is_told_as_ever(world: World, ears: Ears) -> None:
    with world.engine.store.write() as tx:
        commit.edit(tx, world.engine, world.incident().id, {"team": "net"}, actor=Someone("bob"), reason=Reason.EDITED)
    assert [event.actor for event in ears.heard] == ["bob"]
    assert hearing.hear(world.engine) == 0


def test_many_are_told_in_their_order_in_several_transactions(world: World, ears: Ears) -> None:
    for number in range(7):
        by_command(world, team=f"team {number}")
    assert hearing.hear(world.engine, at_once=3) == 7
    assert [event.seq for event in ears.heard] == sorted(event.seq for event in ears.heard)
    assert len(ears.heard) == 7


def test_what_was_let_go_of_meanwhile_is_told_without_it(world: World, ears: Ears) -> None:
    by_command(world, team="storage")
    with world.engine.store.read() as connection:
        [seq] = connection.exec_driver_sql("SELECT seq FROM unheard").scalars()
    shred(world.engine.store, [seq], at=world.clock.now(), actor="dpo", why="asked")
    forget(world.engine.store, "ann", at=world.clock.now(), actor="dpo")
    hearing.hear(world.engine)
    assert [(event.actor, event.facts) for event in ears.heard] == [("somebody who was forgotten", {})]


def test_what_somebody_else_wrote_into_the_store_keeps_nothing_from_being_told(world: World, ears: Ears) -> None:
    by_command(world, team="storage")
    by_command(world, team="network")
    with world.engine.store.write() as tx:
        for trigger in tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            tx.execute(text(f"DROP TRIGGER {trigger}"))
        tx.execute(text("UPDATE journal_payload SET sealed = x'00' WHERE seq = (SELECT min(seq) FROM unheard)"))
    assert hearing.hear(world.engine) == 2
    assert [bool(event.facts) for event in ears.heard] == [False, True]


def test_of_two_workers_one_tells(postgres_database: str, tmp_path: Path, ears: Ears) -> None:
    world = World(tmp_path, ("left",), store=postgres_database)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    world.engine.registry = Registry([plugin("ears", ears)], limits=Limits(inline=True))
    by_command(world, team="storage")
    with world.engine.store.write() as other:
        assert other.execute(hearing._NEXT, {"limit": 1}).scalars().all()
        assert hearing.hear(world.engine) == 0
    assert hearing.hear(world.engine) == 1
    world.engine.store.close()


def test_the_metrics_of_the_daemon_count_what_a_command_did(running: Any) -> None:
    here = running("plugins: [measurement]")
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: len(here.tools["right"].rows()) == 1)
    done = CliRunner().invoke(cli, ["-w", str(here.folder), "edit", "INC-1", "title=Disk almost full"])
    assert done.exit_code == 0, done.output
    eventually(
        lambda: (
            'tieline_events_total{connection="",kind="changed",reason="edited"} 1.0' in here.client.get("/metrics").text
        )
    )

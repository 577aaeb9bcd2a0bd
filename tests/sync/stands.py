"""Copies that stand where a cell of the table wants them, and a verb of their tool that is watched or fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from tests.sync.world import World

from tieline.adapters.memory.faults import Fault
from tieline.core.model import ConnectionName, IncidentId
from tieline.core.port import Ref
from tieline.sync import loading
from tieline.sync.intake import inbox
from tieline.sync.outcomes import Standing, Verb
from tieline.sync.records import ReplicaState
from tieline.sync.road import commit, copy_states
from tieline.sync.road.merge import Reason

RIGHT: Final = ConnectionName("right")


class Tampered:
    """One verb of one connection, which raises what it is told to, and counts how often it was asked."""

    def __init__(self, source: Any, verb: Verb) -> None:
        self.calls = 0
        self.error: Exception | None = None
        self._honest = getattr(source, verb.value)
        setattr(source, verb.value, self._asked)

    def _asked(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self._honest(*args, **options)


def source(world: World) -> Any:
    return world.engine.connections[RIGHT].source


def run(world: World, name: str) -> None:
    while world.step(name):
        pass


def save(world: World, **changes: Any) -> None:
    with world.engine.store.write() as tx:
        copy = loading.lock_replica(tx, world.copy("right").id)
        assert copy is not None
        loading.save_replica(tx, replace(copy, **changes))


def hint(world: World, ref: str) -> None:
    with world.engine.store.write() as tx:
        inbox.put(tx, RIGHT, [(Ref(ref), None)], asked=0, now=world.clock.now())


def edit(world: World, **fields: Any) -> None:
    with world.engine.store.write() as tx:
        commit.edit(tx, world.engine, IncidentId(1), fields, actor="ann", reason=Reason.EDITED)


def unmade(folder: Path, *, blunt: str = "") -> World:
    """An incident whose copy is wanted in `right`, and was not begun."""
    world = World(folder, blunt=blunt)
    world.settle(2)
    world.engine.in_doubt_before = None  # a store that has forgotten nothing doubts nothing
    world.tools["left"].make(
        {"title": "Disk full", "status": "new", "assignee": world.tools["left"].person("ann@example.com")}
    )
    world.clock.advance(31)
    run(world, "left")
    assert world.copy("right").state is ReplicaState.ABSENT
    world.lanes["right"].poll_at = world.clock.now() + timedelta(seconds=30)
    return world


def creating(folder: Path) -> World:
    world = unmade(folder)
    world.tools["right"].faults.queue.append(Fault(only_writes=True))
    world.lanes["right"].step()
    assert world.copy("right").state is ReplicaState.IN_DOUBT
    world.clock.advance(10)
    return world


def linked(folder: Path, *, blunt: str = "") -> World:
    world = unmade(folder, blunt=blunt)
    world.settle(2)
    world.clock.advance(31)
    run(world, "left")
    run(world, "right")
    assert world.copy("right").state is ReplicaState.LINKED and not world.copy("right").dirty
    world.lanes["right"].poll_at = world.clock.now() + timedelta(seconds=30)
    return world


def in_doubt(folder: Path, *, blunt: str = "", rests: bool = True) -> World:
    """A write whose answer was lost. It `rests` where something else is to come before it is looked at."""
    world = linked(folder, blunt=blunt)
    edit(world, title="Disk full on db1")
    world.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    world.lanes["right"].step()
    assert world.copy("right").ledger
    save(world, attempts=0, next_at=world.clock.now() + timedelta(hours=1) if rests else None)
    return world


def parked(folder: Path) -> World:
    world = linked(folder)
    copy_states.park(world.engine, world.copy("right").id, "waits for somebody")
    return world


def gone(folder: Path) -> World:
    world = linked(folder)
    save(world, state=ReplicaState.GONE)
    return world


STANDS: Final[Mapping[Standing, Callable[[Path], World]]] = {
    Standing.ABSENT: unmade,
    Standing.IN_DOUBT: creating,
    Standing.LINKED: linked,
    Standing.WRITE_IN_DOUBT: in_doubt,
    Standing.PARKED: parked,
    Standing.GONE: gone,
}

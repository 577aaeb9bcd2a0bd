"""A refusal that names its fields: the copy goes on without them, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.sync.stands import RIGHT, edit, linked, save
from tests.sync.world import World

from tieline.core.errors import Rejected
from tieline.core.port import Ref
from tieline.mappings import Denormalized
from tieline.sync import explain
from tieline.sync.fit import unfit
from tieline.sync.records import Held, ReplicaState

Wanted = Mapping[str, Any]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = linked(tmp_path)
    edit(world, title="Disk 1 is full", status="in_progress")
    return world


def go_on(world: World, named: Mapping[str, str], wanted: Wanted, *, copy: int | None = None) -> bool:
    here = world.engine.connections[RIGHT]
    here.facts_in_doubt = False
    error = Rejected("right", "no", refused=named)
    number = world.copy("right").id if copy is None else copy
    return unfit.go_on(world.engine, here, number, wanted, Denormalized(dict(wanted), {}), error)


def held(world: World) -> dict[str, tuple[Held, Any, str, int]]:
    return {name: (one.kind, one.ours, one.words, one.tries) for name, one in world.copy("right").holds.items()}


def told(world: World) -> list[Any]:
    with world.engine.store.read() as connection:
        entries = explain.history(connection, world.incident().id)
    return [entry["facts"]["fields"] for entry in entries if entry["kind"] == "left_out"]


def test_what_a_refusal_names_is_held_told_and_asked_about_and_the_rest_goes_on(world: World) -> None:
    """What is demanded of a move beyond a mapping's knowledge costs the status alone; what nobody names costs the
    copy."""
    moving = {"title": "Disk 1 is full", "status": "in_progress"}
    roused: list[str] = []
    world.engine.wake = roused.append
    for named, wanted, ref, kept in (
        ({"title": "too loud"}, moving, "1", {"title": "too loud"}),
        ({"title": "too loud", "u_cause": "is mandatory"}, moving, "1", {"title": "too loud"}),
        ({"u_cause": "is mandatory", "u_other": "so is it"}, moving, "1", {"status": "is mandatory; so is it"}),
        ({"u_cause": "is mandatory"}, {"title": "Disk 1 is full"}, "1", {}),
        ({"u_cause": "is mandatory"}, moving, None, {}),
        ({}, moving, "1", {}),
    ):
        here = world.engine.connections[RIGHT]
        save(world, holds={}, ref=None if ref is None else Ref(ref), state=ReplicaState.LINKED)
        before, roused[:] = len(told(world)), []
        assert go_on(world, named, wanted) is bool(kept)
        fields = world.incident().fields
        assert held(world) == {name: (Held.UNWRITABLE, fields[name], words, 1) for name, words in kept.items()}
        assert told(world)[before:] == ([kept] if kept else [])
        assert here.facts_in_doubt is bool(kept)
        assert roused == (["right"] if kept else [])
    assert go_on(world, {"title": "too loud"}, moving, copy=999), "what is not there has nothing to be parked"

"""Items of several kinds in one store: each has copies among the tools for its kind, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from tests.sync.deciding import decide
from tests.sync.world import World

from tieline.core import journal
from tieline.core.model import Audience, RecordKind
from tieline.core.port import Ref
from tieline.core.store import tables as t
from tieline.sync import explain, loading
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

TOOLS = ("left", "right", "causes", "roots")
ROOM: dict[str, Any] = {"purpose": "room", "kind": RecordKind.CHANGE, "token": "tl-room"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two tools for incidents, two for problems."""
    made = World(tmp_path, TOOLS, problems=("causes", "roots"))
    yield made
    made.engine.store.close()


def rows(world: World) -> dict[str, int]:
    return {name: len(world.tools[name].rows()) for name in TOOLS}


def versions(world: World) -> list[tuple[str, str, int]]:
    return [(name, row.ref, row.version) for name in TOOLS for row in world.tools[name].rows()]


def test_each_kind_is_copied_among_the_tools_for_it(world: World) -> None:
    world.tools["left"].make({"title": "Checkout is slow", "status": "new"})
    world.tools["causes"].make({"title": "A leak in the pool", "status": "assess"})
    world.settle()
    assert rows(world) == {"left": 1, "right": 1, "causes": 1, "roots": 1}
    assert [(one.number, one.kind) for one, _copies in world.incidents()] == [
        ("INC-1", RecordKind.INCIDENT),
        ("PRB-2", RecordKind.PROBLEM),
    ]
    with world.engine.store.read() as connection:
        assert {row.connection: row.kind for row in connection.execute(select(t.replica))} == {
            "left": "incident",
            "right": "incident",
            "causes": "problem",
            "roots": "problem",
        }


def test_a_problem_is_kept_in_step_in_words_of_its_own(world: World) -> None:
    world.tools["causes"].make({"title": "A leak in the pool", "status": "assess"})
    world.settle()
    world.edit("causes", status="root_cause")
    world.edit("roots", workaround="Restart it **daily**")
    world.tools["causes"].comment(world.copy("causes").ref or "", "seen since May", Audience.STAFF, author="ann")
    world.settle()
    for name in ("causes", "roots"):
        assert world.shows(name, "status", "workaround") == ("root_cause", "Restart it **daily**")
        assert len(world.tools[name].rows()[0].notes) == 1
    assert "(PRB-1#" in world.tools["roots"].rows()[0].notes[0].text
    assert world.conflicts() == []
    at_rest = versions(world)
    world.settle()
    world.restart()
    world.settle()
    assert versions(world) == at_rest
    journal.verify(world.engine.store)


def test_what_is_over_among_problems_opens_none(world: World) -> None:
    for status in ("resolved", "closed", "cancelled", "fix_in_progress"):
        world.tools["causes"].make({"title": status, "status": status})
    world.settle()
    assert [one.fields["title"] for one, _copies in world.incidents()] == ["fix_in_progress"]


@pytest.mark.parametrize(("words", "found"), [("PRB-2", ["PRB-2"]), ("2", ["PRB-2"]), ("INC-2", []), ("prb-1", [])])
def test_an_item_is_found_by_a_number_of_its_own_kind(world: World, words: str, found: list[str]) -> None:
    world.tools["left"].make({"title": "Checkout is slow", "status": "new"})
    world.settle()
    world.tools["causes"].make({"title": "A leak in the pool", "status": "assess"})
    world.settle()
    with world.engine.store.read() as connection:
        assert [one.number for one in explain.named(connection, words)] == found


def test_what_waits_for_a_person_is_told_with_the_number_of_its_kind(world: World) -> None:
    world.tools["causes"].make({"title": "A leak in the pool", "status": "assess"})
    world.settle()
    world.tools["roots"].ignored = frozenset({"workaround"})
    world.edit("causes", workaround="none")
    world.settle()
    assert [(one.number, one.connection, one.field) for one in world.conflicts()] == [("PRB-1", "roots", "workaround")]


def test_a_field_that_only_problems_have_is_settled(world: World) -> None:
    world.tools["causes"].make({"title": "A leak in the pool", "status": "assess"})
    world.settle()
    world.tools["roots"].ignored = frozenset({"workaround"})
    world.edit("causes", workaround="none")
    world.settle()
    world.tools["roots"].ignored = frozenset()
    decide(world.engine, "conflicts settle", incident="PRB-1", field="workaround", connection="roots", take="ours")
    world.settle()
    assert (world.shows("roots", "workaround"), world.conflicts()) == ("none", [])


def test_two_copies_in_one_connection_have_each_a_purpose(world: World) -> None:
    """Such as the rooms of an incident, of which one connection may hold several. Its record says what it says."""
    world.tools["left"].make({"title": "Checkout is slow", "status": "new"})
    world.settle()
    record = world.copy("right")
    with world.engine.store.write() as tx:
        room = {**tx.execute(select(t.replica).where(t.replica.c.id == record.id)).mappings().one()}
        room |= {"id": 99, **ROOM}
        tx.execute(insert(t.replica), room)
        assert loading.replica_by_ref(tx, record.connection, RecordKind.INCIDENT, record.ref or Ref("")) == record
        commit.edit(tx, world.engine, record.incident, {"team": "db"}, actor="ann", reason=Reason.EDITED)
    world.settle()
    assert world.shows("right", "team") == "db"
    assert rows(world)["right"] == 1
    with world.engine.store.read() as connection:
        assert loading.load_replica(connection, 99) == replace(record, id=99, **ROOM)


def test_an_item_has_an_id_of_its_own_which_its_journal_knows(world: World) -> None:
    world.tools["left"].make({"title": "Checkout is slow", "status": "new"})
    world.tools["causes"].make({"title": "A leak in the pool", "status": "assess"})
    world.settle()
    items = [one for one, _copies in world.incidents()]
    assert len({one.uid for one in items}) == len(items)
    assert all(len(one.uid) == 32 for one in items)
    with world.engine.store.read() as connection:
        opened = [explain.history(connection, one.id)[0]["facts"] for one in items]
    assert [(facts["uid"], facts.get("item")) for facts in opened] == [
        (items[0].uid, None),
        (items[1].uid, "problem"),
    ]


def test_a_problem_is_no_open_incident_in_the_figures(world: World) -> None:
    world.tools["left"].make({"title": "Checkout is slow", "status": "new"})
    world.tools["causes"].make({"title": "A leak in the pool", "status": "new"})
    world.settle()
    with world.engine.store.read() as connection:
        assert explain.status(connection, world.clock.now())["incidents_open"] == 1

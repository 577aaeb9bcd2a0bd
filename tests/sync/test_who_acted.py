"""Whoever acts stands in the journal's hashed rows as an id, and for people by name until the name is forgotten."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import select
from tests.sync.golden import story
from tests.sync.office import Office
from tests.sync.world import World

from tieline.core import journal
from tieline.core.identity import of_account
from tieline.core.journal import Someone
from tieline.core.model import Audience, IncidentId
from tieline.core.store import tables as t
from tieline.core.store.persons import FORGOTTEN
from tieline.sync import explain
from tieline.sync.comments import comments
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason


def hashed(office: Office) -> list[Any]:
    with office.engine.store.read() as connection:
        return list(connection.execute(select(t.journal)))


def who(office: Office, kind: str) -> set[str]:
    with office.engine.store.read() as connection:
        incidents = [incident.id for incident, _copies in explain.incidents(connection)]
        told = [entry for one in incidents for entry in explain.history(connection, one)]
    return {entry["actor"] for entry in told if entry["kind"] == kind}


def test_no_hashed_row_names_a_person(tmp_path):
    office = Office(tmp_path, "memory", "second")
    office.settle(1)
    office.fire(1)
    office.fire(2)
    story(office)
    with office.engine.store.write() as tx:
        commit.edit(tx, office.engine, IncidentId(1), {"team": "network"}, actor=Someone("cleo"), reason=Reason.EDITED)
        comments.write(tx, office.engine, IncidentId(1), Someone("cleo"), "on it", Audience.STAFF)
    office.settle(2)
    names = {*office.engine.connections, "tieline", "tieline-golden"}
    strangers = {row.actor for row in hashed(office)} - names
    assert strangers
    assert {actor[:2] for actor in strangers} == {"p-"}
    assert {"cleo"} <= who(office, "changed")
    assert {"cleo", "ann", "bob"} <= who(office, "commented")

    journal.forget(office.engine.store, "cleo", at=office.clock.now(), actor=Someone("dpo"))
    assert FORGOTTEN in who(office, "changed") & who(office, "commented")
    assert "cleo" not in who(office, "changed") | who(office, "commented")
    assert journal.verify(office.engine.store).count == len(hashed(office))
    office.close()


def test_two_tools_and_an_account_that_say_the_same_name_are_three_persons(tmp_path):
    office = Office(tmp_path, "memory", "second")
    office.fire(1)
    office.settle()
    for name in ("memory", "second"):
        tool = office.tools[name]
        tool.comment(tool.rows()[0].ref, f"seen in {name}", Audience.STAFF, author="ann")
    office.settle()
    ann = of_account("ann", "db1")
    with office.engine.store.write() as tx:
        comments.write(tx, office.engine, IncidentId(1), ann, "seen here", Audience.STAFF)
        commit.edit(tx, office.engine, IncidentId(1), {"team": "network"}, actor=ann, reason=Reason.EDITED)
    with office.engine.store.read() as connection:
        told = explain.history(connection, IncidentId(1))
    persons = {entry["person"] for entry in told if entry["actor"] == "ann"}
    assert len(persons) == 3
    assert len({entry["person"] for entry in told if entry["actor"] == "ann" and entry["connection"] is None}) == 1
    office.close()


def test_two_tools_editors_of_one_name_are_two_persons(tmp_path):
    world = World(tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    for name in ("left", "right"):
        editor = commit._editor(world.lanes[name].here, edited_by("ann"))
        with world.engine.store.write() as tx:
            tx.journal(journal.Entry(world.clock.now(), "changed", 1, name, editor, "", {"changes": {}}))
    with world.engine.store.read() as connection:
        told = explain.history(connection, IncidentId(1))
    assert len({entry["person"] for entry in told if entry["actor"] == "ann"}) == 2
    world.engine.store.close()


def edited_by(name: str) -> Any:
    return SimpleNamespace(reading=SimpleNamespace(annotations={"editor": name}))

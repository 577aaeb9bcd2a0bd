"""Looking up: by any ticket's key, by words; what is gone is said, and history tells of fields."""

import json
from pathlib import Path

import pytest
from tests.cli.test_commands import run
from tests.sync.world import World

from tieline.sync import explain

LEFT, RIGHT = "left", "right"


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """The keys of the first of two incidents in two tools; its right copy was deleted over there."""
    world = World(tmp_path)
    world.tools[LEFT].make({"title": "Disk full", "status": "new", "team": None})
    world.settle()
    world.tools[LEFT].make({"title": "Slow checkout", "status": "on_hold"})
    world.edit(LEFT, title="Disk is full")
    world.settle()
    ref = world.copy(RIGHT).ref
    assert ref is not None
    world.tools[RIGHT].delete(ref)
    world.edit(LEFT, severity="low")
    world.settle()
    keys = {name: world.copy(name).key for name in (LEFT, RIGHT)}
    world.engine.store.close()
    world.engine.registry.close()
    return keys


@pytest.mark.parametrize("command", [("incidents",), ("why", "title"), ("history",)], ids=lambda words: words[0])
def test_an_incident_is_found_by_the_key_of_any_of_its_tickets(tmp_path, keys, command):
    name, *more = command
    by_number = run(name, "INC-1", *more, "--json", workspace=tmp_path)
    assert by_number[0] == 0
    assert run(name, keys[LEFT].lower(), *more, "--json", workspace=tmp_path) == by_number
    assert run(name, keys[RIGHT], *more, "--json", workspace=tmp_path) == by_number
    assert run(name, "OPS-404", *more, workspace=tmp_path)[0] == 5


def _found(tmp_path, *filters):
    return [one["incident"] for one in json.loads(run("incidents", *filters, "--json", workspace=tmp_path)[1])["items"]]


def test_incidents_are_searched_and_filtered(tmp_path, keys):
    assert _found(tmp_path) == ["INC-2", "INC-1"]
    assert _found(tmp_path, "--search", "DISK") == ["INC-1"]
    assert _found(tmp_path, "--search", keys[RIGHT]) == ["INC-1"]
    assert _found(tmp_path, "--search", "%") == []
    assert _found(tmp_path, "--status", "on_hold", "--connection", RIGHT) == ["INC-2"]
    code, output = run("incidents", "--search", "nothing like it", workspace=tmp_path)
    assert (code, output) == (0, "no incident is like that\n")
    assert run("incidents", "--connection", "nowhere", workspace=tmp_path)[0] == 5


def test_a_deleted_ticket_is_shown_as_gone(tmp_path, keys):
    gone = f"{keys[RIGHT]} (gone)"
    assert gone in run("incidents", workspace=tmp_path)[1]
    assert gone in " ".join(run("incidents", "INC-1", workspace=tmp_path)[1].split())
    assert "gone" in run("why", "INC-1", "title", workspace=tmp_path)[1]
    assert json.loads(run("status", "--json", workspace=tmp_path)[1])["copies_gone"] == 1


@pytest.mark.usefixtures("keys")
def test_history_says_which_field_from_what_to_what(tmp_path):
    entries = json.loads(run("history", "INC-1", "--json", workspace=tmp_path)[1])["items"]
    told = [(one["field"], one["from"], one["to"]) for entry in entries for one in entry["changes"]]
    assert ("title", "Disk full", "Disk is full") in told
    (opened,) = (entry for entry in entries if entry["kind"] == "opened")
    assert {one["field"] for one in opened["changes"]} == {"title", "status"} < set(opened["facts"]["fields"])
    _code, output = run("history", "INC-1", workspace=tmp_path)
    head = output.splitlines()
    assert any({"field", "from", "to"} <= set(line.split()) for line in head[:4])


def test_why_says_of_a_copy_that_cannot_be_emptied_that_it_cannot(tmp_path):
    world = World(tmp_path)
    world.tools[LEFT].make({"title": "Disk full", "status": "new", "severity": "low"})
    world.settle()
    assert run("edit", "INC-1", "severity=", workspace=tmp_path)[0] == 0
    world.settle()
    told = json.loads(run("why", "INC-1", "severity", "--json", workspace=tmp_path)[1])
    assert told["value"] is None
    sentence = "severity: this tool does not let it be empty."
    assert [(one["shows"], one["held"]) for one in told["copies"].values()] == [("low", sentence)] * 2


def test_why_says_of_a_copy_that_was_deleted_when_it_is_tried_again_and_then_that_it_is_gone(tmp_path):
    world = World(tmp_path)
    world.tools[LEFT].make({"title": "Disk full", "status": "new"})
    world.settle()
    world.tools[RIGHT].delete(str(world.copy(RIGHT).ref))
    world.edit(LEFT, severity="low")
    said = []
    for _ in range(40):
        world.clock.advance(2)
        for name in (LEFT, RIGHT):
            while world.step(name):
                pass
        with world.engine.store.read() as connection:
            found = explain.why(connection, world.incident(), "severity")
        said.append(found.copies[RIGHT]["waits"])
    told = list(dict.fromkeys(one.partition(";")[0] for one in said))
    assert told == [
        "",
        "it is not written yet, after one try",
        "it is not written yet, after 2 tries",
        "it is not written yet, after 3 tries",
        "right: read: there is no record '1'. The incident and its other copies stay as they are.",
    ]
    assert sum("not written yet" in one for one in said) <= 20, "it takes some half a minute"
    assert "there is no record '1'" in run("why", "INC-1", "severity", workspace=tmp_path)[1]

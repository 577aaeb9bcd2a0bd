"""What is restricted is not there for whoever may not read it, wherever they look; who reads it is journalled."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import insert, select
from tests.cli.acting import Machine, machine, prepared

from tieline.core.store import tables as t
from tieline.core.store.store import Store

__all__ = ["machine", "prepared"]

LOOKS = (
    ("status",),
    ("incidents",),
    ("incidents", "--search", "e"),
    ("incidents", "--connection", "snow"),
    ("conflicts",),
    ("parked",),
    ("doubts",),
    ("access", "why", "daemon", "incident.read"),
    ("audit", "verify"),
)
NUMBERS = (1, 2, 3)


def restricted(machine: Machine, number: int) -> str:
    """Restrict an incident, as one of security. Answers its label."""
    machine.grant("bin", "security")
    machine.log_in("bin")
    label = str(machine.read("restrict", f"INC-{number}", "--reason", "an insider")["incident"])
    machine.log_in("daemon")
    assert label.startswith("RES-")
    return label


def ways_to(machine: Machine, number: int) -> list[str]:
    """Everything by which somebody may look the incident up: what it says must stand nowhere."""
    with Store.open(f"sqlite:///{machine.folder}/world.db") as store, store.read() as connection:
        rows = connection.execute(select(t.replica).where(t.replica.c.incident_id == number)).all()
        keys = {word for row in rows for word in (row.key, row.ref, row.url) if word}
        others = connection.execute(select(t.replica.c.key).where(t.replica.c.incident_id != number)).scalars()
        taken = set(others)
    return [f"INC-{number}", str(number), *sorted(keys - taken)]


@pytest.mark.parametrize("number", NUMBERS)
def test_an_outsider_finds_nothing_of_it_anywhere(number: int, machine: Machine) -> None:
    title = machine.read("incidents", f"INC-{number}")["items"][0]["fields"]["title"]
    label = restricted(machine, number)
    words = {f"INC-{number}", label, title}
    for look in LOOKS:
        for shape in ((), ("--json",)):
            _code, told = machine.run(*look, *shape)
            found = {word for word in words if word in told or orjson.dumps(word).decode()[1:-1] in told}
            assert not found, f"{look}: {told}"


@pytest.mark.parametrize("number", NUMBERS)
def test_looking_it_up_answers_as_for_one_that_does_not_exist(number: int, machine: Machine) -> None:
    label = restricted(machine, number)
    commands: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        (("incidents",), ()),
        (("why",), ("title",)),
        (("history",), ()),
        (("people", "show"), ()),
        (("people", "add"), ("bin",)),
        (("edit",), ("title=x",)),
        (("comment",), ("x",)),
        (("conflicts", "settle"), ("severity", "jira-ops", "--take", "ours")),
        (("restrict",), ("--reason", "x")),
        (("unrestrict",), ("--reason", "x")),
        (("access", "why", "daemon", "incident.edit"), ()),
    ]
    machine.grant("daemon", "commander")
    before = machine.rows()
    for way in (*ways_to(machine, number), label):
        for shape in ((), ("--json",)):
            for head, tail in commands:
                code, told = machine.run(*head, way, *tail, *shape)
                never = machine.run(*head, "OPS-404", *tail, *shape)
                assert (code, told.replace(repr(way), "'OPS-404'")) == never
                assert code == 5
    assert machine.rows() == before


def test_the_figures_are_those_without_it(machine: Machine) -> None:
    before = machine.read("status")
    assert before.pop("counted_over") == "everything, as far as it is not restricted"
    restricted(machine, 2)
    after = machine.read("status")
    assert (before["incidents_open"], after["incidents_open"]) == (3, 2)
    assert (before["parked"], after["parked"]) == (2, 1)
    assert (before["conflicts"], after["conflicts"]) == (1, 1)
    machine.log_in("bin")
    inside = machine.read("status")
    assert inside.pop("counted_over") == "everything"
    assert inside == before


def test_the_copy_that_is_gone_and_the_conflict_are_counted_only_for_insiders(machine: Machine) -> None:
    restricted(machine, 3)
    restricted(machine, 1)
    after = machine.read("status")
    assert (after["incidents_open"], after["copies_gone"], after["conflicts"], after["parked"]) == (1, 0, 0, 1)
    assert machine.run("conflicts") == (0, "no conflicts: nothing waits for a person\n")


def test_what_is_parked_of_it_is_not_parked_for_an_outsider(machine: Machine) -> None:
    restricted(machine, 2)
    machine.grant("daemon", "responder")
    never = machine.run("parked", "retry", "copy", "999")
    assert machine.run("parked", "retry", "copy", "4") == (5, never[1].replace("999", "4"))
    assert [one["id"] for one in machine.read("parked")["items"]] == [2]
    machine.log_in("bin")
    assert machine.run("parked", "retry", "copy", "4")[0] == 0


def test_who_may_not_let_it_try_again_learns_nothing_of_whether_it_is_parked(machine: Machine) -> None:
    restricted(machine, 2)
    machine.grant("daemon", "viewer")
    never = machine.run("parked", "retry", "copy", "999")
    assert "may not let what is parked try again" in never[1]
    assert machine.run("parked", "retry", "copy", "4") == never


def test_what_was_let_try_again_under_a_key_is_answered_the_same(machine: Machine) -> None:
    machine.grant("daemon", "responder")
    assert machine.run("parked", "retry", "copy", "4", "--key", "k")[0] == 0
    assert machine.run("parked", "retry", "copy", "4", "--key", "k")[1].splitlines()[-1] == "copy 4 tries again"


def test_whoever_may_read_it_finds_it_by_its_label_its_number_and_its_key(machine: Machine) -> None:
    label = restricted(machine, 2)
    machine.log_in("bin")
    for way in (*ways_to(machine, 2), label, label.lower()):
        (found,) = machine.read("incidents", way)["items"]
        assert found["incident"] == label
    assert label in machine.run("incidents")[1]
    assert "INC-2" not in machine.run("incidents")[1]
    assert machine.run("edit", label, "title=Quietly")[1].startswith(f"{label} changed")
    assert machine.read("why", label, "title")["value"] == "Quietly"


def test_reading_it_is_journalled_once_a_minute_for_each_reader(machine: Machine) -> None:
    label = restricted(machine, 2)
    machine.log_in("bin")
    for look in (("incidents", label), ("why", label, "title"), ("history", label), ("incidents",), ("parked",)):
        machine.run(*look)
    machine.grant("daemon", "legal")
    machine.log_in("daemon")
    machine.run("incidents")
    machine.run("incidents", "INC-1")
    told: list[Any] = machine.journal("restricted_read")
    assert told == [
        ("restricted_read", "bin", 2, {"act": "incidents"}),
        ("restricted_read", "daemon", 2, {"act": "incidents"}),
    ]


def test_the_owner_of_the_file_reads_it_only_with_a_role(machine: Machine) -> None:
    restricted(machine, 2)
    with machine.owner():
        assert machine.run("incidents", "INC-2")[0] == 5
        assert machine.run("access", "grant", "daemon", "security")[0] == 0
        assert machine.run("incidents", "INC-2")[0] == 0
    assert [(who, facts["role"]) for _kind, who, _incident, facts in machine.journal("granted")] == [
        ("daemon", "security"),
        ("daemon", "security"),
    ]


def test_security_of_one_team_reads_what_is_that_team_s(machine: Machine) -> None:
    with machine.owner():
        assert machine.run("edit", "INC-2", "team=storage")[0] == 0
    label = restricted(machine, 2)
    machine.grant("daemon", "security", "--scope", "team:network")
    assert machine.run("incidents", label)[0] == 5
    machine.grant("daemon", "security", "--scope", "team:storage")
    assert machine.run("incidents", label)[0] == 0


def test_it_is_there_again_for_everybody_under_its_number(machine: Machine) -> None:
    label = restricted(machine, 2)
    machine.log_in("bin")
    assert machine.run("restrict", label, "--reason", "again")[:2] == (1, "it is restricted already\n")
    assert machine.run("unrestrict", label, "--reason", "over")[0] == 0
    assert machine.run("unrestrict", "INC-2", "--reason", "over")[:2] == (1, "it is not restricted\n")
    machine.log_in("daemon")
    assert machine.run("incidents", "INC-2")[0] == 0
    assert machine.run("incidents", label)[0] == 5
    kinds = [(kind, who, incident) for kind, who, incident, _facts in machine.journal("restricted", "unrestricted")]
    assert kinds == [("restricted", "bin", 2), ("unrestricted", "bin", 2)]
    assert machine.journal("restricted")[0][3] == {"reason": "an insider", "label": label}


def test_no_figure_counts_that_something_was_restricted(machine: Machine) -> None:
    label = restricted(machine, 2)
    machine.log_in("bin")
    assert machine.run("edit", label, "title=Quietly")[0] == 0
    assert machine.run("unrestrict", label, "--reason", "over")[0] == 0
    with Store.open(f"sqlite:///{machine.folder}/world.db") as store, store.read() as connection:
        told = select(t.journal.c.reason).join(t.unheard, t.unheard.c.seq == t.journal.c.seq)
        assert {*connection.execute(told).scalars()} == {"access grant", "edit", "edited"}
    done = [(who, incident, facts["act"]) for _kind, who, incident, facts in machine.journal("acted")]
    assert done[-3:] == [("bin", 2, "restrict"), ("bin", 2, "edit"), ("bin", 2, "unrestrict")]


def test_labels_do_not_count(machine: Machine) -> None:
    labels = [restricted(machine, number) for number in NUMBERS]
    assert len(set(labels)) == len(labels)
    assert not any(char.isdigit() for label in labels for char in label)


def firing(machine: Machine, count: int) -> None:
    """So many of the alerts that are doubted belong to INC-2."""
    with Store.open(f"sqlite:///{machine.folder}/world.db") as store, store.write() as tx:
        for number in range(count):
            row = {
                "connection": "snow",
                "episode": f"episode-{number}",
                "incident_id": 2,
                "group_key": "",
                "version": "",
            }
            signal = {**row, "firing": True, "fields": {}, "labels": {}, "judged": {}, "seen_at": machine.clock.now()}
            tx.execute(insert(t.signal), signal)


def test_a_doubt_that_is_only_about_it_is_none_for_an_outsider(machine: Machine) -> None:
    firing(machine, 17)
    label = restricted(machine, 2)
    machine.grant("daemon", "responder")
    assert machine.run("doubts") == (0, "no ends are doubted: every source is believed\n")
    never = machine.run("doubts", "confirm", "jira-ops")
    assert machine.run("doubts", "confirm", "snow") == (5, never[1].replace("jira-ops", "snow"))
    assert machine.read("status")["ends_doubted"] == 0
    machine.log_in("bin")
    assert [one["missing"] for one in machine.read("doubts")["items"]] == [17]
    code, told = machine.run("doubts", "confirm", "snow")
    assert (code, told.startswith("17 alerts of snow count as ended")) == (0, True)
    assert label not in told


def test_an_outsider_confirms_what_they_see_and_no_more(machine: Machine) -> None:
    firing(machine, 15)
    restricted(machine, 2)
    machine.grant("daemon", "responder")
    assert machine.run("doubts", "confirm", "snow")[1].startswith("2 alerts of snow count as ended")
    (seen,) = machine.read("doubts")["items"]
    machine.log_in("bin")
    (whole,) = machine.read("doubts")["items"]
    assert (seen["missing"], seen["confirmed"], whole["missing"], whole["confirmed"]) == (2, True, 17, False)

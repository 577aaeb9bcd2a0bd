"""A field that a tool cannot be told costs that field: it is held and said, and the record is made and kept all the
same. Each through the shipped adapters and their simulators, which are as strict as the tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sync.office import Office

from tieline.core.model import ConnectionName, Fields
from tieline.sync import explain
from tieline.sync.daemon.lane import LaneState
from tieline.sync.fit import fitting
from tieline.sync.fit.preflight import left_out, preflight, unseen
from tieline.sync.records import Held, ReplicaState
from tieline.sync.road import commit, copy_states
from tieline.sync.road.merge import Reason

LONG = "/kubepods.slice/" + "x" * 290


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(*tools: str) -> Office:
        made.append(Office(tmp_path, *tools))
        return made[-1]

    yield make
    for one in made:
        one.close()


def edit(office: Office, fields: Fields) -> None:
    with office.engine.store.write() as tx:
        commit.edit(tx, office.engine, office.incident().id, fields, actor="ann@example.com", reason=Reason.EDITED)


def parked(office: Office) -> list[explain.Parked]:
    with office.engine.store.read() as connection:
        return explain.parked(connection)


def shown(office: Office, tool: str) -> dict[str, Any]:
    """The record as the tool has it."""
    ref = office.copy(tool).ref
    double = office.tools[tool]
    if tool == "pagerduty":
        return dict(double.control("get", {"id": ref}))
    if tool == "servicenow":
        return dict(double.control("get", {"record": ref}))
    return dict(double.control("get", {"ref": ref})["fields"])


def off_the_screens(office: Office, *names: str) -> None:
    site = office.tools["jira"].site
    for screen in (site.create_screen, site.edit_screen):
        for name in names:
            screen.pop(name, None)


def no_priorities(office: Office) -> None:
    office.tools["pagerduty"].rest.has_priorities = False


def other_names(office: Office) -> None:
    office.tools["pagerduty"].account.priorities = {"PA": "Sehr hoch", "PB": "Hoch"}


def renamed(office: Office) -> None:
    office.tools["jira"].site.priorities = {"1": "Blocker", "3": "Low"}


UNFIT = [
    pytest.param("pagerduty", no_priorities, "priority", "priority.summary cannot be written", id="no priorities"),
    pytest.param("pagerduty", other_names, "priority", "is only Sehr hoch, Hoch", id="priorities of other names"),
    pytest.param("jira", renamed, "priority", "is only Blocker, Low", id="another scheme"),
    pytest.param("jira", lambda one: off_the_screens(one, "labels"), "tags", "create and edit screens", id="no labels"),
    pytest.param("jira", lambda one: off_the_screens(one, "priority"), "priority", "edit screens", id="no priority"),
]


@pytest.mark.parametrize(("tool", "strict", "field", "words"), UNFIT)
@pytest.mark.parametrize("known", [True, False], ids=["known before", "found out by a refusal"])
def test_the_record_is_made_and_updated_without_the_field(
    office: Callable[..., Office], tool: str, strict: Callable[[Office], None], field: str, words: str, known: bool
) -> None:
    here = office(tool)
    if known:
        strict(here)
    here.settle(1)
    if not known:
        strict(here)
    here.fire()
    here.settle(3)
    copy = here.copy(tool)
    assert copy.state is ReplicaState.LINKED
    assert parked(here) == []
    hold = copy.holds[field]
    assert hold.kind is Held.UNWRITABLE
    if known:
        assert words in hold.words
    edit(here, {"title": "Disk 1 is full"})
    here.settle(3)
    assert here.copy(tool).observed["title"] == "Disk 1 is full"
    assert here.copy(tool).holds[field].kind is Held.UNWRITABLE


@pytest.mark.parametrize(("tool", "strict", "field", "words"), UNFIT)
def test_check_says_what_the_road_leaves_out(
    office: Callable[..., Office], tool: str, strict: Callable[[Office], None], field: str, words: str
) -> None:
    here = office(tool)
    strict(here)
    connected = here.lanes[ConnectionName(tool)].here
    fitting.ask(connected, here.clock.monotonic())
    said = left_out(connected)
    assert any(words in one and "The rest is written." in one for one in said)
    here.fire()
    here.settle(3)
    hold = here.copy(tool).holds[field]
    assert any(one.startswith(hold.words) for one in said)


def test_a_column_that_is_not_shown_is_said_and_empties_nothing(office: Callable[..., Office]) -> None:
    here = office("servicenow")
    here.fire()
    here.settle(3)
    edit(here, {"category": "network"})
    here.settle(3)
    here.tools["servicenow"].unshown = {"category"}
    connected = here.lanes[ConnectionName("servicenow")].here
    assert preflight(connected, here.clock.monotonic()) == ""
    (said,) = unseen(connected)
    assert "category is mapped to 'category', which servicenow does not show to this account" in said
    edit(here, {"title": "Disk 1 is full"})
    here.settle(3)
    assert here.incident().fields["category"] == "network"
    assert here.lanes[ConnectionName("servicenow")].state is LaneState.WORKING


def test_a_priority_that_is_added_there_is_written_by_itself(office: Callable[..., Office]) -> None:
    here = office("pagerduty")
    no_priorities(here)
    here.fire()
    here.settle(3)
    assert shown(here, "pagerduty")["priority"] is None
    here.tools["pagerduty"].rest.has_priorities = True
    here.settle(32)
    assert here.copy("pagerduty").holds == {}
    assert shown(here, "pagerduty")["priority"]["summary"] == str(here.incident().fields["priority"]).upper()


def test_a_label_too_long_is_cut_and_the_others_go(office: Callable[..., Office]) -> None:
    here = office("jira")
    here.alerts.fire({"alertname": "Down", "severity": "critical", "service": "x", "id": LONG}, {"summary": "Down"})
    here.settle(3)
    labels = shown(here, "jira")["labels"]
    assert "alertname=Down" in labels
    assert [len(one) for one in labels if one.startswith("id=/kubepods")] == [255]
    assert here.copy("jira").holds == {}
    assert parked(here) == []


def test_an_untouched_label_that_was_cut_is_the_whole_one_in_the_incident(office: Callable[..., Office]) -> None:
    """Somebody adds a label in Jira: the one that does not fit there is not taken for removed, nor for shortened."""
    here = office("jira")
    here.alerts.fire({"alertname": "Down", "severity": "critical", "service": "x", "id": LONG}, {"summary": "Down"})
    here.settle(3)
    ref = here.copy("jira").ref
    labels = [*shown(here, "jira")["labels"], "added"]
    here.tools["jira"].control("edit", {"ref": ref, "fields": {"labels": labels}})
    here.settle(3)
    tags = here.incident().fields["tags"]
    assert isinstance(tags, tuple)
    assert f"id={LONG}" in tags
    assert "added" in tags
    assert not [tag for tag in tags if tag.startswith("id=") and tag != f"id={LONG}"]


def test_a_field_that_is_required_there_and_cannot_be_given_parks_the_copy_in_the_tools_words(
    office: Callable[..., Office],
) -> None:
    here = office("servicenow")
    here.tools["servicenow"].mandatory = {"cmdb_ci"}
    here.fire()
    here.settle(3)
    (aside,) = parked(here)
    assert "The following fields are mandatory: Configuration item" in aside.sentence


def test_a_move_that_demands_what_nobody_can_give_holds_the_status_and_the_rest_goes_on(
    office: Callable[..., Office],
) -> None:
    here = office("servicenow")
    here.fire()
    here.settle(3)
    here.tools["servicenow"].mandatory = {"cmdb_ci"}
    edit(here, {"status": "in_progress"})
    here.settle(3)
    assert here.copy("servicenow").holds["status"].kind is Held.UNWRITABLE
    here.tools["servicenow"].mandatory = set()
    edit(here, {"title": "Disk 1 is full"})
    here.settle(3)
    assert shown(here, "servicenow")["short_description"] == "Disk 1 is full"
    assert parked(here) == []


def test_a_column_that_a_policy_locks_is_held_and_the_others_are_written_at_once(
    office: Callable[..., Office],
) -> None:
    here = office("servicenow")
    here.fire()
    here.settle(3)
    here.tools["servicenow"].locked = {"severity"}
    edit(here, {"title": "Disk 1 is full", "severity": "low"})
    here.settle(1)
    assert shown(here, "servicenow")["short_description"] == "Disk 1 is full"
    hold = here.copy("servicenow").holds["severity"]
    assert (hold.kind, hold.tries) == (Held.UNWRITABLE, 1)
    assert "read only" in hold.words


def test_a_held_field_is_tried_again_when_the_incident_says_something_else(office: Callable[..., Office]) -> None:
    here = office("jira")
    renamed(here)
    here.settle(1)
    here.fire()
    here.settle(3)
    here.tools["jira"].site.priorities["2"] = "High"
    edit(here, {"priority": "p2"})
    here.settle(2)
    assert here.copy("jira").holds["priority"].ours == "p2"
    # Nobody has asked the site since; the next look does.
    here.settle(32)
    assert here.copy("jira").holds == {}
    assert shown(here, "jira")["priority"]["name"] == "High"


def test_a_held_field_that_no_fact_speaks_against_is_tried_slowly_by_itself_and_counted(
    office: Callable[..., Office],
) -> None:
    here = office("servicenow")
    here.fire()
    here.settle(3)
    here.tools["servicenow"].locked = {"severity"}
    edit(here, {"severity": "low"})
    here.settle(2)
    before = len(here.writes())
    here.settle(20)
    assert len(here.writes()) == before
    here.clock.advance(fitting.SLOWLY.total_seconds())
    here.settle(2)
    assert here.copy("servicenow").holds["severity"].tries == 2
    here.tools["servicenow"].locked = set()
    here.clock.advance(fitting.SLOWLY.total_seconds())
    here.settle(2)
    assert here.copy("servicenow").holds == {}
    assert shown(here, "servicenow")["severity"] == "3"


def test_held_fields_stand_in_conflicts_and_why_and_status(office: Callable[..., Office]) -> None:
    here = office("pagerduty")
    no_priorities(here)
    here.fire()
    here.settle(3)
    with here.engine.store.read() as connection:
        (conflict,) = explain.conflicts(connection)
        why = explain.why(connection, here.incident(), "priority")
        status = explain.status(connection, here.clock.now())
    assert (conflict.field, conflict.hold.kind) == ("priority", Held.UNWRITABLE)
    assert "cannot be written" in why.copies["pagerduty"]["held"]
    (held,) = status["connections"]["pagerduty"]["held"]
    assert held["field"] == "priority"
    assert held["copies"] == 1
    assert "cannot be written" in held["sentence"]


def test_a_persons_change_over_there_of_a_held_field_is_taken_in(office: Callable[..., Office]) -> None:
    here = office("jira", "memory")
    renamed(here)
    here.tools["jira"].site.priorities["2"] = "High"
    here.settle(1)
    here.fire()
    here.settle(3)
    here.tools["jira"].control("edit", {"ref": here.copy("jira").ref, "fields": {"priority": {"name": "High"}}})
    here.settle(3)
    assert here.incident().fields["priority"] == "p2"


def test_a_word_of_a_translated_scheme_that_nobody_mapped_is_told_as_that_and_parks_nothing(
    office: Callable[..., Office],
) -> None:
    here = office("jira")
    here.tools["jira"].site.priorities = {"1": "Höchste", "3": "Mittel"}
    here.fire()
    here.settle(3)
    assert here.copy("jira").state is ReplicaState.LINKED
    assert here.copy("jira").holds["priority"].kind is Held.UNMAPPED
    assert "'Mittel'" in here.copy("jira").holds["priority"].words
    edit(here, {"title": "Disk 1 is full"})
    here.settle(3)
    assert here.copy("jira").observed["title"] == "Disk 1 is full"


def test_a_move_that_is_refused_when_the_fields_are_written_holds_the_status_alone(
    office: Callable[..., Office],
) -> None:
    """Half of the update is done. It is nobody's edit when the tool shows it, and the other half is not forgotten."""
    here = office("jira", "servicenow")
    here.fire()
    here.settle(3)
    title, status = here.incident().fields["title"], shown(here, "jira")["status"]["name"]
    words = {"errorMessages": ["A validator says no"], "errors": {}}
    here.tools["jira"].fail(400, method="POST", path="/transitions", body=words, times=99)
    edit(here, {"title": "Disk 1 is full", "status": "in_progress"})
    here.settle(1)
    hold = here.copy("jira").holds["status"]
    assert (hold.kind, hold.ours, hold.tries) == (Held.UNWRITABLE, "in_progress", 1)
    assert "A validator says no" in hold.words
    here.settle(3)
    assert (shown(here, "jira")["summary"], shown(here, "jira")["status"]["name"]) == ("Disk 1 is full", status)
    told = here.incident().fields
    assert (told["title"], told["status"]) == ("Disk 1 is full", "in_progress") != (title, "new")
    assert not here.copy("jira").ledger
    assert parked(here) == []
    here.tools["jira"].faults.clear()
    edit(here, {"status": "on_hold"})
    here.settle(3)
    assert "status" not in here.copy("jira").holds
    assert shown(here, "jira")["status"]["name"] == "In Progress"


def test_a_copy_that_lacked_what_is_required_there_is_made_when_that_changes(office: Callable[..., Office]) -> None:
    """Nobody has to look for it: the tool says that its fields have changed, and the journal says why it was tried."""
    here = office("jira")
    here.tools["jira"].site.required_at_creation = {"customfield_10050"}
    here.fire()
    here.settle(3)
    (aside,) = parked(here)
    assert "is required" in aside.sentence
    tries = len([one for one in here.writes() if one.startswith("POST") and one.endswith("/issue")])
    here.settle(32)
    assert parked(here) == [aside]
    assert len([one for one in here.writes() if one.startswith("POST") and one.endswith("/issue")]) == tries
    here.tools["jira"].site.required_at_creation = set()
    here.settle(32)
    assert parked(here) == []
    assert here.copy("jira").state is ReplicaState.LINKED
    (told,) = [one for one in here.history() if one["kind"] == "resumed"]
    assert "its fields" in told["facts"]["sentence"]


def test_a_copy_that_was_put_aside_for_something_else_waits_for_a_person(office: Callable[..., Office]) -> None:
    here = office("jira")
    here.fire()
    here.settle(3)
    copy_states.park(here.engine, here.copy("jira").id, "somebody is to look at it")
    here.tools["jira"].site.required_at_creation = {"customfield_10050"}
    here.settle(32)
    (aside,) = parked(here)
    assert aside.sentence == "somebody is to look at it"


def test_a_reload_tries_again_what_was_refused_for_lack_of_a_field(office: Callable[..., Office]) -> None:
    """The mapping may know it by now. ServiceNow's data policies show in no description of its fields."""
    here = office("servicenow")
    here.tools["servicenow"].mandatory = {"cmdb_ci"}
    here.fire()
    here.settle(3)
    assert len(parked(here)) == 1
    here.tools["servicenow"].mandatory = set()
    here.restart()
    here.settle(2)
    assert parked(here) == []
    assert here.copy("servicenow").state is ReplicaState.LINKED

"""What a tool does by itself was typed by nobody: it becomes that copy's base, is held, and never travels."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.sync.test_road import opened

from tieline.adapters.memory.adapter import MemoryAdapter
from tieline.adapters.memory.faults import Fault
from tieline.core.model import ConnectionName
from tieline.sync import explain, loading
from tieline.sync.daemon import lane
from tieline.sync.fit import fitting
from tieline.sync.records import Held, Hold


def _told(both: Any, kind: str) -> list[dict[str, Any]]:
    with both.engine.store.read() as connection:
        return [entry["facts"] for entry in explain.history(connection, both.incident().id) if entry["kind"] == kind]


# -- at the birth of a record ----------------------------------------------------------------------------------------


def test_a_default_that_a_new_record_gets_stays_in_that_tool(world):
    both = world()
    both.tools["right"].defaults = {"priority": "p5", "category": "inquiry"}
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    assert both.shows("right", "priority", "category") == ("p5", "inquiry")
    assert both.shows("left", "priority", "category") == (None, None)
    assert "priority" not in both.incident().fields or both.incident().fields["priority"] is None


@pytest.mark.parametrize("asked_for", [lane._HELD, fitting._HELD], ids=["at a start", "now and then"])
@pytest.mark.parametrize("kind", Held)
def test_only_what_waits_for_a_person_is_tried_again(world, asked_for, kind):
    both = world()
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    copy = both.copy("right")
    with both.engine.store.write() as tx:
        hold = Hold(kind, None, "p5", both.clock.now(), "the desk sets it")
        loading.save_replica(tx, replace(copy, holds={"priority": hold}))
    with both.engine.store.read() as connection:
        tried_again = connection.execute(asked_for, {"connection": "right"}).all()
    assert bool(tried_again) == (kind is not Held.DEFAULT)
    assert bool(both.conflicts()) == bool(tried_again)


def test_a_default_instead_of_what_was_sent_is_held_and_lowers_nobody_s_priority(world):
    both = world()
    both.tools["right"].ignored = frozenset({"priority"})
    both.tools["right"].defaults = {"priority": "p5"}
    both.tools["left"].make({"title": "Disk full", "status": "new", "priority": "p1"})
    both.settle()
    assert both.shows("left", "priority") == both.incident().fields["priority"] == "p1"
    hold = both.copy("right").holds["priority"]
    assert (hold.kind, hold.theirs, hold.tries) == (Held.ALTERED, "p5", 1)
    before = both.writes()
    both.settle(10)
    assert both.writes() == before


def test_two_tools_defaults_do_not_fight(world):
    three = world("left", "right", "third")
    three.tools["right"].defaults = {"priority": "p5"}
    three.tools["third"].defaults = {"priority": "p3"}
    three.tools["left"].make({"title": "Disk full", "status": "new"})
    three.settle()
    assert [three.shows(name, "priority") for name in three.tools] == [None, "p5", "p3"]
    assert three.conflicts() == []
    three.edit("left", priority="p1")
    three.settle()
    assert [three.shows(name, "priority") for name in three.tools] == ["p1", "p1", "p1"]


def test_a_default_becomes_an_edit_when_somebody_changes_it(world):
    both = world()
    both.tools["right"].defaults = {"category": "inquiry"}
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    both.edit("right", category="network")
    both.settle()
    assert both.shows("left", "category") == "network"


def test_a_tag_that_a_tool_adds_stays_there_and_people_s_tags_travel(world):
    both = world()
    both.tools["right"].computes = lambda body: {"tags": sorted({*(body.get("tags") or []), "auto"})}
    both.tools["left"].make({"title": "Disk full", "status": "new", "tags": ["db"]})
    both.settle()
    assert both.incident().fields["tags"] == ("db",)
    both.edit("right", tags=["auto", "db", "night"])
    both.settle()
    assert both.incident().fields["tags"] == ("db", "night")
    assert both.shows("left", "tags") == ["db", "night"]


@pytest.mark.parametrize("found_by", ["search", "poll"])
def test_a_record_found_after_a_lost_answer_tells_its_defaults_from_edits(world, found_by):
    both = world()
    right = both.tools["right"]
    right.defaults = {"priority": "p5", "category": "inquiry"}
    both.settle(1)
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.clock.advance(31)
    both.step("left")
    both.step("left")
    right.faults.queue.append(Fault(after_effect=True, only_writes=True))
    while not right.rows():
        both.step("right")
    if found_by == "poll":
        right.lookup_lag = timedelta(minutes=5)
    right.edit(right.rows()[0].ref, category="network")
    both.settle(25)
    assert len(right.rows()) == 1
    assert both.shows("left", "priority", "category") == (None, "network")


# -- what becomes of a write -----------------------------------------------------------------------------------------


def test_a_text_that_a_tool_cuts_is_cut_nowhere_else(world):
    both = opened(world)
    both.tools["right"].cut = {"description": 12}
    both.edit("left", description="The log partition of db1 is full")
    both.settle()
    assert both.shows("right", "description") == "The log part"
    assert both.shows("left", "description") == "The log partition of db1 is full"
    assert both.copy("right").holds["description"].kind is Held.ALTERED


def test_a_value_that_a_tool_computes_from_ours_does_not_come_back(world):
    both = opened(world)
    both.edit("left", priority="p2", severity="high")
    both.settle()
    both.tools["right"].computes = lambda body: {"priority": "p4"} if body.get("severity") == "low" else {}
    both.edit("left", severity="low")
    both.settle()
    assert both.shows("right", "priority", "severity") == ("p4", "low")
    assert both.shows("left", "priority", "severity") == ("p2", "low")
    assert both.copy("right").holds["priority"].kind is Held.ALTERED


def test_what_a_person_s_edit_computes_there_travels_with_it(world):
    both = opened(world)
    both.tools["right"].computes = lambda body: {"priority": "p4"} if body.get("severity") == "low" else {}
    both.edit("right", severity="low")
    both.settle()
    assert both.shows("left", "priority", "severity") == ("p4", "low")


def test_a_write_that_was_altered_and_whose_answer_was_lost_is_no_edit(world):
    both = opened(world)
    both.tools["right"].cut = {"description": 12}
    both.tools["right"].faults.queue.append(Fault(after_effect=True, only_writes=True))
    both.edit("left", description="The log partition of db1 is full")
    both.settle()
    assert both.shows("left", "description") == "The log partition of db1 is full"
    hold = both.copy("right").holds["description"]
    # It was written once more, and the answer to that came: the tool still shows what it had made of it.
    assert (hold.kind, hold.theirs) == (Held.IGNORED, "The log part")


def test_a_write_that_got_halfway_before_its_answer_was_lost_is_finished(world):
    both = opened(world)
    right = both.tools["right"]
    right.cut = {"description": 12}
    right.faults.queue.append(Fault(after_effect=True, only_writes=True))
    both.edit("left", description="The log partition of db1 is full")
    both.clock.advance(31)
    while both.shows("right", "description") != "The log part":
        both.step("left")
        both.step("right")
    right.cut = {}
    both.settle()
    assert both.shows("right", "description") == "The log partition of db1 is full"
    assert both.conflicts() == []


def test_a_decision_stands_however_often_the_tool_ignores_it(world):
    both = opened(world)
    right = both.tools["right"]
    right.ignored = frozenset({"status"})
    both.edit("left", status="resolved")
    both.settle()
    for tries in (2, 3):
        both.settle_conflict("right", "status", theirs=False)
        both.settle()
        assert both.shows("left", "status") == both.incident().fields["status"] == "resolved"
        hold = both.copy("right").holds["status"]
        assert (hold.kind, hold.tries) == (Held.IGNORED, tries)
        assert f"tried {tries} times" in hold.sentence()
    right.ignored = frozenset()
    both.settle_conflict("right", "status", theirs=False)
    both.settle()
    assert both.shows("right", "status") == "resolved"
    assert both.conflicts() == []


def test_a_decision_whose_write_is_lost_on_the_way_stands_too(world):
    both = opened(world)
    right = both.tools["right"]
    right.ignored = frozenset({"status"})
    both.edit("left", status="resolved")
    both.settle()
    both.settle_conflict("right", "status", theirs=False)
    right.faults.queue.append(Fault(after_effect=True, only_writes=True))
    both.settle()
    assert both.shows("left", "status") == "resolved"
    assert both.copy("right").holds["status"].kind is Held.IGNORED


def test_an_ignored_field_is_tried_again_when_the_incident_says_something_else(world):
    both = opened(world)
    both.tools["right"].ignored = frozenset({"team"})
    both.edit("left", team="Storage")
    both.settle()
    both.tools["right"].ignored = frozenset()
    both.edit("left", team="Databases")
    both.settle()
    assert both.shows("right", "team") == "Databases"
    assert both.conflicts() == []


def test_an_edit_beside_an_ignored_write_is_taken_over(world):
    both = opened(world)
    both.tools["right"].ignored = frozenset({"team"})
    both.edit("left", team="Storage")
    both.settle()
    both.tools["right"].ignored = frozenset()
    both.edit("right", team="Databases")
    both.settle()
    assert both.shows("left", "team") == "Databases"
    assert both.conflicts() == []


def test_the_journal_calls_a_write_that_was_ignored_an_attempt(world):
    both = opened(world)
    both.tools["right"].ignored = frozenset({"team"})
    both.edit("left", team="Storage")
    both.settle()
    [attempt] = _told(both, "attempted")
    assert (attempt["fields"], attempt["left"]) == ({}, {"team": "Storage"})
    [held] = _told(both, "held")
    assert held["held"]["team"]["ours"] == "Storage"
    both.edit("left", team="Databases", title="Disk full on db1")
    both.settle()
    assert (_told(both, "written")[-1]["fields"], _told(both, "written")[-1]["left"]) == (
        {"title": "Disk full on db1"},
        {"team": "Databases"},
    )


# -- the tool's own clock --------------------------------------------------------------------------------------------


def test_a_status_that_the_tool_s_clock_took_back_sends_nobody_s_ticket_back(world):
    both = opened(world)
    both.tools["right"].time_out = timedelta(minutes=5)
    both.edit("left", status="in_progress")
    both.settle(3)
    assert both.shows("right", "status") == "in_progress"
    both.clock.advance(400)
    both.settle(3)
    assert both.shows("right", "status") == "new"
    assert both.shows("left", "status") == both.incident().fields["status"] == "in_progress"
    assert "by itself" in both.copy("right").holds["status"].words
    both.edit("right", status="in_progress")
    both.settle(3)
    assert both.conflicts() == []
    both.edit("left", status="resolved")
    both.settle(3)
    assert both.shows("right", "status") == "resolved"


def test_a_person_who_sends_it_back_is_believed(world):
    both = opened(world)
    both.tools["right"].time_out = timedelta(minutes=5)
    both.edit("left", status="in_progress")
    both.settle(2)
    both.edit("right", status="new")
    both.settle(3)
    assert both.shows("left", "status") == "new"


class OnlyASearchTells(MemoryAdapter):
    """A tool whose listings do not say how a record was born; only a search for it asks the history (ServiceNow)."""

    def changes(self, since):
        for page in super().changes(since):
            yield replace(page, readings=[replace(one, born=None) for one in page.readings])

    def read(self, ref):
        return replace(super().read(ref), born=None)


def test_what_somebody_edits_before_a_poll_brings_the_record_that_we_lost_sight_of_is_an_edit(world):
    both = world()
    right = both.tools["right"]
    right.defaults = {"category": "inquiry"}
    here = both.engine.connections[ConnectionName("right")]
    here.source = OnlyASearchTells(here.name, here.config.settings, here.source._workbench, right)
    both.settle(1)
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    right.faults.queue.append(Fault(after_effect=True, only_writes=True))
    both.clock.advance(31)
    while not right.rows():
        both.step("left")
        both.step("right")
    (made,) = right.rows()
    right.edit(made.ref, description="the /var volume", category="storage")
    both.settle()
    assert len(right.rows()) == 1
    assert both.shows("left", "description", "category") == ("the /var volume", "storage")


def test_where_nobody_can_tell_how_a_record_was_born_an_unknown_field_stays_unknown(world):
    both = world()
    right = both.tools["right"]
    right.defaults = {"category": "inquiry"}
    right.tells_birth = False
    both.settle(1)
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    right.faults.queue.append(Fault(after_effect=True, only_writes=True))
    both.settle(25)
    assert len(right.rows()) == 1
    assert both.shows("left", "category") is None

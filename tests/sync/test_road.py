"""What people see when one incident lives in several tools."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.sync.deciding import decide

from tieline.adapters.memory.adapter import MemoryAdapter
from tieline.adapters.memory.faults import Fault
from tieline.adapters.memory.tool import MemoryTool
from tieline.core.errors import NeedsOperator
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Version
from tieline.sync import explain
from tieline.sync.comments import comments, writing
from tieline.sync.records import ReplicaState


def opened(world, **options):
    """A world in which a person opened one incident on the left, and everybody has heard of it."""
    made = world(**options)
    made.tools["left"].make({"title": "Disk full", "status": "new"})
    made.settle()
    return made


def test_a_record_made_in_one_tool_gets_a_copy_in_the_other(world):
    both = opened(world)
    assert both.shows("right", "title", "status") == ("Disk full", "new")
    assert len(both.incidents()) == 1


def test_an_edit_on_either_side_reaches_the_other(world):
    both = opened(world)
    both.edit("right", status="in_progress")
    both.settle()
    assert both.shows("left", "status") == "in_progress"
    both.edit("left", title="Disk full on db1")
    both.settle()
    assert both.shows("right", "title") == "Disk full on db1"


def test_two_people_editing_different_fields_both_keep_their_edit(world):
    both = opened(world)
    both.edit("left", title="Disk full on db1")
    both.edit("right", status="in_progress")
    both.settle()
    assert both.shows("left", "title", "status") == both.shows("right", "title", "status")
    assert both.shows("left", "title", "status") == ("Disk full on db1", "in_progress")


def test_of_two_edits_of_one_field_the_later_stands_and_the_other_is_told(world):
    both = opened(world)
    both.edit("left", title="from the left")
    both.clock.advance(5)
    both.edit("right", title="from the right")
    both.settle()
    assert both.shows("left", "title") == both.shows("right", "title") == "from the right"
    with both.engine.store.read() as connection:
        found = explain.why(connection, both.incident(), "title")
    steps = found.steps
    assert any("from the left" in (step.before, step.after) for step in steps)


def test_a_cleared_field_is_cleared_everywhere(world):
    both = opened(world)
    both.edit("left", description="details")
    both.settle()
    assert both.shows("right", "description") == "details"
    both.edit("right", description=None)
    both.settle()
    assert not both.shows("left", "description")


def test_three_tools_agree(world):
    three = world("left", "right", "third")
    three.tools["left"].make({"title": "Disk full", "status": "new"})
    three.settle()
    three.edit("third", status="resolved", close_notes="cleaned up")
    three.settle()
    assert {three.shows(name, "status") for name in three.tools} == {"resolved"}


def test_nothing_is_written_when_nothing_happens(world):
    both = opened(world)
    before = both.writes()
    both.settle(40)
    assert both.writes() == before


def test_fifty_edits_in_a_burst_are_one_write(world):
    both = opened(world)
    before = both.writes()
    for number in range(50):
        both.edit("left", title=f"Disk full, take {number}")
    both.settle()
    assert both.shows("right", "title") == "Disk full, take 49"
    assert both.writes() == before + 50 + 1


def test_a_create_whose_answer_was_lost_makes_no_second_record(world):
    both = world()
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle()
    assert len(both.tools["right"].rows()) == 1
    assert both.copy("right").state is ReplicaState.LINKED


def test_a_create_whose_answer_was_lost_waits_out_the_search_lag(world):
    both = world()
    both.tools["right"].lookup_lag = timedelta(seconds=90)
    both.restart()
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle(12)
    assert len(both.tools["right"].rows()) == 1
    assert both.copy("right").state is ReplicaState.LINKED


def test_a_clock_that_is_set_ahead_ends_no_search_lag(world):
    both = world(options={"right": "poll_every: 12h"})  # only its search can tell of the record
    both.tools["right"].lookup_lag = timedelta(seconds=90)
    both.restart()
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle(2)  # looked for once, in vain
    both.clock.step(3 * 3600)
    both.tools["right"].skew = -timedelta(hours=3)  # only our clock was set
    both.settle(12)
    assert len(both.tools["right"].rows()) == 1
    assert both.copy("right").state is ReplicaState.LINKED


def test_an_edit_made_between_a_lost_create_and_its_adoption_is_kept(world):
    both = world()
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.tools["left"].make({"title": "Disk full", "status": "new"})
    both.settle(1)
    made = both.tools["right"].rows()[0]
    both.tools["right"].edit(made.ref, title="Disk full, says right")
    both.settle()
    assert both.shows("left", "title") == "Disk full, says right"


def test_an_update_whose_answer_was_lost_is_not_taken_for_a_persons_edit(world):
    both = opened(world)
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.edit("left", title="first")
    both.settle(1)
    both.edit("left", title="second")
    both.settle()
    assert both.shows("right", "title") == both.shows("left", "title") == "second"


def test_an_edit_made_just_before_our_write_is_not_overwritten_unseen(world):
    both = opened(world)
    ref = both.copy("right").ref
    both.tools["right"].faults.ambushes.append(lambda: both.tools["right"].edit(ref, status="in_progress"))
    both.edit("left", title="Disk full on db1")
    both.settle()
    assert both.shows("left", "title", "status") == ("Disk full on db1", "in_progress")
    assert both.shows("right", "title", "status") == ("Disk full on db1", "in_progress")


def test_a_crash_between_any_two_steps_loses_nothing(world):
    both = opened(world)
    both.edit("left", title="one")
    both.edit("right", status="in_progress")
    for _ in range(12):
        both.clock.advance(31)
        for name in both.lanes:
            both.step(name)
            both.restart()
    both.settle()
    assert both.shows("left", "title", "status") == both.shows("right", "title", "status") == ("one", "in_progress")


def test_a_deleted_copy_deletes_nothing_else(world):
    both = opened(world)
    ref = both.copy("right").ref
    both.tools["right"].delete(ref)
    both.edit("left", title="still here")
    both.settle()
    assert both.copy("right").state is ReplicaState.GONE
    assert both.shows("left", "title") == "still here"


def test_a_merged_copy_follows_to_the_record_that_took_its_place(world):
    both = opened(world)
    ref = both.copy("right").ref
    other = both.tools["right"].make({"title": "The same disk", "status": "resolved"})
    both.tools["right"].merge(ref, other.ref)
    both.settle()
    assert both.copy("right").ref == other.ref
    assert both.copy("right").state is ReplicaState.LINKED


def test_a_moved_record_is_still_the_same(world):
    both = opened(world)
    ref = both.copy("right").ref
    both.tools["right"].move(ref, "ELSE-7")
    both.settle()
    assert both.copy("right").key == "ELSE-7"
    both.edit("left", title="after the move")
    both.settle()
    assert both.shows("right", "title") == "after the move"


def test_a_rule_that_edits_after_our_write_ends_in_agreement(world):
    both = opened(world)
    both.tools["right"].workflow = lambda body: {"team": "Storage"} if "db" in body["title"] else {}
    both.edit("left", title="Disk full on db1")
    both.settle()
    assert both.shows("left", "team") == both.shows("right", "team") == "Storage"


def test_two_rules_that_fight_are_parked_with_the_values_they_saw(world):
    both = opened(world)
    both.tools["left"].workflow = lambda body: {"team": "A"}
    both.tools["right"].workflow = lambda body: {"team": "B"}
    both.edit("left", team="A")
    both.settle(60)
    before = both.writes()
    both.settle(20)
    assert both.writes() == before
    parked = both.parked()
    assert parked
    assert "team" in parked[0].sentence
    assert "'A'" in parked[0].sentence or "'B'" in parked[0].sentence


def test_a_field_that_the_tool_silently_ignores_is_held_and_the_rest_goes_on(world):
    both = opened(world)
    both.tools["right"].ignored = frozenset({"team"})
    both.edit("left", team="Storage", title="Disk full on db1")
    both.settle()
    assert both.shows("right", "title") == "Disk full on db1"
    assert [one.field for one in both.conflicts()] == ["team"]
    before = both.writes()
    both.settle(10)
    assert both.writes() == before


def test_refused_values_park_that_record_and_no_other(world):
    both = opened(world)
    both.tools["left"].make({"title": "Another", "status": "new"})
    both.settle()
    both.tools["right"].faults.queue.append(Fault(status=422, only_writes=True))
    both.edit("left", number=1, title="refused")
    both.edit("left", number=2, title="taken")
    both.settle()
    assert both.copy("right", 1).state is ReplicaState.PARKED
    assert both.copy("right", 1).parked.startswith("right: "), "what kind of error it was here is no word of the tool's"
    assert both.shows("right", "title", number=2) == "taken"
    both.edit("left", number=1, title="better")
    both.settle()
    assert both.shows("right", "title", number=1) == "better"


def test_a_stopped_connection_keeps_its_work_and_heals_by_itself(world):
    both = opened(world)
    both.tools["right"].faults.queue.append(Fault(status=401, times=3))
    both.edit("left", title="while right is out")
    both.settle(2)
    assert both.lanes["right"].state.value == "stopped"
    assert "tieline check right" in both.lanes["right"].reason
    both.clock.advance(400)
    both.settle(30)
    assert both.shows("right", "title") == "while right is out"


def test_a_comment_appears_once_in_every_copy_with_its_author(world):
    both = opened(world)
    ref = both.copy("left").ref
    both.tools["left"].comment(ref, "rebooted it", author="Ann")
    both.settle()
    copy = both.tools["right"].row(both.copy("right").ref)
    assert len(copy.notes) == 1
    assert "Ann" in copy.notes[0].text
    assert "rebooted it" in copy.notes[0].text
    both.settle(10)
    assert len(both.tools["right"].row(copy.ref).notes) == 1
    assert len(both.tools["left"].row(ref).notes) == 1


class StillVersions(MemoryAdapter):
    """A tool whose versions do not move for a comment, and whose listing brings the comments along (PagerDuty)."""

    def _reading(self, row, *args):
        found = super()._reading(row, *args)
        return replace(found, version=Version(str(sorted(found.body.items(), key=str))))

    def changes(self, since):
        for page in super().changes(since):
            found = [replace(one, comments=tuple(self.comments(one.ref))) for one in page.readings]
            yield replace(page, readings=found)


def test_a_comment_that_moves_no_version_is_taken_in_when_the_listing_brings_it(world):
    both = world()
    here = both.engine.connections[ConnectionName("left")]
    here.source = StillVersions(here.name, here.config.settings, here.source._workbench, both.tools["left"])
    ref = both.tools["left"].make({"title": "Disk full", "status": "new"}).ref
    both.settle()
    both.tools["left"].comment(ref, "rebooted it", author="Ann")
    both.settle()
    (copied,) = both.tools["right"].row(both.copy("right").ref).notes
    assert copied.text.endswith("rebooted it")
    both.restart()  # the memory of this connection is not what keeps it from being copied again
    both.settle()
    assert len(both.tools["right"].row(both.copy("right").ref).notes) == 1


class Reserved(MemoryAdapter):
    """A tool that refuses to show comments, as often as it is told."""

    refusals = 0

    def comments(self, ref):
        if self.refusals:
            self.refusals -= 1
            raise NeedsOperator("left", "comments may not be read; grant it")
        return super().comments(ref)


def reserved(world, refusals):
    both = opened(world)
    here = both.engine.connections[ConnectionName("left")]
    here.source = Reserved(here.name, here.config.settings, here.source._workbench, both.tools["left"])
    here.source.refusals = refusals
    both.tools["left"].comment(both.copy("left").ref, "rebooted it", author="Ann")
    both.settle()
    return both


def test_comments_that_cannot_be_read_for_a_moment_are_read_a_little_later(world):
    both = reserved(world, 2)
    (copied,) = both.tools["right"].row(both.copy("right").ref).notes
    assert copied.text.endswith("rebooted it")
    assert both.parked() == []


def test_comments_that_may_not_be_read_keep_nothing_else_up_and_come_once_they_may(world):
    both = reserved(world, 1_000)
    both.edit("left", title="Disk full on db1")
    both.settle(2)
    assert both.shows("right", "title") == "Disk full on db1"
    both.clock.advance(86_400)
    both.settle(30)
    source = both.engine.connections[ConnectionName("left")].source
    assert 1_000 - source.refusals < 20  # asked for more and more rarely
    source.refusals = 0
    both.clock.advance(3_600)
    both.settle(1)
    assert len(both.tools["right"].row(both.copy("right").ref).notes) == 1


def test_a_comment_whose_answer_was_lost_is_not_written_twice(world):
    both = opened(world)
    both.tools["left"].comment(both.copy("left").ref, "rebooted it", author="Ann")
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.settle(12)
    assert len(both.tools["right"].row(both.copy("right").ref).notes) == 1


def test_what_another_tieline_copied_there_is_somebodys_words_to_us(world):
    both = opened(world)
    words = "bob in elsewhere (INC-7#5c0ffee5):\n\nrebooted it"
    both.tools["right"].comment(
        both.copy("right").ref, words, author="their account", token="tl-another-store-5c0ffee5"
    )
    both.settle()
    [note] = both.tools["left"].row(both.copy("left").ref).notes
    assert note.text.endswith("rebooted it")


class Lagging(MemoryTool):
    """A tool whose replica does not know a record for a moment."""

    unknown = 0

    def row(self, ref):
        if self.unknown:
            self.unknown -= 1
            raise LookupError(ref)
        return super().row(ref)


def test_a_comment_in_doubt_outlasts_a_record_that_is_unknown_for_a_moment(world):
    both = world()
    both.tools["right"] = tool = Lagging(both.clock.now)
    both.restart()
    mine = both.tools["left"].make({"title": "Disk full", "status": "new"}).ref
    both.settle()
    both.tools["left"].comment(mine, "rebooted it")
    both.clock.advance(31)
    while both.step("left"):
        pass
    here = both.lanes["right"].here
    now = both.clock.now()
    with both.engine.store.read() as connection:
        [waits] = comments.outgoing(connection, here.name, now, now, 10)
    assert waits.state == "sending"
    tool.unknown = 1
    writing.deliver(both.engine, here, waits)
    assert tool.unknown == 0
    both.settle()
    [row] = tool.rows()
    assert len(row.notes) == 1 and both.parked() == []


def test_a_comment_on_a_record_in_the_bin_is_written_once_it_is_back(world):
    both = opened(world)
    ref = both.copy("right").ref
    both.tools["right"].delete(ref)
    both.tools["left"].comment(both.copy("left").ref, "rebooted it")
    both.settle()
    both.tools["right"].restore(ref)
    both.settle()
    assert len(both.tools["right"].row(ref).notes) == 1 and both.parked() == []


class Indiscreet(MemoryTool):
    """A tool that shows every comment of ours to everybody, whatever it was asked for."""

    def comment(self, ref, text, audience=Audience.STAFF, **others):
        return super().comment(ref, text, Audience.CUSTOMERS if others.get("token") else audience, **others)


@pytest.mark.parametrize("answer", ["given", "lost"])
def test_an_internal_comment_that_a_tool_shows_to_everybody_is_put_aside_while_it_does(world, answer):
    both = world()
    both.tools["right"] = tool = Indiscreet(both.clock.now)
    both.restart()
    mine = both.tools["left"].make({"title": "Disk full", "status": "new"}).ref
    both.settle()
    if answer == "lost":
        tool.faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.tools["left"].comment(mine, "The customer is late.", Audience.STAFF)
    both.settle()

    [aside] = both.parked()
    assert (aside.what, "remove it there at once" in aside.sentence) == ("comment", True)
    decide(both.engine, "parked retry", what=aside.what, number=aside.id)
    both.settle()
    assert [one.what for one in both.parked()] == ["comment"]
    [row] = tool.rows()
    assert len(row.notes) == 1


def test_an_internal_comment_stays_internal_and_a_public_one_stays_public(world):
    both = opened(world)
    ref = both.copy("left").ref
    both.tools["left"].comment(ref, "between us", Audience.STAFF)
    both.tools["left"].comment(ref, "for customers", Audience.CUSTOMERS)
    both.settle()
    notes = both.tools["right"].row(both.copy("right").ref).notes
    assert [note.audience for note in notes] == ["staff", "customers"]


def test_an_incident_above_the_ceiling_never_leaves(world):
    both = world(options={"right": "ceiling: green"})
    both.tools["left"].make({"title": "Intrusion", "status": "new", "tlp": "red"})
    both.settle()
    assert both.tools["right"].rows() == []
    assert "TLP:RED" in both.parked()[0].sentence


@pytest.mark.parametrize("theirs", [True, False])
def test_a_manual_conflict_waits_for_a_person_and_is_then_settled_everywhere(world, tmp_path, theirs):
    overlay = tmp_path / "manual.yaml"
    overlay.write_text("policy: {severity: manual}\n", encoding="utf-8")
    both = opened(world, options={"left": "overlay: manual.yaml", "right": "overlay: manual.yaml"})
    both.edit("left", severity="low")
    both.edit("right", severity="high")
    both.settle()
    assert (both.shows("left", "severity"), both.shows("right", "severity")) == ("low", "high")
    (held,) = both.conflicts()
    both.settle_conflict(held.connection, "severity", theirs=theirs)
    both.settle()
    assert both.conflicts() == []
    stands = both.shows("left", "severity")
    with both.engine.store.read() as connection:
        why = explain.why(connection, both.incident(), "severity")
    [gave_way] = [
        step.before for step in why.steps if step.who == "ann@example.com" and step.kind in ("changed", "refused")
    ]
    assert {stands, gave_way} == {"low", "high"}, "what gave way is told"
    assert both.shows("left", "severity") == both.shows("right", "severity")


def test_an_owner_takes_back_what_another_tool_changed(world, tmp_path):
    (tmp_path / "owned.yaml").write_text("policy: {severity: 'owner:left'}\n", encoding="utf-8")
    both = opened(world, options={"left": "overlay: owned.yaml", "right": "overlay: owned.yaml"})
    both.edit("left", severity="high")
    both.settle()
    both.edit("right", severity="low")
    both.settle()
    assert both.shows("left", "severity") == both.shows("right", "severity") == "high"


def test_clocks_that_are_a_day_apart_change_nothing(world):
    both = opened(world)
    both.tools["left"].skew = timedelta(days=1)
    both.tools["right"].skew = timedelta(days=-1)
    both.edit("left", title="from the left")
    both.clock.advance(5)
    both.edit("right", title="from the right")
    both.settle()
    assert both.shows("left", "title") == both.shows("right", "title") == "from the right"


def test_the_journal_verifies_after_everything(world):
    both = opened(world)
    both.edit("left", title="x")
    both.settle()
    assert both.verified() > 3


def test_hostile_text_arrives_as_it_was_written(world):
    both = opened(world)
    text = "{{7*7}} ${jndi:x} <script>alert(1)</script> 🔥 \u202eabc [code]x[/code] ^ORactive=true"
    both.edit("left", title=text[:120], category=text)
    both.settle()
    assert both.shows("right", "category") == text


def test_a_person_whom_a_tool_does_not_know_is_left_alone_there_and_the_journal_says_so(world):
    both = opened(world)
    both.tools["left"].add_person("zoe@example.com")
    both.edit("left", assignee=both.tools["left"].person("zoe@example.com"))
    both.settle()
    assert both.incident().fields["assignee"] == "zoe@example.com"
    assert not both.shows("right", "assignee")
    for title in ("Disk very full", "Disk replaced"):
        both.edit("left", title=title)
        both.settle()
    with both.engine.store.read() as connection:
        told = [entry for entry in explain.history(connection, both.incident().id) if entry["kind"] == "left_out"]
    assert len(told) == 1, "once, however often the incident changes"
    assert "zoe@example.com" in str(told)
    before = both.writes()
    both.settle(5)
    assert both.writes() == before


def test_a_colleague_who_joins_later_is_found_later(world):
    both = opened(world)
    both.tools["left"].add_person("zoe@example.com")
    both.edit("left", assignee=both.tools["left"].person("zoe@example.com"))
    both.settle()
    both.tools["right"].add_person("zoe@example.com")
    both.clock.advance(700)
    both.edit("left", title="Disk full on db1")
    both.settle()
    assert both.shows("right", "assignee") == both.tools["right"].person("zoe@example.com")


def test_a_record_whose_status_has_no_word_is_parked_and_opens_nothing(world, tmp_path):
    known = {"new": "new", "in_progress": "in_progress"}
    cannot = ["on_hold", "resolved", "closed", "cancelled"]
    overlay = {"fields": {"status": {"from": "status", "values": known, "cannot": cannot}}}
    (tmp_path / "narrow.yaml").write_text(json.dumps(overlay), encoding="utf-8")
    both = world(options={"left": "overlay: narrow.yaml"})
    both.tools["left"].make({"title": "Odd", "status": "on_hold"})
    both.tools["left"].make({"title": "Plain", "status": "new"})
    both.settle()
    assert [incident.fields["title"] for incident, _copies in both.incidents()] == ["Plain"]
    (parked,) = both.parked()
    assert "on_hold" in parked.sentence

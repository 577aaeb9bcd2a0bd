"""A status in a patch, on a site with a workflow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tieline.adapters.jira.settings import JsmSettings
from tieline.adapters.jira.simulated.desk import Desk
from tieline.adapters.jira.simulated.site import AUTOMATION, PERSON, Issue
from tieline.core.errors import Rejected, StaleVersion, TryAgain
from tieline.core.port import Reading, Ref

DONE = {"status": {"name": "Done"}}
FIXED = {"resolution": {"name": "Done"}}


def status(reading: Reading) -> str:
    return str(reading.body["fields"]["status"]["name"])


def now(desk: Desk, ref: str) -> str:
    return str(desk.person("get", ref)["fields"]["status"]["name"])


def written(desk: Desk, ref: str, **fields: Any) -> Reading:
    adapter = desk.connect()
    return adapter.update(Ref(ref), {"fields": fields}, adapter.read(Ref(ref)).version)


def stands_in(desk: Desk, *path: str) -> str:
    """A person's issue, walked along a path."""
    ref = desk.person_makes(f"a sample in {path[-1] if path else 'To Do'}")
    for name in path:
        desk.person("transition", ref, to=name)
    return ref


def test_one_transition_is_one_write_and_three_reads(desk: Desk) -> None:
    ref, adapter = desk.person_makes("Disk full"), desk.connect()
    seen = adapter.read(Ref(ref)).version
    desk.calls()
    adapter.update(Ref(ref), {"fields": {"status": {"name": "In Progress"}}}, seen)
    assert desk.calls() == [
        ("GET", f"/issue/{ref}"),
        ("GET", f"/issue/{ref}/transitions"),
        ("POST", f"/issue/{ref}/transitions"),
        ("GET", f"/issue/{ref}"),
    ]


def test_a_distant_state_is_walked_to_and_the_way_is_told(desk: Desk) -> None:
    reading = written(desk, desk.person_makes("Disk full"), **DONE, **FIXED)
    assert status(reading) == "Done"
    assert reading.body["fields"]["resolution"]["name"] == "Done"
    assert reading.annotations["way"] == "To Do → In Progress → In Review → Done"


def test_the_state_may_be_named_by_id(desk: Desk) -> None:
    assert status(written(desk, desk.person_makes("Disk full"), status={"id": "10004"})) == "Waiting"


def test_a_finished_issue_is_reopened_over_the_states_between(desk: Desk) -> None:
    ref = stands_in(desk, "In Progress", "In Review", "Done")
    reading = written(desk, ref, status={"name": "In Progress"})
    assert reading.annotations["way"] == "Done → Reopened → In Progress"
    assert reading.body["fields"]["resolution"] is None


def test_a_state_the_issue_is_in_already_is_left_alone(desk: Desk) -> None:
    ref, adapter = desk.person_makes("Disk full"), desk.connect()
    seen = adapter.read(Ref(ref)).version
    desk.calls()
    adapter.update(Ref(ref), {"fields": {"status": {"name": "to do"}, "summary": "Disk full on db1"}}, seen)
    assert not [path for method, path in desk.calls() if path.endswith("/transitions")]


def test_the_workflow_is_learnt_from_other_issues_before_anything_is_touched(desk: Desk) -> None:
    stands_in(desk, "In Progress")
    stands_in(desk, "In Progress", "In Review")
    ref = desk.person_makes("Disk full")
    with pytest.raises(Rejected, match=r"“Approve” to Done requires Resolution \(resolution\)"):
        written(desk, ref, **DONE)
    assert len(desk.person("get", ref)["fields"]) and now(desk, ref) == "To Do"
    assert not desk.site.issues[ref].histories, "nobody saw the issue move"


def test_without_other_issues_a_barred_way_is_walked_back(desk: Desk) -> None:
    ref = desk.person_makes("Disk full")
    with pytest.raises(Rejected, match=r"requires Resolution \(resolution\)"):
        written(desk, ref, **DONE)
    assert now(desk, ref) == "To Do"


def test_what_has_been_learnt_is_kept(desk: Desk) -> None:
    adapter = desk.connect()
    first, second = desk.person_makes("one"), desk.person_makes("two")
    adapter.update(Ref(first), {"fields": {**DONE, **FIXED}}, adapter.read(Ref(first)).version)
    seen = adapter.read(Ref(second)).version
    desk.calls()
    adapter.update(Ref(second), {"fields": {**DONE, **FIXED}}, seen)
    assert not [path for _, path in desk.calls() if path == "/search/jql"]


def test_a_value_for_a_required_field_can_be_set_once_for_all(desk: Desk) -> None:
    ref, adapter = desk.person_makes("Disk full"), desk.connect(transition_fields={"resolution": {"name": "Won't Do"}})
    reading = adapter.update(Ref(ref), {"fields": DONE}, adapter.read(Ref(ref)).version)
    assert reading.body["fields"]["resolution"]["name"] == "Won't Do"


def test_the_patch_comes_before_the_value_set_once_for_all(desk: Desk) -> None:
    ref, adapter = desk.person_makes("Disk full"), desk.connect(transition_fields={"resolution": {"name": "Won't Do"}})
    reading = adapter.update(Ref(ref), {"fields": {**DONE, **FIXED}}, adapter.read(Ref(ref)).version)
    assert reading.body["fields"]["resolution"]["name"] == "Done"


def test_screen_fields_go_with_the_transition_and_the_rest_with_an_edit(desk: Desk) -> None:
    reading = written(desk, desk.person_makes("Disk full"), **DONE, **FIXED, summary="Disk full on db1")
    assert reading.body["fields"]["summary"] == "Disk full on db1"
    assert reading.body["fields"]["resolution"]["name"] == "Done"


def test_a_state_the_workflow_does_not_have_is_refused_and_the_issue_stands_where_it_stood(desk: Desk) -> None:
    ref = desk.person_makes("Disk full")
    with pytest.raises(Rejected, match="shows no way to Escalated; transitions offered here: “"):
        written(desk, ref, status={"name": "Escalated"})
    assert now(desk, ref) == "To Do"


def test_an_account_that_may_not_move_issues_is_told_so(desk: Desk) -> None:
    ref = desk.person_makes("Disk full")
    desk.site.denied.add("TRANSITION_ISSUES")
    with pytest.raises(Rejected, match="transitions offered here: none"):
        written(desk, ref, **DONE, **FIXED)


def walked_to_done(desk: Desk, act: Callable[[Issue], None]) -> Reading:
    """Our way from In Review to Done, and somebody who acts after each of our writes."""
    adapter = desk.connect()
    known = Ref(stands_in(desk, "In Progress", "In Review", "Done"))
    adapter.update(known, {"fields": {"status": {"name": "In Review"}}}, adapter.read(known).version)
    ref = Ref(stands_in(desk, "In Progress", "In Review"))
    desk.site.after_write = act
    return adapter.update(ref, {"fields": {**DONE, **FIXED}}, adapter.read(ref).version)


def closes(desk: Desk, by: str) -> Callable[[Issue], None]:
    def close(issue: Issue) -> None:
        if issue.status == "10003":
            desk.clock.advance(0.2)
            desk.person("transition", issue.id, to="Closed", by=by)

    return close


def test_a_rule_that_moves_the_issue_on_has_decided(desk: Desk) -> None:
    reading = walked_to_done(desk, closes(desk, AUTOMATION))
    assert status(reading) == now(desk, reading.ref) == "Closed"
    assert reading.version == desk.connect().read(reading.ref).version


def test_a_person_who_moves_the_issue_on_is_left_to_the_next_reading(desk: Desk) -> None:
    reading = walked_to_done(desk, closes(desk, PERSON))
    assert status(reading) == "Done", "what our write left"
    assert reading.body["fields"]["status"]["statusCategory"]["key"] == "done"
    assert now(desk, reading.ref) == "Closed", "what the person decided stands"
    later = desk.connect().read(reading.ref)
    assert (status(later), later.automatic) == ("Closed", frozenset())
    assert later.version != reading.version


def test_a_person_who_moves_the_issue_while_we_walk_ends_the_walk(desk: Desk) -> None:
    def back(issue: Issue) -> None:
        if issue.status == "10002":
            desk.site.after_write = None
            desk.clock.advance(0.2)
            desk.person("transition", issue.id, to="In Progress")

    ref, adapter = Ref(stands_in(desk, "In Progress")), desk.connect()
    desk.site.after_write = back
    reading = adapter.update(ref, {"fields": {**DONE, **FIXED}}, adapter.read(ref).version)
    assert status(reading) == "In Review", "as far as we came"
    assert now(desk, ref) == "In Progress", "the move of a person is not walked over"
    assert reading.version != adapter.read(ref).version


def test_a_person_who_moves_the_issue_before_our_first_step_makes_it_stale(desk: Desk) -> None:
    ref, adapter = Ref(stands_in(desk, "In Progress")), desk.connect()
    seen = adapter.read(ref).version
    desk.site.before_write.append(lambda: desk.person("transition", ref, to="To Do"))
    with pytest.raises(StaleVersion, match="was moved to To Do meanwhile"):
        adapter.update(ref, {"fields": {"status": {"name": "In Review"}}}, seen)
    assert now(desk, ref) == "To Do"


def test_a_rule_that_moves_an_issue_that_was_to_stay_has_decided(desk: Desk) -> None:
    def start(issue: Issue) -> None:
        desk.site.after_write = None
        desk.person("transition", issue.id, to="In Progress", by=AUTOMATION)

    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    seen = adapter.read(ref).version
    desk.site.after_write = start
    patch = {"fields": {"status": {"name": "To Do"}, "summary": "Disk full on db1"}}
    assert status(adapter.update(ref, patch, seen)) == "In Progress"


def test_a_rule_that_holds_the_issue_is_told_as_it_is(desk: Desk) -> None:
    desk.site.after_write = lambda issue: setattr(issue, "status", "10000")
    assert status(written(desk, desk.person_makes("Disk full"), status={"name": "In Progress"})) == "To Do"


def test_an_answer_lost_in_the_middle_of_the_way_may_be_half_done(desk: Desk) -> None:
    ref = stands_in(desk, "In Progress")
    desk.simulator.lose(method="POST", path="/transitions")
    with pytest.raises(TryAgain) as lost:
        written(desk, ref, **DONE, **FIXED)
    assert lost.value.maybe_done
    assert now(desk, ref) == "In Review"
    assert status(written(desk, ref, **DONE, **FIXED)) == "Done", "the next attempt goes on from there"


def test_a_refused_call_after_the_first_step_says_that_something_was_done(desk: Desk) -> None:
    ref, adapter = stands_in(desk, "In Progress"), desk.connect()
    seen = adapter.read(Ref(ref)).version
    desk.simulator.writes_per_issue = 1
    with pytest.raises(TryAgain, match="jira-per-issue-on-write") as limited:
        adapter.update(Ref(ref), {"fields": {**DONE, **FIXED}}, seen)
    assert limited.value.maybe_done
    assert limited.value.wait == timedelta(seconds=2)


def test_a_refused_first_call_says_that_nothing_was_done(desk: Desk) -> None:
    desk.simulator.writes_per_issue = 0
    with pytest.raises(TryAgain) as limited:
        written(desk, desk.person_makes("Disk full"), status={"name": "In Progress"})
    assert not limited.value.maybe_done


def test_a_late_index_does_not_teach_the_wrong_moves(desk: Desk) -> None:
    """The index says that the sample waits; it is under review by now, and what leads out of there is not what leads
    out of waiting."""
    sample = stands_in(desk, "In Progress", "Waiting")
    desk.clock.advance(7200)
    desk.site.lagging[sample] = timedelta(hours=1)
    desk.person("transition", sample, to="In Progress")
    desk.person("transition", sample, to="In Review")
    assert status(written(desk, desk.person_makes("Disk full"), **DONE, **FIXED)) == "Done"


def test_a_service_project_has_a_workflow_of_its_own(desk: Desk) -> None:
    adapter = desk.connect(kind=JsmSettings)
    ref = Ref(desk.person_makes("Disk full", project="DESK"))
    patch = {"fields": {"status": {"name": "Completed"}, **FIXED}}
    assert adapter.update(ref, patch, adapter.read(ref).version).annotations["way"] == (
        "Open → Work in progress → Completed"
    )


def test_a_data_center_walks_as_well(data_center: Desk) -> None:
    assert status(written(data_center, data_center.person_makes("Disk full"), **DONE, **FIXED)) == "Done"

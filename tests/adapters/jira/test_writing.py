"""Edits and creation: what Jira says it did is not taken on trust."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tieline.adapters.jira.simulated.desk import Desk, adf
from tieline.adapters.jira.simulated.site import AUTOMATION, PERSON, Issue
from tieline.adapters.testing.simulation import Request, Response
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.port import Ref, Token

TRIAGED = {"labels": ["triaged"]}


def once(desk: Desk, act: Callable[[Issue], object]) -> Callable[[Issue], None]:
    """Somebody or something acts right after our next write."""

    def acting(issue: Issue) -> None:
        desk.site.after_write = None
        desk.clock.advance(0.2)
        act(issue)

    return acting


def test_an_edit_sends_only_the_patch(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full", labels=["db"])), desk.connect()
    adapter.update(ref, {"fields": {"priority": {"name": "High"}}}, adapter.read(ref).version)
    assert [item["field"] for item in desk.site.issues[ref].histories[-1]["items"]] == ["priority"]


def test_a_field_that_jira_ignores_is_told_as_it_is(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.site.ignores = {"priority", "labels"}
    patch = {"fields": {"summary": "Disk full on db1", "priority": {"name": "High"}, "labels": ["db"]}}
    written = adapter.update(ref, patch, adapter.read(ref).version)
    told = written.body["fields"]
    assert (told["summary"], told["priority"]["name"], told["labels"]) == ("Disk full on db1", "Medium", [])
    assert written.version == adapter.read(ref).version


def test_a_field_that_already_says_so_is_not_taken_for_ignored(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full", description=adf("df says 100 %"))), desk.connect()
    fields = {"description": adf("df says 100 %"), "priority": {"name": "Medium"}, "assignee": {"accountId": None}}
    adapter.update(ref, {"fields": fields}, adapter.read(ref).version)


def test_a_field_that_is_on_no_screen_is_refused_in_jiras_words(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    with pytest.raises(Rejected, match="customfield_99: Field 'customfield_99' cannot be set"):
        adapter.update(ref, {"fields": {"customfield_99": "x"}}, adapter.read(ref).version)


def test_what_somebody_wrote_in_the_gap_is_told(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    seen = adapter.read(ref).version

    def faster() -> None:
        desk.clock.advance(0.2)
        desk.person("edit", ref, fields={"summary": "Disk full, says Anna", "labels": ["db"]})
        desk.clock.advance(0.2)

    desk.site.before_write.append(faster)
    written = adapter.update(ref, {"fields": {"summary": "Disk full on db1"}}, seen)
    assert written.annotations["overwrote"] == "summary: “Disk full, says Anna” by Anna Ops"
    assert written.body["fields"]["labels"] == ["db"], "what we did not write is theirs"
    assert "changelog" not in written.body


def test_a_rule_that_edits_after_our_write_is_in_the_answer(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.site.after_write = once(desk, lambda issue: desk.person("edit", issue.id, fields=TRIAGED, by=AUTOMATION))
    written = adapter.update(ref, {"fields": {"summary": "Disk full on db1"}}, adapter.read(ref).version)
    assert written.body["fields"]["labels"] == ["triaged"]
    assert written.automatic == {"labels"}
    assert written.version == adapter.read(ref).version


def test_what_a_person_edits_after_our_write_is_left_to_the_next_reading(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full", labels=["db"])), desk.connect()
    desk.site.after_write = once(desk, lambda issue: desk.person("edit", issue.id, fields=TRIAGED))
    written = adapter.update(ref, {"fields": {"summary": "Disk full on db1"}}, adapter.read(ref).version)
    assert written.body["fields"]["summary"] == "Disk full on db1"
    assert written.body["fields"]["labels"] == ["db"]
    now = adapter.read(ref)
    assert now.body["fields"]["labels"] == ["triaged"]
    assert now.automatic == frozenset()
    assert now.version != written.version
    with pytest.raises(StaleVersion):
        adapter.update(ref, {"fields": {"summary": "Disk full"}}, written.version)


def test_what_a_person_and_then_a_rule_wrote_is_the_rules(desk: Desk) -> None:
    def both(issue: Issue) -> None:
        desk.person("edit", issue.id, fields={"labels": ["mine"], "priority": {"name": "High"}})
        desk.clock.advance(1)
        desk.person("edit", issue.id, fields=TRIAGED, by=AUTOMATION)

    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.site.after_write = once(desk, both)
    told = adapter.update(ref, {"fields": {"summary": "x"}}, adapter.read(ref).version).body["fields"]
    assert (told["labels"], told["priority"]["name"]) == (["triaged"], "Medium")


def test_a_new_issue_is_answered_as_it_was_born(desk: Desk) -> None:
    adapter, edit = desk.connect(), {"labels": ["triaged"], "priority": {"name": "Low"}}
    desk.site.after_write = once(desk, lambda issue: desk.person("edit", issue.id, fields=edit))
    made = adapter.create({"fields": {"summary": "Disk full", "labels": ["db"]}}, Token("tl-1"))
    assert (made.body["fields"]["labels"], made.body["fields"]["priority"]["name"]) == (["db"], "Medium")
    assert adapter.read(made.ref).version != made.version


def test_an_issue_tells_how_it_was_born(desk: Desk) -> None:
    adapter = desk.connect()
    made = adapter.create({"fields": {"summary": "Disk full"}}, Token("tl-1"))
    assert made.born == made.body
    desk.clock.advance(1)
    desk.person("edit", made.ref, fields={"summary": "Disk full, says Anna", "description": adf("all of it")})
    desk.person("transition", made.ref, to="In Progress")
    desk.clock.advance(120)
    found = adapter.find(Token("tl-1"))
    assert found is not None
    assert found.body["fields"]["summary"] == "Disk full, says Anna"
    assert found.born is not None
    born = found.born["fields"]
    assert (born["summary"], born["description"], born["status"]["statusCategory"]["key"]) == ("Disk full", None, "new")


def test_an_issue_of_somebody_elses_tells_no_birth(desk: Desk) -> None:
    assert desk.connect().read(Ref(desk.person_makes("Disk full"))).born is None


def test_what_a_rule_of_the_site_set_last_is_automatic(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    start = [page.cursor for page in adapter.changes(None)][-1]
    desk.clock.advance(1)
    desk.person("edit", ref, fields={"priority": {"name": "High"}, **TRIAGED}, by=AUTOMATION)
    listed = [reading for page in adapter.changes(start) for reading in page.readings]
    assert [reading.automatic for reading in (*listed, adapter.read(ref))] == [{"priority", "labels"}] * 2
    desk.clock.advance(1)
    desk.person("edit", ref, fields={"priority": {"name": "Low"}})
    assert adapter.read(ref).automatic == {"labels"}
    assert desk.connect(automation=("somebody else",)).read(ref).automatic == frozenset()


def test_a_person_may_be_called_like_the_automation(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.site.users[PERSON].name = "Automation for Jira"
    desk.person("edit", ref, fields=TRIAGED)
    assert adapter.read(ref).automatic == frozenset()


@pytest.mark.parametrize("patch", [{"summary": "x"}, {"fields": []}, {"fields": {"status": None}}, {"update": {}}])
def test_a_patch_of_another_shape_is_refused_before_anything_is_sent(desk: Desk, patch: Any) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    seen = adapter.read(ref).version
    with pytest.raises(Rejected, match=r"check the .*mapping"):
        adapter.update(ref, patch, seen)
    assert adapter.read(ref).version == seen


def test_a_moved_issue_keeps_its_ref(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    before = adapter.read(ref)
    desk.person("move", ref, project="WEB")
    after = adapter.read(ref)
    assert (before.key, after.key, after.ref) == ("OPS-1", "WEB-1", before.ref)
    with pytest.raises(StaleVersion):
        adapter.update(ref, {"fields": {"summary": "x"}}, before.version)
    adapter.update(ref, {"fields": {"summary": "moved along"}}, after.version)
    assert desk.person("get", "OPS-1")["fields"]["summary"] == "moved along", "the old key still leads there"


def test_a_permission_taken_away_does_not_look_like_a_deletion(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.site.denied.add("BROWSE_PROJECTS")
    with pytest.raises(NeedsOperator, match="grant Browse Projects"):
        adapter.read(ref)


def test_a_project_taken_away_does_not_look_like_a_deletion(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    del desk.site.issues[ref], desk.site.projects["OPS"]
    with pytest.raises(NeedsOperator, match="nor can project OPS"):
        adapter.read(ref)


def test_a_deleted_issue_is_gone(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.person("delete", ref)
    with pytest.raises(Gone, match="does not exist"):
        adapter.read(ref)


# -- Creation


def test_the_token_travels_inside_the_create_call(desk: Desk) -> None:
    adapter = desk.connect()
    desk.calls()
    made = adapter.create({"fields": {"summary": "Disk full"}}, Token("01J"))
    assert desk.site.issues[made.ref].properties == {"tieline": {"token": "01J"}}
    assert [path for method, path in desk.calls() if method != "GET"] == ["/issue"]


def test_a_status_at_creation_is_walked_to(desk: Desk) -> None:
    made = desk.connect().create({"fields": {"summary": "Disk full", "status": {"name": "Waiting"}}}, Token("01J"))
    assert made.body["fields"]["status"]["name"] == "Waiting"


def test_a_resolution_at_creation_waits_for_the_screen_that_takes_it(desk: Desk) -> None:
    fields = {"summary": "Disk full", "status": {"name": "Done"}, "resolution": {"name": "Duplicate"}}
    made = desk.connect().create({"fields": fields}, Token("01J"))
    assert made.body["fields"]["resolution"]["name"] == "Duplicate"


def test_a_field_that_only_the_edit_screen_takes_is_written_after_creation(desk: Desk) -> None:
    made = desk.connect().create({"fields": {"summary": "Disk full", "environment": adf("db1")}}, Token("01J"))
    assert made.body["fields"]["environment"] == adf("db1")


def test_what_cannot_be_done_after_creation_is_told_and_the_record_is_known(desk: Desk) -> None:
    adapter = desk.connect()
    body = {"fields": {"summary": "Disk full", "status": {"name": "Done"}}}
    made = adapter.create(body, Token("01J"))
    assert "requires Resolution (resolution)" in made.annotations["unfinished"]
    assert made.body["fields"]["status"]["name"] == "To Do"
    with pytest.raises(Rejected, match=r"requires Resolution \(resolution\)"):
        adapter.update(made.ref, body, made.version)


def test_a_token_that_creation_forgot_is_written_again(desk: Desk) -> None:
    desk.site.drops_properties = True
    made = desk.connect().create({"fields": {"summary": "Disk full"}}, Token("01J"))
    assert made.token == "01J"


def test_fields_of_the_connection_are_set_at_creation(desk: Desk) -> None:
    adapter = desk.connect(create_fields={"customfield_10051": {"value": "Moderate"}, "labels": ["tieline"]})
    made = adapter.create({"fields": {"summary": "Disk full", "labels": ["db"]}}, Token("01J"))
    assert made.body["fields"]["customfield_10051"]["value"] == "Moderate"
    assert made.body["fields"]["labels"] == ["db"], "the mapping comes before the connection"


def test_a_new_issue_that_cannot_be_read_yet_may_be_done(desk: Desk) -> None:
    adapter = desk.connect()
    adapter.create({"fields": {"summary": "warm up"}}, Token("00"))
    desk.simulator.fail(404, body={"errorMessages": ["Issue does not exist"]}, method="GET", path="/issue/1")
    with pytest.raises(TryAgain, match=r"was made, and then: .* does not exist") as late:
        adapter.create({"fields": {"summary": "Disk full"}}, Token("01J"))
    assert late.value.maybe_done
    found = adapter.find(Token("01J"))
    assert found is not None and found.key == "OPS-2"


def test_a_new_issue_that_cannot_be_read_back_may_be_done(desk: Desk) -> None:
    adapter = desk.connect()
    adapter.create({"fields": {"summary": "warm up"}}, Token("00"))
    desk.simulator.fail(503, method="GET", path="/issue/1")
    with pytest.raises(TryAgain, match="answered 503") as lost:
        adapter.create({"fields": {"summary": "Disk full"}}, Token("01J"))
    assert lost.value.maybe_done


def test_a_find_waits_for_the_index_and_says_how_long(desk: Desk) -> None:
    adapter = desk.connect()
    desk.site.search_lag = adapter.lookup_lag
    adapter.create({"fields": {"summary": "Disk full"}}, Token("01J"))
    assert adapter.find(Token("01J")) is None
    desk.clock.advance(adapter.lookup_lag.total_seconds())
    assert adapter.find(Token("01J")) is not None


def test_a_moved_issue_is_found_by_its_token(desk: Desk) -> None:
    adapter = desk.connect()
    made = adapter.create({"fields": {"summary": "Disk full"}}, Token("01J"))
    desk.person("move", made.ref, project="WEB")
    found = adapter.find(Token("01J"))
    assert found is not None and found.key == "WEB-1"


def test_a_find_on_a_data_center_reads_each_candidate_once(data_center: Desk) -> None:
    adapter = data_center.connect()
    for number in range(5):
        adapter.create({"fields": {"summary": "Disk full"}}, Token(f"other-{number}"))
    assert adapter.find(Token("01J")) is None
    data_center.calls()
    assert adapter.find(Token("01J")) is None
    assert data_center.calls() == [("GET", "/search")]


def test_of_two_records_with_one_token_the_oldest_is_found(data_center: Desk) -> None:
    adapter = data_center.connect()
    first = adapter.create({"fields": {"summary": "Disk full"}}, Token("01J"))
    data_center.clock.advance(60)
    adapter.create({"fields": {"summary": "Disk full"}}, Token("01J"))
    for _ in range(2):
        found = adapter.find(Token("01J"))
        assert found is not None and found.ref == first.ref


@pytest.mark.parametrize("cloud", [True, False])
def test_what_one_find_passes_over_is_found_by_the_next(cloud: bool) -> None:
    """After a crash many creates may be in doubt, and each is looked for by itself."""
    desk = Desk(cloud=cloud)
    for number in range(5):
        desk.connect().create({"fields": {"summary": "Disk full"}}, Token(f"in-doubt-{number}"))
    adapter = desk.connect()
    assert adapter.find(Token("never-made")) is None
    for number in (3, 1, 4, 0, 2):
        found = adapter.find(Token(f"in-doubt-{number}"))
        assert found is not None and found.key == f"OPS-{number + 1}"


@pytest.mark.parametrize("cloud", [True, False])
def test_many_finds_read_what_was_made_once(cloud: bool) -> None:
    desk = Desk(cloud=cloud)
    for number in range(7):
        desk.connect().create({"fields": {"summary": "Disk full"}}, Token(f"made-{number}"))
        desk.clock.advance(3600)
    adapter = desk.connect(page_size=2)
    assert adapter.find(Token("never-made")) is None
    desk.calls()
    for number in range(20):
        assert adapter.find(Token(f"never-made-{number}")) is None
    assert desk.calls() == [("GET", "/search/jql" if cloud else "/search")] * 20
    desk.connect().create({"fields": {"summary": "Disk full"}}, Token("new"))
    assert adapter.find(Token("new")) is not None


@pytest.mark.parametrize("ours", [0, 5, -5])
@pytest.mark.parametrize("theirs", [0, 3])
def test_a_find_goes_back_as_far_as_its_tools_clock_says(desk: Desk, ours: int, theirs: int) -> None:
    """Hours by which the clocks were set, or for which this machine slept, after another worker made the record."""
    behind = [0.0]
    desk.simulator.clock = lambda: desk.clock.now() - timedelta(hours=behind[0])
    adapter = desk.connect()
    assert adapter.find(Token("01J")) is None
    desk.connect().create({"fields": {"summary": "Disk full"}}, Token("01J"))
    desk.clock.step(ours * 3600)
    behind[0] = ours - theirs
    assert adapter.find(Token("01J")) is not None


@pytest.mark.parametrize("behind", [-3600, -59, 0, 59, 3600])
def test_a_find_ends_and_misses_nothing_however_slow_the_answers(desk: Desk, behind: int) -> None:
    """Each answer takes longer than a minute, and our clock is not the tool's."""
    desk.simulator.clock = lambda: desk.clock.now() + timedelta(seconds=behind)
    adapter = desk.connect(lookup_lag=timedelta(seconds=290))
    assert adapter.find(Token("01J")) is None
    answer = desk.simulator.answer

    def slowly(request: Request) -> Response:
        desk.clock.advance(61)
        return answer(request)

    desk.simulator.answer = slowly  # type: ignore[method-assign]
    for number in range(4):
        desk.site.search_lag = timedelta(seconds=290)
        desk.connect().create({"fields": {"summary": "Disk full"}}, Token(f"late-{number}"))
        desk.calls()
        assert adapter.find(Token("01J")) is None
        assert len(desk.calls()) <= 2
        desk.clock.advance(291)
        assert adapter.find(Token(f"late-{number}")) is not None


REFUSED = [
    ({"labels": ["x" * 256]}, "exceeds the maximum length of 255"),
    ({"labels": ["two words"]}, "contains spaces"),
    ({"priority": {"name": "Highest"}}, "priority selected is invalid"),
    ({"customfield_10050": "shop"}, "not on the appropriate screen"),
]


def strict(desk: Desk) -> None:
    """A site of another language, with a field off both screens."""
    desk.site.priorities = {"1": "Höchste", "3": "Mittel"}
    for screen in (desk.site.create_screen, desk.site.edit_screen):
        del screen["customfield_10050"]


@pytest.mark.parametrize(("fields", "words"), REFUSED, ids=lambda one: next(iter(one)) if isinstance(one, dict) else "")
def test_a_creation_that_is_refused_names_the_field_and_jiras_words(
    desk: Desk, fields: dict[str, Any], words: str
) -> None:
    strict(desk)
    adapter = desk.connect()
    # What is on neither screen is known before the call, and is written by the edit that follows.
    if "customfield_10050" in fields:
        made = adapter.create({"fields": {"summary": "Disk full", **fields}}, Token("t-1"))
        refused = made.refused
        assert made.body["fields"]["summary"] == "Disk full"
    else:
        with pytest.raises(Rejected) as told:
            adapter.create({"fields": {"summary": "Disk full", **fields}}, Token("t-1"))
        refused = told.value.refused
    assert list(refused) == [f"fields.{next(iter(fields))}"]
    assert words in next(iter(refused.values()))


@pytest.mark.parametrize(("fields", "words"), REFUSED, ids=lambda one: next(iter(one)) if isinstance(one, dict) else "")
def test_an_edit_that_is_refused_names_the_field_and_jiras_words(
    desk: Desk, fields: dict[str, Any], words: str
) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    strict(desk)
    with pytest.raises(Rejected) as told:
        adapter.update(ref, {"fields": {"summary": "Disk fuller", **fields}}, adapter.read(ref).version)
    assert list(told.value.refused) == [f"fields.{next(iter(fields))}"]
    assert words in next(iter(told.value.refused.values()))


def test_a_status_that_cannot_be_had_at_the_creation_is_told_with_the_record(desk: Desk) -> None:
    made = desk.connect().create({"fields": {"summary": "Disk full", "status": {"name": "Nowhere"}}}, Token("t-1"))
    assert made.body["fields"]["summary"] == "Disk full"
    assert list(made.refused) == ["fields.status"]
    assert "no way to Nowhere" in made.refused["fields.status"]


def test_a_transition_that_demands_what_nobody_gives_refuses_the_status_alone(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    with pytest.raises(Rejected) as told:
        adapter.update(ref, {"fields": {"status": {"name": "Done"}}}, adapter.read(ref).version)
    assert list(told.value.refused) == ["fields.status"]


def test_an_update_whose_move_is_refused_tells_what_it_wrote(desk: Desk) -> None:
    """The fields are written by then. An error would say that nothing was done, and the next reading would show them as
    somebody's edit."""
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.simulator.fail(400, method="POST", path="/transitions", body={"errorMessages": ["A validator says no"]})
    patch = {"fields": {"summary": "Disk full on db1", "status": {"name": "In Progress"}}}
    written = adapter.update(ref, patch, adapter.read(ref).version)
    assert (written.body["fields"]["summary"], written.body["fields"]["status"]["name"]) == (
        "Disk full on db1",
        "To Do",
    )
    assert list(written.refused) == ["fields.status"]
    assert "A validator says no" in written.refused["fields.status"]
    assert written.version == adapter.read(ref).version


def test_an_update_whose_first_call_is_refused_wrote_nothing(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    desk.simulator.fail(400, method="PUT", path="/issue/", body={"errorMessages": ["A validator says no"]})
    patch = {"fields": {"summary": "Disk full on db1", "status": {"name": "In Progress"}}}
    with pytest.raises(Rejected, match="A validator says no"):
        adapter.update(ref, patch, adapter.read(ref).version)
    assert desk.person("get", ref)["fields"]["summary"] == "Disk full"


def test_a_field_that_follows_the_move_and_is_refused_is_told_with_it(desk: Desk) -> None:
    """What no edit screen takes now is tried once the issue has moved; it is in the new status when that is refused."""
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    patch = {"fields": {"customfield_99": "x", "status": {"name": "In Progress"}}}
    written = adapter.update(ref, patch, adapter.read(ref).version)
    assert written.body["fields"]["status"]["name"] == "In Progress"
    assert list(written.refused) == ["fields.customfield_99"]
    assert "cannot be set" in written.refused["fields.customfield_99"]

"""Creating, finding and changing incidents."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.pagerduty.simulated.account import Incident
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.pagerduty.simulator import PERSON
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.model import Audience
from tieline.core.port import Reading, Token

TOKEN = Token("tl-1")
GRACE: dict[str, Any] = {"assignments": [{"assignee": {"id": "PL7A2O4", "type": "user_reference"}}]}


def make(adapter: PagerDuty, token: str = "tl-1", **members: Any) -> Reading:
    return adapter.create({"title": "Disk full", **members}, Token(token))


def refuse(tool: PagerDutyDriver, code: int, message: str, *, after_effect: bool = False) -> None:
    body = {"error": {"message": message, "code": code}}
    tool.simulator.fail(400, method="PUT", body=body, after_effect=after_effect)


def test_the_token_is_the_incidents_key(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    assert tool.account.incident(made.ref).key == "tl-1"
    assert made.token == "tl-1"


def test_a_creation_carries_everything_the_incident_is_to_say(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    body = {"type": "incident_body", "details": "df says 100 %"}
    made = make(adapter, status="acknowledged", urgency="low", priority={"summary": "P2"}, body=body, **GRACE)
    held = tool.account.incident(made.ref)
    assert (held.status, held.urgency, held.priority, held.details) == ("acknowledged", "low", "PRIO2", "df says 100 %")
    assert made.body["status"] == "acknowledged"
    assert made.body["body"]["details"] == "df says 100 %"
    assert made.people == {"PL7A2O4": "grace@example.org", "PXPGF42": "tieline@example.org"}


def test_the_status_that_completes_a_creation_is_tried_again(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.lose(method="PUT", times=2, after_effect=True)
    assert make(adapter, status="acknowledged").body["status"] == "acknowledged"
    assert len(tool.account.incidents) == 1


def test_a_creation_that_stays_incomplete_may_have_been_done(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.fail(429, method="PUT", times=9)
    with pytest.raises(TryAgain) as caught:
        make(adapter, status="acknowledged")
    assert caught.value.maybe_done


def test_a_status_that_did_not_complete_its_creation_is_not_what_the_tool_made_of_it(
    tool: PagerDutyDriver, adapter: PagerDuty
) -> None:
    """Answered with what it shows now, it would be held as the tool's own doing, and never be written again."""
    refuse(tool, 1005, "Data Updated Since Last Request")
    with pytest.raises(TryAgain) as caught:
        make(adapter, status="acknowledged")
    assert caught.value.maybe_done
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.born is not None
    assert found.born["status"] == "triggered"


def test_whoever_moves_it_before_its_creation_is_complete_has_edited_it(
    tool: PagerDutyDriver, adapter: PagerDuty
) -> None:
    refuse(tool, 1001, "Incident Already Resolved")
    tool.after_next_write(lambda: tool.account.resolve(next(iter(tool.account.incidents.values())), PERSON))
    with pytest.raises(TryAgain):
        make(adapter, status="acknowledged")
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.born is not None
    assert (found.body["status"], found.ours) == ("resolved", frozenset())
    assert "status" not in found.born


def test_whoever_edits_it_between_the_two_steps_of_a_creation_has_edited_it(
    tool: PagerDutyDriver, adapter: PagerDuty
) -> None:
    """What they wrote would be held as what the tool made of our words."""
    account = tool.account
    tool.after_next_write(lambda: account.edit(next(iter(account.incidents.values())), PERSON, title="Disk of db1"))
    with pytest.raises(TryAgain) as caught:
        make(adapter, status="acknowledged")
    assert caught.value.maybe_done
    found = adapter.find(TOKEN)
    assert found is not None
    assert (found.body["title"], found.body["status"]) == ("Disk of db1", "acknowledged")
    assert "title" not in (found.born or {}), "it is theirs, and not what the tool made of ours"


def test_a_creation_that_cannot_be_read_back_may_have_been_done(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.fail(503, method="GET", path="/incidents/Q", times=9)
    with pytest.raises(TryAgain) as caught:
        make(adapter)
    assert caught.value.maybe_done


def test_a_token_makes_one_incident_even_after_its_resolution(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    tool.account.resolve(tool.account.incident(made.ref), None)
    assert make(adapter).ref == made.ref
    assert len(tool.account.incidents) == 1


def test_a_key_that_is_taken_between_look_and_write_is_adopted(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    other: list[Incident] = []
    create = tool.simulator.rest._create

    def raced(request: Any) -> Any:
        if not other:
            other.append(tool.account.open_incident("Disk full", None, key="tl-1"))
        return create(request)

    tool.simulator.rest._create = raced  # type: ignore[method-assign]
    assert make(adapter).ref == other[0].id


def test_an_unknown_priority_is_refused_with_those_there_are(adapter: PagerDuty) -> None:
    with pytest.raises(Rejected, match="no priority 'P9'; it has P1, P2"):
        make(adapter, priority={"summary": "P9"})


def test_an_account_without_priorities_says_how_to_go_on(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.rest.has_priorities = False
    with pytest.raises(Rejected, match="switch them on or map"):
        make(adapter, priority={"summary": "P1"})


def test_a_missing_or_unknown_from_user_asks_for_a_person(tool: PagerDutyDriver) -> None:
    adapter = tool.connect(from_email="stranger@example.org")
    with pytest.raises(NeedsOperator, match=r"Requester User Not Found.*`from_email`"):
        make(adapter)


def test_several_carriers_of_a_token_give_the_oldest(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    first = tool.account.open_incident("first", None, key="tl-1")
    tool.account.resolve(first, None)
    tool.account.open_incident("second", None, key="tl-1")
    found = adapter.find(Token("tl-1"))
    assert found is not None
    assert found.ref == first.id


def test_an_incident_older_than_a_month_is_found(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    tool.advance(90 * 86_400)
    found = adapter.find(Token("tl-1"))
    assert found is not None
    assert found.ref == made.ref


def test_a_tool_that_ignores_the_filter_is_not_believed(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("somebody else's")
    everything = {"incidents": [{"id": ref, "incident_key": "other", "incident_number": 1}], "more": False}
    tool.simulator.fail(200, path="/incidents", body=everything)
    assert adapter.find(Token("tl-1")) is None


def test_only_what_differs_is_written(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter, urgency="high")
    tool.simulator.requests.clear()
    again = adapter.update(made.ref, {"title": "Disk full", "urgency": "high"}, made.version)
    assert again == made
    assert all(method == "GET" for method, _ in tool.simulator.requests)


def test_an_acknowledgement_can_be_taken_back(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter, status="acknowledged")
    after = adapter.update(made.ref, {"status": "triggered"}, made.version)
    assert after.body["status"] == "triggered"


def test_resolving_keeps_the_words_of_the_resolution_out_of_later_writes(adapter: PagerDuty) -> None:
    made = make(adapter)
    resolved = adapter.update(made.ref, {"status": "resolved", "resolution": "restarted"}, made.version)
    assert resolved.body["status"] == "resolved"
    assert adapter.update(made.ref, {"status": "resolved", "resolution": "again"}, resolved.version) == resolved


def test_a_resolved_incident_reopens_as_acknowledged(adapter: PagerDuty) -> None:
    made = make(adapter)
    resolved = adapter.update(made.ref, {"status": "resolved"}, made.version)
    assert adapter.update(made.ref, {"status": "acknowledged"}, resolved.version).body["status"] == "acknowledged"


def test_assigning_to_a_person_reads_back_with_the_address(adapter: PagerDuty) -> None:
    made = make(adapter)
    after = adapter.update(made.ref, GRACE, made.version)
    assert [entry["assignee"]["id"] for entry in after.body["assignments"]] == ["PL7A2O4"]
    assert after.people["PL7A2O4"] == "grace@example.org"


def test_somebody_who_was_as_fast_as_we_were_changes_nothing(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    refuse(tool, 1002, "Incident Already Acknowledged", after_effect=True)
    after = adapter.update(made.ref, {"status": "acknowledged"}, made.version)
    assert after.body["status"] == "acknowledged"


def test_what_came_with_a_status_that_is_so_already_is_written_alone(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    held = tool.account.incident(made.ref)
    original = tool.simulator.rest._set_status

    def raced(incident: Incident, wanted: Any, by: str) -> None:
        if incident.status == "triggered":
            tool.account.acknowledge(held, "PL7A2O4")
        original(incident, wanted, by)

    tool.simulator.rest._set_status = raced  # type: ignore[method-assign]
    after = adapter.update(made.ref, {"status": "acknowledged", "urgency": "low"}, made.version)
    assert (after.body["status"], after.body["urgency"]) == ("acknowledged", "low")


def test_an_incident_that_was_resolved_meanwhile_is_stale_and_not_reopened(
    tool: PagerDutyDriver, adapter: PagerDuty
) -> None:
    made = make(adapter)
    refuse(tool, 1001, "Incident Already Resolved")
    with pytest.raises(StaleVersion):
        adapter.update(made.ref, {"status": "acknowledged"}, made.version)


def test_data_updated_since_the_last_request_is_stale(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    refuse(tool, 1005, "Data Updated Since Last Request")
    with pytest.raises(StaleVersion):
        adapter.update(made.ref, {"title": "New"}, made.version)


def test_a_member_that_is_taken_and_ignored_is_told_as_it_is(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    tool.simulator.rest.ignores = {"urgency"}
    after = adapter.update(made.ref, {"title": "New", "urgency": "low"}, made.version)
    assert (after.body["title"], after.body["urgency"]) == ("New", "high")
    assert after.version == adapter.read(made.ref).version


def test_a_rule_that_edits_with_our_write_is_part_of_the_answer(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    tool.simulator.rest.rule = lambda incident: tool.account.edit(incident, None, priority="PRIO1")
    after = adapter.update(made.ref, {"title": "New"}, made.version)
    assert (after.body["title"], after.body["priority"]["summary"]) == ("New", "P1")
    assert not after.raced
    assert adapter.read(made.ref).version == after.version


def test_what_a_person_does_after_our_write_is_left_to_the_next_reading(
    tool: PagerDutyDriver, adapter: PagerDuty
) -> None:
    made = make(adapter)
    tool.after_next_write(lambda: tool.account.resolve(tool.account.incident(made.ref), PERSON))
    after = adapter.update(made.ref, {"title": "New"}, made.version)
    assert (after.body["title"], after.body["status"], after.body["resolved_at"]) == ("New", "triggered", None)
    now = adapter.read(made.ref)
    assert (now.body["status"], now.automatic) == ("resolved", frozenset())
    assert now.version != after.version


def test_what_a_person_does_before_our_write_is_a_race(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    tool.before_next_write(lambda: tool.account.edit(tool.account.incident(made.ref), PERSON, urgency="low"))
    after = adapter.update(made.ref, {"title": "New"}, made.version)
    assert after.body["urgency"] == "low"
    assert after.raced


def test_a_new_incident_is_answered_as_it_was_born(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    def by_grace() -> None:
        (born,) = tool.account.incidents.values()
        tool.account.edit(born, PERSON, title="Disk full, says Grace")

    tool.after_next_write(by_grace)
    made = adapter.create({"title": "Disk full"}, TOKEN)
    assert made.body["title"] == "Disk full"
    assert adapter.read(made.ref).version != made.version


def test_an_incident_tells_how_it_was_born_but_for_later_edits(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)

    def untold() -> set[str]:
        found = adapter.find(TOKEN)
        assert found is not None and found.born is not None
        assert found.born.items() <= found.body.items()
        return found.body.keys() - found.born.keys()

    assert untold() == set()
    tool.account.note(tool.account.incident(made.ref), PERSON, "looking")
    assert untold() == set()
    tool.account.edit(tool.account.incident(made.ref), PERSON, urgency="low")
    assert untold() == {"urgency"}
    tool.edit(made.ref, {"title": "Disk full, says Grace"})
    assert untold() == {"title", "body", "urgency"}, "the log tells no former title"


def test_a_write_to_a_merged_incident_names_its_heir(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made, heir = make(adapter), tool.make("Disk full on db1")
    tool.merge(made.ref, heir)
    with pytest.raises(Gone) as caught:
        adapter.update(made.ref, {"title": "New"}, adapter.read(made.ref).version)
    assert caught.value.merged_into == heir


def test_the_description_cannot_be_changed_and_says_so(adapter: PagerDuty) -> None:
    made = make(adapter)
    with pytest.raises(Rejected, match="description of an incident cannot be changed"):
        adapter.update(made.ref, {"body": {"type": "incident_body", "details": "new"}}, made.version)


def test_an_api_that_refuses_the_include_is_read_without(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("Disk full", "df says 100 %")
    body = {"error": {"message": "Invalid Input Provided", "code": 2001, "errors": ["Include body is not valid"]}}
    tool.simulator.fail(400, method="GET", path=f"/incidents/{ref}", body=body)
    assert "body" not in adapter.read(ref).body
    assert "body" not in adapter.read(ref).body


def test_notes_are_internal_ours_by_author_and_oldest_first(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    tool.comment(made.ref, "a person's", Audience.STAFF)
    adapter.add_comment(made.ref, "ours", Audience.CUSTOMERS, Token("c-1"))
    found = adapter.comments(made.ref)
    assert [(note.body, note.ours, note.audience, note.token) for note in found] == [
        ("a person's", False, Audience.STAFF, None),
        ("ours", True, Audience.STAFF, None),
    ]


def test_a_reference_never_leads_to_another_path(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.requests.clear()
    from tieline.core.port import Ref

    with pytest.raises(Gone):
        adapter.read(Ref("../users/PAM4FGS?x="))
    assert all(not path.startswith("/users") for _, path in tool.simulator.requests)


@pytest.mark.parametrize(
    ("members", "refused"),
    [
        ({"priority": {"summary": "P9"}}, "priority"),
        ({"priority": {"id": "PGONE"}}, "priority"),
        ({"urgency": "unheard of"}, "urgency"),
        ({"assignments": [{"assignee": {"id": "PNOBODY"}}]}, "assignments"),
        ({"colour": "red"}, "colour"),
        ({"title": "x" * 1025}, "title"),
    ],
)
def test_a_refusal_names_the_member_and_says_why(adapter: PagerDuty, members: dict[str, Any], refused: str) -> None:
    with pytest.raises(Rejected) as told:
        make(adapter, **members)
    assert list(told.value.refused) == [refused]
    reading = make(adapter)
    if refused not in ("title", "colour"):
        with pytest.raises(Rejected) as told:
            adapter.update(reading.ref, members, reading.version)
        assert list(told.value.refused) == [refused]


def test_an_account_without_priorities_refuses_the_priority_alone(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    """A key of a priority that the account had once, so that nothing is known before the call."""
    tool.simulator.rest.has_priorities = False
    with pytest.raises(Rejected) as told:
        make(adapter, priority={"id": "PRIO1"})
    assert told.value.refused == {"priority": "Priority is not available to this account"}


@pytest.mark.parametrize("errors", [{"priority": "is not valid"}, ["Priority is not valid"], "Priority is not valid"])
def test_errors_come_in_several_shapes(tool: PagerDutyDriver, adapter: PagerDuty, errors: object) -> None:
    body = {"error": {"message": "Invalid Input Provided", "code": 2001, "errors": errors}}
    tool.simulator.fail(400, method="POST", body=body)
    with pytest.raises(Rejected) as told:
        make(adapter)
    assert list(told.value.refused) == ["priority"]


def test_a_refusal_that_names_nothing_refuses_it_all(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.fail(400, method="POST", body={"error": {"message": "No.", "code": 2001, "errors": ["Try again"]}})
    with pytest.raises(Rejected) as told:
        make(adapter)
    assert told.value.refused == {}


@pytest.mark.parametrize("status", ["acknowledged", "triggered"])
def test_whoever_worked_on_it_has_it_again_when_it_is_reopened(
    tool: PagerDutyDriver, adapter: PagerDuty, status: str
) -> None:
    """PagerDuty would give it to whoever reopens it, and that is our own user, whom nobody watches."""
    made = make(adapter, **GRACE)
    resolved = adapter.update(made.ref, {"status": "resolved"}, made.version)
    opened = adapter.update(made.ref, {"status": status}, resolved.version)
    assert opened.body["status"] == status
    assert [one for one, _at in tool.account.incident(made.ref).assignees] == ["PL7A2O4"]
    assert opened.version == adapter.read(made.ref).version


def test_a_reopened_incident_goes_to_whom_the_patch_names(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter)
    resolved = adapter.update(made.ref, {"status": "resolved"}, made.version)
    opened = adapter.update(made.ref, {"status": "acknowledged", **GRACE}, resolved.version)
    assert opened.body["status"] == "acknowledged"
    assert [one for one, _at in tool.account.incident(made.ref).assignees] == ["PL7A2O4"]


def test_an_incident_that_we_alone_had_goes_to_whoever_is_on_call(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ours: dict[str, Any] = {"assignments": [{"assignee": {"id": "PXPGF42", "type": "user_reference"}}]}
    made = make(adapter, **ours)
    resolved = adapter.update(made.ref, {"status": "resolved"}, made.version)
    adapter.update(made.ref, {"status": "acknowledged"}, resolved.version)
    assert [one for one, _at in tool.account.incident(made.ref).assignees] == [tool.account.on_call]


def test_a_reopening_that_stays_half_done_may_have_been_done(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    made = make(adapter, **GRACE)
    resolved = adapter.update(made.ref, {"status": "resolved"}, made.version)
    tool.after_next_write(lambda: tool.fail(400, only_writes=True))
    with pytest.raises(TryAgain) as half:
        adapter.update(made.ref, {"status": "acknowledged"}, resolved.version)
    assert half.value.maybe_done

"""`check()` and `describe()`: what is missing is named, with what to do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tieline.adapters.jira.settings import JsmSettings
from tieline.adapters.jira.simulated.desk import Desk
from tieline.core.errors import NeedsOperator
from tieline.core.port import Ref
from tieline.core.secrets import Secret


def test_a_healthy_connection_names_account_version_and_zone(desk: Desk) -> None:
    health = desk.connect().check()
    assert (health.account, health.version) == ("tieline@example.com", "1001.0.0-SNAPSHOT")
    assert health.clock_skew == timedelta(0)
    assert "the account's time zone is Europe/Berlin" in health.notes


def test_a_useful_permission_that_is_missing_is_a_note(desk: Desk) -> None:
    desk.site.denied.add("LINK_ISSUES")
    assert "without LINK_ISSUES links to other tools cannot be shown" in desk.connect().check().notes


@pytest.mark.parametrize("cloud", [True, False])
def test_who_may_not_browse_users_is_told_and_stops_at_nobody(desk: Desk, cloud: bool) -> None:
    desk.site.denied.add("USER_PICKER")
    desk.site.cloud = cloud
    adapter = desk.connect()
    assert any("Browse users and groups" in note for note in adapter.check().notes)
    assert adapter.person_id("anna@example.com") is None


def test_polling_only_is_a_note(desk: Desk) -> None:
    assert any("found by polling only" in note for note in desk.connect(webhook_secret=None).check().notes)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"project": "NOPE"}, "No project could be found with key 'NOPE'"),
        ({"issue_type": "Outage"}, "no issue type “Outage”"),
        ({"project": "DESK", "issue_type": "[System] Incident"}, "set `audience: jsm`"),
        ({"kind": JsmSettings, "project": "OPS", "issue_type": "Incident"}, "is no service project"),
        ({"api_token": Secret.literal("wrong")}, "renew them, then run `tieline check jira-ops`"),
    ],
)
def test_a_wrong_setting_is_named(desk: Desk, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(NeedsOperator) as told:
        desk.connect(**settings).check()
    assert sentence in str(told.value)


def test_a_missing_permission_is_named(desk: Desk) -> None:
    desk.site.denied |= {"TRANSITION_ISSUES", "ADD_COMMENTS"}
    with pytest.raises(NeedsOperator, match="lacks TRANSITION_ISSUES, ADD_COMMENTS in project OPS"):
        desk.connect().check()


def test_a_required_field_that_nothing_fills_is_named(desk: Desk) -> None:
    desk.site.required_at_creation = {"customfield_10050", "customfield_10051", "labels"}
    with pytest.raises(NeedsOperator, match=r"requires Impact \(customfield_10051\); give a value in `create_fields`"):
        desk.connect(create_fields={"customfield_10050": "shop"}).check()


def test_everything_that_a_person_must_mend_is_told_at_once(desk: Desk) -> None:
    desk.site.denied |= {"ADD_COMMENTS"}
    desk.site.required_at_creation = {"customfield_10051"}
    with pytest.raises(NeedsOperator) as told:
        desk.connect(kind=JsmSettings, project="OPS", issue_type="Incident").check()
    for words in ("lacks ADD_COMMENTS", "is no service project", r"requires Impact (customfield_10051)"):
        assert words in str(told.value)


def test_a_site_of_the_other_deployment_is_named(desk: Desk, data_center: Desk) -> None:
    data_center.connect().check()
    cloud = desk.connect()
    desk.simulator.fail(200, body={"deploymentType": "Server", "version": "9.12.4"}, path="/serverInfo")
    with pytest.raises(NeedsOperator, match="set `tool: jira-dc`"):
        cloud.check()


def test_a_secret_that_cannot_be_found_is_named_by_its_reference(desk: Desk) -> None:
    with pytest.raises(NeedsOperator, match="TIELINE_NO_SUCH_TOKEN is not set"):
        desk.connect(api_token=Secret("env", "TIELINE_NO_SUCH_TOKEN")).check()


def test_the_live_schema_is_told_by_the_paths_that_mappings_use(desk: Desk) -> None:
    facts = desk.connect().describe()
    assert facts["fields.summary"].max_length == 255
    assert facts["fields.summary"].required
    assert facts["fields.priority.name"].choices == {
        name: name for name in ("Highest", "High", "Medium", "Low", "Lowest")
    }
    assert facts["fields.priority.id"].choices == {
        "1": "Highest", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"
    }  # fmt: skip
    assert "In Review" in (facts["fields.status.name"].choices or {})
    assert facts["fields.labels"].choices is None
    assert facts["fields.assignee.accountId"].writable
    assert not facts["fields.resolution"].writable, "no create screen takes it"


def test_each_project_has_its_own_states(desk: Desk) -> None:
    assert set(desk.connect(kind=JsmSettings).describe()["fields.status.name"].choices or {}) >= {"Open", "Completed"}


@pytest.mark.parametrize(
    ("email", "identity"),
    [
        ("Anna@Example.com", "712020-anna"),
        ("otto@example.com", "712020-hidden"),
        ("left@example.com", None),
        ("nobody@example.com", None),
        ("anna", None),
    ],
)
def test_people_are_found_by_their_whole_address(desk: Desk, email: str, identity: str | None) -> None:
    assert desk.connect().person_id(email) == identity


def test_a_hidden_address_is_remembered_in_readings(desk: Desk) -> None:
    adapter = desk.connect()
    ref = Ref(desk.person_makes("Disk full", assignee={"accountId": "712020-hidden"}))
    assert "712020-hidden" not in adapter.read(ref).people
    adapter.person_id("otto@example.com")
    assert adapter.read(ref).people["712020-hidden"] == "otto@example.com"


def test_a_person_is_asked_for_once_in_ten_minutes(desk: Desk) -> None:
    adapter = desk.connect()
    desk.calls()
    for _ in range(3):
        adapter.person_id("anna@example.com")
    assert len(desk.calls()) == 1
    desk.clock.advance(601)
    adapter.person_id("anna@example.com")
    assert len(desk.calls()) == 1


def test_the_priorities_of_the_sites_own_scheme_are_told(desk: Desk) -> None:
    desk.site.priorities = {"1": "Höchste", "3": "Mittel"}
    assert set(desk.connect().describe()["fields.priority.name"].choices or ()) == {"Höchste", "Mittel"}


def test_a_field_on_no_screen_cannot_be_written_and_says_which_screen_to_look_at(desk: Desk) -> None:
    for screen in (desk.site.create_screen, desk.site.edit_screen):
        del screen["labels"]
    desk.person_makes("Disk full")
    fact = desk.connect().describe()["fields.labels"]
    assert not fact.writable
    assert "labels on the create and edit screens of issue type Incident in project OPS" in fact.advice


def test_a_field_on_the_create_screen_alone_is_taken_once(desk: Desk) -> None:
    del desk.site.edit_screen["labels"]
    adapter = desk.connect()
    assert not adapter.describe()["fields.labels"].once, "without an issue nobody can say what the edit screen has"
    desk.person_makes("Disk full")
    fact = adapter.describe()["fields.labels"]
    assert fact.once
    assert fact.writable
    assert "edit screen" in fact.advice


def test_a_field_on_the_edit_screen_alone_can_be_written(desk: Desk) -> None:
    del desk.site.create_screen["labels"]
    desk.person_makes("Disk full")
    fact = desk.connect().describe()["fields.labels"]
    assert (fact.writable, fact.once, fact.max_length) == (True, False, 255)


def test_a_field_with_a_default_is_not_required(desk: Desk) -> None:
    desk.site.create_screen["priority"] = True
    assert not desk.connect().describe()["fields.priority.name"].required
    desk.site.create_screen["labels"] = True
    assert desk.connect().describe()["fields.labels"].required


def test_screens_that_were_changed_meanwhile_are_told_anew(desk: Desk) -> None:
    adapter = desk.connect()
    desk.person_makes("Disk full")
    assert adapter.describe()["fields.labels"].writable
    for screen in (desk.site.create_screen, desk.site.edit_screen):
        del screen["labels"]
    assert not adapter.describe()["fields.labels"].writable


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("transition_comments", {"Resolvd": "x", "*": "x"}, "`transition_comments` names Resolvd, which is neither"),
        ("transition_comments", {"in progress": "x"}, ""),
        ("transition_comments", {"START work": "x"}, ""),
        ("transition_fields", {"resolutoin": {"name": "Done"}}, "`transition_fields` names resolutoin, which no field"),
        ("transition_fields", {"resolution": {"name": "Done"}}, ""),
        ("create_fields", {"customfield_1": 1}, "`create_fields` names customfield_1, which no field"),
        ("volatile_fields", ("customfield_2",), "`volatile_fields` names customfield_2, which no field"),
    ],
)
def test_a_name_that_the_site_does_not_know_is_told(desk: Desk, option: str, value: Any, sentence: str) -> None:
    desk.person_makes("Disk full")
    told = [note for note in desk.connect(**{option: value}).check().notes if f"`{option}`" in note]
    assert [sentence in note for note in told] == ([True] if sentence else [])


def test_a_transition_that_no_issue_stands_before_is_not_called_unknown_for_sure(desk: Desk) -> None:
    desk.person_makes("Disk full")
    (told,) = (note for note in desk.connect(transition_comments={"Ship": "x"}).check().notes if "Ship" in note)
    assert "Start work" in told
    assert "as far as issues show it: none stands in In Progress, In Review, Done" in told

"""What an incident's JSON means, and what a write must look like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tieline.adapters.pagerduty import incident
from tieline.core.port import Ref, Token

NOW = datetime(2026, 11, 23, 19, 4, 37, tzinfo=UTC)


def an_incident(**changes: Any) -> dict[str, Any]:
    ada = {"id": "PADA", "type": "user_reference", "summary": "Ada"}
    return {
        "id": "Q1",
        "type": "incident",
        "incident_number": 7,
        "title": "Disk full",
        "status": "triggered",
        "urgency": "high",
        "incident_key": "tl-1",
        "html_url": "https://acme.pagerduty.com/incidents/Q1",
        "priority": {"id": "PR1", "type": "priority_reference", "summary": "P1"},
        "assignments": [{"at": "2026-11-23T19:00:00Z", "assignee": ada}],
        "acknowledgements": [],
        "updated_at": "2026-11-23T19:04:00Z",
        "last_status_change_at": "2026-11-23T19:04:00Z",
        "alert_counts": {"all": 0, "triggered": 0, "resolved": 0},
        "pending_actions": [],
        "resolve_reason": None,
        **changes,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Disk full on db1"},
        {"status": "acknowledged"},
        {"priority": None},
        {"urgency": "low"},
        {"body": {"type": "incident_body", "details": "df says 100 %"}},
        {"assignments": []},
        {"custom_fields": [{"id": "PCF", "value": "x"}]},
        {"priority": {"id": "PR2", "type": "priority", "summary": "P1"}},
    ],
)
def test_the_version_moves_with_anything_that_means_something(changes: dict[str, Any]) -> None:
    assert incident.version_of(an_incident(**changes)) != incident.version_of(an_incident())


@pytest.mark.parametrize(
    "changes",
    [
        {"updated_at": "2026-11-23T20:00:00Z", "last_status_change_at": "2026-11-23T20:00:00Z"},
        {"alert_counts": {"all": 900, "triggered": 900, "resolved": 0}},
        {"pending_actions": [{"type": "escalate", "at": "2026-11-23T20:00:00Z"}]},
        {"priority": {"id": "PR1", "type": "priority_reference", "summary": "P1 renamed"}},
        {"priority": {"id": "PR1", "type": "priority", "summary": "P1", "color": "a8171c", "order": 3}},
        {"alert_grouping": {"grouping_type": "time", "alert_grouping_active": False}},
        {"occurrence": {"count": 3, "frequency": 0.4, "category": "rare"}},
        {"html_url": "https://acme-two.pagerduty.com/incidents/Q1"},
    ],
)
def test_alerts_pouring_in_and_renamed_references_leave_the_version_alone(changes: dict[str, Any]) -> None:
    assert incident.version_of(an_incident(**changes)) == incident.version_of(an_incident())


def test_a_value_of_a_field_of_their_own_moves_the_version() -> None:
    fields = [{"id": "PCF", "type": "field_value", "value": value} for value in ("x", "y")]
    one, other = (incident.version_of(an_incident(custom_fields=[field])) for field in fields)

    assert one != other


def test_a_resolution_does_not_say_that_nobody_worked_on_it() -> None:
    reading = incident.reading_of(an_incident(status="resolved", assignments=[]), NOW, {})
    assert "assignments" not in reading.body


def test_an_open_incident_without_anybody_says_so() -> None:
    assert incident.reading_of(an_incident(assignments=[]), NOW, {}).body["assignments"] == []


def test_a_reading_carries_what_people_call_it_and_how_long_ago_it_changed() -> None:
    reading = incident.reading_of(an_incident(), NOW, {"PADA": "ada@example.org"})
    assert (reading.ref, reading.key, reading.token) == (Ref("Q1"), "#7", Token("tl-1"))
    assert reading.url == "https://acme.pagerduty.com/incidents/Q1"
    assert reading.age == timedelta(seconds=37)
    assert reading.merged_into is None


def test_the_age_is_unknown_without_a_date_and_never_negative() -> None:
    assert incident.reading_of(an_incident(), None, {}).age is None
    assert incident.reading_of(an_incident(updated_at="2026-11-23T20:00:00Z"), NOW, {}).age == timedelta(0)


def test_a_merged_incident_names_its_heir() -> None:
    reason = {"type": "merge_resolve_reason", "incident": {"id": "Q2", "type": "incident_reference"}}
    assert incident.merged_into(an_incident(status="resolved", resolve_reason=reason)) == Ref("Q2")


def test_people_are_those_it_is_assigned_to_or_acknowledged_by_and_no_services() -> None:
    grace = {"at": "2026-11-23T19:00:00Z", "acknowledger": {"id": "PGRACE", "type": "user_reference"}}
    api = {"at": "2026-11-23T19:00:00Z", "acknowledger": {"id": "PAPI", "type": "service_reference"}}
    assert incident.people_in(an_incident(acknowledgements=[grace, api])) == ("PADA", "PGRACE")


def test_an_instant_may_come_with_an_offset_or_fractions() -> None:
    expected = datetime(2026, 11, 23, 19, 4, 37, tzinfo=UTC)
    assert incident.moment("2026-11-23T14:04:37-05:00") == expected
    assert incident.moment("2026-11-23T19:04:37.000Z") == expected
    assert incident.moment("soon") is None
    assert incident.moment("9999-12-31T23:59:59-12:00") is None, "it is beyond the calendar here"


def test_a_change_holds_only_what_differs() -> None:
    patch = {
        "title": "Disk full",
        "urgency": "low",
        "priority": {"id": "PR1", "type": "priority_reference"},
        "assignments": [{"assignee": {"id": "PADA", "type": "user_reference"}}],
    }
    assert incident.change(an_incident(), patch) == {"urgency": "low"}


def test_a_status_that_is_so_already_is_not_written_nor_its_resolution() -> None:
    resolved = an_incident(status="resolved")
    assert incident.change(resolved, {"status": "resolved", "resolution": "restarted"}) == {}


def test_taking_an_acknowledgement_back_calls_the_responders_again() -> None:
    change = incident.change(an_incident(status="acknowledged"), {"status": "triggered"})
    assert change == {"status": "triggered", "escalation_level": 1}


def test_reopening_needs_the_status_only() -> None:
    assert incident.change(an_incident(status="resolved"), {"status": "triggered"}) == {"status": "triggered"}


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"body": {"type": "incident_body", "details": "new"}}, "description"),
        ({"resolution": "restarted"}, "status: resolved"),
        ({"assignments": []}, "always assigned"),
        ({"title": "x", "labels": ["a"]}, "`labels`"),
    ],
)
def test_what_pagerduty_cannot_take_is_refused_by_name(patch: dict[str, Any], words: str) -> None:
    with pytest.raises(incident.Refusal, match=words):
        incident.change(an_incident(), patch)


def test_a_creation_is_split_into_what_post_takes_and_what_follows() -> None:
    body: dict[str, Any] = {"title": "Disk full", "status": "acknowledged", "assignments": [], "priority": None}
    first, later = incident.creation(body, "PSVC", Token("tl-1"))
    assert first == {
        "type": "incident",
        "title": "Disk full",
        "service": {"id": "PSVC", "type": "service_reference"},
        "incident_key": "tl-1",
    }
    assert later == {"status": "acknowledged"}


def test_a_new_incident_is_triggered_and_nothing_follows() -> None:
    assert incident.creation({"title": "Disk full", "status": "triggered"}, "PSVC", Token("tl-1"))[1] == {}


def test_what_differs_between_two_answers_is_told_by_its_meaning() -> None:
    grace = [{"assignee": {"id": "PL7A2O4", "type": "user_reference"}}]
    renamed = {"id": "PR1", "type": "priority", "summary": "P1 renamed"}
    assert incident.differing(an_incident(title="New", priority=renamed), an_incident()) == {"title"}
    assert incident.differing({"urgency": "low"}, an_incident()) == {"urgency"}
    assert incident.differing(an_incident(assignments=grace), an_incident()) == {"assignments"}
    assert incident.differing(an_incident(status="resolved", assignments=[]), an_incident()) == {"status"}


def test_the_incident_as_an_answer_left_it_keeps_what_the_answer_does_not_show() -> None:
    now = an_incident(title="Third", status="resolved", body={"type": "incident_body", "details": "all of it"})
    left = incident.as_left({"title": "New", "status": "triggered", "resolved_at": None, "summary": "x"}, now)
    assert (left["title"], left["status"], left["resolved_at"]) == ("New", "triggered", None)
    assert left["body"]["details"] == "all of it"
    assert "summary" not in left

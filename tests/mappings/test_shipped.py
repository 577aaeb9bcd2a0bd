"""The mappings that come with Tieline, on records as the tools answer them."""

from __future__ import annotations

from pathlib import Path

import pytest

import tieline.mappings
from tieline.core.model import CATALOGUE, INCIDENT_FIELDS
from tieline.mappings import Mapping, explain, load, shipped
from tieline.mappings.schema import schema_text

SHIPPED = sorted(shipped())


@pytest.fixture(scope="module", params=SHIPPED)
def mapping(request: pytest.FixtureRequest) -> Mapping:
    return load(str(request.param))


def test_the_shipped_mappings_are_the_ones_that_adapters_name() -> None:
    assert SHIPPED == [
        "alertmanager-alert",
        "azure-monitor-alert",
        "checkmk-alert",
        "cloudevents-alert",
        "cloudwatch-alarm",
        "datadog-alert",
        "defender-incident",
        "dynatrace-alert",
        "github-issue",
        "google-cloud-alert",
        "healthchecks-alert",
        "icinga-problem",
        "jira-issue",
        "jira-issue-wiki",
        "jira-jsm-incident",
        "memory-incident",
        "memory-problem",
        "nagios-problem",
        "new-relic-alert",
        "pagerduty-incident",
        "prometheus-alert",
        "rt-ticket",
        "runner-execution",
        "sentinel-incident",
        "sentry-alert",
        "servicenow-incident",
        "splunk-notable",
        "spool-execution",
        "statuspage-announcement",
        "uptime-kuma-alert",
        "webhook-alert",
        "zabbix-problem",
    ]


def test_a_shipped_mapping_proves_itself_on_several_examples(mapping: Mapping) -> None:
    assert len(mapping.document.examples) >= 3


def test_what_an_example_reads_writes_back_as_nothing(mapping: Mapping) -> None:
    for example in mapping.document.examples:
        read = mapping.normalize(example.body, example.people).fields
        ids = {email: number for number, email in example.people.items()}
        projected = mapping.project(read, ids)
        difference = {name: value for name, value in projected.items() if value != read[name]}

        assert mapping.denormalize(difference, read, ids).body == {}


def test_projecting_twice_changes_nothing(mapping: Mapping) -> None:
    for example in mapping.document.examples:
        fields = mapping.normalize(example.body, example.people).fields
        once = mapping.project(fields)

        assert mapping.project(once) == once


def test_every_canonical_field_is_explained(mapping: Mapping) -> None:
    rows = explain(mapping)

    assert [row.field for row in rows] == list(CATALOGUE[mapping.record])
    assert all(row.because for row in rows)
    assert {row.field for row in rows if row.read != "no"} == mapping.readable


def test_the_memory_mapping_carries_every_incident_field_under_its_own_name() -> None:
    mapping = load("memory-incident")

    assert mapping.readable == mapping.writable == set(INCIDENT_FIELDS)


def test_a_priority_is_written_as_impact_and_urgency_and_never_as_itself() -> None:
    mapping = load("servicenow-incident")
    written = {f"p{n}": mapping.denormalize({"priority": f"p{n}"}, {}).body for n in range(1, 6)}
    matrix = {"11": "1", "12": "2", "21": "2", "13": "3", "22": "3", "31": "3", "23": "4", "32": "4", "33": "5"}

    assert all(set(body) == {"impact", "urgency"} for body in written.values())
    assert {value: "p" + matrix[body["impact"] + body["urgency"]] for value, body in written.items()} == {
        value: value for value in written
    }


def test_closing_in_servicenow_sends_the_code_and_the_notes_even_when_nobody_wrote_them() -> None:
    answer = load("servicenow-incident").denormalize({"status": "closed"}, {"close_notes": None})

    assert answer.body == {
        "state": "7",
        "close_code": "Solution provided",
        "close_notes": "Resolved in a connected tool.",
    }
    assert answer.written == {
        "status": "closed",
        "close_code": "fixed",
        "close_notes": "Resolved in a connected tool.",
    }


def test_the_notes_that_the_incident_has_go_before_the_default() -> None:
    answer = load("servicenow-incident").denormalize(
        {"status": "resolved"}, {"status": "resolved", "close_notes": "Swapped the disk.", "close_code": "workaround"}
    )

    assert answer.body == {"state": "6", "close_code": "Workaround provided", "close_notes": "Swapped the disk."}


def test_a_jira_resolution_is_written_with_its_transition_and_never_alone() -> None:
    mapping = load("jira-issue")
    alone = mapping.denormalize({"close_code": "duplicate"}, {"close_code": "duplicate"})

    assert alone.body == {}
    assert [one.field for one in alone.left_out] == ["close_code"]
    assert "close_code" not in mapping.project({"close_code": "duplicate"})
    assert mapping.denormalize({"status": "resolved"}, {"close_code": "duplicate"}).body == {
        "fields": {"status": {"name": "Done"}, "resolution": {"name": "Duplicate"}}
    }


def test_pagerduty_gets_its_description_at_creation_and_never_again() -> None:
    mapping = load("pagerduty-incident")
    fields = {"title": "Down", "description": "All of it."}
    created = mapping.denormalize(fields, fields, creating=True)
    updated = mapping.denormalize(fields, fields)

    assert mapping.once == {"description"}
    assert created.body["body"] == {"type": "incident_body", "details": "All of it."}
    assert created.written == {"title": "Down", "description": "All of it."}
    assert "body" not in updated.body
    assert [one.field for one in updated.left_out] == ["description"]


def test_a_signal_is_never_written() -> None:
    for name in ("alertmanager-alert", "prometheus-alert", "icinga-problem", "nagios-problem", "zabbix-problem"):
        assert load(name).writable == frozenset()


def test_the_schema_file_is_what_the_declaration_says() -> None:
    written = (Path(tieline.mappings.__file__).parent / "schema.json").read_text("utf-8")

    assert written == schema_text(), "write it anew: tieline.mappings.schema.schema_text()"

"""What one issue says."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tieline.adapters.jira.essence import essence
from tieline.adapters.jira.issue import overwritten, people, plain, reading, says, token_of, version
from tieline.core.port import Token

ISSUE: dict[str, Any] = {
    "id": "10002",
    "key": "EX-1",
    "properties": {"tieline": {"token": "01J"}},
    "fields": {
        "summary": "Main order flow broken",
        "updated": "2023-03-27T20:54:15.878+0300",
        "status": {"id": "3", "name": "In Progress", "statusCategory": {"key": "indeterminate"}},
        "assignee": {"accountId": "5b10", "displayName": "Mia", "emailAddress": "Mia@Example.com"},
        "customfield_1": {
            "id": "12",
            "name": "Time to resolution",
            "ongoingCycle": {"remainingTime": {"millis": 3_600_000}},
        },
        "customfield_2": {"id": "1", "value": "Europe", "child": {"id": "2", "value": "Berlin"}},
        "votes": {"votes": 1},
        "issuelinks": [],
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    issue = copy.deepcopy(ISSUE)
    *parents, last = path.split(".")
    place = issue
    for parent in parents:
        place = place[parent]
    place[last] = value
    return issue


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("fields.updated", "2023-03-27T20:54:15.879+0300"),
        ("fields.summary", "Main order flow mended"),
        ("fields.status.id", "4"),
        ("fields.assignee.accountId", "5b11"),
        ("fields.assignee", None),
        ("fields.customfield_2.child.id", "3"),
        ("key", "OTHER-7"),
    ],
)
def test_the_version_moves_with_the_record(path: str, value: Any) -> None:
    assert version(changed(path, value)) != version(ISSUE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("fields.updated", "2023-03-27T17:54:15.878+0000"),  # the same moment, seen by an account in another zone
        ("fields.customfield_1.ongoingCycle.remainingTime.millis", 3_540_000),  # an SLA clock runs
        ("fields.assignee.displayName", "Mia K."),
        ("fields.status.name", "In Arbeit"),  # translated for another viewer
        ("fields.votes.votes", 2),
        ("fields.issuelinks", [{"inwardIssue": {"fields": {"status": {"name": "Done"}}}}]),
        ("fields.customfield_9", None),  # a field without a value was added to the site
    ],
)
def test_the_version_stands_while_nobody_writes(path: str, value: Any) -> None:
    assert version(changed(path, value)) == version(ISSUE)


REQUEST: dict[str, Any] = {
    "_links": {"web": "https://x.example/servicedesk/customer/portal/1/OPS-1"},
    "requestType": {"id": "11", "name": "Report an incident"},
    "currentStatus": {
        "status": "Waiting for support",
        "statusDate": {
            "iso8601": "2026-11-28T10:00:00+0100",
            "friendly": "Today 10:00 AM",
            "epochMillis": 1795856400000,
        },
    },
}
DEVELOPMENT = '{pullrequest={dataType=pullrequest, state=OPEN}, json={"cachedValue":{"n":%d},"isStale":%s}}'
SPRINT = "com.atlassian.greenhopper.service.sprint.Sprint@%s[id=1,rapidViewId=2,state=ACTIVE,name=One]"


def dated(friendly: str, **more: Any) -> dict[str, Any]:
    field = copy.deepcopy(REQUEST)
    field["currentStatus"]["statusDate"] |= {"friendly": friendly, **more}
    return field


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (dated("Today 10:00 AM"), dated("Yesterday 10:00 AM")),
        (dated("Today 10:00 AM"), dated("Heute 10:00", iso8601="2026-11-28T09:00:00+0000")),
        (DEVELOPMENT % (1, "false"), DEVELOPMENT % (1, "true")),
        ("{}", DEVELOPMENT % (0, "false")),
        (DEVELOPMENT % (1, "false"), None),
        ([SPRINT % "1f39f706"], [SPRINT % "5e9d3d01"]),
        ("0|i0007r:", "0|hzzzzz:001"),
        ([{"accountId": "a"}, {"accountId": "b"}], [{"accountId": "b"}, {"accountId": "a"}]),
        (
            {"lead": {"self": "https://a.example/1", "plan": "x"}},
            {"lead": {"self": "https://b.example/1", "plan": "x"}},
        ),
    ],
)
def test_the_version_stands_still_when_a_field_moves_by_itself(one: Any, other: Any) -> None:
    first, second = (
        version({**ISSUE, "fields": {**ISSUE["fields"], "customfield_9": value}}) for value in (one, other)
    )

    assert first == second


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (REQUEST, {**REQUEST, "requestType": {"id": "12"}}),
        (dated("Today 10:00 AM"), dated("Today 10:00 AM", epochMillis=1795856400001)),
        ("{curly words}", "{other curly words}"),
        ("3|4 of the disks", "4|4 of the disks"),
        ([{"id": "1"}], [{"id": "1"}, {"id": "2"}]),
        ([SPRINT % "1f39f706"], [(SPRINT % "1f39f706").replace("id=1,", "id=2,")]),
        ("mail ada@abcdef12 now", "mail ada@abcdef13 now"),
    ],
)
def test_the_version_moves_when_somebody_writes_such_a_field(one: Any, other: Any) -> None:
    first, second = (
        version({**ISSUE, "fields": {**ISSUE["fields"], "customfield_9": value}}) for value in (one, other)
    )

    assert first != second


def test_a_field_that_the_site_computes_can_be_left_out_of_the_version() -> None:
    assert version(changed("fields.customfield_7", 41)) != version(ISSUE)
    assert version(changed("fields.customfield_7", 41), frozenset({"customfield_7"})) == version(ISSUE)


def test_the_token_is_read_from_the_property_alone() -> None:
    assert token_of(ISSUE) == Token("01J")
    held: Any
    for held in (None, {}, {"token": 7}, {"token": ""}, "01J", []):
        assert token_of({**ISSUE, "properties": {"tieline": held}}) is None
    assert token_of({"id": "1"}) is None


def test_people_are_known_by_lower_case_address_and_hidden_ones_by_our_own_search() -> None:
    fields = {
        **ISSUE["fields"],
        "reporter": {"accountId": "hid"},
        "customfield_3": [{"accountId": "x", "emailAddress": "X@y"}],
    }
    assert people(fields, {"hid": "otto@example.com"}) == {
        "5b10": "mia@example.com",
        "hid": "otto@example.com",
        "x": "x@y",
    }


def test_a_data_center_user_is_known_by_name_and_by_key() -> None:
    user = {"name": "mia", "key": "JIRAUSER10100", "emailAddress": "mia@example.com"}
    assert people({"assignee": user}, {}) == {"mia": "mia@example.com", "JIRAUSER10100": "mia@example.com"}


def test_the_age_is_taken_by_the_tools_own_clock_and_never_negative() -> None:
    at = datetime(2023, 3, 27, 17, 55, 15, tzinfo=UTC)
    assert reading(ISSUE, "https://x", at, {}).age == timedelta(seconds=59.122)
    assert reading(ISSUE, "https://x", at - timedelta(hours=1), {}).age == timedelta(0)
    assert reading(ISSUE, "https://x", None, {}).age is None


def test_a_reading_is_named_by_its_numeric_id() -> None:
    found = reading(ISSUE, "https://x", None, {})
    assert (found.ref, found.key, found.url) == ("10002", "EX-1", "https://x/browse/EX-1")


ADF = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "a b"}]}]}
REWRITTEN = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "attrs": {"localId": "x"}, "content": [{"type": "text", "text": "a  b"}]}],
}


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ("High", "High"),
        ({"name": "high"}, {"self": "…", "name": "High", "id": "2"}),
        ({"accountId": None}, None),
        (None, None),
        ([], None),
        (["a", "b"], ["b", "a"]),
        ([{"name": "a"}], [{"name": "a", "id": "1"}]),
        (ADF, REWRITTEN),
        ({"type": "doc", "version": 1, "content": []}, None),
        ("two  words ", "two words"),
    ],
)
def test_a_field_already_means_what_was_written(wanted: Any, held: Any) -> None:
    assert says(held, wanted)


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ("High", "Low"),
        ("Disk full", "disk full"),
        ({"name": "High"}, {"name": "Low", "id": "3"}),
        ({"accountId": "a"}, None),
        (None, "text"),
        (["a"], ["a", "b"]),
        (ADF, None),
    ],
)
def test_a_field_does_not_mean_what_was_written(wanted: Any, held: Any) -> None:
    assert not says(held, wanted)


def test_the_words_of_a_deep_document_are_found_without_recursion() -> None:
    node: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(50_000):
        node = {"type": "blockquote", "content": [node]}
    assert plain(node) == "deep"


def test_a_running_sla_has_the_essence_of_its_id() -> None:
    assert essence(ISSUE["fields"]["customfield_1"]) == "12"


def test_what_another_person_wrote_in_the_gap_is_told() -> None:
    entry = {"created": "2023-03-27T20:54:16.000+0300", "items": [{"field": "summary", "toString": "theirs"}]}
    theirs = {**entry, "author": {"accountId": "anna", "displayName": "Anna"}}
    ours = {**entry, "author": {"accountId": "bot", "displayName": "Tieline"}}
    before = {**theirs, "created": "2023-03-27T20:54:15.878+0300"}
    changelog = {"histories": [ours, theirs, before]}
    since = ISSUE["fields"]["updated"]
    assert overwritten(changelog, since, {"summary"}, "bot") == "summary: “theirs” by Anna"
    assert overwritten(changelog, since, {"priority"}, "bot") == ""
    assert overwritten(None, since, {"summary"}, "bot") == ""

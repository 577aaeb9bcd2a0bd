"""What the changelog tells of a write that was raced: the value that it replaced, in the place where it stood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tieline.adapters.jira import history
from tieline.adapters.jira.simulated.desk import Desk, adf
from tieline.core.errors import Gone
from tieline.core.port import Reading, Ref, Replaced


def raced(desk: Desk, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> tuple[Reading, Replaced | None]:
    """Our write of `ours`, with Anna's edit of `theirs` between its look and itself."""
    ref, adapter = Ref(desk.person_makes("Disk full", description=adf("df says 100 %"))), desk.connect()
    seen = adapter.read(ref).version

    def faster() -> None:
        desk.clock.advance(0.2)
        desk.person("edit", ref, fields=theirs)
        desk.clock.advance(0.2)

    desk.site.before_write.append(faster)
    written = adapter.update(ref, {"fields": ours}, seen)
    return written, adapter.replaced(ref, seen)


@pytest.mark.parametrize(
    ("name", "theirs", "ours", "told"),
    [
        ("summary", "Disk full, says Anna", "Disk full on db1", "Disk full, says Anna"),
        ("labels", ["db", "urgent"], ["disk"], ["db", "urgent"]),
        ("description", adf("one\ntwo"), adf("three"), adf("one two")),
        ("priority", {"name": "High"}, {"name": "Low"}, {"id": "2", "name": "High", "value": "High"}),
        (
            "assignee",
            {"accountId": "712020-mia"},
            {"accountId": None},
            {"accountId": "712020-mia", "displayName": "Mia Krystof"},
        ),
    ],
)
def test_a_replaced_value_stands_in_its_place(desk: Desk, name: str, theirs: Any, ours: Any, told: Any) -> None:
    written, found = raced(desk, {name: theirs}, {name: ours})
    assert written.raced
    assert found is not None
    assert found.body is not None
    assert found.body["fields"][name] == told
    assert found.body["id"] == written.body["id"]
    assert not found.untold


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("summary", "Disk full, says Anna", "Disk full on db1"),
        ("labels", ["db", "urgent"], ["disk"]),
        ("description", adf("one\ntwo"), adf("three")),
        ("priority", {"name": "High"}, {"name": "Low"}),
        ("assignee", {"accountId": "712020-mia"}, {"accountId": None}),
    ],
)
def test_what_somebody_wrote_where_our_write_was_dropped_is_read_next(
    desk: Desk, name: str, theirs: Any, ours: Any
) -> None:
    desk.site.ignores.add(name)
    # Something of ours is written, so that its entry stands behind Anna's.
    written, _found = raced(desk, {name: theirs}, {name: ours, "environment": adf("db1")})
    following = desk.connect().read(written.ref)
    assert written.body["fields"][name] != following.body["fields"][name]
    assert written.version != following.version


def test_what_somebody_writes_between_our_edit_and_our_transition_is_read_next(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    seen = adapter.read(ref).version

    def faster() -> None:
        desk.clock.advance(0.2)
        desk.person("edit", ref, fields={"summary": "Disk full, says Anna"})
        desk.clock.advance(0.2)

    desk.site.before_write.append(lambda: desk.site.before_write.append(faster))
    written = adapter.update(ref, {"fields": {"summary": "Disk full on db1", "status": {"name": "In Progress"}}}, seen)
    assert written.body["fields"]["summary"] == "Disk full on db1"
    following = adapter.read(ref)
    assert following.body["fields"]["summary"] == "Disk full, says Anna"
    assert following.version != written.version


def test_what_somebody_wrote_before_us_where_we_wrote_the_same_is_no_news(desk: Desk) -> None:
    written, _found = raced(desk, {"summary": "Disk full on db1"}, {"summary": "Disk full on db1"})
    assert written.body["fields"]["summary"] == "Disk full on db1"


def test_an_emptied_field_was_empty(desk: Desk) -> None:
    _written, found = raced(desk, {"description": None}, {"description": adf("df says 99 %")})
    assert found is not None
    assert found.body is not None
    assert found.body["fields"]["description"] is None


def test_an_edit_of_another_field_is_a_race_that_replaced_nothing(desk: Desk) -> None:
    written, found = raced(desk, {"labels": ["db"]}, {"summary": "Disk full on db1"})
    assert written.raced
    assert found is None


def test_a_status_is_told_by_id_and_name() -> None:
    item = {"field": "status", "from": "3", "fromString": "In Progress", "to": "10001", "toString": "Done"}
    now = {"status": {"id": "10001", "name": "Done", "statusCategory": {"key": "done"}}, "summary": "Disk full"}
    told = history.put_back(now, {"status": item}, cloud=True)
    assert told == {"status": {"id": "3", "name": "In Progress", "value": "In Progress"}, "summary": "Disk full"}


def test_a_data_center_calls_people_by_name() -> None:
    item = {"field": "assignee", "from": "mia", "fromString": "Mia Krystof"}
    told = history.put_back({"assignee": None}, {"assignee": item}, cloud=False)
    assert told == {"assignee": {"name": "mia", "key": "mia", "displayName": "Mia Krystof"}}


def test_a_deleted_issue_has_no_history(desk: Desk) -> None:
    ref, adapter = Ref(desk.person_makes("Disk full")), desk.connect()
    seen = adapter.read(ref).version
    desk.person("delete", ref)
    with pytest.raises(Gone):
        adapter.replaced(ref, seen)


def entry(number: int, author: str, *changes: tuple[str, str, str]) -> dict[str, Any]:
    """One entry of a changelog, `number` seconds after the start of 2026."""
    items = [{"field": name, "fromString": before, "toString": after} for name, before, after in changes]
    created = f"2026-01-01T00:00:{number:02}.000+0000"
    return {"id": str(number), "author": {"accountId": author}, "created": created, "items": items}


BOT = history.Hands("bot", frozenset({"Automation for Jira", "557058"}))
SINCE = 1_767_225_600_000
"""The start of 2026."""


def test_the_last_value_before_ours_is_the_one_that_was_replaced() -> None:
    listed = [
        entry(4, "anna", ("summary", "ours", "later")),
        entry(3, "bot", ("summary", "second", "ours")),
        entry(2, "anna", ("summary", "first", "second")),
        entry(1, "anna", ("summary", "seen", "first")),
        entry(0, "anna", ("priority", "Low", "High")),
    ]
    found = history.replaced({"histories": listed}, SINCE, BOT)
    assert {name: item["fromString"] for name, item in found.items()} == {"summary": "second"}
    assert history.is_shared({"histories": listed}, SINCE, BOT)
    assert not history.is_shared({"histories": listed[-2:]}, SINCE, BOT)


def test_what_persons_changed_after_our_last_entry_is_told_as_it_stood_before_them() -> None:
    listed = [
        entry(5, "anna", ("summary", "first", "second"), ("labels", "db", "")),
        entry(4, "anna", ("summary", "ours", "first")),
        entry(3, "bot", ("summary", "theirs", "ours")),
        entry(2, "anna", ("priority", "Low", "High")),
    ]
    changelog = {"histories": listed, "total": 4}
    later, ever = history.afterwards(changelog, SINCE, BOT), history.since_birth(changelog, BOT)
    assert {name: item["fromString"] for name, item in later.items()} == {"summary": "ours", "labels": "db"}
    assert ever is not None
    assert {name: item["fromString"] for name, item in ever.items()} == {
        "summary": "ours",
        "labels": "db",
        "priority": "Low",
    }


def test_a_changelog_that_does_not_tell_all_tells_no_birth() -> None:
    assert history.since_birth({"histories": [entry(1, "anna", ("summary", "a", "b"))], "total": 2}, BOT) is None
    assert history.since_birth(None, BOT) is None
    assert history.since_birth({"histories": [], "total": 0}, BOT) == {}


@pytest.mark.parametrize(
    ("author", "rule"),
    [
        ({"accountId": "a1", "accountType": "app", "displayName": "Automation for Jira"}, True),
        ({"accountId": "a1", "accountType": "app", "displayName": "Somebody's product"}, False),
        ({"accountId": "557058", "accountType": "atlassian", "displayName": "Robot"}, True),
        ({"accountId": "anna", "accountType": "atlassian", "displayName": "Automation for Jira"}, False),
        ({"name": "557058", "key": "JIRAUSER1", "displayName": "Robot of a Data Center"}, True),
        ({"accountId": "bot"}, False),
        ({}, True),
        (None, True),
    ],
)
def test_an_entry_of_the_sites_own_rules_is_told_from_a_persons(author: Any, rule: bool) -> None:
    told = {**entry(1, "", ("status", "a", "b")), "author": author}
    assert history.by_rule({"histories": [told]}, BOT) == ({"status"} if rule else set())


@pytest.mark.parametrize(
    "changelog",
    [
        {
            "histories": [
                {"id": "1", "created": "2026-01-01T00:00:01.000+0000", "author": "anna", "items": ["odd", None]}
            ]
        },
        {"histories": [{"id": "1", "created": "2026-01-01T00:00:01.000+0000", "items": None}, "odd"]},
        {"histories": None, "total": None},
    ],
)
def test_an_odd_changelog_costs_no_issue(changelog: dict[str, Any]) -> None:
    assert history.by_rule(changelog, BOT) == frozenset()
    assert history.since_birth({**changelog, "total": 0}, BOT) == {}
    assert history.afterwards(changelog, SINCE, BOT) == {}


def test_a_resolution_that_is_put_back_takes_its_date_along() -> None:
    now = {"resolution": {"id": "1"}, "resolutiondate": "2026-01-01T00:00:00.000+0000", "status": {"id": "9"}}
    whole = {"id": "3", "name": "In Progress", "statusCategory": {"key": "indeterminate"}}
    items = {"resolution": {"field": "resolution"}, "status": {"field": "status", "from": "3", "fromString": "x"}}
    told = history.put_back(now, items, cloud=True, statuses={"3": whole})
    assert told == {"resolution": None, "resolutiondate": None, "status": whole}


def test_a_changelog_cut_short_says_so() -> None:
    listed = [entry(3, "bot", ("summary", "theirs", "ours")), entry(2, "anna", ("summary", "seen", "theirs"))]
    whole = [*listed, entry(0, "anna", ("summary", "", "seen"))]
    assert "changed more than 2 times" in history.untold({"histories": listed, "total": 9}, SINCE)
    assert history.untold({"histories": whole, "total": 9}, SINCE) == ""
    assert history.untold({"histories": listed, "total": 2}, SINCE) == ""

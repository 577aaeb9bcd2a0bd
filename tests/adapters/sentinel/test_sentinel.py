"""What is Sentinel's own: names that we choose, a write that replaces the whole, classifications, words as labels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tieline.adapters.sentinel.driver import SentinelDriver
from tieline.adapters.sentinel.incident import ref_of
from tieline.adapters.sentinel.simulator import PERSON
from tieline.core.entra import moment
from tieline.core.errors import NeedsOperator, Rejected, StaleVersion
from tieline.core.marks import marked
from tieline.core.model import Audience
from tieline.core.port import Ref, Token

TOKEN = Token("tieline-0f3a")
FOUND = {"classification": "TruePositive/SuspiciousActivity"}


@pytest.fixture
def tool() -> SentinelDriver:
    return SentinelDriver()


def told(tool: SentinelDriver, ref: Ref) -> dict[str, Any]:
    return dict(tool.simulator.incidents[ref]["properties"])


def labels(tool: SentinelDriver, ref: Ref) -> list[str]:
    return [one["labelName"] for one in told(tool, ref)["labels"]]


def test_a_write_leaves_what_it_does_not_speak_of(tool: SentinelDriver) -> None:
    ref = tool.make("Sign-in from two countries", "Impossible travel.")
    marks = [{"labelName": "vip", "labelType": "User"}, {"labelName": "Redirected", "labelType": "AutoAssigned"}]
    first = "2026-11-23T06:00:00.1234567Z"
    tool.edit(ref, {"owner": PERSON, "labels": marks, "firstActivityTimeUtc": first})
    adapter = tool.connect()
    adapter.update(ref, {"title": "Sign-in from three countries"}, adapter.read(ref).version)
    after = told(tool, ref)
    assert (after["description"], after["owner"]["objectId"], after["labels"], after["firstActivityTimeUtc"]) == (
        "Impossible travel.",
        PERSON,
        [marks[1], marks[0]],
        first,
    )


def test_made_again_it_meets_itself_and_what_people_did_since_stands(tool: SentinelDriver) -> None:
    adapter = tool.connect()
    made = adapter.create(tool.new_body("Disk full"), TOKEN)
    tool.edit(made.ref, {"severity": "High"})
    again = adapter.create(tool.new_body("Disk full"), TOKEN)
    assert (again.ref, again.body["severity"], len(tool.simulator.incidents)) == (ref_of(TOKEN), "High", 1)


def test_a_label_with_anothers_token_is_no_proof_that_it_is_ours(tool: SentinelDriver) -> None:
    ref = tool.make("Disk full")
    tool.edit(ref, {"labels": [{"labelName": f"tieline:{TOKEN}"}]})
    assert tool.connect().read(ref).token is None


def test_somebody_who_copies_our_mark_says_nothing_in_our_name(tool: SentinelDriver) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect()
    tool.comment(ref, marked("Closed by us.", TOKEN), Audience.STAFF)
    (comment,) = adapter.comments(ref)
    assert (comment.ours, comment.token, comment.body) == (False, None, marked("Closed by us.", TOKEN))


@pytest.mark.parametrize(
    ("patch", "native", "mark"),
    [
        ({"status": "on hold"}, "Active", "status: on hold"),
        ({"status": "resolved", "classification": "TruePositive/SuspiciousActivity"}, "Closed", "status: resolved"),
        ({"status": "Closed", "classification": "Undetermined"}, "Closed", "status: closed"),
        ({"status": "Undetermined"}, "Closed", None),
        ({"status": "Closed", "classification": "FalsePositive/InaccurateData"}, "Closed", None),
    ],
)
def test_a_word_that_sentinel_lacks_is_a_label_beside_the_nearest_word(
    tool: SentinelDriver, patch: dict[str, str], native: str, mark: str | None
) -> None:
    adapter = tool.connect()
    made = adapter.create(tool.new_body("Disk full"), TOKEN)
    after = adapter.update(made.ref, patch, made.version)
    assert {name: after.body[name] for name in patch} == patch
    assert (told(tool, made.ref)["status"], labels(tool, made.ref)) == (
        native,
        [f"tieline:{TOKEN}", *([mark] if mark else [])],
    )


def test_what_a_person_sets_beside_our_label_counts(tool: SentinelDriver) -> None:
    adapter = tool.connect()
    made = adapter.create({**tool.new_body("Disk full"), "status": "on hold", "severity": "critical"}, TOKEN)
    tool.edit(made.ref, {"status": "Closed", **FOUND, "severity": "Low"})
    read = adapter.read(made.ref)
    assert (read.body["status"], read.body["severity"]) == ("Closed", "Low")
    adapter.update(made.ref, {"title": "Disk full on db1"}, read.version)
    assert labels(tool, made.ref) == [f"tieline:{TOKEN}"], "a label that says nothing any more goes"


def test_opened_again_it_has_no_classification(tool: SentinelDriver) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect()
    tool.edit(ref, {"status": "Closed", **FOUND, "classificationComment": "A test."})
    after = adapter.update(ref, {"status": "Active"}, adapter.read(ref).version)
    assert (after.body["classification"], after.body["classificationComment"]) == (None, None)


def test_without_labels_what_could_not_be_told_is_refused_by_name(tool: SentinelDriver) -> None:
    adapter = tool.connect_to(tool.secrets[0], status_label="", severity_label="")
    body = {**tool.new_body("Disk full"), "status": "Closed", "severity": "critical"}
    with pytest.raises(Rejected) as caught:
        adapter.create(body, TOKEN)
    assert set(caught.value.refused) == {"classification", "severity"}


def test_a_comment_moves_the_incident_so_that_what_was_seen_before_is_stale(tool: SentinelDriver) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect()
    seen = adapter.read(ref)
    adapter.add_comment(ref, "df says 100 %", Audience.STAFF, TOKEN)
    with pytest.raises(StaleVersion):
        adapter.update(ref, {"title": "Disk full on db1"}, seen.version)


def test_a_comment_that_is_sent_again_is_one(tool: SentinelDriver) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect()
    for _try in range(2):
        adapter.add_comment(ref, "df says 100 %", Audience.STAFF, TOKEN)
    assert tool.simulator.messages(ref) == [marked("df says 100 %", TOKEN)]


@pytest.mark.parametrize(
    ("actions", "lacks"),
    [
        (("*/read",), "incidents/write"),
        (("Microsoft.SecurityInsights/incidents/*",), ""),
        (("Microsoft.SecurityInsights/*/read", "Microsoft.SecurityInsights/incidents/write"), "comments/write"),
        ((), "incidents/read"),
    ],
)
def test_a_role_that_does_not_suffice_is_named_before_it_is_missed(
    tool: SentinelDriver, actions: tuple[str, ...], lacks: str
) -> None:
    tool.simulator.actions = actions
    if not lacks:
        assert tool.connect().check().version == "Microsoft Sentinel 2024-09-01"
        return
    with pytest.raises(NeedsOperator, match=lacks):
        tool.connect().check()


def test_a_token_that_ends_while_pages_are_read_is_bought_anew(tool: SentinelDriver) -> None:
    for number in range(7):
        tool.make(f"Disk full {number}")
    titles = []
    adapter = tool.connect_to(tool.secrets[0], history=timedelta(hours=1))
    for page in adapter.changes(None):
        titles += [one.body["title"] for one in page.readings]
        tool.simulator.desk.forget()
    assert sorted(titles) == [f"Disk full {number}" for number in range(7)]


def test_seven_decimals_are_a_time() -> None:
    assert moment("2026-11-23T07:01:13.5643443Z") == datetime(2026, 11, 23, 7, 1, 13, 564344, UTC)
    with pytest.raises(ValueError, match="no time zone"):
        moment("2026-11-23T07:01:13")

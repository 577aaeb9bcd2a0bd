"""What is GitHub's own: marks that nobody sees, labels, reasons, pull requests, calls that are used up."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tieline.adapters.github.driver import GithubDriver
from tieline.adapters.github.simulator import ACCOUNT, PERSON, REPOSITORY, rate_limited
from tieline.core.errors import Forged, Gone, NeedsOperator, Rejected, TryAgain
from tieline.core.marks import Marks, marked, parted
from tieline.core.model import Audience
from tieline.core.port import Delivery, Ref, Token

TOKEN = Token("tieline-0f3a")


@pytest.fixture
def tool() -> GithubDriver:
    return GithubDriver()


@pytest.mark.parametrize("text", ["", "Cards are refused.", "Two lines\n\n", "<!-- not ours -->", " \t "])
def test_a_mark_is_read_and_is_no_part_of_the_text(text: str) -> None:
    assert parted(marked(text, TOKEN)) == (text, TOKEN)


def test_a_mark_is_known_again_where_somebody_wrote_behind_it_in_a_browser() -> None:
    written = marked("Cards are refused.", TOKEN).replace("\n", "\r\n") + "\r\nSince 07:00."
    assert parted(written) == ("Cards are refused.\r\nSince 07:00.", TOKEN)


def test_people_see_no_mark_and_an_edit_keeps_it(tool: GithubDriver) -> None:
    adapter = tool.connect()
    made = adapter.create(tool.new_body("Disk full", "df says 100 %"), TOKEN)
    adapter.update(made.ref, {"body": "df says 99 %"}, made.version)
    assert tool.simulator.issues[int(made.ref)]["body"] == marked("df says 99 %", TOKEN)
    assert adapter.read(made.ref).body["body"] == "df says 99 %"


def test_a_mark_in_somebodys_words_hides_no_mark_of_ours(tool: GithubDriver) -> None:
    words, adapter = "Cards are refused. <!-- tieline: stranger --> Since 07:00.", tool.connect()
    made = adapter.create(tool.new_body("Disk full", words), TOKEN)
    assert (made.token, made.body["body"]) == (TOKEN, words)
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.ref == made.ref
    again = adapter.update(made.ref, {"body": f"{words} Twice."}, made.version)
    assert (again.token, again.body["body"]) == (TOKEN, f"{words} Twice.")


def test_what_somebody_else_wrote_carries_no_token_of_ours(tool: GithubDriver) -> None:
    ref, adapter = tool.make("Disk full", marked("df says 100 %", TOKEN)), tool.connect()
    read = adapter.read(ref)
    assert (read.token, read.body["body"]) == (None, marked("df says 100 %", TOKEN))
    tool.comment(ref, marked("hello", TOKEN), Audience.STAFF)
    (comment,) = adapter.comments(ref)
    assert (comment.token, comment.ours) == (None, False)


def test_a_tag_that_looks_like_the_label_of_another_field_is_refused_by_name(tool: GithubDriver) -> None:
    adapter = tool.connect()
    with pytest.raises(Rejected) as caught:
        adapter.create({**tool.new_body("Disk full"), "severity": "high", "labels": ["Severity: low", "x"]}, TOKEN)
    assert list(caught.value.refused) == ["labels"]
    assert Marks({"severity": "severity: "}).written(["severity: low", "x"], {"severity": "high"}) == [
        "x",
        "severity: high",
    ]


def test_whoever_is_written_otherwise_is_the_same_person(tool: GithubDriver) -> None:
    adapter = tool.connect_to(tool.secrets[0], people={tool.known_email: PERSON.upper()})
    assert adapter.read(tool.make("Disk full")).people == {PERSON: tool.known_email}


def test_a_listing_goes_on_behind_its_last_row(tool: GithubDriver) -> None:
    adapter = tool.connect()
    tokens = [Token(f"tieline-{number}") for number in range(8)]
    made = [adapter.create(tool.new_body(f"db{number}"), one) for number, one in enumerate(tokens)]
    found = adapter.find(tokens[0])
    assert found is not None
    assert found.ref == made[0].ref


def test_a_repository_that_was_opened_to_all_stops_the_connection_within_the_hour(tool: GithubDriver) -> None:
    adapter = tool.connect()
    cursor = next(iter(adapter.changes(None))).cursor
    tool.simulator.private = False
    tool.advance(3_700)
    with pytest.raises(NeedsOperator, match="only a private one is kept in step"):
        list(adapter.changes(cursor))


def test_what_has_no_member_is_a_label_and_other_labels_stay(tool: GithubDriver) -> None:
    adapter = tool.connect()
    body = {**tool.new_body("Disk full"), "labels": ["storage"], "severity": "high", "status": "in progress"}
    made = adapter.create(body, TOKEN)
    names = [one["name"] for one in tool.simulator.issues[int(made.ref)]["labels"]]
    assert names == ["storage", "status: in progress", "severity: high"]
    again = adapter.update(made.ref, {"severity": "low", "priority": "p2"}, made.version)
    assert (again.body["severity"], again.body["priority"], again.body["labels"]) == ("low", "p2", ["storage"])
    closed = adapter.update(made.ref, {"status": "not_planned"}, again.version)
    issue = tool.simulator.issues[int(made.ref)]
    assert (closed.body["status"], issue["state"], issue["state_reason"]) == ("not_planned", "closed", "not_planned")
    assert [one["name"] for one in issue["labels"]] == ["storage", "severity: low", "priority: p2"]


def test_a_label_that_stands_for_nothing_is_refused_by_name(tool: GithubDriver) -> None:
    adapter = tool.connect_to(tool.secrets[0], severity_label="")
    with pytest.raises(Rejected) as caught:
        adapter.create({**tool.new_body("Disk full"), "severity": "high"}, TOKEN)
    assert list(caught.value.refused) == ["severity"]
    assert tool.simulator.issues == {}


def test_prefixes_are_compared_without_regard_to_case() -> None:
    marks = Marks({"severity": "severity: ", "priority": ""})
    labels = ["Severity: high", "severity: low", "storage"]
    assert (marks.told(labels), marks.free(labels)) == ({"severity": "high"}, ["storage"])


def test_what_begins_resolved_is_closed(tool: GithubDriver) -> None:
    made = tool.connect().create({**tool.new_body("Disk full"), "status": "completed"}, TOKEN)
    assert made.body["status"] == "completed"
    assert tool.simulator.issues[int(made.ref)]["state"] == "closed"


def test_pull_requests_are_no_issues(tool: GithubDriver) -> None:
    number = tool.simulator.make({"title": "A change", "body": marked("", TOKEN)}, ACCOUNT, pull_request=True)["number"]
    adapter = tool.connect_to(tool.secrets[0], history=timedelta(days=1))
    assert [one for page in adapter.changes(None) for one in page.readings] == []
    assert adapter.find(TOKEN) is None
    with pytest.raises(Gone):
        adapter.read(Ref(str(number)))


def test_an_issue_that_was_moved_is_gone_and_a_repository_that_was_is_named(tool: GithubDriver) -> None:
    ref = tool.make("Disk full")
    tool.simulator.away[int(ref)] = 301
    with pytest.raises(Gone, match="moved to another repository"):
        tool.connect().read(ref)
    tool.fail(301, headers={"location": "https://api.github.example/repositories/7"})
    with pytest.raises(NeedsOperator, match="301"):
        tool.connect().read(ref)


def test_calls_that_are_used_up_are_waited_for(tool: GithubDriver) -> None:
    ref, adapter = tool.make("Disk full"), tool.connect()
    status, headers, body = rate_limited(tool.now(), 600)
    tool.fail(status, headers=headers, content=body)
    with pytest.raises(TryAgain) as caught:
        adapter.read(ref)
    assert caught.value.wait is not None
    assert timedelta(minutes=9) < caught.value.wait <= timedelta(minutes=10)
    assert "permission" not in str(caught.value)
    tool.heal()
    status, headers, body = rate_limited(tool.now(), 90_000)
    tool.fail(status, headers=headers, content=body)
    with pytest.raises(TryAgain) as caught:
        adapter.read(ref)
    assert caught.value.wait == timedelta(hours=1)
    tool.heal()
    tool.fail(403, content=json.dumps({"message": "You have exceeded a secondary rate limit."}).encode())
    with pytest.raises(TryAgain) as caught:
        adapter.read(ref)
    assert caught.value.wait == timedelta(minutes=1)
    tool.heal()
    tool.fail(403, content=json.dumps({"message": "Resource not accessible by personal access token"}).encode())
    with pytest.raises(NeedsOperator):
        adapter.read(ref)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("private", "others than those who work in it read its issues"),
        ("triages", "labels and assignees would be left out"),
    ],
)
def test_a_repository_that_cannot_be_kept_in_step_is_refused(tool: GithubDriver, told: str, sentence: str) -> None:
    setattr(tool.simulator, told, False)
    with pytest.raises(NeedsOperator, match=sentence):
        tool.connect().check()


def test_more_changes_of_one_second_than_a_page_holds_are_all_listed(tool: GithubDriver) -> None:
    made = {tool.make(f"db{number}") for number in range(8)}
    adapter = tool.connect_to(tool.secrets[0], history=timedelta(days=1))
    assert {one.ref for page in adapter.changes(None) for one in page.readings} == made


def told_of(tool: GithubDriver, **changed: Any) -> Delivery:
    ref = tool.make("Disk full")
    headers, body = tool.simulator.delivery(int(ref))
    return Delivery(headers, json.dumps({**json.loads(body), **changed}).encode())


def test_a_webhook_of_another_repository_is_not_taken(tool: GithubDriver) -> None:
    with pytest.raises(ValueError, match="and not about acme/operations"):
        tool.connect().parse(told_of(tool, repository={"full_name": "acme/other"}))


def test_a_webhook_about_no_issue_tells_nothing(tool: GithubDriver) -> None:
    place = {"full_name": REPOSITORY.upper()}
    assert tool.connect().parse(told_of(tool, issue=None, zen="Speak like a human.", repository=place)).hints == ()
    assert tool.connect().parse(told_of(tool, issue={"number": 3, "pull_request": {}})).hints == ()


def test_without_a_secret_nobody_is_proved(tool: GithubDriver) -> None:
    adapter = tool.connect_to(tool.secrets[0], webhook_secrets=())
    with pytest.raises(Forged, match="no `webhook_secrets` are set"):
        adapter.verify(told_of(tool), tool.now())


def test_somebody_who_may_not_be_assigned_is_nobody(tool: GithubDriver) -> None:
    adapter = tool.connect()
    assert adapter.person_id("ADA@example.org") == PERSON
    tool.simulator.assignable.clear()
    assert adapter.person_id("ada@example.org") is None


def test_an_app_whose_token_cannot_ask_who_it_is_says_so_itself(tool: GithubDriver) -> None:
    adapter = tool.connect_to(tool.secrets[0], login="tieline[bot]")
    assert adapter.check().account == "tieline[bot]"
    assert ("GET", "/user") not in tool.simulator.requests

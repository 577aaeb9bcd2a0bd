"""What is asked of Jira's search and of its issues, and what of the answers is believed: from answers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tieline.adapters.jira import polling
from tieline.adapters.jira.issue import FIELDS as FIELDS_ASKED
from tieline.adapters.jira.issue import PROPERTY, token_of
from tieline.adapters.jira.jql import Place
from tieline.adapters.jira.polling import Index, Records, apart, passing, whole
from tieline.adapters.jira.settings import Deployment
from tieline.core.errors import Gone, Limit, NeedsOperator, Rejected, TryAgain
from tieline.core.port import Page, Reading, Ref, Version

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLOUD, SERVER = Deployment.CLOUD, Deployment.DATACENTER


class Wire:
    """Stands for a site that answers so, one after the other, and remembers what it was asked."""

    connection = "jira"

    def __init__(self, *answers: Any) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, path: str, query: Mapping[str, Any], *, has: Sequence[str]) -> Any:
        return self._answer(path, query, has)

    def send(self, method: str, path: str, *, body: Mapping[str, Any], reads: bool, has: Sequence[str]) -> Any:
        assert (method, reads) == ("POST", True)
        return self._answer(path, body, has)

    def _answer(self, path: str, query: Mapping[str, Any], has: Sequence[str]) -> Any:
        self.asked.append((path, dict(query)))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        assert set(has) <= answer.keys()
        return SimpleNamespace(json=answer, at=NOW)


def index(deployment: Deployment, *answers: Any, page: int = 4) -> tuple[Index, Any]:
    wire: Any = Wire(*answers)
    return Index(wire, deployment, page), wire


def rows(*ids: object, **facts: Any) -> dict[str, Any]:
    return {"issues": [{"id": one} for one in ids], **facts}


def read(found: Index, properties: str = "") -> list[tuple[list[str], bool]]:
    return [([str(row["id"]) for row in issues], more) for issues, more in found.pages("x", properties)]


@pytest.mark.parametrize("deployment", [CLOUD, SERVER])
def test_the_first_is_asked_for_alone(deployment: Deployment) -> None:
    found, wire = index(deployment, rows(7), rows())
    assert (found.first("x"), found.first("x")) == (["7"], [])
    path = "/search/jql" if deployment is CLOUD else "/search"
    assert wire.asked == [(path, {"jql": "x", "fields": "updated", "maxResults": 1})] * 2
    assert found.at == NOW


@pytest.mark.parametrize(
    ("answers", "pages"),
    [
        ([rows("1")], [(["1"], False)]),
        ([rows("1", nextPageToken="a"), rows("2")], [(["1"], True), (["2"], False)]),
        ([rows("1", nextPageToken="a", isLast=True)], [(["1"], False)]),
        ([rows("1", nextPageToken="a", isLast=False), rows("2")], [(["1"], True), (["2"], False)]),
        ([rows(nextPageToken="a"), rows("2")], [([], True), (["2"], False)]),
    ],
)
def test_a_search_by_token_goes_on_while_one_is_given(answers: list[Any], pages: list[tuple[list[str], bool]]) -> None:
    found, wire = index(CLOUD, *answers)
    assert read(found, "tieline") == pages
    first = {"jql": "x", "fields": "updated", "maxResults": 4, "properties": "tieline"}
    assert [query for _, query in wire.asked] == [first, {**first, "nextPageToken": "a"}][: len(answers)]


def test_a_search_by_token_asks_for_no_properties_unless_told() -> None:
    found, wire = index(CLOUD, rows())
    read(found)
    assert wire.asked == [("/search/jql", {"jql": "x", "fields": "updated", "maxResults": 4})]


def test_a_search_that_does_not_end_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found, wire = index(CLOUD, rows(nextPageToken="a"), rows(nextPageToken="a"), rows())
    with pytest.raises(TryAgain, match="does not end"):
        read(found)
    assert len(wire.asked) == 2, "a token that was given before leads nowhere"
    monkeypatch.setattr(polling, "MOST_PAGES", 2)
    for deployment, answers in (
        (CLOUD, [rows(nextPageToken="a"), rows(nextPageToken="b")]),
        (SERVER, [rows(1, 2, 3, 4, total=99), rows(3, 4, 5, 6, total=99)]),
    ):
        found, _wire = index(deployment, *answers)
        with pytest.raises(TryAgain, match="does not end"):
            read(found)


@pytest.mark.parametrize(
    ("answers", "pages", "starts"),
    [
        ([rows(total=0)], [([], False)], [0]),
        ([rows(1, 2, total=2)], [(["1", "2"], False)], [0]),
        ([rows(1, 2)], [(["1", "2"], False)], [0]),
        (
            [rows(1, 2, 3, 4, total=6), rows(3, 4, 5, 6, total=6)],
            [(["1", "2", "3", "4"], True), (["5", "6"], False)],
            [0, 2],
        ),
        # Nothing of the page before is met: rows moved away, and it is stepped back.
        (
            [rows(1, 2, 3, 4, total=7), rows(5, 6, 7, total=7), rows(3, 4, 5, 6, 7, total=5)],
            [(["1", "2", "3", "4"], True), (["5", "6", "7"], False)],
            [0, 2, 0],
        ),
        # A page that permissions have emptied all but one row still leads on.
        ([rows(1, total=2), rows(2, total=2), rows(1, 2, total=2)], [(["1"], True), (["2"], False)], [0, 1, 0]),
        ([rows(1, 2, 3, 4, total=9), rows(total=9)], [(["1", "2", "3", "4"], True), ([], False)], [0, 2, 0]),
    ],
)
def test_a_search_by_position_overlaps_with_the_page_before(
    answers: list[Any], pages: list[tuple[list[str], bool]], starts: list[int]
) -> None:
    found, wire = index(SERVER, *answers, rows(total=9))
    assert read(found) == pages
    asked = {"jql": "x", "fields": "updated", "maxResults": 4}
    assert wire.asked == [("/search", {**asked, "startAt": start}) for start in starts]


@pytest.mark.parametrize(("page", "second"), [(4, 2), (2, 1), (20, 15), (8, 4)])
def test_at_most_five_rows_are_asked_for_again(page: int, second: int) -> None:
    first = rows(*range(page), total=page + 1)
    found, wire = index(SERVER, first, rows(*range(second, page + 1), total=page + 1), page=page)
    read(found)
    assert [query["startAt"] for _, query in wire.asked] == [0, second]


@pytest.mark.parametrize("error", [Gone("jira", "answered 404"), Rejected("jira", "answered 400")])
def test_a_refused_search_is_a_setting_and_a_refused_token_a_pass(error: Exception) -> None:
    found, _wire = index(CLOUD, error)
    with pytest.raises(NeedsOperator, match="check `project`"):
        read(found)
    found, _wire = index(CLOUD, rows(nextPageToken="a"), error)
    with pytest.raises(TryAgain, match="page token"):
        read(found)


@pytest.mark.parametrize("issues", [None, {}, [1], ["7"], [{}], [{"id": None}], [{"id": 1}, {"id": []}]])
def test_what_is_no_issue_is_not_taken_for_a_listing(issues: object) -> None:
    found, _wire = index(CLOUD, {"issues": issues})
    with pytest.raises(TryAgain, match="not an issue"):
        read(found)


# -- issues from the consistent side ---------------------------------------------------------------------------------


def records(deployment: Deployment, *answers: Any) -> tuple[Records, Any]:
    wire: Any = Wire(*answers)
    return Records(wire, deployment), wire


def test_without_a_way_to_bring_many_each_is_asked_for() -> None:
    found, wire = records(SERVER)
    assert found.many(["1", "2"]) == ([], ["1", "2"], None)
    found, wire = records(CLOUD)
    assert found.many([]) == ([], [], None)
    assert wire.asked == []


@pytest.mark.parametrize(
    ("answer", "brought", "missing"),
    [
        (rows("1", "2"), ["1", "2"], []),
        (rows("1"), ["1"], []),
        (rows("1", issueErrors=[{"id": 2}]), ["1"], ["2"]),
        (rows("1", issueErrors=[{"id": "2"}, {"id": "9"}, "odd"]), ["1"], ["2"]),
        (rows("1", "2", issueErrors=[{"id": "2"}]), ["1", "2"], []),
        (rows("1", issueErrors=None), ["1"], []),
        ({"issues": None, "issueErrors": [{"id": "1"}]}, [], ["1"]),
        ({"issues": [{"id": 1}, "odd"], "issueErrors": [{"id": "1"}]}, [1, "odd"], []),
    ],
)
def test_what_could_not_be_brought_with_others_is_asked_for_alone(
    answer: Any, brought: list[Any], missing: list[str]
) -> None:
    found, wire = records(CLOUD, answer)
    issues, lacking, at = found.many(["1", "2"])
    assert [one["id"] if isinstance(one, dict) else one for one in issues] == brought
    assert (lacking, at) == (missing, NOW)
    (path, body) = wire.asked[0]
    assert (path, body["issueIdsOrKeys"], body["expand"]) == ("/issue/bulkfetch", ["1", "2"], ["changelog"])
    assert body["properties"] == [PROPERTY]
    assert set(body["fields"]) == set(FIELDS_ASKED)


@pytest.mark.parametrize("error", [Rejected("jira", "answered 400"), TryAgain("jira", "answered 500")])
def test_where_many_are_refused_each_is_asked_for(error: Exception) -> None:
    found, _wire = records(CLOUD, error)
    assert found.many(["1", "2"]) == ([], ["1", "2"], None)


@pytest.mark.parametrize(
    "error", [TryAgain("jira", "429", wait=timedelta(seconds=1)), TryAgain("jira", "429", limit=Limit.CONNECTION)]
)
def test_a_pace_is_kept(error: TryAgain) -> None:
    found, _wire = records(CLOUD, error)
    with pytest.raises(TryAgain):
        found.many(["1"])


FIELDS = {"updated": "x", "status": {"id": "1"}, "project": {"id": "2"}}


def test_one_issue_is_read_with_its_changelog_where_it_is_asked_for() -> None:
    issue = {"id": "1", "key": "OPS-1", "fields": FIELDS}
    found, wire = records(CLOUD, issue, {**issue, "changelog": {"total": 0}})
    assert (found.one("OPS 1/2").changelog, found.with_history("1").changelog) == (None, {"total": 0})
    assert [path for path, _ in wire.asked] == ["/issue/OPS%201%2F2", "/issue/1"]
    assert ["expand" in query for _, query in wire.asked] == [False, True]
    asked = {"fields": ",".join(FIELDS_ASKED), "properties": PROPERTY}
    assert [query for _, query in wire.asked] == [asked, {**asked, "expand": "changelog"}]


def test_the_token_is_told_whatever_else_is_odd_about_an_issue() -> None:
    told = {"id": "1", "properties": {PROPERTY: {"token": "tl-1"}}}
    found, wire = records(CLOUD, told, {"id": "1", "properties": {}})
    assert (found.token("OPS/1"), found.token("1")) == (token_of(told), None)
    assert wire.asked[0] == ("/issue/OPS%2F1", {"fields": "updated", "properties": PROPERTY})


# -- one pass --------------------------------------------------------------------------------------------------------

BEGIN = int(NOW.timestamp() * 1_000)


def listed(*ids: str) -> dict[str, Any]:
    return {"issues": [{"id": one, "fields": {"updated": UPDATED}} for one in ids]}


UPDATED = "2026-03-01T12:00:00.000+0000"


def issue(identity: str, **facts: Any) -> dict[str, Any]:
    return {"id": identity, "key": f"OPS-{identity}", "fields": FIELDS, **facts}


SEEN = Version(f"{BEGIN}.digest")
MINUTE = timedelta(minutes=1)


def one_pass(
    deployment: Deployment,
    *answers: Any,
    age: timedelta | None = MINUTE,
    since: int = BEGIN - 60_000,
    seen: Mapping[str, str] | None = None,
    horizon: int = BEGIN + 60_000,
) -> tuple[list[Page], Any]:
    wire: Any = Wire(*answers)
    made = passing(
        Index(wire, deployment, 4),
        Records(wire, deployment),
        "x",
        Place(since, since, seen or {}),
        timedelta(0),
        horizon,
        lambda one: Reading(Ref(one.issue["id"]), SEEN, one.issue, age=age),
    )
    return list(made), wire


def told(pages: list[Page]) -> list[tuple[list[str], list[tuple[str | None, str]]]]:
    return [
        ([str(one.ref) for one in page.readings], [(one.ref, one.key) for one in page.unreadable]) for page in pages
    ]


def test_a_page_is_told_in_the_order_of_the_index_whoever_brought_its_issues() -> None:
    brought = {"issues": [issue("3"), issue("1")], "issueErrors": [{"id": "2"}]}
    pages, _wire = one_pass(CLOUD, listed("1", "2", "3"), brought, issue("2"))
    assert told(pages) == [(["1", "2", "3"], [])]


def test_a_row_without_its_time_is_asked_for_and_told_last() -> None:
    page = {"issues": [{"id": 9, "fields": {}}, *listed("1")["issues"]]}
    pages, wire = one_pass(CLOUD, page, {"issues": [issue("9"), issue("1")]})
    assert told(pages) == [(["1", "9"], [])]
    assert wire.asked[1][1]["issueIdsOrKeys"] == ["1", "9"]


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"id": "2", "key": "OPS-2"}, ("2", "OPS-2")),
        ({"id": 2, "key": None}, ("2", "")),
        ({"id": "2", "key": "OPS-2", "fields": {}}, ("2", "OPS-2")),
        ({"id": None, "key": "OPS-2"}, (None, "OPS-2")),
        ("odd", (None, "")),
    ],
)
def test_an_odd_issue_is_told_by_name_and_the_others_go_on(odd: Any, named: tuple[str | None, str]) -> None:
    pages, _wire = one_pass(CLOUD, listed("1", "2"), {"issues": [odd, issue("1")]})
    assert told(pages) == [(["1"], [named])]


@pytest.mark.parametrize("told", [None, [], "x"])
def test_a_changelog_that_is_none_is_left_out(told: object) -> None:
    one = apart({"id": "1", "changelog": told}, NOW)
    assert (one.issue, one.at, one.changelog) == ({"id": "1"}, NOW, None)


@pytest.mark.parametrize(
    ("issue", "words"),
    [
        ({"fields": FIELDS}, ""),
        ({}, "no `fields`"),
        ({"fields": []}, "no `fields`"),
        ("odd", "no `fields`"),
        ({"fields": {**FIELDS, "updated": None}}, "no `updated`$"),
        ({"fields": {**FIELDS, "status": {}, "project": None}}, "no `status`, `project`$"),
    ],
)
def test_an_issue_is_whole_with_what_every_issue_has(issue: Any, words: str) -> None:
    if not words:
        assert whole(issue) is issue
        return
    with pytest.raises(ValueError, match=words):
        whole(issue)


@pytest.mark.parametrize(
    ("seen", "since", "asked", "brought"),
    [
        pytest.param({}, BEGIN, ["1", "2"], ["1", "2"], id="nothing is known"),
        pytest.param({}, BEGIN + 1, [], [], id="older than the place"),
        pytest.param({"1": SEEN}, BEGIN, ["2"], ["2"], id="one was handed out as it stood"),
        pytest.param({"1": f"{SEEN}~"}, BEGIN, ["1", "2"], ["2"], id="one was handed out as it may have moved on"),
        pytest.param({"1": f"{BEGIN}.other~"}, BEGIN, ["1", "2"], ["1", "2"], id="one moved on"),
    ],
)
def test_what_was_handed_out_is_not_told_again(
    seen: dict[str, str], since: int, asked: list[str], brought: list[str]
) -> None:
    answer = {"issues": [issue(one) for one in asked]}
    pages, wire = one_pass(CLOUD, listed("1", "2"), answer, since=since, seen=seen)
    assert told(pages) == [(brought, [])]
    assert [query["issueIdsOrKeys"] for path, query in wire.asked if path.endswith("bulkfetch")] == [asked][
        : bool(asked)
    ]


@pytest.mark.parametrize(
    ("age", "remembered"),
    [(None, f"{SEEN}~"), (timedelta(seconds=1.9), f"{SEEN}~"), (timedelta(seconds=2), SEEN), (MINUTE, SEEN)],
)
def test_a_version_counts_as_settled_after_two_seconds(age: timedelta | None, remembered: str) -> None:
    pages, _wire = one_pass(CLOUD, listed("1"), {"issues": [issue("1")]}, age=age)
    assert Place.unpack(pages[-1].cursor).seen == {"1": remembered}


def test_while_pages_follow_only_what_is_older_than_the_horizon_moves_the_place() -> None:
    first = {**listed("1"), "nextPageToken": "a"}
    answers = (first, {"issues": [issue("1")]}, listed("1"))
    pages, _wire = one_pass(CLOUD, *answers, horizon=BEGIN - 1)
    assert [Place.unpack(page.cursor).at for page in pages] == [BEGIN - 60_000, BEGIN]
    pages, _wire = one_pass(CLOUD, *answers, horizon=BEGIN)
    assert [Place.unpack(page.cursor).at for page in pages] == [BEGIN, BEGIN]

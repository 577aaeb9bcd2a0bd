"""What there is to see is asked for by GET: in pages, with a tag that is another one as soon as anything is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.api.calling import ANN, BOB, EDIT, Caller
from tests.api.test_calls import problem

from tieline.core.access import Role, Scope, ScopeKind
from tieline.sync import restricting
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.own_views import OWN_VIEWS


def told(caller: Caller, name: str, **given: Any) -> Any:
    """What a command shows of the same."""
    asker = Asker(ANN, False, caller.world.clock.now())
    return Enquiries(caller.engine.store, caller.engine.config, OWN_VIEWS).see(name, given, asker).facts


def more(caller: Caller, incidents: int) -> None:
    for number in range(incidents):
        caller.world.tools["left"].make({"title": f"Number {number}", "status": "new"})
    caller.world.settle(2)


def restrict(caller: Caller) -> None:
    with caller.engine.store.write() as tx:
        restricting.restrict(tx, caller.engine, caller.world.incident().id, "an insider", actor=BOB)


NEEDED: Mapping[str, Mapping[str, Any]] = {
    "why": {"incident": "INC-1", "field": "title"},
    "history": {"incident": "INC-1"},
    "incident": {"incident": "INC-1"},
    "items": {"kind": "incident"},
    "people show": {"incident": "INC-1"},
    "access why": {"person": ANN.identity, "act": "incident.edit", "subject": "INC-1"},
}
"""What a view has to be told."""
NOT_THERE: Mapping[str, Mapping[str, Any]] = {
    "jobs show": {"job": "JOB-1"},
    "jobs result": {"job": "JOB-1"},
    "output": {"execution": "EXE-1"},
    "policy show": {"policy": "escalation.limits"},
    "policy history": {"policy": "escalation.limits"},
    "policy plan": {"policy": "escalation.limits", "document": "again: 20m"},
    "policy test": {"policy": "escalation.limits", "cases": "cases: []"},
}
"""What is asked about what this world has not."""
QUERIES = [
    *((name, dict(NEEDED.get(name, {}))) for name in OWN_VIEWS.by_name if name not in NOT_THERE),
    ("incidents", {"incident": "INC-1"}),
    ("incidents", {"status": "new", "search": "disk full", "limit": "1"}),
]


@pytest.mark.parametrize(("name", "given"), QUERIES)
def test_a_view_shows_what_its_command_does(caller: Caller, name: str, given: dict[str, Any]) -> None:
    caller.grant(ANN, Role.ADMIN)
    answer = caller.get(f"{name.replace(' ', '/')}?{urlencode(given)}", token=caller.issue(ANN, Role.ADMIN))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
    assert answer.json() == told(caller, name, **given)


@pytest.mark.parametrize("name", NOT_THERE)
def test_what_is_not_there_is_said_as_the_command_says_it(caller: Caller, name: str) -> None:
    caller.grant(ANN, Role.ADMIN)
    given = NOT_THERE[name]
    answer = caller.get(f"{name.replace(' ', '/')}?{urlencode(given)}", token=caller.issue(ANN, Role.ADMIN))
    with pytest.raises(LookupError) as refused:
        told(caller, name, **given)
    assert (answer.status_code, answer.json()["detail"]) == (404, str(refused.value))


def test_a_list_is_read_to_its_end_by_the_links(caller: Caller) -> None:
    more(caller, 6)
    path, seen = "incidents?limit=3&status=new", []
    while path:
        answer = caller.get(path)
        seen += [one["incident"] for one in answer.json()["items"]]
        found = re.fullmatch(r'</api/v1/(.+)>; rel="next"', answer.headers.get("link", ""))
        path = found[1] if found is not None else ""
        assert bool(path) == (answer.json()["next"] is not None)
    assert seen == [f"INC-{number}" for number in range(7, 0, -1)]


def test_what_is_known_is_not_sent_again(caller: Caller) -> None:
    first = caller.get("incidents")
    tag = first.headers["etag"]
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = caller.get("incidents", if_none_match=named)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert first.headers["cache-control"] == "private, no-cache"
    caller.post("edit", EDIT)
    changed = caller.get("incidents", if_none_match=tag)
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


def test_the_revision_that_was_seen_is_what_an_act_is_held_against(caller: Caller) -> None:
    (item,) = caller.get("incidents?incident=INC-1").json()["items"]
    assert caller.post("edit", EDIT, if_match=f'"{item["revision"]}"').status_code == 200
    problem(caller.post("edit", {**EDIT, "changes": {"title": "x"}}, if_match=f'"{item["revision"]}"'), "changed")


def test_without_its_body_as_well(caller: Caller) -> None:
    headers = {"authorization": f"Bearer {caller.token}"}
    whole = caller.get("incidents")
    head = caller.request("HEAD", "/api/v1/incidents", headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(whole.headers)
    answer = caller.request("DELETE", "/api/v1/incidents", headers=headers)
    problem(answer, "method")
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("query", "slug", "words"),
    [
        ("incidents?limit=0", "wrong-words", "limit: "),
        ("incidents?limit=many", "wrong-words", "limit: "),
        ("incidents?limit=", "wrong-words", "limit: "),
        ("incidents?status=done", "wrong-words", "status: "),
        ("incidents?stauts=new", "wrong-words", "did you mean 'status'?"),
        ("incidents?after=x", "wrong-words", "no place in this list"),
        ("incidents?after=%00", "wrong-words", "after: "),
        ("incidents?limit=1&limit=2", "malformed", "'limit' is there twice"),
        ("incidents?search=%ff", "malformed", "the query is not UTF-8"),
        ("incidents?" + "a=1&" * 101, "malformed", "more than 100 parameters"),
        ("incidents?incident=INC-9", "not-there", "there is no incident"),
        ("incidents?connection=nothing", "not-there", "there is no connection"),
        ("why", "wrong-words", "incident: it is missing; field: it is missing"),
        ("why?incident=INC-1&field=titel", "not-there", "did you mean 'title'?"),
    ],
)
def test_a_query_that_cannot_be_is_refused_with_a_sentence(caller: Caller, query: str, slug: str, words: str) -> None:
    assert words in problem(caller.get(query), slug)["detail"]


def test_who_may_not_look_is_told_and_the_journal_says_so(caller: Caller) -> None:
    nobody = caller.issue(BOB, Role.RESPONDER)
    comments = caller.issue(ANN, rights=["incident.comment"])
    elsewhere = caller.issue(ANN, Role.VIEWER, scope=Scope(ScopeKind.TEAM, "network"))
    there = [problem(caller.get("incidents?incident=INC-1", token=one), "not-allowed") for one in (nobody, comments)]
    assert problem(caller.get("incidents?incident=INC-9", token=nobody), "not-allowed") == there[0]
    problem(caller.get("incidents?incident=INC-1", token=elsewhere), "not-there")
    assert caller.get("incidents", token=elsewhere).json()["items"] == []
    refused = caller.journal("act_refused")
    assert [(who, facts["rule"]) for _kind, who, facts in refused] == [("bob", "no_right"), ("ann", "bound")]
    here = caller.issue(ANN, Role.VIEWER, scope=Scope(ScopeKind.CONNECTION, "left"))
    assert caller.get("incidents?incident=INC-1", token=here).status_code == 200


def test_what_is_restricted_is_there_by_a_token_that_reads_it_of_somebody_who_may(caller: Caller) -> None:
    restrict(caller)
    hidden, never = caller.get("incidents?incident=INC-1"), caller.get("incidents?incident=INC-9")
    assert problem(hidden, "not-there")["detail"].replace("INC-1", "INC-9") == problem(never, "not-there")["detail"]
    assert caller.get("incidents").json()["items"] == []
    assert caller.journal("restricted_read") == []
    caller.grant(ANN, Role.SECURITY)
    assert caller.get("incidents").json()["items"] == [], "her token is not bound to that"
    reads = caller.issue(ANN, Role.SECURITY)
    (item,) = caller.get("incidents", token=reads).json()["items"]
    assert item["incident"].startswith("RES-")
    ((_kind, who, facts),) = caller.journal("restricted_read")
    assert (who, facts) == ("ann", {"act": "incidents", "by_token": reads.split("_")[1]})


def test_the_tag_is_another_one_for_whoever_sees_other_items(caller: Caller) -> None:
    restrict(caller)
    caller.grant(ANN, Role.SECURITY)
    reads = caller.issue(ANN, Role.SECURITY)
    tags = {caller.get("parked", token=token).headers["etag"] for token in (caller.token, reads)}
    assert len(tags) == 2

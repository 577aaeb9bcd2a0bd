"""How somebody stands to an incident gives them rights to that one, and to no other: who commands it, who works on it,
and who is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.calling import ANN, BOB, EDIT, Caller
from tests.api.test_calls import problem

from tieline.core import grants, journal, standings
from tieline.core.access import Relation, Role, Scope, ScopeKind
from tieline.core.identity import Someone, of_account

EVA = of_account("eva", "db1")


def of(caller: Caller, someone: Someone, *rights: str) -> str:
    """A token by which somebody does all that they may."""
    return caller.issue(someone, Role.SECURITY, rights)


def listed(caller: Caller, token: str) -> list[str]:
    return [one["incident"] for one in caller.get("incidents", token=token).json()["items"]]


def why(caller: Caller, token: str, act: str, person: Someone = EVA) -> Any:
    return caller.get(f"access/why?person={person.identity}&act={act}&subject=INC-1", token=token).json()["rights"]


@pytest.fixture
def two(caller: Caller) -> Caller:
    """With a second incident."""
    caller.world.tools["left"].make({"title": "Network down", "status": "new"})
    caller.world.settle(2)
    return caller


def test_whoever_works_on_one_reads_and_edits_that_one_and_no_other(two: Caller) -> None:
    eva = of(two, EVA)
    problem(two.get("incidents", token=eva), "not-allowed")
    said = two.post("people/add", {"incident": "INC-1", "person": EVA.identity}, idempotency_key="k")
    assert said.json() == {"incident": "INC-1", "person": EVA.identity, "relation": "member", "stands": True}
    assert listed(two, eva) == ["INC-1"]
    assert two.post("edit", EDIT, token=eva).status_code == 200
    problem(two.post("edit", {**EDIT, "incident": "INC-2"}, token=eva), "not-there")
    refused = problem(two.post("people/add", {"incident": "INC-1", "person": BOB.identity}, token=eva), "not-allowed")
    assert "that takes incident.people" in refused["detail"]
    assert two.get("status", token=eva).json()["counted_over"] == "what they command, work on or are told of"
    [one] = two.get("people/show?incident=INC-1", token=eva).json()["items"]
    assert (one["identities"], one["relation"], one["source"]) == ([EVA.identity], "member", "")
    problem(two.post("people/add", {"incident": "INC-1", "person": EVA.identity}), "not-done")
    gone = two.post("people/remove", {"incident": "INC-1", "person": one["person"]})
    assert gone.json()["stands"] is False
    problem(two.get("incidents", token=eva), "not-allowed")
    problem(two.post("people/remove", {"incident": "INC-1", "person": EVA.identity}), "not-there")
    told = [(kind, facts["person"], facts["relation"]) for kind, _who, facts in two.journal("related", "unrelated")]
    assert told == [("related", one["person"], "member"), ("unrelated", one["person"], "member")]


def test_why_names_the_relation_or_what_is_missing(two: Caller) -> None:
    two.grant(BOB, Role.ADMIN)
    admin = two.issue(BOB, Role.ADMIN)
    [before] = why(two, admin, "edit")
    assert (before["rule"], "that takes incident.edit, which comes with" in before["sentence"]) == ("no_right", True)
    two.post("people/add", {"incident": "INC-1", "person": EVA.identity})
    [after] = why(two, admin, "edit")
    assert (after["allowed"], after["rule"], after["by"]) == (True, "relation", "member")
    other = two.get(f"access/why?person={EVA.identity}&act=edit&subject=INC-2", token=admin).json()
    assert other["allowed"] is False
    assert why(two, of(two, EVA), "edit")[0]["rule"] == "relation", "of themselves"


def test_who_works_on_a_restricted_one_goes_on_reading_it(two: Caller) -> None:
    two.grant(BOB, Role.SECURITY)
    bob, eva = of(two, BOB), of(two, EVA)
    two.post("people/add", {"incident": "INC-1", "person": EVA.identity, "relation": "receiver"})
    label = two.post("restrict", {"incident": "INC-1", "reason": "an insider"}, token=bob).json()["incident"]
    assert (listed(two, eva), listed(two, two.token), listed(two, bob)) == ([label], ["INC-2"], ["INC-2", label])
    problem(two.post("edit", {**EDIT, "incident": label}, token=eva), "not-allowed")
    problem(two.post("people/add", {"incident": "INC-1", "person": ANN.identity}), "not-there")
    assert two.post("people/add", {"incident": label, "person": ANN.identity}, token=bob).status_code == 200
    assert listed(two, of(two, ANN)) == ["INC-2", label]
    assert listed(two, two.token) == ["INC-2"], "a token that does not reach what is restricted"
    assert [who for _kind, who, _facts in two.journal("restricted_read")] == ["eva", "bob", "ann"]


def test_nobody_gives_what_they_may_not_do_themselves(two: Caller) -> None:
    given = {"incident": "INC-1", "person": EVA.identity, "relation": "commander"}
    refused = problem(two.post("people/add", given), "not-allowed")
    assert "ann may not act at once where somebody else is to be asked first" in refused["detail"]
    assert two.journal("related") == []
    two.grant(BOB, Role.COMMANDER)
    bob = of(two, BOB, "comment.publish", "jobs.manage", "policy.propose")
    assert two.post("people/add", given, token=bob).status_code == 200
    eva = two.issue(EVA, Role.COMMANDER)
    assert two.post("comment", {"incident": "INC-1", "body": "x", "public": True}, token=eva).status_code == 200
    problem(two.get("policy", token=eva), "not-allowed")


def test_by_a_token_that_is_bound_nobody_does_more(two: Caller) -> None:
    two.post("people/add", {"incident": "INC-1", "person": EVA.identity})
    reads = two.issue(EVA, rights=["incident.read"])
    assert listed(two, reads) == ["INC-1"]
    assert "does not reach that" in problem(two.post("edit", EDIT, token=reads), "not-allowed")["detail"]
    elsewhere = two.issue(EVA, Role.RESPONDER, scope=Scope(ScopeKind.TEAM, "shop"))
    assert listed(two, elsewhere) == []


def test_two_who_stand_to_different_ones_see_different_ones(two: Caller) -> None:
    for number, whom in (("INC-1", EVA), ("INC-2", BOB)):
        two.post("people/add", {"incident": number, "person": whom.identity})
    seen = [two.get("incidents", token=of(two, whom)) for whom in (EVA, BOB)]
    assert [[one["incident"] for one in answer.json()["items"]] for answer in seen] == [["INC-1"], ["INC-2"]]
    assert seen[0].headers["etag"] != seen[1].headers["etag"]


def test_somebody_who_is_forgotten_stands_to_nothing(two: Caller) -> None:
    two.post("people/add", {"incident": "INC-1", "person": EVA.identity})
    with two.engine.store.read() as connection:
        person = grants.person_of(connection, EVA) or ""
    journal.forget(two.engine.store, EVA.identity, at=two.world.clock.now(), actor=ANN)
    with two.engine.store.read() as connection:
        assert standings.to_item(connection, person, 1) == frozenset[Relation]()
    assert two.get("people/show?incident=INC-1").json()["items"] == []

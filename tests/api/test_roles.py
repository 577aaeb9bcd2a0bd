"""Roles are granted, explained and revoked by calls: by whoever may, and by a token no further than it reaches."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.calling import ANN, BOB, Caller
from tests.api.test_calls import problem

from tieline.core.access import Role, Scope, ScopeKind
from tieline.core.store.persons import kept_identity

EVA = "os:eva@db1"


@pytest.fixture
def by_an_admin(caller: Caller) -> str:
    """A token of Bob's, who is admin, which reaches what an admin may."""
    caller.grant(BOB, Role.ADMIN)
    return caller.issue(BOB, Role.ADMIN)


def why(caller: Caller, act: str, token: str, person: str = EVA) -> Any:
    return caller.get(f"access/why?person={person}&act={act}&subject=INC-1", token=token).json()


def test_who_got_a_role_may_what_comes_with_it_until_it_is_revoked(caller: Caller, by_an_admin: str) -> None:
    assert why(caller, "edit", by_an_admin)["allowed"] is False
    given = {"person": EVA, "role": "responder", "until": "2099-01-01T00:00:00Z"}
    answer = caller.post("access/grant", given, token=by_an_admin, idempotency_key="k")
    assert answer.json() == {
        **given,
        "until": "2099-01-01T00:00:00+00:00",
        "scope": "",
        "holds": True,
    }
    again = caller.post("access/grant", given, token=by_an_admin, idempotency_key="k")
    assert (again.headers["idempotent-replayed"], again.content) == ("true", answer.content)
    judged = why(caller, "edit", by_an_admin)
    assert judged["rights"] == [
        {"right": "incident.edit", "allowed": True, "rule": "role", "by": "responder", "sentence": ""}
    ]
    [held] = [one for one in caller.get("access/list", token=by_an_admin).json()["grants"] if EVA in one["identities"]]
    for whom in (held["person"], EVA):
        gone = caller.post("access/revoke", {"person": whom, "role": "responder"}, token=by_an_admin)
        assert gone.status_code == (200 if whom == held["person"] else 404), gone.text
    assert why(caller, "edit", by_an_admin)["rights"][0]["rule"] == "no_right"
    told = [(who, facts["ask"]["person"]) for _kind, who, facts in caller.journal("acted")]
    assert told == [("bob", held["person"]), ("bob", held["person"])], "the journal names nobody"
    assert kept_identity(BOB) not in str(caller.journal("acted"))


@pytest.mark.parametrize("role", [Role.SECURITY, Role.LEGAL])
def test_by_a_token_nobody_grants_what_it_does_not_reach(caller: Caller, by_an_admin: str, role: Role) -> None:
    refused = problem(caller.post("access/grant", {"person": EVA, "role": role}, token=by_an_admin), "not-done")
    assert f"the role {role} carries incident.read_restricted, incident.restrict" in refused["detail"]
    alone = caller.issue(BOB, rights=["access.grant"])
    problem(caller.post("access/grant", {"person": EVA, "role": "viewer"}, token=alone), "not-done")
    narrow = caller.issue(BOB, Role.ADMIN, scope=Scope(ScopeKind.TEAM, "shop"))
    problem(caller.post("access/grant", {"person": EVA, "role": "viewer"}, token=narrow), "not-allowed")
    assert caller.journal("granted")[2:] == []


def test_everybody_asks_about_themselves_and_about_others_who_may_see_who_holds_what(caller: Caller) -> None:
    caller.grant(BOB, Role.VIEWER)
    alone = caller.issue(BOB, rights=["incident.read"])
    assert why(caller, "conflicts%20settle", alone, BOB.identity)["allowed"] is False
    problem(caller.get(f"access/why?person={ANN.identity}&act=edit", token=alone), "not-allowed")
    asked = caller.get(f"access/why?person={BOB.identity}&act=policy%20propose", token=alone).json()
    assert asked["asks_first"] == ["policy.approve"]
    wrong = problem(caller.get(f"access/why?person={BOB.identity}&act=edti", token=alone), "not-there")
    assert "there is no right or act 'edti'; did you mean 'edit'?" in wrong["detail"]


def test_each_sees_their_own_tokens_and_by_a_token_that_one(caller: Caller, by_an_admin: str) -> None:
    other = caller.issue(ANN, Role.VIEWER)
    [own] = caller.get("token/list", token=other).json()["items"]
    assert (own["id"], own["owner"], "hash" in own) == (other.split("_")[1], "ann", False)
    everybodys = caller.get("token/list?limit=2", token=by_an_admin)
    rest = caller.get(f"token/list?after={everybodys.json()['next']}", token=by_an_admin).json()
    found = [one["id"] for one in (*everybodys.json()["items"], *rest["items"])]
    assert {*found} == {one.split("_")[1] for one in (other, by_an_admin, caller.token)}
    assert (len(found), rest["next"]) == (3, None)


def test_every_right_says_what_takes_it(caller: Caller) -> None:
    shown = {one["right"]: one for one in caller.get("access/rights").json()["items"]}
    assert shown["incident.restrict"]["acts"] == ["restrict", "unrestrict"]
    assert shown["access.read"]["views"] == ["access list"]
    assert shown["policy.approve"]["asked_first"] == ["policy propose", "policy rollback"]
    assert "commander" in shown["incident.edit"]["relations"]
    ofsecurity = caller.get("access/rights?role=security&right=restrict").json()["items"]
    assert [one["right"] for one in ofsecurity] == ["incident.read_restricted", "incident.restrict"]

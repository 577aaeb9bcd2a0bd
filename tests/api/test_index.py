"""What stands at the root of the API, for whoever asks; and questions that fit into no address."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.calling import ANN, BOB, Caller
from tests.api.test_calls import problem

from tieline.core.access import Role


def allowed(caller: Caller, token: str) -> dict[str, bool]:
    found: Any = caller.get("", token=token).json()
    return {one["name"]: one["allowed"] for one in (*found["acts"], *found["views"])}


def test_each_is_told_what_there_is_and_what_of_it_they_may_do(caller: Caller) -> None:
    caller.grant(BOB, Role.VIEWER)
    viewer = caller.issue(BOB, Role.VIEWER)
    mine, theirs = allowed(caller, caller.token), allowed(caller, viewer)
    assert mine.keys() == theirs.keys()
    assert (mine["edit"], theirs["edit"], theirs["incidents"], theirs["access why"]) == (True, False, True, True)
    assert "token issue" not in mine, "no token reaches it"
    caller.grant(BOB, Role.RESPONDER)
    assert allowed(caller, viewer)["edit"] is False, "by this token"
    assert allowed(caller, caller.issue(BOB, Role.RESPONDER))["edit"] is True


def test_every_link_of_it_leads_somewhere(caller: Caller) -> None:
    answer = caller.get("")
    found = answer.json()
    for link in [*found["links"].values(), *(one["href"] for one in found["kinds"])]:
        if link != found["links"]["events"]:
            assert caller.get(link.removeprefix("/api/v1/")).status_code == 200, link
    views = {one["name"]: caller.get(one["href"].removeprefix("/api/v1/")) for one in found["views"]}
    assert {seen.status_code for seen in views.values()} <= {200, 403, 422}, views
    acts = [caller.post(one["href"].removeprefix("/api/v1/"), {}) for one in found["acts"]]
    assert {seen.status_code for seen in acts} <= {403, 422}
    assert caller.get("", if_none_match=answer.headers["etag"]).status_code == 304
    same = caller.request("GET", "/api/v1", headers={"authorization": f"Bearer {caller.token}"})
    assert same.json() == found


def test_whoever_shows_no_token_learns_nothing_there(caller: Caller) -> None:
    problem(caller.request("GET", "/api/v1/"), "not-proved")
    assert problem(caller.post("", {}), "method")["status"] == 405
    assert "see /api/v1/" in problem(caller.get("nothing"), "not-there")["detail"]


def test_a_question_that_fits_into_no_address_is_asked_by_its_body(caller: Caller) -> None:
    given = {"policy": "escalation.limits", "document": "again: 20m\n" + "# why\n" * 20_000}
    assert len(given["document"]) > 100_000
    by_body = problem(caller.post("policy/plan", given), "not-there")
    assert "there is no policy 'escalation.limits'" in by_body["detail"]
    short = {**given, "document": "again: 20m"}
    assert (
        problem(
            caller.request(
                "GET", "/api/v1/policy/plan", params=short, headers={"authorization": f"Bearer {caller.token}"}
            ),
            "not-there",
        )
        == by_body
    )
    problem(caller.post("policy/plan?policy=x", given), "malformed")
    problem(caller.post("policy/plan", {**given, "other": 1}), "wrong-words")
    problem(caller.send("policy/plan", b"again: 20m", content_type="text/yaml"), "media-type")
    problem(caller.post("policy/show", {"policy": "escalation.limits"}), "method")
    assert caller.journal("acted") == []


@pytest.mark.parametrize("role", [Role.SERVICE])
def test_by_a_body_it_takes_the_same_right(caller: Caller, role: Role) -> None:
    caller.grant(BOB, role)
    refused = caller.post("policy/plan", {"policy": "x", "document": "y"}, token=caller.issue(BOB, role))
    assert "that takes policy.read" in problem(refused, "not-allowed")["detail"]
    assert ANN.name not in refused.text

"""A call of the API is an act, done in the name of whoever the token stands for; what is wrong with it is told by a
name that stays and a sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.api.calling import ANN, BOB, EDIT, Caller

from tieline.core.access import Role, Scope, ScopeKind
from tieline.core.errors import NotAllowed, NotProved
from tieline.core.identity import called, of_account
from tieline.sync import restricting
from tieline.sync.api import problems, signing_in
from tieline.sync.api.application import HEADERS
from tieline.sync.office.asking import Asker
from tieline.sync.office.own import OWN
from tieline.sync.office.performing import perform


def problem(answer: httpx.Response, slug: str) -> Any:
    """What a problem says, of this kind."""
    (kind,) = [one for one in problems.Kind if one.slug == slug]
    said = answer.json()
    assert answer.status_code == kind.status, said
    assert answer.headers["content-type"] == "application/problem+json"
    assert (said["type"], said["title"], said["status"]) == (f"/api/v1/problems/{slug}", kind.title, kind.status)
    assert said["detail"] and "Traceback" not in answer.text
    return said


def test_an_act_is_done_in_the_name_of_whoever_the_token_stands_for(caller: Caller) -> None:
    answer = caller.post("edit", EDIT)
    assert answer.status_code == 200
    assert answer.json() == {"incident": "INC-1", "changed": {"title": "Disk full on db1"}, "unchanged": {}}
    (_kind, who, acted) = caller.journal("acted")[-1]
    assert (who, acted["act"], acted["ask"]) == ("ann", "edit", EDIT)
    assert acted["by_token"] == caller.token.split("_")[1]
    caller.world.settle()
    assert caller.world.shows("right", "title") == "Disk full on db1"


def test_by_a_command_and_by_a_call_the_journal_differs_in_the_token_alone(caller: Caller) -> None:
    caller.post("edit", EDIT)
    asker = Asker(ANN, False, caller.world.clock.now())
    other = OWN["edit"].told({"incident": "INC-1", "changes": {"title": "Disk full again"}})
    perform(caller.engine, OWN["edit"], other, asker)
    by_call, changed, by_command, again = caller.journal("acted", "changed")[-4:]
    assert by_call[2].keys() - by_command[2].keys() == {"by_token"}
    assert (by_call[1], changed[1]) == (by_command[1], again[1])
    assert changed[2].keys() == again[2].keys()


def test_every_answer_says_how_it_may_be_used(caller: Caller) -> None:
    for answer in (caller.post("edit", EDIT), caller.post("edit", {}), caller.request("GET", "/api/v1/edit")):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert not [name for name in answer.headers if name.startswith("access-control-")]


# -- who asks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["", "Basic YTpi", "Bearer", "Bearer x", "bearer tl_", "Bearer é"])
def test_whoever_shows_no_token_learns_nothing(caller: Caller, shown: str) -> None:
    for path in ("edit", "nothing/here", "openapi.json"):
        headers = {"authorization": shown.encode()} if shown else {}
        answer = caller.request("POST", f"/api/v1/{path}", json=EDIT, headers=headers)
        problem(answer, "not-proved")
        assert answer.headers["www-authenticate"] == 'Bearer realm="tieline"'
    assert caller.journal("acted", "act_refused") == []


def test_a_token_that_is_revoked_or_over_is_not_taken(caller: Caller) -> None:
    over = caller.issue(ANN, Role.RESPONDER, lasts=timedelta(seconds=1))
    caller.world.clock.advance(1)
    assert "ended at" in problem(caller.post("edit", EDIT, token=over), "not-proved")["detail"]
    caller.revoke_token(caller.token)
    assert "is revoked" in problem(caller.post("edit", EDIT), "not-proved")["detail"]
    assert caller.journal("acted") == []


def test_a_token_that_is_revoked_while_a_call_is_on_its_way_does_nothing(caller: Caller) -> None:
    asker = signing_in.proved(caller.engine.store, caller.token, caller.world.clock.now(), caller.owns_store)
    caller.revoke_token(caller.token)
    with pytest.raises(Exception, match="is revoked"):
        perform(caller.engine, OWN["edit"], OWN["edit"].told(EDIT), asker)
    assert caller.journal("acted") == []


def test_a_token_reaches_no_more_than_its_owner_may_at_that_moment(caller: Caller) -> None:
    assert caller.post("edit", EDIT).status_code == 200
    caller.revoke(ANN, Role.RESPONDER)
    said = problem(caller.post("edit", {**EDIT, "changes": {"title": "x"}}), "not-allowed")
    assert said["detail"].startswith("ann may not change the fields of an incident: that takes incident.edit")
    assert problem(caller.post("edit", {**EDIT, "incident": "INC-9"}), "not-allowed") == said
    (refused,) = caller.journal("act_refused")
    assert refused[1:] == (
        "ann",
        {"act": "edit", "right": "incident.edit", "rule": "no_right", "by_token": caller.token.split("_")[1]},
    )


def test_a_token_reaches_no_more_than_it_is_bound_to(caller: Caller) -> None:
    reads = caller.issue(ANN, Role.VIEWER)
    elsewhere = caller.issue(ANN, Role.RESPONDER, scope=Scope(ScopeKind.TEAM, "network"))
    here = caller.issue(ANN, Role.RESPONDER, scope=Scope(ScopeKind.CONNECTION, "left"))
    said = problem(caller.post("edit", EDIT, token=reads), "not-allowed")
    assert f"the token {reads.split('_')[1]} does not reach that" in said["detail"]
    problem(caller.post("edit", EDIT, token=elsewhere), "not-there")
    assert caller.post("edit", EDIT, token=here).status_code == 200


def test_what_has_no_account_acts_by_its_token(caller: Caller) -> None:
    deploys = called("token:deploys")
    caller.grant(deploys, Role.SERVICE)
    answer = caller.post(
        "comment", {"incident": "INC-1", "body": "4.2 is out"}, token=caller.issue(deploys, Role.SERVICE)
    )
    assert answer.status_code == 200
    assert caller.journal("acted")[-1][1] == "deploys"


def test_the_owner_of_the_file_is_admin_by_a_token_as_well(caller: Caller) -> None:
    owner = caller.issue(of_account("owner", "db1"), Role.ADMIN)
    assert caller.post("edit", EDIT, token=owner).status_code == 200


def test_tokens_are_issued_by_no_token_and_each_revokes_itself_alone(caller: Caller) -> None:
    caller.grant(ANN, Role.ADMIN)
    admin = caller.issue(ANN, Role.ADMIN, ["access.token", "access.tokens"])
    problem(caller.post("token/issue", {"name": "x"}, token=admin), "not-there")
    for other, kind in ((caller.token, "not-done"), (caller.issue(BOB, Role.VIEWER), "not-there")):
        problem(caller.post("token/revoke", {"token": other}, token=admin), kind)
    assert caller.post("token/revoke", {"token": admin}, token=admin).status_code == 200
    problem(caller.post("token/revoke", {"token": admin}, token=admin), "not-proved")


# -- what is there ---------------------------------------------------------------------------------------------------


def test_what_is_restricted_is_not_there_just_as_what_never_was(caller: Caller) -> None:
    with caller.engine.store.write() as tx:
        restricting.restrict(tx, caller.engine, caller.world.incident().id, "an insider", actor=BOB)
    hidden = caller.post("edit", EDIT)
    never = caller.post("edit", {**EDIT, "incident": "INC-9"})
    assert problem(hidden, "not-there")["detail"].replace("INC-1", "INC-9") == problem(never, "not-there")["detail"]
    assert dict(hidden.headers) == dict(never.headers)
    assert caller.journal("act_refused", "restricted_read") == []


# -- what was said ---------------------------------------------------------------------------------------------------

BODIES: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "malformed", "the body is empty"),
    "not UTF-8": (b'{"incident": "\xff"}', "malformed", "not UTF-8, at byte 14"),
    "UTF-16": ('{"incident": "INC-1"}'.encode("utf-16"), "malformed", "not UTF-8"),
    "cut off": (b'{"incident": "INC-1"', "malformed", "is no JSON, or is cut off"),
    "not a number": (b'{"incident": NaN}', "malformed", "NaN is no number in JSON"),
    "infinite": (b'{"incident": -Infinity}', "malformed", "-Infinity is no number in JSON"),
    "a name twice": (b'{"incident": "INC-1", "incident": "INC-2"}', "malformed", "'incident' is there twice"),
    "a name twice inside": (b'{"changes": {"title": "a", "title": "b"}}', "malformed", "'title' is there twice"),
    "a list": (b"[]", "malformed", "no JSON object"),
    "a text": (b'"x"', "malformed", "no JSON object"),
    "3,000 lists": (b'{"incident": ' + b"[" * 3_000 + b"]" * 3_000 + b"}", "malformed", "deeper than 64 levels"),
    "3,000 objects": (b'{"a":' * 3_000 + b"1" + b"}" * 3_000, "malformed", "deeper than 64 levels"),
    "100,000 lists without an end": (b"[" * 100_000, "malformed", "deeper than 64 levels"),
    "66 lists": (b'{"a": ' + b"[" * 66 + b"]" * 66 + b"}", "malformed", "deeper than 64 levels"),
    "a huge number": (b'{"incident": ' + b"9" * 5_000 + b"}", "malformed", "larger than any number that is taken"),
    "half of a pair": (b'{"incident": "\\ud800", "changes": {"title": "x"}}', "malformed", "surrogate"),
    "a number without end": (b'{"incident": 1e999}', "malformed", "can be kept"),
    "a zero": (b'{"incident": "INC-\\u0000", "changes": {"title": "x"}}', "wrong-words", "the code 0"),
    "nothing said": (b"{}", "wrong-words", "incident: it is missing; changes: it is missing"),
    "an unknown argument": (b'{"incident": "INC-1", "chnages": {}}', "wrong-words", "did you mean 'changes'?"),
    "another shape": (b'{"incident": 1, "changes": []}', "wrong-words", "incident: "),
    "an unknown field": (b'{"incident": "INC-1", "changes": {"titel": "x"}}', "wrong-words", "did you mean 'title'?"),
    "a value that cannot be": (b'{"incident": "INC-1", "changes": {"status": "x"}}', "wrong-words", "status is one of"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_cannot_be_is_refused_with_a_sentence(caller: Caller, case: str) -> None:
    content, slug, words = BODIES[case]
    assert words in problem(caller.send("edit", content), slug)["detail"]
    assert caller.journal("acted") == []


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("parked/retry", {"what": "copy", "number": "4"}, "number"),
        ("parked/retry", {"what": "copy", "number": 4.0}, "number"),
        ("parked/retry", {"what": "copy", "number": True}, "number"),
        ("parked/retry", {"what": "Copy", "number": 4}, "what"),
        ("comment", {"incident": "INC-1", "body": "x", "public": "true"}, "public"),
        ("comment", {"incident": "INC-1", "body": "x", "public": 1}, "public"),
        ("edit", {"incident": "INC-1", "changes": {"title": 1}}, "changes.title"),
        ("edit", {"incident": "INC-1", "changes": {"title": None}}, "changes.title"),
    ],
)
def test_in_json_a_number_is_a_number_and_a_text_a_text(caller: Caller, name: str, body: Any, field: str) -> None:
    said = problem(caller.post(name, body), "wrong-words")
    assert [one["field"] for one in said["errors"]] == [field]


def test_each_argument_that_is_wrong_is_named(caller: Caller) -> None:
    said = problem(caller.post("edit", {"what": 1}), "wrong-words")
    assert [one["field"] for one in said["errors"]] == ["incident", "changes", "what"]
    assert all(one["detail"] for one in said["errors"])


def test_a_body_of_another_type_is_not_read(caller: Caller) -> None:
    for headers in (
        {"content_type": "text/plain"},
        {"content_type": "application/json; charset=latin-1"},
        {"content_encoding": "gzip"},
    ):
        problem(caller.send("edit", b"{}", **headers), "media-type")
    assert caller.send("edit", b"{}", content_type="Application/JSON; charset=UTF-8").status_code == 422


def test_a_body_that_is_too_large_is_not_read(caller: Caller) -> None:
    limit = caller.engine.config.web.body_limit
    problem(caller.send("edit", b" " * (limit + 1)), "too-large")
    problem(caller.send("edit", b"", content_length="9" * 30), "too-large")
    assert caller.send("edit", b" " * limit).status_code == 400


def test_a_call_that_there_is_not_and_a_method_that_it_does_not_take(caller: Caller) -> None:
    problem(caller.post("edit/", EDIT), "not-there")
    problem(caller.post("settle", EDIT), "not-there")
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        answer = caller.request(method, "/api/v1/edit", headers={"authorization": f"Bearer {caller.token}"})
        problem(answer, "method")
        assert answer.headers["allow"] == "POST"


def test_what_cannot_be_done_as_things_are(caller: Caller) -> None:
    ask = {"incident": "INC-1", "field": "title", "connection": "left", "take": "ours"}
    assert "nothing is held" in problem(caller.post("conflicts/settle", ask), "not-there")["detail"]
    problem(caller.post("parked/retry", {"what": "copy", "number": 10**19}), "not-there")


# -- once, and on what was seen --------------------------------------------------------------------------------------


def test_under_a_key_it_is_done_once(caller: Caller) -> None:
    first = caller.post("comment", {"incident": "INC-1", "body": "on it"}, idempotency_key="k-1")
    again = caller.post("comment", {"incident": "INC-1", "body": "on it"}, idempotency_key="k-1")
    assert first.content == again.content
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    problem(caller.post("comment", {"incident": "INC-1", "body": "x"}, idempotency_key="k-1"), "key-reused")
    assert len(caller.journal("acted")) == 1


def test_a_key_is_its_owners_and_not_another_ones_of_that_name(caller: Caller) -> None:
    other_ann = of_account("ann", "db2")
    caller.grant(other_ann, Role.RESPONDER)
    other = caller.issue(other_ann, Role.RESPONDER)
    body = {"incident": "INC-1", "body": "on it"}
    numbers = [
        caller.post("comment", body, idempotency_key="k-1", token=token).json()["comment"]
        for token in (caller.token, other, caller.issue(ANN, Role.RESPONDER))
    ]
    assert numbers == [1, 2, 1]


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "k" * 201])
def test_a_key_that_cannot_be(caller: Caller, key: str) -> None:
    headers = {"authorization": f"Bearer {caller.token}", "idempotency-key": key.encode()}
    answer = caller.request("POST", "/api/v1/edit", json=EDIT, headers=headers)
    problem(answer, "malformed")


def test_it_is_done_only_to_what_was_seen(caller: Caller) -> None:
    seen = f'"{caller.world.incident().revision}"'
    assert caller.post("edit", EDIT, if_match=seen).status_code == 200
    caller.world.settle()
    told = problem(caller.post("edit", {**EDIT, "changes": {"title": "x"}}, if_match=seen), "changed")
    assert told["detail"].startswith(f"INC-1 is at revision {caller.world.incident().revision} by now")
    assert caller.post("edit", {**EDIT, "changes": {"title": "y"}}, if_match="*").status_code == 200
    assert len(caller.journal("acted")) == 2


def test_what_was_done_under_a_key_is_answered_although_the_item_moved(caller: Caller) -> None:
    seen = f'"{caller.world.incident().revision}"'
    first = caller.post("edit", EDIT, if_match=seen, idempotency_key="k")
    again = caller.post("edit", EDIT, if_match=seen, idempotency_key="k")
    assert (first.status_code, again.status_code, first.content) == (200, 200, again.content)


@pytest.mark.parametrize("named", ["12", "W/" + '"12"', '"a"', '"1", "2"', '""', '"' + "9" * 30 + '"'])
def test_a_revision_that_cannot_be(caller: Caller, named: str) -> None:
    problem(caller.post("edit", EDIT, if_match=named), "malformed")


# -- too often -------------------------------------------------------------------------------------------------------


def test_a_token_is_used_as_often_as_it_may(caller: Caller) -> None:
    answers = [caller.post("edit", {}) for _ in range(122)]
    assert [one.status_code for one in answers] == [422] * 120 + [429] * 2
    problem(answers[-1], "too-often")
    assert answers[-1].headers["retry-after"] == "1"
    caller.revoke_token(caller.token)
    problem(caller.post("edit", {}), "too-often")
    caller.token = caller.issue(ANN, Role.RESPONDER)
    assert [caller.post("edit", {}).status_code for _ in range(121)] == [422] * 120 + [429]
    assert caller.post("edit", {}, token=caller.issue(ANN, Role.RESPONDER)).status_code == 422
    caller.world.clock.advance(1)
    assert [caller.post("edit", {}).status_code for _ in range(21)] == [422] * 20 + [429]


def test_wrong_tokens_of_one_address_are_looked_at_for_a_while(caller: Caller) -> None:
    assert caller.post("edit", {}).status_code == 422
    answers = [caller.post("edit", EDIT, token="tl_" + "0" * 12 + "_" + "0" * 64) for _ in range(30)]
    assert [one.status_code for one in answers] == [401] * 20 + [429] * 10
    assert answers[-1].headers["retry-after"] == "6"
    assert caller.post("edit", {}).status_code == 422, "whoever proved themselves goes on"
    problem(caller.post("edit", {}, token=caller.issue(ANN, Role.RESPONDER)), "too-often")
    caller.world.clock.advance(6)
    assert caller.post("edit", {}, token=caller.issue(ANN, Role.RESPONDER)).status_code == 422


@pytest.mark.parametrize("ends", ["token", "role"])
def test_what_ends_while_a_call_is_on_its_way_gives_no_right_any_more(caller: Caller, ends: str) -> None:
    token = caller.issue(ANN, Role.RESPONDER, lasts=timedelta(seconds=30 if ends == "token" else 3_000))
    if ends == "role":
        caller.revoke(ANN, Role.RESPONDER)
        caller.grant(ANN, Role.RESPONDER, until=caller.world.clock.now() + timedelta(seconds=30))
    asker = signing_in.proved(caller.engine.store, token, caller.world.clock.now(), caller.owns_store)
    caller.world.clock.advance(30)
    with pytest.raises(NotProved if ends == "token" else NotAllowed, match="ended at"):
        perform(caller.engine, OWN["edit"], OWN["edit"].told(EDIT), asker)
    assert caller.journal("acted") == []

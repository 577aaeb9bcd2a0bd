"""What asks first over the API: 202 with the proposal, and at once where a glass is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.api.calling import ANN, BOB, Caller
from tests.api.test_calls import problem
from tests.sync.test_proposals import Notices
from tests.sync.world import World

from tieline.core.access import Role

SAY: dict[str, Any] = {"incident": "INC-1", "words": "All is well"}


@pytest.fixture
def caller(world: Callable[..., World]) -> Iterator[Caller]:
    here = world("left", offers=(Notices().offer(),))
    here.work()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    here.settle(1)
    with Caller(here) as made:
        made.grant(BOB, Role.RESPONDER)
        yield made


def test_what_asks_first_is_accepted_and_done_once_it_is_approved(caller: Caller) -> None:
    answer = caller.post("notices/say", SAY, idempotency_key="one")
    assert answer.status_code == 202, answer.text
    label = answer.json()["proposal"]
    again = caller.post("notices/say", SAY, idempotency_key="one")
    assert (again.status_code, again.content) == (202, answer.content)
    assert [one["proposal"] for one in caller.get("proposals").json()["items"]] == [label]
    problem(caller.post("proposals/approve", {"proposal": label}), "not-allowed")
    bobs = caller.issue(BOB, Role.RESPONDER)
    done = caller.post("proposals/approve", {"proposal": label}, token=bobs)
    assert (done.status_code, done.json()["result"]["words"]) == (200, "All is well")
    problem(caller.post("proposals/approve", {"proposal": label}, token=bobs), "not-done")


def test_a_revision_is_held_against_what_is_proposed(caller: Caller) -> None:
    problem(caller.post("notices/say", SAY, if_match='"99"'), "changed")
    assert caller.get("proposals").json()["items"] == []


def test_a_glass_is_broken_with_a_reason_in_any_letters(caller: Caller) -> None:
    problem(caller.post("notices/say", SAY, break_glass="It burns."), "not-allowed")
    caller.grant(ANN, Role.COMMANDER)
    by = caller.issue(ANN, rights=["notices.say", "break_glass", "incident.comment"])
    problem(caller.post("notices/say", SAY, token=by, break_glass="%ff"), "malformed")
    problem(caller.post("notices/say", SAY, token=by, break_glass="%20"), "wrong-words")
    problem(caller.post("comment", {"incident": "INC-1", "body": "x"}, token=by, break_glass="no"), "wrong-words")
    answer = caller.post("notices/say", SAY, token=by, break_glass=quote("Es brennt: größte Eile"))
    assert (answer.status_code, answer.json()["words"]) == (200, "All is well")
    [review] = caller.get("reviews").json()["items"]
    assert (review["review"], review["why"]) == (answer.headers["tieline-review"], "Es brennt: größte Eile")


def test_the_description_tells_of_it(caller: Caller) -> None:
    paths = caller.get("openapi.json").json()["paths"]
    said, other = paths["/api/v1/notices/say"]["post"], paths["/api/v1/comment"]["post"]
    assert ("202" in said["responses"], "202" in other["responses"]) == (True, False)
    names = [one["$ref"].rpartition("/")[2] for one in said["parameters"]]
    assert names == ["idempotency-key", "if-match", "break-glass"]

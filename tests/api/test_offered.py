"""What a plugin offers is called as what Tieline offers itself, with the rights and by the tokens of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.api.calling import ANN, Caller
from tests.api.test_calls import problem
from tests.sync.world import World

from tieline.core.access import Role
from tieline.plugins.escalation.plugin import Plugin
from tieline.plugins.escalation.policy import Settings
from tieline.sync.api import openapi

SNOOZE = {"incident": "INC-1", "time": "30m", "why": "the vendor is on it"}
LIMITS: dict[str, Any] = {
    "limits": {"critical": {"acknowledge": "10m", "update": "1h", "resolve": "4h"}},
    "fallback": {"team": "second line"},
    "manager": "boss@example.com",
    "again": "30m",
}


@pytest.fixture
def caller(world: Callable[..., World]) -> Iterator[Caller]:
    offer = Plugin(Settings.model_validate(LIMITS)).tieline_offer()
    here = world("left", offers=(offer,))
    here.work()
    here.tools["left"].make({"title": "Disk full", "status": "new", "severity": "critical"})
    here.settle(1)
    here.work()
    with Caller(here) as made:
        yield made


def test_an_act_of_a_plugin_is_a_call(caller: Caller) -> None:
    answer = caller.post("escalation/snooze", SNOOZE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["incident"] == "INC-1"
    (_kind, who, acted) = caller.journal("acted")[-1]
    assert (who, acted["act"], acted["by_token"]) == ("ann", "escalation snooze", caller.token.split("_")[1])
    problem(caller.post("escalation/snooze", {**SNOOZE, "time": "soon"}), "wrong-words")
    problem(caller.post("escalation/snooze", {**SNOOZE, "incident": "INC-9"}), "not-there")


def test_a_view_of_a_plugin_is_a_call(caller: Caller) -> None:
    answer = caller.get("escalation/clocks")
    assert (answer.status_code, bool(answer.json())) == (200, True), answer.text


def test_a_token_reaches_it_by_a_role_or_by_the_right(caller: Caller) -> None:
    reads = caller.issue(ANN, Role.VIEWER)
    by_right = caller.issue(ANN, rights=["escalation.snooze"])
    said = problem(caller.post("escalation/snooze", SNOOZE, token=reads), "not-allowed")
    assert said["detail"].endswith("Have another one issued, with `--right escalation.snooze`.")
    assert caller.post("escalation/snooze", SNOOZE, token=by_right).status_code == 200


def test_the_description_tells_of_it(caller: Caller) -> None:
    described = caller.get("openapi.json").json()
    assert {"/api/v1/escalation/snooze", "/api/v1/escalation/clocks"} <= described["paths"].keys()
    assert openapi.PATH not in described["paths"]

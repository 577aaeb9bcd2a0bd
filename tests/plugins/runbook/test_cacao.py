"""Runbooks as CACAO playbooks: what leaves is one by the standard, and what comes back is the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tieline.core.errors import Misfit
from tieline.plugins.runbook import cacao
from tieline.plugins.runbook.policy import Runbook

AT = datetime(2026, 11, 30, 12, 0, 1, 234_000, tzinfo=UTC)
ID = re.compile(r"[a-z-]+--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
VARIABLE = re.compile(r"__[a-z0-9_-]+__")

WHOLE = Runbook.model_validate(
    {
        "title": "Restart the database",
        "mode": "auto",
        "impact": "high",
        "runner": "shell",
        "on_failure": "rollback",
        "steps": [
            {"name": "look", "run": "look", "impact": "reads", "dry_run": "look", "idempotent": True},
            {"name": "drain", "run": "drain db1", "rollback": "undrain db1", "timeout": "5m", "runner": "other"},
            {
                "name": "stop",
                "run": "stop 'db 1' && true",
                "guard": 'severity == "critical"',
                "otherwise": "skip",
                "gate": {"ask": "Are the replicas healthy?", "expires": "10m"},
            },
            {"name": "begin", "run": "start db1", "guard": 'status != "resolved"'},
            {"name": "check", "run": "check", "guard": 'severity in ["critical", "high"]', "otherwise": "skip"},
        ],
    }
)
BOOKS = (
    WHOLE,
    Runbook.model_validate({"title": "x", "mode": "suggest", "steps": [{"name": "a", "run": "a"}]}),
    Runbook.model_validate({"title": "x", "runner": "r", "steps": [{"name": "a", "run": "a", "gate": {"ask": "b"}}]}),
)


def reaches(playbook: dict[str, Any]) -> set[str]:
    """Every id that something of a playbook leads to."""
    names = ("on_completion", "on_true", "on_false")
    found = {part[name] for part in playbook["workflow"].values() for name in names if name in part}
    return found | {playbook["workflow_start"]}


@pytest.mark.parametrize("runbook", BOOKS)
def test_what_leaves_is_a_playbook_by_the_standard(runbook: Runbook) -> None:
    """Sections 3 to 8 of CACAO Security Playbooks Version 2.0: required properties, identifiers, types, references."""
    playbook = orjson.loads(orjson.dumps(cacao.exported("restart", runbook, AT)))
    assert (playbook["type"], playbook["spec_version"]) == ("playbook", "cacao-2.0")
    assert playbook["created"] == playbook["modified"] == "2026-11-30T12:00:01.234Z"
    workflow, agents = playbook["workflow"], playbook["agent_definitions"]
    ids = [playbook["id"], playbook["created_by"], *workflow, *agents, *playbook["extension_definitions"]]
    assert [one for one in ids if not ID.fullmatch(one)] == []
    assert len({*ids}) == len(ids)
    assert reaches(playbook) == {*workflow}
    for name, part in workflow.items():
        assert name.startswith(f"{part['type']}--")
        match part["type"]:
            case "start":
                assert part.keys() == {"type", "on_completion"}
            case "end":
                assert part.keys() <= {"type", "name"}
            case "action":
                assert {"commands", "agent", "on_completion", "timeout"} <= part.keys()
                assert part["agent"] in agents
                assert isinstance(part["timeout"], int)
                assert part["timeout"] > 0
                [command] = part["commands"]
                assert command["type"] in ("bash", "manual")
                assert command["command"]
            case "if-condition":
                assert {"condition", "on_true", "on_false"} <= part.keys()
                assert {*VARIABLE.findall(part["condition"])} <= playbook["playbook_variables"].keys()
            case other:
                pytest.fail(f"a runbook has no step of the type {other}")
        assert {*part.get("step_extensions", {})} <= playbook["extension_definitions"].keys()
    assert [one for one in playbook.get("playbook_variables", {}) if not VARIABLE.fullmatch(one)] == []
    assert [one for one in agents.values() if not (one["type"] == "group" and one["name"])] == []


@pytest.mark.parametrize("runbook", BOOKS)
def test_what_comes_back_is_the_same_and_nothing_is_left(runbook: Runbook) -> None:
    document = orjson.dumps(cacao.exported("restart-db", runbook, AT)).decode()
    assert cacao.imported(document) == cacao.Imported("restart-db", runbook, ())


def stranger(**changed: Any) -> dict[str, Any]:
    """A playbook that somebody else wrote."""
    return {
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": "playbook--1",
        "name": "Block an address!",
        "workflow_start": "start--1",
        "playbook_variables": {"__address__": {"type": "ipv4-addr", "value": "192.0.2.1", "constant": True}},
        "workflow": {
            "start--1": {"type": "start", "on_completion": "if-condition--1"},
            "if-condition--1": {
                "type": "if-condition",
                "condition": "__severity__:value == 'critical'",
                "on_true": "action--1",
                "on_false": "action--2",
            },
            "action--1": {
                "type": "action",
                "name": "Block It",
                "on_completion": "action--2",
                "agent": "ssh--1",
                "commands": [{"type": "ssh", "command": "block __address__:value"}],
            },
            "action--2": {
                "type": "action",
                "name": "ask",
                "on_completion": "action--3",
                "timeout": 60_000,
                "commands": [{"type": "manual", "command": "Is it quiet?"}],
            },
            "action--3": {
                "type": "action",
                "name": "Block It",
                "on_completion": "end--1",
                "agent": "ssh--1",
                "commands": [{"type": "bash", "command_b64": "ZWNobyBkb25l"}, {"type": "bash", "command": "two"}],
            },
            "end--1": {"type": "end"},
        },
        "agent_definitions": {"ssh--1": {"type": "ssh", "name": "Fire wall", "address": {"ipv4": ["192.0.2.9"]}}},
        **changed,
    }


def brought(playbook: dict[str, Any], **how: str) -> cacao.Imported:
    return cacao.imported(orjson.dumps(playbook).decode(), **how)


def test_a_strangers_playbook_is_a_runbook_that_asks_and_may_do_harm() -> None:
    found = brought(stranger())
    assert (found.name, found.runbook.mode, found.runbook.impact) == ("block-an-address", "confirm", "destructive")
    assert found.runbook.runner == "fire-wall"
    told = [(one.name, one.run, one.guard, one.gate and one.gate.ask) for one in found.runbook.steps]
    assert told == [
        ("block-it", "block 192.0.2.1", 'severity == "critical"', None),
        ("block-it-2", "echo done", "", "Is it quiet?"),
        ("block-it-3", "two", "", None),
    ]
    assert found.runbook.steps[0].otherwise == "skip"


def test_it_may_be_called_otherwise_and_done_by_another_runner() -> None:
    found = brought(stranger(), name="block", runner="shell")
    assert (found.name, found.runbook.runner) == ("block", "shell")


def test_what_is_not_carried_over_is_named() -> None:
    playbook = stranger(labels=["net"], description="Why it is done", markings=["marking-tlp--1"])
    playbook["workflow"]["action--1"] |= {
        "targets": ["net-address--1"],
        "step_extensions": {"extension-definition--9": {}},
    }
    playbook["workflow"]["action--3"]["commands"][1]["version"] = "5"
    assert brought(playbook).left == (
        "the playbook's labels",
        "the playbook's markings",
        "the playbook's description",
        "targets of Block It",
        "the extension extension-definition--9",
        "the agent Fire wall: a ssh with address, of which the runner fire-wall is all",
        "version of a command of Block It",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "bundle"}, "no CACAO playbook"),
        ({"spec_version": "1.1"}, "cacao-2.0 is taken"),
        ({"workflow_start": "start--9"}, "its workflow has no start--9"),
        ({"playbook_variables": {}}, "needs a value of __address__"),
        ({"playbook_extensions": {cacao.EXTENSION: {"name": "No Name"}}}, "'No Name' is no name of a runbook"),
    ],
)
def test_what_is_no_playbook_that_can_be_taken_says_why(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Misfit, match=words):
        brought(stranger(**change))


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("action--2", {"type": "parallel"}, "is of the type 'parallel'"),
        ("action--3", {"on_completion": "action--1"}, "comes back to action--1; a runbook has no loops"),
        ("action--1", {"on_failure": "action--3"}, "Block It leads elsewhere where it fails"),
        ("action--1", {"commands": [{"type": "http-api", "command": "GET /"}]}, "a command of the type 'http-api'"),
        ("action--1", {"commands": [{"type": "bash", "command": "a\nb"}]}, "a command of several lines"),
        ("action--3", {"type": "end"}, "something to agree to, or with a condition, and no step follows"),
        ("if-condition--1", {"condition": "[a:b = 'c'] AND [d:e = 'f']"}, "is not one variable compared"),
        ("if-condition--1", {"on_false": "action--3"}, "leads elsewhere than around Block It"),
    ],
)
def test_what_would_change_what_is_done_is_refused(part: str, change: dict[str, Any], words: str) -> None:
    playbook = stranger()
    playbook["workflow"][part] |= change
    with pytest.raises(Misfit, match=re.escape(words)):
        brought(playbook)


@pytest.mark.parametrize("document", ["", "[", "[]", "null", "{}", '{"type": "playbook", "spec_version": "cacao-2.0"}'])
def test_what_is_nothing_says_so(document: str) -> None:
    with pytest.raises(Misfit):
        cacao.imported(document)

"""A command as plain data: what is told of it elsewhere makes the same command, and what is no command makes none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tieline.core.commands import Argument, Command, from_facts
from tieline.core.described import described
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS

DECLARED = [*OWN.by_name.values(), *OWN_VIEWS.by_name.values()]
WHAT = {"name": "what", "type": "text"}


@pytest.mark.parametrize("declared", DECLARED, ids=lambda one: str(one.name))
def test_what_is_told_of_a_command_makes_the_same_one(declared: Any) -> None:
    made = described(declared)
    assert from_facts(made.name, made.acts, json.loads(json.dumps(made.facts()))) == made


def test_what_another_version_says_beside_is_no_reason_to_refuse_the_rest() -> None:
    told = {"help": "x", "new": 1, "arguments": [{**WHAT, "type": "money", "shade": "red", "default": True}]}
    assert from_facts("kitchen order", True, told) == Command("kitchen order", True, "x", (Argument("what", "text"),))


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("Kitchen", {"help": "x", "arguments": []}),
        ("a b c", {"help": "x", "arguments": []}),
        ("kit\x1b[31mchen", {"help": "x", "arguments": []}),
        ("kitchen", None),
        ("kitchen", {"help": 1, "arguments": []}),
        ("kitchen", {"help": "x" * 5_000, "arguments": []}),
        ("kitchen", {"help": "x"}),
        ("kitchen", {"help": "x", "arguments": [WHAT, WHAT]}),
        ("kitchen", {"help": "x", "arguments": [{"name": "--force", "type": "text"}]}),
        ("kitchen", {"help": "x", "arguments": [{"type": "text"}]}),
        ("kitchen", {"help": "x", "arguments": [{**WHAT, "choices": [1]}]}),
        ("kitchen", {"help": "x", "arguments": [WHAT] * 2_000}),
    ],
)
def test_what_is_no_command_makes_none(name: str, facts: Any) -> None:
    with pytest.raises(ValueError):
        from_facts(name, True, facts)

"""The command of an act follows from its declaration."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import Field

from tieline.cli.acts import command
from tieline.core.acts import Act
from tieline.core.arguments import Answer, Ask, Duration, Instant, Line
from tieline.core.desk import Desk
from tieline.sync.office.office import Performed


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Order(Ask):
    what: Line = Field(description="What is wanted.")
    with_: dict[str, Line] = Field(default_factory=dict, description="What goes with it.")
    size: Size = Field(default=Size.SMALL, description="How large.")
    count: int | None = Field(default=None, ge=1, description="How many.")
    within: Duration | None = Field(default=None, description="How soon.")
    at: Instant | None = Field(default=None, description="When.")
    for_whom: tuple[Line, ...] = Field(default=(), description="For whom.")
    urgent: bool = Field(default=False, description="It is urgent.")


class Ordered(Answer):
    told: dict[str, Any]

    def sentence(self) -> str:
        return "ordered"


def order(_desk: Desk, ask: Order) -> Answer:
    """Order something.

    It comes by itself.
    """
    return Ordered(told=ask.plain())


ACT = Act("kitchen order", order, "kitchen.order", ("what", "with_"))


def perform(workspace: str, act: Act, ask: Ask, key: str, break_glass: str | None = None) -> Performed:
    why = {} if break_glass is None else {"because": break_glass}
    return Performed({"told": ask.plain(), "key": key, "in": workspace, **why}, "ordered", 1)


ONCE = ("--key", "k", "--json")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command(ACT, perform), list(arguments), obj="here")


def test_it_takes_what_the_act_declares_and_tells_no_more_than_was_said() -> None:
    assert json.loads(run("tea", "--json").output) == {"told": {"what": "tea"}, "key": "", "in": "here"}
    options = ["--size", "large", "--count", "2", "--within", "90s", "--at", "2026-11-23T20:04:00+01:00", "--urgent"]
    done = run(
        "tea", "milk=cold", "sugar=a=b", *options, "--for-whom", "ann", "--for-whom", "bob", "--key", "k", "--json"
    )
    assert json.loads(done.output) == {
        "told": {
            "what": "tea",
            "with_": {"milk": "cold", "sugar": "a=b"},
            "size": "large",
            "count": 2,
            "within": "90s",
            "at": "2026-11-23T19:04:00.000000Z",
            "for_whom": ["ann", "bob"],
            "urgent": True,
        },
        "key": "k",
        "in": "here",
    }
    assert run("tea").output == "ordered\n"


def test_its_help_says_what_it_does_and_what_stands_for_each_word() -> None:
    shown = run("--help").output
    assert shown.startswith("Usage: order [OPTIONS] WHAT FIELD=VALUE...\n")
    for words in ("Order something.", "It comes by itself.", "WHAT            What is wanted.", "How many."):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing argument 'WHAT'"),
        (["tea", "milk"], "'milk': write FIELD=VALUE"),
        (["tea", "=cold"], "'=cold': write FIELD=VALUE"),
        (["tea", "a=1", "a=2"], "a is there twice; write it once"),
        (["tea", "--size", "huge"], "'huge' is not one of 'small', 'large'"),
        (["tea", "--count", "0"], "count: Input should be greater than or equal to 1"),
        (["tea", "--within", "soon"], "within: 'soon' is no duration; write it like 30s, 5m, 4h or 2d"),
        (["tea", "--at", "2026-11-23T20:04:00"], "at: 2026-11-23T20:04:00 has no zone"),
        (["tea", "--at", "noon"], "at: 'noon' is no time; write it like 2026-11-23T19:04:00Z"),
        (["tea", "--key", " "], "--key is empty: name one"),
        ([" "], "what: String should have at least 1 character"),
    ],
)
def test_what_it_does_not_take_is_wrong_usage_with_a_sentence(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in done.output


def test_only_what_asks_first_has_a_glass_to_break() -> None:
    said = ("tea", "--break-glass", "Everybody is thirsty.", "--json")
    assert run(*said).exit_code == 2
    asks = replace(ACT, asks_first=("kitchen.approve",))
    done = CliRunner().invoke(command(asks, perform), list(said), obj="here")
    assert json.loads(done.output)["because"] == "Everybody is thirsty."

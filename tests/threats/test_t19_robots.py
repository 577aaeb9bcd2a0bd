"""T19: robots in two tools that react to whatever is copied are stopped after ten writes, and named."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sync.world import World
from tests.threats.conftest import Tally

from tieline.core.model import Audience
from tieline.sync.road.robots import ANSWERS, Voice, answers, robots


@pytest.fixture
def world(tmp_path: Path) -> World:
    one = World(tmp_path, options={"left": "comments: both", "right": "comments: both"})
    one.tools["left"].make({"title": "Disk full", "status": "new"})
    one.settle()
    return one


def ref_in(world: World, tool: str) -> str:
    return world.tools[tool].rows()[0].ref


def close(world: World) -> None:
    world.engine.store.close()
    world.engine.registry.close()


def copied(world: World, tool: str) -> int:
    """Comments that we wrote into a tool."""
    return sum("(INC-" in note.text.split("\n")[0] for note in world.tools[tool].rows()[0].notes)


def test_two_robots_that_answer_every_comment_are_stopped_and_named(world: World, tally: Tally) -> None:
    heard = {"left": 0, "right": 0}
    world.tools["left"].comment(ref_in(world, "left"), "start", Audience.CUSTOMERS, author="robot-l")
    for turn in range(60):
        world.settle(1)
        for tool, author in (("left", "robot-l"), ("right", "robot-r")):
            while heard[tool] < copied(world, tool):
                heard[tool] += 1
                world.tools[tool].comment(ref_in(world, tool), f"reaction {turn}", Audience.CUSTOMERS, author=author)
    writes = copied(world, "left") + copied(world, "right")
    sentences = [one.sentence for one in world.parked() if one.what == "comment"]
    world.verified()
    close(world)
    assert writes >= 4, "they did talk"
    assert any("robot-l in left" in words or "robot-r in right" in words for words in sentences)
    tally(60, [writes] if writes > 10 else [])


def test_two_robots_that_answer_every_edit_with_something_new_are_stopped_and_named(world: World, tally: Tally) -> None:
    last = {"left": "Disk full", "right": "Disk full"}
    world.tools["left"].edit(ref_in(world, "left"), title="start")
    last["left"] = "start"
    writes = 0
    for turn in range(60):
        world.settle(1)
        for tool in ("left", "right"):
            title = str(world.tools[tool].rows()[0].body["title"])
            if title != last[tool]:
                writes += 1
                last[tool] = f"{tool} reacts, {turn}"
                world.tools[tool].edit(ref_in(world, tool), title=last[tool])
    sentences = [one.sentence for one in world.parked() if one.what == "copy"]
    close(world)
    assert writes >= 4
    assert any("title of INC-1 was set by" in words for words in sentences)
    tally(60, [writes] if writes > 10 else [])


def test_people_who_talk_across_two_tools_are_let_talk(world: World) -> None:
    for turn in range(12):
        tool = ("left", "right")[turn % 2]
        world.tools[tool].comment(ref_in(world, tool), f"words {turn}", Audience.CUSTOMERS, author=f"person in {tool}")
        world.settle(5)  # two and a half minutes
    parked = world.parked()
    close(world)
    assert parked == []


def test_a_long_history_that_is_copied_at_once_is_no_conversation(world: World) -> None:
    for number in range(40):
        world.tools["left"].comment(ref_in(world, "left"), f"old words {number}", Audience.CUSTOMERS)
    world.settle()
    parked, written = world.parked(), copied(world, "right")
    close(world)
    assert (parked, written) == ([], 40)


VOICES = st.lists(st.builds(Voice, st.sampled_from(["left", "right", ""]), st.sampled_from(["a", "b"])), max_size=40)


@given(VOICES)
def test_only_what_follows_another_connection_is_an_answer(voices: list[Voice]) -> None:
    turns = sum(one.origin != other.origin for one, other in pairwise(voices))
    assert sum(answers(voices).values()) == turns
    assert all(answers(voices)[one] >= ANSWERS and one.origin for one in robots(voices))

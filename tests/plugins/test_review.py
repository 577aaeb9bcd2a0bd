"""Which edits in a tool wait for somebody who may agree to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.sync.world import World

from tieline.core.errors import ConfigError
from tieline.core.hooks import Edited
from tieline.core.model import ConnectionName, RecordKind, Value
from tieline.plugins.review.plugin import Review, Settings

BEFORE: dict[str, Value] = {
    "status": "in_progress",
    "severity": "high",
    "priority": "p2",
    "team": "db",
    "title": "Disk",
}


def objected(
    plugin: Review, changes: dict[str, Value], before: dict[str, Value] = BEFORE, kind: Any = RecordKind.INCIDENT
) -> dict[str, str]:
    edited = Edited(kind, "INC-1", ConnectionName("jira"), "told:jira:ann", before, changes)
    return {name: one.why for name, one in plugin.tieline_review(edited).items()}


@pytest.mark.parametrize(
    ("changes", "waits"),
    [
        ({"status": "resolved"}, {"status": "told:jira:ann closed it"}),
        ({"status": "cancelled"}, {"status": "told:jira:ann closed it"}),
        ({"status": "on_hold"}, {}),
        ({"severity": "low"}, {"severity": "told:jira:ann lowered it from high to low"}),
        ({"severity": None}, {"severity": "told:jira:ann lowered it from high to nothing"}),
        ({"severity": "critical", "priority": "p1"}, {}),
        ({"priority": "p4", "team": "net", "title": "Disk 1"}, {"priority": "told:jira:ann lowered it from p2 to p4"}),
        ({"impact": "low"}, {}),
    ],
)
def test_closing_and_lowering_wait_unless_something_else_is_said(
    changes: dict[str, Value], waits: dict[str, str]
) -> None:
    assert objected(Review(Settings()), changes) == waits


def test_what_is_over_may_be_closed_for_good_and_reopened() -> None:
    over: dict[str, Value] = {**BEFORE, "status": "resolved"}
    assert objected(Review(Settings()), {"status": "closed"}, over) == {}
    assert objected(Review(Settings()), {"status": "in_progress"}, over) == {}


def test_a_problem_that_is_closed_waits_as_an_incident_does() -> None:
    before: dict[str, Value] = {"status": "root_cause", "title": "Disks"}
    changes: dict[str, Value] = {"status": "resolved"}
    assert [*objected(Review(Settings()), changes, before, RecordKind.PROBLEM)] == ["status"]


def test_fields_that_are_named_wait_and_nothing_else() -> None:
    plugin = Review(Settings(hold=("team",)))
    assert objected(plugin, {"team": "net", "status": "closed"}) == {"team": "told:jira:ann changed it"}


def test_the_word_of_a_trusted_tool_is_enough() -> None:
    assert objected(Review(Settings(trust=(ConnectionName("jira"),))), {"status": "closed"}) == {}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hold: [clossing]", "neither `closing` nor `lowering` nor a field"),
        ("hold: []", "it holds nothing"),
        ("right: incident.closing", "there is no right 'incident.closing'"),
        ("trusts: [left]", "trusts"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(ConfigError) as told:
        World(tmp_path, top=f"plugins: {{review: {{{line}}}}}")
    assert says in str(told.value)


def test_from_the_file_to_the_tool_and_back(tmp_path: Path) -> None:
    world = World(tmp_path, top="plugins: {review: {right: incident.edit}}")
    world.tools["left"].make({"title": "Disk full", "status": "new", "severity": "high"})
    world.settle()
    world.edit("right", severity="low", title="Disk 1 full")
    world.settle()
    assert world.shows("left", "severity", "title") == ("high", "Disk 1 full")
    hold = world.copy("right").holds["severity"]
    assert hold.words == (
        "severity was edited there and waits for somebody with the right incident.edit to agree: right lowered it from "
        "high to low; run `tieline conflicts settle`"
    )
    assert hold.right == "incident.edit"
    world.engine.store.close()
    world.engine.registry.close()

"""A tool that refuses no write on an old version: what our write replaced is decided about like any edit, or told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.sync.world import World

from tieline.adapters.memory.adapter import MemoryAdapter
from tieline.adapters.memory.faults import Fault
from tieline.adapters.memory.settings import MemorySettings
from tieline.core.model import ConnectionName
from tieline.core.port import Replaced, Workbench
from tieline.sync import explain
from tieline.sync.records import Held

FASTER = "Disk full, says right"
OURS = "Disk full on db1"


def opened(world, **options):
    """Left opened an incident, and right has a copy: right, which takes every write."""
    both = world(blunt="right", **options)
    both.tools["left"].make({"title": "Disk full", "status": "new", "severity": "high", "tags": ["disk"]})
    both.settle()
    return both


def record_in_right(both: World) -> str:
    ref = both.copy("right").ref
    assert ref is not None
    return ref


def race(both, theirs, ours):
    """Somebody edits in left; and somebody in right, after our look and before our write."""
    ref = record_in_right(both)
    both.tools["right"].faults.ambushes.append(lambda: both.tools["right"].edit(ref, **theirs))
    both.edit("left", **ours)


def told(both: World, kind: str):
    """The entries of this kind in the incident's journal."""
    with both.engine.store.read() as connection:
        return [entry for entry in explain.history(connection, both.incident().id) if entry["kind"] == kind]


def lost(both: World, field: str):
    """What the journal says of this field's losers, in order."""
    with both.engine.store.read() as connection:
        entries = explain.history(connection, both.incident().id)
    found = [entry["facts"].get("conflicts", {}).get(field) for entry in entries]
    return [(one["lost"], one["kept"], one["reason"]) for one in found if one]


def test_an_edit_that_our_write_replaced_is_the_later_one_and_is_put_back_everywhere(world):
    both = opened(world)
    race(both, {"title": FASTER}, {"title": OURS})
    both.settle()
    assert both.shows("right", "title") == both.shows("left", "title") == FASTER
    assert lost(both, "title") == [(OURS, FASTER, "latest_theirs")]


def test_it_is_put_back_after_a_lost_answer_too(world):
    both = opened(world)
    race(both, {"title": FASTER}, {"title": OURS})
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.settle()
    assert both.shows("right", "title") == both.shows("left", "title") == FASTER
    assert lost(both, "title") == [(OURS, FASTER, "latest_theirs")]


def test_it_is_put_back_by_whoever_comes_after_a_crash(world):
    both = opened(world)
    race(both, {"title": FASTER}, {"title": OURS})
    both.tools["right"].faults.queue += [Fault(only_writes=True, after_effect=True), Fault(times=3)]
    both.clock.advance(31)
    both.step("left")
    both.step("left")
    for _ in range(4):
        both.step("right")
    both.restart()
    both.settle()
    assert both.shows("right", "title") == both.shows("left", "title") == FASTER


def test_an_edit_of_another_field_is_an_edit_like_any_other(world):
    both = opened(world)
    race(both, {"description": "df says 100 %"}, {"title": OURS})
    both.settle()
    assert both.shows("right", "title", "description") == both.shows("left", "title", "description")
    assert both.shows("left", "title", "description") == (OURS, "df says 100 %")
    assert told(both, "refused") == told(both, "overwritten") == []


def test_an_edit_to_the_same_value_is_no_conflict(world):
    both = opened(world)
    race(both, {"title": OURS, "description": "df says 100 %"}, {"title": OURS, "severity": "low"})
    both.settle()
    assert both.shows("left", "title", "description", "severity") == (OURS, "df says 100 %", "low")
    assert lost(both, "title") == []


def test_a_set_takes_what_both_added(world):
    both = opened(world)
    race(both, {"tags": ["disk", "urgent"]}, {"tags": ["disk", "db1"]})
    both.settle()
    assert sorted(both.shows("right", "tags")) == sorted(both.shows("left", "tags")) == ["db1", "disk", "urgent"]


def test_a_field_with_another_owner_keeps_our_value_and_tells_theirs(world, tmp_path):
    (tmp_path / "owned.yaml").write_text("policy: {title: 'owner:left'}\n", encoding="utf-8")
    both = opened(world, options={"left": "overlay: owned.yaml", "right": "overlay: owned.yaml"})
    race(both, {"title": FASTER}, {"title": OURS})
    both.settle()
    assert both.shows("right", "title") == both.shows("left", "title") == OURS
    assert lost(both, "title") == [(FASTER, OURS, "not_owner")]


@pytest.mark.parametrize("theirs", [True, False])
def test_under_manual_a_person_chooses_between_what_stands_and_what_was_replaced(world, tmp_path, theirs):
    (tmp_path / "manual.yaml").write_text("policy: {title: manual}\n", encoding="utf-8")
    both = opened(world, options={"left": "overlay: manual.yaml", "right": "overlay: manual.yaml"})
    race(both, {"title": FASTER}, {"title": OURS})
    both.settle()
    both.edit("right", description="something else")
    both.settle()
    (waiting,) = both.conflicts()
    assert (waiting.hold.kind, waiting.hold.ours, waiting.hold.theirs) == (Held.REPLACED, OURS, FASTER)
    assert lost(both, "title") == [(FASTER, OURS, "manual")], "told once"
    both.settle_conflict("right", "title", theirs=theirs)
    both.settle()
    stands = FASTER if theirs else OURS
    assert both.shows("right", "title") == both.shows("left", "title") == stands
    assert both.conflicts() == []


def test_what_was_replaced_and_then_edited_again_is_told(world):
    both = opened(world)
    record = record_in_right(both)
    race(both, {"title": FASTER}, {"title": OURS})
    both.tools["right"].faults.queue.append(Fault(only_writes=True, after_effect=True))
    both.clock.advance(31)
    while both.tools["right"].row(record).body["title"] != OURS:
        both.step("left")
        both.step("right")
    both.tools["right"].edit(record, title="Disk full, says right again")
    both.settle()
    assert both.shows("right", "title") == both.shows("left", "title") == "Disk full, says right again"
    assert (FASTER, "Disk full, says right again", "overwritten") in lost(both, "title")


class Curt(MemoryAdapter):
    """Tells of what a write replaced whatever it is told to tell, and counts how often it is asked."""

    asked = 0
    told: Mapping[str, Any] | str | None = None

    def replaced(self, ref, since):
        self.asked += 1
        if self.told is None:
            return None
        if isinstance(self.told, str):
            return Replaced(None, untold=self.told)
        return Replaced({**self.read(ref).body, **self.told})


def curt(both: World, told_of: Mapping[str, Any] | str | None = None) -> Curt:
    """The right tool, from now on behind such an adapter."""
    here, tool = both.engine.connections[ConnectionName("right")], both.tools["right"]
    adapter = Curt(here.name, MemorySettings(), Workbench(both.clock, both.clock.sleep, tool), tool)
    here.source, adapter.told = adapter, told_of
    return adapter


def test_a_value_without_a_word_in_the_mapping_is_told_as_the_tool_says_it(world):
    both = opened(world)
    curt(both, {"severity": "purple"})
    race(both, {"severity": "critical"}, {"severity": "low"})
    both.settle()
    assert both.shows("right", "severity") == both.shows("left", "severity") == "low"
    assert lost(both, "severity") == [("purple", "low", "overwritten")]


def test_a_loss_that_the_tool_does_not_tell_is_told_by_name(world):
    both = opened(world)
    sentence = "MEM-1 was written by others at the same time, and the history may not be read; grant it"
    curt(both, sentence)
    race(both, {"title": FASTER}, {"title": OURS})
    both.settle()
    (entry,) = told(both, "overwritten")
    assert (entry["facts"]["untold"], entry["facts"]["sentence"]) == (["title"], sentence)
    assert both.shows("right", "title") == both.shows("left", "title") == OURS


def test_nobody_is_asked_when_nobody_came_between(world):
    both = opened(world)
    adapter = curt(both)
    both.edit("left", title=OURS)
    both.settle()
    assert both.shows("right", "title") == OURS
    assert adapter.asked == 0

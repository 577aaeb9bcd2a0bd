"""T18: whoever may edit one tool changes only those fields of another that the mapping lets it change."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sync.world import World
from tests.threats.conftest import Tally

ATTACK = {
    "title": "owned", "description": "owned", "status": "closed", "severity": "low", "priority": "p5", "impact": "low",
    "urgency": "low", "team": "owned", "service": "owned", "category": "owned", "close_code": "owned", "tlp": "clear",
}  # fmt: skip
BEFORE = {
    "title": "Disk full", "description": "It is full.", "status": "new", "severity": "high", "priority": "p1",
    "impact": "high", "urgency": "high", "team": "storage", "service": "shop", "category": "disk", "close_code": "none",
    "tlp": "amber",
}  # fmt: skip


@pytest.mark.parametrize("allowed", [*ATTACK, ""])
def test_a_hostile_tool_changes_only_what_it_may(tmp_path: Path, allowed: str, tally: Tally) -> None:
    """The left tool owns every field but one; whoever sits in the right tool sets them all, several times."""
    guarded = [name for name in ATTACK if name != allowed]
    policies = "\n".join(f"  {name}: owner:left" for name in guarded)
    (tmp_path / "owned.yaml").write_text(f"policy:\n{policies}\n", encoding="utf-8")
    options: dict[str, str] = dict.fromkeys(("left", "right"), "overlay: owned.yaml\nceiling: red")
    world = World(tmp_path, options=options)
    row = world.tools["left"].make(BEFORE)
    world.settle()
    for _again in range(2):
        for copy in world.tools["right"].rows():
            world.tools["right"].edit(copy.ref, **ATTACK)
        world.settle(2)
    held = world.tools["left"].row(row.ref).body
    world.engine.store.close()
    world.engine.registry.close()
    assert not allowed or held[allowed] == ATTACK[allowed], "what it may change, it does"
    tally(len(guarded), [name for name in guarded if held.get(name) != BEFORE[name]])

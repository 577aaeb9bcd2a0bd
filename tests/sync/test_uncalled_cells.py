"""That no verb is called on behalf of a copy that stands where the table says that it never is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.sync.stands import STANDS, edit, hint, source
from tests.sync.world import World

from tieline.sync.outcomes import CALLED, Standing, Verb, standing_of
from tieline.sync.road import copy_states

WATCHED = [verb for verb in Verb if verb is not Verb.NONE]


@dataclass
class Watch:
    """Every verb of one connection, each noted as it is called."""

    called: list[Verb] = field(default_factory=list)

    def over(self, adapter: Any) -> None:
        for verb in WATCHED:
            setattr(adapter, verb.value, self._noting(verb, getattr(adapter, verb.value)))

    def _noting(self, verb: Verb, honest: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any, **options: Any) -> Any:
            self.called.append(verb)
            return honest(*args, **options)

        return asked


def provoke(world: World) -> None:
    """Everything that can be wanted of a copy at once: an edit, a decision, a person, comments, a hint."""
    left, right = world.copy("left").ref, world.copy("right").ref
    assert left is not None
    edit(world, title="Disk full on db2", status="in_progress", assignee="bob@example.com")
    world.tools["left"].comment(left, "is it the log again?")
    if right is not None:
        hint(world, right)


def stay(world: World, standing: Standing) -> None:
    """The incident's move gives a parked copy another chance; here it stands so again at once."""
    if standing is Standing.PARKED:
        copy_states.park(world.engine, world.copy("right").id, "waits for somebody")


@pytest.mark.parametrize("standing", Standing)
def test_what_is_called_for_a_copy_is_what_the_table_lists(tmp_path: Path, standing: Standing) -> None:
    world, watch = STANDS[standing](tmp_path), Watch()
    watch.over(source(world))
    provoke(world)
    if standing is Standing.GONE:
        world.tools["right"].delete(world.copy("right").ref or "")
    stay(world, standing)
    seen: set[Verb] = set()
    for _ in range(4):
        world.clock.advance(31)
        while world.step("left"):
            pass
        for _ in range(30):
            if standing_of(world.copy("right")) is not standing:
                break
            watch.called.clear()
            worked = world.step("right")
            seen |= set(watch.called)
            if not worked:
                break
        edit(world, title=f"Disk full, says bob at {world.clock.now():%H:%M}")
        stay(world, standing)
    assert {verb for verb in seen if standing not in CALLED[verb]} == set()
    assert seen
    world.engine.store.close()
    world.engine.registry.close()

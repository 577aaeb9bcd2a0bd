"""What is killed at any commit, or told that there is no store, is done once when it is asked for again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tieline.core.errors import StoreUnavailable
from tieline.sync.testing.acting import acts_of
from tieline.sync.testing.ground import Fate, Ground, Killed, MortalStore, unavailable
from tieline.sync.testing.readying import ready

Outcome = tuple[Counter[tuple[str, int | None]], dict[str, int], list[tuple[str, str, int, str | None]]]


def outcome(ground: Ground) -> Outcome:
    """What happened in the end, how many rows tell of it, and what its jobs came to in how many steps."""
    counts = ground.counts()
    # What was cut off may have used up a number, and the next item has another one than it would have had.
    place = {item: at for at, item in enumerate(sorted({item for _kind, item in counts if item is not None}))}
    placed = Counter({(kind, None if item is None else place[item]): times for (kind, item), times in counts.items()})
    return placed, {name: len(rows) for name, rows in ground.rows().items()}, ground.jobs()


def doomed(ground: Ground, fate: Fate, do: Callable[[Ground], object]) -> bool:
    """Do it with a store of this fate, and once more where it was met. False where it was not."""
    store = ground.engine.store
    if not isinstance(store, MortalStore):
        raise TypeError("a store that cannot die")
    store.fate = fate
    try:
        do(ground)
    except Killed:
        ground.restart()
    except StoreUnavailable:
        store.fate = Fate()
    else:
        return False
    do(ground)
    ground.work()
    return True


class DyingContract:
    """A process that ends, and a store that does not answer."""

    def test_an_act_that_was_cut_off_is_done_once(self, ground: Ground, tmp_path: Path) -> None:
        for act in acts_of(ground):
            asked = ready(ground, act, ground.open())

            def do(one: Ground, name: str = act.name, asked: dict[str, Any] = asked) -> None:
                one.perform_unguarded(name, asked, "cut off")

            _cut_everywhere(ground, tmp_path / act.name.replace(" ", "-"), do)

    def test_what_it_does_by_itself_is_done_once_wherever_it_was_cut_off(self, ground: Ground, tmp_path: Path) -> None:
        ground.arrive()
        _cut_everywhere(ground, tmp_path / "following", Ground.work)
        ground.work()
        for act in acts_of(ground):
            ground.perform_unguarded(act.name, ready(ground, act, "INC-1"), "")
        ground.clock.advance(3_600)
        _cut_everywhere(ground, tmp_path / "in-time", Ground.work)


def _cut_everywhere(ground: Ground, folder: Path, do: Callable[[Ground], object]) -> None:
    whole = ground.copied(folder / "whole")
    do(whole)
    whole.work()
    wanted = outcome(whole)
    whole.close()
    # At every commit that there is. One that is not kept is met by a process that lives on as well.
    for is_kept, raises in ((False, Killed), (False, unavailable), (True, Killed)):
        for at in count(1):
            cut = ground.copied(folder / f"{raises.__name__}-{is_kept}-{at}")
            is_met = doomed(cut, Fate(at, is_kept, raises), do)
            found = outcome(cut)
            cut.close()
            if not is_met:
                break
            if found != wanted:
                when = f"after commit {at}" if is_kept else f"before commit {at}"
                pytest.fail(f"cut off {when} and done again: {_difference(found, wanted)}")


def _difference(found: Outcome, wanted: Outcome) -> str:
    more, less = found[0] - wanted[0], wanted[0] - found[0]
    told = [f"{kind} {times} times too often" for (kind, _item), times in more.items()]
    told += [f"{kind} {times} times too few" for (kind, _item), times in less.items()]
    if found[2] != wanted[2]:
        told.append(f"its jobs came to {found[2]} and not {wanted[2]}")
    return "; ".join(told) or f"{found[1]} rows and not {wanted[1]}"

"""One tool cannot be reached for a day while people go on in the other, and in the one that nobody reaches.

What waits is then written as fast as the tool's limit allows, each of it once. Time is moved by hand.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from tests.sync.world import World

from tieline.adapters.memory.faults import Fault
from tieline.core.model import instant
from tieline.sync.limits import LONGEST_WAIT

PER_MINUTE: Final = 600
DAY: Final = timedelta(hours=24).total_seconds()
OVERHEAD: Final = 1.2
"""Of the time that the writes alone would take at the tool's limit."""


def _waiting(world: World) -> int:
    with world.engine.store.read() as connection:
        return int(
            connection.execute(
                text("SELECT (SELECT count(*) FROM replica WHERE dirty) + (SELECT count(*) FROM inbox)")
            ).scalar_one()
        )


def _turn(world: World, idle: float) -> bool:
    worked = [world.step(name) for name in world.lanes]
    if not any(worked):
        world.clock.advance(idle)
    return any(worked)


def _rest(world: World, seconds: float) -> None:
    """Let this much time pass, and let the lanes do what they find."""
    ends = world.clock.monotonic() + seconds
    while world.clock.monotonic() < ends:
        _turn(world, 30.0)


def _titles(world: World, name: str) -> Counter[str]:
    return Counter(str(row.body["title"]) for row in world.tools[name].rows())


def partition(folder: Path, changes: int, seed: int = 1) -> dict[str, Any]:
    """`changes` of them wait: half are new records, half are edits of known ones. One in a hundred of the known
    records is edited on the other side as well, in another field."""
    dice = random.Random(seed)
    world = World(folder, options={"right": f"calls_per_minute: {PER_MINUTE}"}, seed=seed)
    left, right = world.tools["left"], world.tools["right"]
    known = [left.make({"title": f"known {number}", "status": "new"}).ref for number in range(changes // 2)]
    _rest(world, 120)
    while _waiting(world):
        _turn(world, 1.0)
    _rest(world, 120)
    before = {str(row.body["title"]): (row.ref, row.version) for row in right.rows()}
    quiet = _titles(world, "left") == _titles(world, "right")

    # The last write that arrives before the line breaks is one whose answer does not come back.
    right.faults.queue.append(Fault(after_effect=True, only_writes=True))
    right.faults.draw = lambda _verb, _writes: Fault()
    taken = 0
    # The day: the changes come evenly.
    todo: list[int] = list(range(changes))
    dice.shuffle(todo)
    theirs = dice.sample(range(len(known)), max(1, len(known) // 100))
    at_right = {title: ref for title, (ref, _version) in before.items()}
    began = world.clock.monotonic()
    while taken < len(todo) or world.clock.monotonic() - began < DAY:
        share = min(1.0, (world.clock.monotonic() - began) / (DAY * 0.98))
        while taken < min(len(todo), int(share * len(todo)) + 1):
            one = todo[taken]
            if one < len(known):
                left.edit(known[one], title=f"edited {one}")
            else:
                left.make({"title": f"new {one}", "status": "new", "opened_at": instant(world.clock.now())})
            taken += 1
        _turn(world, 120.0)
    for one in theirs:
        right.edit(at_right[f"known {one}"], team=f"their team {one}")
    queued = _waiting(world)

    right.faults.heal()
    healed = world.clock.monotonic()
    answered: list[float] = []
    right.faults.draw = lambda _verb, _writes: answered.append(world.clock.monotonic())
    while not answered or _waiting(world):
        _turn(world, 1.0)
    noticed, done = answered[0], world.clock.monotonic()
    for _ in range(2):
        _rest(world, 60)
    calm = world.writes()
    _rest(world, 120)
    return _judged(
        {
            "changes": changes,
            "queued": queued,
            "hours_away": round((healed - began) / 3600, 1),
            "noticed_after_seconds": round(noticed - healed, 1),
            "seconds": round(done - noticed, 1),
            "least_seconds": round(changes / PER_MINUTE * 60, 1),
            "written_twice": _written_twice(world, before, theirs),
            "records_made_twice": sum(count - 1 for count in _titles(world, "right").values()),
            "differ": _differing(world),
            "parked": len(world.parked()),
            "conflicts": len(world.conflicts()),
            "writes_afterwards": world.writes() - calm,
            "journal": world.verified(),
        },
        quiet=quiet,
    )


def _written_twice(world: World, before: dict[str, tuple[str, int]], theirs: list[int]) -> int:
    """Writes to the right beyond the one that each change needs. A person's edit there counts one."""
    refs = dict(before.values())
    edited = {before[f"known {one}"][0] for one in theirs}
    return sum(
        max(0, row.version - refs[row.ref] - 1 - (row.ref in edited)) if row.ref in refs else row.version - 1
        for row in world.tools["right"].rows()
    )


def _differing(world: World) -> int:
    """Incidents whose copies do not show the same."""
    bodies = {name: {row.ref: row.body for row in tool.rows()} for name, tool in world.tools.items()}
    differing = 0
    for _incident, copies in world.incidents():
        shown = [bodies[copy.connection][copy.ref] for copy in copies if copy.ref is not None]
        same = len(shown) == 2 and all(
            shown[0].get(name) == shown[1].get(name) for name in {*shown[0], *shown[1]} - {"key", "url"}
        )
        differing += not same
    return differing


def _judged(figures: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    checks = {
        "the copies were not equal before the day began": quiet,
        "something was written twice": figures["written_twice"] == figures["records_made_twice"] == 0,
        "copies differ afterwards": figures["differ"] == 0,
        "something was parked or held": figures["parked"] == figures["conflicts"] == 0,
        "something was written after all was done": figures["writes_afterwards"] == 0,
        f"it took more than {OVERHEAD} of the least time": figures["seconds"] <= OVERHEAD * figures["least_seconds"],
        "the tool was not asked again in time": figures["noticed_after_seconds"] <= LONGEST_WAIT.total_seconds() + 60,
        "the changes did not wait": figures["queued"] >= 0.95 * figures["changes"],
    }
    return {**figures, "failures": [words for words, holds in checks.items() if not holds]}

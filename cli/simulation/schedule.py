"""One schedule: drawn from a seed, played, judged; and made small when it fails.

Every step has dice of its own, so that leaving one out changes as little as possible for the others.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from structlog.testing import capture_logs

from tieline.adapters.testing.clock import START
from tieline.cli.simulation.actions import ACTIONS
from tieline.cli.simulation.checker import Violation, check, shown_secrets
from tieline.cli.simulation.fate import FORGETFUL, LEVELS, Weather
from tieline.cli.simulation.floor import laws
from tieline.cli.simulation.floor.announcing import MOVES as ANNOUNCING
from tieline.cli.simulation.floor.announcing import come_to_an_end
from tieline.cli.simulation.floor.floor import PLUGINS
from tieline.cli.simulation.floor.moves import MOVES
from tieline.cli.simulation.shape import MEMORY, SIMULATED, UPSTAIRS, Shape, cast
from tieline.cli.simulation.shipped import habits
from tieline.cli.simulation.store import IN_MEMORY, Stores
from tieline.cli.simulation.world import CYCLE, World
from tieline.sync import explain
from tieline.sync.alerts import absence
from tieline.sync.limits import BREAKER_WINDOW
from tieline.sync.office.office import Office
from tieline.sync.office.own import OWN

STEPS = 120

CROWDED: Final = 0.6
"""How likely somebody edits what we are about to write, in worlds that are made to see that."""

MOVED: Final = 0.7
"""How often something happens there after a step."""

GATED: Final = 0.3
"""The share of the worlds with plugins in which edits in tools that close or lower wait until somebody agrees."""

PAGED: Final = 0.25
"""The share of the worlds with plugins that have a status page."""

PUBLISHED: Final = 0.5
"""How often something happens to what is shown on it after a step."""

FLOOR: Final = "upstairs: "
"""What the moves there are called in a plan begins so."""

MOST_WAITS = 20
"""Cycles that anything about alerts may take in peace: longer than the longest of their waits, several times."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action and the seed of its dice."""

    action: str
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a schedule is made of."""

    seed: int
    shape: Shape
    weather: Weather
    steps: tuple[Step, ...]

    @classmethod
    def drawn(cls, seed: int, steps: int = STEPS, tools: str = MEMORY, upstairs: float = UPSTAIRS) -> Plan:
        """`tools` are `memory`, `shipped` (drawn by the seed), or names of tools with commas between them; `upstairs`
        is how likely plugins are at work."""
        dice = random.Random(seed)  # noqa: S311 - it makes schedules, not secrets
        shape, weather = Shape.drawn(dice), Weather.drawn(dice)
        # Of its own, so that a habit that is added changes no other world.
        steps_of_a_lane = random.Random(f"batch {seed}").choice((200, 200, 200, 2, 1))  # noqa: S311
        workers, frozen = _workers(random.Random(f"workers {seed}"))  # noqa: S311
        forgetful = random.Random(f"forgetful {seed}").choice(FORGETFUL)  # noqa: S311
        shape = replace(shape, batch=steps_of_a_lane, workers=workers, blunt=_blunt(seed, shape))
        in_between = random.Random(f"in between {seed}")  # noqa: S311
        denied, refused = in_between.choice(LEVELS), in_between.choice(LEVELS)
        odd = random.Random(f"odd {seed}").choice(LEVELS)  # noqa: S311
        weather = replace(weather, frozen=frozen, forgetful=forgetful, odd=odd)
        weather = replace(weather, denied=denied, refused=refused)
        shape = replace(shape, candid=random.Random(f"candid {seed}").random() < 0.5)  # noqa: S311
        if tools != MEMORY:
            shape, weather = _shipped(seed, shape, weather, tools)
        if not shape.polls:
            # Nothing else covers for a lost webhook there, and a start would poll.
            weather = replace(weather, lost_hook=0.0, kill=0.0, clocks=0.0)
        if shape.blunt:
            # Two people on one field of one record at one moment are rare, and this is the world to see them in.
            weather = replace(weather, race=LEVELS[-1])
        names, weights = list(ACTIONS), [weight for _action, weight in ACTIONS.values()]
        chosen = dice.choices(names, weights, k=steps)
        plan = cls(seed, shape, weather, tuple(Step(name, dice.getrandbits(64)) for name in chosen))
        return _with_page(_with_floor(plan, random.Random(f"floor {seed}"), upstairs))  # noqa: S311


def _shipped(seed: int, shape: Shape, weather: Weather, tools: str) -> tuple[Shape, Weather]:
    """The same world, played by shipped adapters."""
    dice = random.Random(f"cast {seed}")  # noqa: S311 - it makes schedules, not secrets
    tickets, monitoring = cast(tools, dice, random.Random(f"heard {seed}"))  # noqa: S311
    # None of them refuses a write on an old version, and two people on one field at one moment are rare.
    race = CROWDED if dice.random() < 0.4 else weather.race
    weather = replace(weather, proxy_page=dice.choice(LEVELS), cut_answer=dice.choice(LEVELS), race=race)
    played = shape.played_by(tickets, monitoring)
    tool_habits = habits.drawn(tickets, random.Random(f"tool habits {seed}"))  # noqa: S311
    alert_habits = habits.drawn_by_watch(monitoring, random.Random(f"alert habits {seed}"))  # noqa: S311
    played = replace(played, tool_habits=tool_habits, alert_habits=alert_habits)
    return replace(played, calls_per_minute=dice.choice((0, 0, 60)), silence_for=dice.choice(("10m", "1d"))), weather


def _with_floor(plan: Plan, dice: random.Random, likely: float) -> Plan:
    """In some worlds, what happens on the second floor happens between the steps, which stay as they were."""
    if dice.random() >= likely:
        return plan
    names, weights = list(MOVES), [weight for _move, weight in MOVES.values()]
    steps: list[Step] = []
    for step in plan.steps:
        steps.append(step)
        if dice.random() < MOVED:
            steps.append(Step(FLOOR + dice.choices(names, weights)[0], dice.getrandbits(64)))
    gated = random.Random(f"gate {plan.seed}").random() < GATED  # noqa: S311 - it makes schedules, not secrets
    hands = 2 if plan.shape.workers > 1 else random.Random(f"hands {plan.seed}").choice((1, 2))  # noqa: S311
    return replace(plan, shape=replace(plan.shape, floor=True, gated=gated, hands=hands), steps=tuple(steps))


def _with_page(plan: Plan) -> Plan:
    """Some of those have a status page. No old backup comes into the place of their store: of what was shown since,
    it knows nothing."""
    dice = random.Random(f"statuspage {plan.seed}")  # noqa: S311 - it makes schedules, not secrets
    if not plan.shape.floor or dice.random() >= PAGED:
        return plan
    names, weights = list(ANNOUNCING), [weight for _move, weight in ANNOUNCING.values()]
    steps: list[Step] = []
    for step in plan.steps:
        steps.append(step)
        if dice.random() < PUBLISHED:
            steps.append(Step(FLOOR + dice.choices(names, weights)[0], dice.getrandbits(64)))
    return replace(plan, shape=replace(plan.shape, page=True, backups=False), steps=tuple(steps))


def _workers(dice: random.Random) -> tuple[int, float]:
    """How many workers there are, and how likely one of them freezes in a turn. One alone loses nothing to anybody."""
    workers, frozen = dice.choice((1, 1, 1, 2)), dice.choice(LEVELS)
    return workers, frozen if workers > 1 else 0.0


def _blunt(seed: int, shape: Shape) -> str:
    """The tool of this world that refuses no write on an old version, or "". What a tool replaced while an old backup
    was not yet in the store's place, that backup does not know to ask for."""
    dice = random.Random(f"blunt {seed}")  # noqa: S311 - it makes schedules, not secrets
    return dice.choice(shape.tools) if dice.random() < 0.4 and not shape.backups else ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan. `trace` is the same whenever and wherever the same plan is played."""

    plan: Plan
    violations: tuple[Violation, ...]
    story: tuple[str, ...]
    trace: str
    faults: Counter[str]
    writes: int

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(one.kind for one in self.violations)


def play(plan: Plan, stores: Stores = IN_MEMORY) -> Outcome:
    """Play a plan: a safety phase full of faults, then peace, in which everything must come to agree and to rest."""
    dice = random.Random(plan.seed)  # noqa: S311 - it makes schedules, not secrets
    with capture_logs() as logs, stores.empty() as store:
        world = World(plan.shape, plan.weather, dice, store)
        story = [line for step in plan.steps for line in _take(world, step)]
        dice.seed(plan.seed)
        if plan.shape.monitoring != SIMULATED:
            world.staff.leave(random.Random(f"leave {plan.seed}"))  # noqa: S311 - it makes schedules, not secrets
        violations = _make_peace(world)
        violations += shown_secrets(world, logs)
        violations += [
            Violation("crash", str(entry["error"])) for entry in logs if entry.get("exc_info") and "error" in entry
        ]
        trace = _trace(world, story)
    written = sum(tool.written + tool.made for tool in world.tools.values())
    return Outcome(plan, tuple(violations), tuple(story), trace, world.fate.counts, written)


def _take(world: World, step: Step) -> Iterator[str]:
    world.dice.seed(step.seed)
    world.alerts.dice.seed(f"alerts {step.seed}")
    world.odd_dice.seed(f"odd {step.seed}")
    world.fate.told.clear()
    at = world.clock.now()
    words = _taken(world, step.action)
    if words:
        yield "; ".join([f"{_since(at)} {words}", *world.fate.told])


def _taken(world: World, action: str) -> str:
    if not action.startswith(FLOOR):
        return ACTIONS[action][0](world)
    move, _weight = {**MOVES, **ANNOUNCING}[action.removeprefix(FLOOR)]
    return move(world.floor) if world.floor is not None else ""


def _since(at: datetime) -> str:
    return f"{(at - START).total_seconds():+.0f} s"


def _make_peace(world: World) -> list[Violation]:
    """Every wait is over and every create in doubt was looked for; then at most three poll cycles to equality; then a
    person decides what waits for one, and two cycles write nothing."""
    world.heal()
    world.clock.advance(world.waits().total_seconds())
    if world.floor is not None:
        world.groups = PLUGINS
        world.restart_all()
        world.floor.let_go()
        come_to_an_end(world.floor)
        world.floor.settle()
    _wait_out_the_lag(world)
    for _ in range(3):
        world.cycle()
    _wait_for_alerts(world)
    found = check(world)
    if found:
        return found
    _decide(world)
    # Among what is let go on may be a create in doubt: it is looked for anew, and the lag waited out again.
    _wait_out_the_lag(world)
    # Two rules that fight are let go on until the breaker has seen its window full of them: that they fight is only
    # then sure.
    for _ in range(3 + (BREAKER_WINDOW // CYCLE if world.shape.quarrel else 0)):
        world.cycle()
    _wait_for_alerts(world)
    if world.floor is not None:
        # What plugins do when a time has come may come at any time; that everybody else rests shows without them.
        world.floor.rests = True
        world.cycle()
    before, acts = world.state(), world.alerts.acts
    for _ in range(2):
        world.cycle()
    # A silence runs out and is asked for again, once in such a time: that is rest, and more would not be.
    renewed = sum(bool(alert.quiet) for alert in world.alerts.firing.values())
    if world.state() != before or world.alerts.acts > acts + renewed:
        found.append(Violation("not quiet", "something is still written when everything has come to rest"))
    found += check(world)
    return found or _look_upstairs(world)


def _look_upstairs(world: World) -> list[Violation]:
    if world.floor is None:
        return []
    world.floor.settle()
    world.floor.let_go()  # what was put aside while it came to an end goes on as well, or is told
    world.floor.settle()
    return [Violation(kind, words) for kind, words in (*world.floor.wrong, *laws.rested(world.floor))]


def _wait_for_alerts(world: World) -> None:
    """What alerts do is followed when its hold is over, told when it is time, and raised again when it still fires."""
    for _ in range(MOST_WAITS):
        if not world.alerts_wait():
            return
        world.cycle()


def _wait_out_the_lag(world: World) -> None:
    """Only a look that was answered counts, and the lag is waited out from there. Each worker counts from its own first
    look: the seconds of a clock that never runs backwards mean nothing in another process."""
    for _worker in world.workers:
        world.cycle()
        world.clock.advance(2 * world.shape.lookup_lag.total_seconds())


PERSON: Final = "ann@example.com"


def _decide(world: World) -> None:
    """A person looks at everything that is put aside or doubted, lets it try again, and says that it is true."""
    world.decided = True
    with world.store.read() as connection:
        parked, held, doubted = explain.parked(connection), explain.conflicts(connection), absence.doubts(connection)
    office = Office(world.engine, OWN)
    for name in doubted:
        office.perform("doubts confirm", {"connection": name}, actor=PERSON)
    for one in parked:
        office.perform("parked retry", {"what": one.what, "number": one.id}, actor=PERSON)
    for conflict in held:
        told = {"incident": conflict.number, "field": conflict.field, "connection": conflict.connection}
        office.perform("conflicts settle", {**told, "take": "ours"}, actor=PERSON)


def _trace(world: World, story: Sequence[str]) -> str:
    told = [_without_numbers(facts) for facts in world.forgotten]
    facts: list[Any] = [list(story), world.state(), world.alerts.acts, told, sorted(world.fate.counts.items())]
    if world.floor is not None:
        facts.append(laws.rows_of(world.floor))
    return hashlib.sha256(json.dumps(facts, default=str, sort_keys=True).encode()).hexdigest()


def _without_numbers(facts: dict[str, Any]) -> dict[str, Any]:
    """Rows of the inbox and timers are numbered by the database, and the two count differently."""
    ask = facts.get("ask")
    if isinstance(ask, Mapping) and ask.get("what") in COUNTED:
        return {**facts, "ask": {**ask, "number": 0}}
    return {**facts, "number": 0} if facts.get("what") in COUNTED else facts


COUNTED: Final = ("inbox", "timer", "reaction")


def shrink(failed: Outcome, stores: Stores = IN_MEMORY, *, plays: int = 200) -> Outcome:
    """Leave out steps while the plan still fails in the same way; at most so many plays."""
    best = failed
    size = len(failed.plan.steps) // 2
    while size and plays:
        start = 0
        while start < len(best.plan.steps) and plays:
            steps = best.plan.steps[:start] + best.plan.steps[start + size :]
            tried = play(replace(best.plan, steps=steps), stores)
            plays -= 1
            if tried.kinds & failed.kinds:
                best = tried
            else:
                start += size
        size //= 2
    return best

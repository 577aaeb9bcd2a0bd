"""A story in which everything that a plugin offers happens: people open and edit records, ask for its acts with and
without the right, and time passes. The same one each time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from tieline.core.acts import Act, NotDone
from tieline.core.arguments import time_fields
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed
from tieline.core.model import instant
from tieline.sync.testing.ground import NOBODY, Ground
from tieline.sync.testing.readying import asked_of, is_of_own_kind, ready

LEAST: Final = 40
MOST: Final = 240
"""Steps of a story: so many at least, and at most so many until everything was seen."""

AS_IT_IS: Final = 0.5
"""How often an act is about an item as that is, whatever was done to it before."""

AT_A_TIME: Final = 0.5
"""How often a time is named that the example of an act does not name."""

LATER: Final = timedelta(minutes=30)
"""How long until then."""

EDITS: Final[tuple[Mapping[str, Any], ...]] = (
    {"status": "in_progress"},
    {"status": "resolved"},
    {"status": "new"},
    {"severity": "low"},
    {"severity": "critical"},
    {"title": "Disk fuller"},
)
PASSES: Final = (60.0, 600.0, 3_600.0, 7_200.0, 86_400.0)
"""Seconds that pass at once."""


@dataclass
class Seen:
    """What happened in a story, by name."""

    done: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    recorded: set[tuple[str, str]] = field(default_factory=set)
    """Acts, each with a kind of event that it recorded."""
    events: set[str] = field(default_factory=set)
    fired: set[str] = field(default_factory=set)
    why_not: dict[str, str] = field(default_factory=dict)
    """The last sentence with which an act was not done."""


def tell(ground: Ground) -> Seen:
    """Have the story happen. Answers what was seen."""
    seen, dice = Seen(), random.Random(7)  # noqa: S311 - a story, and no secret
    numbers = [ground.open(), ground.open(title="Disk emptier")]
    for step in range(MOST):
        _step(ground, dice, numbers, seen)
        if step >= LEAST and step % 10 == 0:
            _look(ground, seen)
            if not list(missing(ground, seen)):
                break
    _look(ground, seen)
    return seen


def _step(ground: Ground, dice: random.Random, numbers: list[str], seen: Seen) -> None:
    acts = list(ground.engine.registry.offers.acts.values())
    match dice.choices(("open", "edit", "pass", "act", "refuse"), (1, 3, 5, 4 if acts else 0, 1 if acts else 0))[0]:
        case "open":
            if len(numbers) < 6:
                numbers.append(ground.open(title=f"Disk {len(numbers)} full"))
        case "edit":
            ground.edit(dice.choice(numbers), **dice.choice(EDITS))
        case "pass":
            ground.pass_time(dice.choice(PASSES))
        case "act":
            _act(ground, dice, dice.choice(acts), dice.choice(numbers), seen)
            ground.work()
        case _:
            _refuse(ground, dice, dice.choice(acts), dice.choice(numbers), seen)


def _asked(ground: Ground, dice: random.Random, act: Act, number: str) -> dict[str, Any]:
    """Its example, about an item that is there, or about one for which all is made ready."""
    there = [number]
    if is_of_own_kind(act):
        every = ground.numbers(act.kind)
        there = [one for one in every if ground.incident(one).is_open] or every
    is_as_it_is = bool(there) and dice.random() < AS_IT_IS
    times = [name for name in time_fields(act.ask) if name not in (act.example or {}) and dice.random() < AT_A_TIME]
    given = dict.fromkeys(times, instant(ground.clock.now() + LATER))
    return asked_of(act, dice.choice(there), **given) if is_as_it_is else ready(ground, act, number, **given)


def _act(ground: Ground, dice: random.Random, act: Act, number: str, seen: Seen) -> None:
    try:
        ground.perform(act.name, _asked(ground, dice, act, number))
    except (NotDone, WrongWords, LookupError) as error:
        seen.why_not[act.name] = str(error)
    else:
        seen.done.add(act.name)


def _refuse(ground: Ground, dice: random.Random, act: Act, number: str, seen: Seen) -> None:
    try:
        ground.perform(act.name, _asked(ground, dice, act, number), NOBODY)
    except NotAllowed:
        seen.refused.add(act.name)
    except NotDone as error:  # nothing is opened now that it could be about
        seen.why_not[act.name] = str(error)


def _look(ground: Ground, seen: Seen) -> None:
    acts: dict[int, str] = {}
    for entry in ground.entries():
        match entry.kind:
            case "acted" if "act" in entry.facts:  # not of what was forgotten since
                acts[entry.seq] = entry.facts["act"]
            case "timer_fired" if "timer" in entry.facts:
                seen.fired.add(entry.facts["timer"])
        if entry.kind.startswith(f"{ground.offer.group}."):
            seen.events.add(entry.kind)
            if entry.cause in acts:
                seen.recorded.add((acts[entry.cause], entry.kind))


def missing(ground: Ground, seen: Seen) -> Iterator[str]:
    """Sentences: what of the offer was never seen."""
    offers = ground.engine.registry.offers
    for name in offers.acts.keys() - seen.done:
        yield f"the act {name!r} never succeeded with its example: {seen.why_not.get(name, 'it was never asked for')}"
    for name in offers.acts.keys() - seen.refused:
        yield f"the act {name!r} was never refused"
    for name, act in offers.acts.items():
        for event in act.records:
            if (name, event.KIND) not in seen.recorded:
                yield f"the act {name!r} declares that it records {event.KIND!r}, and never did"
    for event in ground.offer.events:
        if event.KIND not in seen.events:
            yield f"{event.KIND!r} is offered, and never happened"
    for name in offers.timers.keys() - seen.fired:
        yield f"the timer {name!r} never fired"

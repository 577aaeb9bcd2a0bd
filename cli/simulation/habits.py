"""What a tool does by itself, field by field, without a word about it: drawn from a world's seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from tieline.adapters.memory.tool import MemoryTool

CUT: Final = 12
"""Characters that a tool keeps of a text which it cuts."""

TIME_OUT: Final = timedelta(seconds=90)


class Habit(StrEnum):
    """What becomes of one field."""

    IGNORES = "ignores"  # what is written there is dropped, and success is answered
    CUTS = "cuts"
    TIDIES = "tidies"  # it is kept in capitals
    DEFAULTS = "defaults"  # a new record that lacks it gets a value
    COMPUTES = "computes"  # a rule sets it with every change
    TIMES_OUT = "times_out"  # the tool's own clock takes it back

    @classmethod
    def drawn(cls, dice: random.Random) -> dict[str, Habit]:
        """Few tools have many habits."""
        return {name: dice.choice(habits) for name, habits in POSSIBLE.items() if dice.random() < 0.08}


_TEXT: Final = (Habit.IGNORES, Habit.CUTS, Habit.TIDIES, Habit.DEFAULTS)

POSSIBLE: Final[Mapping[str, tuple[Habit, ...]]] = {
    "title": (Habit.CUTS, Habit.TIDIES),
    "description": _TEXT,
    "team": _TEXT,
    "category": _TEXT,
    "close_notes": _TEXT,
    "status": (Habit.IGNORES, Habit.TIMES_OUT, Habit.TIMES_OUT),
    "priority": (Habit.IGNORES, Habit.DEFAULTS, Habit.COMPUTES, Habit.COMPUTES),
    "severity": (Habit.IGNORES, Habit.DEFAULTS),
    "tags": (Habit.IGNORES, Habit.DEFAULTS, Habit.COMPUTES, Habit.COMPUTES),
}

_DEFAULTS: Final[Mapping[str, Any]] = {"priority": "p4", "severity": "low", "tags": ["default"]}
_PRIORITIES: Final = {"critical": "p1", "high": "p2", "low": "p4"}


def take_on(tool: MemoryTool, habits: Mapping[str, Habit]) -> None:
    """Give a tool its habits, and take away all others."""

    def names(habit: Habit) -> list[str]:
        return [name for name, one in habits.items() if one is habit]

    tool.ignored = frozenset(names(Habit.IGNORES))
    tool.cut = dict.fromkeys(names(Habit.CUTS), CUT)
    tool.tidied = dict.fromkeys(names(Habit.TIDIES), str.upper)
    tool.defaults = {name: _DEFAULTS.get(name, f"a default {name}") for name in names(Habit.DEFAULTS)}
    rules = [_RULES[name] for name in names(Habit.COMPUTES)]
    tool.computes = (lambda body: {name: value for rule in rules for name, value in rule(body)}) if rules else None
    tool.time_out = TIME_OUT if names(Habit.TIMES_OUT) else None


def _priority(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    computed = _PRIORITIES.get(str(body.get("severity")))
    return [] if computed is None else [("priority", computed)]


def _tags(body: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [("tags", sorted({*(body.get("tags") or ()), "automatic"}))]


_RULES: Final[Mapping[str, Callable[[Mapping[str, Any]], list[tuple[str, Any]]]]] = {
    "priority": _priority,
    "tags": _tags,
}

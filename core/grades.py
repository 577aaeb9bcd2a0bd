"""How bad things are, by the fields that say so: severity, priority, impact and urgency. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tieline.core.model import Fields, Level, Priority, Severity, Value


def _places(words: type[StrEnum]) -> Mapping[Value, int]:
    return {word.value: place for place, word in enumerate(words)}


_LEVELS: Final = _places(Level)

GRADED: Final[Mapping[str, Mapping[Value, int]]] = {
    "severity": _places(Severity),
    "priority": _places(Priority),
    "impact": _LEVELS,
    "urgency": _LEVELS,
}
"""The fields that are graded, with the places of their words, the worst first."""


def place(name: str, fields: Fields) -> int:
    """How bad it is by one of the fields: small is bad, and unknown is last."""
    places = GRADED[name]
    return places.get(fields.get(name), len(places))


def is_less(name: str, now: Value, before: Value) -> bool:
    """Whether a field says that it is less bad than it said before; false of one that grades nothing."""
    return name in GRADED and place(name, {name: before}) < place(name, {name: now})

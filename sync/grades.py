"""How bad alerts are, and how an incident follows the worst of them. Pure.

Two scales are followed apart: the severity, and the priority with the impact and urgency that go with it, so that what
a tool computes from the two agrees with the third. What an alert says nothing of is less than anything that it may say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tieline.core.model import Fields, Level, Priority, Severity, Value

Scale = Mapping[str, Mapping[Value, int]]

_LEVELS: Final[Mapping[Value, int]] = {word.value: place for place, word in enumerate(Level)}

SCALES: Final[tuple[Scale, ...]] = (
    {"severity": {word.value: place for place, word in enumerate(Severity)}},
    {
        "priority": {word.value: place for place, word in enumerate(Priority)},
        "impact": _LEVELS,
        "urgency": _LEVELS,
    },
)
"""The fields of each scale with the places of their words, the worst first; earlier fields count more."""

GRADED: Final = tuple(name for scale in SCALES for name in scale)


def grade(judged: Mapping[str, Value]) -> dict[str, Value]:
    """How bad it is: of all that was judged, the fields of a scale."""
    return {name: judged[name] for name in GRADED if judged.get(name) is not None}


@dataclass(frozen=True, slots=True)
class Standing:
    """What an incident says on every scale, and what of it was last said by its alerts: `by_alerts` are field names.
    `heard` is the worst that its alerts ever said."""

    fields: Fields
    by_alerts: frozenset[str]
    heard: Fields


def worst(grades: Iterable[Fields]) -> dict[str, Value]:
    """The worst on every scale."""
    found = [dict(one) for one in grades]
    best: dict[str, Value] = {}
    for scale in SCALES:
        top = min(found, key=lambda one: _rank(scale, one), default={})
        best |= {name: top[name] for name in scale if name in top}
    return best


def above(now: Fields, than: Fields) -> dict[str, Value]:
    """What of `now` is worse: the fields of the scales on which it is, as far as they differ."""
    return _differing(now, than, [scale for scale in SCALES if _rank(scale, now) < _rank(scale, than)])


def raised(standing: Standing, now: Fields) -> dict[str, Value]:
    """The fields by which alerts that are as bad as `now` raise an incident.

    What a person said stands against every alert that is no worse than those there were already: whoever takes an
    incident down knows them.
    """
    scales = [
        scale
        for scale in SCALES
        if _rank(scale, now) < _rank(scale, standing.fields)
        and (_is_theirs(scale, standing) or _rank(scale, now) < _rank(scale, standing.heard))
    ]
    return _differing(now, standing.fields, scales)


def lowered(standing: Standing, firing: Fields) -> dict[str, Value]:
    """The fields by which an incident comes down to the worst alert that still fires: what a person said stays."""
    scales = [
        scale
        for scale in SCALES
        if _is_theirs(scale, standing)
        and firing.keys() >= _said(scale, standing.fields)
        and _rank(scale, standing.fields) < _rank(scale, firing)
    ]
    return _differing(firing, standing.fields, scales)


def _differing(now: Fields, than: Fields, scales: Iterable[Scale]) -> dict[str, Value]:
    names = [name for scale in scales for name in scale if name in now]
    return {name: now[name] for name in names if now[name] != than.get(name)}


def _is_theirs(scale: Scale, standing: Standing) -> bool:
    """Whether the alerts said last what the incident says on this scale."""
    said = _said(scale, standing.fields)
    return bool(said) and standing.by_alerts >= said


def _said(scale: Scale, fields: Fields) -> frozenset[str]:
    return frozenset(name for name in scale if fields.get(name) is not None)


def _rank(scale: Scale, fields: Fields) -> tuple[int, ...]:
    """Small is bad."""
    return tuple(places.get(fields.get(name), len(places)) for name, places in scale.items())

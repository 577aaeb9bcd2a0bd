"""How bad alerts are, and how an incident follows the worst of them. Pure.

Severity, priority, impact and urgency are followed each by itself: an alert that nobody can grade is urgent, and makes
what it joins as urgent, whatever that is besides. What an alert says nothing of is less than anything that it may say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tieline.core.grades import GRADED, place
from tieline.core.model import Fields, Value


@dataclass(frozen=True, slots=True)
class Standing:
    """What an incident says, and which fields of it were last said by its alerts and nobody else: `by_alerts`. `heard`
    is the worst that its alerts ever said."""

    fields: Fields
    by_alerts: frozenset[str]
    heard: Fields


def grade(judged: Mapping[str, Value]) -> dict[str, Value]:
    """How bad it is: of all that was judged, what is followed."""
    return {name: judged[name] for name in GRADED if judged.get(name) is not None}


def worst(grades: Iterable[Fields]) -> dict[str, Value]:
    """The worst of each field."""
    found: dict[str, Value] = {}
    for one in grades:
        found |= above(one, found)
    return found


def above(now: Fields, than: Fields) -> dict[str, Value]:
    """What of `now` is worse."""
    return {name: now[name] for name in GRADED if name in now and place(name, now) < place(name, than)}


def raised(standing: Standing, now: Fields) -> dict[str, Value]:
    """The fields by which alerts that are as bad as `now` raise an incident.

    What a person said stands against every alert that is no worse than those there were already: whoever takes an
    incident down knows them.
    """
    news = above(now, standing.heard)
    return {
        name: value for name, value in above(now, standing.fields).items() if name in standing.by_alerts or name in news
    }


def lowered(standing: Standing, firing: Fields) -> dict[str, Value]:
    """The fields by which an incident comes down to the worst alert that still fires: what a person said stays, and
    unknown is not low."""
    return {
        name: value
        for name, value in grade(firing).items()
        if name in standing.by_alerts and place(name, standing.fields) < place(name, firing)
    }

"""What tells alerts of one name apart: the labels by which they differ. Alerts of one rule often have one summary, and
nobody sees by their names which machines are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tieline.mappings.convert.lines import clean_line, fit_line, units

LONGEST: Final = 60
"""UTF-16 units of what is said of one alert."""

_LEAD: Final = 8
"""Characters that are shown of what long words begin with alike."""


def told_apart(labels: Sequence[Mapping[str, str]]) -> list[str]:
    """For each of these alerts the labels by which it differs from the others, as `name=value`; "" where there are
    none. The same labels give the same words."""
    names = _telling(labels)
    said = [clean_line(", ".join(f"{name}={one[name]}" for name in names if one.get(name))) for one in labels]
    if any(units(words) > LONGEST for words in said):
        alike = _alike(said)
        said = [_without_beginning(words, alike) for words in said]
    return [fit_line(words, LONGEST) for words in said]


def _telling(labels: Sequence[Mapping[str, str]]) -> list[str]:
    """The names of the labels that it takes to tell all of these apart, or as many as can be: one is better than two,
    and a short one than a long one."""
    values = {name: [one.get(name, "") for one in labels] for one in labels for name in one}

    def worth(name: str) -> tuple[int, int, str]:
        return -len(set(values[name])), sum(map(len, values[name])), name

    chosen: list[str] = []
    parts = 1
    for name in sorted(values, key=worth):
        more = len(set(zip(*(values[one] for one in (*chosen, name)), strict=True)))
        if more > parts:
            chosen.append(name)
            parts = more
        if parts == len(labels):
            break
    return chosen


def _alike(said: Sequence[str]) -> int:
    """How many characters all of these begin with alike."""
    return next(
        (place for place, each in enumerate(zip(*said, strict=False)) if len(set(each)) > 1), min(map(len, said))
    )


def _without_beginning(words: str, alike: int) -> str:
    begin = alike - _LEAD
    return f"…{words[begin:]}" if begin > 0 else words

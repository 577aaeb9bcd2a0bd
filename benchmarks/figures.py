"""Figures: what was measured, how it spreads, the target it has, and the floor that the machine itself sets."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

WORSE: Final = 1.25
"""A ratio to the floor that grew by more than this is a regression, when it lies beyond the spread of both runs."""

Points = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, once a repeat. `more` says that more is better. `floor` names the figure, of the same run,
    that says what the machine can do at best; a figure without one is compared by itself only when it is a count."""

    name: str
    what: str
    unit: str
    values: tuple[float, ...]
    more: bool = False
    target: float | None = None
    floor: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None without one."""
        if self.target is None:
            return None
        if math.isclose(self.median, self.target):
            return True  # 0.6 s of 30 s are two hundredths, whatever their quotient is as a binary fraction
        return self.median >= self.target if self.more else self.median <= self.target


@dataclass(frozen=True, slots=True)
class Result:
    """One run. `series` are curves for the plots: name to points."""

    version: str
    form: str
    machine: Mapping[str, str | int]
    figures: tuple[Figure, ...]
    series: Mapping[str, Points] = field(default_factory=dict)

    def named(self, name: str) -> Figure | None:
        """The figure of this name, if it was measured."""
        return next((figure for figure in self.figures if figure.name == name), None)


@dataclass(frozen=True, slots=True)
class Cost:
    """How many times the floor something costs: by the medians, at its best and at its worst."""

    median: float
    low: float
    high: float


def cost(figure: Figure, floor: Figure) -> Cost:
    """How many times the floor a figure costs. More is always worse here, whichever way the figure counts."""

    def times(value: float, least: float) -> float:
        over, under = (least, value) if figure.more else (value, least)
        return over / under if under else float("inf")

    every = [times(value, least) for value in figure.values for least in floor.values]
    return Cost(times(figure.median, floor.median), min(every), max(every))


@dataclass(frozen=True, slots=True)
class Regression:
    """One figure that became worse: how many times the floor it cost before and costs now."""

    name: str
    before: float
    now: float


def regressions(before: Result, now: Result) -> list[Regression]:
    """What became worse by more than `WORSE`, beyond the spread of the repeats of both runs."""
    found = []
    for figure in now.figures:
        old = before.named(figure.name)
        if old is None:
            continue
        then, today = _cost_in(before, old), _cost_in(now, figure)
        if then is not None and today is not None and today.median > WORSE * then.median and today.low > then.high:
            found.append(Regression(figure.name, then.median, today.median))
    return found


def _cost_in(result: Result, figure: Figure) -> Cost | None:
    floor = result.named(figure.floor) if figure.floor else None
    if floor is not None:
        return cost(figure, floor)
    return Cost(figure.median, figure.low, figure.high) if figure.unit == "count" else None


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed. Raises ValueError for no values."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def slope(points: Points) -> float:
    """How fast a curve of (x, y) rises, by least squares over its second half: after it has warmed up."""
    half = points[len(points) // 2 :]
    if len(half) < 2:
        return 0.0
    return statistics.linear_regression([point[0] for point in half], [point[1] for point in half]).slope


def dump(result: Result) -> bytes:
    """A run as JSON."""
    return orjson.dumps({"format": 1, "result": result}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def load(content: bytes) -> Result:
    """The run behind its JSON. Raises ValueError for anything else."""
    found: Any = orjson.loads(content)
    if not isinstance(found, dict) or found.get("format") != 1:
        raise ValueError("this is not the result of a benchmark run, format 1")
    stored = found["result"]
    figures = tuple(Figure(**{**one, "values": tuple(one["values"])}) for one in stored["figures"])
    return Result(stored["version"], stored["form"], stored["machine"], figures, stored["series"])

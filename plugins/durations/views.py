"""How long it takes: counts, medians and 90th percentiles, with how sure that is and of how many it is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from pydantic import Field
from sqlalchemy import ColumnElement, func, select

from tieline.core.arguments import Answer, Ask, Duration
from tieline.core.desk import Look
from tieline.core.settings import show_duration
from tieline.core.shown import Part, Table
from tieline.core.views import Row
from tieline.plugins.durations.ranks import ranks
from tieline.plugins.durations.tables import STAMPS

FEWEST: Final = 5
"""A group of fewer says nothing of anybody's work, and too much of one person's."""

PERCENTS: Final = (50, 90)
MOST_GROUPS: Final = 100


class What(StrEnum):
    """Until what."""

    DETECT = "detect"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


class By(StrEnum):
    """What incidents are told apart by."""

    ALL = "all"
    SEVERITY = "severity"
    CATEGORY = "category"
    SERVICE = "service"


class Times(Ask):
    """Which durations are meant."""

    what: What = Field(
        default=What.RESOLVE, description="From its beginning until it was detected or resolved, or until it was taken."
    )
    by: By = Field(default=By.ALL, description="What incidents are told apart by.")
    since: Duration | None = Field(default=None, description="Only of those that were detected so long ago at most.")


class Percentile(Row):
    """A percentile of durations in milliseconds; `low` and `high` enclose it with 95 % certainty, and are not there
    where there are too few to say so."""

    percent: int
    value: int
    low: int | None
    high: int | None


class Group(Row):
    """A group of incidents. `known` is of how many of all the duration is known, and `open` how many are not over."""

    group: str | None
    incidents: int
    open: int
    known: int
    percentiles: tuple[Percentile, ...]


class TimesShown(Answer):
    """Durations by group; `withheld` counts the groups of fewer than five, of which nothing is told."""

    what: What
    by: By
    groups: tuple[Group, ...]
    withheld: int

    def shown(self) -> Sequence[Part]:
        columns = [self.by, "incidents", "open", "known", "median", "between", "90th percentile", "between"]
        rows = [_row(one, "all" if self.by is By.ALL else one.group or "unknown") for one in self.groups]
        parts: list[Part] = [Table(f"Time to {self.what}", columns, rows, empty="not enough data")]
        if self.withheld:
            parts.append(f"Of {self.withheld} groups of fewer than {FEWEST} incidents nothing is told.")
        return parts


def _row(one: Group, called: str) -> Sequence[Any]:
    share = f"{100 * one.known // one.incidents} %" if one.incidents else None
    told = [cell for found in one.percentiles for cell in (_length(found.value), _between(found))]
    return [called, one.incidents, one.open, share, *(told or ["not enough data", None, None, None])]


def _between(found: Percentile) -> str | None:
    if found.low is None or found.high is None:
        return "not enough data"
    return f"{_length(found.low)} to {_length(found.high)}"


def _length(milliseconds: int) -> str:
    length = timedelta(milliseconds=milliseconds)
    units = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
    unit = next((unit for unit in units if length >= 2 * unit), timedelta(milliseconds=1))
    return show_duration(length // unit * unit)


def times(look: Look, ask: Times) -> TimesShown:
    """How long it takes until incidents are detected, taken or resolved."""
    value: ColumnElement[Any] = STAMPS.c[f"{ask.what}_ms"]
    by = None if ask.by is By.ALL else STAMPS.c[ask.by]
    asked = [] if ask.since is None else [STAMPS.c.detected_at >= look.now - ask.since]
    counts = [func.count(), func.count(value), func.count().filter(STAMPS.c.is_open)]
    query = select(*counts, *([] if by is None else [by])).where(*asked)
    if by is not None:
        query = query.group_by(by).order_by(func.count().desc(), by).limit(MOST_GROUPS)
    found, withheld = list[Group](), 0
    for row in look.rows.all(query):
        incidents, known, is_open, *rest = row
        if incidents < FEWEST:
            withheld += 1 if by is not None else 0
            continue
        same = [] if by is None else [by.is_(None) if rest[0] is None else by == rest[0]]
        within = [*asked, *same, value.is_not(None)]
        told = PERCENTS if known >= FEWEST else ()
        found.append(
            Group(
                group=rest[0] if rest else None,
                incidents=incidents,
                open=is_open,
                known=known,
                percentiles=tuple(_percentile(look, value, within, known, percent) for percent in told),
            )
        )
    return TimesShown(what=ask.what, by=ask.by, groups=tuple(found), withheld=withheld)


def _percentile(
    look: Look, value: ColumnElement[Any], within: Sequence[ColumnElement[bool]], known: int, percent: int
) -> Percentile:
    found = ranks(known, percent)

    def at(rank: int | None) -> int | None:
        if rank is None:
            return None
        row = look.rows.first(select(value).where(*within).order_by(value).offset(rank - 1))
        return None if row is None else int(row[0])

    return Percentile(percent=percent, value=at(found.at) or 0, low=at(found.low), high=at(found.high))

"""How long what may take, for whom it becomes a matter then, and when somebody is reminded."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time, timedelta
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tieline.core.arguments import Duration
from tieline.core.model import Fields, Severity
from tieline.plugins.escalation.calendar import DAYS, Hours

ACKNOWLEDGE: Final = "acknowledge"
UPDATE: Final = "update"
RESOLVE: Final = "resolve"
LIMITS: Final = (ACKNOWLEDGE, UPDATE, RESOLVE)
"""What is limited: until somebody takes it, between two signs of work, and until it is over."""


def _zone(given: object) -> object:
    try:
        return ZoneInfo(given) if isinstance(given, str) else given
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{given!r} is no zone; write one like Europe/Berlin") from None


def _moment(given: object) -> object:
    if given == "24:00":
        return time.max
    try:
        return time.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        raise ValueError(f"{given!r} is no time of a day; write one like 08:00") from None


def _longer_than_nothing(length: timedelta) -> timedelta:
    if length < timedelta(seconds=1):
        raise ValueError("a limit is a second at least")
    return length


Limit = Annotated[Duration, AfterValidator(_longer_than_nothing)]
TimeOfDay = Annotated[time, BeforeValidator(_moment)]
Percent = Annotated[int, Field(ge=1, le=99)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class OpeningHours(_Model):
    """Hours in which time counts."""

    zone: Annotated[ZoneInfo, BeforeValidator(_zone)] = Field(description="Whose clocks, like Europe/Berlin.")
    days: tuple[str, ...] = Field(default=DAYS[:5], min_length=1, description="Of mon, tue, wed, thu, fri, sat, sun.")
    opens: TimeOfDay = Field(default=time(8), description="Like 08:00.")
    closes: TimeOfDay = Field(default=time(18), description="Like 18:00; 24:00 is the end of the day.")

    @model_validator(mode="after")
    def _some_time(self) -> Self:
        strange = [day for day in self.days if day not in DAYS]
        if strange:
            raise ValueError(f"{strange[0]!r} is no day; write of {', '.join(DAYS)}")
        if self.closes <= self.opens:
            raise ValueError("they close before they open; write the night's hours as two entries")
        return self

    @property
    def hours(self) -> Hours:
        """The same to count with."""
        return Hours(self.zone, frozenset(self.days), self.opens, self.closes)


class Limits(_Model):
    """How long what may take at most; what is left out is not limited."""

    acknowledge: Limit | None = Field(default=None, description="Until somebody takes it.")
    update: Limit | None = Field(default=None, description="Between two signs of work, once somebody took it.")
    resolve: Limit | None = Field(default=None, description="Until it is over.")
    within: str = Field(default="", description="One of `hours`, in which time counts; without it, it always does.")

    def of(self, limit: str) -> timedelta | None:
        """How long that may take."""
        found: timedelta | None = getattr(self, limit)
        return found


class Fallback(_Model):
    """For whom an incident becomes a matter when a limit is over."""

    team: str = Field(default="", max_length=200, description="The team that gets it.")
    assignee: str = Field(default="", max_length=200, description="The person who gets it, by e-mail address.")

    @property
    def fields(self) -> Fields:
        """What is written into the incident."""
        named = {"team": self.team, "assignee": self.assignee.lower()}
        return {name: value for name, value in named.items() if value}


SHIPPED: Final = {
    "critical": Limits(acknowledge=timedelta(minutes=5), update=timedelta(minutes=30), resolve=timedelta(hours=4)),
    "high": Limits(acknowledge=timedelta(minutes=15), update=timedelta(hours=2), resolve=timedelta(hours=8)),
    "medium": Limits(acknowledge=timedelta(hours=4), update=timedelta(days=1), resolve=timedelta(days=3)),
}


def _shortest(lengths: Iterable[timedelta | None]) -> timedelta | None:
    return min((one for one in lengths if one is not None), default=None)


class Settings(_Model):
    """What the `escalation` plugin may be told."""

    limits: dict[Severity, Limits] = Field(
        default_factory=lambda: {Severity(name): limits for name, limits in SHIPPED.items()},
        description="By severity. One of unknown severity has the shortest of them all.",
    )
    hours: dict[str, OpeningHours] = Field(default_factory=dict, description="Hours in which time counts, by name.")
    remind: tuple[Percent, ...] = Field(
        default=(50, 75, 90), description="After how many percent of a limit somebody is reminded."
    )
    fallback: Fallback = Field(default=Fallback(), description="For whom it becomes a matter when a limit is over.")
    manager: str = Field(
        default="", max_length=200, description="Who is alarmed when that did not help, by e-mail address."
    )
    again: Limit = Field(
        default=timedelta(minutes=30), description="How long after that, and how long between two alarms."
    )
    snooze_at_most: Limit = Field(default=timedelta(hours=8), description="How long an escalation may be put off.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if list(self.remind) != sorted({*self.remind}):
            raise ValueError("`remind` rises from one to the next, like [50, 75, 90]")
        for severity, limits in self.limits.items():
            if limits.within and limits.within not in self.hours:
                raise ValueError(f"limits.{severity} counts within {limits.within!r}, which is none of `hours`")
        return self

    def limits_of(self, fields: Fields) -> Limits:
        """What holds for an incident. One whose severity nobody knows has the shortest limits of all: unknown is not
        harmless."""
        severity = fields.get("severity")
        if severity is not None:
            return self.limits.get(Severity(str(severity)), Limits())
        every = self.limits.values()
        return Limits(
            acknowledge=_shortest(one.acknowledge for one in every),
            update=_shortest(one.update for one in every),
            resolve=_shortest(one.resolve for one in every),
        )

    def counted(self, limits: Limits) -> Hours | None:
        """The hours in which time counts for it."""
        return self.hours[limits.within].hours if limits.within else None

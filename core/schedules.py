"""When something happens by itself, over and over: at a time of day in a zone, on some days of the week. Pure.

A time that the clocks leave out is as much later as they go forward, and one that comes twice is the first of the two:
so it happens once on each of its days, whatever the clocks do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day, at this time on the clocks of a zone; on these days of the week. Raises ValueError for no day, or for
    one that is none, and for a time with a zone of its own."""

    at: time
    zone: ZoneInfo
    days: frozenset[str] = frozenset(DAYS)

    def __post_init__(self) -> None:
        if not self.days or not self.days <= {*DAYS}:
            raise ValueError(f"the days of a schedule are some of {', '.join(DAYS)}, and not {sorted(self.days)}")
        if self.at.tzinfo is not None:
            raise ValueError(f"{self.at} has a zone of its own; name it as the schedule's")

    def after(self, moment: datetime) -> datetime:
        """The first time after that moment, in UTC."""
        return next(one for one in self._from(moment) if one > moment)

    def has(self, moment: datetime) -> bool:
        """Whether this is one of its times."""
        return self.after(moment - _MICROSECOND) == moment

    def _from(self, moment: datetime) -> Iterator[datetime]:
        day = moment.astimezone(self.zone).date() - timedelta(days=1)
        while True:
            if DAYS[day.weekday()] in self.days:
                yield datetime.combine(day, self.at, self.zone).astimezone(UTC)
            day += timedelta(days=1)

"""Hours in which time counts: how long until a length of time is over that runs only then. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST: Final = 4000
"""Days that are looked through at most: with one hour a week, a thousand hours are over within them."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The same hours on some days of the week, on the clocks of a zone. `closes` is later than `opens`; midnight at the
    end of the day is `time.max`."""

    zone: ZoneInfo
    days: frozenset[str]
    opens: time
    closes: time

    def spans(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans in which time counts, from the one that holds `since` or follows it, in UTC."""
        day = since.astimezone(self.zone).date() - timedelta(days=1)
        for _ in range(LONGEST):
            if DAYS[day.weekday()] in self.days:
                begins, ends = self._at(day, self.opens), self._at(day, self.closes)
                if ends > since and ends > begins:
                    yield max(begins, since), ends
            day += timedelta(days=1)

    def _at(self, day: date, at: time) -> datetime:
        """That moment of that day. One that the clocks leave out is as long after midnight; one that comes twice is the
        first."""
        if at == time.max:
            day, at = day + timedelta(days=1), time.min
        return datetime.combine(day, at, self.zone).astimezone(UTC)


def after(since: datetime, length: timedelta, hours: Hours | None) -> datetime:
    """When a length of time is over that begins then; counted in these hours only, or always (None)."""
    if hours is None:
        return since + length
    left = length
    for begins, ends in hours.spans(since):
        if left <= ends - begins:
            return begins + left
        left -= ends - begins
    raise ValueError(f"{length} are not over within {LONGEST} days of these hours")

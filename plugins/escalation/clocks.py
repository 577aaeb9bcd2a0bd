"""Which clocks run for an incident, and when somebody is to be told of one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tieline.core.model import Fields, Status
from tieline.plugins.escalation.calendar import Hours, after
from tieline.plugins.escalation.policy import ACKNOWLEDGE, RESOLVE, UPDATE


@dataclass(frozen=True, slots=True)
class Clock:
    """A limit that runs. `began` and `length` are what was counted from, and how much may pass within `hours`."""

    what: str
    began: datetime
    length: timedelta
    hours: Hours | None

    @property
    def ends(self) -> datetime:
        """When it is over."""
        return self.at(100)

    def at(self, percent: int) -> datetime:
        """When so many percent of it are over."""
        return after(self.began, self.length * percent / 100, self.hours)

    def reached(self, remind: Sequence[int], now: datetime) -> int:
        """The last of these percents, or 100, that have passed by now; 0 for none."""
        return max((percent for percent in (*remind, 100) if self.at(percent) <= now), default=0)


def limited(fields: Fields) -> tuple[str, ...]:
    """What of an incident is limited, as it stands."""
    status = Status(str(fields.get("status") or Status.NEW))
    if not status.is_open:
        return ()
    if status is Status.ON_HOLD:
        return (RESOLVE,)  # it waits for something outside, as its hold reason says, and nobody works on it
    return (ACKNOWLEDGE, RESOLVE) if status is Status.NEW else (UPDATE, RESOLVE)


def next_step(told: int, remind: Sequence[int]) -> int:
    """Of how many percent somebody is told next; 100 is the end."""
    return next((percent for percent in remind if percent > told), 100)

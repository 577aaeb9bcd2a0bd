"""The clock of a simulated tool, which somebody may set."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tieline.adapters.testing.clock import START, ManualClock

MOMENT: Final = timedelta(milliseconds=1)


class ToolClock:
    """It has nothing to do with our own wall clock. It never runs backwards: one that is set back goes on very slowly
    until the time has come, as the clocks of services do. `tick` is called whenever something happens in the tool: no
    two things there happen in the same millisecond, although the world's time stands still meanwhile."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._ticks = timedelta(0)
        self._shown = START
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """What the tool stamps."""
        return max(self._shown, self._true())

    def tick(self) -> None:
        self._ticks += MOMENT
        self._shown = max(self._true(), self._shown + MOMENT)

    def elapsed(self) -> datetime:
        """A time that nobody sets: for what a tool does by itself, like indexing."""
        return START + timedelta(seconds=self._clock.monotonic())

    def _true(self) -> datetime:
        return self.elapsed() + self._ticks + self.skew

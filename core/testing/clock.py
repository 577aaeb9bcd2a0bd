"""A clock that stands still until it is told to move, so that tests and simulations own the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 19, 4, 37, tzinfo=UTC)
"""Any fixed moment would do; one that is not midnight, not a full minute and not the epoch hides fewer mistakes."""


class ManualClock:
    """A `tieline.core.clock.Clock`. `sleep` fits `Workbench.sleep`: whoever waits moves the time and never blocks."""

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs a start with a zone; write datetime(..., tzinfo=UTC)")
        self._now = start.astimezone(UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for a negative span; use `step` for a clock that is set back."""
        if seconds < 0:
            raise ValueError("time does not run backwards; use step() for a clock that was set")
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds

    sleep = advance

    def step(self, seconds: float) -> None:
        """Set the wall clock forwards or back, as NTP or an administrator does; `monotonic` does not notice."""
        self._now += timedelta(seconds=seconds)

"""The clock of tests, for authors of adapters."""

from tieline.core.testing.clock import START, ManualClock

__all__ = ["START", "ManualClock"]

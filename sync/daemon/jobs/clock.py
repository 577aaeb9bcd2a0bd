"""One time for all workers: the database's, carried on between looks by this machine's steady clock.

Moments that one worker writes are compared by another; two machines' clocks never are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from tieline.core.store.store import Store


class StoreClock:
    """A `Clock` that every worker on one PostgreSQL shares, to within the time that a question takes."""

    def __init__(self, store: Store, steady: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._steady = steady
        self._anchor = (datetime.now(UTC), steady())
        self.look()

    def look(self) -> None:
        """Ask the database for its time. Raises StoreUnavailable; the last answer is then carried on."""
        before = self._steady()
        with self._store.read() as connection:
            at: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        self._anchor = (at.astimezone(UTC), (before + self._steady()) / 2)

    def now(self) -> datetime:
        at, steady = self._anchor
        return at + timedelta(seconds=self._steady() - steady)

    def monotonic(self) -> float:
        return self._steady()

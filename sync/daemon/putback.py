"""A wall clock that is put back makes every wait longer by as much: an hour, where it was an hour fast.

What is to be done next stands in the store as a moment, so that it outlives us. So the wall clock is held against the
steady one at each step, and what waits is moved along with it. A clock that is put forward only ends waits early.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Table, Update, bindparam, select, update

from tieline.core.clock import Clock
from tieline.core.model import ConnectionName
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction

NOTICED: Final = timedelta(seconds=5)
"""Less is the work of a clock that is kept right little by little, and lengthens no wait by what anybody notices."""

_WAITING: Final = (t.inbox, t.replica, t.twin, t.signal)
"""Where it stands when something is tried next."""


class Watch:
    """Notices when a wall clock is put back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen = (clock.now(), clock.monotonic())

    def put_back(self) -> timedelta:
        """By how much since the last look; nothing where it was not."""
        (wall, steady), self._seen = self._seen, (self._clock.now(), self._clock.monotonic())
        passed = timedelta(seconds=self._seen[1] - steady)
        back = passed - (self._seen[0] - wall)
        return back if back >= NOTICED else timedelta()


def move(tx: Transaction, name: ConnectionName, now: datetime, back: timedelta) -> None:
    """Whatever of this connection waits, waits as long as it would have."""
    for table in _WAITING:
        columns = table.c.id, table.c.next_at
        waits = select(*columns).where(table.c.connection == bindparam("name"), table.c.next_at > bindparam("now"))
        rows = list(tx.execute(waits, {"name": name, "now": now}))
        moved = [{"row": row.id, "at": row.next_at - back} for row in rows]
        if moved:
            tx.execute(_set(table), moved)


def _set(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("row")).values(next_at=bindparam("at"))

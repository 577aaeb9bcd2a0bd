"""A daemon's sign of life in the store: how `tieline status`, which only looks, knows whether anybody works.

Each sign is a write, so that a disk that is full is noticed where nothing else is written.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Store

EVERY: Final = timedelta(seconds=5)

SILENT: Final = timedelta(seconds=30)
"""After which nobody is taken to work any more: several signs were missed, and no write waits that long."""

FORGET: Final = timedelta(days=7)
"""How long the last sign of a worker that has ended is kept."""

MOST_WORDS: Final = 300
"""Characters of what the store refuses writes for."""

_PREFIX: Final = "daemon:"
"""What no connection can be called: a sign of life stands among the turns."""

_IS_SIGN: Final = t.lease.c.lane.startswith(_PREFIX, autoescape=True)
_SEEN = update(t.lease).where(t.lease.c.lane == bindparam("row_lane"))
_OLD = delete(t.lease).where(_IS_SIGN, t.lease.c.taken_at < bindparam("before"))
_SIGNS = (
    select(t.lease.c.taken_at, t.lease.c.released_at, t.lease.c.memory)
    .where(_IS_SIGN)
    .order_by(t.lease.c.taken_at.desc())
)


def this_process() -> str:
    """A name for a worker: its machine and its process."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


class Heartbeat:
    """One worker's. `alone` is for a store that only one daemon at a time works on: the next one follows in its row."""

    def __init__(self, store: Store, worker: str, *, alone: bool) -> None:
        self._store = store
        self._worker = worker
        self._lane = f"{_PREFIX}alone" if alone else f"{_PREFIX}{worker}"
        self._next: datetime | None = None

    def beat(self, now: datetime) -> None:
        """Give a sign, if it is time. Raises StoreUnavailable, and then it stays time."""
        if self._next is not None and now < self._next <= now + EVERY:
            return
        self._write(now, ended=None)
        self._next = now + EVERY

    def end(self, now: datetime) -> None:
        """Say that this worker ends. Raises StoreUnavailable."""
        self._write(now, ended=now)

    def _write(self, now: datetime, *, ended: datetime | None) -> None:
        # A full disk takes a small write in place while it refuses whatever else there is to write.
        refused = self._store.refused[:MOST_WORDS]
        sign = {"worker": self._worker, "taken_at": now, "released_at": ended, "memory": {"refused": refused}}
        with self._store.write() as tx:
            if not tx.execute(_SEEN, {"row_lane": self._lane, **sign}).rowcount:
                tx.execute(_OLD, {"before": now - FORGET})
                tx.execute(insert(t.lease), {"lane": self._lane, "token": 0, "poll_soon": False, **sign})


@dataclass(frozen=True, slots=True)
class Life:
    """What the signs say: whether anybody works on the store, and when the last one did."""

    running: bool
    seen_at: datetime | None
    ended: bool
    refused: str = ""
    """Why the store takes no writes of a worker that runs, as a sentence."""

    def sentence(self, now: datetime) -> str:
        """For people; with what to do where nobody works."""
        if self.running and self.refused:
            return f"the daemon is running, and the store refuses its writes: {self.refused}"
        if self.running:
            return "the daemon is running"
        start = "Start it with `tieline run`; nothing travels until then."
        if self.seen_at is None:
            return f"the daemon is NOT running, and never was on this store. {start}"
        if self.seen_at - now > SILENT:
            words = "its last sign is of a time to come, so that a clock was put back"
            return f"the daemon is NOT running: {words}. {start}"
        ago = _ago(now - self.seen_at)
        if self.ended:
            return f"the daemon is NOT running; it was stopped {ago} ago. {start}"
        look = "It died, hangs, or cannot write into the store; its log says which."
        return f"the daemon is NOT running: it gave its last sign {ago} ago. {look} {start}"

    def facts(self, now: datetime) -> Mapping[str, Any]:
        """The same for programs."""
        seconds = None if self.seen_at is None else max(0, int((now - self.seen_at).total_seconds()))
        said = self.sentence(now)
        return {"running": self.running, "refused": self.refused, "seen_seconds_ago": seconds, "sentence": said}


def life(connection: Connection, now: datetime) -> Life:
    """Whether anybody works on this store."""
    signs = list(connection.execute(_SIGNS))
    alive = [sign for sign in signs if sign.released_at is None and abs(now - sign.taken_at) <= SILENT]
    refused = next((words for sign in alive if (words := (sign.memory or {}).get("refused", ""))), "")
    if not signs:
        return Life(running=False, seen_at=None, ended=False)
    return Life(bool(alive), signs[0].taken_at, signs[0].released_at is not None, refused)


def _ago(passed: timedelta) -> str:
    seconds = max(0, int(passed.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

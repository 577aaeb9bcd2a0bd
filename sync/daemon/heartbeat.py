"""Signs of life in the store: how `tieline status`, which only looks, knows whether anybody works.

The daemon gives one, and each process that does a part of the work beside it: what plugins do by themselves, and what
people and programs ask for.

Each sign is a write, so that a disk that is full is noticed where nothing else is written. It also says which process
gives it: whoever looks from the same machine sees at once that it was killed, and waits for no sign to be missed. And
it says what that process runs, which is not always what the file says.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, or_, select, update

from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Store, Transaction
from tieline.sync.daemon import processes, running
from tieline.sync.daemon.running import Loaded, Refusal, Running

EVERY: Final = timedelta(seconds=5)

SILENT: Final = timedelta(seconds=30)
"""After which nobody is taken to work any more: several signs were missed, and no write waits that long."""

FORGET: Final = timedelta(days=7)
"""How long the last sign of a worker that has ended is kept."""

RECENT: Final = timedelta(hours=1)
"""How long a worker that went without a word is told of while others run."""

MOST_WORDS: Final = 300
"""Characters of what the store refuses writes for."""


class Role(StrEnum):
    """What a process is there for."""

    DAEMON = "daemon"
    WORK = "work"
    WEB = "web"


_MARK: Final = ":"
"""In a name that no connection can have: a sign of life stands among the turns."""

_IS_SIGN: Final = or_(*(t.lease.c.lane.startswith(f"{role}{_MARK}", autoescape=True) for role in Role))
_SEEN = update(t.lease).where(t.lease.c.lane == bindparam("row_lane"))
_OLD = delete(t.lease).where(_IS_SIGN, t.lease.c.taken_at < bindparam("before"))
_GONE = delete(t.lease).where(t.lease.c.lane == bindparam("row_lane"))
_SIGNS = (
    select(t.lease.c.lane, t.lease.c.worker, t.lease.c.taken_at, t.lease.c.released_at, t.lease.c.memory)
    .where(_IS_SIGN)
    .order_by(t.lease.c.taken_at.desc())
)


def this_process() -> str:
    """A name for a worker: its machine and its process."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


class Heartbeat:
    """One worker's. `alone` is for a store that only one of its role at a time works on: the next one follows in its
    row. `process` is what `processes.this` says of it."""

    def __init__(
        self,
        store: Store,
        worker: str,
        *,
        alone: bool,
        process: Mapping[str, Any] | None = None,
        role: Role = Role.DAEMON,
    ) -> None:
        self._store = store
        self._worker = worker
        self._process = dict(process or {})
        self._role = role
        self._lane = f"{role}{_MARK}{'alone' if alone else worker}"
        self._runs: Mapping[str, Any] = {}
        self._told: Mapping[str, Any] = {}
        self._began: datetime | None = None
        self._next: datetime | None = None

    def tell(self, runs: Mapping[str, Any]) -> None:
        """Say with every sign what this worker runs, in the form of `running.as_facts`; it is time for one."""
        self._runs = runs
        self._next = None

    def say(self, told: Mapping[str, Any]) -> None:
        """Say this with every sign as well; it is time for one where it is something else than before."""
        if told != self._told:
            self._told = told
            self._next = None

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
        self._began = self._began or now
        said = {"runs": self._runs, "told": self._told, "began": self._began.timestamp()}
        memory = {"refused": refused, "process": self._process, **said}
        sign = {"worker": self._worker, "taken_at": now, "released_at": ended, "memory": memory}
        with self._store.write() as tx:
            if not tx.execute(_SEEN, {"row_lane": self._lane, **sign}).rowcount:
                tx.execute(_OLD, {"before": now - FORGET})
                self._follow(tx)
                tx.execute(insert(t.lease), {"lane": self._lane, "token": 0, "poll_soon": False, **sign})

    def _follow(self, tx: Transaction) -> None:
        """Take the place of whoever did this on the same machine and was killed: that one is missed no more."""
        if self._role is Role.DAEMON:
            return
        for sign in list(tx.execute(_SIGNS)):
            if (
                sign.lane.startswith(f"{self._role}{_MARK}")
                and processes.lives(sign.memory.get("process", {})) is False
            ):
                tx.execute(_GONE, {"row_lane": sign.lane})


@dataclass(frozen=True, slots=True)
class Worker:
    """What the last sign of one worker says."""

    name: str
    seen_at: datetime
    ended: bool
    """Whether it said that it ends."""
    lives: bool | None
    """Whether its process is there; None where that cannot be told from here."""
    refused: str = ""
    runs: Running | None = None
    """What it runs; None for one of a version that does not say so."""
    began_at: datetime | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    """What else it says."""

    def is_running(self, now: datetime) -> bool:
        return not self.ended and self.lives is not False and abs(now - self.seen_at) <= SILENT

    def trouble(self, now: datetime) -> str:
        """What has become of one that does not run and did not say that it ends."""
        seen = f"gave its last sign {ago(now - self.seen_at)} ago"
        if self.seen_at - now > SILENT:
            seen = "its last sign is of a time to come, so that a clock was put back"
            return f"{seen}, and its process is gone" if self.lives is False else seen
        if self.lives is False:
            return f"its process is gone, and {seen}"
        if self.lives:
            return f"its process is there, and {seen}"
        return f"it {seen}"


@dataclass(frozen=True, slots=True)
class Life:
    """What the signs say: whether anybody works on the store, and when the last one did. The latest sign is first."""

    workers: tuple[Worker, ...]
    now: datetime
    unwritable: str = ""
    """Why the store can be written by nobody, where that shows from here: no sign can say so then."""

    @property
    def running(self) -> bool:
        return bool(self._at_work)

    @property
    def refused(self) -> str:
        """Why the store takes no writes of a worker that runs, as a sentence."""
        return next((one.refused for one in self._at_work if one.refused), self.unwritable)

    @property
    def _at_work(self) -> list[Worker]:
        return [one for one in self.workers if one.is_running(self.now)]

    @property
    def _lost(self) -> list[Worker]:
        """Workers that went without a word, not long ago."""
        return [
            one
            for one in self.workers
            if not one.ended and not one.is_running(self.now) and abs(self.now - one.seen_at) <= RECENT
        ]

    @property
    def count(self) -> int:
        """How many work."""
        return len(self._at_work)

    @property
    def began_at(self) -> datetime | None:
        """When the last one of those that work began; None where none does, or says so."""
        return max((one.began_at for one in self._at_work if one.began_at is not None), default=None)

    @property
    def starts_others(self) -> bool:
        """Whether one of them, or the last one that was, starts what is to run beside it."""
        return any(one.told.get("beside", False) for one in self._at_work or self.workers[:1])

    @property
    def connections(self) -> Mapping[str, Loaded] | None:
        """The connections that are at work, whichever worker has them; None where nobody works, or says so. The latest
        sign counts where two workers differ."""
        told = [one.runs.connections for one in self._at_work if one.runs is not None]
        return {name: found for one in reversed(told) for name, found in one.items()} if told else None

    @property
    def _differ(self) -> bool:
        told = [one.runs.connections for one in self._at_work if one.runs is not None]
        return any(one != told[0] for one in told)

    @property
    def refusals(self) -> list[tuple[str, Refusal]]:
        """The workers that refused to reload when they were asked last, and what they said."""
        return [
            (one.name, one.runs.refusal)
            for one in self._at_work
            if one.runs is not None and one.runs.refusal is not None
        ]

    def runs_from(self, file: Path) -> bool:
        """Whether a worker runs that was started from this file."""
        return any(one.runs is not None and one.runs.file == str(file.resolve()) for one in self._at_work)

    def sentence(self) -> str:
        """For people; with what to do where nobody works."""
        if self.running:
            apart = ". Workers have different connections: reload each of them (SIGHUP)" if self._differ else ""
            lost = "".join(f". Worker {one.name}: {one.trouble(self.now)}" for one in self._lost)
            return self._running() + apart + lost
        start = "Start it with `tieline run`; nothing travels until then."
        if self.unwritable:
            if any(one.lives for one in self.workers):
                return f"the daemon is there, and the store refuses its writes: {self.unwritable}"
            start = f"The store takes no writes: {self.unwritable} {start}"
        if not self.workers:
            return f"the daemon is NOT running, and nothing here tells that one ever was. {start}"
        last = self.workers[0]
        if last.ended:
            return f"the daemon is NOT running; it was stopped {ago(self.now - last.seen_at)} ago. {start}"
        return f"the daemon is NOT running: {last.trouble(self.now)}. {_look(last)} {start}"

    def _running(self) -> str:
        if self.refused:
            return f"the daemon is running, and the store refuses its writes: {self.refused}"
        if any(one.lives for one in self._at_work):
            return "the daemon is running"
        return f"the daemon is running; it gave its last sign {ago(self.now - self._at_work[0].seen_at)} ago"

    def facts(self) -> Mapping[str, Any]:
        """The same for programs."""
        return {
            "running": self.running,
            "refused": self.refused,
            "seen_seconds_ago": self._seconds_ago(self.workers[0]) if self.workers else None,
            "sentence": self.sentence(),
            "reload_refused": [
                {
                    "worker": name,
                    "at": refusal.at,
                    "reason": refusal.reason,
                    "sentence": refusal.sentence(ago(self.now - refusal.at)),
                }
                for name, refusal in self.refusals
            ],
            "workers": [
                {"worker": one.name, "running": one in self._at_work, "seen_seconds_ago": self._seconds_ago(one)}
                for one in (*self._at_work, *self._lost)
            ],
        }

    def _seconds_ago(self, one: Worker) -> int:
        return max(0, int((self.now - one.seen_at).total_seconds()))


def life(
    connection: Connection,
    now: datetime,
    lives: Callable[[Mapping[str, Any]], bool | None] = processes.lives,
    *,
    unwritable: str = "",
) -> Life:
    """Whether anybody works on this store. `lives` says of a process whether it is there."""
    return Life(signs(connection, lives)[Role.DAEMON], now, unwritable)


def signs(
    connection: Connection, lives: Callable[[Mapping[str, Any]], bool | None] = processes.lives
) -> Mapping[Role, tuple[Worker, ...]]:
    """The last sign of each process, by role; the latest is first."""
    found: dict[Role, list[Worker]] = {role: [] for role in Role}
    for sign in connection.execute(_SIGNS):
        found[Role(sign.lane.partition(_MARK)[0])].append(_worker(sign, lives))
    return {role: tuple(workers) for role, workers in found.items()}


def _worker(sign: Any, lives: Callable[[Mapping[str, Any]], bool | None]) -> Worker:
    memory = sign.memory or {}
    ended = sign.released_at is not None
    there = None if ended else lives(memory.get("process", {}))
    runs = memory.get("runs")
    told = running.from_facts(runs) if runs else None
    began = memory.get("began")
    since = None if began is None else datetime.fromtimestamp(began, UTC)
    refused, more = memory.get("refused", ""), memory.get("told") or {}
    return Worker(sign.worker, sign.taken_at, ended, there, refused, told, since, more)


def _look(last: Worker) -> str:
    """Where to look first."""
    if last.lives is False:
        return "It was killed or died; its log, or the system's, says by whom or why."
    if last.lives:
        return "It hangs, or cannot write into the store; its log says which. Stop it first."
    return "It died, hangs, or cannot write into the store; its log says which."


def ago(passed: timedelta) -> str:
    """How long that is, in one unit, for people."""
    seconds = max(0, int(passed.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

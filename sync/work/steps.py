"""The jobs of all plugins, done step by step in a few threads. A step that takes longer than it may is left to itself:
another thread takes the place of the one that it holds, and the job is begun at that step anew, by whoever comes."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Final

import structlog
from sqlalchemy import Row

from tieline.core.errors import StoreUnavailable
from tieline.core.jobs import Job, label
from tieline.sync.daemon.jobs.loops import Loops
from tieline.sync.engine import Engine
from tieline.sync.office import jobs
from tieline.sync.office.stepping import step

AT_ONCE: Final = 4
"""Threads that do steps."""

MOST_STUCK: Final = 16
"""So many threads may be held by steps that do not end, before no other takes their place."""

SWEEP: Final = 0.5
"""Seconds between two looks for what is to be done."""

REST: Final = 30.0
"""Seconds for which a thread rests that failed at something other than a step."""


@dataclass(frozen=True, slots=True)
class _AtWork:
    job: int
    kind: str
    until: float


class Steps:
    """The threads of one worker."""

    def __init__(self, engine: Engine, loops: Loops, stopping: threading.Event, generation: int) -> None:
        self._engine = engine
        self._loops = loops
        self._stopping = stopping
        self._generation = generation
        self._by = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._at_work: dict[str, _AtWork] = {}
        self._stuck: dict[str, float] = {}
        self._numbers = count(1)
        self._count = 0
        self._is_over = False
        self._log: Any = structlog.get_logger("tieline.work")

    def keep_up(self) -> None:
        """Have as many threads as there are to be, beside those that are stuck."""
        if not self._engine.registry.offers.jobs:
            return
        self._tell_stuck()
        with self._lock:
            missing = min(AT_ONCE + len(self._stuck), AT_ONCE + MOST_STUCK) - self._count
            self._count += missing
        for _ in range(missing):
            name = f"jobs-{next(self._numbers)}#{self._generation}"
            self._loops.spawn(name, partial(self._work, name))

    def stuck(self) -> dict[str, float]:
        """What has been at one step for longer than it may, each with when that was noticed, as a timestamp."""
        with self._lock:
            found = [(self._at_work[name].job, at) for name, at in self._stuck.items() if name in self._at_work]
        return {f"the job {label(job)}": at for job, at in found}

    def stop(self) -> None:
        """Begin no further step."""
        self._is_over = True

    def release(self) -> None:
        """Leave to others what was taken and is not done, once all threads have ended."""
        try:
            with self._engine.store.write() as tx:
                jobs.release(tx, self._by)
        except StoreUnavailable as error:
            self._log.warning("jobs_not_released", error=str(error))

    def _work(self, name: str, event: threading.Event) -> None:
        while not self._stopping.is_set() and not self._is_over and name not in self._stuck:
            rest = 0.0
            try:
                if not step(self._engine, self._by, busy=self._busy(), at_work=partial(self._noted, name)):
                    rest = SWEEP
            except StoreUnavailable as error:
                self._log.error("store_unavailable", jobs=True, error=str(error))
                rest = max(SWEEP, error.wait.total_seconds())
            except (Exception, SystemExit):  # noqa: BLE001 - whatever it is, the other threads go on
                self._log.error("jobs_failed", exc_info=True)
                rest = REST
            if rest:
                event.wait(rest)
                event.clear()
        with self._lock:
            if name in self._stuck:
                del self._stuck[name]
                self._count -= 1

    @contextmanager
    def _noted(self, name: str, row: Row[Any], job: Job) -> Iterator[None]:
        until = self._engine.clock.monotonic() + (job.bound.step + jobs.GRACE).total_seconds()
        with self._lock:
            self._at_work[name] = _AtWork(row.id, row.kind, until)
        try:
            yield
        finally:
            with self._lock:
                del self._at_work[name]

    def _busy(self) -> set[int]:
        with self._lock:
            return {one.job for name, one in self._at_work.items() if name not in self._stuck}

    def _tell_stuck(self) -> None:
        now = self._engine.clock.monotonic()
        with self._lock:
            late = {name: one for name, one in self._at_work.items() if one.until < now and name not in self._stuck}
            self._stuck |= dict.fromkeys(late, self._engine.clock.now().timestamp())
        for one in late.values():
            sentence = "the other jobs go on. It is begun anew, and put aside in the end; see `tieline jobs`"
            self._log.error("job_stuck", job=label(one.job), kind=one.kind, sentence=sentence)

"""Lanes as threads of this process: what runs on SQLite, where there is one worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from tieline.core.errors import StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.sync.daemon.jobs.company import Company
from tieline.sync.daemon.jobs.loops import Loops
from tieline.sync.daemon.jobs.port import SWEEP, Health
from tieline.sync.daemon.lane import Lane
from tieline.sync.engine import Engine


class Threads:
    """One thread a lane. `pause` sleeps, and ends early when the daemon stops."""

    def __init__(self, loops: Loops, stopping: threading.Event, pause: Callable[[float], None]) -> None:
        self._loops = loops
        self._stopping = stopping
        self._pause = pause
        self._retired = threading.Event()
        self._log: Any = structlog.get_logger("tieline.jobs")
        self.lanes: Mapping[ConnectionName, Lane] = {}

    def start(self, engine: Engine) -> None:
        self._retired = retired = threading.Event()
        self.lanes = {name: Lane(engine, here) for name, here in engine.connections.items()}
        for name, lane in self.lanes.items():
            lane.stopping = lambda: self._stopping.is_set() or retired.is_set()
            self._loops.spawn(_loop(name), partial(self._run, lane))

    def retire(self) -> None:
        self._retired.set()
        for name in self.lanes:
            self._loops.wake(_loop(name))
        for name in self.lanes:
            thread = self._loops.forget(_loop(name))
            while thread.is_alive() and not self._stopping.is_set():
                thread.join(0.2)

    def wake(self, lane: ConnectionName) -> None:
        self._loops.wake(_loop(lane))

    def poll_soon(self, lane: ConnectionName) -> None:
        found = self.lanes.get(lane)
        if found is not None:
            found.poll_soon()
            self.wake(lane)

    def health(self) -> Mapping[ConnectionName, Health]:
        return {
            name: Health(lane.state, lane.here.budget.left, lane.silent_since is not None)
            for name, lane in self.lanes.items()
        }

    def _run(self, lane: Lane, event: threading.Event) -> None:
        company = Company(event.wait, self._pause)
        while not lane.stopping():
            event.clear()
            try:
                worked = lane.step()
            except StoreUnavailable as error:
                self._log.error("store_unavailable", loop=_loop(lane.here.name), error=str(error))
                self._pause(error.wait.total_seconds())
                continue
            if worked:
                company.gather(lane.took)
            else:
                event.wait(SWEEP)


def _loop(lane: ConnectionName) -> str:
    return f"lane:{lane}"

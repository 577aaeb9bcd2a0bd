"""Lanes of equal workers on one PostgreSQL: procrastinate says whose turn it is, our tables say what there is to do.

A job is `drain(lane)` and carries nothing else. Its lock lets one worker at a time have a lane; a token (`lease`) keeps
out a worker that was taken for dead and wakes up again. A wake-up that is lost, doubled or late changes nothing: one of
the workers sweeps once a second. Jobs of a worker that has died are taken back by whoever notices first.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from procrastinate.manager import get_channel_for_queues
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import select

from tieline.core.clock import Clock
from tieline.core.errors import LeaseLost, StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.store import engines
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync.daemon.bell import CHANNEL
from tieline.sync.daemon.jobs import lease, schema
from tieline.sync.daemon.jobs.clock import StoreClock
from tieline.sync.daemon.jobs.loops import Loops
from tieline.sync.daemon.jobs.port import SWEEP, Health
from tieline.sync.daemon.jobs.turn import take_turn
from tieline.sync.daemon.lane import Lane, LaneState
from tieline.sync.engine import Connected, Engine

SLICE: Final = 5.0
"""Seconds of one turn: then whoever is free takes the lane on, and a new configuration is noticed."""

LINGER: Final = 0.05
"""Seconds for which a turn waits for more once it has run dry: a turn costs two trips to the disk and a job."""

TASK: Final = "tieline.drain"

PATIENCE: Final = 5.0
"""Seconds that a step of the job engine waits for a connection; the pool's own half minute would add up to several."""

AGAIN: Final = 2.0
"""Seconds before a worker that lost the database tries it again."""


def queue_of(lane: ConnectionName) -> str:
    """The queue of a lane's wake-ups. A worker listens to those of its own connections only: while a changed
    configuration rolls out, nobody takes a wake-up that it knows nothing of."""
    return f"lane:{lane}"


class Fleet:
    """This worker's part. `lease` is how long a worker may be silent before its work is taken from it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        loops: Loops,
        stopping: threading.Event,
        pause: Callable[[float], None],
        *,
        address: str,
        lease: timedelta,
        lane: Callable[[Engine, Connected], Lane] = Lane,
    ) -> None:
        self._store = store
        self._clock = clock
        self._loops = loops
        self._stopping = stopping
        self._pause = pause
        self._lease = lease.total_seconds()
        self._lane = lane
        self._conninfo = engines.conninfo(address)
        self.worker = f"{socket.gethostname()[:40]}:{os.getpid()}"
        self._log: Any = structlog.get_logger("tieline.jobs")
        self._retired = threading.Event()
        self._busy = _Busy()
        self._calls: asyncio.AbstractEventLoop | None = None
        self._wanted: set[ConnectionName] = set()
        self._rung = asyncio.Event()
        self._ringing: set[asyncio.Task[None]] = set()
        self._sweeping = ""
        self.lanes: Mapping[ConnectionName, Lane] = {}
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        schema.install(self._conninfo)

    # -- what the daemon asks for ----------------------------------------------------------------------------------

    def start(self, engine: Engine) -> None:
        self._retired = retired = threading.Event()
        self.lanes = {name: self._lane(engine, here) for name, here in engine.connections.items()}
        names = ",".join(sorted(self.lanes))
        self._sweeping = f"~sweep:{hashlib.sha256(names.encode()).hexdigest()[:16]}"
        self._loops.spawn("jobs", lambda _event: self._work(retired))
        self._loops.spawn("sweep", lambda event: self._sweep(retired, event))

    def retire(self) -> None:
        self._retired.set()
        self._loops.wake("sweep")
        self._ring()
        for name in ("jobs", "sweep"):
            thread = self._loops.forget(name)
            while thread.is_alive() and not self._stopping.is_set():
                thread.join(0.2)

    def wake(self, lane: ConnectionName) -> None:
        if self._busy.tell(lane):
            return  # its turn is here and now
        calls = self._calls
        if calls is not None:
            with suppress(RuntimeError):  # the loop has just ended: somebody's sweep finds the work
                calls.call_soon_threadsafe(self._want, lane)

    def poll_soon(self, lane: ConnectionName) -> None:
        lease.poll_soon(self._store, lane)
        self.wake(lane)

    def health(self) -> Mapping[ConnectionName, Health]:
        with self._store.read() as connection:
            memories = {row.lane: row.memory for row in connection.execute(_MEMORIES)}
        return {name: _health(memories.get(name, {})) for name in self.lanes}

    # -- the loop of jobs ------------------------------------------------------------------------------------------

    def _ends(self, retired: threading.Event) -> bool:
        return self._stopping.is_set() or retired.is_set()

    def _work(self, retired: threading.Event) -> None:
        """Serve until told to end. A database that went away ends the worker inside, and it is begun again."""
        while not self._ends(retired):
            try:
                asyncio.run(self._serve(retired))
            except (ConnectorException, psycopg.Error, OSError) as error:
                self._log.error("jobs_interrupted", error=type(error).__name__)
            finally:
                self._calls = None
            if not self._ends(retired):
                self._pause(AGAIN)

    async def _serve(self, retired: threading.Event) -> None:
        app = App(
            connector=PsycopgConnector(conninfo=_session(self._conninfo), min_size=1, max_size=4, timeout=PATIENCE)
        )

        async def drain(lane: str) -> None:
            await self._drain(app, lane)

        app.task(name=TASK, pass_context=False)(drain)
        self._calls = asyncio.get_running_loop()
        self._calls.set_exception_handler(self._unheard)
        self._rung = asyncio.Event()
        # A pool waits half a minute for a database that is away, and stops know nothing of that wait.
        await (await psycopg.AsyncConnection.connect(_session(self._conninfo))).close()
        async with app.open_async():
            ringing = asyncio.create_task(self._defer(app, retired))
            reaping = asyncio.create_task(self._reap(app))
            hearing = asyncio.create_task(self._hear())
            working = asyncio.create_task(
                app.run_worker_async(
                    queues=[queue_of(name) for name in self.lanes] or ["lane:"],
                    name=self.worker,
                    concurrency=max(1, len(self.lanes)),
                    install_signal_handlers=False,
                    delete_jobs=DeleteJobCondition.ALWAYS,
                    fetch_job_polling_interval=SWEEP,
                    update_heartbeat_interval=self._lease / 4,
                    stalled_worker_timeout=self._lease,
                )
            )
            try:
                done, _ = await asyncio.wait({ringing, reaping, hearing, working}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in (ringing, reaping, hearing, working):
                    task.cancel()
                await asyncio.gather(ringing, reaping, hearing, working, return_exceptions=True)

    def _unheard(self, _calls: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A worker that was frozen reports jobs that were taken from it: one line each, and nobody needs a trace."""
        error = context.get("exception")
        self._log.warning("job_not_reported", error=type(error).__name__ if error else context.get("message"))

    def _want(self, lane: ConnectionName) -> None:
        self._wanted.add(lane)
        self._rung.set()

    def _ring(self) -> None:
        calls = self._calls
        if calls is not None:
            with suppress(RuntimeError):
                calls.call_soon_threadsafe(self._rung.set)

    async def _defer(self, app: App, retired: threading.Event) -> None:
        """Turn what was woken into jobs, however often it was; ends when the worker is to end."""
        while not self._ends(retired):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), SWEEP)
            self._rung.clear()
            wanted, self._wanted = self._wanted, set()
            for name in sorted(wanted & self.lanes.keys()):
                with suppress(AlreadyEnqueued):
                    await app.configure_task(
                        TASK, queue=queue_of(name), lock=queue_of(name), queueing_lock=queue_of(name)
                    ).defer_async(lane=name)

    async def _hear(self) -> None:
        """Wake the lanes that other processes ring for. Those of another configuration are none of ours."""
        async with await psycopg.AsyncConnection.connect(_session(self._conninfo), autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            async for heard in connection.notifies():
                self._want(ConnectionName(heard.payload))

    async def _reap(self, app: App) -> None:
        """Take back the jobs of workers that are silent. The lane is due still: a sweep gives it to somebody else."""
        while True:
            stalled = await app.job_manager.get_stalled_jobs(task_name=TASK, seconds_since_heartbeat=self._lease)
            for job in stalled:
                with suppress(ConnectorException):  # another worker was faster
                    await app.job_manager.finish_job_by_id_async(int(job.id or 0), Status.FAILED, delete_job=True)
                    self._log.warning("worker_silent", lane=job.task_kwargs.get("lane"))
                    self._want(ConnectionName(str(job.task_kwargs.get("lane"))))
            await app.job_manager.prune_stalled_workers(self._lease * 10)
            await asyncio.sleep(self._lease / 4)

    # -- a turn ----------------------------------------------------------------------------------------------------

    async def _ring_next(self, app: App, lane: ConnectionName) -> None:
        """Tell every worker that the lane is free: a job that came in meanwhile was looked at and left alone."""
        channel = next(iter(get_channel_for_queues([queue_of(lane)])))
        for pause in (0.01, 0.05):  # this job is finished a moment after its turn
            await asyncio.sleep(pause)
            with suppress(ConnectorException):
                await app.connector.execute_query_async(
                    "SELECT pg_notify(%(channel)s, %(note)s)",
                    channel=channel,
                    note='{"type": "job_inserted", "job_id": 0}',
                )

    async def _drain(self, app: App, lane: str) -> None:
        """One turn at a lane, in a thread of its own that no stop waits for longer than the daemon's bound."""
        done = asyncio.Event()
        calls = asyncio.get_running_loop()

        def run() -> None:
            try:
                self._guarded_turn(lane)
            finally:
                with suppress(RuntimeError):  # nobody waits any more
                    calls.call_soon_threadsafe(done.set)

        threading.Thread(target=run, name=queue_of(ConnectionName(lane)), daemon=True).start()
        await done.wait()
        ringing = asyncio.create_task(self._ring_next(app, ConnectionName(lane)))
        self._ringing.add(ringing)
        ringing.add_done_callback(self._ringing.discard)

    def _guarded_turn(self, lane: str) -> None:
        """A turn never raises: a job that fails would only be noise, and the next turn starts from the store."""
        name = ConnectionName(lane)
        here, retired = self.lanes.get(name), self._retired
        if here is None or self._ends(retired) or not self._busy.enter(name):
            return
        try:
            self._turn(here, retired)
        except LeaseLost as error:
            self._log.warning("lease_lost", lane=lane, reason=str(error))
        except StoreUnavailable as error:
            self._log.error("store_unavailable", lane=lane, error=str(error))
        except Exception:  # noqa: BLE001 - as after a crash
            self._log.critical("turn_failed", lane=lane, exc_info=True)
        finally:
            if self._busy.leave(name):
                self.wake(name)

    def _turn(self, lane: Lane, retired: threading.Event) -> None:
        name, ends_at = lane.here.name, time.monotonic() + SLICE
        more = take_turn(
            self._store,
            lane,
            self.worker,
            self._clock,
            ends=lambda: self._ends(retired) or time.monotonic() > ends_at,
            lingers=lambda: self._busy.wait(name, LINGER),
            pause=self._pause,
        )
        if more:
            self.wake(name)

    # -- the sweep -------------------------------------------------------------------------------------------------

    def _sweep(self, retired: threading.Event, event: threading.Event) -> None:
        """Once a second one of the workers looks for work that nobody was woken for."""
        while not self._ends(retired):
            try:
                if isinstance(self._clock, StoreClock):
                    self._clock.look()
                now = self._clock.now()
                if lease.claim(self._store, self._sweeping, timedelta(seconds=SWEEP * 0.8), now):
                    for name in self._due(now):
                        self.wake(name)
            except StoreUnavailable as error:
                self._log.error("store_unavailable", loop="sweep", error=str(error))
            event.wait(SWEEP)

    def _due(self, now: Any) -> list[ConnectionName]:
        with self._store.read() as connection:
            return [name for name in self.lanes if lease.is_due(connection, name, now)]


class _Busy:
    """The lanes at work in this process, and who woke them meanwhile. A turn that lost its lease may still be waiting
    for a tool, and a lane has one thread at a time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._woken: dict[ConnectionName, threading.Event] = {}

    def enter(self, name: ConnectionName) -> bool:
        """True for the one thread that may have this lane now."""
        with self._guard:
            if name in self._woken:
                return False
            self._woken[name] = threading.Event()
            return True

    def tell(self, name: ConnectionName) -> bool:
        """Wake the lane's turn, if it is here."""
        with self._guard:
            event = self._woken.get(name)
            if event is None:
                return False
            event.set()
            return True

    def wait(self, name: ConnectionName, seconds: float) -> bool:
        """True when somebody woke the lane since the last time, or does so in these seconds."""
        event = self._woken[name]
        woken = event.wait(seconds)
        event.clear()
        return woken

    def leave(self, name: ConnectionName) -> bool:
        """End the turn. True when somebody woke it and was not heard."""
        with self._guard:
            return self._woken.pop(name).is_set()


_MEMORIES = select(t.lease.c.lane, t.lease.c.memory)


def _session(conninfo: str) -> str:
    """How wake-ups are carried: one may be lost when the database crashes, so nothing waits for the disk."""
    given = str(conninfo_to_dict(conninfo).get("options") or "")
    options = f"{given} -c synchronous_commit=off -c statement_timeout=30s".strip()
    return make_conninfo(conninfo, options=options, application_name="tieline-jobs", connect_timeout=10)


def _health(memory: Mapping[str, Any]) -> Health:
    return Health(
        LaneState(memory.get("state", LaneState.STARTING.value)),
        float(memory.get("calls_left", 0.0)),
        memory.get("silent_since") is not None,
    )

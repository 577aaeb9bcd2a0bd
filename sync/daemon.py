"""The daemon: an engine with threads. One loop per connection, one for intake, one for timers, one for HTTP; each has
a name, and a loop that dies stops the daemon, because a daemon that half works is worse than one that is restarted.

Stopping is bounded: what was being done is finished or, past the bound, abandoned as by a crash, which every step of
the road survives.
"""

from __future__ import annotations

import random
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn

from tieline.core import timers
from tieline.core.clock import Clock, SystemClock
from tieline.core.config import Config
from tieline.core.errors import ConfigError, Problem, StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.registry import Registry
from tieline.core.store.store import Store
from tieline.sync import acts, inbox, server
from tieline.sync.build import build
from tieline.sync.engine import Engine
from tieline.sync.intake import Intake
from tieline.sync.lane import Lane
from tieline.sync.metrics import Metrics

SWEEP: Final = 1.0
"""Seconds after which a lane looks for work that nobody woke it for: the dirty mark is the truth, a wake-up is not."""

KEEP_DELIVERIES: Final = timedelta(days=7)
"""Longer than any sender retries."""


@dataclass(slots=True)
class Loop:
    """One named thread and the event that wakes it."""

    thread: threading.Thread
    event: threading.Event


class Daemon:
    """Everything `tieline run` starts. Tests start it in process."""

    def __init__(
        self,
        load: Callable[[], tuple[Config, Registry]],
        *,
        clock: Clock | None = None,
        dice: random.Random | None = None,
        transports: Mapping[str, Any] | None = None,
    ) -> None:
        self._load = load
        self._clock = clock or SystemClock()
        self._dice = dice or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._transports = transports
        self._log: Any = structlog.get_logger("tieline.daemon")
        self._stopping = threading.Event()
        self._generation = threading.Event()
        self._lanes: dict[ConnectionName, Lane] = {}
        self._loops: dict[str, Loop] = {}
        self._failure: BaseException | None = None
        self._http: uvicorn.Server | None = None
        self.address = ""
        config, registry = load()
        self._store = Store.open(config.store)
        self._store.migrate()
        self.engine = self._build(config, registry)
        self.intake = Intake(self.engine)
        self._metrics = Metrics(self)

    def _build(self, config: Config, registry: Registry) -> Engine:
        return build(
            config,
            self._store,
            registry,
            clock=self._clock,
            sleep=lambda seconds: self._pause(seconds),
            wake=self.wake,
            dice=self._dice,
            transports=self._transports,
        )

    def _pause(self, seconds: float) -> None:
        """Sleep that ends when the daemon stops."""
        self._stopping.wait(seconds)

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self, *, serve: bool = True) -> None:
        """Start every loop; returns when the server listens."""
        # The address first: a daemon that cannot listen must not begin to work.
        listener = self._listen() if serve else None
        self._spawn("intake", lambda _event: self.intake.run())
        self._start_lanes()
        self._spawn("timers", self._run_timers)
        if listener is not None:
            self._start_server(listener)
        self._log.info("started", connections=sorted(self.engine.connections), address=self.address)

    def run(self) -> int:
        """Start, then wait for SIGTERM or SIGINT; SIGHUP reloads. Answers the exit code."""
        hup = threading.Event()

        def on_signal(number: int, _frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                hup.set()
            else:
                self._stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, on_signal)
        self.start()
        while not self._stopping.wait(0.2):
            if hup.is_set():
                hup.clear()
                self.reload()
        return self.stop()

    def stop(self) -> int:
        """Stop within the configured bound. 0 when everything ended in order, 1 when a loop had died."""
        bound = self.engine.config.stop_within.total_seconds()
        self._stopping.set()
        deadline = self._clock.monotonic() + bound
        if self._http is not None:
            self._http.should_exit = True
            self._join(["http"], deadline)
        self.intake.stop(max(0.1, deadline - self._clock.monotonic()))
        self._join(["intake"] if "intake" in self._loops else [], deadline)
        for loop in self._loops.values():
            loop.event.set()
        left = self._join(list(self._loops), deadline)
        if left:
            # Whatever they were doing is in the ledger; the next start takes it up where a crash would have left it.
            self._log.warning("stopped_late", loops=left, seconds=bound)
        else:
            self.engine.registry.close()
            self._store.close()
        self._log.info("stopped", failure=repr(self._failure) if self._failure else "")
        return 1 if self._failure is not None else 0

    def _join(self, names: list[str], deadline: float) -> list[str]:
        for name in names:
            self._loops[name].thread.join(max(0.0, deadline - self._clock.monotonic()))
        return [name for name in names if self._loops[name].thread.is_alive()]

    def reload(self) -> bool:
        """Build and check the whole new configuration, then swap. On any problem the old one stays in force."""
        try:
            config, registry = self._load()
            old = self.engine.config
            if (config.store, config.server.listen) != (old.store, old.server.listen):
                self._log.error("reload_refused", reason="`store` and `server.listen` change only with a restart")
                return False
            engine = self._build(config, registry)
        except ConfigError as error:
            self._log.error("reload_refused", problems=[str(problem) for problem in error.problems])
            return False
        self._stop_lanes()
        before, self.engine, self.intake.engine = self.engine, engine, engine
        before.registry.close()
        self._start_lanes()
        with self._store.write() as tx:
            engine.record(tx, "reloaded", connections=sorted(engine.connections))
        self._log.info("reloaded", connections=sorted(engine.connections))
        return True

    # -- loops -----------------------------------------------------------------------------------------------------

    def _spawn(self, name: str, work: Callable[[threading.Event], None]) -> None:
        event = threading.Event()

        def run() -> None:
            try:
                work(event)
            except BaseException as error:  # noqa: BLE001 - the daemon must learn of it, whatever it is
                self._failure = error
                self._log.critical("loop_died", loop=name, exc_info=True)
                self._stopping.set()

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._loops[name] = Loop(thread, event)
        thread.start()

    def _start_lanes(self) -> None:
        self._generation = threading.Event()
        generation = self._generation
        self._lanes = {name: Lane(self.engine, here) for name, here in self.engine.connections.items()}
        for name, lane in self._lanes.items():
            lane.stopping = lambda: self._stopping.is_set() or generation.is_set()
            self._spawn(f"lane:{name}", partial(self._run_lane, lane, generation))

    def _stop_lanes(self) -> None:
        self._generation.set()
        names = [name for name in self._loops if name.startswith("lane:")]
        for name in names:
            self._loops[name].event.set()
        for name in names:
            thread = self._loops.pop(name).thread
            while thread.is_alive() and not self._stopping.is_set():
                thread.join(0.2)

    def _run_lane(self, lane: Lane, generation: threading.Event, event: threading.Event) -> None:
        while not self._stopping.is_set() and not generation.is_set():
            event.clear()
            try:
                worked = lane.step()
            except StoreUnavailable as error:
                self._log.error("store_unavailable", loop=f"lane:{lane.here.name}", error=str(error))
                self._stopping.wait(error.wait.total_seconds())
                continue
            if not worked:
                event.wait(SWEEP)

    def _run_timers(self, event: threading.Event) -> None:
        forget_at = self._clock.now()
        while not self._stopping.is_set():
            now = self._clock.now()
            try:
                self._fire(now)
                if now >= forget_at:
                    with self._store.write() as tx:
                        inbox.forget_deliveries(tx, now - KEEP_DELIVERIES)
                    forget_at = now + timedelta(hours=1)
            except StoreUnavailable as error:
                self._log.error("store_unavailable", loop="timers", error=str(error))
            event.wait(SWEEP)

    def _fire(self, now: Any) -> None:
        fire_timers(self.engine, now)

    def wake(self, name: ConnectionName) -> None:
        """Tell a lane that there is work."""
        loop = self._loops.get(f"lane:{name}")
        if loop is not None:
            loop.event.set()

    # -- what the server asks for ----------------------------------------------------------------------------------

    def count_delivery(self, connection: str, outcome: str) -> None:
        self._metrics.deliveries.labels(connection, outcome).inc()

    def incomplete(self, connection: ConnectionName) -> None:
        lane = self._lanes.get(connection)
        if lane is not None:
            lane.poll_soon()
            self.wake(connection)

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        try:
            self._store.ping()
            store = "ok"
        except StoreUnavailable as error:
            store = str(error)
        dead = [name for name, loop in self._loops.items() if not loop.thread.is_alive()]
        lanes = {name: lane.state.value for name, lane in self._lanes.items()}
        return store == "ok" and not dead, {"store": store, "stopped_loops": dead, "connections": lanes}

    def metrics(self) -> bytes:
        return self._metrics.render()

    @property
    def lanes(self) -> Mapping[ConnectionName, Lane]:
        """The lanes at work."""
        return self._lanes

    def _listen(self) -> socket.socket:
        """Take the address. Raises ConfigError when somebody else has it."""
        listen = self.engine.config.server.listen
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        try:
            listener = socket.create_server(
                (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2_048
            )
        except OSError as error:
            what = f"server.listen: {listen} cannot be taken: {error.strerror}."
            fix = "stop what holds it (another Tieline?), or listen elsewhere."
            raise ConfigError([Problem(str(self.engine.config.file), 1, 1, "RUN001", what, fix)]) from None
        address = listener.getsockname()
        self.address = f"http://{address[0]}:{address[1]}"
        return listener

    def _start_server(self, listener: socket.socket) -> None:
        config = uvicorn.Config(
            server.application(self),
            log_config=None,
            access_log=False,
            lifespan="off",
            limit_concurrency=2_000,
            timeout_keep_alive=60,
            h11_max_incomplete_event_size=64 * 1024,
            server_header=False,
        )
        self._http = uvicorn.Server(config)
        http = self._http

        def serve(_event: threading.Event) -> None:
            http.run(sockets=[listener])
            if not self._stopping.is_set():
                raise RuntimeError("the HTTP server ended by itself")

        self._spawn("http", serve)
        while not http.started and not self._stopping.is_set():
            self._stopping.wait(0.01)


def fire_timers(engine: Engine, now: Any) -> int:
    """Fire what is due, each in the transaction that removes it. Answers how many fired."""
    with engine.store.read() as connection:
        if not timers.any_due(connection, now):
            return 0
    with engine.store.write() as tx:
        due = timers.due(tx, now, 100)
        for timer in due:
            if timer.kind == acts.RENEW:
                acts.renew(tx, engine, int(timer.payload["signal"]))
    return len(due)

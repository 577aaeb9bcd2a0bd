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
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from types import FrameType
from typing import Any, BinaryIO, Final

import structlog
import uvicorn

from tieline.core import erasing, local_accounts, sessions, tokens
from tieline.core.clock import Clock, SystemClock
from tieline.core.config import Config
from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.events import Reloaded
from tieline.core.model import ConnectionName
from tieline.core.registry import Registry
from tieline.core.store import engines, ownership
from tieline.core.store.engines import is_postgres
from tieline.core.store.store import Store
from tieline.sync.alerts import signals
from tieline.sync.build import build, prove_mappings
from tieline.sync.daemon import address, elsewhere, processes, running
from tieline.sync.daemon.bell import Bell
from tieline.sync.daemon.beside import Beside
from tieline.sync.daemon.firing import TIMERS_AT_ONCE, fire_timers
from tieline.sync.daemon.hearing import hear
from tieline.sync.daemon.heartbeat import Heartbeat, this_process
from tieline.sync.daemon.jobs.clock import StoreClock
from tieline.sync.daemon.jobs.loops import Loops
from tieline.sync.daemon.jobs.port import SWEEP, Health, Jobs
from tieline.sync.daemon.jobs.threads import Threads
from tieline.sync.daemon.journal_mark import Past
from tieline.sync.daemon.lane import Lane
from tieline.sync.daemon.metrics import Metrics
from tieline.sync.daemon.pulse import Pulse
from tieline.sync.daemon.roles import beside
from tieline.sync.daemon.running import Refusal
from tieline.sync.engine import Engine
from tieline.sync.intake import inbox, left_out, server, slow_clients
from tieline.sync.intake.intake import Intake
from tieline.sync.office import jobs as office_jobs

KEEP_DELIVERIES: Final = timedelta(days=7)
"""Longer than any sender retries, and than a beginning may come after its end."""


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
        self._dice = dice or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._transports = transports
        self._log: Any = structlog.get_logger("tieline.daemon")
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._http: uvicorn.Server | None = None
        self._bell: Bell | None = None
        self.address = ""
        self.refusal: Refusal | None = None
        """Why the last reload was refused; None once one was not."""
        config, registry = load()
        with config.telling_where("store"):
            file = engines.file_of(config.store)
        fresh = file is not None and ownership.is_new(file)
        if fresh:
            prove_mappings(config)
        with config.telling_where("store"):
            self._alone = only_daemon(config)
            self._store = Store.open(config.store, keys=config.keys)
            self._store.migrate()
        if fresh:
            self._log.info("store_created", store=self._store.name)
        self._clock = clock or _clock(config, self._store)
        self._loops = Loops(self._clock, self._died)
        self._jobs = self._choose_jobs(config)
        alone = not is_postgres(config.store)
        self._heartbeat = Heartbeat(self._store, this_process(), alone=alone, process=processes.this())
        self._past = Past(self._store, engines.file_of(config.store))
        whole = self._past.is_whole()
        self._store.given.items = self._past.numbers_given
        self._revoke_again()
        self._sign_out_again()
        self.engine = self._build(config, registry, not whole, self._past.in_doubt_before)
        self._forget_again()
        self.intake = Intake(self.engine)
        self._tell_what_runs()
        self.beside: list[Beside] = []
        """The processes that are kept running beside this one."""
        self._pulse = Pulse(self._store.ping, self._clock.monotonic)
        self._metrics = Metrics(self)

    def _revoke_again(self) -> None:
        """A backup that was put in the store's place takes for good what was revoked since."""
        if not self._past.revoked:
            return
        with self._store.write() as tx:
            revoked = tokens.revoke_again(tx, self._past.revoked, at=self._clock.now(), actor="tieline")
        if revoked:
            self._log.warning("tokens_revoked_again", tokens=revoked)

    def _sign_out_again(self) -> None:
        """A backup takes for signed in who has signed out since, and knows accounts and passwords that are no more."""
        if not self._past.was_put_back:
            return
        now, removed, closed = self._clock.now(), list[str](), list[str]()
        with self._store.write() as tx:
            ended = sessions.end_all(tx)
            if self._past.accounts is not None:
                removed, closed = local_accounts.close_again(tx, self._past.accounts, at=now, actor="tieline")
        with suppress(OSError):
            self._past.accounts_are_closed()
        if ended or removed or closed:
            self._log.warning("signed_out_again", sessions=ended, removed=removed, closed=closed)

    def _forget_again(self) -> None:
        """A backup knows what was forgotten since it was made: whoever can forget it again begins with that."""
        with self._store.read() as connection:
            people, items = len(erasing.outstanding(connection)), erasing.has_lost_keys(connection)
        if people or items:
            offers = self.engine.registry.offers.jobs
            again = {name: job for name, (_offer, job) in offers.items() if job.after_restore}
            with self._store.write() as tx:
                for name, job in again.items():
                    office_jobs.begin(tx, self.engine, name, job.told({}), None, "tieline", self._clock.now())
            self._log.warning("forgotten_again", people=people, items=items, jobs=sorted(again))

    def _build(self, config: Config, registry: Registry, in_doubt: bool, in_doubt_before: datetime | None) -> Engine:
        return build(
            config,
            self._store,
            registry,
            clock=self._clock,
            sleep=lambda seconds: self._pause(seconds),
            wake=self.wake,
            dice=self._dice,
            transports=self._transports,
            is_alone=not is_postgres(config.store),
            in_doubt=in_doubt,
            in_doubt_before=in_doubt_before,
        )

    def _choose_jobs(self, config: Config) -> Jobs:
        """Threads of this process, or a part in a fleet: what the store makes possible."""
        if not is_postgres(config.store):
            return Threads(self._loops, self._stopping, self._pause)
        from tieline.sync.daemon.jobs.fleet import Fleet

        return Fleet(
            self._store,
            self._clock,
            self._loops,
            self._stopping,
            self._pause,
            address=config.store,
            lease=config.lease,
        )

    def _died(self, loop: str, error: BaseException) -> None:
        self._failure = error
        self._stopping.set()
        self._log.critical("loop_died", loop=loop, exc_info=error)

    def _pause(self, seconds: float) -> None:
        """Sleep that ends when the daemon stops."""
        self._stopping.wait(seconds)

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self, *, serve: bool = True) -> None:
        """Start every loop; returns when the server listens."""
        # The address first: a daemon that cannot listen must not begin to work.
        listener = self._listen() if serve else None
        self._loops.spawn("intake", lambda _event: self.intake.run())
        self._heartbeat.say({"beside": bool(self.beside)})
        self._heartbeat.beat(self._clock.now())
        self._jobs.start(self.engine)
        self._loops.spawn("timers", self._run_timers)
        self._bell = self._hang_bell()
        if self._bell is not None:
            self._loops.spawn("bell", partial(self._hear, self._bell))
        for process in self.beside:
            self._loops.spawn(process.name, process.watch)
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
        while not self._stopping.wait(1.0):  # a signal to stop ends the wait; one to reload is seen after it
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
            self._loops.join(["http"], deadline)
        self.intake.stop()
        if self._bell is not None:
            self._bell.end()
        for process in self.beside:
            process.end()
        self._loops.join(["intake"], deadline)
        self._loops.wake_all()
        left = self._loops.join(self._loops.names, deadline)
        if left:
            # Whatever they were doing is in the ledger; the next start takes it up where a crash would have left it.
            self._log.warning("stopped_late", loops=left, seconds=bound)
        else:
            self._note_end()
            self._note_past()
            self.engine.registry.close()
            self._store.close()
            self._alone = None
        self._log.info("stopped", failure=repr(self._failure) if self._failure else "")
        return 1 if self._failure is not None else 0

    def reload(self) -> bool:
        """Build and check the whole new configuration, then swap. On any problem, whatever it is, the old one stays in
        force and the daemon goes on."""
        registry: Registry | None = None
        try:
            config, registry = self._load()
            if problems := running.unchangeable(self.engine.config, config, listens_at="server"):
                raise ConfigError(problems)
            engine = self._build(config, registry, self.engine.in_doubt, self.engine.in_doubt_before)
            # Written down before it is done, and not done where that cannot be.
            with self._store.write() as tx:
                engine.record(tx, Reloaded(connections=sorted(engine.connections)))
        except Exception as error:  # noqa: BLE001 - a daemon at work is not ended by a file that somebody edits
            self._refuse_reload(error)
            if registry is not None:
                registry.close()
            return False
        self._jobs.retire()
        before, self.engine, self.intake.engine = self.engine, engine, engine
        before.registry.close()
        self._jobs.start(engine)
        self.refusal = None
        for process in self.beside:
            process.reload()
            self._loops.wake(process.name)
        self._tell_what_runs()
        self._log.info("reloaded", connections=sorted(engine.connections))
        return True

    def _tell_what_runs(self) -> None:
        self._heartbeat.tell(running.as_facts(self.engine.config, self.refusal))

    def _refuse_reload(self, error: Exception) -> None:
        self.refusal = Refusal(self._clock.now(), running.why_refused(error))
        self._tell_what_runs()
        self._log.error("reload_refused", **running.as_logged(error))

    # -- loops -----------------------------------------------------------------------------------------------------

    def _run_timers(self, event: threading.Event) -> None:
        forget_at = self._clock.now()
        while not self._stopping.is_set():
            now, fired = self._clock.now(), 0
            try:
                self._heartbeat.beat(now)
                fired = fire_timers(self.engine, now)
                hear(self.engine)
                if now >= forget_at:
                    with self._store.write() as tx:
                        inbox.forget_deliveries(tx, now - KEEP_DELIVERIES)
                        signals.forget_ends(tx, now - KEEP_DELIVERIES)
                        left_out.forget(tx, now - KEEP_DELIVERIES)
                    forget_at = now + timedelta(hours=1)
            except StoreUnavailable as error:
                self._log.error("store_unavailable", loop="timers", error=str(error))
            self._note_past()
            if fired < TIMERS_AT_ONCE:
                event.wait(SWEEP)

    def _hang_bell(self) -> Bell | None:
        """What other processes ring; without it their work waits for the sweep."""
        file = engines.file_of(self.engine.config.store)
        with suppress(OSError):
            return None if file is None else Bell(file)
        return None

    def _hear(self, bell: Bell, _event: threading.Event) -> None:
        while not self._stopping.is_set():
            self.wake(bell.heard())
        bell.close()

    def _note_end(self) -> None:
        try:
            self._heartbeat.end(self._clock.now())
        except StoreUnavailable as error:
            self._log.error("store_unavailable", loop="heartbeat", error=str(error))

    def _note_past(self) -> None:
        try:
            self._past.note(self.engine.in_doubt_before, in_doubt=self.engine.in_doubt)
        except StoreUnavailable as error:
            self._log.error("store_unavailable", loop="past", error=str(error))

    def wake(self, name: ConnectionName) -> None:
        """Tell a lane that there is work."""
        self._jobs.wake(name)

    # -- what the server asks for ----------------------------------------------------------------------------------

    def count_delivery(self, connection: str, outcome: str) -> None:
        self._metrics.deliveries.labels(connection, outcome).inc()

    def count_unreadable(self, connection: str, records: int) -> None:
        self._metrics.unreadable.labels(connection).inc(records)

    def incomplete(self, connection: ConnectionName) -> None:
        self._jobs.poll_soon(connection)

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        try:
            self._pulse.feel()
            store = "ok"
        except StoreUnavailable as error:
            store = str(error)
        dead = self._loops.ended
        lanes = {} if store != "ok" else {name: health.state.value for name, health in self.health().items()}
        beside = self._missing_beside() if store == "ok" else []
        told = {"store": store, "stopped_loops": dead, "connections": lanes, "missing_beside": beside}
        return store == "ok" and not dead, told

    def _missing_beside(self) -> list[str]:
        """What is to run beside this and does not."""
        engine = self.engine
        with suppress(StoreUnavailable), self._store.read() as connection:
            found = beside(connection, engine.registry.offers, engine.config, engine.clock.now())
            return [one.role.value for one in found[1] if one.is_missing]
        return []

    def metrics(self) -> bytes:
        return self._metrics.render()

    @property
    def pulse(self) -> Pulse:
        """Whether the store answers."""
        return self._pulse

    @property
    def lanes(self) -> Mapping[ConnectionName, Lane]:
        """The lanes of this process."""
        return self._jobs.lanes

    def health(self) -> Mapping[ConnectionName, Health]:
        """How each connection is doing, whichever worker has its lane. Raises StoreUnavailable."""
        if is_postgres(self.engine.config.store):
            # Then it stands in the store, which is not asked while it does not answer.
            self._pulse.feel()
        return self._jobs.health()

    def _listen(self) -> socket.socket:
        """Take the address. Raises ConfigError when it cannot be had."""
        config = self.engine.config
        try:
            listener = address.take(config.server.listen)
        except address.NotTaken as error:
            raise ConfigError([config.problem("server.listen", "RUN001", error.what, error.fix)]) from None
        taken = listener.getsockname()
        self.address = f"http://{taken[0]}:{taken[1]}"
        return listener

    def _start_server(self, listener: socket.socket) -> None:
        config = uvicorn.Config(
            server.application(self),
            log_config=None,
            access_log=False,
            lifespan="off",
            # Nothing here asks where a request came from, and such headers are anybody's to write.
            proxy_headers=False,
            http=slow_clients.Door,
            ws="none",
            # Named, so that a uvloop that happens to be installed changes nothing.
            loop="asyncio",
            limit_concurrency=2_000,
            timeout_keep_alive=slow_clients.IDLE_TIMEOUT,
            server_header=False,
        )
        self._http = slow_clients.QuietServer(config)
        http = self._http

        def serve(_event: threading.Event) -> None:
            http.run(sockets=[listener])
            if not self._stopping.is_set():
                raise RuntimeError("the HTTP server ended by itself")

        self._loops.spawn("http", serve)
        while not http.started and not self._stopping.is_set():
            self._stopping.wait(0.01)


ELSEWHERE: Final = "stop that one, or give this one a store of its own; several workers share a store on PostgreSQL."


def only_daemon(config: Config, fix: str = ELSEWHERE) -> BinaryIO | None:
    """What keeps a second daemon off the same SQLite file, for as long as it is held and the process lives. `fix` is
    what is to be done where there is one.

    Raises ConfigError when there is one already, and for a file of another program, beside which nothing is put.
    Workers on PostgreSQL share their store.
    """
    file = engines.file_of(config.store)
    if file is None:
        return None
    ownership.examine(file, create=True)
    import fcntl

    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = elsewhere.lock_of(file).open("ab")
    except OSError as error:
        what = f"store: nothing can be made in {file.parent} ({error.strerror})."
        advice = "make that folder writable for this user, or name another one in `store:`."
        raise ConfigError([config.problem("store", "RUN003", what, advice)]) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        what = f"store: another daemon works on {file}."
        raise ConfigError([config.problem("store", "RUN002", what, fix)]) from None
    return lock


def _clock(config: Config, store: Store) -> Clock:
    """Workers that share a store share its time."""
    return StoreClock(store) if is_postgres(config.store) else SystemClock()

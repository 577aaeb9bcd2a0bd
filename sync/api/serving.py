"""The process that serves the API: beside the daemon and never in it, so that whatever is asked here delays no alert.
It opens the store itself; what is done through it reaches the daemon as what commands do."""

from __future__ import annotations

import random
import secrets
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn

from tieline.core.clock import Clock, SystemClock
from tieline.core.config import Config
from tieline.core.errors import ConfigError, Problem, StoreUnavailable
from tieline.core.identity import Someone
from tieline.core.model import ConnectionName
from tieline.core.registry import Registry
from tieline.core.socket_place import of_process
from tieline.core.store.engines import is_postgres
from tieline.core.store.store import Store
from tieline.sync.api.local import Listener, Local, Peer, TwoDoors
from tieline.sync.api.measured import Measured
from tieline.sync.api.metrics import Metrics
from tieline.sync.api.stalled import StalledDoor
from tieline.sync.api.stream import Streams
from tieline.sync.build import build
from tieline.sync.daemon import address, elsewhere, processes, running
from tieline.sync.daemon.bell import ringer
from tieline.sync.daemon.heartbeat import Heartbeat, Role, this_process
from tieline.sync.daemon.jobs.clock import StoreClock
from tieline.sync.daemon.pulse import Pulse
from tieline.sync.daemon.running import Refusal
from tieline.sync.engine import Engine
from tieline.sync.intake import slow_clients
from tieline.sync.intake.server import OneLength
from tieline.sync.office import projecting
from tieline.sync.office.look import Outside
from tieline.sync.web.front import Front

WORKERS: Final = 8
"""Threads that ask the store."""

SIGN_EVERY: Final = 1.0
"""Seconds between two looks at whether it is time for a sign of life."""

LOOK_AT_CLOCK_EVERY: Final = 60.0
"""Seconds between two looks at the time that all workers on PostgreSQL share."""

Load = Callable[[], tuple[Config, Registry]]
Account = Callable[[Config, Peer], Local]


class Web:
    """Everything `tieline web` starts. Tests start it in process."""

    def __init__(
        self,
        load: Load,
        owns_store: Callable[[Config, Someone], bool],
        owner_of: Callable[[Config], str],
        *,
        account: Account | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`account` says whose call it is that comes from this machine; without it none is taken."""
        self._log: Any = structlog.get_logger("tieline.web")
        self._account = account
        self._owns_store = owns_store
        self._owner_of = owner_of
        self._load = load
        config, registry = load()
        with config.telling_where("store"):
            self._store = Store.open(config.store, create=False, keys=config.keys)
            self._store.migrate()
        self._clock = clock or (StoreClock(self._store) if is_postgres(config.store) else SystemClock())
        self.engine = self._build(config, registry)
        self._make_tables(registry)
        self.refusal: Refusal | None = None
        """Why the last reload was refused; None once one was not."""
        alone = not is_postgres(config.store)
        self._heartbeat = Heartbeat(self._store, this_process(), alone=alone, process=processes.this(), role=Role.WEB)
        self.pulse = Pulse(self._store.ping, self._clock.monotonic)
        self._metrics = Metrics(self)
        self.workers = ThreadPoolExecutor(WORKERS, "store")
        self.address = ""
        self.is_stopping = False
        self.streams = Streams()
        self._front = Front(self, self._metrics)
        self._ended = threading.Event()
        self._settings_now: uvicorn.Config | None = None
        self._http: uvicorn.Server | None = None
        self._local: Listener | None = None
        self._thread: threading.Thread | None = None

    def _build(self, config: Config, registry: Registry) -> Engine:
        broken: dict[ConnectionName, ConfigError] = {}
        engine = build(
            config,
            self._store,
            registry,
            clock=self._clock,
            sleep=lambda _seconds: None,
            wake=ringer(config, self._store),
            dice=random.Random(),  # noqa: S311 - spreads retries, guards nothing
            is_command=True,
            broken=broken,
        )
        for name, error in broken.items():
            self._log.warning("connection_unknown", connection=name, problems=[str(one) for one in error.problems])
        return engine

    def owns_store(self, someone: Someone) -> bool:
        """Whether the store's file is theirs."""
        return self._owns_store(self.engine.config, someone)

    def account(self, peer: Peer) -> Local:
        """Whose call it is that came from this machine. Raises LookupError for nobody's."""
        if self._account is None:
            raise LookupError("no call of this machine is taken without a token")
        return self._account(self.engine.config, peer)

    def outside(self, *, file_too: bool = False) -> Outside:
        """What is known of the workspace beside its store."""
        config = self.engine.config
        if not file_too:
            return Outside(owner=self._owner_of(config), plugins=self.engine.registry.states)
        try:
            named, registry = self._load()
            registry.close()
            problems: tuple[Problem, ...] = ()
        except ConfigError as error:
            # It goes on with the store that the file named when it was read.
            named, problems = config, error.problems
        left = tuple(elsewhere.stores_left(named, self._clock.now()))
        return Outside(problems, left, self._owner_of(config), self.engine.registry.states)

    def application(self) -> OneLength:
        """What is served: what stands behind it is another one after a reload."""
        return OneLength(Measured(lambda: self._front, self._metrics, self.pulse))

    def open_streams(self) -> Mapping[str, int]:
        """How many streams are read: by programs, and by pages."""
        return {"programs": self.streams.count, "pages": self._front.pages_open}

    def _make_tables(self, registry: Registry) -> None:
        for offer in registry.offers.by_group.values():
            projecting.make_all(self._store, offer, secrets.token_hex(8))

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; SIGHUP reloads. Answers the exit code."""
        stopping, hup = threading.Event(), threading.Event()

        def on_signal(number: int, _frame: FrameType | None) -> None:
            (hup if number == signal.SIGHUP else stopping).set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, on_signal)
        self.start()
        looked = self._clock.monotonic()
        while not stopping.wait(1.0) and self._thread is not None and self._thread.is_alive():
            if isinstance(self._clock, StoreClock) and self._clock.monotonic() - looked >= LOOK_AT_CLOCK_EVERY:
                looked = self._clock.monotonic()
                with suppress(StoreUnavailable):
                    self._clock.look()
            if hup.is_set():
                hup.clear()
                self.reload()
        died = not stopping.is_set()
        self.stop()
        return 1 if died else 0

    def start(self) -> None:
        """Listen; returns once calls are served. Raises ConfigError where that cannot be."""
        settings = self._settings_now = self._settings()
        listener = self._listen()
        server = self._http = TwoDoors(settings)
        server.local = self._local = self._listen_here()
        self._thread = threading.Thread(target=lambda: server.run(sockets=[listener]), name="http", daemon=True)
        self._thread.start()
        while not server.started and self._thread.is_alive():
            self._thread.join(0.01)
        self._tell_what_runs()
        threading.Thread(target=self._give_signs, name="signs", daemon=True).start()
        self._log.info("web_started", address=self.address, socket=str(self._local.path) if self._local else "")

    def stop(self) -> None:
        """Stop within `stop_within`: calls that are being served are ended."""
        self.is_stopping = True
        self._ended.set()
        if self._http is not None and self._thread is not None:
            self._http.should_exit = True
            self._thread.join(self.engine.config.stop_within.total_seconds())
        if self._local is not None:
            self._local.close()
        self.workers.shutdown(cancel_futures=True)
        if self._http is not None:
            with suppress(StoreUnavailable):
                self._heartbeat.end(self._clock.now())
        self.engine.registry.close()
        self._store.close()
        self._log.info("web_stopped")

    def reload(self) -> bool:
        """Serve on with the new configuration, once it is whole; on any problem, whatever it is, with the old one."""
        registry: Registry | None = None
        try:
            config, registry = self._load()
            if problems := running.unchangeable(self.engine.config, config, listens_at="web", who="`tieline web`"):
                raise ConfigError(problems)
            engine = self._build(config, registry)
            self._make_tables(registry)
            self._renew_certificate(config)
        except Exception as error:  # noqa: BLE001 - what is served is not ended by a file that somebody edits
            self._refuse_reload(error)
            if registry is not None:
                registry.close()
            return False
        before, self.engine, self.refusal = self.engine, engine, None
        self._front = Front(self, self._metrics)
        before.registry.close()
        self._tell_what_runs()
        self._log.info("web_reloaded", plugins=sorted(registry.offers.by_group))
        return True

    def _refuse_reload(self, error: Exception) -> None:
        self.refusal = Refusal(self._clock.now(), running.why_refused(error))
        self._tell_what_runs()
        self._log.error("reload_refused", **running.as_logged(error))

    def _renew_certificate(self, config: Config) -> None:
        """Show the certificate that stands there now to whoever connects from now on. Raises ConfigError."""
        context = None if self._settings_now is None else self._settings_now.ssl
        certificate = _beside(config, config.web.certificate)
        if context is None or certificate is None:
            return
        try:
            # On another one first: what it does not take is not to be half taken by the one in use.
            for one in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
                one.load_cert_chain(certificate, _beside(config, config.web.private_key))
        except OSError as error:
            raise _no_certificate(config, error) from None

    def _tell_what_runs(self) -> None:
        self._heartbeat.tell(running.as_facts(self.engine.config, self.refusal))

    def _give_signs(self) -> None:
        self._heartbeat.say({"address": self.address})
        while not self._ended.is_set():
            try:
                self._heartbeat.beat(self._clock.now())
            except StoreUnavailable as error:
                self._log.error("store_unavailable", loop="signs", error=str(error))
            self._ended.wait(SIGN_EVERY)

    def _listen(self) -> socket.socket:
        config = self.engine.config
        try:
            listener = address.take(config.web.listen, "web.listen")
        except address.NotTaken as error:
            raise ConfigError([config.problem("web.listen", "RUN001", error.what, error.fix)]) from None
        taken = listener.getsockname()
        host = f"[{taken[0]}]" if ":" in taken[0] else taken[0]
        self.address = f"{'https' if config.web.certificate else 'http'}://{host}:{taken[1]}"
        return listener

    def _listen_here(self) -> Listener | None:
        """On a socket of this machine; commands do everything themselves where there is none."""
        with suppress(OSError):
            return Listener(of_process(self.engine.config.file.parent)) if self._account is not None else None
        return None

    def _settings(self) -> uvicorn.Config:
        web = self.engine.config.web
        settings = uvicorn.Config(
            self.application(),
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            http=StalledDoor,
            ws="none",
            loop="asyncio",
            limit_concurrency=2_000,
            timeout_keep_alive=slow_clients.IDLE_TIMEOUT,
            timeout_graceful_shutdown=max(1, int(self.engine.config.stop_within.total_seconds()) - 2),
            server_header=False,
            ssl_certfile=_beside(self.engine.config, web.certificate),
            ssl_keyfile=_beside(self.engine.config, web.private_key),
        )
        try:
            settings.load()
        except OSError as error:  # an SSLError is one
            raise _no_certificate(self.engine.config, error) from None
        return settings


def _no_certificate(config: Config, error: OSError) -> ConfigError:
    what = f"TLS cannot be spoken with it: {error.strerror or error}."
    fix = "name a certificate and its own key, both in PEM, that this account may read."
    return ConfigError([config.problem("web.certificate", "RUN005", what, fix)])


def _beside(config: Config, name: str) -> Path | None:
    return (config.file.parent / name).resolve() if name else None

"""The process that serves the API: beside the daemon and never in it, so that whatever is asked here delays no alert.
It opens the store itself; what is done through it reaches the daemon as what commands do."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn

from tieline.core.clock import Clock, SystemClock
from tieline.core.config import Config
from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.identity import Someone
from tieline.core.model import ConnectionName
from tieline.core.registry import Registry
from tieline.core.store.engines import is_postgres
from tieline.core.store.store import Store
from tieline.sync.api.stream import Streams
from tieline.sync.build import build
from tieline.sync.daemon import address
from tieline.sync.daemon.jobs.clock import StoreClock
from tieline.sync.engine import Engine
from tieline.sync.intake import slow_clients
from tieline.sync.intake.server import OneLength
from tieline.sync.office import projecting
from tieline.sync.office.look import Outside
from tieline.sync.web.front import Front

WORKERS: Final = 8
"""Threads that ask the store."""

LOOK_AT_CLOCK_EVERY: Final = 60.0
"""Seconds between two looks at the time that all workers on PostgreSQL share."""
STALLED: Final = 30.0
"""Seconds that somebody may leave an answer unread."""

Load = Callable[[], tuple[Config, Registry]]


class StalledDoor(slow_clients.Door):
    """The door, which also lets go of whoever asks and does not read: what is not taken is not kept for them."""

    stalled_timeout = STALLED

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._read_on()
        super().connection_lost(exc)

    def _read_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    _stalled: asyncio.TimerHandle | None = None


class Web:
    """Everything `tieline web` starts. Tests start it in process."""

    def __init__(
        self,
        load: Load,
        owns_store: Callable[[Config, Someone], bool],
        owner_of: Callable[[Config], str],
        *,
        clock: Clock | None = None,
    ) -> None:
        self._log: Any = structlog.get_logger("tieline.web")
        self._owns_store = owns_store
        self._owner_of = owner_of
        config, registry = load()
        with config.telling_where("store"):
            self._store = Store.open(config.store, create=False, keys=config.keys)
            self._store.migrate()
        self._clock = clock or (StoreClock(self._store) if is_postgres(config.store) else SystemClock())
        self.engine = self._build(config, registry)
        for offer in registry.offers.by_group.values():
            projecting.make_all(self._store, offer, secrets.token_hex(8))
        self.workers = ThreadPoolExecutor(WORKERS, "store")
        self.address = ""
        self.is_stopping = False
        self.streams = Streams()
        self._http: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def _build(self, config: Config, registry: Registry) -> Engine:
        broken: dict[ConnectionName, ConfigError] = {}
        engine = build(
            config,
            self._store,
            registry,
            clock=self._clock,
            sleep=lambda _seconds: None,
            wake=lambda _name: None,
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

    def outside(self) -> Outside:
        """What is known of the workspace beside its store."""
        return Outside(owner=self._owner_of(self.engine.config))

    def application(self) -> OneLength:
        """What is served."""
        return OneLength(Front(self))

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT. Answers the exit code."""
        stopping = threading.Event()

        def stop(_number: int, _frame: FrameType | None) -> None:
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        self.start()
        looked = self._clock.monotonic()
        while not stopping.wait(1.0) and self._thread is not None and self._thread.is_alive():
            if isinstance(self._clock, StoreClock) and self._clock.monotonic() - looked >= LOOK_AT_CLOCK_EVERY:
                looked = self._clock.monotonic()
                with suppress(StoreUnavailable):
                    self._clock.look()
        died = not stopping.is_set()
        self.stop()
        return 1 if died else 0

    def start(self) -> None:
        """Listen; returns once calls are served. Raises ConfigError where that cannot be."""
        settings = self._settings()
        listener = self._listen()
        server = self._http = slow_clients.QuietServer(settings)
        self._thread = threading.Thread(target=lambda: server.run(sockets=[listener]), name="http", daemon=True)
        self._thread.start()
        while not server.started and self._thread.is_alive():
            self._thread.join(0.01)
        self._log.info("web_started", address=self.address)

    def stop(self) -> None:
        """Stop within `stop_within`: calls that are being served are ended."""
        self.is_stopping = True
        if self._http is not None and self._thread is not None:
            self._http.should_exit = True
            self._thread.join(self.engine.config.stop_within.total_seconds())
        self.workers.shutdown(cancel_futures=True)
        self.engine.registry.close()
        self._store.close()
        self._log.info("web_stopped")

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
            what = f"TLS cannot be spoken with it: {error.strerror or error}."
            fix = "name a certificate and its own key, both in PEM, that this account may read."
            raise ConfigError([self.engine.config.problem("web.certificate", "RUN005", what, fix)]) from None
        return settings


def _beside(config: Config, name: str) -> Path | None:
    return (config.file.parent / name).resolve() if name else None

"""A workspace in a folder that is thrown away, and the real daemon in a process of its own over it."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from benchmarks.alerts import SECRET
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator

ALERTS = """\
  alerts:
    tool: alertmanager
    url: {alertmanager}
    webhook_token: {{env: TIELINE_BENCHMARK}}
"""

PATIENCE = 120.0
"""Seconds that anything may take before the benchmark gives up."""


class Stage:
    """One workspace and, while it runs, its daemon."""

    def __init__(self, folder: Path, connections: str, poll_every: str, store: str, plugins: str, top: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.pid = 0
        self.started_in = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "tieline.yaml").write_text(
            f"tieline: 1\nstore: {store}\nplugins: {plugins}\n{top}"
            f"server: {{listen: '127.0.0.1:{self.port}'}}\npoll_every: {poll_every}\nconnections:\n{connections}",
            encoding="utf-8",
        )

    @property
    def database(self) -> Path:
        return self.folder / "tieline.db"

    def start(self) -> None:
        """`tieline run`, as a user would; returns when it is ready. `started_in` says how long that took."""
        began = time.perf_counter()
        with (self.folder / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tieline.cli.main", "-w", str(self.folder), "run", "--log", "json"],
                stdout=log,
                stderr=log,
                env={**os.environ, "TIELINE_BENCHMARK": SECRET},
            )
        self.pid = self._process.pid
        with httpx.Client(timeout=10.0, trust_env=False) as client:
            self.wait("the daemon to be ready", lambda: self._ready(client), pause=0.02)
        self.started_in = time.perf_counter() - began

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self, what: str, holds: Callable[[], object], pause: float = 0.01) -> None:
        """Wait until something holds. Raises RuntimeError when it does not, or when the daemon has ended."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline or (self._process is not None and self._process.poll() is not None):
                tail = (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"waited in vain for {what}; the daemon's log ends with: {tail}")
            time.sleep(pause)

    def look(self) -> sqlite3.Connection:
        """The store, for reading only."""
        return sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, isolation_level=None)

    def _ready(self, client: httpx.Client) -> bool:
        try:
            return client.get(f"{self.address}/readyz").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def stage(
    connections: str = "",
    *,
    poll_every: str = "10m",
    store: str = "sqlite:///tieline.db",
    plugins: str = "[grouping, severity, measurement]",
    top: str = "",
) -> Iterator[Stage]:
    """A workspace with a simulated Alertmanager and, beside it, these connections; `top` are lines of its file. The
    daemon is not started yet."""
    with TemporaryDirectory(prefix="tieline-benchmark-") as folder, AlertmanagerSimulator().serve() as alertmanager:
        made = Stage(
            Path(folder), ALERTS.format(alertmanager=alertmanager) + connections, poll_every, store, plugins, top
        )
        try:
            yield made
        finally:
            made.stop()


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

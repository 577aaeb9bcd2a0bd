"""A real `tieline run` on a real socket, the tool it asks, and senders that remember what they were answered."""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

import orjson
from sqlalchemy import select, text

from tieline.core.errors import StoreUnavailable
from tieline.core.store import tables as t
from tieline.core.store.store import Store

TOKEN: Final = "token-of-the-senders"
PATIENCE: Final = 60.0
"""Seconds that a start, a stop or a recovery may take before it counts as hanging."""

WORKSPACE: Final = """\
tieline: 1
store: "{store}"
server: {{listen: 127.0.0.1:{port}}}
poll_every: 1h
stop_within: 10s
plugins: [grouping]
connections:
  alerts:
    tool: alertmanager
    url: {url}
    webhook_token: {{env: TIELINE_CRASH_HOOK}}
{more}"""


class Away:
    """An Alertmanager that takes no questions, so that its webhooks are the only way in."""

    def __enter__(self) -> Self:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(503)
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Daemon:
    """`tieline run` in a process of its own: started, killed and asked as an operator would."""

    def __init__(
        self, folder: Path, store: str, url: str, *, more: str = "", environment: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.store = store
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._environment = {**os.environ, "TIELINE_CRASH_HOOK": TOKEN, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        text_ = WORKSPACE.format(store=store, port=self.port, url=url, more=more)
        (folder / "tieline.yaml").write_text(text_, encoding="utf-8")

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tieline.cli.main", "-w", str(self.folder), "run", "--log", "json"],
                stdout=log, stderr=log, env=self._environment, cwd=self.folder,
            )  # fmt: skip

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self, number: signal.Signals) -> int:
        """Send a signal, and wait until the process is gone. Raises TimeoutExpired when it does not go."""
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(PATIENCE)
        self._process = None
        return code

    def get(self, path: str) -> tuple[int, bytes]:
        """The answer to one question; status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.get("/readyz")[0] != 200:
            if not self.alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the daemon is not ready: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def cpu(self) -> float:
        """CPU seconds that the process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> int:
        """Bytes of memory that the process holds."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def wait_for_quiet(store: str, seconds: float = PATIENCE * 5) -> None:
    """Until nothing waits in the inbox. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    with Store.open(store) as opened:
        while time.monotonic() < deadline:
            try:
                with opened.read() as connection:
                    if not connection.execute(text("SELECT count(*) FROM inbox")).scalar_one():
                        return
            except StoreUnavailable:
                pass
            time.sleep(0.1)
    raise TimeoutError("the inbox does not run empty")


class Sender(threading.Thread):
    """One connection that sends alerts with numbers of its own, one or ten at once, and never sends one twice.

    Only what was answered 2xx is remembered as acknowledged: everything else was promised to nobody.
    """

    def __init__(
        self, name: str, port: int, seed: int, *, pause: float = 0.0, size: int = 0, services: int = 50
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.acknowledged: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.without_wait = 0
        """Refusals that did not say when to come back."""
        self.going = threading.Event()
        self.going.set()
        self.ended = threading.Event()
        self.slowest = 0.0
        self._port = port
        self._dice = random.Random(seed)
        self._pause = pause
        self._size = size
        self._services = services
        self._sent = 0
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        while not self.ended.is_set():
            if not self.going.wait(0.1):
                continue
            ids = [f"{self.name}-{self._sent + at}" for at in range(self._dice.choice((1, 10)))]
            self._sent += len(ids)
            if self._post(ids):
                self.acknowledged += ids
            if self._pause:
                time.sleep(self._pause)

    def _post(self, ids: list[str]) -> bool:
        body = group(ids, self._size, self._services)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        began = time.monotonic()
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            self._connection.request("POST", "/hooks/alerts", body, headers)
            answer = self._connection.getresponse()
            wait = answer.getheader("Retry-After")
            answer.read()
        except (OSError, http.client.HTTPException):
            self._connection = None
            self.statuses[0] += 1
            time.sleep(0.02)
            return False
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
        self.statuses[answer.status] += 1
        if answer.status == 503:
            self.without_wait += not (wait or "").isdecimal()
            time.sleep(0.05)
        return 200 <= answer.status < 300


def group(ids: list[str], size: int, services: int) -> bytes:
    """One webhook of Alertmanager with an alert per id, about so many services: an incident opens for each."""
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "Kept", "service": f"shop-{hash_of(one) % services}", "id": one},
            "annotations": {"summary": "something is wrong " + "x" * size},
            "startsAt": "2026-11-25T01:02:03.456Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": f"{hash_of(one):016x}",
        }
        for one in ids
    ]
    return orjson.dumps(
        {"version": "4", "groupKey": "{}", "receiver": "tieline", "status": "firing", "alerts": alerts,
         "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "truncatedAlerts": 0}
    )  # fmt: skip


def hash_of(one: str) -> int:
    """Sixty-four bits that differ from id to id."""
    return int.from_bytes(hashlib.blake2b(one.encode(), digest_size=8).digest())


def found_signals(store: str) -> Counter[str]:
    """How often each id is in the store as a signal."""
    found: Counter[str] = Counter()
    with Store.open(store) as opened, opened.read() as connection:
        for labels in connection.execution_options(yield_per=5000).execute(select(t.signal.c.labels)).scalars():
            found[labels["id"]] += 1
    return found

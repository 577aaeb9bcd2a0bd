"""Real Alertmanager and Prometheus for tests: started on free ports in a directory of their own, stopped by process.

Beside them stand the two ends that a test holds: a receiver of webhooks, and an exporter whose numbers it sets.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tieline.core.port import Delivery

HOOK_TOKEN = "hook-token-of-the-tests"
USER, PASSWORD = "tieline", "am-password-7f31c2"
PASSWORD_HASH = "$2b$04$abcdefghijklmnopqrstuuwqF.1VpDbAwBbCgLaW/EvQ5jgw4sqvG"
PATIENCE = 30.0
"""Seconds to wait for a real server on a busy machine; what is waited for usually takes one."""


def required(binary: str, package: str = "") -> str:
    """The path of a program, of this Debian package if it is of one. Without it the test is skipped, or fails where
    real servers are demanded."""
    path = shutil.which(binary)
    if path is not None:
        return path
    how = f"on Debian: sudo apt-get install --no-install-recommends {package}" if package else "run `make servers`"
    sentence = f"{binary} is not installed; {how}"
    if os.environ.get("CI") == "true" or os.environ.get("TIELINE_REAL") == "1":
        pytest.fail(sentence)
    pytest.skip(sentence)


def until(what: str, ready: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true answer of `ready`, asked again and again. Fails with `what` when it never comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = ready()
        if answer:
            return answer
        time.sleep(0.05)
    pytest.fail(f"waited {seconds:.0f} s in vain: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One running program. `stop` and `start` again keep its directory, as a restart does."""

    command: Sequence[str]
    url: str
    directory: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.directory)
        until(f"{self.command[0]} is ready", self._ready)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None

    def _ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            pytest.fail(f"{self.command[0]} ended: {(self.directory / 'log').read_text()[-2000:]}")
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False, auth=(USER, PASSWORD)).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def running(command: Sequence[str], url: str, directory: Path) -> Iterator[Server]:
    server = Server(command, url, directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def alertmanager(
    directory: Path,
    hook: str,
    *,
    group_by: str = "...",
    group_interval: str = "1s",
    max_alerts: int = 0,
    closed: bool = False,
) -> Iterator[Server]:
    """An Alertmanager that tells `hook`, with a group an alert unless `group_by` names a label. One that is `closed`
    asks for `USER` and `PASSWORD`."""
    program = required("prometheus-alertmanager", "prometheus-alertmanager")
    url = f"http://127.0.0.1:{free_port()}"
    config = {
        "global": {"resolve_timeout": "5m"},
        "route": {
            "receiver": "tieline",
            "group_by": [group_by],
            "group_wait": "100ms",
            "group_interval": group_interval,
            "repeat_interval": "1h",
        },
        "inhibit_rules": [
            {"source_matchers": ["severity=critical"], "target_matchers": ["severity=info"], "equal": ["cluster"]}
        ],
        "receivers": [
            {
                "name": "tieline",
                "webhook_configs": [
                    {
                        "url": hook,
                        "send_resolved": True,
                        "max_alerts": max_alerts,
                        "http_config": {"authorization": {"type": "Bearer", "credentials": HOOK_TOKEN}},
                    }
                ],
            }
        ],
    }
    # JSON is YAML.
    (directory / "alertmanager.yml").write_text(json.dumps(config))
    (directory / "web.yml").write_text(json.dumps({"basic_auth_users": {USER: PASSWORD_HASH}} if closed else {}))
    command = [
        program,
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        f"--web.listen-address={url.removeprefix('http://')}",
        f"--web.external-url={url}",
        "--web.config.file=web.yml",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    with running(command, url, directory) as server:
        yield server


@contextmanager
def prometheus(directory: Path, exporter: str, alertmanager_url: str | None = None) -> Iterator[Server]:
    """A Prometheus with one rule: `Trouble` fires for each series of `trouble` above zero."""
    static = [{"targets": [exporter.removeprefix("http://")], "labels": {"service": "checkout"}}]
    config: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "app", "static_configs": static}],
    }
    if alertmanager_url is not None:
        targets = [{"targets": [alertmanager_url.removeprefix("http://")]}]
        config["alerting"] = {"alertmanagers": [{"static_configs": targets}]}
    rule = {
        "alert": "Trouble",
        "expr": "trouble > 0",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "{{ $labels.host }} is in trouble"},
    }
    with _prometheus(directory, config, json.dumps({"groups": [{"name": "tests", "rules": [rule]}]})) as server:
        yield server


@contextmanager
def metrics_of(
    directory: Path, daemons: Mapping[str, str], rules: str, tokens: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A Prometheus with these rules that scrapes a daemon for each failure; what is served is shown its token."""
    static = {name: [{"targets": [target], "labels": {"failure": name}}] for name, target in daemons.items()}
    open_ones = [one for name, found in static.items() if name not in (tokens or {}) for one in found]
    closed = [
        {"job_name": name, "authorization": {"credentials": token}, "static_configs": static[name]}
        for name, token in (tokens or {}).items()
    ]
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [{"job_name": "tieline", "static_configs": open_ones}, *closed],
    }
    with _prometheus(directory, config, rules) as server:
        yield server


@contextmanager
def _prometheus(directory: Path, config: Mapping[str, Any], rules: str) -> Iterator[Server]:
    program = required("prometheus", "prometheus")
    url = f"http://127.0.0.1:{free_port()}"
    (directory / "prometheus.yml").write_text(json.dumps(config))
    (directory / "rules.yml").write_text(rules)
    command = [
        program,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={url.removeprefix('http://')}",
        f"--web.external-url={url}",
        "--web.enable-lifecycle",
        "--rules.alert.resend-delay=1s",
        "--storage.tsdb.retention.time=1h",
        "--log.level=warn",
    ]
    with running(command, url, directory) as server:
        yield server


@dataclass
class Receiver:
    """What came in by webhook, and what to answer: the next of `statuses`, then 200."""

    deliveries: list[Delivery] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def about(self, *words: str) -> Delivery:
        """Waits for the newest delivery whose body has all these words."""

        def found() -> Delivery | None:
            wanted = [word.encode() for word in words]
            return next((one for one in reversed(self.deliveries) if all(word in one.body for word in wanted)), None)

        delivery: Delivery = until(f"a webhook with {words}", found)
        return delivery


@contextmanager
def receiver() -> Iterator[tuple[Receiver, str]]:
    """A receiver of webhooks and its address."""
    held = Receiver()

    def answer(body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        held.deliveries.append(Delivery(headers, body))
        return held.statuses.pop(0) if held.statuses else 200, b""

    with _serve(answer) as url:
        yield held, url


@dataclass
class Exporter:
    """The series of `trouble`, by host."""

    hosts: dict[str, float] = field(default_factory=dict)


@contextmanager
def exporter() -> Iterator[tuple[Exporter, str]]:
    """An exporter of `trouble{host=…}` and its address."""
    held = Exporter()

    def answer(_body: bytes, _headers: Mapping[str, str]) -> tuple[int, bytes]:
        lines = [
            f"trouble{{host={json.dumps(host, ensure_ascii=False)}}} {value}\n"
            for host, value in list(held.hosts.items())
        ]
        return 200, "".join(["# TYPE trouble gauge\n", *lines]).encode()

    with _serve(answer) as url:
        yield held, url


@contextmanager
def _serve(answer: Callable[[bytes, Mapping[str, str]], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = answer(self.rfile.read(int(headers.get("content-length", 0))), headers)
            self.send_response_only(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _any

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

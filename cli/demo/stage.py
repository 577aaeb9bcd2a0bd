"""The stage: simulators and daemon as processes of their own, so that one of them can really be killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import httpx

from tieline.core.store.store import Connection, Store

Answer = TypeVar("Answer")

TOOLS: Final = ("servicenow", "jira", "pagerduty", "alertmanager")
HOOK_SECRET: Final = "demo-hook-secret"  # noqa: S105 - shared by simulators on this machine
PATIENCE: Final = 25.0
"""Seconds that anything in the demo may take before it counts as failed."""

WORKSPACE: Final = """\
# The workspace of the demo. Secrets are references: their values come from the environment.
tieline: 1
store: sqlite:///tieline.db
plugins: [grouping, severity, measurement]
server: {{listen: 127.0.0.1:{port}}}
poll_every: 2s
signals: {{window: 5m, silence_for: 1h, tell_every: 1s}}
connections:
  alerts:
    tool: alertmanager
    url: {alertmanager}
    webhook_token: {{env: TIELINE_DEMO_HOOK}}
  snow:
    tool: servicenow
    url: {servicenow}
    username: tieline
    password: {{env: TIELINE_DEMO_SNOW}}
    webhook_secret: {{env: TIELINE_DEMO_HOOK}}
    overlay: policy.yaml
  jira:
    tool: jira
    url: {jira}
    email: tieline@example.com
    api_token: {{env: TIELINE_DEMO_JIRA}}
    project: OPS
    webhook_secret: {{env: TIELINE_DEMO_HOOK}}
    overlay: policy.yaml
  pager:
    tool: pagerduty
    url: {pagerduty}
    from_email: {pager_from}
    service: {pager_service}
    api_key: {{env: TIELINE_DEMO_PAGER}}
    webhook_secrets: [{{env: TIELINE_DEMO_HOOK}}]
"""

POLICY: Final = """\
# Two people who disagree about the priority are asked; for everything else the later edit stands.
policy: {priority: manual}
"""


class DemoFailed(Exception):
    """Something did not happen in time; the message says what was waited for."""


class Stage:
    """Everything the demo starts, and how it talks to it. Leaving the block stops every process by its own id."""

    def __init__(self, folder: Path, accounts: Mapping[str, str]) -> None:
        self.folder = folder
        self._accounts = accounts
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.urls: dict[str, str] = {}
        self.port = _free_port()
        self.client = httpx.Client(timeout=10.0, trust_env=False)
        self._store: Store | None = None
        # The workspace refers to its secrets by these names, here and in every process started from here.
        os.environ.update(
            TIELINE_DEMO_HOOK=HOOK_SECRET,
            TIELINE_DEMO_SNOW=accounts["servicenow"],
            TIELINE_DEMO_JIRA=accounts["jira"],
            TIELINE_DEMO_PAGER=accounts["pagerduty"],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.client.close()
        if self._store is not None:
            self._store.close()
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self._processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # -- processes -------------------------------------------------------------------------------------------------

    def start_tools(self) -> None:
        """Start the simulators, and point their webhooks at where the daemon will listen."""
        for tool in TOOLS:
            self._processes[tool] = subprocess.Popen(
                [sys.executable, "-m", f"tieline.adapters.{tool}.simulator"],
                stdout=subprocess.PIPE,
                stderr=self._log_file(tool),
            )
        for tool in TOOLS:
            output = self._processes[tool].stdout
            line = output.readline().decode().strip() if output is not None else ""
            if not line:
                raise DemoFailed(f"the simulated {tool} did not start; see {self.folder}/{tool}.log")
            self.urls[tool] = line
        hook = f"http://127.0.0.1:{self.port}/hooks"
        self.act("servicenow", "webhook", url=f"{hook}/snow", secret=HOOK_SECRET)
        self.act("jira", "webhook", url=f"{hook}/jira", secret=HOOK_SECRET, copies=2)
        self.act("pagerduty", "subscribe", url=f"{hook}/pager", secrets=[HOOK_SECRET])

    def write_workspace(self) -> None:
        """The workspace that the daemon runs on."""
        text = WORKSPACE.format(
            port=self.port,
            pager_from=self._accounts["pager_from"],
            pager_service=self._accounts["pager_service"],
            **self.urls,
        )
        (self.folder / "tieline.yaml").write_text(text, encoding="utf-8")
        (self.folder / "policy.yaml").write_text(POLICY, encoding="utf-8")

    def start_daemon(self) -> None:
        """`tieline run`, as a user would; returns when it is ready."""
        self._processes["daemon"] = subprocess.Popen(
            [*self._tieline(), "run", "--log", "json"],
            stdout=subprocess.DEVNULL,
            stderr=self._log_file("daemon"),
        )
        self.wait("the daemon to be ready", self._is_ready)

    def kill_daemon(self) -> None:
        """kill -9: no farewell, no clean-up."""
        process = self._processes["daemon"]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def stop_daemon(self) -> int:
        """SIGTERM; answers the exit code."""
        process = self._processes["daemon"]
        process.terminate()
        return process.wait(30)

    def _is_ready(self) -> bool:
        if self._processes["daemon"].poll() is not None:
            raise DemoFailed(f"the daemon ended by itself; see {self.folder}/daemon.log")
        try:
            return self.client.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def _log_file(self, name: str) -> int:
        return os.open(self.folder / f"{name}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def _tieline(self) -> list[str]:
        return [sys.executable, "-m", "tieline.cli.main", "--workspace", str(self.folder)]

    # -- talking ---------------------------------------------------------------------------------------------------

    def tieline(self, *arguments: str) -> Any:
        """Run a command with --json, and answer what it printed. Raises DemoFailed with its words."""
        done = subprocess.run([*self._tieline(), *arguments, "--json"], capture_output=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"`tieline {' '.join(arguments)}` said: {done.stderr.decode().strip()}")
        return json.loads(done.stdout)

    def listed(self, view: str) -> list[Any]:
        """All that a list shows, as JSON; it is short here."""
        found: list[Any] = self.tieline(view)["items"]
        return found

    def look(self, question: Callable[[Connection], Answer]) -> Answer:
        """Ask the store, as `tieline status` and its like do, without starting a process for each question."""
        if self._store is None:
            self._store = Store.open(f"sqlite:///{self.folder}/tieline.db")
        with self._store.read() as connection:
            return question(connection)

    def act(self, tool: str, action: str, **arguments: Any) -> Any:
        """Do what a person does in a tool's own user interface."""
        answer = self.client.post(f"{self.urls[tool]}/_simulator/{action}", json=arguments)
        found = answer.json()
        if answer.status_code != 200 or (isinstance(found, dict) and (found.get("refused") or found.get("error"))):
            raise DemoFailed(f"{tool} refused {action}: {answer.text[:300]}")
        return found

    def send_alert(self, payload: Mapping[str, Any]) -> int:
        """Deliver a recorded webhook as Alertmanager did; answers the status."""
        headers = {"authorization": f"Bearer {HOOK_SECRET}", "user-agent": "Alertmanager/0.25.0"}
        url = f"http://127.0.0.1:{self.port}/hooks/alerts"
        return self.client.post(url, json=payload, headers=headers).status_code

    def wait(self, what: str, holds: Callable[[], Any]) -> Any:
        """Wait until something holds, and answer it. Raises DemoFailed."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = holds()
            if found:
                return found
            time.sleep(0.05)
        raise DemoFailed(f"waited {PATIENCE:.0f} s for {what}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

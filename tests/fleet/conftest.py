"""Several workers on one PostgreSQL, between memory tools that they share."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.core.store_backends import postgres_database, postgres_server

from tieline.adapters.memory.tool import MemoryTool
from tieline.core.config import load_workspace
from tieline.sync.daemon.daemon import Daemon

__all__ = ["postgres_database", "postgres_server"]

SECRET = "a shared secret of the test"


class Team:
    """Daemons in this process that know each other only through the store."""

    def __init__(self, folder: Path, store: str) -> None:
        os.environ["TIELINE_TEST_HOOK"] = SECRET
        os.environ["TIELINE_TEST_STORE"] = store
        self.folder = folder
        self.store = store
        self.tools: dict[str, Any] = {name: MemoryTool(webhook_secret=SECRET) for name in ("left", "right")}
        self.file = folder / "tieline.yaml"
        self.write()
        self.workers: list[Daemon] = []

    def write(self, extra: str = "", names: tuple[str, ...] = ("left", "right")) -> None:
        lines = ["tieline: 1", "store: {env: TIELINE_TEST_STORE}", "server: {listen: '127.0.0.1:0'}"]
        lines += ["poll_every: 1s", "stop_within: 5s", "lease: 2s", "connections:"]
        for name in names:
            lines += [f"  {name}:", "    tool: memory", "    opens: true", "    history: 1d"]
            lines += ["    webhook_secret: {env: TIELINE_TEST_HOOK}"]
        self.file.write_text("\n".join([*lines, extra]), encoding="utf-8")

    def join(self) -> Daemon:
        """One more worker."""
        daemon = Daemon(lambda: load_workspace(self.file), transports=self.tools)
        daemon.start()
        self.workers.append(daemon)
        return daemon

    def hook(self, worker: Daemon, tool: str, ref: str) -> httpx.Response:
        """Deliver to one worker the webhook that the tool would send about a record now."""
        delivery = self.tools[tool].webhook(ref)
        return httpx.post(
            f"{worker.address}/hooks/{tool}", content=delivery.body, headers=dict(delivery.headers), trust_env=False
        )


@pytest.fixture
def team(tmp_path: Path, postgres_database: str) -> Iterator[Callable[[int], Team]]:
    made: list[Team] = []

    def start(workers: int) -> Team:
        made.append(Team(tmp_path, postgres_database))
        for _ in range(workers):
            made[-1].join()
        return made[-1]

    yield start
    for one in made:
        for daemon in one.workers:
            daemon.stop()

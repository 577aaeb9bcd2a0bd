"""A daemon in process, on a real socket, between memory tools that share files with it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tieline.adapters.memory.tool import MemoryTool
from tieline.core.config import load_workspace
from tieline.sync.daemon.daemon import Daemon

SECRET = "a shared secret of the test"


class Running:
    """A daemon at work, and the tools around it."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        os.environ["TIELINE_TEST_HOOK"] = SECRET
        self.folder = folder
        self.tools = {name: MemoryTool(webhook_secret=SECRET) for name in ("left", "right")}
        self.file = folder / "tieline.yaml"
        self.write(extra)
        self.daemon = Daemon(lambda: load_workspace(self.file), transports=self.tools)
        self.daemon.start()
        self.client = httpx.Client(base_url=self.daemon.address, trust_env=False, timeout=20)

    def write(self, extra: str = "") -> None:
        lines = ["tieline: 1", "server: {listen: '127.0.0.1:0', body_limit: 64KiB}", "poll_every: 1s"]
        lines += ["stop_within: 5s", "connections:"]
        for name in self.tools:
            lines += [f"  {name}:", "    tool: memory", "    opens: true", "    history: 1d"]
            lines += ["    webhook_secret: {env: TIELINE_TEST_HOOK}"]
        self.file.write_text("\n".join([*lines, extra]), encoding="utf-8")

    def hook(self, tool: str, ref: str) -> httpx.Response:
        """Deliver the webhook that the tool would send about a record now."""
        delivery = self.tools[tool].webhook(ref)
        return self.client.post(f"/hooks/{tool}", content=delivery.body, headers=dict(delivery.headers))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(*arguments: Any) -> Running:
        made.append(Running(tmp_path, *arguments))
        return made[-1]

    yield start
    for one in made:
        one.client.close()
        one.daemon.stop()


def eventually(holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for something that other threads bring about; fails when it does not come."""
    import time

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError(f"did not come about within {seconds} s")

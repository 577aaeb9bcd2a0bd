"""The whole road from a monitoring that we did not write: a check of a real Icinga fails, ServiceNow gets a copy, what
is acknowledged there is acknowledged in Icinga, and its recovery resolves all. The daemon is killed twice meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.daemon.conftest import eventually
from tests.real.icinga import PASSWORD, Icinga, icinga
from tests.real.servers import HOOK_TOKEN, free_port

from tieline.adapters.servicenow.simulated.driver import ACCOUNT
from tieline.adapters.servicenow.simulator import ServiceNowSimulator

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

WORKSPACE = """\
tieline: 1
server: {{listen: '127.0.0.1:{port}'}}
plugins: [grouping, severity]
poll_every: 1s
stop_within: 10s
connections:
  icinga:
    tool: icinga
    url: {icinga}
    ca_file: {bundle}
    username: tieline
    password: {{env: E2E_ICINGA}}
    webhook_token: {{env: E2E_HOOK}}
  snow: {{tool: servicenow, url: '{snow}', username: {account}, password: {{env: E2E_SNOW}}}}
"""
DISK = "db1!disk"


class Scene:
    """A real Icinga, a simulated ServiceNow, and the daemon as a process of its own between them."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.snow = ServiceNowSimulator()
        port = free_port()
        self.icinga: Icinga = stack.enter_context(icinga(f"http://127.0.0.1:{port}/hooks/icinga"))
        self.folder = folder
        self._secrets = {
            "E2E_ICINGA": PASSWORD,
            "E2E_HOOK": HOOK_TOKEN,
            "E2E_SNOW": self.snow.tables.accounts[ACCOUNT].password,
        }
        (folder / "tieline.yaml").write_text(
            WORKSPACE.format(
                port=port,
                icinga=self.icinga.url,
                bundle=self.icinga.bundle,
                snow=stack.enter_context(self.snow.serve()),
                account=ACCOUNT,
            ),
            encoding="utf-8",
        )
        self.start()
        stack.callback(self.kill)

    def start(self) -> None:
        command = [sys.executable, "-m", "tieline.cli.main", "-w", str(self.folder), "run", "--log", "json"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **self._secrets})

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def tickets(self) -> list[Any]:
        found: list[Any] = self.snow.control("list", {})
        return found

    def is_acknowledged(self) -> bool:
        return bool(self.icinga.attrs(DISK)["acknowledgement"])


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(stack, tmp_path)


def test_a_real_check_opens_a_ticket_is_acknowledged_from_it_and_resolves_it(scene: Scene) -> None:
    scene.icinga.make("db1")
    scene.icinga.make(DISK)
    scene.icinga.report(DISK, 0, "DISK OK")
    scene.icinga.report(DISK, 2, "DISK CRITICAL - 1% free\nmore about it")
    [ticket] = eventually(scene.tickets, 60)
    assert ticket["short_description"] == "db1!disk: DISK CRITICAL - 1% free"

    scene.kill()
    scene.snow.control("edit", {"record": ticket["number"], "fields": {"state": "2"}})
    scene.start()
    eventually(scene.is_acknowledged, 60)
    [comment] = [one["attrs"] for one in scene.icinga.call("GET", "/v1/objects/comments")["results"]]
    assert (comment["author"], comment["entry_type"]) == ("tieline", 4)
    assert "INC-1" in comment["text"]

    scene.kill()
    scene.icinga.report(DISK, 0, "DISK OK")
    scene.start()
    eventually(lambda: scene.tickets()[0]["state"] == "6", 90)
    assert len(scene.tickets()) == 1
    assert not scene.is_acknowledged()

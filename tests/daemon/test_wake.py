"""Nobody waits for the sweep: each step of the road wakes the lane that has the next one."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.daemon.conftest import SECRET, Running, eventually

from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.memory.tool import MemoryTool
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.cli.main import perform
from tieline.core.config import load_workspace
from tieline.sync.daemon.daemon import Daemon
from tieline.sync.daemon.jobs import threads

WORKSPACE = """\
tieline: 1
server: {listen: '127.0.0.1:0'}
poll_every: 1h
stop_within: 5s
connections:
  alerts: {tool: alertmanager, url: 'http://alerts', webhook_token: {env: TIELINE_TEST_HOOK}}
  desk: {tool: memory}
"""


@pytest.fixture
def never_sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that is not woken sleeps for ever."""
    monkeypatch.setattr(threads, "SWEEP", None)


@pytest.mark.usefixtures("never_sweeping")
def test_what_another_process_changes_is_carried_on_though_no_lane_ever_looks_by_itself(
    running: Callable[..., Running],
) -> None:
    here = running()
    here.hook("left", here.tools["left"].make({"title": "Disk full", "status": "new"}).ref)

    def shown(title: str) -> bool:
        return all([row.body["title"] for row in tool.rows()] == [title] for tool in here.tools.values())

    eventually(lambda: shown("Disk full"))
    for number in range(3):
        title = f"Disk {number} is full"
        assert perform(("-w", str(here.folder), "edit", "INC-1", f"title={title}")) == 0
        eventually(partial(shown, title))
    here.daemon.stop()
    assert not list(here.folder.glob("*.bell"))


@pytest.mark.usefixtures("never_sweeping")
def test_an_alert_becomes_a_ticket_though_no_lane_ever_looks_by_itself(tmp_path: Path) -> None:
    os.environ["TIELINE_TEST_HOOK"] = SECRET
    (tmp_path / "tieline.yaml").write_text(WORKSPACE, encoding="utf-8")
    desk, source = MemoryTool(), AlertmanagerSimulator()
    daemon = Daemon(
        lambda: load_workspace(tmp_path / "tieline.yaml"),
        transports={"alerts": HttpxTransport(source), "desk": desk},
    )
    daemon.start()
    try:
        eventually(lambda: all(lane.polled_at for lane in daemon.lanes.values()))
        # From the real socket on, one alert after the other: a wake-up that comes while a lane works must not be lost.
        source.webhook.url = f"{daemon.address}/hooks/alerts"
        source.webhook.headers = {"authorization": f"Bearer {SECRET}"}
        source.webhook.group_by = ("instance",)
        for number in range(1, 31):
            source.fire({"alertname": "DiskFull", "instance": f"db{number}"}, {"summary": f"Disk {number} is full"})
            source.flush()
            eventually(lambda: len(desk.rows()) == number)  # noqa: B023 - waited for within this round
    finally:
        daemon.stop()

"""Real monitoring and a real service desk, with a daemon between them that is killed in the middle."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.daemon.conftest import eventually
from tests.real.request_tracker import QUEUE, request_tracker
from tests.real.servers import HOOK_TOKEN, alertmanager, free_port

from tieline.adapters.jira.simulator import API_TOKEN, EMAIL, JiraSimulator
from tieline.adapters.rt.simulated.driver import HOOK_SECRET

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

WORKSPACE = """\
tieline: 1
store: sqlite:///tieline.db
server: {{listen: '127.0.0.1:{port}'}}
plugins: [grouping, severity]
poll_every: 1s
stop_within: 10s
connections:
  alerts:
    tool: alertmanager
    url: {alertmanager}
    webhook_token: {{env: E2E_HOOK}}
    restart_grace: 1s
  desk:
    tool: rt
    url: {desk}
    username: tieline
    token: {{env: E2E_RT}}
    queue: {queue}
    webhook_secret: {{env: E2E_RT_HOOK}}
  jira: {{tool: jira, url: '{jira}', email: {email}, api_token: {{env: E2E_JIRA}}, project: OPS}}
"""


def _document(text: str) -> dict[str, Any]:
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
    }


class Scene:
    """Real Alertmanager and Request Tracker, a simulated Jira, and the daemon as a process of its own."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        port = free_port()
        self.folder = folder
        self.jira = JiraSimulator()
        (folder / "am").mkdir()
        self.alerts = stack.enter_context(alertmanager(folder / "am", f"http://127.0.0.1:{port}/hooks/alerts"))
        self.desk = stack.enter_context(request_tracker(f"http://127.0.0.1:{port}/hooks/desk", HOOK_SECRET))
        served = stack.enter_context(self.jira.serve())
        told = WORKSPACE.format(
            port=port, alertmanager=self.alerts.url, desk=self.desk.url, queue=QUEUE, jira=served, email=EMAIL
        )
        (folder / "tieline.yaml").write_text(told, encoding="utf-8")
        self.environment = {
            **os.environ,
            "E2E_HOOK": HOOK_TOKEN,
            "E2E_RT": self.desk.tokens["tieline"],
            "E2E_RT_HOOK": HOOK_SECRET,
            "E2E_JIRA": API_TOKEN,
        }
        self.daemon = self.started()
        stack.callback(lambda: self.ended(self.daemon.terminate))

    def started(self) -> subprocess.Popen[bytes]:
        program = Path(sys.executable).parent / "tieline"
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([program, "run"], cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def ended(self, how: Any) -> None:
        how()
        self.daemon.wait(30)

    def alert(self, ends: timedelta) -> None:
        now = datetime.now(UTC)
        labels = {"alertname": "DiskFull", "instance": "db1", "severity": "critical"}
        alert = {"labels": labels, "annotations": {"summary": "Disk full on db1"}, "endsAt": (now + ends).isoformat()}
        began = (now - timedelta(seconds=30)).isoformat() if ends < timedelta(0) else now.isoformat()
        answer = httpx.post(f"{self.alerts.url}/api/v2/alerts", json=[alert | {"startsAt": began}], trust_env=False)
        assert answer.status_code == 200

    def ann(self, method: str, path: str, **told: Any) -> Any:
        headers = {"authorization": f"token {self.desk.tokens['ann']}"}
        url = f"{self.desk.url}/REST/2.0{path}"
        return httpx.request(method, url, headers=headers, trust_env=False, timeout=30.0, **told).json()

    def tickets(self) -> list[Any]:
        return list(
            self.ann("GET", "/tickets", params={"query": f"Queue = '{QUEUE}'", "fields": "Subject,Status"})["items"]
        )

    def said(self, ticket: str) -> str:
        parts = self.ann("GET", f"/ticket/{ticket}/attachments", params={"fields": "Content", "per_page": 100})["items"]
        return "\n".join(str(one.get("Content")) for one in parts)

    def issues(self) -> list[Any]:
        return list(self.jira.control("list", {"project": "OPS"}))

    def silences(self) -> list[Any]:
        found = httpx.get(f"{self.alerts.url}/api/v2/silences", trust_env=False).json()
        return [one for one in found if one["status"]["state"] == "active"]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(stack, tmp_path)


def test_an_alert_is_a_ticket_on_a_real_desk_and_survives_the_daemon(scene: Scene) -> None:
    scene.alert(timedelta(hours=1))
    (ticket,) = eventually(scene.tickets, 60)
    (issue,) = eventually(scene.issues, 60)
    assert "Disk full on db1" in ticket["Subject"]

    # Acknowledged by a person on the desk, while nobody listens.
    scene.ended(scene.daemon.kill)
    scene.ann("PUT", f"/ticket/{ticket['id']}", json={"Status": "open", "Owner": "ann"})
    scene.ann("POST", f"/ticket/{ticket['id']}/comment", json={"Content": "a log grows", "ContentType": "text/plain"})
    scene.daemon = scene.started()

    eventually(scene.silences, 60)
    eventually(lambda: "a log grows" in str(scene.jira.control("get", {"ref": issue["key"]})), 60)
    scene.jira.control("comment", {"ref": issue["key"], "body": _document("it is rotated now")})
    eventually(lambda: "it is rotated now" in scene.said(ticket["id"]), 60)

    scene.alert(-timedelta(seconds=1))
    eventually(lambda: scene.tickets()[0]["Status"] == "resolved", 90)
    eventually(lambda: not scene.silences(), 60)
    eventually(lambda: scene.issues()[0]["fields"]["status"]["name"] == "Done", 60)
    assert (len(scene.tickets()), len(scene.issues())) == (1, 1)

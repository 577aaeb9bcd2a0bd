"""The whole road with software that we did not write at its beginning: a real Prometheus raises a real alert, a real
Alertmanager sends it; three tickets open, one acknowledgement becomes a silence, and the end of the alert resolves all.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.daemon.conftest import eventually
from tests.real.servers import HOOK_TOKEN, Exporter, alertmanager, exporter, free_port, prometheus

from tieline.adapters.jira.simulator import API_TOKEN, EMAIL, JiraSimulator
from tieline.adapters.pagerduty.simulator import DEMO_KEY, PagerDutySimulator
from tieline.adapters.servicenow.simulated.driver import ACCOUNT
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.core.config import load_workspace
from tieline.core.model import IncidentId
from tieline.sync import explain
from tieline.sync.daemon.daemon import Daemon
from tieline.sync.road.compare import compare

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

WORKSPACE = """\
tieline: 1
server: {{listen: '127.0.0.1:{port}'}}
plugins: [grouping, severity]
poll_every: 1s
stop_within: 10s
connections:
  alerts:
    tool: alertmanager
    url: {alertmanager}
    webhook_token: {{env: E2E_HOOK}}
    # This Alertmanager was started just now, by us: what is missing has ended, and was not forgotten in a restart.
    restart_grace: 1s
  snow: {{tool: servicenow, url: '{snow}', username: {account}, password: {{env: E2E_SNOW}}}}
  jira: {{tool: jira, url: '{jira}', email: {email}, api_token: {{env: E2E_JIRA}}, project: OPS}}
  pager:
    tool: pagerduty
    url: {pager}
    from_email: tieline@example.org
    service: PIJ90N7
    api_key: {{env: E2E_PAGER}}
"""


class Scene:
    """Real monitoring, simulated ticket tools, the real daemon between them."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.snow, self.jira, self.pager = ServiceNowSimulator(), JiraSimulator(), PagerDutySimulator()
        os.environ.update(
            E2E_HOOK=HOOK_TOKEN,
            E2E_SNOW=self.snow.tables.accounts[ACCOUNT].password,
            E2E_JIRA=API_TOKEN,
            E2E_PAGER=DEMO_KEY,
        )
        port = free_port()
        self.exporter: Exporter
        self.exporter, target = stack.enter_context(exporter())
        for name in ("am", "prom"):
            (folder / name).mkdir()
        self.alerts = stack.enter_context(alertmanager(folder / "am", f"http://127.0.0.1:{port}/hooks/alerts"))
        (folder / "tieline.yaml").write_text(
            WORKSPACE.format(
                port=port,
                alertmanager=self.alerts.url,
                snow=stack.enter_context(self.snow.serve()),
                jira=stack.enter_context(self.jira.serve()),
                pager=stack.enter_context(self.pager.serve()),
                account=ACCOUNT,
                email=EMAIL,
            ),
            encoding="utf-8",
        )
        self.daemon = Daemon(lambda: load_workspace(folder / "tieline.yaml"))
        self.daemon.start()
        stack.callback(self.daemon.stop)
        stack.enter_context(prometheus(folder / "prom", target, self.alerts.url))

    def copies(self) -> dict[str, Any]:
        with self.daemon.engine.store.read() as connection:
            found = explain.one_incident(connection, IncidentId(1))
        return {} if found is None else {copy.connection: copy for copy in found[1] if copy.key}

    def status(self) -> Any:
        with self.daemon.engine.store.read() as connection:
            found = explain.one_incident(connection, IncidentId(1))
        return found and found[0].fields["status"]

    def silences(self) -> list[Any]:
        found = httpx.get(f"{self.alerts.url}/api/v2/silences", trust_env=False).json()
        return [one for one in found if one["status"]["state"] == "active"]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(stack, tmp_path)


def test_a_real_alert_opens_three_tickets_is_silenced_when_acknowledged_and_resolves_when_it_ends(scene):
    scene.exporter.hosts["db1"] = 1
    eventually(lambda: len(scene.copies()) == 3, 90)

    scene.pager.control("acknowledge", {"id": scene.copies()["pager"].ref})
    (silence,) = eventually(scene.silences, 60)
    assert "INC-1" in silence["comment"]
    eventually(lambda: scene.snow.control("get", {"record": scene.copies()["snow"].key})["state"] == "2", 60)

    scene.exporter.hosts["db1"] = 0
    eventually(lambda: scene.status() == "resolved", 120)
    eventually(lambda: not scene.silences(), 60)
    eventually(lambda: not any(copy.dirty for copy in scene.copies().values()), 60)

    compared = list(compare(scene.daemon.engine))
    assert {one.connection for one in compared} == {"snow", "jira", "pager"}
    assert [one.differ for one in compared] == [{}, {}, {}]
    assert len(scene.snow.control("list", {})) == len(scene.jira.control("list", {"project": "OPS"})) == 1

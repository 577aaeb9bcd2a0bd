"""A simulated site with adapters connected to it, in process: for tests and simulations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.settings import DataCenterSettings, JiraSettings, JsmSettings
from tieline.adapters.jira.simulator import API_TOKEN, EMAIL, WEBHOOK_SECRET, JiraSimulator
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import requests_transport
from tieline.core.model import ConnectionName
from tieline.core.port import Workbench
from tieline.core.secrets import Secret

URL = "https://simulated.atlassian.net"


class Desk:
    """One simulated site and what is connected to it."""

    def __init__(self, *, cloud: bool = True) -> None:
        self.clock = ManualClock()
        self.simulator = JiraSimulator(self.clock.now, cloud=cloud)
        self.site = self.simulator.site

    def connect(self, **settings: Any) -> JiraAdapter:
        """A new adapter, as after a restart. `kind` is the settings class."""
        kind: Callable[..., JiraSettings] = settings.pop("kind", JiraSettings)
        if not self.site.cloud:
            kind = DataCenterSettings
        if kind is JsmSettings:
            settings = {"project": "DESK", **settings}
        credentials: dict[str, Any] = {"email": EMAIL, "api_token": Secret.literal(API_TOKEN)}
        if "pat" in settings or not self.site.cloud:
            credentials = {"pat": Secret.literal(API_TOKEN)}
        secret = Secret.literal(WEBHOOK_SECRET)
        defaults: dict[str, Any] = {"url": URL, "project": "OPS", "webhook_secret": secret, **credentials}
        bench = Workbench(self.clock, self.clock.sleep, requests_transport(self.simulator))
        return JiraAdapter(ConnectionName("jira-ops"), kind(**{**defaults, **settings}), bench)

    def person_makes(self, summary: str, **fields: Any) -> str:
        """The numeric id of an issue that a person made."""
        project = fields.pop("project", "OPS")
        made = self.simulator.control("create", {"project": project, "fields": {"summary": summary, **fields}})
        return str(made["id"])

    def person(self, action: str, ref: str, **arguments: Any) -> Any:
        return self.simulator.control(action, {"ref": ref, **arguments})

    def calls(self) -> list[tuple[str, str]]:
        """The requests since the last look, without the REST root."""
        seen = [(method, path.split("/rest/api/")[1][1:]) for method, path in self.simulator.requests]
        self.simulator.requests.clear()
        return seen


def adf(text: str) -> dict[str, Any]:
    """A document of one paragraph."""
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}] if text else []
    return {"type": "doc", "version": 1, "content": content}

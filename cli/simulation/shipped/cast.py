"""Which shipped tools may play in a world: how each is connected, and what stands in the configuration."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from tieline.adapters.alertmanager import plugin as alertmanager
from tieline.adapters.jira import plugin as jira
from tieline.adapters.jira.simulator import EMAIL
from tieline.adapters.pagerduty import plugin as pagerduty
from tieline.adapters.prometheus import plugin as prometheus
from tieline.adapters.servicenow import plugin as servicenow
from tieline.adapters.statuspage import plugin as statuspage
from tieline.adapters.statuspage.simulator import PAGE as PAGE_ID
from tieline.adapters.statuspage.simulator import TOKEN as PAGE_TOKEN
from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation.shipped.jira import DataCenterDesk, JiraDesk, ServiceDesk
from tieline.cli.simulation.shipped.monitoring import AlertmanagerDesk, HeardDesk, Monitoring, PrometheusDesk
from tieline.cli.simulation.shipped.pagerduty import PagerDutyDesk
from tieline.cli.simulation.shipped.seat import ShippedDesk
from tieline.cli.simulation.shipped.servicenow import ACCOUNT, ServiceNowDesk
from tieline.cli.simulation.tickets import Oddities, interrupted
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName
from tieline.core.port import AdapterKind, ConnectionSettings, Source, Workbench
from tieline.core.secrets import Secret

Make = Callable[[ManualClock, random.Random, Oddities, timedelta], ShippedDesk]

HIDDEN: Final = "{env: KEPT_BY_THE_WORLD}"
"""What stands for a secret in the configuration, until the world puts one in its place."""


@dataclass(frozen=True, slots=True)
class Role:
    """A ticket tool: how its desk is made, and the settings of its connection."""

    make: Make
    settings: str
    secrets: Mapping[str, Any]


def _without_lag(desk: Callable[[ManualClock, random.Random, Oddities], ShippedDesk]) -> Make:
    """For tools whose look-up shows everything at once."""
    return lambda clock, dice, oddities, _lag: desk(clock, dice, oddities)


_JIRA: Final = f"url: https://simulated.atlassian.net, webhook_secret: {HIDDEN}"

ROLES: Final[Mapping[str, Role]] = {
    "servicenow": Role(
        _without_lag(ServiceNowDesk),
        f"url: https://instance.example, username: {ACCOUNT.title()}, password: {HIDDEN}, webhook_secret: {HIDDEN}",
        ServiceNowDesk.secrets,
    ),
    "jira": Role(JiraDesk, f"{_JIRA}, project: OPS, email: {EMAIL}, api_token: {HIDDEN}", JiraDesk.secrets),
    "jira-jsm": Role(ServiceDesk, f"{_JIRA}, project: DESK, email: {EMAIL}, api_token: {HIDDEN}", ServiceDesk.secrets),
    "jira-dc": Role(DataCenterDesk, f"{_JIRA}, project: OPS, pat: {HIDDEN}", DataCenterDesk.secrets),
    "pagerduty": Role(
        _without_lag(PagerDutyDesk),
        f"api_key: {HIDDEN}, from_email: tieline@example.org, service: PIJ90N7, webhook_secrets: [{HIDDEN}]",
        PagerDutyDesk.secrets,
    ),
}
"""The ticket tools, by the name of their kind."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A monitoring system."""

    make: Callable[[ManualClock, Callable[[], None]], Monitoring]
    settings: str
    secrets: Mapping[str, Any]
    tool: str
    """Its adapter."""
    only_heard: bool = False
    """Whether its webhooks are all that reaches us."""


WATCHES: Final[Mapping[str, Watch]] = {
    "alertmanager": Watch(
        AlertmanagerDesk,
        f"url: http://alertmanager.example:9093, bearer_token: {HIDDEN}, webhook_token: {HIDDEN}",
        AlertmanagerDesk.secrets,
        "alertmanager",
    ),
    "alertmanager-heard": Watch(
        HeardDesk, f"webhook_token: {HIDDEN}", HeardDesk.secrets, "alertmanager", only_heard=True
    ),
    "prometheus": Watch(
        PrometheusDesk,
        f"url: http://prometheus.example:9090, bearer_token: {HIDDEN}",
        PrometheusDesk.secrets,
        "prometheus",
    ),
}


STATUS_PAGE: Final = "statuspage"
PAGE_SETTINGS: Final = f"page: {PAGE_ID}, token: {HIDDEN}"
_PAGE_SECRETS: Final[Mapping[str, Any]] = {"token": Secret.literal(PAGE_TOKEN)}


def with_secrets(tool: str, settings: ConnectionSettings) -> ConnectionSettings:
    """The settings as a world uses them."""
    found = ROLES.get(tool) or WATCHES.get(tool)
    if found is None and tool != STATUS_PAGE:
        return settings
    secrets = _PAGE_SECRETS if found is None else found.secrets
    # What a world leaves out of its settings, as the credentials for an API that it has not, it has not.
    given = {name: secret for name, secret in secrets.items() if getattr(settings, name)}
    return settings.model_copy(update=given)


def _plugged(kind: AdapterKind) -> AdapterKind:
    """The same adapter, which finds the world where the network was."""

    def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
        plug = bench.transport
        return kind.connect(name, settings, replace(interrupted(bench, plug.before_call), transport=plug.transport))

    return replace(kind, connect=connect)


class ShippedPlugin:
    """Registers the shipped adapters."""

    @hookimpl
    def tieline_adapters(self) -> list[AdapterKind]:
        kinds = [
            kind
            for module in (servicenow, jira, pagerduty, alertmanager, prometheus, statuspage)
            for kind in module.tieline_adapters()
        ]
        return [_plugged(kind) for kind in kinds]

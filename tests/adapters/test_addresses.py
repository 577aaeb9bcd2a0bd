"""An address in a connection's settings is an address and nothing else: what is in it stands in errors and in links."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.adapters.defender.settings import DefenderSettings
from tieline.adapters.github.settings import GithubSettings
from tieline.adapters.icinga.settings import IcingaSettings
from tieline.adapters.nagios.settings import NagiosSettings
from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.adapters.rt.settings import RequestTrackerSettings
from tieline.adapters.runner.settings import RunnerSettings
from tieline.adapters.sentinel.settings import SentinelSettings
from tieline.adapters.splunk.settings import SplunkSettings
from tieline.adapters.statuspage.settings import StatuspageSettings
from tieline.adapters.zabbix.settings import ZabbixSettings
from tieline.core.secrets import Secret

TOKEN = Secret.literal("t0ken-5f2c")
GUID = "5c1f0000-0000-4000-8000-0000000c11e7"
REST: dict[type[BaseModel], dict[str, Any]] = {
    AlertmanagerSettings: {},
    DefenderSettings: {"tenant": "acme.example", "client_id": GUID, "client_secret": TOKEN},
    GithubSettings: {"token": TOKEN, "repository": "acme/operations"},
    IcingaSettings: {},
    NagiosSettings: {},
    PrometheusSettings: {},
    RequestTrackerSettings: {"token": TOKEN, "username": "tieline", "queue": "Incidents"},
    RunnerSettings: {"token": TOKEN},
    SentinelSettings: {
        "tenant": "acme.example",
        "client_id": GUID,
        "client_secret": TOKEN,
        "subscription": GUID,
        "resource_group": "soc",
        "workspace": "soc-logs",
    },
    SplunkSettings: {},
    StatuspageSettings: {"token": TOKEN, "page": "p1"},
    ZabbixSettings: {"token": TOKEN},
}


@pytest.mark.parametrize("settings", REST)
@pytest.mark.parametrize(
    "url", ["https://ann:hunter2@tool.example", "tool.example", "https://", "https://x.example?a=b"]
)
def test_what_is_more_or_less_than_an_address_is_refused(settings: type[BaseModel], url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        settings(url=url, **REST[settings])


@pytest.mark.parametrize("settings", REST)
def test_an_address_may_have_a_path(settings: type[BaseModel]) -> None:
    made: Any = settings(url="https://tool.example/of/ours/", **REST[settings])
    assert made.url == "https://tool.example/of/ours"

"""Every request that an adapter sends is taken from its connection's budget: the simulators count them."""

from dataclasses import replace

import pytest

from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.settings import JiraSettings
from tieline.adapters.jira.simulator import API_TOKEN, EMAIL, JiraSimulator
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import requests_transport
from tieline.core.model import ConnectionName
from tieline.core.port import Token, Workbench
from tieline.core.secrets import Secret


class Paying:
    """Counts what is spent. Wraps a driver's workbench."""

    def __init__(self, driver):
        self.calls = 0
        make = driver.workbench
        driver.workbench = lambda transport: replace(make(transport), spend=self.spend)

    def spend(self):
        self.calls += 1


@pytest.mark.parametrize("driver", [ServiceNowDriver, PagerDutyDriver])
def test_every_request_is_paid_for(driver):
    driver = driver()
    purse = Paying(driver)
    adapter = driver.connect()
    made = adapter.create(driver.new_body("Disk full"), Token("tl-1"))
    adapter.update(made.ref, driver.patch_title("Disk full on db1"), made.version)
    list(adapter.changes(None))
    adapter.comments(made.ref)
    adapter.find(Token("tl-1"))
    assert purse.calls == len(driver.simulator.requests) > 4


def test_jira_pays_for_every_step_of_a_walk():
    clock, simulator = ManualClock(), JiraSimulator()
    simulator.clock = clock.now
    calls: list[int] = []
    bench = Workbench(clock, clock.sleep, requests_transport(simulator), lambda: calls.append(1))
    settings = JiraSettings(url="https://example.test", project="OPS", email=EMAIL, api_token=Secret.literal(API_TOKEN))
    adapter = JiraAdapter(ConnectionName("jira"), settings, bench)
    made = adapter.create({"fields": {"summary": "Disk full"}}, Token("tl-1"))
    done = {"fields": {"status": {"name": "Done"}, "resolution": {"name": "Done"}}}
    adapter.update(made.ref, done, made.version)
    assert len(calls) == len(simulator.requests) > 6

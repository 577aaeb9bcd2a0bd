"""A simulated instance and an adapter on it."""

from __future__ import annotations

import pytest

from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulator import ServiceNowSimulator


@pytest.fixture
def driver() -> ServiceNowDriver:
    return ServiceNowDriver()


@pytest.fixture
def simulator(driver: ServiceNowDriver) -> ServiceNowSimulator:
    return driver.simulator


@pytest.fixture
def adapter(driver: ServiceNowDriver) -> ServiceNow:
    return driver.connect()

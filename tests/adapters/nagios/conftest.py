"""A simulated Nagios, who works in it, and an adapter on it."""

from __future__ import annotations

import pytest

from tieline.adapters.nagios.adapter import NagiosAdapter
from tieline.adapters.nagios.simulated.driver import NagiosDriver
from tieline.adapters.nagios.simulator import NagiosSimulator


@pytest.fixture
def driver() -> NagiosDriver:
    return NagiosDriver()


@pytest.fixture
def nagios(driver: NagiosDriver) -> NagiosSimulator:
    return driver.simulator


@pytest.fixture
def adapter(driver: NagiosDriver) -> NagiosAdapter:
    return driver.connect()

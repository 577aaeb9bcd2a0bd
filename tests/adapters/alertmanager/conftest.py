"""A simulated Alertmanager, who works in it, and an adapter on it."""

from __future__ import annotations

import pytest

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter
from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator


@pytest.fixture
def driver() -> AlertmanagerDriver:
    return AlertmanagerDriver()


@pytest.fixture
def am(driver: AlertmanagerDriver) -> AlertmanagerSimulator:
    return driver.simulator


@pytest.fixture
def adapter(driver: AlertmanagerDriver) -> AlertmanagerAdapter:
    return driver.connect()

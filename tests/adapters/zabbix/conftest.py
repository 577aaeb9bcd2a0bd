"""A simulated Zabbix, who works in it, and an adapter on it."""

from __future__ import annotations

import pytest

from tieline.adapters.zabbix.adapter import ZabbixAdapter
from tieline.adapters.zabbix.simulated.driver import ZabbixDriver
from tieline.adapters.zabbix.simulator import ZabbixSimulator


@pytest.fixture
def driver() -> ZabbixDriver:
    return ZabbixDriver()


@pytest.fixture
def simulator(driver: ZabbixDriver) -> ZabbixSimulator:
    return driver.simulator


@pytest.fixture
def adapter(driver: ZabbixDriver) -> ZabbixAdapter:
    return driver.connect()

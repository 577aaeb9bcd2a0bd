"""A simulated Icinga 2, who works in it, and an adapter on it."""

from __future__ import annotations

import pytest

from tieline.adapters.icinga.adapter import IcingaAdapter
from tieline.adapters.icinga.simulated.driver import IcingaDriver
from tieline.adapters.icinga.simulator import IcingaSimulator


@pytest.fixture
def driver() -> IcingaDriver:
    return IcingaDriver()


@pytest.fixture
def icinga(driver: IcingaDriver) -> IcingaSimulator:
    return driver.simulator


@pytest.fixture
def adapter(driver: IcingaDriver) -> IcingaAdapter:
    return driver.connect()

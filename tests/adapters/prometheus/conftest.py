"""A simulated Prometheus, its rules, and an adapter on it."""

from __future__ import annotations

import pytest

from tieline.adapters.prometheus.adapter import PrometheusAdapter
from tieline.adapters.prometheus.simulated.driver import PrometheusDriver
from tieline.adapters.prometheus.simulator import PrometheusSimulator


@pytest.fixture
def driver() -> PrometheusDriver:
    return PrometheusDriver()


@pytest.fixture
def prometheus(driver: PrometheusDriver) -> PrometheusSimulator:
    return driver.simulator


@pytest.fixture
def adapter(driver: PrometheusDriver) -> PrometheusAdapter:
    return driver.connect()

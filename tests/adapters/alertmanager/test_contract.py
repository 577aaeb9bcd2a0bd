"""Alertmanager and its kin keep the contract of a source, against their simulator."""

from __future__ import annotations

import pytest

from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver, SigningDriver
from tieline.adapters.alertmanager.simulated.state import ALERTMANAGER_28, GRAFANA
from tieline.adapters.testing.contract import SourceContract


class TestAlertmanager(SourceContract):
    tool_kind = "alertmanager"
    against = "a simulator of three dialects"
    driver = AlertmanagerDriver


class TestAlertmanager28(TestAlertmanager):
    @pytest.fixture
    def tool(self) -> AlertmanagerDriver:
        return AlertmanagerDriver(ALERTMANAGER_28)


class TestGrafana(TestAlertmanager):
    @pytest.fixture
    def tool(self) -> AlertmanagerDriver:
        return AlertmanagerDriver(GRAFANA)


class TestGrafanaThatSigns(SourceContract):
    driver = SigningDriver

    @pytest.fixture
    def tool(self) -> SigningDriver:
        return SigningDriver(GRAFANA)

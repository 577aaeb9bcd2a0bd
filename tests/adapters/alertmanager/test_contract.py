"""Alertmanager keeps the contract of a source, against its simulator."""

from __future__ import annotations

import pytest

from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver
from tieline.adapters.testing.contract import SourceContract


class TestAlertmanager(SourceContract):
    @pytest.fixture
    def tool(self) -> AlertmanagerDriver:
        return AlertmanagerDriver()

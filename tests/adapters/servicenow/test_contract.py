"""ServiceNow keeps the contract, against its simulator."""

from __future__ import annotations

import pytest

from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.testing.contract import AdapterContract


class TestServiceNow(AdapterContract):
    @pytest.fixture
    def tool(self) -> ServiceNowDriver:
        return ServiceNowDriver()

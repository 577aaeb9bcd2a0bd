"""ServiceNow keeps the contract, against its simulator."""

from __future__ import annotations

from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.testing.contract import AdapterContract


class TestServiceNow(AdapterContract):
    driver = ServiceNowDriver

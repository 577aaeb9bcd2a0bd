"""ServiceNow keeps the contract, against its simulator."""

from __future__ import annotations

from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.testing.contract import AdapterContract


class TestServiceNow(AdapterContract):
    tool_kind = "servicenow"
    against = "a simulator, written after the vendor's documentation"
    driver = ServiceNowDriver

"""PagerDuty keeps the adapter contract."""

from __future__ import annotations

from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.testing.contract import AdapterContract


class TestPagerDuty(AdapterContract):
    tool_kind = "pagerduty"
    against = "a simulator, written after the vendor's OpenAPI specification"
    driver = PagerDutyDriver

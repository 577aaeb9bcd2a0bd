"""PagerDuty keeps the adapter contract."""

from __future__ import annotations

from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.testing.contract import AdapterContract


class TestPagerDuty(AdapterContract):
    driver = PagerDutyDriver

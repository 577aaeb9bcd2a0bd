"""A PagerDuty account in process, and an adapter connected to it."""

from __future__ import annotations

import pytest

from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver


@pytest.fixture
def tool() -> PagerDutyDriver:
    return PagerDutyDriver()


@pytest.fixture
def adapter(tool: PagerDutyDriver) -> PagerDuty:
    return tool.connect()

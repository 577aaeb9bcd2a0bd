"""Microsoft Sentinel keeps the contract."""

from __future__ import annotations

from tieline.adapters.sentinel.driver import SentinelDriver
from tieline.adapters.testing.contract import AdapterContract


class TestSentinel(AdapterContract):
    tool_kind = "sentinel"
    against = "a simulator, written after the vendor's specification of 2024-09-01"
    driver = SentinelDriver

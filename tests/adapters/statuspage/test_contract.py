"""Statuspage keeps the contract."""

from __future__ import annotations

from tieline.adapters.statuspage.driver import StatuspageDriver
from tieline.adapters.testing.contract import AdapterContract


class TestStatuspage(AdapterContract):
    tool_kind = "statuspage"
    against = "a simulator, written after the vendor's documentation"
    driver = StatuspageDriver

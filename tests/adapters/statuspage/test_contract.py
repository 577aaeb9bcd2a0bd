"""Statuspage keeps the contract."""

from __future__ import annotations

from tieline.adapters.statuspage.driver import StatuspageDriver
from tieline.adapters.testing.contract import AdapterContract


class TestStatuspage(AdapterContract):
    driver = StatuspageDriver

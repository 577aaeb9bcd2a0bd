"""The spool keeps the contract."""

from __future__ import annotations

from tieline.adapters.spool.driver import SpoolDriver
from tieline.adapters.testing.contract import AdapterContract


class TestSpool(AdapterContract):
    tool_kind = "spool"
    against = "a real folder, and the example runner"
    driver = SpoolDriver

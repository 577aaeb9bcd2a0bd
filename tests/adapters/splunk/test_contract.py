"""Splunk Enterprise Security keeps the contract."""

from __future__ import annotations

from tieline.adapters.splunk.driver import SplunkDriver
from tieline.adapters.testing.contract import AdapterContract


class TestSplunk(AdapterContract):
    tool_kind = "splunk"
    against = "a simulator, written after recorded results and others' clients"
    driver = SplunkDriver

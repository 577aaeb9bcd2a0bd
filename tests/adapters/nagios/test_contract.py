"""Nagios keeps the contract of a source, against its simulator."""

from __future__ import annotations

from tieline.adapters.nagios.simulated.driver import NagiosDriver
from tieline.adapters.testing.contract import SourceContract


class TestNagios(SourceContract):
    tool_kind = "nagios"
    against = "a simulator, held against a real one"
    driver = NagiosDriver

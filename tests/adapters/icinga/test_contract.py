"""Icinga 2 keeps the contract of a source, against its simulator."""

from __future__ import annotations

from tieline.adapters.icinga.simulated.driver import IcingaDriver
from tieline.adapters.testing.contract import SourceContract


class TestIcinga(SourceContract):
    tool_kind = "icinga"
    against = "a simulator, held against a real one"
    driver = IcingaDriver

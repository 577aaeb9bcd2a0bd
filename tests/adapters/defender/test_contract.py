"""Microsoft Defender XDR keeps the contract."""

from __future__ import annotations

from tieline.adapters.defender.driver import DefenderDriver
from tieline.adapters.testing.contract import AdapterContract


class TestDefender(AdapterContract):
    tool_kind = "defender"
    against = "a simulator, written after the vendor's documentation and recorded answers"
    driver = DefenderDriver

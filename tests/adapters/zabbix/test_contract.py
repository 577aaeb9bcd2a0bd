"""Zabbix keeps the contract of a source, against its simulator, in both dialects of its tokens."""

from __future__ import annotations

from typing import ClassVar

from tieline.adapters.testing.contract import SourceContract
from tieline.adapters.zabbix.simulated.driver import ZabbixDriver


class TestZabbix(SourceContract):
    tool_kind = "zabbix"
    against = "a simulator of 7.0 and of 6.0"
    driver = ZabbixDriver


class OldDriver(ZabbixDriver):
    version: ClassVar[tuple[int, int]] = (6, 0)


class TestOldZabbix(SourceContract):
    driver = OldDriver

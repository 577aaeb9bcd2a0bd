"""The reference adapter keeps the contract: with exact stamps, with stamps of a second, and with a slow search."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tieline.adapters.memory.driver import MemoryDriver
from tieline.adapters.testing.contract import AdapterContract


class TestMemory(AdapterContract):
    @pytest.fixture
    def tool(self) -> MemoryDriver:
        return MemoryDriver()


class TestMemoryWithCoarseStamps(AdapterContract):
    @pytest.fixture
    def tool(self) -> MemoryDriver:
        return MemoryDriver(resolution=timedelta(seconds=1))


class TestMemoryWithASlowSearch(AdapterContract):
    @pytest.fixture
    def tool(self) -> MemoryDriver:
        return MemoryDriver(lookup_lag=timedelta(seconds=30))


class TestMemoryWithoutConditionalWrites(AdapterContract):
    @pytest.fixture
    def tool(self) -> MemoryDriver:
        return MemoryDriver(conditional=False)

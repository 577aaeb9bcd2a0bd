"""The reference adapter keeps the contract: with exact stamps, with stamps of a second, and with a slow search."""

from __future__ import annotations

from datetime import timedelta

from tieline.adapters.memory.driver import MemoryDriver
from tieline.adapters.memory.plugin import UNCONDITIONAL
from tieline.adapters.testing.contract import AdapterContract


class CoarseDriver(MemoryDriver):
    """Stamps of whole seconds."""

    def __init__(self) -> None:
        super().__init__(resolution=timedelta(seconds=1))


class SlowDriver(MemoryDriver):
    """A search that shows a record half a minute late."""

    def __init__(self) -> None:
        super().__init__(lookup_lag=timedelta(seconds=30))


class UnconditionalDriver(MemoryDriver):
    """No write on an old version is refused."""

    powers = UNCONDITIONAL

    def __init__(self) -> None:
        super().__init__(conditional=False)


class TestMemory(AdapterContract):
    tool_kind = "memory"
    against = "itself"
    driver = MemoryDriver


class TestMemoryWithCoarseStamps(AdapterContract):
    driver = CoarseDriver


class TestMemoryWithASlowSearch(AdapterContract):
    driver = SlowDriver


class TestMemoryWithoutConditionalWrites(AdapterContract):
    driver = UnconditionalDriver

"""Registers the memory tool."""

from __future__ import annotations

from typing import Final

from tieline.adapters.memory.adapter import connect
from tieline.adapters.memory.settings import MemorySettings
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power

KIND: Final = AdapterKind(
    tool="memory",
    record=RecordKind.INCIDENT,
    settings=MemorySettings,
    connect=connect,
    powers=frozenset(Power),
    mapping="memory-incident",
    text="markdown",
    calls_per_minute=60_000,
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]

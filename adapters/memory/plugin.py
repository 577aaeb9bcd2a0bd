"""Registers the memory tool."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from tieline.adapters.memory.adapter import connect
from tieline.adapters.memory.settings import MemorySettings
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power, Summary

KIND: Final = AdapterKind(
    tool="memory",
    record=RecordKind.INCIDENT,
    settings=MemorySettings,
    connect=connect,
    # It refuses a write on an old version, so that there is nothing to tell of.
    powers=frozenset(Power) - {Power.TELL_REPLACED},
    mapping="memory-incident",
    text="markdown",
    calls_per_minute=60_000,
    summary=Summary(
        title="Memory",
        through="nothing: it is in the process",
        reads="what changed",
        writes="everything",
        finds="its token",
        proof="HMAC",
        comments="every audience, edited in place",
        acts="acknowledgements",
        limits=("It is the reference for authors and for tests, and keeps nothing.",),
    ),
)

PROBLEM: Final = replace(
    KIND,
    summary=None,
    tool="memory-problem",
    record=RecordKind.PROBLEM,
    connect=partial(connect, record=RecordKind.PROBLEM),
    mapping="memory-problem",
)
"""The same for problems, which have copies of their own and other words for where they stand."""

UNCONDITIONAL: Final = KIND.powers - {Power.WRITE_IF_UNCHANGED} | {Power.TELL_REPLACED}
"""The powers of an adapter on a tool that is not `conditional`."""


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind for incidents, one for problems."""
    return [KIND, PROBLEM]

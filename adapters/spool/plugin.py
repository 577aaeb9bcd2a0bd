"""Registers the spool."""

from __future__ import annotations

from typing import Final

from tieline.adapters.spool.adapter import connect
from tieline.adapters.spool.settings import SpoolSettings
from tieline.core.executions import its_own
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power, Summary

KIND: Final = AdapterKind(
    "spool",
    RecordKind.EXECUTION,
    SpoolSettings,
    connect,
    frozenset({Power.WRITE, Power.WRITE_IF_UNCHANGED, Power.FIND, Power.TELL_OUTPUT}),
    "spool-execution",
    "markdown",
    calls_per_minute=60_000,
    copies=its_own,
    summary=Summary(
        title="Spool",
        through="a folder, and a runner that works through it",
        reads="its jobs and what came of each, with a hash",
        writes="puts jobs there, calls them back",
        finds="the job's name",
    ),
    look_at="the folder and its runner",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]

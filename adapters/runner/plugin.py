"""Registers the runner behind HTTP."""

from __future__ import annotations

from typing import Final

from tieline.adapters.runner.adapter import connect
from tieline.adapters.runner.settings import RunnerSettings
from tieline.core.executions import its_own
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power

KIND: Final = AdapterKind(
    "runner",
    RecordKind.EXECUTION,
    RunnerSettings,
    connect,
    frozenset({Power.WRITE, Power.WRITE_IF_UNCHANGED, Power.FIND}),
    "runner-execution",
    "markdown",
    copies=its_own,
    look_at="the runner and its log",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]

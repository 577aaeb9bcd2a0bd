"""Registers the runner behind HTTP."""

from __future__ import annotations

from typing import Final

from tieline.adapters.runner.adapter import connect
from tieline.adapters.runner.settings import RunnerSettings
from tieline.core.executions import its_own
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power, Summary

KIND: Final = AdapterKind(
    "runner",
    RecordKind.EXECUTION,
    RunnerSettings,
    connect,
    frozenset({Power.WRITE, Power.WRITE_IF_UNCHANGED, Power.FIND, Power.TELL_OUTPUT}),
    "runner-execution",
    "markdown",
    copies=its_own,
    summary=Summary(
        title="Runner",
        through="a small API over HTTP",
        reads="what changed, by a count; what came of each job, with a hash",
        writes="starts jobs, calls them back",
        finds="`Idempotency-Key`",
    ),
    look_at="the runner and its log",
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind."""
    return [KIND]

"""Registers PagerDuty. Importing this module imports neither pdpyras nor requests."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.pagerduty.settings import PagerDutySettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection: a command that only looks at the store does without."""
    from tieline.adapters.pagerduty import adapter

    return adapter.connect(name, settings, bench)


POWERS: Final = frozenset(
    {
        Power.WRITE,
        Power.FIND,
        Power.RECEIVE,
        Power.COMMENT,
        Power.EDIT_COMMENT,
        Power.DESCRIBE,
        Power.PEOPLE,
        Power.REOPEN,
    }
)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """PagerDuty allows 960 calls a minute and key; the rest is left to people and other programs."""
    return [
        AdapterKind(
            "pagerduty",
            RecordKind.INCIDENT,
            PagerDutySettings,
            connect,
            POWERS,
            "pagerduty-incident",
            "plain",
            calls_per_minute=800,
            summary=Summary(
                title="PagerDuty",
                through="REST v2 by pdpyras, Events v2",
                reads="log entries",
                writes="creates, updates, opens again",
                finds="`incident_key`",
                proof="v3 signatures, several secrets at once",
                comments="notes, edited in place",
                limits=(
                    "A description is taken when an incident is made, and never again.",
                    "Nothing tells what a write replaced: an edit in the same moment is lost on its side.",
                ),
            ),
            look_at="its rules and time-outs (assigning an incident anew takes its acknowledgement back)",
        )
    ]

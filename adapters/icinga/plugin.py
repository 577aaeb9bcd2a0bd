"""Registers Icinga 2."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.icinga.settings import IcingaSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection: a command that only looks at the store does without."""
    from tieline.adapters.icinga import adapter

    return adapter.connect(name, settings, bench)


POWERS: Final = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind: Icinga 2 from 2.11 on."""
    return [
        AdapterKind(
            "icinga",
            RecordKind.SIGNAL,
            IcingaSettings,
            connect,
            POWERS,
            "icinga-problem",
            "plain",
            summary=Summary(
                title="Icinga 2",
                through="API v1",
                reads="hard problems of hosts and services, acknowledged ones and those in downtime as well",
                proof="a bearer token, in TLS",
                acts="acknowledgements, with an end",
                limits=(
                    "What a person acknowledged there is left as it is, and so is a downtime.",
                    "An acknowledgement is prolonged by taking it back and making another one.",
                    "The event stream is not heard: it tells nothing sooner than a poll, and repeats nothing.",
                ),
            ),
        )
    ]

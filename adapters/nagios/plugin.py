"""Registers Nagios Core."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.nagios.settings import NagiosSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection: a command that only looks at the store does without."""
    from tieline.adapters.nagios import adapter

    return adapter.connect(name, settings, bench)


POWERS: Final = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind: Nagios Core from 4.4 on."""
    return [
        AdapterKind(
            "nagios",
            RecordKind.SIGNAL,
            NagiosSettings,
            connect,
            POWERS,
            "nagios-problem",
            "plain",
            summary=Summary(
                title="Nagios Core",
                through="statusjson.cgi and cmd.cgi",
                reads="hard problems of hosts and services, acknowledged ones and those in downtime as well",
                proof="a bearer token, in TLS",
                acts="acknowledgements, until recovery or until they are taken back",
                limits=(
                    "An acknowledgement has no end there: it lasts until recovery, or until Tieline takes it back.",
                    "What a person acknowledged there is left as it is, and so is a downtime.",
                    "Letters beyond ASCII arrive only where the Nagios machine has the locale en_US.UTF-8.",
                    "Custom variables are not read: statusjson.cgi does not tell them.",
                ),
            ),
        )
    ]

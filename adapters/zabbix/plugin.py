"""Registers Zabbix."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.zabbix.settings import ZabbixSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection: a command that only looks at the store does without."""
    from tieline.adapters.zabbix import adapter

    return adapter.connect(name, settings, bench)


POWERS: Final = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind: Zabbix from 6.0 on."""
    return [
        AdapterKind(
            "zabbix",
            RecordKind.SIGNAL,
            ZabbixSettings,
            connect,
            POWERS,
            "zabbix-problem",
            "plain",
            summary=Summary(
                title="Zabbix",
                through="JSON-RPC, with the token in the body before 6.4 and as Bearer since",
                reads="problems of triggers that go on, acknowledged and suppressed ones as well",
                proof="a bearer token, in TLS",
                acts="acknowledgements with a message; where asked, suppressions with an end and closings",
                limits=(
                    "An acknowledgement has no end there: it lasts until Tieline takes it back.",
                    "A suppression needs Zabbix 6.2, a closing a trigger that allows it.",
                    "What a person acknowledged there is left as it is.",
                ),
            ),
        )
    ]

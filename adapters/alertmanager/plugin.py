"""Registers Alertmanager."""

from __future__ import annotations

from typing import Any, Final

from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Power, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection: a command that only looks at the store does without."""
    from tieline.adapters.alertmanager import adapter

    return adapter.connect(name, settings, bench)


POWERS: Final = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind: every Alertmanager from 0.22 on, and what speaks its API v2 (Mimir, Grafana's own)."""
    return [
        AdapterKind(
            "alertmanager",
            RecordKind.SIGNAL,
            AlertmanagerSettings,
            connect,
            POWERS,
            "alertmanager-alert",
            "plain",
            summary=Summary(
                title="Alertmanager, Grafana's, Mimir's",
                through="API v2",
                reads="alerts, silenced ones as well",
                proof="a bearer token, basic, or Grafana's HMAC",
                acts="silences, with an end",
                limits=("What is restarted forgets its alerts: an absence is not believed for some minutes.",),
            ),
        )
    ]

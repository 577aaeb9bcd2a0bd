"""Registers Alertmanager."""

from __future__ import annotations

from typing import Final

from tieline.adapters.alertmanager.adapter import connect
from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind, Power

POWERS: Final = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind: every Alertmanager from 0.22 on, and what speaks its API v2 (Mimir, Grafana's own)."""
    return [
        AdapterKind(
            "alertmanager", RecordKind.SIGNAL, AlertmanagerSettings, connect, POWERS, "alertmanager-alert", "plain"
        )
    ]

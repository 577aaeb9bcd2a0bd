"""Registers Prometheus. Importing this module imports neither prometheus-api-client nor requests."""

from __future__ import annotations

from typing import Any

from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import AdapterKind, Source, Summary, Workbench


def connect(name: ConnectionName, settings: Any, bench: Workbench) -> Source:
    """The adapter, imported by the first connection: a command that only looks at the store does without."""
    from tieline.adapters.prometheus import adapter

    return adapter.connect(name, settings, bench)


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind: Prometheus from 2.20 on, and what speaks its rules API (Thanos Ruler, Mimir, VictoriaMetrics)."""
    return [
        AdapterKind(
            "prometheus",
            RecordKind.SIGNAL,
            PrometheusSettings,
            connect,
            frozenset(),
            "prometheus-alert",
            summary=Summary(
                title="Prometheus, vmalert, Mimir, Thanos Ruler",
                through="rules API, by prometheus-api-client",
                reads="active alerts",
                limits=("Nothing is told back: silences are Alertmanager's.",),
            ),
        )
    ]

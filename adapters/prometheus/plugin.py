"""Registers Prometheus. Importing this module imports neither prometheus-api-client nor requests."""

from __future__ import annotations

from tieline.adapters.prometheus.adapter import connect
from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.core.hooks import hookimpl
from tieline.core.model import RecordKind
from tieline.core.port import AdapterKind


@hookimpl
def tieline_adapters() -> list[AdapterKind]:
    """One kind: Prometheus from 2.20 on, and what speaks its rules API (Thanos Ruler, Mimir, VictoriaMetrics)."""
    return [AdapterKind("prometheus", RecordKind.SIGNAL, PrometheusSettings, connect, frozenset(), "prometheus-alert")]

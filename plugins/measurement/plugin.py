"""Count what is committed, by kind, reason and connection, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.exposition import generate_latest

from tieline.core.hooks import Committed, hookimpl


class Measurement:
    """The plugin: one registry per configuration, so that a reload begins afresh."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._events = Counter(
            "tieline_events",
            "What was committed, by kind and reason",
            ["kind", "reason", "connection"],
            registry=self._registry,
        )

    @hookimpl
    def tieline_committed(self, event: Committed) -> None:
        """Count one event. All three labels come from closed sets: kinds, reasons and configured connections."""
        self._events.labels(event.kind, event.reason, event.connection or "").inc()

    @hookimpl
    def tieline_metrics(self) -> bytes:
        """The counts, in Prometheus' text format."""
        return generate_latest(self._registry)


plugin = Measurement

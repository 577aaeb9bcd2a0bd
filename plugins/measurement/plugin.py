"""Count what is committed, by kind, reason and connection, for Prometheus."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tieline.core.hooks import Committed, hookimpl

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter


class Measurement:
    """The plugin: one registry per configuration, so that a reload begins afresh. It is made when something is
    counted: commands that only look load nothing of Prometheus."""

    @cached_property
    def _counts(self) -> tuple[CollectorRegistry, Counter]:
        from prometheus_client import CollectorRegistry, Counter

        registry = CollectorRegistry()
        return registry, Counter(
            "tieline_events",
            "What was committed, by kind and reason",
            ["kind", "reason", "connection"],
            registry=registry,
        )

    @hookimpl
    def tieline_committed(self, event: Committed) -> None:
        """Count one event. All three labels come from closed sets: kinds, reasons and configured connections."""
        _registry, events = self._counts
        events.labels(event.kind, event.reason, event.connection or "").inc()

    @hookimpl
    def tieline_metrics(self) -> bytes:
        """The counts, in Prometheus' text format."""
        from prometheus_client.exposition import generate_latest

        registry, _events = self._counts
        return generate_latest(registry)


plugin = Measurement

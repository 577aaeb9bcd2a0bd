"""Measurement: what was committed, counted for Prometheus."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tieline.core.hooks import Committed
from tieline.core.model import ConnectionName
from tieline.plugins.measurement.plugin import Measurement


def event(kind: str, reason: str = "", connection: str | None = None) -> Committed:
    return Committed(1, kind, None, ConnectionName(connection) if connection else None, "ann", reason, {})


def counts(plugin: Measurement) -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["kind"], sample.labels["reason"], sample.labels["connection"]): sample.value
        for family in text_string_to_metric_families(plugin.tieline_metrics().decode())
        for sample in family.samples
        if sample.name == "tieline_events_total"
    }


def test_events_are_counted_by_kind_reason_and_connection() -> None:
    plugin = Measurement()
    for one in (event("opened"), event("changed", "theirs", "snow"), event("changed", "theirs", "snow")):
        plugin.tieline_committed(one)
    assert counts(plugin) == {("opened", "", ""): 1.0, ("changed", "theirs", "snow"): 2.0}


def test_each_configuration_counts_for_itself() -> None:
    Measurement().tieline_committed(event("opened"))
    assert counts(Measurement()) == {}

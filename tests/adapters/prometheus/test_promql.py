"""PromQL for enrichment: nothing breaks out of a selector, and a partial answer says so."""

from __future__ import annotations

import math

import pytest

from tieline.adapters.prometheus.adapter import PrometheusAdapter
from tieline.adapters.prometheus.promql import selector
from tieline.adapters.prometheus.simulator import PrometheusSimulator
from tieline.core.errors import Rejected


def test_a_query_answers_samples(adapter: PrometheusAdapter, prometheus: PrometheusSimulator) -> None:
    prometheus.fire({"alertname": "DiskFull", "instance": "db1"})
    found = adapter.query("ALERTS")
    assert [(sample.labels["alertname"], sample.value) for sample in found.samples] == [("DiskFull", 1.0)]
    assert found.samples[0].at == prometheus.clock()
    assert not found.partial


def test_a_scalar_is_one_sample_and_nan_a_value(adapter: PrometheusAdapter) -> None:
    assert [sample.value for sample in adapter.query("scalar(vector(1))").samples] == [1.0]
    assert math.isnan(adapter.query("0/vector(0)").samples[0].value)


def test_a_partial_answer_says_so(adapter: PrometheusAdapter, prometheus: PrometheusSimulator) -> None:
    prometheus.warnings = ["store db-3 is away"]
    found = adapter.query("ALERTS")
    assert found.partial
    assert found.warnings == ("store db-3 is away",)
    prometheus.warnings = []
    assert not adapter.query("ALERTS").partial


def test_a_query_that_cannot_be_parsed_is_rejected_with_the_place(adapter: PrometheusAdapter) -> None:
    with pytest.raises(Rejected, match="1:4: parse error"):
        adapter.query("up{")


def test_a_query_that_answers_ranges_is_rejected(adapter: PrometheusAdapter) -> None:
    with pytest.raises(Rejected, match="answers a matrix"):
        adapter.query("up[1m]")


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("db1", '"db1"'),
        ('a"} or vector(1) #', '"a\\"} or vector(1) #"'),
        ("C:\\temp", '"C:\\\\temp"'),
        ("two\nlines", '"two\\nlines"'),
        ("Zürich", '"Zürich"'),
    ],
)
def test_a_value_cannot_break_out_of_a_selector(value: str, quoted: str) -> None:
    assert selector("ALERTS", {"instance": value}) == f"ALERTS{{instance={quoted}}}"


@pytest.mark.parametrize(("metric", "label"), [("up{", "a"), ("", "a"), ("up", "a=b"), ("up", "é")])
def test_a_name_that_is_none_is_refused(metric: str, label: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        selector(metric, {label: "x"})

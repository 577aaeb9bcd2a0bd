"""Prometheus and its kin keep the contract of a source, against their simulator."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tieline.adapters.prometheus.simulated.driver import PrometheusDriver
from tieline.adapters.prometheus.simulator import MIMIR, THANOS, VMALERT
from tieline.adapters.testing.contract import SourceContract


class TestPrometheus(SourceContract):
    tool_kind = "prometheus"
    against = "a simulator of four dialects, held against a real Prometheus of Debian"
    waivers: ClassVar = {"test_an_edit_moves_a_record_to_the_end": "it tells when an alert began, not when it changed"}

    driver = PrometheusDriver


class TestVmalert(TestPrometheus):
    @pytest.fixture
    def tool(self) -> PrometheusDriver:
        return PrometheusDriver(VMALERT)


class TestMimir(TestPrometheus):
    @pytest.fixture
    def tool(self) -> PrometheusDriver:
        return PrometheusDriver(MIMIR)


class TestThanos(TestPrometheus):
    @pytest.fixture
    def tool(self) -> PrometheusDriver:
        return PrometheusDriver(THANOS)

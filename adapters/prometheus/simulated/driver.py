"""A rule in a simulated Prometheus, for the contract suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tieline.adapters.prometheus.adapter import PrometheusAdapter, connect
from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.adapters.prometheus.simulator import PROMETHEUS, Kin, PrometheusSimulator
from tieline.adapters.testing.driver import SimulatorDriver
from tieline.adapters.testing.simulation import requests_transport
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Ref
from tieline.core.secrets import Secret

API_TOKEN = "hX9-api-token-that-nobody-may-see"  # noqa: S105 - opens nothing but the simulator


class PrometheusDriver(SimulatorDriver):
    """Titles are the annotation `summary`: the part of an alert that may change while it fires."""

    simulator: PrometheusSimulator
    secrets = (API_TOKEN,)
    reads_by_address = False
    page_size = 3
    tells_age = False
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "an alert is never merged into another",
        "act_by_itself": "an alert is as its rule says, at each evaluation",
    }

    def __init__(self, kin: Kin = PROMETHEUS) -> None:
        super().__init__()
        self.simulator = PrometheusSimulator(  # pyright: ignore[reportIncompatibleVariableOverride]
            self.tool_now, credentials=f"Bearer {API_TOKEN}", kin=kin
        )
        self._made = 0

    def connect(self, **others: object) -> PrometheusAdapter:
        given: dict[str, object] = {
            "url": "http://prometheus.example:9090",
            "bearer_token": Secret.literal(API_TOKEN),
            "page_size": self.page_size,
            "history": 0,
        }
        settings = PrometheusSettings.model_validate(given | others)
        return connect(ConnectionName("prom"), settings, self.workbench(requests_transport(self.simulator)))

    def connect_refused(self) -> PrometheusAdapter:
        return self.connect(bearer_token=Secret.literal("Wr0ng-" + API_TOKEN))

    def make(self, title: str, description: str = "") -> Ref:
        self._made += 1
        labels = {"alertname": "DiskFull", "instance": f"db{self._made:06d}", "severity": "critical"}
        return self.simulator.fire(labels, {"summary": title, "description": description})

    def title_in(self, body: Body) -> str:
        return str(body["annotations"]["summary"])

    def touch(self, ref: Ref) -> None:
        alert = self.simulator.alerts[ref.partition("@")[0]]
        self._made += 1
        self.simulator.fire(alert.labels, {**alert.annotations, "description": f"touch {self._made}"})

    def spoil(self, ref: Ref) -> None:
        self.simulator.alerts[ref.partition("@")[0]].odd = {"state": "paused"}

    def delete(self, ref: Ref) -> None:
        self.simulator.resolve(ref)

    def missing_ref(self) -> Ref:
        return Ref("0123456789abcdef@2026-01-01T00:00:00.000Z")

"""Those that are nearly Prometheus: their answers, and what is different about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tieline.adapters.prometheus.adapter import PrometheusAdapter, connect
from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.adapters.prometheus.simulated.driver import PrometheusDriver
from tieline.adapters.prometheus.simulator import THANOS, VMALERT
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request, Response, Simulator, requests_transport
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Page, Workbench

KIN = Path(__file__).parent / "kin"
NAMES = sorted(path.name for path in KIN.glob("*.json"))


class Recorded(Simulator):
    """Gives recorded answers, of which some can be replaced."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__()
        self.answers = answers

    def respond(self, request: Request) -> Response:
        told = self.answers[request.path]
        if "text" in told:
            return Response(told["status"], {"content-type": "text/plain"}, told["text"].encode())
        return Response.of(told)


def recorded(name: str, **settings: Any) -> tuple[PrometheusAdapter, dict[str, Any]]:
    kin: dict[str, Any] = json.loads((KIN / name).read_text(encoding="utf-8"))
    given = PrometheusSettings.model_validate({"url": "http://prom.example", "history": "3650d", **settings})
    bench = Workbench(ManualClock(), lambda _seconds: None, requests_transport(Recorded(kin["answers"])))
    return connect(ConnectionName("prom"), given, bench), kin


def poll(adapter: PrometheusAdapter, since: Cursor | None = None) -> Page:
    [page] = adapter.changes(since)
    return page


@pytest.mark.parametrize("name", NAMES)
def test_its_answers_are_understood(name: str) -> None:
    adapter, _kin = recorded(name)
    health = adapter.check()
    page = poll(adapter)
    assert "CheckoutErrorRateHigh" in [one.key for one in page.readings]
    assert all(one.body["state"] == "firing" for one in page.readings)
    assert page.unreadable == ()
    assert "CheckoutErrorRateHigh" in [body["labels"]["alertname"] for body in health.foreseen]
    assert any("does not tell when it was started" in note for note in health.notes)


def test_mimir_says_its_name() -> None:
    assert recorded("mimir.json")[0].check().version == "Grafana Mimir 2.14.1"


@pytest.mark.parametrize("name", [name for name in NAMES if "thanos" not in name])
def test_an_alert_that_is_no_longer_listed_has_ended(name: str) -> None:
    adapter, kin = recorded(name, needs_targets=False)
    before = poll(adapter)
    kin["answers"]["/api/v1/alerts"]["data"]["alerts"].clear()
    assert poll(adapter, before.cursor).absent == {one.ref for one in before.readings}


def test_without_targets_of_its_own_nothing_has_ended_until_it_is_said_that_none_are_needed() -> None:
    adapter, kin = recorded("victoriametrics-1.79.5.json")
    before = poll(adapter)
    kin["answers"]["/api/v1/alerts"]["data"]["alerts"].clear()
    assert poll(adapter, before.cursor).absent == frozenset()
    assert any("needs_targets" in note for note in adapter.check().notes)


def test_a_partial_answer_proves_no_end() -> None:
    adapter, kin = recorded("thanos-querier.json")
    before = poll(adapter)
    kin["answers"]["/api/v1/alerts"]["data"]["alerts"].clear()
    assert poll(adapter, before.cursor).absent == frozenset()
    del kin["answers"]["/api/v1/alerts"]["warnings"]
    assert poll(adapter, before.cursor).absent == {one.ref for one in before.readings}


def test_rules_that_call_themselves_healthy_before_they_were_tried_prove_no_end() -> None:
    """As vmalert does right after its start."""
    adapter, kin = recorded("vmalert-1.79.5.json")
    before = poll(adapter)
    kin["answers"]["/api/v1/alerts"]["data"]["alerts"].clear()
    kin["answers"]["/api/v1/rules"] = kin["rules_after_start"]
    assert poll(adapter, before.cursor).absent == frozenset()
    assert any("have not been evaluated yet" in note for note in adapter.check().notes)


@pytest.mark.parametrize("kin", [VMALERT, THANOS], ids=["vmalert", "thanos"])
def test_the_simulated_kin_is_in_doubt_before_its_rules_were_tried(kin: Any) -> None:
    driver = PrometheusDriver(kin)
    ref = driver.make("fires")
    before = poll(driver.connect(history="1d"))
    driver.simulator.restart()
    driver.simulator.rule_health = "unknown"
    assert poll(driver.connect(), before.cursor).absent == frozenset()
    driver.simulator.rule_health = "ok"
    assert poll(driver.connect(), before.cursor).absent == {ref}


def test_an_alert_that_is_listed_as_over_does_not_fire() -> None:
    driver = PrometheusDriver()
    ref = driver.make("was")
    driver.simulator.alerts[ref.partition("@")[0]].state = "inactive"
    page = poll(driver.connect(history="1d"))
    assert (page.readings, page.unreadable) == ([], ())

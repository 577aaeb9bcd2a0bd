"""Those that are nearly Alertmanager: their answers, and what is different about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter, connect
from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver
from tieline.adapters.alertmanager.simulated.state import ALERTMANAGER_28, GRAFANA
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import HttpxTransport, Request, Response, Simulator
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Delivery, Workbench

KIN = Path(__file__).parent / "kin"
GRAFANA_TEST = Path(__file__).parent / "payloads" / "grafana-12-test.json"


class Recorded(Simulator):
    """Gives recorded answers."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__()
        self.answers = answers

    def respond(self, request: Request) -> Response:
        told = self.answers[request.path]
        if isinstance(told, dict) and "text" in told:
            return Response(told["status"], {"content-type": "text/plain"}, told["text"].encode())
        return Response.of(told)


def recorded(name: str) -> tuple[AlertmanagerAdapter, dict[str, Any]]:
    kin: dict[str, Any] = json.loads((KIN / name).read_text(encoding="utf-8"))
    settings = AlertmanagerSettings.model_validate(
        {"url": "http://am.example", "receiver": "tieline", "history": "3650d", "page_size": 50}
    )
    bench = Workbench(ManualClock(), lambda _seconds: None, HttpxTransport(Recorded(kin["answers"])))
    return connect(ConnectionName("am"), settings, bench), kin


@pytest.mark.parametrize("name", sorted(path.name for path in KIN.glob("*.json")))
def test_its_answers_are_understood(name: str) -> None:
    adapter, kin = recorded(name)
    health = adapter.check()
    [page] = adapter.changes(Cursor(""))
    assert health.version == kin["version"]
    assert {one.key: one.body["status"]["state"] for one in page.readings} == kin["states"]
    assert page.unreadable == ()
    assert len(health.foreseen) == len(kin["states"])


def test_what_grafana_cannot_tell_is_said() -> None:
    notes = " ".join(recorded("grafana.json")[0].check().notes)
    assert "does not tell when it was started" in notes
    assert "does not list its receivers" in notes


def test_a_muted_alert_fires_quietly(driver: AlertmanagerDriver) -> None:
    driver = AlertmanagerDriver(ALERTMANAGER_28)
    ref = driver.make("muted")
    driver.simulator.mute(ref, "weekends")
    status = driver.connect().read(ref).body["status"]
    assert (status["state"], status["mutedBy"]) == ("suppressed", ["weekends"])
    driver.simulator.mute(ref)
    assert driver.connect().read(ref).body["status"]["state"] == "active"


def test_grafanas_webhook_and_its_api_tell_of_one_alert_alike() -> None:
    """Its API has labels and annotations for itself: with them every webhook would be news to the next poll."""
    driver = AlertmanagerDriver(GRAFANA)
    ref = driver.make("full")
    delivery = driver.delivery(ref)
    assert json.loads(delivery.body)["version"] == "1"
    [hint] = driver.connect().parse(delivery).hints
    polled = driver.connect().read(ref)
    assert hint.reading is not None
    assert (hint.ref, hint.reading.version) == (polled.ref, polled.version)
    assert not any(name.startswith("__") for name in (*polled.body["labels"], *polled.body["annotations"]))


def test_a_test_of_grafanas_contact_point_is_understood() -> None:
    [hint] = AlertmanagerDriver().connect().parse(Delivery({}, GRAFANA_TEST.read_bytes())).hints
    assert hint.reading is not None
    assert (hint.reading.key, hint.reading.url) == ("TestAlert", "https://grafana.example.com/")


def test_the_webhook_of_the_case_is_taken() -> None:
    body = {
        "receiver": "tieline",
        "status": "firing",
        "orgId": 1,
        "version": "1",
        "truncatedAlerts": 0,
        "groupKey": '{}/{}:{alertname="DiskFull"}',
        "externalURL": "https://grafana.example/",
        "title": "[FIRING:1]",
        "state": "alerting",
        "message": "x",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "DiskFull", "severity": "critical"},
                "annotations": {"summary": "full"},
                "startsAt": "2026-11-28T10:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "https://grafana.example/x",
                "fingerprint": "0a1b2c3d4e5f6071",
                "silenceURL": "",
                "dashboardURL": "",
                "panelURL": "",
                "values": None,
                "valueString": "",
            }
        ],
    }
    received = AlertmanagerDriver().connect().parse(Delivery({}, json.dumps(body).encode()))
    assert [hint.ref for hint in received.hints] == ["0a1b2c3d4e5f6071@2026-11-28T10:00:00.000Z"]
    assert (received.incomplete, received.unreadable) == (False, ())

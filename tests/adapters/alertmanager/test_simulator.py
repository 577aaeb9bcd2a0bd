"""The simulator notifies as Alertmanager does, and answers with the same oddities."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tieline.adapters.alertmanager.simulated.driver import API_TOKEN, AlertmanagerDriver
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.testing.simulation import HttpxTransport

DISK = {"alertname": "DiskFull", "service": "billing"}


@pytest.fixture
def api(am: AlertmanagerSimulator) -> httpx.Client:
    headers = {"authorization": f"Bearer {API_TOKEN}"}
    return httpx.Client(transport=HttpxTransport(am), base_url="http://am/api/v2", headers=headers)


def told(driver: AlertmanagerDriver) -> list[dict[str, Any]]:
    return [json.loads(delivery.body) for delivery in driver.posted]


def test_a_group_is_told_once_until_something_changes(driver: AlertmanagerDriver, am: AlertmanagerSimulator) -> None:
    am.fire({**DISK, "instance": "db1"})
    assert am.flush() == [200]
    assert am.flush() == []
    am.fire({**DISK, "instance": "db2"})
    assert am.flush() == [200]
    assert [len(group["alerts"]) for group in told(driver)] == [1, 2]


@pytest.mark.parametrize(("status", "attempts"), [(400, 1), (404, 1), (429, 1), (500, 3), (503, 3)])
def test_a_servers_failure_is_tried_again_at_once_and_a_refusal_at_the_next_flush(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator, status: int, attempts: int
) -> None:
    am.fire(DISK)
    driver.statuses = [status] * attempts
    assert am.flush() == [status]
    assert len(driver.posted) == attempts
    assert am.flush() == [200]


def test_a_cut_group_repeats_the_same_first_alerts(driver: AlertmanagerDriver, am: AlertmanagerSimulator) -> None:
    am.webhook.max_alerts = 2
    for number in range(5):
        am.fire({**DISK, "instance": f"db{number}"})
    am.flush()
    driver.advance(5 * 3600)
    am.flush()
    first, repeat = told(driver)
    assert (first["truncatedAlerts"], repeat["truncatedAlerts"]) == (3, 3)
    assert first["alerts"] == repeat["alerts"]


def test_resolved_alerts_are_left_out_where_the_receiver_does_not_want_them(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    am.webhook.send_resolved = False
    gone = am.fire({**DISK, "instance": "db1"})
    am.fire({**DISK, "instance": "db2"})
    am.flush()
    am.resolve(gone.ref)
    driver.advance(5 * 3600)
    am.flush()
    assert [len(group["alerts"]) for group in told(driver)] == [2, 1]


def test_a_restart_keeps_silences_and_what_was_told(driver: AlertmanagerDriver, am: AlertmanagerSimulator) -> None:
    episode = am.fire(DISK)
    am.silence(am.fire({**DISK, "instance": "db2"}).ref)
    am.flush()
    am.restart()
    assert am.control("list", {}) == []
    am.fire(DISK, starts=episode.started)
    assert am.flush() == []
    assert len(am.state.silences) == 1


def test_reports_that_overlap_keep_the_first_start(driver: AlertmanagerDriver, api: httpx.Client) -> None:
    driver.advance(60)
    api.post("/alerts", json=[{"labels": DISK}])
    driver.advance(60)
    api.post("/alerts", json=[{"labels": DISK, "startsAt": "2026-11-23T19:06:37Z"}])
    (alert,) = api.get("/alerts").json()
    assert alert["startsAt"] == "2026-11-23T19:05:37.000Z"
    driver.advance(301)
    assert api.get("/alerts").json() == []


@pytest.mark.parametrize(
    ("alert", "sentence"),
    [
        ({"labels": {}}, "at least one label pair required"),
        ({"labels": {"a": ""}}, "at least one label pair required"),
        ({"labels": {"b-ad": "x"}}, 'invalid label set: invalid name "b-ad"'),
        (
            {"labels": {"a": "b"}, "startsAt": "2026-11-23T07:00:00Z", "endsAt": "2026-11-23T06:00:00Z"},
            "start time must be before end time",
        ),
    ],
)
def test_a_bad_alert_is_refused_and_its_good_neighbour_kept(
    api: httpx.Client, alert: dict[str, Any], sentence: str
) -> None:
    answer = api.post("/alerts", json=[alert, {"labels": DISK}])
    assert (answer.status_code, answer.json()) == (400, sentence)
    assert len(api.get("/alerts").json()) == 1


@pytest.mark.parametrize("query", ["filter=bad%3D%3D%3D", "active=maybe"])
def test_a_question_that_it_cannot_read_is_answered_with_an_empty_list(
    am: AlertmanagerSimulator, api: httpx.Client, query: str
) -> None:
    am.fire(DISK)
    assert api.get(f"/alerts?{query}").json() == []


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ('filter=alertname="DiskFull"', 2),
        ('filter=instance=~"db"', 0),
        ('filter=instance=~"db[12]"&filter=instance!="db1"', 1),
        ("filter=instance!~db.*", 0),
        ("silenced=false", 1),
        ("active=false", 1),
        ("receiver=tie.*", 2),
        ("receiver=tie", 0),
    ],
)
def test_alerts_are_filtered(am: AlertmanagerSimulator, api: httpx.Client, query: str, count: int) -> None:
    am.fire({**DISK, "instance": "db1"})
    am.silence(am.fire({**DISK, "instance": "db2"}).ref)
    pairs = [(name, text) for name, _, text in (pair.partition("=") for pair in query.split("&"))]
    assert len(api.get(f"/alerts?{urlencode(pairs)}").json()) == count


@pytest.mark.parametrize(
    ("method", "path", "status", "answer"),
    [
        ("DELETE", "/silence/00000000-0000-0000-0000-000000000000", 500, "silence not found"),
        ("GET", "/silence/00000000-0000-0000-0000-000000000000", 404, None),
        ("GET", "/silence/x", 422, {"code": 601, "message": 'silenceID in path must be of type uuid: "x"'}),
        ("GET", "/nothing", 404, {"code": 404, "message": "path /api/v2/nothing was not found"}),
    ],
)
def test_what_is_not_there_is_answered_as_the_real_one_does(
    api: httpx.Client, method: str, path: str, status: int, answer: Any
) -> None:
    found = api.request(method, path)
    assert (found.status_code, found.json() if found.content else None) == (status, answer)


def test_a_demo_can_fire_silence_and_resolve_over_http(am: AlertmanagerSimulator, driver: AlertmanagerDriver) -> None:
    with am.serve() as url, httpx.Client(base_url=url, trust_env=False) as http:
        ref = http.post("/_simulator/fire", json={"labels": DISK}).json()["ref"]
        assert http.post("/_simulator/flush", json={}).json() == {"statuses": [200]}
        made = http.post("/_simulator/silence", json={"ref": ref}).json()["silenceID"]
        assert http.post("/_simulator/list", json={}).json()[0]["status"]["silencedBy"] == [made]
        http.post("/_simulator/unsilence", json={"silenceID": made})
        http.post("/_simulator/resolve", json={"ref": ref})
        assert http.post("/_simulator/list", json={}).json() == []
        assert http.post("/_simulator/dance", json={}).status_code == 404
        assert http.get("/-/ready").text == "OK"
        assert http.get("/api/v2/alerts").status_code == 401
    assert len(driver.posted) == 1

"""Deliveries that are refused, or taken in only in part: what the log and the metrics say of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.daemon.conftest import SECRET, Running, eventually
from tests.daemon.test_server import sign

from tieline.core.model import ConnectionName
from tieline.sync.daemon.lane import LaneState

AM = ConnectionName("am")

ALERTS = """\
  am:
    tool: alertmanager
    url: 'http://127.0.0.1:9'
    webhook_token: {env: TIELINE_TEST_HOOK}
"""
PROOF = {"authorization": f"Bearer {SECRET}"}


def alert(**others: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Down", "instance": "a"},
        "annotations": {},
        "startsAt": "2026-11-28T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "0a1b2c3d4e5f6071",
    } | others


def group(*alerts: dict[str, Any], version: str = "4") -> bytes:
    return json.dumps({"receiver": "tieline", "version": version, "alerts": list(alerts)}).encode()


@pytest.mark.parametrize("path", ["/hooks/left", "/hooks/left/"])
def test_a_slash_at_the_end_is_the_same_place(running: Callable[..., Running], path: str) -> None:
    here = running()
    row = here.tools["left"].make({"title": "Disk full", "status": "new"})
    delivery = here.tools["left"].webhook(row.ref)
    assert here.client.post(path, content=delivery.body, headers=dict(delivery.headers)).status_code == 202
    assert here.client.post("/hooks/left//", content=b"{}").status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "status", "words"),
    [
        ("/hooks/am", PROOF, 400, "version '9'"),
        ("/hooks/am", {"authorization": "Bearer nonsense"}, 401, "does not prove"),
        ("/hooks/nobody", {}, 404, "no connection"),
        ("/hooks/am", {**PROOF, "content-encoding": "gzip"}, 415, "content-encoding"),
    ],
)
def test_a_refused_delivery_leaves_a_line_with_its_senders_address(
    running: Callable[..., Running], path: str, headers: dict[str, str], status: int, words: str
) -> None:
    here = running(ALERTS)
    with capture_logs() as logs:
        for _ in range(3):
            assert here.client.post(path, content=group(alert(), version="9"), headers=headers).status_code == status
    [line] = [one for one in logs if one["event"] == "delivery_refused"]
    assert (line["sender"], line["status"], line["times"], line["log_level"]) == ("127.0.0.1", status, 1, "warning")
    assert words in line["reason"]
    assert line["connection"] == ("am" if status != 404 else "unknown")


def test_nobody_writes_a_page_into_the_log(running: Callable[..., Running]) -> None:
    here = running(ALERTS)
    with capture_logs() as logs:
        here.client.post(f"/hooks/{'x' * 20_000}", content=b"{}")
        here.client.post("/hooks/am", content=b"{}", headers={"content-encoding": "y" * 20_000})
    lines = [one for one in logs if one["event"] == "delivery_refused"]
    assert len(lines) == 2
    assert all(len(str(line)) < 500 for line in lines)


def test_a_wrong_proof_tells_the_log_what_it_does_not_tell_the_stranger(running: Callable[..., Running]) -> None:
    here = running(ALERTS)
    with capture_logs() as logs:
        answer = here.client.post("/hooks/am?token=x", content=b"{}")
    assert "address" not in answer.json()["error"]
    [line] = [one for one in logs if one["event"] == "delivery_refused"]
    assert "the token came in the address" in line["reason"]


def test_one_odd_alert_of_a_group_is_said_and_the_source_polled(running: Callable[..., Running]) -> None:
    here = running(ALERTS)
    polled: list[str] = []
    here.daemon.incomplete = polled.append  # type: ignore[method-assign, assignment]  # a double at its one seam
    body = group(alert(), alert(labels={}, fingerprint=None), alert(fingerprint="1a1b2c3d4e5f6071"))
    with capture_logs() as logs:
        assert here.client.post("/hooks/am", content=body, headers=PROOF).status_code == 202
        assert here.client.post("/hooks/am", content=body, headers=PROOF).status_code == 200
    [line] = [one for one in logs if one["event"] == "delivery_unreadable"]
    assert (line["records"], line["of"], line["sender"]) == (1, 3, "127.0.0.1")
    assert "no labels" in line["errors"][0]
    assert polled == ["am", "am"]
    assert 'tieline_unreadable_records_total{connection="am"} 1.0' in here.client.get("/metrics").text


def test_each_kind_of_oddity_in_a_delivery_is_said_once(running: Callable[..., Running]) -> None:
    here = running(ALERTS)
    odd = [alert(labels={}, fingerprint=None, startsAt=f"2026-11-28T10:00:{second:02}Z") for second in range(20)]
    with capture_logs() as logs:
        here.client.post("/hooks/am", content=group(*odd, alert(status="burning")), headers=PROOF)
    [line] = [one for one in logs if one["event"] == "delivery_unreadable"]
    assert line["records"] == 21
    assert line["errors"] == [
        "one without a name: it has no labels (20 times)",
        "Down 0a1b2c3d4e5f6071 {instance=a}: its `status` is 'burning', neither firing nor resolved",
    ]


def test_odd_alerts_of_one_rule_are_told_apart(running: Callable[..., Running]) -> None:
    here = running(ALERTS)
    odd = [alert(fingerprint=None, startsAt="NaN", labels={"alertname": "Down", "instance": one}) for one in "ab"]
    long = alert(startsAt="NaN", labels={"alertname": "Down" * 100, "pod": "p" * 1_000})
    with capture_logs() as logs:
        here.client.post("/hooks/am", content=group(*odd, long, alert()), headers=PROOF)
    [line] = [one for one in logs if one["event"] == "delivery_unreadable"]
    [said] = line["errors"]
    assert (
        said.startswith("Down b095cbba435360b4 {instance=a}, Down b099cbba4357498b ")
        and "{instance=b}, DownDown" in said
    )
    assert " 0a1b2c3d4e5f6071 {pod=ppp" in said and len(said) < 500


def test_a_signed_oddity_of_another_tool_is_said_as_well(running: Callable[..., Running]) -> None:
    here = running()
    row = here.tools["left"].make({"title": "Disk full", "status": "new"})
    body = json.dumps({"id": "d1", "event": "changed", "refs": [row.ref, None]}).encode()
    with capture_logs() as logs:
        assert here.client.post("/hooks/left", content=body, headers=sign(here, body)).status_code == 202
    [line] = [one for one in logs if one["event"] == "delivery_unreadable"]
    assert (line["records"], line["of"]) == (1, 2)


def test_what_alert_rules_count_begins_at_zero_so_that_the_first_one_is_an_increase(
    running: Callable[..., Running],
) -> None:
    here = running(ALERTS)
    told = here.client.get("/metrics").text
    for name in ("left", "right", "am"):
        for outcome in ("401", "503"):
            assert f'tieline_deliveries_total{{connection="{name}",outcome="{outcome}"}} 0.0' in told


def test_a_source_whose_every_delivery_would_be_refused_does_not_work(running: Callable[..., Running]) -> None:
    """Nobody polls it, so that nothing else would ever say so."""
    here = running("  am: {tool: alertmanager, webhook_token: {env: TIELINE_NOBODY_SET_THIS}}\n")
    eventually(lambda: here.daemon.health()[AM].state is LaneState.STOPPED)
    assert "TIELINE_NOBODY_SET_THIS is not set" in here.daemon.lanes[AM].reason


def test_a_source_that_nobody_polls_works_when_its_deliveries_can_be_proved(running: Callable[..., Running]) -> None:
    here = running("  am: {tool: alertmanager, webhook_token: {env: TIELINE_TEST_HOOK}}\n")
    eventually(lambda: here.daemon.health()[AM].state is LaneState.WORKING)

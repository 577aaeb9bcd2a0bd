"""An alert's life, recorded from a real Alertmanager and replayed: the same requests get the same answers.

Record anew with `TIELINE_RECORD=1 pytest tests/adapters/alertmanager/test_cassette.py` after a change on the wire. The
webhooks that the same Alertmanager sends meanwhile are kept beside the cassette.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import vcr
from tests.real.servers import Receiver, alertmanager, receiver

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter, connect
from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import Gone
from tieline.core.model import ConnectionName
from tieline.core.port import Act, Cursor, Token, Workbench

HERE = Path(__file__).parent
CASSETTE = HERE / "cassettes" / "alerts_life.yaml"
PAYLOADS = HERE / "payloads"
RECORD = bool(os.environ.get("TIELINE_RECORD"))
NOW = datetime(2026, 11, 23, 19, 4, 37, tzinfo=UTC)
HOST = "alertmanager.example:9093"

CHECKOUT = {
    "labels": {
        "alertname": "CheckoutErrorRateHigh",
        "service": "checkout",
        "severity": "critical",
        "instance": "checkout-1",
    },
    "annotations": {
        "summary": "9 % of the payments fail",
        "description": "The error ratio of checkout has been above 5 % for 2 minutes.",
    },
    "generatorURL": "http://prometheus.example:9090/graph?g0.expr=checkout_error_ratio+%3E+0.05",
}
DISK = {
    "labels": {"alertname": "DiskWillFill", "service": "billing", "severity": "warning", "instance": "billing-db-1"},
    "annotations": {"summary": "/var on billing-db-1 is full in 4 hours"},
    "generatorURL": "http://prometheus.example:9090/graph?g0.expr=predict_linear",
}


def alerts_life(adapter: AlertmanagerAdapter, begin: Callable[[], None], end: Callable[[], None]) -> list[object]:
    """Check, poll, silence, prolong, release, and the end; what came of it."""
    health = adapter.check()
    (quiet,) = adapter.changes(Cursor(""))
    begin()
    (fires,) = adapter.changes(quiet.cursor)
    alert = next(reading for reading in fires.readings if reading.key == "CheckoutErrorRateHigh")
    same = adapter.read(alert.ref).version == alert.version
    handles = {
        adapter.acknowledge(
            alert.ref, Act.ACKNOWLEDGE, until=NOW + timedelta(hours=hours), note="INC-12", token=Token("t-1")
        )
        for hours in (1, 2)
    }
    (hushed,) = adapter.changes(fires.cursor)
    end()
    (over,) = adapter.changes(hushed.cursor)
    adapter.acknowledge(alert.ref, Act.RESOLVE, until=NOW, note="INC-12", token=Token("t-1"))
    with pytest.raises(Gone):
        adapter.read(alert.ref)
    return [
        health.version,
        len(quiet.readings),
        sorted(reading.key for reading in fires.readings),
        same,
        len(handles),
        [(reading.key, reading.body["status"]["state"]) for reading in hushed.readings],
        [(reading.ref == alert.ref, reading.body["status"]["state"]) for reading in over.readings],
    ]


def test_a_recorded_life_replays(tmp_path: Path) -> None:
    recorder = vcr.VCR(
        filter_headers=["authorization", "host", "user-agent"],
        match_on=["method", "path", "query", "body"],
        before_record_request=_somewhere,
        decode_compressed_response=True,
        record_mode=vcr.mode.ALL if RECORD else vcr.mode.NONE,
    )
    with ExitStack() as stack:
        url, begin, end = _live(stack, tmp_path) if RECORD else ("http://127.0.0.1:9", _nothing, _nothing)
        stack.enter_context(recorder.use_cassette(str(CASSETTE)))
        settings = AlertmanagerSettings.model_validate({"url": url, "receiver": "tieline", "restart_grace": 0})
        bench = Workbench(ManualClock(NOW), lambda _seconds: None)
        told = alerts_life(connect(ConnectionName("am"), settings, bench), begin, end)
    assert told == [
        "Alertmanager 0.25.0",
        0,
        ["CheckoutErrorRateHigh", "DiskWillFill"],
        True,
        1,
        [("CheckoutErrorRateHigh", "suppressed")],
        [(True, "resolved")],
    ]


def _live(stack: ExitStack, directory: Path) -> tuple[str, Callable[[], None], Callable[[], None]]:
    """A real Alertmanager, and what makes alerts begin and end there, without a trace in the recording."""
    hooks, hook = stack.enter_context(receiver())
    server = stack.enter_context(alertmanager(directory, hook))

    def post(*alerts: dict[str, Any], over: bool = False) -> None:
        moment = datetime.now(UTC)
        ends = moment if over else moment + timedelta(hours=1)
        starts = moment - timedelta(minutes=1)
        body = [alert | {"startsAt": starts.isoformat(), "endsAt": ends.isoformat()} for alert in alerts]
        httpx.post(f"{server.url}/api/v2/alerts?unrecorded", json=body, trust_env=False).raise_for_status()

    def begin() -> None:
        post(CHECKOUT, DISK)
        _keep(hooks, server.url, "CheckoutErrorRateHigh", "firing")
        _keep(hooks, server.url, "DiskWillFill", "firing")

    def end() -> None:
        post(CHECKOUT, over=True)

    def resolved() -> None:
        # The silence kept this end from being told: told now, by an alert of its own.
        post(CHECKOUT)
        post(CHECKOUT, over=True)
        _keep(hooks, server.url, "CheckoutErrorRateHigh", "resolved")

    stack.callback(resolved)
    return server.url, begin, end


def _keep(hooks: Receiver, url: str, name: str, status: str) -> None:
    """Write one webhook down, with an address that is nobody's."""
    body = json.loads(hooks.about(f'"alertname":"{name}"', f'"status":"{status}"').body)
    text = json.dumps(body, indent=2, ensure_ascii=False).replace(url, f"http://{HOST}")
    PAYLOADS.mkdir(parents=True, exist_ok=True)
    (PAYLOADS / f"{name}-{status}.json").write_text(text + "\n", encoding="utf-8")


def _nothing() -> None:
    """On replay, what happens is in the recording."""


def _somewhere(request: Any) -> Any:
    """The same address in every recording; nothing of what only the recording asks."""
    if request.uri.endswith("?unrecorded"):
        return None
    request.uri = urlsplit(request.uri)._replace(netloc=HOST).geturl()
    return request

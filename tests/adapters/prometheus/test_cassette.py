"""An alert's life, recorded from a real Prometheus and replayed: the same requests get the same answers.

Record anew with `TIELINE_RECORD=1 pytest tests/adapters/prometheus/test_cassette.py` after a change on the wire.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import vcr
from tests.real.servers import exporter, prometheus, until

from tieline.adapters.prometheus.adapter import PrometheusAdapter, connect
from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.adapters.testing.clock import ManualClock
from tieline.core.errors import Gone, Rejected
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Workbench

CASSETTE = Path(__file__).parent / "cassettes" / "alerts_life.yaml"
RECORD = bool(os.environ.get("TIELINE_RECORD"))


def alerts_life(adapter: PrometheusAdapter, begin: Callable[[], None], end: Callable[[], None]) -> list[object]:
    """Check, poll while nothing fires, while an alert does and after its end, and a query; what came of it."""
    health = adapter.check()
    (quiet,) = adapter.changes(Cursor(""))
    begin()
    (fires,) = adapter.changes(quiet.cursor)
    (alert,) = fires.readings
    same = adapter.read(alert.ref) == alert
    found = adapter.query("trouble > 0")
    end()
    (over,) = adapter.changes(fires.cursor)
    with pytest.raises(Gone):
        adapter.read(alert.ref)
    with pytest.raises(Rejected) as refused:
        adapter.query("up{")
    return [
        health.version.split(".")[0],
        len(quiet.readings),
        (alert.key, alert.body["labels"]["host"], alert.body["annotations"]["summary"], same),
        [(sample.labels["host"], sample.value) for sample in found.samples],
        [(reading.ref == alert.ref, reading.body["state"]) for reading in over.readings],
        "parse error" in str(refused.value),
    ]


def test_a_recorded_life_replays(tmp_path: Path) -> None:
    recorder = vcr.VCR(
        filter_headers=["authorization", "host", "user-agent"],
        match_on=["method", "path", "query"],
        before_record_request=_somewhere,
        before_record_response=lambda response: _anywhere(response, tmp_path),
        decode_compressed_response=True,
        record_mode=vcr.mode.ALL if RECORD else vcr.mode.NONE,
    )
    with ExitStack() as stack:
        url, begin, end = _live(stack, tmp_path) if RECORD else ("http://127.0.0.1:9", _nothing, _nothing)
        stack.enter_context(recorder.use_cassette(str(CASSETTE)))
        settings = PrometheusSettings.model_validate({"url": url, "restart_grace": 0})
        bench = Workbench(ManualClock(), lambda _seconds: None)
        told = alerts_life(connect(ConnectionName("prom"), settings, bench), begin, end)
    assert told == [
        "Prometheus 2",
        0,
        ("Trouble", "db1", "db1 is in trouble", True),
        [("db1", 1.0)],
        [(True, "inactive")],
        True,
    ]


def _live(stack: ExitStack, directory: Path) -> tuple[str, Callable[[], None], Callable[[], None]]:
    """A real Prometheus, and what makes an alert begin and end there, without a trace in the recording."""
    metrics, scraped = stack.enter_context(exporter())
    server = stack.enter_context(prometheus(directory, scraped))

    def firing() -> bool:
        return '"firing"' in httpx.get(f"{server.url}/api/v1/alerts?unrecorded", trust_env=False).text

    def begin() -> None:
        metrics.hosts["db1"] = 1
        until("the alert fires", firing)

    def end() -> None:
        metrics.hosts.clear()
        until("the alert has ended", lambda: not firing())

    return server.url, begin, end


def _nothing() -> None:
    """On replay, what happens is in the recording."""


def _somewhere(request: Any) -> Any:
    """The same address in every recording; nothing of what only the recording asks."""
    if request.uri.endswith("?unrecorded"):
        return None
    request.uri = urlsplit(request.uri)._replace(netloc="prometheus.example:9090").geturl()
    return request


def _anywhere(response: Any, directory: Path) -> Any:
    """No directory of the machine that recorded."""
    body = response["body"]["string"].replace(str(directory).encode(), b"/etc/prometheus")
    response["body"]["string"] = body
    response["headers"]["Content-Length"] = [str(len(body))]
    return response

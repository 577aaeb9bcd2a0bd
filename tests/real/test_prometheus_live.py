"""The Prometheus adapter against the real one, alone and with an Alertmanager behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.real.servers import Exporter, Receiver, Server, alertmanager, exporter, prometheus, receiver, until

from tieline.adapters.alertmanager.adapter import connect as connect_alertmanager
from tieline.adapters.alertmanager.settings import AlertmanagerSettings
from tieline.adapters.prometheus.adapter import PrometheusAdapter, connect
from tieline.adapters.prometheus.promql import selector
from tieline.adapters.prometheus.settings import PrometheusSettings
from tieline.core.clock import SystemClock
from tieline.core.errors import Gone, Rejected, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Reading, Source, Workbench

pytestmark = [pytest.mark.real, pytest.mark.slow]

BENCH = Workbench(SystemClock(), lambda _seconds: None)


@dataclass
class Live:
    """Prometheus, what it scrapes, the Alertmanager behind it, and who hears that one."""

    server: Server
    metrics: Exporter
    alertmanager: Server
    hooks: Receiver

    def connect(self, **others: object) -> PrometheusAdapter:
        given: dict[str, object] = {"url": self.server.url, "restart_grace": 0}
        return connect(ConnectionName("prom"), PrometheusSettings.model_validate(given | others), BENCH)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with (
        receiver() as (hooks, hook),
        exporter() as (metrics, scraped),
        alertmanager(tmp_path_factory.mktemp("am"), hook) as behind,
        prometheus(tmp_path_factory.mktemp("prom"), scraped, behind.url) as server,
    ):
        yield Live(server, metrics, behind, hooks)


@pytest.fixture
def adapter(live: Live) -> PrometheusAdapter:
    return live.connect()


def poll(source: Source, since: Cursor | None) -> tuple[list[Reading], Cursor]:
    found: list[Reading] = []
    cursor = since
    for page in source.changes(since):
        found.extend(page.readings)
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


def firing(source: Source, since: Cursor, host: str) -> tuple[Reading, Cursor]:
    """Waits until an alert of this host is told."""

    def look() -> tuple[Reading, Cursor] | None:
        found, cursor = poll(source, since)
        mine = [one for one in found if one.body.get("labels", {}).get("host") == host]
        return (mine[0], cursor) if mine else None

    told: tuple[Reading, Cursor] = until(f"an alert of {host}", look)
    return told


def ended(source: Source, since: Cursor, ref: str) -> Reading:
    """Waits until the end of this episode is told."""

    def look() -> Reading | None:
        return next((one for one in poll(source, since)[0] if one.ref == ref and one.version == "ended"), None)

    told: Reading = until(f"the end of {ref}", look)
    return told


def test_an_alert_begins_and_ends_with_its_condition(live: Live, adapter: PrometheusAdapter) -> None:
    _, start = poll(adapter, Cursor(""))
    live.metrics.hosts["db1"] = 1
    began, cursor = firing(adapter, start, "db1")
    assert began.body["annotations"] == {"summary": "db1 is in trouble"}
    assert adapter.read(began.ref) == began
    assert poll(adapter, cursor)[0] == []
    del live.metrics.hosts["db1"]
    over = ended(adapter, cursor, began.ref)
    assert over.body["state"] == "inactive"
    with pytest.raises(Gone):
        adapter.read(began.ref)


def test_an_alert_reaches_us_through_alertmanager_as_well(live: Live, adapter: PrometheusAdapter) -> None:
    settings = AlertmanagerSettings.model_validate({"url": live.alertmanager.url, "restart_grace": 0})
    behind = connect_alertmanager(ConnectionName("am"), settings, BENCH)
    _, start = poll(behind, Cursor(""))
    live.metrics.hosts["db2"] = 1
    polled, cursor = firing(behind, start, "db2")
    delivery = live.hooks.about('"host":"db2"', '"status":"firing"')
    assert [hint.ref for hint in behind.parse(delivery).hints] == [polled.ref]
    # What Prometheus itself calls the moment is the moment it was first pending; here, without `for`, the same one.
    direct, _ = firing(adapter, Cursor(""), "db2")
    assert direct.body["labels"] == polled.body["labels"]
    del live.metrics.hosts["db2"]
    over = behind.parse(live.hooks.about('"host":"db2"', '"status":"resolved"'))
    assert over.hints[0].reading is not None
    assert over.hints[0].reading.version == ended(behind, cursor, polled.ref).version


def test_a_query_answers_what_the_exporter_says(live: Live, adapter: PrometheusAdapter) -> None:
    host = 'Zürich "} or vector(1) \\'
    text = selector("trouble", {"host": host})
    assert adapter.query(text).samples == ()
    live.metrics.hosts[host] = 0.5
    found = until("the series", lambda: adapter.query(text).samples)
    assert [sample.value for sample in found] == [0.5]
    assert [sample.value for sample in adapter.query("scalar(vector(7))").samples] == [7.0]
    with pytest.raises(Rejected, match="parse error"):
        adapter.query("up{")
    with pytest.raises(Rejected, match="answers a matrix"):
        adapter.query("up[1m]")


def test_a_restart_or_an_empty_configuration_ends_nothing(tmp_path: Path) -> None:
    with exporter() as (metrics, scraped), prometheus(tmp_path, scraped) as server:
        live = Live(server, metrics, server, Receiver())
        metrics.hosts["db3"] = 1
        began, cursor = firing(live.connect(), Cursor(""), "db3")
        (tmp_path / "rules.yml").write_text('{"groups": []}')
        assert httpx.post(f"{server.url}/-/reload", trust_env=False).status_code == 200
        until("no alert is left", lambda: not httpx.get(f"{server.url}/api/v1/alerts").json()["data"]["alerts"])
        assert poll(live.connect(), cursor) == ([], cursor)
        with pytest.raises(TryAgain, match="no alerting rules"):
            live.connect().read(began.ref)
        assert "no alerting rules" in live.connect().check().notes[0]
        server.stop()
        server.start()
        assert poll(live.connect(restart_grace=timedelta(minutes=10)), cursor) == ([], cursor)


def test_check_tells_the_version_and_the_clock(live: Live) -> None:
    health = live.connect().check()
    assert health.version.startswith("Prometheus 2.")
    assert health.clock_skew is not None
    assert abs(health.clock_skew) < timedelta(seconds=30)
    assert "restored" in live.connect(restart_grace=3600).check().notes[0]

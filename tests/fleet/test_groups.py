"""Two sources of alerts, served by two workers at one moment: alerts that belong together open one incident."""

import json
import threading
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import select, text
from tests.daemon.conftest import eventually

from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.core.config import load_workspace
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync.daemon.daemon import Daemon

pytestmark = pytest.mark.xdist_group("fleet")

GROUPS = 60
SOURCES = ("east", "west")


def notification(source, group):
    alert = {
        "status": "firing",
        "labels": {"alertname": "DiskFull", "service": f"service-{group}", "region": source},
        "annotations": {"summary": "disk full"},
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.net/graph",
        "fingerprint": f"{abs(hash((source, group))) % 2**64:016x}",
    }
    return {
        "version": "4",
        "groupKey": f"{source}-{group}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "tieline",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.net",
        "alerts": [alert],
    }


@pytest.fixture
def two(tmp_path, postgres_database, monkeypatch):
    monkeypatch.setenv("TIELINE_TEST_STORE", postgres_database)
    monkeypatch.setenv("TIELINE_TEST_HOOK", "a token")
    with AlertmanagerSimulator().serve() as address:
        lines = ["tieline: 1", "store: {env: TIELINE_TEST_STORE}", "server: {listen: '127.0.0.1:0'}"]
        lines += ["plugins: {grouping: {by: [service]}}", "poll_every: 1h", "stop_within: 5s", "connections:"]
        for source in SOURCES:
            lines += [f"  {source}:", "    tool: alertmanager", f"    url: {address}"]
            lines += ["    webhook_token: {env: TIELINE_TEST_HOOK}"]
        file = tmp_path / "tieline.yaml"
        file.write_text("\n".join(lines))
        workers = [Daemon(lambda: load_workspace(file)) for _ in SOURCES]
        for worker in workers:
            worker.start()
        try:
            yield workers
        finally:
            for worker in workers:
                worker.stop()


def test_alerts_that_belong_together_open_one_incident_whichever_workers_see_them(two, postgres_database):
    start = threading.Barrier(len(SOURCES))

    def send(worker, source):
        with httpx.Client(trust_env=False, headers={"authorization": "Bearer a token"}) as client:
            start.wait()
            for group in range(GROUPS):
                body = json.dumps(notification(source, group))
                assert client.post(f"{worker.address}/hooks/{source}", content=body).status_code == 202

    threads = [threading.Thread(target=send, args=pair) for pair in zip(two, SOURCES, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store.open(postgres_database) as store:

        def count(query):
            with store.read() as connection:
                return connection.execute(query).scalar_one()

        eventually(lambda: count(text("SELECT count(*) FROM signal")) == GROUPS * len(SOURCES))
        assert count(text("SELECT count(*) FROM incident")) == GROUPS
        with store.read() as connection:
            together = connection.execute(select(t.signal.c.group_key, t.signal.c.incident_id)).all()
    assert len({row.group_key for row in together}) == len(set(together)) == GROUPS

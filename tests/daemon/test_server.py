"""What comes in over HTTP: the good, the forged, the oversize and the strange."""

import gzip
import socket
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, update
from tests.daemon.conftest import eventually

from tieline.core.errors import TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Received
from tieline.core.store import tables as t
from tieline.sync import explain
from tieline.sync.intake.intake import Intake
from tieline.sync.intake.server import Refused, _understand

pytestmark = pytest.mark.slow


def incidents(daemon):
    with daemon.engine.store.read() as connection:
        return explain.incidents(connection)


def test_a_webhook_brings_a_record_across_without_waiting_for_the_poll(running):
    here = running()
    row = here.tools["left"].make({"title": "Disk full", "status": "new"})
    answer = here.hook("left", row.ref)
    assert answer.status_code == 202
    eventually(lambda: len(here.tools["right"].rows()) == 1)


def test_the_same_delivery_twice_is_stored_once(running):
    here = running()
    row = here.tools["left"].make({"title": "Disk full", "status": "new"})
    delivery = here.tools["left"].webhook(row.ref)
    first = here.client.post("/hooks/left", content=delivery.body, headers=dict(delivery.headers))
    again = here.client.post("/hooks/left", content=delivery.body, headers=dict(delivery.headers))
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == {"stored": False}


def test_a_forged_delivery_is_refused_and_nothing_is_stored(running):
    here = running()
    row = here.tools["left"].make({"title": "Disk full", "status": "new"})
    delivery = here.tools["left"].webhook(row.ref)
    forged = delivery.body.replace(b"changed", b"chanted")
    answer = here.client.post("/hooks/left", content=forged, headers=dict(delivery.headers))
    assert answer.status_code == 401
    assert "secret" in answer.json()["error"]
    assert 'tieline_deliveries_total{connection="left",outcome="401"} 1.0' in here.client.get("/metrics").text


@pytest.mark.parametrize("path", ["/hooks/nobody", "/hooks/..%2f..%2fetc", "/hooks/LEFT"])
def test_an_unknown_connection_is_named_as_such(running, path):
    answer = running().client.post(path, content=b"{}")
    assert answer.status_code == 404


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(running):
    here = running()
    announced = here.client.post("/hooks/left", content=b"x" * 70_000)
    assert announced.status_code == 413
    chunked = here.client.post("/hooks/left", content=(b"x" * 1000 for _ in range(100)))
    assert chunked.status_code == 413


def test_a_compressed_body_is_refused_unopened(running):
    bomb = gzip.compress(b"0" * 10_000_000)
    answer = running().client.post("/hooks/left", content=bomb, headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


def sign(here, body):
    import time

    from tests.daemon.conftest import SECRET

    from tieline.adapters.memory.tool import SIGNATURE
    from tieline.adapters.memory.tool import sign as digest

    at = int(time.time())
    return {SIGNATURE: f"t={at},v1={digest(SECRET, at, body)}"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b'{"id": NaN}',
        b"[" * 2000,
        b"[" * 100 + b"]" * 100,
        b"[]",
        b'{"id": 1}',
        b'{"id": "\\ud800"}',
        b"null",
        b'{"a": ' + b"9" * 50_000 + b"}",
    ],
)
def test_what_is_signed_and_still_nonsense_is_answered_with_a_sentence(running, body):
    here = running()
    answer = here.client.post("/hooks/left", content=body, headers=sign(here, body))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("not what memory sends: ")
    assert not any(word in answer.json()["error"] for word in ("column", "char ", "surrogate"))
    assert here.client.get("/readyz").status_code == 200


def test_a_body_that_stops_in_the_middle_harms_nobody(running):
    here = running()
    host, port = here.daemon.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /hooks/left HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert here.client.get("/healthz").status_code == 200


def test_health_readiness_and_metrics_answer(running):
    here = running()
    assert here.client.get("/healthz").text == "alive\n"
    ready = here.client.get("/readyz").json()
    assert ready["ready"]
    assert set(ready["connections"]) == {"left", "right"}
    metrics = here.client.get("/metrics").text
    for name in (
        "tieline_inbox",
        "tieline_parked",
        "tieline_conflicts",
        "tieline_budget_calls",
        "tieline_store_up 1.0",
    ):
        assert name in metrics


def test_a_full_queue_answers_503_with_the_time_to_come_back(running):
    here = running()
    row = here.tools["left"].make({"title": "Disk full", "status": "new"})
    whole, stuck = here.daemon.intake, Intake(here.daemon.engine, size=1)
    stuck.submit(ConnectionName("left"), Received("waits", ()))
    here.daemon.intake = stuck
    answer = here.hook("left", row.ref)
    here.daemon.intake = whole
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert here.hook("left", row.ref).status_code == 202


EVENTS = """
  events:
    tool: webhook
    mapping: cloudevents-alert
    webhook_tokens: [{env: TIELINE_TEST_HOOK}]
    origins: [eventgrid.azure.net]
"""


def test_who_asks_whether_it_may_send_is_answered_where_a_connection_says_so(running):
    here = running(EVENTS)
    asked = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    answer = here.client.options("/hooks/events", headers=asked)
    assert (answer.status_code, answer.headers["webhook-allowed-origin"]) == (200, "eventgrid.azure.net")
    others = {"WebHook-Request-Origin": "evil.example"}
    for name, headers in (("events", others), ("left", asked), ("nobody", asked), ("events", {})):
        assert here.client.options(f"/hooks/{name}", headers=headers).status_code == 405


class Unready:
    """What proves its deliveries is still on its way."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        raise TryAgain("left", "the certificate is not known yet", wait=timedelta(seconds=5))

    def parse(self, delivery: Delivery) -> Received:
        raise AssertionError("nothing is read of what is not proved")


def test_a_delivery_whose_proof_is_still_being_fetched_is_asked_for_again(running):
    here = running()
    engine = here.daemon.engine
    with pytest.raises(Refused) as caught:
        _understand(engine.connections[ConnectionName("left")], Unready(), Delivery({}, b"{}"), engine)
    assert (caught.value.status, caught.value.wait) == (503, timedelta(seconds=5))


def test_a_store_that_is_held_by_another_process_answers_503_and_recovers(running):
    import sqlite3

    here = running()
    row = here.tools["left"].make({"title": "Disk full", "status": "new"})
    other = sqlite3.connect(here.folder / "tieline.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    answer = here.hook("left", row.ref)
    other.execute("ROLLBACK")
    other.close()
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert here.hook("left", row.ref).status_code == 202


def test_what_is_restricted_is_in_no_gauge(running):
    here = running()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    store = here.daemon.engine.store

    def linked() -> int:
        with store.read() as connection:
            return list(connection.execute(select(t.replica.c.state)).scalars()).count("linked")

    # A record is there before the lane that made it has written down that it is.
    eventually(lambda: linked() == 2)
    with store.write() as tx:
        row = {"connection": "left", "asked": 0, "received_at": here.daemon.engine.clock.now(), "parked": "unreadable"}
        tx.execute(insert(t.inbox), {**row, "ref": "of-nobody"})
    gauges = ('tieline_parked{kind="replica"}', 'tieline_parked{kind="inbox"}', "tieline_conflicts")

    def told() -> list[float]:
        lines = here.client.get("/metrics").text.splitlines()
        return [float(line.rpartition(" ")[2]) for gauge in gauges for line in lines if line.startswith(f"{gauge} ")]

    def parked() -> bool:
        with store.write() as tx:
            tx.execute(update(t.replica).values(state="parked", parked="no right", waits=True))
        return told() == [2.0, 1.0, 2.0]

    eventually(parked)  # a lane that had begun with one of them writes it as it knows it
    with store.write() as tx:
        tx.execute(update(t.incident).values(restricted=True, label="RES-BCDFGH"))
    assert told() == [0.0, 1.0, 0.0]

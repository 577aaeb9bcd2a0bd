"""Deliveries of a Business Rule: proved from the raw bytes, rotated, sent late and twice."""

from __future__ import annotations

import base64
import queue
import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tieline.adapters.servicenow.simulated.courier import Webhook, message
from tieline.adapters.servicenow.simulated.driver import WEBHOOK_SECRET, ServiceNowDriver
from tieline.adapters.servicenow.webhook import SHARED, SIGNATURE, TIMESTAMP
from tieline.core.errors import Forged
from tieline.core.port import Delivery
from tieline.core.secrets import Secret


def test_a_signature_may_come_in_hex_or_in_base64(driver: ServiceNowDriver) -> None:
    adapter, delivery = driver.connect(), driver.delivery(driver.make("disk full"))
    adapter.verify(delivery, driver.now())
    mac = base64.b64decode(delivery.headers[SIGNATURE].removeprefix("sha256="))
    adapter.verify(replace(delivery, headers={**delivery.headers, SIGNATURE: f"sha256={mac.hex()}"}), driver.now())


def test_a_signature_made_by_another_tool_is_understood(driver: ServiceNowDriver) -> None:
    """Made with: printf '1700000000.{"table": "incident"}' | openssl dgst -sha256 -hmac 'a known secret'"""
    mac = "3728a74d14d6a6ecbdfedae1b9c93db897dd6374f7600819a8e6ccd527f9465a"
    headers = {SIGNATURE: f"sha256={mac}", TIMESTAMP: "1700000000"}
    adapter = driver.connect(webhook_secret=Secret.literal("a known secret"))
    adapter.verify(Delivery(headers, b'{"table": "incident"}'), datetime.fromtimestamp(1700000000, UTC))


def test_base64_with_other_unused_bits_is_forged(driver: ServiceNowDriver) -> None:
    delivery = driver.delivery(driver.make("disk full"))
    signature = delivery.headers[SIGNATURE]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = f"{signature[:-2]}{alphabet[alphabet.index(signature[-2]) ^ 1]}="
    assert base64.b64decode(twin[7:]) == base64.b64decode(signature[7:])
    with pytest.raises(Forged):
        driver.connect().verify(replace(delivery, headers={**delivery.headers, SIGNATURE: twin}), driver.now())


def test_a_retired_secret_is_taken_while_the_rotation_lasts(driver: ServiceNowDriver) -> None:
    delivery = driver.delivery(driver.make("disk full"))
    new = Secret.literal("the next secret")
    driver.connect(webhook_secret=new, retired_webhook_secret=Secret.literal(WEBHOOK_SECRET)).verify(
        delivery, driver.now()
    )
    with pytest.raises(Forged):
        driver.connect(webhook_secret=new).verify(delivery, driver.now())


@pytest.mark.parametrize("secret", [None, Secret.literal("")])
@pytest.mark.parametrize("proof", ["signature", "shared_secret"])
def test_without_a_secret_every_delivery_is_forged(driver: ServiceNowDriver, secret: Secret | None, proof: str) -> None:
    row = driver.simulator.control("get", {"record": driver.make("disk full")})
    headers, body = message(row, "incident", "", int(driver.now().timestamp()), shared=proof == "shared_secret")
    adapter = driver.connect(webhook_secret=secret, webhook_proof=proof)
    with pytest.raises(Forged, match=r"`webhook_secret` is"):
        adapter.verify(Delivery(headers, body), driver.now())
    with pytest.raises(Forged):
        adapter.verify(Delivery({}, body), driver.now())


def test_a_shared_secret_proves_where_scripts_may_not_sign(driver: ServiceNowDriver) -> None:
    adapter = driver.connect(webhook_proof="shared_secret")
    row = driver.simulator.control("get", {"record": driver.make("disk full")})
    headers, body = message(row, "incident", WEBHOOK_SECRET, 0, shared=True)
    adapter.verify(Delivery(headers, body), driver.now())
    with pytest.raises(Forged):
        adapter.verify(Delivery({**headers, SHARED: WEBHOOK_SECRET[:-1]}, body), driver.now())


def test_a_shared_secret_does_not_do_where_a_signature_is_asked_for(driver: ServiceNowDriver) -> None:
    row = driver.simulator.control("get", {"record": driver.make("disk full")})
    headers, body = message(row, "incident", WEBHOOK_SECRET, int(driver.now().timestamp()), shared=True)
    with pytest.raises(Forged):
        driver.connect().verify(Delivery(headers, body), driver.now())


def test_two_changes_in_one_second_are_two_deliveries(driver: ServiceNowDriver) -> None:
    adapter, ref = driver.connect(), driver.make("disk full")
    first = adapter.parse(driver.delivery(ref))
    driver.touch(ref)
    assert adapter.parse(driver.delivery(ref)).delivery_id != first.delivery_id


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"table": "problem", "sys_id": "0123456789abcdef"}', "about table 'problem'"),
        (b'{"table": "incident", "sys_id": "../sys_user"}', "no usable `sys_id`"),
        (b'{"table": "incident"}', "no usable `sys_id`"),
        (b"[1]", "no JSON object"),
    ],
)
def test_what_is_not_about_an_incident_is_refused_with_a_sentence(
    driver: ServiceNowDriver, body: bytes, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        driver.connect().parse(Delivery({}, body))


def test_the_simulator_tells_of_each_change_over_http_as_often_as_it_is_told(driver: ServiceNowDriver) -> None:
    heard: queue.Queue[Delivery] = queue.Queue()

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.put(Delivery({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Ear) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/hooks"
        driver.simulator.announce_to(Webhook(url, WEBHOOK_SECRET, copies=2, delay=0.01))
        try:
            ref = driver.make("disk full")
            driver.touch(ref)
            deliveries = [heard.get(timeout=20) for _ in range(4)]
        finally:
            driver.simulator.announce_to(None)
            server.shutdown()
            thread.join()
    adapter = driver.connect()
    for delivery in deliveries:
        adapter.verify(delivery, driver.now())
    received = [adapter.parse(delivery) for delivery in deliveries]
    assert {hint.ref for each in received for hint in each.hints} == {ref}
    assert len({each.delivery_id for each in received}) == 2

"""The webhook: who proves to be Alertmanager, and what a group says of each alert."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter
from tieline.adapters.alertmanager.simulated.driver import HOOK_TOKEN, AlertmanagerDriver
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.testing.driver import MISSING
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.port import Cursor, Delivery
from tieline.core.secrets import Secret

DISK = {"alertname": "DiskFull", "service": "billing", "severity": "critical"}
RECORDED = Path(__file__).parent / "payloads"


def group(*alerts: dict[str, Any], **others: Any) -> Delivery:
    told = {
        "receiver": "tieline",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://am:9093",
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
    }
    return Delivery({}, json.dumps(told | others).encode())


def alert(**others: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Disk", "host": "a", "team": "capped"},
        "annotations": {},
        "startsAt": "2026-11-23T07:04:28.536987734Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": "401a48e410d86ef2",
    } | others


def test_an_alert_has_one_ref_and_version_whichever_way_it_came(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    am.fire(DISK, {"summary": "95 %"}, generator="http://prometheus:9090/graph")
    am.flush()
    (hint,) = adapter.parse(driver.posted[0]).hints
    (page,) = adapter.changes(Cursor(""))
    (polled,) = page.readings
    assert hint.reading is not None
    assert (hint.ref, hint.reading.version) == (polled.ref, polled.version)
    extra = {"externalURL", "groupKey", "receiver"}
    assert {name: value for name, value in hint.reading.body.items() if name not in extra} == polled.body


def test_each_alert_of_a_mixed_group_has_its_own_state(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    first = am.fire({**DISK, "instance": "db1"})
    second = am.fire({**DISK, "instance": "db2"})
    am.flush()
    driver.advance(30)
    am.resolve(first.ref)
    am.flush()
    told = json.loads(driver.posted[1].body)
    received = adapter.parse(driver.posted[1])
    found = {hint.ref: hint.reading.body for hint in received.hints if hint.reading is not None}
    assert told["status"] == "firing"
    assert found[first.ref]["status"]["state"] == "resolved"
    assert found[first.ref]["endsAt"] == "2026-11-23T19:05:07.000Z"
    assert found[second.ref]["status"]["state"] == "active"
    assert found[second.ref]["endsAt"] is None


def test_a_repeat_has_the_id_of_the_first_delivery(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    episode = am.fire(DISK)
    am.flush()
    driver.advance(5 * 3600)
    am.flush()
    am.resolve(episode.ref)
    am.flush()
    first, repeat, over = (adapter.parse(delivery).delivery_id for delivery in driver.posted)
    assert first == repeat != over


def test_the_next_episode_of_an_alert_has_another_id(adapter: AlertmanagerAdapter) -> None:
    first = adapter.parse(group(alert())).delivery_id
    assert adapter.parse(group(alert(startsAt="2026-11-23T07:09:28Z"))).delivery_id != first


def test_what_a_group_left_out_makes_it_incomplete(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    am.webhook.max_alerts = 2
    for number in range(3):
        am.fire({**DISK, "instance": f"db{number}"})
    am.flush()
    received = adapter.parse(driver.posted[0])
    assert (len(received.hints), received.incomplete) == (2, True)


@pytest.mark.parametrize(
    ("truncated", "is_incomplete"), [(1, True), (0, False), (-1, False), (None, False), ("1", False), ([], False)]
)
def test_how_many_a_group_left_out_is_a_number(
    adapter: AlertmanagerAdapter, truncated: object, is_incomplete: bool
) -> None:
    assert adapter.parse(group(alert(), truncatedAlerts=truncated)).incomplete is is_incomplete


def test_the_nanoseconds_of_a_webhook_are_cut_as_the_api_cuts_them(adapter: AlertmanagerAdapter) -> None:
    (hint,) = adapter.parse(group(alert())).hints
    assert hint.ref == "401a48e410d86ef2@2026-11-23T07:04:28.536Z"


@pytest.mark.parametrize(
    ("generator", "shown"),
    [
        ("http://prometheus:9090/graph", "http://prometheus:9090/graph"),
        ("javascript:alert(1)", "http://am:9093"),
        ("?orgId=1", "http://am:9093"),
    ],
)
def test_only_a_web_address_becomes_a_link(adapter: AlertmanagerAdapter, generator: str, shown: str) -> None:
    (hint,) = adapter.parse(group(alert(generatorURL=generator))).hints
    assert hint.reading is not None
    assert hint.reading.url == shown


@pytest.mark.parametrize(
    ("delivery", "sentence"),
    [
        (group(version="5"), "4 .Alertmanager and Mimir. and 1 .Grafana."),
        (group(version=None), "version 'None'"),
        (Delivery({}, b'{"evalMatches": [], "state": "alerting"}'), "Grafana's legacy alerting"),
        (group(alerts="none"), "a list of `alerts`"),
        (Delivery({}, b"null"), "a list of `alerts`"),
        (Delivery({}, b"7"), "a list of `alerts`"),
        (Delivery({}, b'["evalMatches"]'), "a list of `alerts`"),
        (Delivery({}, b"<html>"), "is JSON"),
    ],
)
def test_what_alertmanager_never_sends_is_refused_with_a_sentence(
    adapter: AlertmanagerAdapter, delivery: Delivery, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        adapter.parse(delivery)


def authorized(header: str) -> Delivery:
    return Delivery({"authorization": header}, b"{}")


def test_a_bearer_token_proves_a_delivery_in_any_case_of_its_scheme(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver
) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        adapter.verify(authorized(f"{scheme} {HOOK_TOKEN}"), driver.now())
    with pytest.raises(Forged):
        adapter.verify(authorized(HOOK_TOKEN), driver.now())


def test_a_user_proves_a_delivery(driver: AlertmanagerDriver) -> None:
    adapter = driver.connect(webhook_token=None, webhook_username="am", webhook_password=Secret.literal("pä:ss"))
    header = "Basic " + base64.b64encode("am:pä:ss".encode()).decode()
    adapter.verify(authorized(header), driver.now())
    with pytest.raises(Forged):
        adapter.verify(authorized("Basic " + base64.b64encode(b"am:").decode()), driver.now())


def test_an_empty_password_proves_nothing(driver: AlertmanagerDriver) -> None:
    adapter = driver.connect(webhook_token=None, webhook_username="am", webhook_password=Secret.literal(""))
    with pytest.raises(Forged):
        adapter.verify(authorized("Basic " + base64.b64encode(b"am:").decode()), driver.now())


def test_grafana_may_sign_the_body_alone_and_with_any_of_two_secrets(driver: AlertmanagerDriver) -> None:
    secrets = (Secret.literal("the new one"), Secret.literal("the old one"))
    adapter = driver.connect(webhook_token=None, webhook_secrets=secrets)
    for secret in ("the new one", "the old one"):
        proof = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
        adapter.verify(Delivery({"x-grafana-alerting-signature": proof}, b"{}"), driver.now())
        with pytest.raises(Forged):
            adapter.verify(Delivery({"x-grafana-alerting-signature": proof}, b"{} "), driver.now())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"webhook_secrets": [Secret.literal("one")]}, "a signature says more"),
        ({"webhook_timestamp_header": "X-Time"}, "belongs to `webhook_secrets`"),
        ({"webhook_timestamp_header": "X Time:"}, "write the header's name alone"),
    ],
)
def test_half_of_a_signature_is_refused(driver: AlertmanagerDriver, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        driver.settings(**options)


def test_a_retired_token_is_taken_while_a_rotation_lasts(driver: AlertmanagerDriver) -> None:
    adapter = driver.connect(retired_webhook_token=Secret.literal("old-token"))
    adapter.verify(authorized("Bearer old-token"), driver.now())
    adapter.verify(authorized(f"Bearer {HOOK_TOKEN}"), driver.now())


@pytest.mark.parametrize(
    ("headers", "query", "sentence"),
    [
        ({}, {"token": HOOK_TOKEN}, "the token came in the address"),
        ({}, {"secret": HOOK_TOKEN}, "does not prove this delivery"),
        ({"authorization": "Bearer wrong"}, {"token": HOOK_TOKEN}, "does not prove this delivery"),
        ({}, {}, "does not prove this delivery"),
    ],
)
def test_what_does_not_prove_a_delivery_is_said(
    adapter: AlertmanagerAdapter,
    driver: AlertmanagerDriver,
    headers: dict[str, str],
    query: dict[str, str],
    sentence: str,
) -> None:
    with pytest.raises(Forged, match=sentence):
        adapter.verify(Delivery(headers, b"{}", query), driver.now())


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic "])
@pytest.mark.parametrize("token", [None, Secret.literal("")])
def test_without_a_secret_no_delivery_is_taken(driver: AlertmanagerDriver, token: Secret | None, header: str) -> None:
    with pytest.raises(Forged, match="neither `webhook_token` nor `webhook_password` is set"):
        driver.connect(webhook_token=token).verify(authorized(header), driver.now())


def test_what_a_group_does_not_tell_of_itself_is_empty(adapter: AlertmanagerAdapter) -> None:
    (hint,) = adapter.parse(group(alert(), externalURL=None, receiver=None, groupKey=None)).hints
    assert hint.reading is not None
    assert (hint.reading.url, hint.reading.body["receivers"]) == ("", [{"name": ""}])
    assert [hint.reading.body[name] for name in ("externalURL", "receiver", "groupKey")] == [""] * 3


LISTENS = {"url": None, "bearer_token": None}


def test_a_source_that_only_listens_is_checked_by_its_secret(driver: AlertmanagerDriver) -> None:
    health = driver.connect(**LISTENS).check()
    assert (health.account, health.version) == ("webhooks only", "Alertmanager of unknown version")


@pytest.mark.parametrize(
    ("secret", "sentence"), [(MISSING, "secret cannot be had: .*TIELINE_NO_SUCH_SECRET"), (Secret.literal(""), "empty")]
)
def test_a_source_that_only_listens_needs_a_secret(driver: AlertmanagerDriver, secret: Secret, sentence: str) -> None:
    with pytest.raises(NeedsOperator, match=sentence):
        driver.connect(**LISTENS, webhook_token=secret).check()


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.json")), ids=lambda file: file.name)
def test_what_a_real_alertmanager_sent_is_understood(adapter: AlertmanagerAdapter, file: Path) -> None:
    recorded = file.read_bytes()
    received = adapter.parse(Delivery({}, recorded))
    assert len(received.hints) == len(json.loads(recorded)["alerts"]) > 0
    assert all(hint.reading is not None and hint.reading.key for hint in received.hints)

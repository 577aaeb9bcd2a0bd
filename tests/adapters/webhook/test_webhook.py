"""The generic webhook: what an admin may say, and what comes of several alerts in one delivery."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.adapters.webhook.driver import NAME, StampedDriver

from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.webhook.adapter import WebhookAdapter, connect
from tieline.adapters.webhook.settings import WebhookSettings
from tieline.core.errors import Forged, Gone, NeedsOperator
from tieline.core.port import Delivery, Received, Ref, Workbench
from tieline.core.secrets import Secret
from tieline.mappings import load

TOKEN = Secret.literal("t0ken")


def adapter(
    mapping: str = "webhook-alert", overlay: str = "", folder: Path | None = None, **given: Any
) -> WebhookAdapter:
    """A connection with this mapping, and what is laid over it."""
    top = None
    if folder is not None:
        top = folder / "overlay.yaml"
        top.write_text(overlay, encoding="utf-8")
    clock = ManualClock()
    settings = WebhookSettings.model_validate(given or {"webhook_tokens": (TOKEN,)})
    bench = Workbench(clock, clock.sleep, deliveries=load(mapping, top).document.deliveries)
    return connect(NAME, settings, bench)


def parsed(one: WebhookAdapter, told: Any, **headers: str) -> Received:
    return one.parse(Delivery(headers, json.dumps(told).encode()))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "give one of"),
        ({"webhook_tokens": (TOKEN,), "webhook_secrets": (TOKEN,)}, "give one of"),
        ({"webhook_passwords": (TOKEN,)}, "go together"),
        ({"webhook_tokens": (TOKEN,), "webhook_username": "u"}, "go together"),
        ({"webhook_tokens": (TOKEN,), "token_header": "X-T", "token_parameter": "t"}, "give either"),
        ({"webhook_secrets": (TOKEN,), "token_header": "X-T"}, "give those, too"),
        ({"webhook_tokens": (TOKEN,), "token_header": "X T:"}, "header's name alone"),
        ({"webhook_tokens": (TOKEN,), "webhook_age": "0s"}, "webhook_age"),
    ],
)
def test_options_that_do_not_fit_together_say_so(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        WebhookSettings.model_validate(given)


def test_secrets_of_a_mapping_that_does_not_say_how_it_is_signed_are_refused() -> None:
    with pytest.raises(ValueError, match="signature"):
        adapter(webhook_secrets=(TOKEN,))


def test_a_mapping_of_something_else_is_refused() -> None:
    clock = ManualClock()
    with pytest.raises(ValueError, match="deliveries"):
        connect(NAME, WebhookSettings(webhook_tokens=(TOKEN,)), Workbench(clock, clock.sleep))


def test_a_token_in_a_header_of_its_own_or_in_the_address_proves() -> None:
    header = adapter(webhook_tokens=(Secret.literal("old"), TOKEN), token_header="X-Token")
    parameter = adapter(webhook_tokens=(TOKEN,), token_parameter="token")
    now = ManualClock().now()
    for sent in ("old", "t0ken"):
        header.verify(Delivery({"x-token": sent}, b""), now)
    parameter.verify(Delivery({}, b"", {"token": "t0ken"}), now)
    for one, forged in (
        (header, Delivery({"authorization": "Bearer t0ken"}, b"")),
        (header, Delivery({"x-token": "t0ke"}, b"")),
        (parameter, Delivery({"authorization": "Bearer t0ken"}, b"")),
        (parameter, Delivery({}, b"", {"token": ""})),
    ):
        with pytest.raises(Forged):
            one.verify(forged, now)


def test_a_token_in_the_address_is_a_risk_that_is_told() -> None:
    assert not any("address" in one for one in WebhookSettings(webhook_tokens=(TOKEN,)).risks)
    assert any("address" in one for one in WebhookSettings(webhook_tokens=(TOKEN,), token_parameter="t").risks)


def test_nothing_is_read_and_a_missing_secret_is_said() -> None:
    one = adapter()
    assert [list(page.readings) for page in one.changes(None)] == [[]]
    with pytest.raises(Gone):
        one.read(Ref("a"))
    with pytest.raises(NeedsOperator):
        adapter(webhook_tokens=(Secret.literal(""),)).check()


LISTED = """
deliveries: {alerts: alerts, episode: id, once: [envelope.number, id], labels: {cluster: envelope.common.cluster}}
fields: {service: {from: envelope.service}}
"""


def listed(one: WebhookAdapter, alerts: int = 2, **around: Any) -> Received:
    return parsed(one, {"alerts": [{"id": str(each), "status": "firing"} for each in range(alerts)], **around})


def versions(received: Received) -> list[str]:
    return [hint.reading.version for hint in received.hints if hint.reading is not None]


def test_each_of_several_alerts_knows_what_is_read_around_them(tmp_path: Path) -> None:
    one = adapter(overlay=LISTED, folder=tmp_path)
    received = listed(one, number=1, service="shop", common={"cluster": "eu"}, trace="x")
    bodies = [hint.reading.body for hint in received.hints if hint.reading is not None]
    assert [body["id"] for body in bodies] == ["0", "1"]
    assert all(body["envelope"] == {"service": "shop", "common": {"cluster": "eu"}} for body in bodies)
    assert all(body["labels"] == {"cluster": "eu"} for body in bodies)


def test_what_is_not_read_around_alerts_moves_no_version(tmp_path: Path) -> None:
    one = adapter(overlay=LISTED, folder=tmp_path)
    before = listed(one, number=1, service="shop")
    other = listed(one, number=2, service="shop", trace="x")
    moved = listed(one, number=3, service="till")
    assert versions(before) == versions(other)
    assert before.delivery_id != other.delivery_id
    assert not set(versions(before)) & set(versions(moved))


def test_the_whole_envelope_is_kept_where_it_is_read(tmp_path: Path) -> None:
    one = adapter(overlay="deliveries: {alerts: alerts, episode: id, key: envelope}", folder=tmp_path)
    reading = listed(one, service="shop").hints[0].reading
    assert reading is not None and reading.body["envelope"] == {"service": "shop"}


@pytest.mark.parametrize("once", ["'*'", "envelope"])
def test_all_of_a_delivery_tells_it_from_others(tmp_path: Path, once: str) -> None:
    text = f"deliveries: {{alerts: alerts, episode: id, once: {once}}}"
    one = adapter(overlay=text, folder=tmp_path)
    assert listed(one, trace="x").delivery_id == listed(one, trace="x").delivery_id
    assert listed(one, trace="x").delivery_id != listed(one, trace="y").delivery_id
    assert listed(one, trace="x").once


def test_a_list_below_a_quoted_name_is_none_of_what_stands_around_it(tmp_path: Path) -> None:
    one = adapter(overlay="""deliveries: {alerts: '["a.b"].alerts', episode: id, key: envelope}""", folder=tmp_path)
    reading = parsed(one, {"a.b": {"alerts": [{"id": "1", "status": "firing"}]}, "service": "shop"}).hints[0].reading
    assert reading is not None and reading.body["envelope"] == {"service": "shop"}


@pytest.mark.parametrize("member", ["service", "number"])
def test_what_is_nested_too_deeply_around_alerts_is_refused(tmp_path: Path, member: str) -> None:
    one = adapter(overlay=LISTED, folder=tmp_path)
    deep: Any = "shop"
    for _ in range(400):
        deep = [deep]
    with pytest.raises(ValueError, match="nested"):
        listed(one, **{"number": 1, member: deep})


def test_what_stands_around_alerts_multiplies_nothing(tmp_path: Path) -> None:
    one = adapter(overlay=LISTED, folder=tmp_path)
    long = "x" * 512 * 1024
    assert len(listed(one, 10_000, trace=long).hints) == 10_000
    assert len(listed(one, 3, service=long).hints) == 3
    with pytest.raises(ValueError, match="kept for each"):
        listed(one, 100, service=long)
    with pytest.raises(ValueError, match="10001 alerts"):
        listed(one, 10_001)


def test_a_delivery_of_which_nothing_can_be_understood_is_refused() -> None:
    driver = StampedDriver()
    with pytest.raises(ValueError, match="`id` holds no text"):
        driver.adapter.parse(driver._signed([{"status": "firing"}, {"id": None}, 7]))
    with pytest.raises(ValueError, match="list of alerts at `alerts`"):
        parsed(driver.adapter, {"alerts": {}})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "x|y", "b": "z"}, {"a": "x", "b": "y|z"}),
        ({"a": "", "b": "x"}, {"a": "x", "b": ""}),
        ({"a": 1, "b": 2}, {"a": 12, "b": ""}),
    ],
)
def test_no_two_episodes_share_a_name(tmp_path: Path, one: Any, other: Any) -> None:
    both = adapter(overlay="deliveries: {episode: [a, b]}", folder=tmp_path)
    refs = {parsed(both, told).hints[0].ref for told in (one, other)}
    assert len(refs) == 2


@pytest.mark.parametrize("told", [{"a": "x"}, {"a": "x", "b": None}, {"a": "x", "b": []}, {"a": "", "b": ""}])
def test_an_episode_of_which_a_part_is_missing_is_none(tmp_path: Path, told: Any) -> None:
    one = adapter(overlay="deliveries: {episode: [a, b]}", folder=tmp_path)
    with pytest.raises(ValueError, match="episode"):
        parsed(one, told)


def test_a_sender_that_numbers_its_deliveries_is_known_again_and_another_is_not() -> None:
    told = {"id": "a", "status": "firing", "delivery": "d1"}
    one = adapter()
    assert parsed(one, told).once
    assert not parsed(one, {"id": "a", "status": "firing"}).once
    assert parsed(one, told).delivery_id == parsed(one, {**told, "title": "again"}).delivery_id
    assert parsed(one, told).delivery_id != parsed(one, {**told, "delivery": "d2"}).delivery_id


def test_only_addresses_of_the_web_are_where_people_open_an_alert() -> None:
    one = adapter()
    shown = "https://a.example/1"
    for url in (shown, "javascript:alert(1)", "/relative", "http://[::1", "http://[x]/", "https://a\u2100b.example/"):
        reading = parsed(one, {"id": "a", "status": "firing", "url": url}).hints[0].reading
        assert reading is not None and reading.url == (url if url == shown else "")


@pytest.mark.parametrize("written", ["data", "data_base64"])
def test_an_event_is_left_out_however_its_data_are_written(tmp_path: Path, written: str) -> None:
    one = adapter("cloudevents-alert", "deliveries: {leaves_out: {data.status: [test]}}", tmp_path)
    data = {"status": "test"}
    told = data if written == "data" else base64.b64encode(json.dumps(data).encode()).decode()
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "subject": "s", written: told}
    headers = {"content-type": "application/cloudevents+json"}
    assert one.parse(Delivery(headers, json.dumps(event).encode())).hints == ()


EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/a", "ce-type": "t", "ce-subject": "s"}
SIGNED_BODY = "deliveries: {signature: {header: x-signed}}"
SIGNED_WHOLE = """
deliveries:
  signature:
    header: x-signed
    signs: "{ce-specversion}{ce-id}{ce-source}{ce-type}{ce-subject}{body}"
"""


@pytest.mark.parametrize(
    ("overlay", "binary", "taken"),
    [(SIGNED_BODY, True, False), (SIGNED_WHOLE, True, True), (SIGNED_BODY, False, True)],
)
def test_an_attribute_that_no_signature_covers_proves_nothing(
    tmp_path: Path, overlay: str, binary: bool, taken: bool
) -> None:
    one = adapter("cloudevents-alert", overlay, tmp_path, webhook_secrets=(TOKEN,))
    body = json.dumps({"status": "firing"}).encode()
    structured = {"content-type": "application/cloudevents+json"}
    headers = {"content-type": "application/json", **EVENT} if binary else structured
    said = "".join(EVENT.values()).encode() if overlay is SIGNED_WHOLE else b""
    proof = hmac.new(TOKEN.reveal().encode(), said + body, hashlib.sha256).hexdigest()
    delivery = Delivery({**headers, "x-signed": proof}, body)
    if taken:
        one.verify(delivery, datetime.now(UTC))
        return
    with pytest.raises(Forged, match="does not cover ce-id, ce-source"):
        one.verify(delivery, datetime.now(UTC))


def test_who_asks_whether_it_may_send_is_answered_where_the_settings_name_it() -> None:
    one = adapter("cloudevents-alert", webhook_tokens=(TOKEN,), origins=("EventGrid.azure.net",))
    asked = {"webhook-request-origin": "eventgrid.azure.net", "webhook-request-callback": "http://169.254.169.254/"}
    answer = one.greet(asked)
    assert answer is not None
    assert (answer["webhook-allowed-origin"], "callback" in str(answer)) == ("eventgrid.azure.net", False)
    assert one.greet({"webhook-request-origin": "evil.example"}) is None
    assert one.greet({}) is None
    assert (
        adapter(webhook_tokens=(TOKEN,), origins=("a.example",)).greet({"webhook-request-origin": "a.example"}) is None
    )


@pytest.mark.parametrize("name", ["", "*", "https://a.example", "a.example\r\nx: y", "a" * 300])
def test_an_origin_is_a_host_name(name: str) -> None:
    with pytest.raises(ValidationError, match="host name"):
        WebhookSettings(webhook_tokens=(TOKEN,), origins=(name,))

"""What is SNS's own: whose certificate proves a message, where nothing is fetched from, and subscriptions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.adapters.sns.driver import HOST, PEM, TOPIC, SnsDriver, certificate

from tieline.adapters.sns.message import CONFIRMATION, GOODBYE, NOTIFICATION
from tieline.core.errors import Forged, TryAgain
from tieline.core.port import Delivery

ALARM = {"Message": json.dumps({"AlarmName": "a", "AlarmArn": "arn:a", "NewStateValue": "ALARM"})}


@pytest.fixture
def tool() -> SnsDriver:
    return SnsDriver()


def changed(delivery: Delivery, **members: Any) -> Delivery:
    """The delivery with members that say something else, or are gone."""
    said = {**json.loads(delivery.body), **members}
    return replace(delivery, body=json.dumps({k: v for k, v in said.items() if v is not None}).encode())


def test_a_certificate_is_fetched_beside_and_the_message_is_taken_when_it_comes_again(tool: SnsDriver) -> None:
    adapter, message = tool.connect_to(), tool.message(NOTIFICATION, ALARM)
    with pytest.raises(TryAgain, match="not known yet"):
        adapter.verify(message, tool.now())
    adapter.verify(message, tool.now())
    assert tool.amazon.asked == [f"https://{HOST}{PEM}"]
    (hint,) = adapter.parse(message).hints
    assert hint.reading is not None


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_prove(tool: SnsDriver, version: str) -> None:
    tool.version = version
    tool.connect().verify(tool.message(NOTIFICATION, {**ALARM, "Subject": "ALARM: a"}), tool.now())


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0f3a5c.pem",
        "https://evil.s3.amazonaws.com/SimpleNotificationService-0f3a5c.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0f3a5c.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0f3a5c.pem",
        "https://sns.eu-west-1.amazonaws.com@169.254.169.254/SimpleNotificationService-0f3a5c.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0f3a5c.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0f3a5c.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0f3a5c.pem?x=1",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
    ],
)
def test_nothing_is_fetched_from_where_a_forger_points(tool: SnsDriver, url: str) -> None:
    with pytest.raises(Forged, match="not SNS's own"):
        tool.connect_to().verify(tool.message(NOTIFICATION, ALARM, by="forger", url=url), tool.now())
    assert tool.amazon.asked == []


def test_a_topic_of_others_is_refused_before_anything_is_fetched(tool: SnsDriver) -> None:
    theirs = tool.message(NOTIFICATION, {**ALARM, "TopicArn": TOPIC.replace("123456789012", "999999999999")})
    with pytest.raises(Forged, match="none of `topics`"):
        tool.connect_to().verify(theirs, tool.now())
    assert tool.amazon.asked == []


def test_what_somebody_else_signed_is_refused(tool: SnsDriver) -> None:
    with pytest.raises(Forged, match="does not prove"):
        tool.connect().verify(tool.message(NOTIFICATION, ALARM, by="forger"), tool.now())


@pytest.mark.parametrize(
    "members",
    [
        {"Message": "{}"},
        {"Subject": "said later"},
        {"MessageId": "another"},
        {"Timestamp": "2026-11-23T07:00:00.000Z"},
        {"Type": GOODBYE, "Token": "t", "SubscribeURL": "https://evil.example"},
        {"SignatureVersion": "3"},
        {"Signature": "bm90IGl0"},
    ],
)
def test_whatever_is_changed_on_the_way_proves_nothing(tool: SnsDriver, members: dict[str, str]) -> None:
    with pytest.raises(Forged):
        tool.connect().verify(changed(tool.message(NOTIFICATION, ALARM), **members), tool.now())


@pytest.mark.parametrize(
    "name", ["Signature", "SigningCertURL", "Timestamp", "MessageId", "Message", "Type", "TopicArn"]
)
def test_without_what_proves_it_a_message_is_refused(tool: SnsDriver, name: str) -> None:
    with pytest.raises(Forged):
        tool.connect().verify(changed(tool.message(NOTIFICATION, ALARM), **{name: None}), tool.now())


def test_what_was_published_long_ago_is_a_replay(tool: SnsDriver) -> None:
    adapter, message = tool.connect_to(), tool.message(NOTIFICATION, ALARM)
    with pytest.raises(TryAgain):
        adapter.verify(message, tool.now())
    tool.advance(3_600)
    adapter.verify(message, tool.now())  # SNS itself sends one again for an hour
    tool.advance(3_700)
    with pytest.raises(Forged, match="a replay"):
        adapter.verify(message, tool.now())


def test_a_certificate_that_ran_out_proves_nothing(tool: SnsDriver) -> None:
    adapter = tool.connect()
    tool.advance(31 * 86_400)
    with pytest.raises(Forged, match="does not count now"):
        adapter.verify(tool.message(NOTIFICATION, ALARM), tool.now())


def test_a_new_certificate_is_learnt_beside_the_old_one(tool: SnsDriver) -> None:
    adapter, path = tool.connect(), "/SimpleNotificationService-next.pem"
    tool.amazon.pems[path] = certificate("next", tool.now())
    message = tool.message(NOTIFICATION, ALARM, by="next", url=f"https://{HOST}{path}")
    with pytest.raises(TryAgain):
        adapter.verify(message, tool.now())
    adapter.verify(message, tool.now())
    adapter.verify(tool.message(NOTIFICATION, ALARM), tool.now())


def test_while_the_certificate_cannot_be_had_it_is_asked_for_now_and_then(tool: SnsDriver) -> None:
    adapter = tool.connect_to()
    tool.amazon.down = True
    for _second in range(30):
        with pytest.raises(TryAgain):
            adapter.verify(tool.message(NOTIFICATION, ALARM), tool.now())
        tool.advance(1)
    assert len(tool.amazon.asked) == 3
    tool.amazon.down = False
    tool.advance(10)
    with pytest.raises(TryAgain):
        adapter.verify(tool.message(NOTIFICATION, ALARM), tool.now())
    adapter.verify(tool.message(NOTIFICATION, ALARM), tool.now())


def test_certificates_that_nobody_has_are_not_asked_for_without_end(tool: SnsDriver) -> None:
    adapter = tool.connect_to()
    for number in range(100):
        url = f"https://{HOST}/SimpleNotificationService-{number}.pem"
        with pytest.raises(TryAgain):
            adapter.verify(tool.message(NOTIFICATION, ALARM, url=url), tool.now())
    assert len(tool.amazon.asked) == 16


def subscription(tool: SnsDriver, where: str = "https://169.254.169.254/") -> Delivery:
    return tool.message(CONFIRMATION, {"Message": "m", "Token": "2336412f37", "SubscribeURL": where})


def test_a_subscription_is_confirmed_by_its_token_and_not_where_it_points(tool: SnsDriver) -> None:
    adapter, message = tool.connect(), subscription(tool)
    with pytest.raises(TryAgain, match="not confirmed yet"):
        adapter.verify(message, tool.now())
    adapter.verify(message, tool.now())
    assert adapter.parse(message).hints == ()
    confirmed = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC.replace(':', '%3A')}&Token=2336412f37"
    assert tool.amazon.asked[1:] == [confirmed]


def test_a_subscription_is_left_to_a_person_where_the_settings_say_so(tool: SnsDriver) -> None:
    adapter = tool.connect_to(confirms=False)
    message = subscription(tool)
    with pytest.raises(TryAgain, match="certificate"):
        adapter.verify(message, tool.now())
    adapter.verify(message, tool.now())
    assert len(tool.amazon.asked) == 1


def test_a_message_is_known_again_by_its_id(tool: SnsDriver) -> None:
    received = tool.connect().parse(tool.message(NOTIFICATION, ALARM))
    assert (received.delivery_id, received.once) == ("00000002-0000-4000-8000-000000000000", True)


def test_missing_data_says_nothing_of_an_alarm(tool: SnsDriver) -> None:
    alarm = {**json.loads(ALARM["Message"]), "NewStateValue": "INSUFFICIENT_DATA"}
    assert tool.connect().parse(tool.message(NOTIFICATION, {"Message": json.dumps(alarm)})).hints == ()

"""Webhooks v3, beyond the contract: rotation, twins, other events."""

from __future__ import annotations

import pytest

from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.pagerduty.simulated.driver import WEBHOOK_SECRET, PagerDutyDriver
from tieline.adapters.pagerduty.simulated.webhooks import Sent
from tieline.adapters.pagerduty.webhook import parse, signature, verify
from tieline.core.errors import Forged, NeedsOperator
from tieline.core.port import Delivery, Ref
from tieline.core.secrets import Secret

NOW = PagerDutyDriver().now()


def delivery(sent: Sent) -> Delivery:
    return Delivery(sent.headers, sent.body)


def test_a_signature_is_the_hmac_of_the_raw_body() -> None:
    # RFC 4231, test case 2.
    expected = "v1=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert signature("Jefe", b"what do ya want for nothing?") == expected


@pytest.mark.parametrize("ours", [("old",), ("new",), ("old", "new")])
def test_while_a_secret_is_replaced_either_proves_the_delivery(ours: tuple[str, ...]) -> None:
    header = ",".join(signature(secret, b"{}") for secret in ("old", "new"))
    verify("pd", Delivery({"x-pagerduty-signature": header}, b"{}"), ours)


def test_a_signature_of_another_scheme_proves_nothing() -> None:
    header = signature("old", b"{}").replace("v1=", "v0=")
    with pytest.raises(Forged):
        verify("pd", Delivery({"x-pagerduty-signature": header}, b"{}"), ("old",))


def test_a_true_signature_behind_many_false_ones_is_not_looked_for() -> None:
    header = ",".join(["v1=00"] * 100 + [signature("old", b"{}")])
    with pytest.raises(Forged):
        verify("pd", Delivery({"x-pagerduty-signature": header}, b"{}"), ("old",))


def test_without_a_secret_nothing_is_believed(tool: PagerDutyDriver) -> None:
    sent = delivery(tool.simulator.webhooks.send("pagey.ping", {"type": "ping"}))
    with pytest.raises(Forged, match="no `webhook_secrets` are set"):
        tool.connect(webhook_secrets=()).verify(sent, NOW)


def test_a_secret_that_cannot_be_found_asks_for_a_person(tool: PagerDutyDriver) -> None:
    sent = delivery(tool.simulator.webhooks.send("pagey.ping", {"type": "ping"}))
    adapter = tool.connect(webhook_secrets=(Secret("env", "TIELINE_NO_SUCH_VARIABLE"),))
    with pytest.raises(NeedsOperator, match="TIELINE_NO_SUCH_VARIABLE"):
        adapter.verify(sent, NOW)


def test_what_people_do_is_announced_and_leads_to_the_incident(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    ref = tool.make("Disk full")
    incident = tool.account.incident(ref)
    tool.account.acknowledge(incident, "PL7A2O4")
    tool.account.note(incident, "PL7A2O4", "looking at it")
    tool.account.resolve(incident, None)
    sent = [delivery(one) for one in tool.simulator.webhooks.sent]
    for one in sent:
        adapter.verify(one, tool.now())
    assert [hint.ref for one in sent for hint in adapter.parse(one).hints] == [ref] * 4
    assert len({adapter.parse(one).delivery_id for one in sent}) == 4


def test_a_repeated_delivery_has_the_same_id(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.simulator.webhooks.subscription.twice = True
    tool.make("Disk full")
    first, second = (adapter.parse(delivery(one)) for one in tool.simulator.webhooks.sent)
    assert first == second


def test_late_deliveries_come_in_their_order(tool: PagerDutyDriver) -> None:
    tool.simulator.webhooks.subscription.late = True
    made = [tool.make("one"), tool.make("two")]
    assert tool.simulator.webhooks.sent == []
    tool.simulator.webhooks.release()
    assert [parse(delivery(one)).hints[0].ref for one in tool.simulator.webhooks.sent] == made


@pytest.mark.parametrize("kind", ["pagey.ping", "service.updated", "something.new"])
def test_events_that_speak_of_no_incident_are_taken_and_lead_nowhere(
    tool: PagerDutyDriver, adapter: PagerDuty, kind: str
) -> None:
    sent = delivery(tool.simulator.webhooks.send(kind, {"id": "PIJ90N7", "type": kind.split(".")[0]}))
    adapter.verify(sent, tool.now())
    assert adapter.parse(sent).hints == ()


def test_a_reference_that_could_lead_elsewhere_is_no_hint() -> None:
    body = b'{"event": {"id": "1", "event_type": "incident.triggered", "data": {"type": "incident", "id": "../users"}}}'
    assert parse(Delivery({}, body)).hints == ()


def test_a_v2_extension_is_named_as_such() -> None:
    with pytest.raises(ValueError, match="v2"):
        parse(Delivery({}, b'{"messages": []}'))


def test_without_a_delivery_id_the_events_own_id_serves(tool: PagerDutyDriver) -> None:
    body = b'{"event": {"id": "01EV", "event_type": "incident.triggered", "data": {"type": "incident", "id": "Q1"}}}'
    received = parse(Delivery({}, body))
    assert received.delivery_id == "01EV"
    assert received.hints[0].ref == Ref("Q1")


def test_the_secret_is_in_no_refusal(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    with pytest.raises(Forged) as caught:
        adapter.verify(Delivery({"x-pagerduty-signature": "v1=00"}, b"{}"), tool.now())
    assert WEBHOOK_SECRET not in str(caught.value)


def test_the_id_of_the_delivery_comes_before_that_of_the_event() -> None:
    body = b'{"event": {"id": "01EV", "event_type": "incident.triggered", "data": {"type": "incident", "id": "Q1"}}}'
    assert parse(Delivery({"x-webhook-id": "wh-1"}, body)).delivery_id == "wh-1"

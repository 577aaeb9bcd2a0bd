"""The Events API v2: alerts by their dedup_key, change events, and incidents raised by an event."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.pagerduty.events import LARGEST_EVENT, Events, EventSeverity
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver, settings_for_tests
from tieline.adapters.testing.simulation import HttpxTransport, requests_transport
from tieline.core.errors import NeedsOperator, Rejected, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Token
from tieline.core.secrets import Secret

ROUTING_KEY = "e93facc04764012d7bfb002500d5d1a6"


def events(tool: PagerDutyDriver, key: str = ROUTING_KEY) -> Events:
    bench = tool.workbench(HttpxTransport(tool.simulator))
    return Events("pd-prod", "https://events.pagerduty.com", Secret.literal(key), settings_for_tests(), bench)


def by_event(tool: PagerDutyDriver) -> PagerDuty:
    settings = settings_for_tests(routing_key=Secret.literal(ROUTING_KEY))
    bench = tool.workbench(requests_transport(tool.simulator))
    return PagerDuty(ConnectionName("pd-prod"), settings, bench, events(tool))


def trigger(sender: Events, key: str = "web1/disk") -> None:
    sender.trigger(key, "Disk full", source="web1", severity=EventSeverity.CRITICAL, details={"details": "100 %"})


def test_an_alert_lives_by_its_key(tool: PagerDutyDriver) -> None:
    sender = events(tool)
    trigger(sender)
    trigger(sender)
    (incident,) = tool.account.incidents.values()
    assert (incident.status, incident.urgency, incident.key) == ("triggered", "high", None)
    sender.acknowledge("web1/disk")
    assert incident.status == "acknowledged"
    sender.resolve("web1/disk")
    assert incident.status == "resolved"
    trigger(sender)
    assert len(tool.account.incidents) == 2


def test_each_event_is_taken_from_the_budget(tool: PagerDutyDriver) -> None:
    sender, before = events(tool), tool.taken
    trigger(sender)
    sender.resolve("web1/disk")
    assert tool.taken - before == 2


def test_an_event_that_finds_nothing_is_taken_all_the_same(tool: PagerDutyDriver) -> None:
    events(tool).resolve("nobody knows it")
    assert tool.account.incidents == {}


def test_a_throttled_event_may_be_sent_again(tool: PagerDutyDriver) -> None:
    tool.simulator.intake.throttle = True
    with pytest.raises(TryAgain) as caught:
        trigger(events(tool))
    assert not caught.value.maybe_done


def test_an_event_with_a_lost_answer_may_be_done(tool: PagerDutyDriver) -> None:
    tool.simulator.lose(path="/v2/enqueue")
    with pytest.raises(TryAgain) as caught:
        trigger(events(tool))
    assert caught.value.maybe_done


def test_a_refused_integration_key_asks_for_a_person_and_is_not_shown(tool: PagerDutyDriver) -> None:
    with pytest.raises(NeedsOperator, match="`routing_key`"):
        trigger(events(tool, "n0tthekeyn0tthekeyn0tthekeyn0tth"))
    quoting = {"status": "invalid event", "message": f"routing_key {ROUTING_KEY} is unknown"}
    tool.simulator.fail(400, path="/v2/enqueue", body=quoting)
    with pytest.raises(NeedsOperator) as caught:
        trigger(events(tool))
    assert ROUTING_KEY not in str(caught.value)


def test_a_key_or_an_event_that_is_too_long_is_refused_before_it_is_sent(tool: PagerDutyDriver) -> None:
    with pytest.raises(Rejected, match="255"):
        trigger(events(tool), "k" * 256)
    with pytest.raises(Rejected, match="bytes"):
        events(tool).trigger(
            "k", "Disk full", source="web1", severity=EventSeverity.INFO, details={"details": "x" * LARGEST_EVENT}
        )
    assert tool.simulator.requests == []


def test_a_change_is_announced_with_its_links(tool: PagerDutyDriver) -> None:
    events(tool).announce(
        "Deployed 4.2", source="pipeline", at=tool.now(), links=[("https://ci.example/42", "build 42")]
    )
    (announced,) = tool.account.changes_announced
    assert announced["payload"]["summary"] == "Deployed 4.2"
    assert announced["payload"]["timestamp"] == "2026-11-23T19:04:37.000000Z"
    assert announced["links"] == [{"href": "https://ci.example/42", "text": "build 42"}]


def test_an_answer_other_than_202_is_no_promise(tool: PagerDutyDriver) -> None:
    tool.simulator.fail(200, path="/v2/enqueue", body={})
    with pytest.raises(TryAgain):
        trigger(events(tool))


def test_an_incident_raised_by_an_event_is_found_by_its_alert(tool: PagerDutyDriver) -> None:
    adapter = by_event(tool)
    body: dict[str, Any] = {
        "title": "Disk full",
        "urgency": "low",
        "status": "acknowledged",
        "priority": {"summary": "P3"},
        "body": {"type": "incident_body", "details": "df says 100 %"},
    }
    made = adapter.create(body, Token("tl-1"))
    held = tool.account.incident(made.ref)
    assert (held.status, held.urgency, held.priority) == ("acknowledged", "low", "PRIO3")
    assert held.details == "df says 100 %"
    assert held.key is None
    found = adapter.find(Token("tl-1"))
    assert found is not None
    assert (found.ref, found.token) == (made.ref, "tl-1")
    assert adapter.find(Token("tl-2")) is None
    assert adapter.create(body, Token("tl-1")).ref == made.ref


def test_an_event_that_was_dropped_may_have_been_done(tool: PagerDutyDriver) -> None:
    tool.simulator.intake.drop = True
    with pytest.raises(TryAgain, match="no incident shows yet") as caught:
        by_event(tool).create({"title": "Disk full"}, Token("tl-1"))
    assert caught.value.maybe_done

"""Somebody says that it is over, and the alert still fires: it is said, and after a while it is raised again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.sync.office import ALERTS, Office
from tests.sync.test_following import fire

from tieline.core.options import SignalsConfig
from tieline.core.port import Act, Ref, Token
from tieline.sync import explain
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

AFTER = SignalsConfig().reraise_after or timedelta(0)


def one_alert(office: Office) -> str:
    ref = office.fire()
    office.settle(1)
    return str(ref)


def later(office: Office, wait: timedelta) -> None:
    office.clock.advance(wait.total_seconds())
    office.tick()
    office.settle(1)


def told(office: Office) -> list[dict[str, Any]]:
    with office.engine.store.read() as connection:
        found: list[dict[str, Any]] = explain.status(connection, office.clock.now())["resolved_while_firing"]
    return found


def kinds(office: Office) -> list[str]:
    return [entry["kind"] for entry in office.history()]


def reasons(office: Office) -> list[str]:
    return [entry["reason"] for entry in office.history()]


@pytest.mark.parametrize("where", ["here", "there"])
def test_it_is_said_that_an_alert_fires_whose_incident_somebody_resolved(office: Office, where: str) -> None:
    one_alert(office)
    at = office.clock.now()
    if where == "here":
        office.decide("resolved")
    else:
        [row] = office.tools["memory"].rows()
        office.tools["memory"].edit(row.ref, status="resolved")
        office.take_turns()
        office.settle(1)
    [one] = told(office)
    assert (one["incident"], one["status"], one["alerts"]) == (f"INC-{office.incident().id}", "resolved", 1)
    assert one["raised_again_at"] >= at + AFTER
    assert kinds(office).count("resolved_while_firing") == 1


def test_what_still_fires_after_the_policys_time_is_raised_again(office: Office) -> None:
    one_alert(office)
    office.decide("resolved")
    later(office, AFTER - timedelta(minutes=1))
    assert office.incident().fields["status"] == "resolved"
    later(office, timedelta(minutes=1))
    assert office.incident().fields["status"] == "new"
    assert reasons(office).count("reraised") == 1
    assert told(office) == []
    [row] = office.tools["memory"].rows()
    assert row.body["status"] == "new"
    office.decide("resolved")
    later(office, AFTER)
    assert office.incident().fields["status"] == "new", "as often as it takes"


def test_what_ends_in_time_is_over(office: Office) -> None:
    ref = one_alert(office)
    office.decide("resolved")
    later(office, timedelta(minutes=10))
    office.alerts.resolve(ref)
    office.settle(2)
    assert told(office) == []
    later(office, AFTER)
    assert office.incident().fields["status"] == "resolved"


def test_it_may_be_left_to_people(office: Office) -> None:
    office.configure(reraise_after=None)
    one_alert(office)
    office.decide("resolved")
    later(office, timedelta(hours=5))
    assert office.incident().fields["status"] == "resolved"
    [one] = told(office)
    assert one["raised_again_at"] is None


def test_what_is_cancelled_is_no_incident_and_is_not_raised_again(office: Office) -> None:
    one_alert(office)
    office.decide("cancelled")
    later(office, timedelta(hours=5))
    assert office.incident().fields["status"] == "cancelled"
    assert len(told(office)) == 1


def test_what_was_closed_is_raised_as_another_incident(office: Office) -> None:
    """A closed ticket cannot be reopened in every tool."""
    one_alert(office)
    old = office.incident().id
    office.decide("closed")
    later(office, AFTER)
    assert office.count() == 2
    with office.engine.store.read() as connection:
        newest, oldest = explain.incidents(connection)
        history = explain.history(connection, newest[0].id)
    assert newest[0].fields["status"] == "new"
    assert (oldest[0].id, oldest[0].fields["status"]) == (old, "closed")
    [entry] = [one for one in history if one["kind"] == "reraised"]
    assert (entry["reason"], entry["facts"]["instead_of"]) == ("reraised", old)
    assert told(office) == []
    office.settle()
    assert office.count() == 2, "once"


def test_an_alert_that_somebody_silenced_at_its_source_is_not_raised_again_while_it_is(office: Office) -> None:
    ref = one_alert(office)
    source: Any = office.engine.connections[ALERTS].source
    until = office.clock.now() + AFTER * 1.5
    token = Token("somebody else")
    source.acknowledge(Ref(ref), Act.ACKNOWLEDGE, until=until, note="maintenance", token=token)
    office.settle(1)
    office.decide("resolved")
    office.settle(1)
    source.acknowledge(Ref(ref), Act.ACKNOWLEDGE, until=until, note="maintenance", token=token)
    office.settle(1)
    later(office, AFTER)
    assert office.incident().fields["status"] == "resolved"
    later(office, AFTER / 2)
    later(office, AFTER)
    assert office.incident().fields["status"] == "new"


def test_alerts_whose_group_has_another_incident_by_now_are_raised_there(office: Office) -> None:
    """One alert fires on under what somebody resolved; another one of its group came after the window."""
    fire(office, "a", "critical")
    office.settle(1)
    office.decide("resolved")
    later(office, timedelta(minutes=10))
    fire(office, "b", "warning")
    office.settle(1)
    assert office.count() == 2
    later(office, AFTER)
    with office.engine.store.read() as connection:
        newest, oldest = explain.incidents(connection)
        assert explain.status(connection, office.clock.now())["resolved_while_firing"] == []
    assert (newest[0].fields["status"], oldest[0].fields["status"]) == ("new", "resolved")
    assert newest[0].fields["priority"] == "p1", "it follows what joined it"


def test_a_second_decision_counts_from_itself(office: Office) -> None:
    one_alert(office)
    office.decide("resolved")
    later(office, AFTER / 2)
    with office.engine.store.write() as tx:
        number = office.incident().id
        commit.edit(tx, office.engine, number, {"status": "closed"}, actor="bob", reason=Reason.EDITED)
    later(office, AFTER / 2)
    assert office.count() == 1
    later(office, AFTER / 2)
    assert office.count() == 2

"""Monitoring that cannot be asked: its webhooks alone are taken in, and what they do not tell is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sync.office import ALERTS, Office
from tests.sync.test_signals import arrive, fire_and_end, firing, over, webhook

from tieline.adapters.alertmanager.webhook import parse
from tieline.core.port import Delivery, Power, Ref
from tieline.sync import explain
from tieline.sync.alerts import absence
from tieline.sync.daemon.lane import LaneState
from tieline.sync.intake.intake import Intake


@pytest.fixture
def hearing(tmp_path: Path) -> Iterator[Office]:
    """An office whose Alertmanager has no address."""
    one = Office(tmp_path, "memory", alerts="")
    one.settle(1)
    yield one
    one.close()


@pytest.fixture
def intake(hearing: Office) -> Intake:
    return Intake(hearing.engine)


def deliver(office: Office, intake: Intake, *bodies: bytes) -> list[bool]:
    """Webhooks come in together by the door of the daemon; answers which of them were new."""
    for body in bodies:
        intake.submit(ALERTS, parse(Delivery({}, body)))
    items = [intake._queue.get_nowait() for _body in bodies]
    are_new = intake.store([(item.connection, item.received) for item in items if item is not None])
    office.run_alerts()
    return are_new


def status_of(office: Office) -> str:
    return str(office.incident().fields["status"])


def test_an_alert_opens_an_incident_and_its_end_resolves_it(hearing: Office) -> None:
    ref = hearing.fire()
    arrive(hearing, webhook(hearing))
    hearing.settle()
    assert status_of(hearing) == "new"
    hearing.alerts.resolve(ref)
    arrive(hearing, webhook(hearing))
    hearing.settle()
    assert status_of(hearing) == "resolved"
    assert hearing.alerts.requests == [], "nobody is asked"


def test_an_alert_that_no_listing_tells_of_has_not_ended(hearing: Office) -> None:
    for number in range(12):
        hearing.fire(number)
        arrive(hearing, webhook(hearing))
    hearing.settle(20)
    with hearing.engine.store.read() as connection:
        found = explain.status(connection, hearing.clock.now())
        assert absence.doubts(connection) == {}
    assert found["signals_firing"] == 12
    assert hearing.lanes[ALERTS].state is LaneState.WORKING


def test_an_end_before_its_beginning_is_an_incident_that_is_over(hearing: Office) -> None:
    begins, ends = fire_and_end(hearing)
    arrive(hearing, ends, begins)
    assert status_of(hearing) == "resolved"


@pytest.mark.parametrize("end", [None, "", "soon", "0001-01-01T00:00:00Z", "2020-01-01T00:00:00Z"])
def test_an_end_that_tells_no_time_counts_before_its_beginning_too(hearing: Office, end: str | None) -> None:
    hearing.fire()
    begins = webhook(hearing)
    told = json.loads(over(hearing, begins))
    told["alerts"][0]["endsAt"] = end
    arrive(hearing, json.dumps(told).encode())
    assert hearing.count() == 0
    arrive(hearing, begins)
    hearing.settle()
    assert status_of(hearing) == "resolved"
    assert firing(hearing) == 0


def test_an_end_that_is_taken_back_is_believed_since_nobody_can_be_asked(hearing: Office, intake: Intake) -> None:
    hearing.fire()
    begins = webhook(hearing)
    ends = over(hearing, begins)
    assert [deliver(hearing, intake, body) for body in (begins, begins, ends)] == [[True], [False], [True]]
    assert status_of(hearing) == "resolved"
    hearing.clock.advance(90)
    assert deliver(hearing, intake, begins) == [True], "the same words as the first time, and no repeat"
    hearing.settle()
    assert status_of(hearing) == "new"


def test_an_end_that_is_taken_back_at_once_is_no_repeat_of_the_beginning(hearing: Office, intake: Intake) -> None:
    hearing.fire()
    begins = webhook(hearing)
    ends = over(hearing, begins)
    assert deliver(hearing, intake, begins, begins, ends, begins) == [True, False, True, True]
    hearing.settle()
    assert status_of(hearing) == "new"


def test_who_was_started_anew_knows_no_repeat_by_what_came_before(hearing: Office, intake: Intake) -> None:
    hearing.fire()
    begins = webhook(hearing)
    deliver(hearing, intake, begins, over(hearing, begins))
    assert deliver(hearing, Intake(hearing.engine), begins) == [True]
    hearing.settle()
    assert status_of(hearing) == "new"


def test_nobody_is_told_to_be_quiet(hearing: Office) -> None:
    here = hearing.engine.connections[ALERTS]
    assert not here.can(Power.ACKNOWLEDGE)
    assert here.can(Power.RECEIVE)
    hearing.fire()
    arrive(hearing, webhook(hearing))
    hearing.decide("in_progress")
    hearing.settle()
    assert hearing.silenced() == 0
    with hearing.engine.store.read() as connection:
        assert explain.parked(connection) == []


def test_what_was_to_be_asked_while_there_was_an_address_is_let_go(hearing: Office) -> None:
    hearing.hint(Ref("0a1b2c3d4e5f6071@2026-11-23T19:04:37.000Z"))
    hearing.settle()
    with hearing.engine.store.read() as connection:
        assert explain.parked(connection) == []
        assert explain.status(connection, hearing.clock.now())["inbox_waiting"] == 0
    assert hearing.lanes[ALERTS].state is LaneState.WORKING


def test_it_is_not_waited_for_when_the_store_may_have_forgotten(hearing: Office) -> None:
    assert not hearing.engine.connections[ALERTS].in_doubt


# -- a source that does not answer for a while -------------------------------------------------------------------------


@pytest.mark.parametrize("status", [503, 401])
def test_what_webhooks_bring_is_taken_in_while_the_source_does_not_answer(office: Office, status: int) -> None:
    office.alerts.fail(status, times=10_000)
    office.settle(2)
    assert office.lanes[ALERTS].state is not LaneState.WORKING
    office.fire()
    arrive(office, webhook(office))
    assert office.count() == 1
    assert office.lanes[ALERTS].state is not LaneState.WORKING


def test_what_waits_to_be_asked_does_not_hide_what_webhooks_bring(office: Office) -> None:
    office.alerts.fail(503, times=10_000)
    office.settle(2)
    office.lanes[ALERTS]._batch = 3
    office.hint(*(f"0a1b2c3d4e5f60{number}@2026-11-23T19:04:37.000Z" for number in range(10, 20)))
    office.fire()
    arrive(office, webhook(office))
    assert office.count() == 1


def test_what_another_worker_stored_in_between_makes_the_same_words_news(hearing: Office) -> None:
    hearing.fire()
    begins = webhook(hearing)
    one, other = Intake(hearing.engine), Intake(hearing.engine)
    assert deliver(hearing, one, begins) == [True]
    hearing.clock.advance(1)
    assert deliver(hearing, other, begins, over(hearing, begins)) == [False, True]
    hearing.clock.advance(1)
    assert deliver(hearing, one, begins) == [True]
    hearing.settle()
    assert status_of(hearing) == "new"

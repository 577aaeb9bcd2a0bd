"""Timers fire beside each other: none of them ends the daemon or holds up another."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from structlog.testing import capture_logs
from tests.sync.deciding import decide
from tests.sync.office import Office
from tests.sync.world import World

from tieline.core import timers
from tieline.core.errors import NeedsOperator, StoreUnavailable
from tieline.core.store import tables as t
from tieline.sync import explain
from tieline.sync.alerts import acts, unheeded
from tieline.sync.daemon import firing
from tieline.sync.limits import TRIES

BROKEN = {"signal": "none"}
"""What the one that asks for a silence anew cannot work on."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ("left",))


def put(world: World, key: str, kind: str, payload: dict[str, Any]) -> None:
    with world.engine.store.write() as tx:
        timers.set_timer(tx, key, kind, world.clock.now(), payload)


def fire(world: World) -> int:
    return firing.fire_timers(world.engine, world.clock.now())


def waiting(world: World) -> list[explain.Parked]:
    with world.engine.store.read() as connection:
        return explain.parked(connection)


def test_one_that_fails_delays_no_other_and_is_put_aside_in_the_end(world: World) -> None:
    put(world, "broken", acts.RENEW, BROKEN)
    put(world, "whole", acts.RENEW, {"signal": 1})
    with capture_logs() as logs:
        assert fire(world) == 2
        assert fire(world) == 0
        for _ in range(TRIES - 1):
            world.clock.advance(600)
            assert fire(world) == 1
    world.clock.advance(86_400)
    assert fire(world) == 0
    told = [one for one in logs if one["event"] == "timer_failed"]
    assert [(one["key"], one["attempts"], one["parked"]) for one in told] == [
        ("broken", number, number == TRIES) for number in range(1, TRIES + 1)
    ]
    (parked,) = waiting(world)
    assert (parked.what, parked.incident) == ("timer", None)
    assert parked.sentence == (
        f"{acts.RENEW} broken, due at 2026-11-23 19:04:37 UTC: asking for the silence of an alert anew failed {TRIES} "
        "times, at last by a mistake in Tieline or in a plugin; the line `timer_failed` of the log tells which. When "
        f"that is mended: tieline parked retry timer {parked.id}"
    )


def test_one_that_is_put_aside_says_of_which_incident_it_is_and_what_was_said_of_its_failure(world: World) -> None:
    def refuses(*_args: object) -> None:
        raise NeedsOperator("left", "no right to look: give the account the role Agent")

    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    incident = world.incident(1).id
    put(world, "reraise:1", unheeded.RERAISE, {"incident": incident})
    for _ in range(TRIES):
        firing.fire_timers(world.engine, world.clock.now(), {unheeded.RERAISE: refuses})
        world.clock.advance(600)
    (parked,) = waiting(world)
    assert parked.incident == incident
    assert ", for INC-1: looking whether the alerts of what is over still fire failed" in parked.sentence
    assert "at last because of this: left: no right to look: give the account the role Agent. When" in parked.sentence


def test_the_silence_of_an_alert_is_told_with_the_alerts_incident(tmp_path: Path) -> None:
    office = Office(tmp_path, "memory")
    office.fire(1)
    office.notify()
    office.settle()
    with office.engine.store.write() as tx:
        signal = tx.execute(select(t.signal.c.id)).scalar_one()
        timers.set_timer(tx, "x", acts.RENEW, office.clock.now(), {"signal": signal})
        tx.execute(update(t.timer).where(t.timer.c.key == "x").values(parked="it waits"))
    with office.engine.store.read() as connection:
        (parked,) = explain.parked(connection)
    office.close()
    assert parked.incident == 1 and ", for INC-1: it waits" in parked.sentence


@pytest.mark.parametrize("payload", ['{"incident":[1]}', "[]", "no json", '{"signal":"a","incident":99}'])
def test_whatever_a_timer_is_about_it_is_listed(world: World, payload: str) -> None:
    put(world, "odd", acts.RENEW, {})
    with world.engine.store.write() as tx:
        tx.execute(text("UPDATE timer SET parked = 'it waits', payload = :payload"), {"payload": payload})
    assert [one.sentence.partition(":")[2] for one in waiting(world)] != []


def test_one_that_was_put_aside_is_released_and_tried_from_the_beginning(world: World) -> None:
    put(world, "broken", acts.RENEW, BROKEN)
    for _ in range(TRIES):
        fire(world)
        world.clock.advance(600)
    (parked,) = waiting(world)
    decide(world.engine, "parked retry", what="timer", number=parked.id)
    assert waiting(world) == []
    assert fire(world) == 1
    assert waiting(world) == [], "it is the first failure again"
    with pytest.raises(LookupError, match="timer 99 is not parked"):
        decide(world.engine, "parked retry", what="timer", number=99)


def test_a_kind_that_nothing_at_work_knows_stays_and_is_told_of_once(world: World) -> None:
    put(world, "ack INC-1", "oncall.escalate", {})
    with capture_logs() as logs:
        assert [fire(world) for _ in range(3)] == [0, 0, 0]
    assert [(one["event"], one["timers"]) for one in logs] == [("timers_unknown", 1)]
    (parked,) = waiting(world)
    assert parked.sentence == (
        "oncall.escalate ack INC-1, due at 2026-11-23 19:04:37 UTC: nothing at work knows what is to happen then: "
        "install the plugin that set it again; it then happens by itself"
    )
    with pytest.raises(ValueError, match=r"timer \d+ cannot be tried: nothing at work knows .*oncall\.escalate"):
        decide(world.engine, "parked retry", what="timer", number=parked.id)
    assert waiting(world) == [parked], "nobody is told that it tries again"


def test_a_store_that_does_not_answer_is_no_failure_of_a_timer(world: World) -> None:
    def away(*_args: object) -> None:
        raise StoreUnavailable("it is away")

    put(world, "whole", acts.RENEW, {"signal": 1})
    with pytest.raises(StoreUnavailable):
        firing.fire_timers(world.engine, world.clock.now(), {acts.RENEW: away})
    assert fire(world) == 1
    assert waiting(world) == []


def test_only_so_many_fire_before_the_daemon_does_what_else_is_to_be_done(world: World) -> None:
    for number in range(firing.TIMERS_AT_ONCE + 3):
        put(world, f"silence {number}", acts.RENEW, {"signal": number})
    assert [fire(world), fire(world), fire(world)] == [firing.TIMERS_AT_ONCE, 3, 0]

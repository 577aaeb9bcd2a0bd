"""Escalation limits: reminders while time runs out, somebody else when it has, and an alarm that does not end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select
from structlog.testing import capture_logs
from tests.core.store_backends import postgres_database, postgres_server
from tests.sync.conftest import world
from tests.sync.deciding import decide
from tests.sync.world import World

from tieline.core.acts import NotDone
from tieline.core.declared import WrongWords
from tieline.core.events import Changed
from tieline.core.journal import Someone
from tieline.core.model import ConnectionName
from tieline.core.port import Commenter, Ref
from tieline.core.store import tables as t
from tieline.plugins.escalation.plugin import Plugin
from tieline.plugins.escalation.policy import Settings
from tieline.plugins.escalation.tables import CLOCK
from tieline.sync import explain
from tieline.sync.office import projecting
from tieline.sync.office.office import Office, offered

__all__ = ["postgres_database", "postgres_server", "world"]

Worlds = Callable[..., World]
ANN = Someone("ann")
CRITICAL = {"acknowledge": "10m", "update": "1h", "resolve": "4h"}
GIVEN: dict[str, Any] = {
    "limits": {"critical": CRITICAL, "low": {"acknowledge": "1d"}},
    "fallback": {"team": "second line"},
    "manager": "boss@example.com",
    "again": "30m",
}


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def began(world: Worlds, severity: str = "critical", **settings: Any) -> World:
    offer = Plugin(Settings.model_validate({**GIVEN, **settings})).tieline_offer()
    one = world("left", offers=(offer,))
    one.work()
    one.tools["left"].make({"title": "Disk full", "status": "new", "severity": severity})
    one.settle(1)
    return one


def passes(world: World, minutes: float) -> None:
    """Let time pass, a minute at a time, as it does while the workers run."""
    for _ in range(int(minutes)):
        world.clock.advance(60)
        world.work()


def told(world: World) -> list[tuple[str, Any]]:
    """What the escalation did, in order: kinds, and of how many percent or how often."""
    with world.engine.store.read() as connection:
        found = explain.history(connection, world.incident().id)
    kinds = ("escalation.reminded", "escalation.expired", "escalation.alarmed")
    return [
        (f"{facts['what']} {one['kind'].partition('.')[2]}", facts.get("percent", facts.get("times")))
        for one in found
        if (facts := one["facts"]) and one["kind"] in kinds
    ]


def skipped(world: World) -> list[list[int]]:
    """The steps of which nobody was told, of each that somebody was told of."""
    with world.engine.store.read() as connection:
        found = explain.history(connection, world.incident().id)
    return [[*one["facts"]["skipped"]] for one in found if "skipped" in one["facts"]]


def comments(world: World) -> list[str]:
    """What people read of it in their tool."""
    tool = world.engine.connections[ConnectionName("left")].source
    assert isinstance(tool, Commenter)
    found = tool.comments(Ref(world.tools["left"].rows()[0].ref))
    return [str(comment.body).partition("\n\n")[2] for comment in found]


def running(world: World) -> list[str]:
    with world.engine.store.read() as connection:
        clocks = [row.what for row in connection.execute(select(CLOCK).order_by(CLOCK.c.what))]
        timers = connection.execute(select(t.timer.c.key).where(t.timer.c.kind == "escalation.tick")).scalars().all()
    assert sorted(key.rpartition(" ")[2] for key in timers) == clocks
    return clocks


def test_reminders_then_somebody_else_then_an_alarm_that_does_not_end(world: Worlds) -> None:
    one = began(world)
    passes(one, 4)
    assert told(one) == []
    passes(one, 2)
    assert told(one) == [("acknowledge reminded", 50)]
    passes(one, 5)
    acknowledge = [("acknowledge reminded", percent) for percent in (50, 75, 90)]
    assert told(one) == [*acknowledge, ("acknowledge expired", None)]
    assert one.incident().fields["team"] == "second line"
    passes(one, 61)
    assert told(one)[4:] == [("acknowledge alarmed", 1), ("acknowledge alarmed", 2)]
    assert one.incident().fields["assignee"] == "boss@example.com"
    one.settle(2)
    read = comments(one)
    assert read[0].startswith("50 % of the time to acknowledge are over: nobody has taken it yet; it may take until")
    assert read[3] == "The time to acknowledge is over, and nobody has taken it yet. It goes to second line."
    assert read[4].startswith("Alarm 1: the time to acknowledge is over, and nobody has taken it yet. boss@")


def test_who_takes_it_and_works_on_it_is_left_alone(world: Worlds) -> None:
    one = began(world)
    passes(one, 3)
    one.edit("left", status="in_progress")
    one.settle(1)
    assert running(one) == ["resolve", "update"]
    passes(one, 40)
    assert told(one) == [("update reminded", 50)]
    one.tools["left"].comment(one.tools["left"].rows()[0].ref, "still looking")
    one.settle(1)
    passes(one, 29)
    assert told(one) == [("update reminded", 50)]
    passes(one, 40)
    assert ("update expired", None) in told(one)


def test_what_is_over_has_no_clocks(world: Worlds) -> None:
    one = began(world)
    one.edit("left", status="resolved")
    one.settle(1)
    assert running(one) == []
    passes(one, 300)
    assert told(one) == []
    one.edit("left", status="in_progress")
    one.settle(1)
    assert running(one) == ["resolve", "update"]


def test_a_day_set_aside_tells_the_last_of_each_once_and_how_late(world: Worlds) -> None:
    one = began(world)
    one.restart()
    one.clock.advance(24 * 3600)
    one.work()
    once = told(one)
    assert sorted(once) == [("acknowledge expired", None), ("resolve expired", None)]
    assert skipped(one) == [[50, 75, 90], [50, 75, 90]]
    one.restart()
    one.work()
    assert told(one) == once
    one.settle(2)
    assert comments(one)[0] == (
        "The time to acknowledge is over, and nobody has taken it yet. It goes to second line. "
        "Nobody was told at 50 %, 75 % and 90 %. (told 23h late)"
    )


def test_some_time_set_aside_tells_the_last_reminder_and_names_the_others(world: Worlds) -> None:
    one = began(world)
    one.restart()
    one.clock.advance(8 * 60)
    one.work()
    assert told(one) == [("acknowledge reminded", 75)]
    assert skipped(one) == [[50]]
    passes(one, 3)
    assert told(one)[1:] == [("acknowledge reminded", 90), ("acknowledge expired", None)]
    one.settle(2)
    assert comments(one)[0].endswith("UTC. Nobody was told at 50 %.")


def test_what_was_over_and_is_opened_again_is_counted_from_then_however_late_that_is_learnt(world: Worlds) -> None:
    one = began(world)
    offers, one.offers = one.offers, ()
    one.clock.advance(2 * 3600)
    one.edit("left", status="resolved")
    one.settle(1)
    one.clock.advance(3600)
    one.edit("left", status="in_progress")
    one.settle(1)
    opened_again = one.clock.now()
    one.clock.advance(600)
    one.offers = offers
    one.work()
    with one.engine.store.read() as connection:
        began_at = dict(connection.execute(select(CLOCK.c.what, CLOCK.c.began_at)).tuples().all())
    assert set(began_at) == {"resolve", "update"}
    assert all(opened_again - timedelta(minutes=2) < at <= opened_again for at in began_at.values())


def test_unknown_severity_has_the_shortest_limits(world: Worlds) -> None:
    one = began(world, severity="")
    passes(one, 6)
    assert told(one) == [("acknowledge reminded", 50)]


def test_a_higher_severity_counts_from_the_same_beginning(world: Worlds) -> None:
    one = began(world, severity="low")
    passes(one, 20)
    assert told(one) == []
    one.edit("left", severity="critical")
    one.settle(1)
    assert told(one)[-1] == ("acknowledge expired", None)
    assert running(one) == ["acknowledge", "resolve"]


def test_what_is_put_off_stays_quiet_until_then(world: Worlds) -> None:
    one = began(world)
    office = Office(one.engine, offered(one.engine))
    asked = {"incident": "INC-1", "time": "30m", "why": "the vendor is on it"}
    done = office.perform("escalation snooze", asked, actor=ANN)
    assert done.sentence.startswith("INC-1: nobody is reminded before 2026-")
    passes(one, 29)
    assert told(one) == []
    passes(one, 3)
    assert told(one)[0] == ("acknowledge expired", None)
    with pytest.raises(WrongWords, match="put off for some time, and for 8h at most"):
        office.perform("escalation snooze", {**asked, "time": "9h"}, actor=ANN)
    one.edit("left", status="closed")
    one.settle(1)
    with pytest.raises(NotDone, match="INC-1: no clock runs that could be put off"):
        office.perform("escalation snooze", asked, actor=ANN)


def test_off_hours_hold_until_opening(world: Worlds) -> None:
    hours = {"office": {"zone": "Europe/Berlin"}}
    one = began(world, limits={"critical": {"acknowledge": "10m", "within": "office"}}, hours=hours)
    passes(one, 120)  # it is a Monday, eight in the evening over there
    assert told(one) == []
    one.clock.advance(timedelta(hours=10).total_seconds())
    passes(one, 120)
    assert ("acknowledge expired", None) in told(one)


def test_the_clocks_made_anew_are_those_that_run(world: Worlds) -> None:
    one = began(world)
    passes(one, 12)
    decide(one.engine, "edit", incident="INC-1", changes={"status": "in_progress"})
    passes(one, 35)

    def rows() -> list[tuple[Any, ...]]:
        with one.engine.store.read() as connection:
            return [tuple(row) for row in connection.execute(select(CLOCK).order_by(CLOCK.c.what))]

    before = rows()
    assert len(before) == 2
    _offer, clocks = one.engine.registry.offers.projections["escalation.clocks"]
    assert projecting.make(one.engine.store, "escalation.clocks", clocks, "again")
    assert rows() == before


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"remind": [90, 50]}, "`remind` rises"),
        ({"limits": {"critical": {"acknowledge": "0s"}}}, "a limit is a second at least"),
        ({"limits": {"critical": {"acknowledge": "5m", "within": "office"}}}, "which is none of `hours`"),
        ({"hours": {"office": {"zone": "Europe/Nowhere"}}}, "is no zone; write one like Europe/Berlin"),
        ({"hours": {"office": {"zone": "UTC", "days": ["montag"]}}}, "'montag' is no day"),
        ({"hours": {"office": {"zone": "UTC", "opens": "18:00", "closes": "08:00"}}}, "they close before they open"),
        ({"hours": {"office": {"zone": "UTC", "opens": "8 o'clock"}}}, "is no time of a day; write one like 08:00"),
        ({"limits": {"terrible": {}}}, "critical"),
    ],
)
def test_settings_that_do_not_fit_are_told_with_what_would(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Settings.model_validate(given)


def told_otherwise(world: World, **critical: str) -> None:
    """Start anew with other limits for what is critical."""
    limits = {**GIVEN["limits"], "critical": critical}
    world.offers = (Plugin(Settings.model_validate({**GIVEN, "limits": limits})).tieline_offer(),)
    world.restart()


def test_a_limit_that_is_taken_away_is_not_over_at_once(world: Worlds) -> None:
    one = began(world)
    passes(one, 4)
    told_otherwise(one, resolve="4h")
    passes(one, 20)
    assert told(one) == []
    assert running(one) == ["resolve"]


def test_a_limit_that_is_made_longer_is_counted_anew_from_where_it_began(world: Worlds) -> None:
    one = began(world)
    passes(one, 4)
    told_otherwise(one, **{**CRITICAL, "acknowledge": "1h"})
    passes(one, 25)
    assert told(one) == []
    passes(one, 4)
    assert told(one) == [("acknowledge reminded", 50)]


def test_a_clock_that_begins_while_an_escalation_is_put_off_is_put_off_as_well(world: Worlds) -> None:
    one = began(world, "low", limits={"low": {"acknowledge": "1h", "update": "10m"}})
    Office(one.engine, offered(one.engine)).perform(
        "escalation snooze", {"incident": "INC-1", "time": "2h", "why": "the vendor is on it"}, actor=ANN
    )
    one.edit("left", status="in_progress")
    one.settle(1)
    passes(one, 110)
    assert running(one) == ["update"]
    assert told(one) == []
    passes(one, 15)
    assert told(one)


def test_what_an_alert_or_another_plugin_changes_is_no_sign_of_work(world: Worlds) -> None:
    one = began(world)
    one.edit("left", status="in_progress")
    one.settle(1)
    passes(one, 25)
    with one.engine.store.write() as tx:
        alerts = Changed(changes={}, conflicts={}, signal="alerts 4f1c")
        one.engine.record(tx, alerts, incident=one.incident().id, actor="alerts")
    decide(one.engine, "edit", actor="plugin:others", incident="INC-1", changes={"category": "storage"})
    passes(one, 10)
    assert told(one) == [("update reminded", 50)]

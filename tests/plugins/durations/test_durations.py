"""How long it takes: stamps from the journal, missing where nobody told, and percentiles that say how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.core.store_backends import postgres_database, postgres_server
from tests.sync.conftest import world
from tests.sync.deciding import decide
from tests.sync.world import World

from tieline.core.access import Facts, Grant, Role
from tieline.core.identity import Someone, of_account
from tieline.core.store import tables as t
from tieline.core.views import Views
from tieline.plugins.durations.plugin import Plugin
from tieline.plugins.durations.tables import STAMPS
from tieline.sync.office import projecting
from tieline.sync.office.enquiries import Enquiries

__all__ = ["postgres_database", "postgres_server", "world"]

Worlds = Callable[..., World]
MINUTE = 60_000


@dataclass
class Viewer:
    someone: Someone
    now: datetime

    def facts(self, _connection: Any) -> Facts:
        return Facts(self.now, grants=(Grant(Role.VIEWER),))


def see(world: World, **given: Any) -> Any:
    offers = world.engine.registry.offers
    enquiries = Enquiries(world.engine.store, world.engine.config, Views(offers.views.values()), offers=offers)
    return enquiries.see("durations times", given, Viewer(of_account("ann", "db1"), world.clock.now())).facts


def began(world: Worlds, count: int = 1, **fields: Any) -> World:
    one = world("left", offers=(Plugin().tieline_offer(),))
    one.work()
    for number in range(count):
        one.tools["left"].make({"title": f"Disk {number}", "status": "new", "severity": "high", **fields})
    one.settle(1)
    return one


def stamps(world: World) -> list[dict[str, Any]]:
    with world.engine.store.read() as connection:
        return [dict(row._mapping) for row in connection.execute(select(STAMPS).order_by(STAMPS.c.detected_at))]


def edited(world: World, minutes: float, number: int = 1, **fields: Any) -> None:
    """Somebody edits so much later, and it is read at once."""
    world.clock.advance(minutes * 60 - 31)
    world.edit("left", number=number, **fields)
    world.settle(1)


def test_stamps_are_those_of_what_happened_and_missing_where_nothing_did(world: Worlds) -> None:
    one = began(world)
    (row,) = stamps(one)
    assert (row["is_open"], row["acknowledged_at"], row["resolve_ms"], row["detect_ms"]) == (True, None, None, None)
    edited(one, 5, status="in_progress")
    edited(one, 55, status="resolved")
    (row,) = stamps(one)
    assert (row["is_open"], row["acknowledge_ms"], row["resolve_ms"]) == (False, 5 * MINUTE, 60 * MINUTE)
    edited(one, 10, status="in_progress")
    (row,) = stamps(one)
    assert (row["is_open"], row["acknowledge_ms"], row["resolve_ms"]) == (True, 5 * MINUTE, None)
    edited(one, 20, status="closed")
    assert stamps(one)[0]["resolve_ms"] == 90 * MINUTE


def test_one_worker_makes_tables_with_indexes_anew_as_often_as_it_is_asked(world: Worlds) -> None:
    one = began(world)
    for minutes in (5, 10):
        edited(one, minutes, status="in_progress" if minutes == 5 else "resolved")
        decide(one.engine, "plugin rebuild", plugin="durations")
        one.work()
        with one.engine.store.read() as connection:
            assert projecting.states(connection)["durations.stamps"].is_current
    assert stamps(one)[0]["resolve_ms"] == 15 * MINUTE


def test_what_a_tool_tells_of_its_beginning_counts_also_when_it_comes_late(world: Worlds) -> None:
    one = began(world)
    edited(one, 30, status="resolved")
    (row,) = stamps(one)
    assert row["resolve_ms"] == 30 * MINUTE
    earlier = row["detected_at"] - timedelta(minutes=15)
    edited(one, 60, opened_at=earlier.isoformat())
    (row,) = stamps(one)
    assert (row["detect_ms"], row["resolve_ms"]) == (15 * MINUTE, 45 * MINUTE)


def test_one_that_was_cancelled_was_not_resolved(world: Worlds) -> None:
    one = began(world)
    edited(one, 30, status="cancelled")
    (row,) = stamps(one)
    assert (row["is_open"], row["resolved_at"], row["resolve_ms"]) == (False, None, None)


def test_groups_of_fewer_than_five_are_withheld_and_others_say_how_much_is_known(world: Worlds) -> None:
    one = began(world, count=6)
    for number in range(1, 6):
        edited(one, 10, number=number, status="resolved")
    one.tools["left"].make({"title": "Rare", "status": "new", "severity": "low"})
    one.settle(1)
    found = see(one, by="severity")
    assert found["withheld"] == 1
    (group,) = found["groups"]
    assert (group["group"], group["incidents"], group["open"], group["known"]) == ("high", 6, 1, 5)
    median, ninetieth = group["percentiles"]
    assert (median["value"], ninetieth["value"]) == (30 * MINUTE, 50 * MINUTE)
    assert (median["low"], median["high"]) == (None, None)
    assert see(one, by="severity", what="acknowledge")["groups"][0]["known"] == 5
    assert see(one, by="severity", what="detect")["groups"][0]["percentiles"] == []
    assert see(one, since="1m")["groups"] == []


def test_a_restricted_incident_is_in_no_figure(world: Worlds) -> None:
    one = began(world, count=6)
    for number in range(1, 7):
        edited(one, 10, number=number, status="resolved")
    with one.engine.store.write() as tx:
        tx.execute(update(t.incident).where(t.incident.c.id == 6).values(restricted=True, label="RES-BCDFGH"))
    (group,) = see(one)["groups"]
    assert (group["incidents"], group["percentiles"][1]["value"]) == (5, 50 * MINUTE)


def test_the_stamps_made_anew_are_those_that_were_there(world: Worlds) -> None:
    one = began(world, count=3)
    edited(one, 5, number=2, status="in_progress")
    edited(one, 5, number=1, status="resolved", severity="low")
    before = stamps(one)
    _offer, projection = one.engine.registry.offers.projections["durations.stamps"]
    assert projecting.make(one.engine.store, "durations.stamps", projection, "again")
    assert stamps(one) == before


@pytest.mark.parametrize("by", ["all", "severity"])
def test_percentiles_of_many_are_exact(world: Worlds, by: str) -> None:
    one = began(world)
    now = one.clock.now()
    with one.engine.store.write() as tx:
        row = {"severity": "high", "is_open": False, "detected_at": now}
        tx.execute(insert(STAMPS), [{**row, "subject": f"s{ms}", "resolve_ms": ms} for ms in range(1, 2_001)])
    (group,) = see(one, by=by)["groups"]
    assert group["known"] == 2_000
    assert [one["value"] for one in group["percentiles"]] == [1_000, 1_800]
    median = group["percentiles"][0]
    assert median["low"] < 1_000 < median["high"] < 1_100

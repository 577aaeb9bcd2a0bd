"""Timers with a schedule: set by themselves, fired once each time, whatever becomes of the process and of the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from tieline.core.acts import NotDone
from tieline.core.desk import Desk
from tieline.core.offer import Due, Offer, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.schedules import Daily
from tieline.core.store import tables as t
from tieline.sync.testing.ground import Ground

UTC_ZONE = ZoneInfo("UTC")


class Swept(PluginEvent, kind="broom.swept"):
    """it was time to sweep"""

    late: int


def sweep(desk: Desk, due: Due) -> None:
    desk.record(Swept(late=int(due.late.total_seconds())))


NIGHTLY = TimerKind("nightly", sweep, Daily(time(3), UTC_ZONE))
BROOM = Offer("broom", "Sweeps.", events=(Swept,), timers=(NIGHTLY,))
HOURS = 3_600.0


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Callable[[Offer], Ground]]:
    made: list[Ground] = []

    def make(offer: Offer) -> Ground:
        made.append(Ground(tmp_path / str(len(made)), lambda: offer))
        made[-1].work()
        return made[-1]

    with capture_logs():
        yield make
    for one in made:
        one.close()


def dues(ground: Ground) -> list[datetime]:
    with ground.engine.store.read() as connection:
        return list(connection.execute(select(t.timer.c.due_at).order_by(t.timer.c.due_at)).scalars())


def swept(ground: Ground) -> list[int]:
    return [one.facts["late"] for one in ground.entries() if one.kind == "broom.swept"]


def go_to(ground: Ground, words: str) -> None:
    ground.clock.advance((datetime.fromisoformat(words) - ground.clock.now()).total_seconds())
    ground.work()


def test_it_fires_each_night_by_itself(ground: Callable[[Offer], Ground]) -> None:
    world = ground(BROOM)
    assert dues(world) == [datetime.fromisoformat("2026-11-24T03:00:00+00:00")]
    for night in ("24", "25", "26"):
        go_to(world, f"2026-11-{night}T03:00:01+00:00")
    assert swept(world) == [1, 1, 1]
    assert dues(world) == [datetime.fromisoformat("2026-11-27T03:00:00+00:00")]


def test_of_the_nights_that_nobody_was_at_work_it_fires_once_for_all(ground: Callable[[Offer], Ground]) -> None:
    world = ground(BROOM)
    go_to(world, "2026-11-30T12:00:00+00:00")
    assert swept(world) == [6 * 86_400 + 9 * 3_600]
    assert dues(world) == [datetime.fromisoformat("2026-12-01T03:00:00+00:00")]


def test_a_clock_that_is_put_back_and_a_restart_fire_nothing_again(ground: Callable[[Offer], Ground]) -> None:
    world = ground(BROOM)
    go_to(world, "2026-11-24T03:00:05+00:00")
    world.clock.step(-60)
    world.restart()
    world.work()
    go_to(world, "2026-11-24T03:00:10+00:00")
    assert len(swept(world)) == 1


def test_a_schedule_that_was_changed_holds_from_then_on(ground: Callable[[Offer], Ground]) -> None:
    world = ground(BROOM)
    world.make = lambda: replace(BROOM, timers=(replace(NIGHTLY, schedule=Daily(time(5), UTC_ZONE)),))
    world.restart()
    world.work()
    assert dues(world) == [datetime.fromisoformat("2026-11-24T05:00:00+00:00")]


def test_one_that_fails_waits_for_a_person_and_the_next_night_comes_all_the_same(
    ground: Callable[[Offer], Ground],
) -> None:
    broken = [True]

    def failing(desk: Desk, due: Due) -> None:
        if broken:
            raise NotDone("there is no broom")
        sweep(desk, due)

    world = ground(replace(BROOM, timers=(replace(NIGHTLY, run=failing),)))
    go_to(world, "2026-11-24T03:00:00+00:00")
    for _ in range(6):
        world.clock.advance(timedelta(minutes=10).total_seconds())
        world.work()
    with world.engine.store.read() as connection:
        parked = connection.execute(select(t.timer).where(t.timer.c.parked != "")).all()
    assert ["there is no broom" in one.parked for one in parked] == [True]
    broken.clear()
    go_to(world, "2026-11-25T03:00:00+00:00")
    assert swept(world) == [0]
    assert dues(world)[-1] == datetime.fromisoformat("2026-11-26T03:00:00+00:00")

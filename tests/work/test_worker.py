"""The worker: plugins do what they do by themselves, each in its own time, beside whatever else goes on."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs
from tests.daemon.conftest import eventually
from tests.sync.test_offers import SEATS
from tests.sync.world import World

from tieline.core import timers
from tieline.core.acts import Acts
from tieline.core.arguments import Ask
from tieline.core.config import Config, load_text
from tieline.core.desk import Desk
from tieline.core.events import Opened
from tieline.core.identity import Someone
from tieline.core.jobs import Bound, Done, Job, State, Step
from tieline.core.offer import Follower, Offer, Offers, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened
from tieline.core.registry import Registry
from tieline.core.store import tables as t
from tieline.sync import explain
from tieline.sync.daemon import heartbeat
from tieline.sync.office import following
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.following import lags
from tieline.sync.office.look import Outside
from tieline.sync.office.office import Office
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.work import steps, worker
from tieline.sync.work.worker import Worker

Worlds = Callable[..., World]


class Seen(PluginEvent, kind="others.seen"):
    """somebody saw an incident"""


def see(desk: Desk, happened: Happened) -> None:
    desk.record(Seen(), desk.item(happened.item))


OTHERS = Offer("others", "See incidents.", events=(Seen,), followers=(Follower("see", (Opened,), see),))


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def works(world: World, *offers: Offer) -> Worker:
    """A worker with these offers, on the store of a world."""

    def load() -> tuple[Config, Registry]:
        config, registry = load_text(world.file.read_bytes(), world.file)
        for offer in offers:
            registry.offers.add(offer)
        return config, registry

    return Worker(load, clock=world.clock)


def kinds(world: World, number: int = 1) -> list[str]:
    with world.engine.store.read() as connection:
        return [one["kind"] for one in explain.history(connection, world.incident(number).id)]


def opened(world: World, number: int) -> None:
    world.tools["left"].make({"title": f"Disk {number} full", "status": "new"})
    world.settle(1)
    assert len(world.incidents()) == number


def test_a_plugin_that_hangs_or_raises_delays_no_other(
    world: Worlds, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    monkeypatch.setattr(worker, "SWEEP", 0.02)
    hangs_by_now, goes_on = threading.Event(), threading.Event()

    def hang(_desk: Desk, _happened: Happened) -> None:
        hangs_by_now.set()
        goes_on.wait(60)

    def fail(_desk: Desk, _happened: Happened) -> None:
        raise RuntimeError("no")

    hangs = replace(SEATS, followers=(Follower("hang", (Opened,), hang),), timers=())
    fails = Offer("fails", "It fails.", followers=(Follower("fail", (Opened,), fail),))
    one = world("left")
    here = works(one, hangs, fails, OTHERS)
    here.start()
    eventually(lambda: kept(one) == 3)
    opened(one, 1)
    eventually(lambda: "others.seen" in kinds(one))
    assert hangs_by_now.wait(20)
    one.clock.advance(61)
    here.tell_stuck()
    stuck = [line for line in logged if line["event"] == "plugin_stuck"]
    assert "seats" in {line["plugin"] for line in stuck}
    eventually(lambda: any("the plugin seats" in one.told.get("stuck", {}) for one in signed(one)))
    opened(one, 2)
    eventually(lambda: "others.seen" in kinds(one, 2))
    eventually(lambda: any(line["event"] == "follower_failed" for line in logged))
    goes_on.set()
    assert here.stop() == 0
    assert kinds(one).count("others.seen") == 1


def signed(world: World) -> Sequence[heartbeat.Worker]:
    """The signs of life of workers."""
    with world.engine.store.read() as connection:
        return heartbeat.signs(connection)[heartbeat.Role.WORK]


def refused(world: World) -> str:
    """Why the first of them refused to reload; "" where it did not."""
    [runs] = [one.runs for one in signed(world)]
    return "" if runs is None or runs.refusal is None else runs.refusal.reason


def told(world: World, *offers: Offer) -> Mapping[str, Any]:
    """What the status says."""
    enquiries = Enquiries(world.engine.store, world.engine.config, OWN_VIEWS, Outside(), Offers(offers))
    return enquiries.see("status", {}, Asker(Someone("owner", "os:owner@here"), True, world.clock.now())).facts


def test_a_worker_gives_signs_of_its_life_and_says_when_it_ends_and_what_it_refused(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "SWEEP", 0.02)
    one = world("left")
    here = works(one, OTHERS)
    here.start()
    eventually(lambda: signed(one))
    assert [sign.is_running(one.clock.now()) for sign in signed(one)] == [True]
    good = one.file.read_text("utf-8")
    one.file.write_text(re.sub("store: .*", "store: sqlite:///another.db", good), "utf-8")
    assert not here.reload()
    eventually(lambda: "restart `tieline work`" in refused(one))
    assert "RUN004" in refused(one)
    one.file.write_text(good, "utf-8")
    assert here.stop() == 0
    assert [sign.ended for sign in signed(one)] == [True]


def test_a_follower_and_a_timer_that_do_not_go_on_are_told_while_a_worker_lives(world: Worlds) -> None:
    one = world("left")
    sign = heartbeat.Heartbeat(one.engine.store, "here:1", alone=True, role=heartbeat.Role.WORK)
    following.keep_up(one.engine, OTHERS, OTHERS.followers[0])
    opened(one, 1)
    with one.engine.store.write() as tx:
        timers.set_timer(tx, "seats.look", "seats.look", one.clock.now(), {"incident": None})
        timers.set_timer(tx, "later", "seats.look", one.clock.now() + timedelta(days=1), {"incident": None})
    sign.beat(one.clock.now())
    assert told(one, OTHERS, LOOKS)["stalled"] == []
    one.clock.advance(121)
    sign.beat(one.clock.now())
    found = told(one, OTHERS, LOOKS)
    assert [words.partition(",")[0].partition(" since")[0] for words in found["stalled"]] == [
        "others.see has not looked at what happened",
        "seats.look: a timer is overdue",
    ]
    following.keep_up(one.engine, OTHERS, OTHERS.followers[0])
    assert [words.partition(":")[0] for words in told(one, OTHERS, LOOKS)["stalled"]] == ["seats.look"]
    one.clock.advance(31)
    assert told(one, OTHERS, LOOKS)["stalled"] == [], "then it is missing as a whole"


LOOKS = Offer("seats", "Look.", timers=(TimerKind("look", lambda _desk, _due: None),))


def kept(world: World) -> int:
    """How many followers have begun."""
    with world.engine.store.read() as connection:
        return len(lags(connection))


def test_a_reload_that_fails_in_any_way_leaves_the_old_at_work(
    world: Worlds, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    monkeypatch.setattr(worker, "SWEEP", 0.02)
    one, broken = world("left"), list[Exception]()

    def load() -> tuple[Config, Registry]:
        if broken:
            raise broken[0]
        config, registry = load_text(one.file.read_bytes(), one.file)
        registry.offers.add(OTHERS)
        return config, registry

    here = Worker(load, clock=one.clock)
    here.start()
    eventually(lambda: kept(one) == 1)
    broken.append(PermissionError(13, "Permission denied", str(one.file)))
    assert not here.reload()
    assert any(line["event"] == "reload_refused" and "PermissionError" in line["reason"] for line in logged)
    opened(one, 1)
    eventually(lambda: "others.seen" in kinds(one))
    assert here.stop() == 0


def test_a_reload_puts_the_new_plugins_to_work_and_a_refused_one_leaves_the_old(
    world: Worlds, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    monkeypatch.setattr(worker, "SWEEP", 0.02)
    one = world("left")
    offers: list[Offer] = []

    def load() -> tuple[Config, Registry]:
        config, registry = load_text(one.file.read_bytes(), one.file)
        for offer in offers:
            registry.offers.add(offer)
        return config, registry

    here = Worker(load, clock=one.clock)
    here.start()
    offers.append(OTHERS)
    assert here.reload()
    eventually(lambda: kept(one) == 1)
    good = one.file.read_text("utf-8")
    one.file.write_text("tieline: [", "utf-8")
    assert not here.reload()
    assert any(line["event"] == "reload_refused" for line in logged)
    one.file.write_text(good, "utf-8")
    opened(one, 1)
    eventually(lambda: "others.seen" in kinds(one))
    assert here.stop() == 0


class Ran(PluginEvent, kind="pits.ran"):
    """a step was done"""


class Pit(Ask):
    """Whether it has a bottom."""

    bottom: bool = True


def fall(desk: Desk, ask: Pit, _so_far: State) -> Step | Done:
    """Fall into a pit."""
    if not ask.bottom:
        DEEP.set()
        OUT.wait(60)
    desk.record(Ran())
    return Done()


DEEP, OUT = threading.Event(), threading.Event()
FALL = Job("fall", fall, "pits.fall", example={}, bound=Bound(step=timedelta(seconds=1)))
PITS = Offer("pits", "Fall.", rights={"pits.fall": Right("fall")}, events=(Ran,), jobs=(FALL,))


def falls(world: World, offers: Offers, *, bottom: bool) -> None:
    office = Office(world.engine, Acts(offers.acts.values()))
    office.perform("pits fall", {"bottom": bottom}, actor=Someone("owner", "os:owner@here"))


def ran(world: World) -> int:
    with world.engine.store.read() as connection:
        rows = connection.execute(select(t.journal.c.kind).where(t.journal.c.kind == "pits.ran"))
        return len(rows.all())


def test_jobs_that_hang_are_told_of_and_hold_no_other_up(
    world: Worlds, monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    monkeypatch.setattr(steps, "SWEEP", 0.02)
    DEEP.clear()
    OUT.clear()
    here = world()
    here.engine.registry.offers.add(PITS)
    here.clock.advance(0)
    mine = works(here, PITS)
    for _ in range(steps.AT_ONCE):
        falls(here, here.engine.registry.offers, bottom=False)
    mine.start()
    assert DEEP.wait(10)
    falls(here, here.engine.registry.offers, bottom=True)
    here.clock.advance(7)

    def is_done() -> bool:
        mine.keep_up()
        return ran(here) == 1

    eventually(is_done)
    assert {line["event"] for line in logged} >= {"job_stuck"}
    OUT.set()
    eventually(lambda: ran(here) == steps.AT_ONCE + 1)
    mine.stop()
    assert ran(here) == steps.AT_ONCE + 1


def test_a_worker_that_stops_leaves_its_jobs_to_others(world: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "SWEEP", 0.02)
    here = world()
    here.engine.registry.offers.add(PITS)
    mine = works(here, PITS)
    mine.start()
    falls(here, here.engine.registry.offers, bottom=True)
    eventually(lambda: ran(here) == 1)
    assert mine.stop() == 0
    with here.engine.store.read() as connection:
        assert connection.execute(select(t.job.c.worker, t.job.c.status)).tuples().all() == [("", "done")]

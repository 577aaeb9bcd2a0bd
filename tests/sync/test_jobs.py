"""Jobs: long work, done step by step, each step once; ended, put aside and told of, and its result read by right."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from sqlalchemy import select
from structlog.testing import capture_logs

from tieline.core import grants
from tieline.core.access import Grant, Role, Rule, Verdict
from tieline.core.acts import NotDone
from tieline.core.arguments import Ask, ItemName
from tieline.core.desk import Desk
from tieline.core.errors import NotAllowed
from tieline.core.events import Opened
from tieline.core.jobs import Bound, Done, Job, Result, State, Step
from tieline.core.offer import Due, Follower, Offer, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened
from tieline.core.store import tables as t
from tieline.core.views import Views
from tieline.sync.office import jobs
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.office import Performed
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform
from tieline.sync.office.stepping import step
from tieline.sync.testing.ground import NOBODY, OWNER, Fate, Ground, Killed, MortalStore


class Counted(PluginEvent, kind="sums.counted"):
    """one step of a sum was done"""

    number: int


class Sum(Ask):
    """How far to count."""

    upto: int = Field(default=3, ge=1, description="How far to count.")
    incident: ItemName | None = Field(default=None, description="What it is for.")


class Counting(State):
    """How far it has come."""

    number: int = 0
    total: int = 0


def count(desk: Desk, ask: Sum, so_far: Counting) -> Step | Done:
    """Add numbers up, one at a step."""
    if so_far.number == ask.upto:
        return Done(str(so_far.total).encode())
    number = so_far.number + 1
    desk.record(Counted(number=number))
    return Step(Counting(number=number, total=so_far.total + number), done=number, of=ask.upto)


SUM = Job("sum", count, "sums.sum", example={"upto": 3}, result=Result("text/plain", "sums.read"))
RIGHTS = {"sums.sum": Right("add numbers up"), "sums.read": Right("read what they come to")}
SUMS = Offer("sums", "Adds numbers up.", rights=RIGHTS, events=(Counted,), jobs=(SUM,))

Grounds = Callable[[Offer], Ground]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Grounds]:
    made: list[Ground] = []

    def make(offer: Offer) -> Ground:
        made.append(Ground(tmp_path / str(len(made)), lambda: offer))
        return made[-1]

    with capture_logs():
        yield make
    for one in made:
        one.close()


def start(ground: Ground, **given: Any) -> str:
    done = ground.perform("sums sum", given)
    return str(done.facts["job"])


def own(ground: Ground, act: str, job: str, someone: Any = OWNER) -> Performed:
    declared = OWN[act]
    return perform(ground.engine, declared, declared.told({"job": job}), ground.person(someone).asker)


def see(ground: Ground, view: str, someone: Any = OWNER, **given: Any) -> Any:
    offers = ground.engine.registry.offers
    views = Views([*OWN_VIEWS.by_name.values(), *offers.views.values()])
    enquiries = Enquiries(ground.engine.store, ground.engine.config, views, offers=offers)
    return enquiries.see(view, given, ground.person(someone)).answer


def numbers(ground: Ground) -> list[int]:
    return [one.facts["number"] for one in ground.entries() if one.kind == "sums.counted"]


def row(ground: Ground, number: int = 1) -> Any:
    with ground.engine.store.read() as connection:
        return connection.execute(select(t.job).where(t.job.c.id == number)).one()


def one_step(ground: Ground, by: str = "somebody") -> bool:
    return step(ground.engine, by)


def test_a_job_goes_on_step_by_step_and_comes_to_something(ground: Grounds) -> None:
    world = ground(SUMS)
    job = start(world, upto=3)
    assert job == "JOB-1"
    assert one_step(world)
    assert one_step(world)
    shown = see(world, "jobs show", job=job).job
    assert (shown.status, shown.done, shown.of, shown.steps, shown.by) == ("running", 2, 3, 2, "owner")
    world.work()
    assert numbers(world) == [1, 2, 3]
    result = see(world, "jobs result", job=job)
    assert b64decode(result.body) == b"6"
    assert result.sha256 == hashlib.sha256(b"6").hexdigest()
    assert (result.media_type, result.retention, result.bytes) == ("text/plain", "results", 1)
    kinds = [one.kind for one in world.entries()]
    assert (kinds.count("job_started"), kinds.count("job_ended")) == (1, 1)
    ended = world.entries()[-1]
    assert (ended.facts["outcome"], ended.facts["sha256"]) == ("done", result.sha256)


def test_each_step_is_brought_about_by_the_start(ground: Grounds) -> None:
    world = ground(SUMS)
    start(world, upto=2)
    world.work()
    [started] = [one for one in world.entries() if one.kind == "job_started"]
    assert {one.cause for one in world.entries() if one.kind == "sums.counted"} == {started.seq}


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_job_that_is_killed_at_any_commit_does_each_step_once(ground: Grounds, is_kept: bool) -> None:
    for at in range(1, 9):
        world = ground(SUMS)
        start(world, upto=3)
        store = world.engine.store
        assert isinstance(store, MortalStore)
        store.fate = Fate(at, is_kept)
        with pytest.raises(Killed):
            world.work()
        world.restart()
        world.work()
        assert numbers(world) == [1, 2, 3]
        assert world.jobs()[0][1:3] == ("done", 4)


def test_another_worker_leaves_a_step_alone_until_it_takes_too_long(ground: Grounds) -> None:
    world = ground(SUMS)
    start(world, upto=1)
    with world.engine.store.write() as tx:
        assert jobs.take(tx, row(world), SUM, "the first", world.clock.now())
    assert not one_step(world, "the second")
    world.clock.advance(34)
    assert not one_step(world, "the second")
    world.clock.advance(2)
    assert see(world, "jobs").items[0].stuck
    assert one_step(world, "the second")
    assert numbers(world) == [1]


def test_a_step_that_somebody_else_took_over_has_no_effect(ground: Grounds) -> None:
    world = ground(SUMS)

    def slow(desk: Desk, ask: Sum, so_far: Counting) -> Step | Done:
        """Add numbers up, one at a step."""
        if so_far.number == 0 and not overtaken:
            overtaken.append(True)
            world.clock.advance(60)
            assert one_step(world, "the second")
        return count(desk, ask, so_far)

    overtaken: list[bool] = []
    world.make = lambda: replace(SUMS, jobs=(replace(SUM, run=slow),))
    world.restart()
    start(world, upto=2)
    assert one_step(world, "the first")
    assert numbers(world) == [1], "two did the first step, and one of them for nothing"
    world.work()
    assert numbers(world) == [1, 2]


def test_of_one_that_is_cancelled_no_further_step_is_done(ground: Grounds) -> None:
    world = ground(SUMS)
    job = start(world, upto=3)
    one_step(world)
    own(world, "jobs cancel", job)
    world.pass_time(3600)
    assert numbers(world) == [1]
    assert see(world, "jobs show", job=job).job.status == "cancelled"
    with pytest.raises(NotDone, match="JOB-1 is cancelled already"):
        own(world, "jobs cancel", job)
    with pytest.raises(NotDone, match="only one that is parked"):
        own(world, "jobs resume", job)


def test_the_step_that_is_being_done_while_it_is_cancelled_has_no_effect(ground: Grounds) -> None:
    world = ground(SUMS)

    def ended(desk: Desk, ask: Sum, so_far: Counting) -> Step | Done:
        """Add numbers up, one at a step."""
        own(world, "jobs cancel", "JOB-1")
        return count(desk, ask, so_far)

    world.make = lambda: replace(SUMS, jobs=(replace(SUM, run=ended),))
    world.restart()
    start(world)
    one_step(world)
    assert numbers(world) == []
    assert world.jobs()[0][1:3] == ("cancelled", 0)


def test_one_that_fails_is_tried_again_then_waits_for_a_person_and_goes_on_where_it_was(ground: Grounds) -> None:
    world, broken = ground(SUMS), [True]

    def failing(desk: Desk, ask: Sum, so_far: Counting) -> Step | Done:
        """Add numbers up, one at a step."""
        if so_far.number == 1 and broken:
            raise NotDone("the second number is not there")
        return count(desk, ask, so_far)

    world.make = lambda: replace(SUMS, jobs=(replace(SUM, run=failing),))
    world.restart()
    job = start(world, upto=2)
    for _ in range(6):
        world.pass_time(600)
    seen = see(world, "jobs").items[0]
    assert seen.status == "parked"
    assert "failed 5 times" in seen.parked
    assert "the second number is not there" in seen.parked
    assert "tieline jobs resume JOB-1" in seen.what_to_do()
    assert world.entries()[-1].facts["outcome"] == "parked"
    assert world.entries()[-1].facts["cause"] == row(world).entry
    assert see(world, "status").jobs_parked == 1
    broken.clear()
    own(world, "jobs resume", job)
    world.work()
    assert numbers(world) == [1, 2]
    assert see(world, "status").jobs_parked == 0


def test_one_whose_step_never_comes_to_an_end_is_put_aside(ground: Grounds) -> None:
    world = ground(SUMS)
    start(world)
    for _ in range(5):
        with world.engine.store.write() as tx:
            assert jobs.take(tx, row(world), SUM, "one that dies", world.clock.now())
        world.clock.advance(60)
    one_step(world)
    assert "5 times its next step was begun" in row(world).parked


@pytest.mark.parametrize(
    ("bound", "sentence"),
    [(Bound(steps=2), "it has done 2 steps"), (Bound(total=timedelta(minutes=1)), "works for longer than the 0:01:00")],
)
def test_one_that_goes_beyond_its_bound_is_put_aside(ground: Grounds, bound: Bound, sentence: str) -> None:
    world = ground(SUMS)

    def slow(desk: Desk, ask: Sum, so_far: Counting) -> Step | Done:
        """Add numbers up, one at a step."""
        world.clock.advance(31)
        return count(desk, ask, so_far)

    world.make = lambda: replace(SUMS, jobs=(replace(SUM, run=slow, bound=bound),))
    world.restart()
    start(world, upto=10)
    for _ in range(3):
        one_step(world)
    assert sentence in row(world).parked
    assert numbers(world) == [1, 2]


def test_what_it_came_to_is_read_by_whoever_has_the_right(ground: Grounds) -> None:
    world = ground(SUMS)
    job = start(world)
    world.work()
    with pytest.raises(NotAllowed):
        see(world, "jobs result", someone=NOBODY, job=job)
    last = world.entries()[-1]
    assert (last.kind, last.facts["act"], last.facts["right"]) == ("act_refused", "jobs result", "incident.read")


def test_whoever_reads_incidents_does_not_read_what_a_job_came_to(ground: Grounds) -> None:
    world = ground(SUMS)
    job = start(world)
    world.work()
    viewer = replace(NOBODY, name="viewer", identity="os:viewer@contract")
    with world.engine.store.write() as tx:
        verdict = Verdict(True, Rule.OWNER)
        grants.grant(tx, viewer, Grant(Role.VIEWER), at=world.clock.now(), actor=OWNER, verdict=verdict)
    assert see(world, "jobs", someone=viewer).items[0].job == job
    with pytest.raises(NotAllowed):
        see(world, "jobs result", someone=viewer, job=job)
    last = world.entries()[-1]
    assert (last.kind, last.facts["act"], last.facts["right"]) == ("act_refused", "jobs result", "sums.read")


def test_a_job_about_a_restricted_item_is_not_there_for_an_outsider(ground: Grounds) -> None:
    world = ground(SUMS)
    number = world.open()
    job = start(world, incident=number)
    world.work()
    world.restrict(number)
    assert see(world, "jobs").items == ()
    for view in ("jobs show", "jobs result"):
        with pytest.raises(LookupError, match="there is no JOB-1"):
            see(world, view, job=job)
    with pytest.raises(LookupError, match="there is no JOB-1"):
        own(world, "jobs cancel", job)
    assert see(world, "status").jobs_running == 0


def test_timers_and_followers_start_jobs(ground: Grounds) -> None:
    def opened(desk: Desk, happened: Happened) -> None:
        item = desk.item(happened.item)
        desk.start("sum", Sum(upto=1, incident=happened.item), item)
        desk.set_timer("later", desk.now + timedelta(hours=1), item)

    def later(desk: Desk, due: Due) -> None:
        desk.start("sum", Sum(upto=2))

    offer = replace(SUMS, followers=(Follower("opened", (Opened,), opened),), timers=(TimerKind("later", later),))
    world = ground(offer)
    world.work()
    world.open()
    assert world.jobs() == [("sums.sum", "done", 2, hashlib.sha256(b"1").hexdigest())]
    world.pass_time(3600)
    assert [one[2] for one in world.jobs()] == [2, 3]
    assert see(world, "jobs").items[0].by == "plugin:sums"


def test_a_plugin_starts_only_what_it_offers(ground: Grounds) -> None:
    def opened(desk: Desk, happened: Happened) -> None:
        desk.start("product", Sum())

    world = ground(replace(SUMS, followers=(Follower("opened", (Opened,), opened),)))
    world.work()
    world.open()
    assert world.failures() == ["the follower sums.opened failed at entry 2"]


def test_one_whose_plugin_is_away_waits_for_it(ground: Grounds) -> None:
    world = ground(SUMS)
    job = start(world, upto=2)
    one_step(world)
    make, world.make = world.make, None
    world.restart()
    assert not one_step(world)
    assert see(world, "jobs show", job=job).job.status == "running"
    world.make = make
    world.restart()
    world.work()
    assert numbers(world) == [1, 2]


def test_jobs_take_turns(ground: Grounds) -> None:
    world = ground(SUMS)
    first, second = start(world, upto=2), start(world, upto=2)
    for _ in range(2):
        world.clock.advance(1)
        one_step(world)
    assert [see(world, "jobs show", job=job).job.steps for job in (first, second)] == [1, 1]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"result": Result("text/plain", "sums.nothing")}, "there is no right 'sums.nothing'"),
        ({"bound": Bound(step=timedelta(hours=1))}, "make steps smaller"),
        ({"bound": Bound(steps=0)}, "lets no step be done"),
        ({"needs": "sums.nothing"}, "there is no right 'sums.nothing'"),
        ({"example": {"upto": 0}}, "its example: upto"),
        ({"name": "Sum"}, "'Sum' is no name"),
    ],
)
def test_what_cannot_be_offered_is_told(ground: Grounds, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        ground(replace(SUMS, jobs=(replace(SUM, **changed),)))


def test_a_step_that_answers_something_else_fails(ground: Grounds) -> None:
    def wrong(desk: Desk, ask: Sum, so_far: Counting) -> Any:
        """Add numbers up, one at a step."""
        return so_far.number

    world = ground(replace(SUMS, jobs=(replace(SUM, run=wrong),)))
    start(world)
    one_step(world)
    assert world.failures() == ["the job sums.sum failed"]


def test_a_page_of_jobs_goes_on_where_the_one_before_ended(ground: Grounds) -> None:
    world = ground(SUMS)
    for _ in range(5):
        start(world)
    first = see(world, "jobs", limit=3)
    second = see(world, "jobs", limit=3, after=first.next)
    assert [one.job for one in (*first.items, *second.items)] == ["JOB-5", "JOB-4", "JOB-3", "JOB-2", "JOB-1"]
    assert second.next is None
    world.work()
    assert see(world, "jobs", running=True).items == ()

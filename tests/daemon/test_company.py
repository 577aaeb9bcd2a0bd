"""A stream of alerts is taken in together, and an alert that comes alone at once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import cast

import pytest

from tieline.core.clock import SystemClock
from tieline.core.errors import StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.port import Received
from tieline.sync.daemon.jobs.company import COMPANY, Company
from tieline.sync.daemon.jobs.loops import Loops
from tieline.sync.daemon.jobs.threads import Threads
from tieline.sync.daemon.lane import Lane
from tieline.sync.engine import Engine
from tieline.sync.intake.intake import Handed, Intake

ALERTS = ConnectionName("alerts")


class Waits:
    """Counts what a lane waits for; `follows` is whether more comes in."""

    def __init__(self, *, follows: bool) -> None:
        self.follows = follows
        self.asked = 0
        self.gathered = 0

    def company(self) -> Company:
        return Company(self._follow, self._pause)

    def _follow(self, _seconds: float) -> bool:
        self.asked += 1
        return self.follows

    def _pause(self, _seconds: float) -> None:
        self.gathered += 1


def test_an_alert_that_nobody_follows_is_waited_for_by_nobody() -> None:
    waits = Waits(follows=False)
    waits.company().gather(1)
    assert waits.gathered == 0


def test_what_comes_on_the_heels_of_an_alert_waits_for_more() -> None:
    waits = Waits(follows=True)
    waits.company().gather(1)
    assert waits.gathered == 1


def test_a_step_that_took_in_no_alert_or_left_some_behind_is_followed_by_the_next_at_once() -> None:
    waits = Waits(follows=True)
    waits.company().gather(0)
    assert (waits.asked, waits.gathered) == (0, 0)


def test_a_wait_that_brought_next_to_nobody_is_not_repeated_at_once() -> None:
    waits = Waits(follows=True)
    company = waits.company()
    for took in (1, COMPANY - 1):
        company.gather(took)
    assert waits.gathered == 1
    company.gather(1)
    assert waits.gathered == 2


def test_a_stream_goes_on_being_gathered() -> None:
    waits = Waits(follows=True)
    company = waits.company()
    for took in (1, COMPANY, COMPANY + 5):
        company.gather(took)
    assert waits.gathered == 3


class CountingLane:
    """A source's lane without a store: what waits is a number, and each step takes all of it."""

    def __init__(self) -> None:
        self.here = SimpleNamespace(name=ALERTS)
        self.waiting = 0
        self.took = 0
        self.batches: list[int] = []
        self.stopping: Callable[[], bool] = lambda: False
        self.stepping: Callable[[], None] = lambda: None

    def step(self) -> bool:
        self.took, self.waiting = self.waiting, 0
        if self.took:
            self.batches.append(self.took)
            self.stepping()
        return self.took > 0


def test_alerts_one_after_the_other_are_one_batch_and_none_is_forgotten() -> None:
    lane = CountingLane()
    over = threading.Event()

    def arrive(count: int) -> None:
        lane.waiting += count
        threads.wake(ALERTS)

    def gather(_seconds: float) -> None:
        # One sender with one connection: each alert follows the one before, while the lane waits for them.
        for _ in range(10):
            arrive(1)

    def follow() -> None:
        if len(lane.batches) < 3:
            arrive(1)
        else:
            over.set()

    loops = Loops(SystemClock(), lambda name, error: pytest.fail(f"{name}: {error}"))
    threads = Threads(loops, over, gather)
    lane.stepping = follow
    lane.stopping = over.is_set
    loops.spawn(f"lane:{ALERTS}", lambda event: threads._run(cast(Lane, lane), event))
    arrive(1)
    assert over.wait(20)
    assert lane.batches == [1, 11, 11]


class RecordingIntake(Intake):
    """Stores nothing, and notes how many deliveries each commit would have carried."""

    def __init__(self, pause: Callable[[float], None]) -> None:
        super().__init__(cast(Engine, None), pause=pause)
        self.commits: list[int] = []

    def store(self, batch: Sequence[Handed]) -> list[bool]:
        self.commits.append(len(batch))
        return [True] * len(batch)

    def send(self, count: int) -> list[Future[bool]]:
        return [self.submit(ALERTS, Received(str(number), ())) for number in range(count)]


@pytest.mark.parametrize(
    ("at_once", "commits"),
    [
        (1, [1, 1]),
        (2, [2, 4]),  # whoever was answered sends again, and the next commit waits for all of them
        (64, [64, 4]),
    ],
)
def test_a_commit_waits_for_company_where_the_last_one_had_some(at_once: int, commits: list[int]) -> None:
    def next_round(_seconds: float) -> None:
        intake.send(3)
        intake.stop()

    def answered(_done: Future[bool]) -> None:
        """The first sender sends its next one; it was the last of all if it was alone."""
        intake.send(1)
        if at_once == 1:
            intake.stop()

    intake = RecordingIntake(next_round)
    intake.send(at_once)[0].add_done_callback(answered)
    intake.run()
    assert intake.commits == commits


@pytest.mark.parametrize("broken", [False, True])
def test_who_waits_for_a_commit_is_told_once_and_when_all_of_it_is_known(broken: bool) -> None:
    known: list[int] = []

    class Broken(RecordingIntake):
        def store(self, batch: Sequence[Handed]) -> list[bool]:
            if broken:
                raise StoreUnavailable("the disk is full")
            return super().store(batch)

    intake = Broken(lambda _seconds: None)

    def told() -> None:
        known.append(sum(future.done() for future in futures))

    futures = [intake.submit(ALERTS, Received(str(number), ()), told) for number in range(3)]
    intake.stop()
    intake.run()
    assert known == [3]

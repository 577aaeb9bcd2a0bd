"""What the intake's thread says reaches those who wait in the server's loop: all of a commit by one wake-up."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import Context
from typing import TypeVarTuple, Unpack, cast

import pytest

from tieline.core.errors import StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.port import Received
from tieline.sync.engine import Engine
from tieline.sync.intake.intake import Handed, Intake
from tieline.sync.intake.server import Answers

ALERTS = ConnectionName("alerts")
Given = TypeVarTuple("Given")


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread wakes it."""

    woken = 0

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Given]], object], *args: *Given, context: Context | None = None
    ) -> asyncio.Handle:
        self.woken += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


class Kept(Intake):
    """Keeps nothing, and takes its time over each answer, so that the loop could be woken by every one of them."""

    def __init__(self, refusal: Exception | None = None) -> None:
        super().__init__(cast(Engine, None))
        self._refusal = refusal

    def store(self, batch: Sequence[Handed]) -> list[bool]:
        if self._refusal is not None:
            raise self._refusal
        return [number % 2 == 0 for number in range(len(batch))]

    def submit(self, name: ConnectionName, received: Received, told: Callable[[], None] = lambda: None) -> Future[bool]:
        future = super().submit(name, received, told)
        future.add_done_callback(lambda _done: time.sleep(0))
        return future

    def commit(self) -> None:
        """Everything that was handed over, by a thread as in the daemon."""
        self.stop()
        thread = threading.Thread(target=self.run)
        thread.start()
        thread.join()


def of(answers: Answers, intake: Intake) -> asyncio.Task[bool]:
    return asyncio.ensure_future(answers.of(intake, ALERTS, Received("1", ())))


def test_a_commit_wakes_the_server_once_however_many_wait_for_it() -> None:
    async def everybody() -> list[list[bool]]:
        answers, intake, heard = Answers(), Kept(), []
        for _commit in range(2):
            waiting = [of(answers, intake) for _ in range(100)]
            await asyncio.sleep(0)
            before = loop.woken
            await loop.run_in_executor(None, intake.commit)
            heard.append(await asyncio.gather(*waiting))
            woken.append(loop.woken - before)
        return heard

    woken: list[int] = []
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        loop = cast(CountingLoop, runner.get_loop())
        heard = runner.run(everybody())
    assert heard == [[True, False] * 50] * 2
    assert woken == [2, 2]  # one of them is the executor's, which says that the thread has ended


def test_an_answer_that_is_there_before_anybody_listens_is_given() -> None:
    class Quick(Kept):
        def submit(
            self, name: ConnectionName, received: Received, told: Callable[[], None] = lambda: None
        ) -> Future[bool]:
            future = super().submit(name, received, told)
            self.commit()
            return future

    async def one() -> bool:
        return await asyncio.wait_for(of(Answers(), Quick()), 20)

    assert asyncio.run(one())


def test_what_the_store_refuses_is_told_to_whoever_waits() -> None:
    async def one() -> None:
        intake = Kept(StoreUnavailable("the disk is full"))
        waiting = of(Answers(), intake)
        await asyncio.sleep(0)
        intake.commit()
        with pytest.raises(StoreUnavailable, match="full"):
            await waiting

    asyncio.run(one())


def test_whoever_hangs_up_is_not_stored_for() -> None:
    async def one() -> bool:
        intake = Kept(AssertionError("nobody waits for this delivery"))
        waiting = of(Answers(), intake)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        item = intake._queue.get_nowait()
        return item is not None and item.future.cancelled()

    assert asyncio.run(one())

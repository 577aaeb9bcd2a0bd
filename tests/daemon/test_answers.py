"""What the intake's thread says reaches those who wait in the server's loop: all of a commit by one wake-up."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from typing import TypeVarTuple, Unpack

import pytest

from tieline.core.errors import StoreUnavailable
from tieline.sync.server import Answers

Given = TypeVarTuple("Given")


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread wakes it."""

    woken = 0

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Given]], object], *args: *Given, context: Context | None = None
    ) -> asyncio.Handle:
        self.woken += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


def said(futures: list[Future[bool]]) -> None:
    """The intake's thread speaks while the loop is busy with something else."""

    def speak() -> None:
        for number, future in enumerate(futures):
            future.set_result(number % 2 == 0)

    thread = threading.Thread(target=speak)
    thread.start()
    thread.join()


def test_a_commit_wakes_the_server_once_however_many_wait_for_it() -> None:
    async def everybody() -> list[list[bool]]:
        answers, heard = Answers(), []
        for _commit in range(2):
            futures: list[Future[bool]] = [Future() for _ in range(100)]
            waiting = [asyncio.ensure_future(answers.of(future)) for future in futures]
            await asyncio.sleep(0)
            said(futures)
            heard.append(await asyncio.gather(*waiting))
        return heard

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        heard = runner.run(everybody())
        loop = runner.get_loop()
        assert isinstance(loop, CountingLoop)
        assert loop.woken == 2
    assert heard == [[True, False] * 50] * 2


def test_what_the_store_refuses_is_told_to_whoever_waits() -> None:
    async def one() -> None:
        future: Future[bool] = Future()
        waiting = asyncio.ensure_future(Answers().of(future))
        await asyncio.sleep(0)
        future.set_exception(StoreUnavailable("the disk is full"))
        with pytest.raises(StoreUnavailable, match="full"):
            await waiting

    asyncio.run(one())


def test_whoever_hangs_up_is_not_stored_for() -> None:
    async def one() -> Future[bool]:
        future: Future[bool] = Future()
        waiting = asyncio.ensure_future(Answers().of(future))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return future

    assert asyncio.run(one()).cancelled()

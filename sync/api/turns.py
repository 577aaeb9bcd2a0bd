"""The threads in which the store is asked, for calls and for pages, and what comes of its saying no."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from datetime import timedelta
from typing import Final, TypeVar

from tieline.core.acts import NotDone
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed, NotProved, PluginFault, StoreUnavailable, TielineError
from tieline.sync.api.happenings import NoPlace
from tieline.sync.api.problems import Kind, Problem
from tieline.sync.api.signing_in import CHALLENGE
from tieline.sync.office.office import Changed, KeyReused

T = TypeVar("T")

MOST_WAITING: Final = 200
"""Calls, or pages, that wait for the store at once."""


class InThreads:
    """Asks the store in threads. One thread's: the loop of the server. `what` is how what waits is called; `at_once` of
    it are in threads at the same time, where not all of the threads are for it, and the next waits in none."""

    def __init__(self, workers: Executor, what: str, *, at_once: int | None = None, most: int = MOST_WAITING) -> None:
        self._workers, self._what, self._most = workers, what, most
        self._turns = nullcontext() if at_once is None else asyncio.Semaphore(at_once)
        self._waiting = 0

    async def __call__(self, work: Callable[[], T]) -> T:
        """Do what asks the store. Raises Problem for whatever it says no with."""
        if self._waiting >= self._most:
            raise Problem(Kind.BUSY, f"too many {self._what} wait for the store; come back", wait=timedelta(seconds=1))
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.get_running_loop().run_in_executor(self._workers, work)
        except StoreUnavailable as error:
            raise Problem(Kind.BUSY, f"the store does not answer: {error}", wait=error.wait) from None
        except (TielineError, LookupError, ValueError) as error:
            problem = problem_of(error)
            if problem is None:
                raise
            raise problem from None
        finally:
            self._waiting -= 1


def problem_of(error: Exception) -> Problem | None:
    """What an act says no with, as the problem that it is; None for what is told otherwise."""
    match error:
        case NotProved():
            return Problem(Kind.NOT_PROVED, str(error), headers=CHALLENGE)
        case WrongWords():
            return Problem(Kind.WRONG_WORDS, str(error), errors=error.problems)
        case NotAllowed():
            return Problem(Kind.NOT_ALLOWED, str(error))
        case KeyReused():
            return Problem(Kind.KEY_REUSED, str(error))
        case Changed():
            return Problem(Kind.CHANGED, str(error))
        case NotDone():
            return Problem(Kind.NOT_DONE, str(error))
        case PluginFault():
            return Problem(Kind.PLUGIN_FAULT, str(error))
        case NoPlace():
            return None
        case KeyError() | IndexError() | UnicodeError() | TielineError():
            return None
        case LookupError():
            return Problem(Kind.NOT_THERE, str(error))
        case _:
            return Problem(Kind.NOT_DONE, str(error))

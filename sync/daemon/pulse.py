"""Whether the store answers, told in bounded time: a database that hangs neither answers nor breaks the line.

No time-out of ours ends such a question, for the kernel on the other side still takes what we send. So another thread
asks, and whoever wants to know waits only so long. While one question is open none is added to it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Final

from tieline.core.errors import StoreUnavailable

PATIENCE: Final = 3.0
"""Seconds: shorter than those that ask us wait, so that they get an answer."""


class Pulse:
    """Asks one store. `ping` raises StoreUnavailable."""

    def __init__(self, ping: Callable[[], None], monotonic: Callable[[], float], patience: float = PATIENCE) -> None:
        self._ping = ping
        self._monotonic = monotonic
        self._patience = patience
        self._lock = threading.Lock()
        self._asked: Future[None] | None = None
        self._since = 0.0

    def feel(self) -> None:
        """Raises StoreUnavailable unless the store answers now."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked, self._since = self._ask(), self._monotonic()
            asked, waited = self._asked, self._monotonic() - self._since
        try:
            asked.result(max(0.0, self._patience - waited))
        except TimeoutError:
            words = f"the database does not answer within {self._patience:.0f} s; look whether it hangs"
            raise StoreUnavailable(words, timedelta(seconds=5)) from None

    def _ask(self) -> Future[None]:
        answer: Future[None] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._ping())
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
                answer.set_exception(error)

        threading.Thread(target=ask, name="pulse", daemon=True).start()
        return answer

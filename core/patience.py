"""Calling strangers' code with a time limit. A call that does not come back costs a thread, never the caller."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class OutOfPatience(Exception):
    """The call did not come back within its limit. It may still be running."""


class _Worker:
    """One thread that runs one call at a time. Two locks hand over: 20 µs for a call and its answer."""

    def __init__(self) -> None:
        self._go = threading.Lock()
        self._go.acquire()
        self._done = threading.Lock()
        self._done.acquire()
        self._call: Callable[[], Any] | None = None
        self._answer: Any = None
        self._error: Exception | None = None
        threading.Thread(target=self._run, name="plugin", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._go.acquire()
            call = self._call
            if call is None:
                return
            self._error = None
            try:
                self._answer = call()
            except Exception as error:  # noqa: BLE001 - it is raised again in the caller's thread
                self._error = error
            self._done.release()

    def run(self, call: Callable[[], Any], seconds: float) -> Any:
        self._call = call
        self._go.release()
        if not self._done.acquire(timeout=seconds):
            self.end()  # whenever the call comes back, the thread finds nothing more to do
            raise OutOfPatience(f"no answer within {seconds:g} s")
        answer, error = self._answer, self._error
        self._answer = self._error = self._call = None
        if error is not None:
            raise error
        return answer

    def end(self) -> None:
        self._call = None
        self._go.release()


class Patience:
    """A pool of workers, as many as there are calls at one time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._idle: deque[_Worker] = deque()

    def call(self, call: Callable[[], Any]) -> Any:
        """What `call` answers or raises. Raises OutOfPatience when it takes longer than the limit."""
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _Worker()
        late = False
        try:
            return worker.run(call, self.seconds)
        except OutOfPatience:
            late = True
            raise
        finally:
            if not late:
                self._idle.append(worker)

    def close(self) -> None:
        """End the idle workers."""
        while self._idle:
            self._idle.pop().end()


class Listener:
    """One observer with a queue of its own: telling it costs the teller microseconds, whatever the observer does."""

    def __init__(self, hear: Callable[[Any], None], clock: Callable[[], float], backlog: int) -> None:
        self._hear = hear
        self._clock = clock
        self._backlog = backlog
        self._queue: deque[Any] = deque()
        self._condition = threading.Condition()
        self._since: float | None = None
        self._idle = True
        self._stopped = False
        self._thread: threading.Thread | None = None

    def tell(self, event: Any) -> bool:
        """Queue an event. False when the queue is full or the listener has been stopped."""
        if self._stopped or len(self._queue) >= self._backlog:
            return False
        self._queue.append(event)
        if self._idle:  # a busy listener looks into the queue by itself, and waking it would cost the teller its turn
            self._wake()
        return True

    def _wake(self) -> None:
        with self._condition:
            self._idle = False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def busy_for(self) -> float:
        """Seconds that the present call has taken so far; 0 between calls."""
        since = self._since
        return 0.0 if since is None else self._clock() - since

    def drain(self, seconds: float) -> bool:
        """Wait until everything told so far was heard. False when that takes longer."""
        with self._condition:
            return self._condition.wait_for(lambda: self._stopped or (self._idle and not self._queue), timeout=seconds)

    def stop(self) -> None:
        """Forget what is queued and end after the present call."""
        with self._condition:
            self._stopped = True
            self._queue.clear()
            self._condition.notify_all()

    def _run(self) -> None:
        while self._wait():
            while not self._stopped:
                try:
                    event = self._queue.popleft()
                except IndexError:
                    break
                self._since = self._clock()
                self._hear(event)
                self._since = None

    def _wait(self) -> bool:
        """Wait for events; False when it is over."""
        with self._condition:
            # Idle is said before the queue is looked at, so that an event told in between wakes this up.
            self._idle = True
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._stopped or bool(self._queue))
            self._idle = False
            return not self._stopped

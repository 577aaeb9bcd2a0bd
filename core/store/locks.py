"""A lock that serves threads in the order they came: Python's own lets a busy thread starve the others."""

from __future__ import annotations

import threading
from collections import deque


class FairLock:
    """First come, first served. `hand_over` passes it on without ever letting go of it in between."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def in_line(self) -> int:
        """How many threads wait."""
        with self._guard:
            return len(self._waiting)

    def acquire(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds. False when others held it all that time."""
        with self._guard:
            if not self._held:
                self._held = True
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        try:
            if gate.acquire(timeout=timeout):
                return True
        except BaseException:
            # A signal may arrive just after the lock was handed to us: pass it on, or nobody ever gets it again.
            if not self._withdraw(gate):
                self.release()
            raise
        return not self._withdraw(gate)

    def _withdraw(self, gate: threading.Lock) -> bool:
        """Leave the queue. False when the lock was handed to this waiter in the meantime."""
        with self._guard:
            if gate not in self._waiting:
                return False
            self._waiting.remove(gate)
            return True

    def hand_over(self) -> bool:
        """Give the lock to the next in line. False, and still held, when nobody waits."""
        with self._guard:
            if not self._waiting:
                return False
            self._waiting.popleft().release()
            return True

    def release(self) -> None:
        """Give the lock to the next in line, or free it."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False

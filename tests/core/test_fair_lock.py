"""The lock that serves threads in the order they came."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tieline.core.store.locks import FairLock

LONG = 30.0


def eventually(is_so: Callable[[], bool]) -> None:
    moment = threading.Event()
    for _ in range(3_000):
        if is_so():
            return
        moment.wait(0.01)
    raise AssertionError("it did not come about")


def waiting(lock: FairLock, name: str, order: list[str]) -> threading.Thread:
    """A thread that stands in line, and says when it is its turn."""
    before = lock.in_line

    def wait() -> None:
        if lock.acquire(LONG):
            order.append(name)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    eventually(lambda: lock.in_line == before + 1)
    return thread


def test_it_is_held_by_one_and_free_after_it_was_let_go() -> None:
    lock = FairLock()
    assert lock.in_line == 0
    for _ in range(2):
        assert lock.acquire(0)
        assert not lock.acquire(0), "it is held"
        assert lock.in_line == 0, "who gave up does not stand in line"
        lock.release()


@pytest.mark.parametrize("pass_on", [FairLock.release, FairLock.hand_over])
def test_who_came_first_is_served_first(pass_on: Callable[[FairLock], object]) -> None:
    lock, order = FairLock(), list[str]()
    assert lock.acquire(0)
    threads = [waiting(lock, name, order) for name in ("first", "second", "third")]
    for number, thread in enumerate(threads, 1):
        pass_on(lock)
        thread.join(LONG)
        assert order == ["first", "second", "third"][:number]
        assert not lock.acquire(0), "it was passed on and never free in between"
    lock.release()
    assert lock.acquire(0)


def test_it_is_handed_over_to_somebody_or_kept() -> None:
    lock, order = FairLock(), list[str]()
    assert lock.acquire(0)
    assert lock.hand_over() is False
    assert not lock.acquire(0), "it is still held"
    thread = waiting(lock, "next", order)
    assert lock.hand_over() is True
    thread.join(LONG)
    assert order == ["next"]


def test_who_is_handed_it_at_the_moment_of_giving_up_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over, and before the waiter leaves the line, it is its turn."""
    lock = FairLock()
    assert lock.acquire(0)
    withdraw = lock._withdraw

    def late(gate: threading.Lock) -> bool:
        lock.release()
        return withdraw(gate)

    monkeypatch.setattr(lock, "_withdraw", late)
    assert lock.acquire(0) is True
    assert not lock.hand_over()
    monkeypatch.undo()
    assert not lock.acquire(0)


class Interrupted(BaseException):
    """A signal that arrives while somebody waits."""


@pytest.mark.parametrize("is_handed", [True, False])
def test_a_signal_that_arrives_while_waiting_loses_nothing(monkeypatch: pytest.MonkeyPatch, is_handed: bool) -> None:
    lock = FairLock()
    assert lock.acquire(0)

    class Gate:
        """A lock that a signal interrupts, just after it was handed over or before."""

        def __init__(self) -> None:
            self._taken = False

        def acquire(self, timeout: float = -1) -> bool:
            if not self._taken:
                self._taken = True
                return True
            if is_handed:
                lock.release()
            raise Interrupted

        def release(self) -> None:
            """It is handed over."""

    with monkeypatch.context() as patched:
        patched.setattr(threading, "Lock", Gate)
        with pytest.raises(Interrupted):
            lock.acquire(LONG)
    assert lock.in_line == 0
    assert lock.acquire(0) is is_handed, "what was handed to who was interrupted is free again"

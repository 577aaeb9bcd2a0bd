"""Named threads. One that dies is a matter for the whole daemon; all of them end when they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tieline.core.clock import Clock


@dataclass(slots=True)
class _Loop:
    thread: threading.Thread
    event: threading.Event


class Loops:
    """The threads of one daemon. `died` is told the name and the error of each that ends by one."""

    def __init__(self, clock: Clock, died: Callable[[str, BaseException], None]) -> None:
        self._clock = clock
        self._died = died
        self._loops: dict[str, _Loop] = {}

    def spawn(self, name: str, work: Callable[[threading.Event], None]) -> None:
        """Start a thread; `work` gets the event that wakes it."""
        event = threading.Event()

        def run() -> None:
            try:
                work(event)
            except BaseException as error:  # noqa: BLE001 - the daemon must learn of it, whatever it is
                self._died(name, error)

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._loops[name] = _Loop(thread, event)
        thread.start()

    def wake(self, name: str) -> None:
        """Wake one, if there is such a one."""
        loop = self._loops.get(name)
        if loop is not None:
            loop.event.set()

    def wake_all(self) -> None:
        """Wake every one of them."""
        for loop in list(self._loops.values()):
            loop.event.set()

    @property
    def names(self) -> list[str]:
        """All of them, the ended ones too."""
        return list(self._loops)

    @property
    def ended(self) -> list[str]:
        """Those that do not run any more."""
        return [name for name, loop in list(self._loops.items()) if not loop.thread.is_alive()]

    def join(self, names: Iterable[str], deadline: float) -> list[str]:
        """Wait for these until `deadline` (on the steady clock). Answers those that still run."""
        known = [name for name in names if name in self._loops]
        for name in known:
            self._loops[name].thread.join(max(0.0, deadline - self._clock.monotonic()))
        return [name for name in known if self._loops[name].thread.is_alive()]

    def forget(self, name: str) -> threading.Thread:
        """Let go of one; answers its thread, so that it can be waited for."""
        return self._loops.pop(name).thread

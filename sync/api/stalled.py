"""Whoever asks and does not read: they are let go of, and keep nothing."""

from __future__ import annotations

import asyncio
from typing import Final

from tieline.sync.intake import slow_clients

STALLED: Final = 30.0
"""Seconds that somebody may leave an answer unread."""


class StalledDoor(slow_clients.Door):
    """The door, which also lets go of whoever asks and does not read: what is not taken is not kept for them."""

    stalled_timeout = STALLED

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._read_on()
        super().connection_lost(exc)

    def _read_on(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    _stalled: asyncio.TimerHandle | None = None

"""Where the process dies: every write of the store and every call to a tool, each before and after its effect."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from tieline.core.store.store import Store


class Fuse:
    """Counts the places where a process can die, and at one of them it does: by a real SIGKILL from itself.

    `burns_at` is the number of that place, from 1; None only counts. `last_words` is called right before.
    """

    def __init__(self, burns_at: int | None, last_words: Callable[[str], None]) -> None:
        self._burns_at = burns_at
        self._last_words = last_words
        self.points: list[str] = []

    def reach(self, point: str) -> None:
        """The process is at `point`. It may not return."""
        self.points.append(point)
        if len(self.points) == self._burns_at:
            self._last_words(point)
            os.kill(os.getpid(), signal.SIGKILL)


def watch_commits(store: Store, fuse: Fuse) -> None:
    """Every COMMIT that writes becomes two points: what it covers is not there yet, or it is and nobody knows."""
    dialect: Any = store._writer._engine.dialect  # type: ignore[attr-defined]  # both kinds of writer have one
    commit = dialect.do_commit

    def watched(connection: Any) -> None:
        # PostgreSQL's readers share the dialect; SQLite's have one of their own.
        if getattr(connection.driver_connection, "read_only", None):
            commit(connection)
            return
        fuse.reach("before a commit")
        commit(connection)
        fuse.reach("after a commit")

    dialect.do_commit = watched

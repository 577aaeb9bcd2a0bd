"""Whether the volume that a SQLite file lies on can be written: asked of the system, because a store that takes no
writes cannot hold a word about it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

LEAST: Final = 64 * 1024
"""Bytes below which nothing of a size that is worth writing fits any more."""

FULL: Final = "the disk is full. Free space on its volume"
READ_ONLY: Final = (
    "its volume can only be read. Look at the system's log: a disk that fails is mounted so; then mount it anew"
)


class Volume(Protocol):
    """What statvfs(3) says."""

    @property
    def f_flag(self) -> int: ...

    @property
    def f_bavail(self) -> int: ...

    @property
    def f_frsize(self) -> int: ...


def trouble(file: Path, look: Callable[[Path], Volume] = os.statvfs) -> str:
    """Why nobody can write there, and what to do; "" where that is not so, or is not known."""
    try:
        volume = look(file.parent)
    except OSError:
        return ""
    if volume.f_flag & os.ST_RDONLY:
        return READ_ONLY
    return FULL if volume.f_bavail * volume.f_frsize < LEAST else ""

"""A file that is kept for whoever runs a command: whole or not at all, and read by nobody else."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Hold it against every other command that changes it, from reading it to writing it down: what one of two adds is
    not lost. Waits for whoever holds it. Raises OSError."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A file of its own, which stays: the one that is kept is another one after each change.
    descriptor = os.open(place.with_name(f".{place.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def keep(place: Path, told: Any) -> None:
    """Write it down in JSON, in one step. Raises OSError, and leaves nothing beside it then."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = place.with_name(f"{place.name}.{os.urandom(4).hex()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as made:
            json.dump(told, made, indent=1)
        beside.replace(place)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise

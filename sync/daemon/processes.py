"""Whether a process lives: by its number, the moment it began, and the world in which that number counts.

A number is given again once its process is gone, and means another one on another machine, after a restart of this
one, and in another container. So it is believed only where all of these are the same; elsewhere nothing is said.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_PROC: Final = Path("/proc")

_BEGAN: Final = 19
"""Where the time of the start stands in `/proc/PID/stat`, counted from behind the name (proc(5), field 22)."""

_ENDED: Final = frozenset("ZXx")
"""States of a process that does nothing any more, though nobody has taken note of its end."""


def this() -> dict[str, Any]:
    """This process, as others of this machine may ask for it later. Empty where none could tell."""
    world, own = _world(), _stat(os.getpid())
    return {"world": world, "pid": os.getpid(), "began": own[_BEGAN]} if world and own else {}


def lives(process: Mapping[str, Any]) -> bool | None:
    """Whether it lives still. None where that cannot be told from here."""
    world = _world()
    if not world or process.get("world") != world or not _sees_others():
        return None
    found = _stat(int(process["pid"]))
    return bool(found) and found[0] not in _ENDED and found[_BEGAN] == process["began"]


def _world() -> str:
    """What numbers of processes are good in: one start of one machine, and one name space of it."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _sees_others() -> bool:
    """A machine may hide the processes of other users (the option `hidepid` of proc): none is said to be gone then."""
    return (_PROC / "1").exists()


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on. Empty where there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()

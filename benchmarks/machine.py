"""What a process has used, read from /proc, and what machine this is."""

from __future__ import annotations

import os
import platform
import sqlite3
from dataclasses import dataclass
from pathlib import Path

TICK = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds (user and system) of one process since it started, all its threads together."""

    user: float
    system: float

    @property
    def both(self) -> float:
        return self.user + self.system

    def __sub__(self, before: Used) -> Used:
        return Used(self.user - before.user, self.system - before.system)


def cpu(pid: int) -> Used:
    """What a process has used so far. Raises FileNotFoundError when it is gone."""
    # The name stands in brackets and may itself hold brackets and spaces: fields are counted from the last one.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return Used(int(fields[11]) * TICK, int(fields[12]) * TICK)


def resident(pid: int) -> float:
    """Resident memory in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def described() -> dict[str, str | int]:
    """The machine and the versions that the figures depend on; nothing that names a place."""
    return {
        "cores": os.cpu_count() or 0,
        "cpu": _model(),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")

"""Where tests write: in memory, where there is enough of it.

Thousands of stores are made and each commit waits for the disk, which no test is about: a process that is killed loses
nothing that the kernel has, on a disk as in memory. `TMPDIR` names another place, and what keeps a page in memory from
being run, or is small, is left alone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")
ENOUGH: Final = 4 * 2**30


def pytest_configure() -> None:
    if "TMPDIR" not in os.environ and suits(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def suits(place: Path) -> bool:
    """Whether programs may be put there and run, and there is room for what tests leave behind."""
    if not place.is_dir() or not os.access(place, os.W_OK):
        return False
    return not os.statvfs(place).f_flag & os.ST_NOEXEC and shutil.disk_usage(place).free >= ENOUGH

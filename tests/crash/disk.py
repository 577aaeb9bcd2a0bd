"""The script of the crash matrix on a disk whose n-th write fails, for every n: nothing lost, doubled or stuck.

The disk is a small C library put before the C library's own calls, so that SQLite meets what a real disk answers.
"""

from __future__ import annotations

import copy
import errno
import mmap
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.crash.matrix import FileShelf, Report, judge
from tests.crash.process import Died, Rest, Unavailable, live, warm
from tests.crash.script import STEPS, Ledger
from tests.crash.tools import Tools

FAILURES: Final = {
    "no space": errno.ENOSPC,
    "an I/O error": errno.EIO,
    "read-only": errno.EROFS,
    "a lock held by others": errno.EAGAIN,
}
STARTS: Final = 30
"""How often a start that the store refused is tried again, as whatever supervises the daemon would."""


def build(folder: Path) -> Path:
    """Compile the library. Raises RuntimeError where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("there is no C compiler; on Debian: apt-get install gcc libc6-dev")
    made = folder / "failing_disk.so"
    source = Path(__file__).with_name("failing_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True)
    return made


class Disk:
    """The library's controls. The process that owns them must run with the library loaded."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), 4096)

    def _set(self, *values: int) -> None:
        self._shared[:48] = struct.pack("6q", *values)

    def _get(self, field: int) -> int:
        return int(struct.unpack("6q", self._shared[:48])[field])

    @contextmanager
    def failing(self, number: int, times: int, code: int) -> Iterator[None]:
        """While the block lasts, so many calls fail, the first of them being the `number`-th; 0 only counts."""
        self._set(1, 0, number or 1 << 60, times, code, 0)
        try:
            yield
        finally:
            self._set(0, self._get(1), 0, 0, 0, self._get(5))

    @property
    def calls(self) -> int:
        return self._get(1)

    @property
    def failed(self) -> int:
        return self._get(5)


def settle(tools: Tools, address: str, life: str) -> Rest | Died:
    """Start the engine, again where the store refused the start, until it rests."""
    words = ""
    for number in range(STARTS):
        rest = live(tools, address, f"{life}{number}", None)
        if not isinstance(rest, Unavailable):
            return rest
        words = rest.words
    raise RuntimeError(f"{STARTS} starts in vain: {words}")


def fail_everywhere(folder: Path, disk: Disk, steps: int, most: int | None, times: Sequence[int]) -> Report:
    """Fail each write of the script once (or so many `times` in a row), in every way, and look what is wrong then."""
    began = time.monotonic()
    shelf, tools, ledger = FileShelf(folder), Tools(), Ledger()
    warm(shelf.address)
    shelf.put_back(-1)
    report = Report()
    places: list[tuple[int, int, str, int]] = []
    before = []
    for number, step in enumerate(STEPS[:steps]):
        for deed in step.deeds:
            deed(tools, ledger)
        before.append((tools.save(), copy.deepcopy(ledger)))
        for words, code in FAILURES.items():
            tools.load(before[-1][0])
            shelf.put_back(number - 1)
            with disk.failing(0, 0, code):
                rest = settle(tools, shelf.address, f"{number}-")
            if wrong := judge(tools, ledger, rest):
                raise RuntimeError(f"undisturbed: {wrong}")
            places += [(number, at, words, often) for at in range(1, disk.calls + 1) for often in times]
        shelf.keep(number)
    report.points = len(places)
    if most is not None:
        places = [places[at * len(places) // most] for at in range(most)]
    for number, at, words, often in places:
        report.ran += 1
        report.kinds[words] += 1
        tools.load(before[number][0])
        shelf.put_back(number - 1)
        try:
            with disk.failing(at, often, FAILURES[words]):
                rest = settle(tools, shelf.address, f"{number}-")
            kept = copy.deepcopy(before[number][1])
            wrong = judge(tools, kept, rest)
            wrong += [] if disk.failed else ["no write failed"]
        except RuntimeError as error:
            wrong = [str(error)]
        if wrong:
            report.failures.append(f"{STEPS[number].words}: {words} at call {at}, {often} times: {'; '.join(wrong)}")
        else:
            report.clean += 1
    report.seconds = round(time.monotonic() - began, 1)
    return report


def environment(folder: Path) -> dict[str, str]:
    """What a process is started with so that it runs on the failing disk."""
    control = folder / "control"
    control.write_bytes(bytes(4096))
    return {**os.environ, "LD_PRELOAD": str(build(folder)), "TIELINE_FAILING_DISK": str(control)}

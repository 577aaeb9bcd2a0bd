"""A folder in which runners take jobs and leave results. A job is in one place at a time, and is only ever moved on.

    making/ID/        a job that is being written
    queue/ID/         a job that waits: the files `command`, `timeout` (seconds), `dry_run` (true or false), `job.json`
    taken/ID/         one that a runner has begun: it has moved the folder there, and whoever moved it runs it
    cancelled/ID/     one that was called back before that
    results/ID/       what came of it: `exit_code`, or without it nobody knows; and `output`. Moved here when complete
    jobs/ID.json      what Tieline says of it, which a runner may read: `wanted` becomes `cancel`
    jobs/ID.sum       the hash of its output, and of which file that is
    removed/ID        that there was one, which is over and removed, so that it never begins again

A job comes into `queue/` once: by a move of what stands in `making/`, which is then no longer there. What a runner left
is read as plain files of that job alone: no link is followed out of it, and nothing is waited for that never ends.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from tieline.core.model import ExecutionStatus, Order

PLACES: Final = ("jobs", "making", "queue", "taken", "cancelled", "results", "removed")
REMOVED_AT_ONCE: Final = 100
"""Jobs that are removed before anything else is done."""
LARGEST_JOB: Final = 4 * 1024 * 1024
"""Bytes of what Tieline says of a job."""
TRIES: Final = 100
REST: Final = 0.05
"""Seconds between two tries to be alone."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_SHA: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = 1 << 16
_CODE: Final = re.compile(rb"\s*(-?[0-9]{1,9})\s*")
_NO_PLAIN_FILE: Final = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.ENXIO)
"""What says of one job that it is odd, and nothing of the others."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a job. `exit_code` is None where nobody knows; `output` is the end of what it wrote."""

    exit_code: int | None
    output: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. `changed` is when, in nanoseconds of the file system's clock."""

    id: str
    said: Mapping[str, Any]
    status: ExecutionStatus
    result: Result | None
    changed: int

    @property
    def version(self) -> str:
        """Differs whenever the job differs."""
        told = [self.said, self.status, None if self.result is None else [self.result.exit_code, self.result.sha256]]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


class Over(Exception):
    """A job that is over, and was removed."""


class Spool:
    """The folder. Raises OSError where it cannot be used, and LookupError for a job that is not there."""

    def __init__(self, path: Path, output_bytes: int) -> None:
        self._path = path
        self._output_bytes = output_bytes

    def prepare(self) -> int:
        """Make what is missing. Answers the file system's time, in nanoseconds."""
        for place in PLACES:
            (self._path / place).mkdir(parents=True, exist_ok=True)
        now = _made(self._path / ".now", os.O_TRUNC)
        try:
            return os.fstat(now).st_ctime_ns
        finally:
            os.close(now)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others who write what Tieline says of jobs out. Runners only move folders, and need not wait."""
        lock = _made(self._path / ".lock")
        try:
            _lock(lock)
            yield
        finally:
            os.close(lock)

    def put(self, name: str, said: Mapping[str, Any]) -> None:
        """Have a job be there, once, however often it is asked for and wherever that is cut off. Raises Over for one
        that was there before, and is removed."""
        with self.alone():
            if _changed(self._path / "removed" / name):
                raise Over(name)
            if not self._file(name).exists():
                making = self._path / "making" / name
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir()
                files = {"job.json": json.dumps(said), **{one: _plain(said.get(one)) for one in _FILES}}
                for file, text in files.items():
                    _write(making / file, text)
                _sync(making)
                _sync(making.parent)
                self._say(name, said)
            self._release(name, said)

    def finish(self, name: str) -> None:
        """Complete what was cut off while it was put there; of what cannot be read that is nothing."""
        with self.alone(), suppress(LookupError, ValueError):
            self._release(name, self.said(name))

    def say(self, name: str, said: Mapping[str, Any]) -> None:
        """Say something else of a job. One that is not wanted any more is called back, where nobody has begun it."""
        if said.get("wanted") == Order.CANCEL:
            with suppress(FileNotFoundError):
                (self._path / "queue" / name).rename(self._path / "cancelled" / name)
        self._say(name, said)

    def has(self, name: str) -> bool:
        """Whether a job is there."""
        return os.path.lexists(self._file(name)) and not _changed(self._path / "removed" / name)

    def clear(self, before: int) -> None:
        """Remove what was over before then, in nanoseconds of the file system's clock, some at once. What cannot be
        removed stays."""
        found = (name for name in self._over() if 0 < self._ended(name) < before)
        for name in islice(found, REMOVED_AT_ONCE):
            with self.alone(), suppress(OSError):
                self._clear(name)

    def _over(self) -> Iterator[str]:
        """What is over, or was being removed."""
        for place in ("results", "cancelled"):
            yield from (one.name for one in (self._path / place).iterdir() if _ID.fullmatch(one.name))
        yield from (name for name in self.names() if _changed(self._path / "removed" / name))

    def _ended(self, name: str) -> int:
        """When it was over, or half removed: once its output was read for the first time. 0 for one that is not."""
        places = (self._path / place / name for place in ("cancelled", "results", "removed"))
        ended = max(map(_changed, places))
        return max(ended, _changed(self._file(name).with_suffix(".sum"))) if ended else 0

    def _clear(self, name: str) -> None:
        """In this order: what is half removed looks like none that a runner is to begin, or that nobody knows."""
        for place in ("results", "cancelled"):
            if (self._path / place / name).is_symlink():
                return
        os.close(_made(self._path / "removed" / name))
        _sync(self._path / "removed")
        for place in ("taken", "cancelled", "results"):
            _remove(self._path / place / name)
        for file in sorted((self._path / "jobs").glob(f"{name}.*"), key=lambda file: file.suffix == ".json"):
            file.unlink(missing_ok=True)

    def must_have(self, name: str) -> None:
        """Raises LookupError for a job that is not there."""
        if not self.has(name):
            raise LookupError(name)

    def said(self, name: str) -> dict[str, Any]:
        """What Tieline says of it. Raises ValueError for what nobody of us wrote."""
        file = self._file(name)
        with _folder(file.parent) as jobs, _plain_file(jobs, file.name) as opened:
            if opened is None:
                raise LookupError(name)
            found = json.loads(os.read(opened, LARGEST_JOB))
        if not isinstance(found, dict):
            raise ValueError(f"{file} holds no object")
        return found

    def job(self, name: str) -> Job:
        """A job as it stands."""
        # In the order in which it is moved on: one that moves meanwhile is met in the next place.
        places = {place: self._path / place / name for place in ("making", "queue", "cancelled", "taken", "results")}
        there = {place: _changed(path) for place, path in places.items()}
        said, file = self.said(name), _changed(self._file(name))
        result = self._result(name) if there["results"] else None
        changed = max([file, *there.values()])
        return Job(name, said, _status(there, result), result, changed)

    def output(self, name: str, start: int, most: int) -> bytes:
        """So many bytes of what a job wrote, from one of them on. Raises ValueError for what is no plain file."""
        try:
            with (
                _folder(self._path / "results") as results,
                _folder(Path(name), results) as folder,
                _plain_file(folder, "output") as opened,
            ):
                if opened is None:
                    return b""
                os.lseek(opened, start, os.SEEK_SET)
                return b"".join(_parts(opened, most))
        except FileNotFoundError:
            return b""

    def names(self) -> list[str]:
        """All jobs."""
        files = (self._path / "jobs").glob("*.json")
        return [one.stem for one in files if _ID.fullmatch(one.stem)]

    def changed(self, name: str) -> int:
        """When a job changed last, without reading it; 0 for one that is not there."""
        places = (self._path / place / name for place in ("making", "queue", "cancelled", "taken", "results"))
        return max(map(_changed, (self._file(name), *places)))

    def _file(self, name: str) -> Path:
        if not _ID.fullmatch(name):
            raise LookupError(name)
        return self._path / "jobs" / f"{name}.json"

    def _release(self, name: str, said: Mapping[str, Any]) -> None:
        place = "cancelled" if said.get("wanted") == Order.CANCEL else "queue"
        with suppress(FileNotFoundError):
            (self._path / "making" / name).rename(self._path / place / name)
            _sync(self._path / place)

    def _say(self, name: str, said: Mapping[str, Any]) -> None:
        file = self._file(name)
        beside = file.with_suffix(".new")
        _write(beside, json.dumps(said))
        beside.replace(file)
        _sync(file.parent)

    def _result(self, name: str) -> Result:
        kept, sha, code = b"", hashlib.sha256().hexdigest(), None
        with _folder(self._path / "results") as results, _folder(Path(name), results) as folder:
            with _plain_file(folder, "exit_code") as opened:
                told = None if opened is None else _CODE.fullmatch(os.read(opened, 100))
                code = None if told is None else int(told[1])
            with _plain_file(folder, "output") as opened:
                if opened is not None:
                    sha = self._sum(name, opened)
                    size = os.fstat(opened).st_size
                    os.lseek(opened, max(0, size - self._output_bytes), os.SEEK_SET)
                    kept = b"".join(_parts(opened, self._output_bytes))
        return Result(code, kept.decode("utf-8", "replace"), sha)

    def _sum(self, name: str, output: int) -> str:
        """The hash of all of an output. It is worked out once: a file with this stamp is the same one."""
        found = os.fstat(output)
        stamp = f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
        kept = self._file(name).with_suffix(".sum")
        with suppress(OSError, UnicodeDecodeError):
            sha, _space, of = kept.read_text(encoding="ascii").partition(" ")
            if of == stamp and _SHA.fullmatch(sha):
                return sha
        digest = hashlib.sha256()
        for part in _parts(output):
            digest.update(part)
        with suppress(OSError):  # then it is worked out again
            beside = kept.with_suffix(".new-sum")
            _write(beside, f"{digest.hexdigest()} {stamp}")
            beside.replace(kept)
        return digest.hexdigest()


def _parts(opened: int, most: int | None = None) -> Iterator[bytes]:
    """What a file holds from here on, up to so many bytes."""
    while most is None or most > 0:
        part = os.read(opened, _PART if most is None else min(_PART, most))
        if not part:
            return
        most = None if most is None else most - len(part)
        yield part


_FILES: Final = ("command", "timeout", "dry_run")


def _status(there: Mapping[str, int], result: Result | None) -> ExecutionStatus:
    if result is not None:
        ended = {None: ExecutionStatus.LOST, 0: ExecutionStatus.SUCCEEDED}
        return ended.get(result.exit_code, ExecutionStatus.FAILED)
    for place, status in _PLACES.items():
        if there[place]:
            return status
    return ExecutionStatus.LOST


_PLACES: Final = {
    "cancelled": ExecutionStatus.CANCELLED,
    "taken": ExecutionStatus.RUNNING,
    "queue": ExecutionStatus.QUEUED,
    "making": ExecutionStatus.QUEUED,
}


def _plain(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _changed(path: Path) -> int:
    try:
        return path.lstat().st_ctime_ns
    except FileNotFoundError:
        return 0


@contextmanager
def _folder(path: Path, within: int | None = None) -> Iterator[int]:
    """A folder. Raises ValueError for one job's that is none, and OSError where ours cannot be used."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    except OSError as error:
        if within is None or error.errno not in _NO_PLAIN_FILE:
            raise
        raise ValueError(f"what its runner left is no folder that can be read ({error.strerror})") from None
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def _plain_file(folder: int, name: str) -> Iterator[int | None]:
    """A file in a folder; None for one that is not there. Raises ValueError for what is no plain file."""
    opened: int | None = None
    try:
        with suppress(FileNotFoundError):
            opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno not in _NO_PLAIN_FILE:
            raise
        raise ValueError(f"`{name}` is no plain file that can be read ({error.strerror})") from None
    try:
        if opened is not None and not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ValueError(f"`{name}` is no plain file")
        yield opened
    finally:
        if opened is not None:
            os.close(opened)


def _remove(folder: Path) -> None:
    """Raises OSError where it cannot be, and follows no link."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _made(path: Path, how: int = 0) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | how, 0o666)


def _lock(lock: int) -> None:
    """Raises OSError where somebody else does not let go."""
    for left in reversed(range(TRIES)):
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise OSError(errno.EAGAIN, "somebody holds `.lock` and does not let go") from None
            time.sleep(REST)
    return None


def _write(path: Path, text: str) -> None:
    with os.fdopen(_made(path, os.O_TRUNC), "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

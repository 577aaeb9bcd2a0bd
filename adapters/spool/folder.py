"""A folder in which runners take jobs and leave results. A job is in one place at a time, and is only ever moved on.

    making/ID/        a job that is being written
    queue/ID/         a job that waits: the files `command`, `timeout` (seconds), `dry_run` (true or false), `job.json`
    taken/ID/         one that a runner has begun: it has moved the folder there, and whoever moved it runs it
    cancelled/ID/     one that was called back before that
    results/ID/       what came of it: `exit_code`, or without it nobody knows; and `output`. Moved here when complete
    jobs/ID.json      what Tieline says of it, which a runner may read: `wanted` becomes `cancel`

A job comes into `queue/` once: by a move of what stands in `making/`, which is then no longer there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tieline.core.model import ExecutionStatus, Order

PLACES: Final = ("jobs", "making", "queue", "taken", "cancelled", "results")
_ID: Final = re.compile(r"[0-9a-f]{32}")


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


class Spool:
    """The folder. Raises OSError where it cannot be used, and LookupError for a job that is not there."""

    def __init__(self, path: Path, output_bytes: int) -> None:
        self._path = path
        self._output_bytes = output_bytes

    def prepare(self) -> int:
        """Make what is missing. Answers the file system's time, in nanoseconds."""
        for place in PLACES:
            (self._path / place).mkdir(parents=True, exist_ok=True)
        now = self._path / ".now"
        now.write_text("", encoding="utf-8")
        return now.stat().st_ctime_ns

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others who write what Tieline says of jobs out. Runners only move folders, and need not wait."""
        with (self._path / ".lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def put(self, name: str, said: Mapping[str, Any]) -> None:
        """Have a job be there, once, however often it is asked for and wherever that is cut off."""
        with self.alone():
            if not self._file(name).exists():
                making = self._path / "making" / name
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir()
                files = {"job.json": json.dumps(said), **{one: _plain(said.get(one)) for one in _FILES}}
                for file, text in files.items():
                    _write(making / file, text)
                _sync(making)
                self._say(name, said)
            self._release(name, said)

    def finish(self, name: str) -> None:
        """Complete what was cut off while it was put there."""
        with self.alone(), suppress(LookupError):
            self._release(name, self.said(name))

    def say(self, name: str, said: Mapping[str, Any]) -> None:
        """Say something else of a job. One that is not wanted any more is called back, where nobody has begun it."""
        if said.get("wanted") == Order.CANCEL:
            with suppress(FileNotFoundError):
                (self._path / "queue" / name).rename(self._path / "cancelled" / name)
        self._say(name, said)

    def must_have(self, name: str) -> None:
        """Raises LookupError for a job that is not there."""
        if not self._file(name).exists():
            raise LookupError(name)

    def said(self, name: str) -> dict[str, Any]:
        """What Tieline says of it."""
        try:
            found = json.loads(self._file(name).read_text("utf-8"))
        except FileNotFoundError:
            raise LookupError(name) from None
        if not isinstance(found, dict):
            raise TypeError(f"{self._file(name)} holds no object")
        return found

    def job(self, name: str) -> Job:
        """A job as it stands."""
        # In the order in which it is moved on: one that moves meanwhile is met in the next place.
        places = {place: self._path / place / name for place in ("making", "queue", "cancelled", "taken", "results")}
        there = {place: _changed(path) for place, path in places.items()}
        said, file = self.said(name), _changed(self._file(name))
        result = self._result(places["results"]) if there["results"] else None
        changed = max([file, *there.values()])
        return Job(name, said, _status(there, result), result, changed)

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

    def _result(self, folder: Path) -> Result:
        try:
            code: int | None = int((folder / "exit_code").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            code = None
        digest, kept = hashlib.sha256(), b""
        with suppress(FileNotFoundError), (folder / "output").open("rb") as output:
            while part := output.read(1 << 16):
                digest.update(part)
                kept = (kept + part)[-self._output_bytes :] if self._output_bytes else b""
        return Result(code, kept.decode("utf-8", "replace"), digest.hexdigest())


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
        return path.stat().st_ctime_ns
    except FileNotFoundError:
        return 0


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""A spool as a tool: a job is a record, and its folder is asked for under the token that it was made with."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final, TypeVar

from tieline.adapters.spool.folder import Job, Over, Spool
from tieline.adapters.spool.settings import SpoolSettings
from tieline.core.errors import Gone, NeedsOperator, Rejected, StaleVersion, TryAgain
from tieline.core.executions import BORN, MADE_WITH, check_new, check_patch, fenced, left
from tieline.core.listing import alone, answered, understood
from tieline.core.model import ConnectionName
from tieline.core.port import Body, Cursor, Health, Page, Reading, Ref, Token, Version, Workbench

T = TypeVar("T")

OVERLAP: Final = 50_000_000
"""Nanoseconds that are looked through again: stamps are as coarse as the file system's clock."""


def connect(name: ConnectionName, settings: SpoolSettings, workbench: Workbench) -> SpoolAdapter:
    """An adapter on the folder that the settings name."""
    return SpoolAdapter(name, settings, workbench)


class SpoolAdapter:
    """One connection to a spool. It keeps nothing."""

    lookup_lag = timedelta(0)

    def __init__(self, name: ConnectionName, settings: SpoolSettings, workbench: Workbench) -> None:
        self._name = name
        self._settings = settings
        self._workbench = workbench
        self._spool = Spool(settings.path, settings.output_bytes)

    def __repr__(self) -> str:
        return f"SpoolAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        self._ask("check", self._spool.prepare)
        return Health("the owner of this process", "spool 1")

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """Pages of one listing. The cursor is the time of the file system before it was made."""
        clock = self._ask("changes", self._spool.prepare)
        now = clock - OVERLAP
        start = now - int(self._settings.history.total_seconds() * 1e9) if since is None else self._place(since)
        if start > clock:
            # The clock was put back, and whatever changed since is older than the cursor.
            start = 0
        if since is not None:
            # What ended since has been told to nobody, however long ago that was.
            before = min(clock - int(self._settings.keep.total_seconds() * 1e9), start)
            self._ask("changes", lambda: self._spool.clear(before))
        found = self._ask("changes", lambda: sorted(self._changed(start)))
        size = self._settings.page_size
        for first in range(0, max(len(found), 1), size):
            part = found[first : first + size]
            told = understood([name for _at, name in part], self._read, lambda name: (Ref(name), name[:8]))
            more = first + size < len(found)
            upto = part[-1][0] if more else max(now, start)
            yield Page(told.found, Cursor(str(upto)), more, unreadable=told.unreadable)

    def read(self, ref: Ref) -> Reading:
        def look() -> Reading:
            self._spool.must_have(ref)
            return alone(self._name, f"read: job {ref}", lambda: self._read(ref))

        return self._ask("read", look)

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:
        check_new(self._name, body)
        name = _named(token)
        said = {**{one: body.get(one) for one in MADE_WITH}, "token": token}

        def make() -> Reading:
            self._spool.prepare()
            self._spool.put(name, said)
            return left(answered(self._name, "create", lambda: self._read(name)), BORN)

        return self._ask("create", make, writes=True)

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        check_patch(self._name, patch)

        def write() -> Reading:
            with self._spool.alone():
                self._spool.must_have(ref)
                before = alone(self._name, f"update: job {ref}", lambda: self._read(ref))
                if before.version != seen:
                    raise StaleVersion(self._name, f"update: job {ref} is not as it was seen")
                self._spool.say(ref, {**self._spool.said(ref), **patch})
                return left(answered(self._name, f"update: job {ref}", lambda: self._read(ref)), before.body)

        return self._ask("update", write, writes=True)

    # Finder

    def find(self, token: Token) -> Reading | None:
        """A job is called by its token, so that it is found as soon as it is there."""
        name = _named(token)

        def look() -> Reading | None:
            self._spool.prepare()
            if not self._spool.has(name):
                return None
            self._spool.finish(name)
            return alone(self._name, f"find: job {name}", lambda: self._read(name))

        return self._ask("find", look)

    # Outputs

    def output(self, ref: Ref, start: int, most: int) -> bytes:
        def look() -> bytes:
            self._spool.must_have(ref)
            return alone(self._name, f"output: job {ref}", lambda: self._spool.output(ref, start, most))

        return self._ask("output", look)

    # What is the same for all of them

    def _changed(self, start: int) -> Iterator[tuple[int, str]]:
        for name in self._spool.names():
            if (at := self._spool.changed(name)) >= start:
                yield at, name

    def _place(self, since: Cursor) -> int:
        if not (since.isascii() and since.isdecimal()):
            raise NeedsOperator(self._name, f"the cursor {since!r:.80} is not one of ours; start anew")
        return int(since)

    def _read(self, name: str) -> Reading:
        try:
            job = self._spool.job(name)
        except OSError as error:
            # Of the folder, and not of this job.
            raise self._unusable("read", error) from None
        token = job.said.get("token")
        return Reading(
            ref=Ref(name),
            version=Version(job.version),
            body=_body(job),
            key=name[:8],
            url=f"spool:{self._name}/{name}",
            token=Token(token) if isinstance(token, str) else None,
        )

    def _ask(self, verb: str, act: Callable[[], T], *, writes: bool = False) -> T:
        self._workbench.spend()
        try:
            return act()
        except Over as error:
            words = f"{verb}: job {error.args[0]} is over, and was removed; what is to be done again is a new job"
            raise Rejected(self._name, words) from None
        except LookupError as error:
            raise Gone(self._name, f"{verb}: there is no job {error.args[0]!r:.80}") from None
        except OSError as error:
            raise self._unusable(verb, error, writes=writes) from None

    def _unusable(self, verb: str, error: OSError, *, writes: bool = False) -> NeedsOperator | TryAgain:
        if error.errno in (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP):
            words = f"{verb}: {self._settings.path} cannot be used ({error.strerror}); correct its path or its rights"
            return NeedsOperator(self._name, words)
        words = f"{verb}: {self._settings.path}: {error.strerror or error}"
        return TryAgain(self._name, words, maybe_done=writes)


def _named(token: Token) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()[:32]


def _body(job: Job) -> dict[str, Any]:
    said = {name: job.said.get(name) for name in MADE_WITH}
    result = job.result
    return {
        **said,
        "status": job.status.value,
        "exit_code": None if result is None else result.exit_code,
        "output": None if result is None or not result.output else fenced(result.output),
        "output_sha256": None if result is None else result.sha256,
    }

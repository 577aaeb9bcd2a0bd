"""A real daemon under load while its store is in trouble: it refuses, says when to come back, and resumes by itself."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from tests.crash.daemon import PATIENCE, Away, Daemon, Sender, found_signals, wait_for_quiet

from tieline.core import journal
from tieline.core.store.store import Store

Trouble = Callable[[Daemon, list[Sender]], None]


def endure(folder: Path, store: str, trouble: Trouble, *, size: int = 0, pause: float = 0.01) -> dict[str, Any]:
    """Load, then trouble, then load again; answers what was acknowledged and what became of it."""
    began = time.monotonic()
    failures: list[str] = []
    with Away() as away:
        daemon = Daemon(folder, store, away.url)
        daemon.start()
        daemon.wait_until_ready()
        process = daemon.pid
        senders = [Sender(f"t{number}", daemon.port, number, pause=pause, size=size) for number in range(3)]
        for sender in senders:
            sender.start()
        try:
            acknowledge(senders, 50)
            trouble(daemon, senders)
            # It resumes by itself: nobody starts it again, and nobody tells it that the trouble is over.
            acknowledge(senders, 50)
            for sender in senders:
                sender.ended.set()
            for sender in senders:
                sender.join(PATIENCE)
            wait_for_quiet(store)
            if daemon.pid != process or not daemon.alive():
                failures.append("the daemon did not live through it")
        finally:
            for sender in senders:
                sender.ended.set()
            code = daemon.end(signal.SIGTERM)
    acknowledged = [one for sender in senders for one in sender.acknowledged]
    found = found_signals(store)
    lost = [one for one in acknowledged if found[one] != 1]
    statuses: Counter[int] = sum((sender.statuses for sender in senders), Counter())
    if lost:
        failures.append(f"{len(lost)} acknowledged alerts are not there exactly once: {lost[:5]}")
    if any(sender.without_wait for sender in senders):
        failures.append("a 503 came without Retry-After")
    if unexpected := set(statuses) - {0, 200, 202, 503}:
        failures.append(f"answered {sorted(unexpected)}")
    if code:
        failures.append(f"it ended with {code}")
    with Store.open(store) as opened:
        journal.verify(opened)
    return {
        "acknowledged": len(acknowledged),
        "lost": len(lost),
        "answers": {str(status): count for status, count in sorted(statuses.items())},
        "slowest_answer": round(max(sender.slowest for sender in senders), 2),
        "seconds": round(time.monotonic() - began, 1),
        "failures": failures,
    }


def acknowledge(senders: list[Sender], more: int) -> None:
    """Wait until so many more alerts are acknowledged. Raises TimeoutError."""
    wanted = sum(len(sender.acknowledged) for sender in senders) + more
    _until(lambda: sum(len(sender.acknowledged) for sender in senders) >= wanted, "alerts are taken again")


def refused(senders: list[Sender], more: int) -> None:
    """Wait until so many more deliveries were answered 503. Raises TimeoutError."""
    wanted = sum(sender.statuses[503] for sender in senders) + more
    _until(lambda: sum(sender.statuses[503] for sender in senders) >= wanted, "deliveries are refused")


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain until {what}")
        time.sleep(0.02)


@contextmanager
def small_disk(place: Path, megabytes: int = 8) -> Iterator[Path]:
    """A file system of its own, this large. Raises PermissionError where none may be mounted."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        raise PermissionError(f"a small file system cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Trouble:
    """Somebody else fills the disk, and after a while removes what he wrote."""

    def happen(_daemon: Daemon, senders: list[Sender]) -> None:
        ballast = place / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                os.posix_fallocate(file.fileno(), file.tell(), 4096)
                file.seek(4096, os.SEEK_CUR)
        refused(senders, 20)
        ballast.unlink()

    return happen


def hold_the_lock(path: Path, seconds: float) -> Trouble:
    """Another program keeps the database for itself."""

    def happen(_daemon: Daemon, senders: list[Sender]) -> None:
        other = sqlite3.connect(path, isolation_level=None, timeout=30)
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        refused(senders, 1)
        other.execute("ROLLBACK")
        other.close()

    return happen


def cut_connections(server: str, every: float, times: int) -> Trouble:
    """Each of the daemon's database sessions is ended, again and again."""

    def happen(_daemon: Daemon, senders: list[Sender]) -> None:
        admin = create_engine(
            server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        cut = 0
        for _ in range(times):
            acknowledge(senders, 5)
            with suppress(SQLAlchemyError), admin.connect() as connection:
                cut += connection.execute(
                    text(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                        "WHERE pid <> pg_backend_pid() AND application_name LIKE 'tieline%'"
                    )
                ).scalar_one()
            time.sleep(every)
        if not cut:
            raise RuntimeError("there was no session to cut")

    return happen

"""The fleet: one, two and four `tieline run` on one PostgreSQL of our own that forces every commit to the disk."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import psycopg
from tests.core.store_backends import postgres, postgres_binaries

from benchmarks import machine
from benchmarks.alerts import SECRET, alert, storm
from benchmarks.floors import ROWS
from benchmarks.sender import SENDERS, flood_all
from benchmarks.stage import PATIENCE
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator

LANES = 4
"""Alertmanager connections: a connection is served by one worker at a time, so fewer would leave workers idle."""

WORKSPACE = """\
tieline: 1
store: {{env: TIELINE_BENCHMARK_STORE}}
plugins: [grouping, severity, measurement]
server: {{listen: '127.0.0.1:0'}}
poll_every: 10m
stop_within: 5s
connections:
{connections}
"""

ALERTS = """\
  alerts{number}:
    tool: alertmanager
    url: {url}
    webhook_token: {{env: TIELINE_BENCHMARK}}
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One storm over a fleet: alerts, seconds until visible, CPU seconds of the workers and of PostgreSQL, and how many
    transactions waited for the journal's head at any one moment, on average."""

    alerts: int
    visible: float
    workers: float
    store: float
    head: float


class Fleet:
    """Workers of one workspace, each a process with a port of its own."""

    def __init__(self, folder: Path, store: str, alertmanager: str, lanes: int = LANES) -> None:
        self.folder = folder
        self.store = store
        self.lanes = lanes
        self.processes: list[subprocess.Popen[bytes]] = []
        self.addresses: list[str] = []
        connections = "".join(ALERTS.format(number=number, url=alertmanager) for number in range(lanes))
        (folder / "tieline.yaml").write_text(WORKSPACE.format(connections=connections), encoding="utf-8")

    def join(self) -> None:
        """One more worker; returns when it listens."""
        log = self.folder / f"worker-{len(self.processes)}.log"
        environment = {**os.environ, "TIELINE_BENCHMARK": SECRET, "TIELINE_BENCHMARK_STORE": self.store}
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "tieline.cli.main", "-w", str(self.folder), "run", "--log", "json"],
                stdout=file,
                stderr=file,
                env=environment,
            )
        self.processes.append(process)
        self.wait("a worker to listen", lambda: '"started"' in log.read_text(encoding="utf-8"))
        line = next(line for line in log.read_text(encoding="utf-8").splitlines() if '"started"' in line)
        self.addresses.append(str(json.loads(line)["address"]))

    def leave(self) -> None:
        """All of them end."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait(self, what: str, holds: Callable[[], object]) -> None:
        """Raises RuntimeError when it does not hold in time, or when a worker has ended."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            ended = [number for number, process in enumerate(self.processes) if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                log = self.folder / f"worker-{ended[0] if ended else 0}.log"
                raise RuntimeError(f"waited in vain for {what}; a worker's log ends with: {log.read_text()[-2000:]}")
            time.sleep(0.02)

    def blow(self, alerts: int, a_request: int, first: int, senders: int = SENDERS) -> Load:
        """A storm through every worker and every connection at once, until each alert is a committed incident."""
        doors = [
            (self.addresses[(lane + shift) % len(self.addresses)], f"/hooks/alerts{lane}")
            for shift in range(len(self.addresses))
            for lane in range(self.lanes)
        ]
        with psycopg.connect(self.store, autocommit=True) as look:
            server = _children(self.store_pid(look))
            had = _incidents(look)
            before = self._used(), _used_by(server)
            began = time.perf_counter()
            with _waiting_for_the_head(self.store) as waiting:
                flood_all(doors, storm(alerts, a_request, first), senders)
                self.wait("every alert to be an incident", lambda: _incidents(look) - had >= alerts)
                visible = time.perf_counter() - began
            workers = self._used() - before[0]
            after = _used_by(before[1])
            store = sum(used - before[1][pid] for pid, used in after.items())
        return Load(alerts, visible, workers, store, statistics.fmean(waiting))

    def store_pid(self, look: psycopg.Connection) -> int:
        """The process that all of PostgreSQL's processes come from."""
        backend = look.info.backend_pid
        return int(Path(f"/proc/{backend}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])

    def _used(self) -> float:
        return sum(machine.cpu(process.pid).both for process in self.processes)


def _used_by(pids: Iterable[int]) -> dict[int, float]:
    """CPU seconds by process. PostgreSQL ends processes of its own as it likes: those are left out."""
    used: dict[int, float] = {}
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            used[pid] = machine.cpu(pid).both
    return used


def _children(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return [parent, *map(int, text.split())]


@contextmanager
def _waiting_for_the_head(store: str) -> Iterator[list[int]]:
    """Looks twenty times a second, while the block runs, how many transactions wait for it."""
    seen: list[int] = [0]
    over = threading.Event()
    question = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM journal_head%'"
    )

    def watch() -> None:
        with psycopg.connect(store, autocommit=True) as look:
            while not over.wait(0.05):
                found = look.execute(question.encode()).fetchone()
                seen.append(int(found[0]) if found else 0)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _incidents(look: psycopg.Connection) -> int:
    found = look.execute("SELECT count(*) FROM incident").fetchone()
    return int(found[0]) if found else 0


def storms(
    workers: int, alerts: int, a_request: int, repeats: int, *, senders: int = SENDERS, lanes: int = LANES
) -> list[Load]:
    """Storms on a fresh store, one after the other; a short one before warms everybody up."""
    with database() as store, fleet(store, workers, lanes) as team:
        team.blow(100 * workers, a_request, 0, senders)
        return [team.blow(alerts, a_request, 1_000_000 * (turn + 1), senders) for turn in range(repeats)]


@contextmanager
def fleet(store: str, workers: int, lanes: int = LANES) -> Iterator[Fleet]:
    """So many workers while the block runs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="tieline-benchmark-")))
        team = Fleet(folder, store, stack.enter_context(AlertmanagerSimulator().serve()), lanes)
        stack.callback(team.leave)
        for _ in range(workers):
            team.join()
        yield team


@contextmanager
def database() -> Iterator[str]:
    """A durable PostgreSQL while the block runs. Raises RuntimeError when it is not installed."""
    binaries = postgres_binaries()
    if binaries is None:
        raise RuntimeError("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    with postgres(binaries, durable=True) as address:
        yield address


def commits(alerts: int, a_commit: int = 100) -> float:
    """The floor: alerts a second that PostgreSQL commits to the disk as bare rows, over one connection."""
    payload = orjson.dumps(alert(1)).decode()
    with database() as store, psycopg.connect(store) as connection, connection.cursor() as cursor:
        for table in range(ROWS):
            cursor.execute(f"CREATE TABLE t{table} (id bigserial PRIMARY KEY, payload text)".encode())
        connection.commit()
        began = time.perf_counter()
        for _ in range(alerts // a_commit):
            for table in range(ROWS):
                cursor.executemany(f"INSERT INTO t{table} (payload) VALUES (%s)".encode(), [(payload,)] * a_commit)
            connection.commit()
        return alerts // a_commit * a_commit / (time.perf_counter() - began)

"""Floors: the least that this machine, these libraries and this durability allow, measured in the same run."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks import machine
from benchmarks.alerts import alert, storm, webhook
from benchmarks.sender import SENDERS, flood
from benchmarks.stage import free_port
from tieline.sync.intake import slow_clients

ROWS: int = 6
"""Rows that one new alert leaves or passes through: inbox, incident, signal, grouping, journal and its payload."""


THREADS: int = 4
"""Threads that commit single rows side by side."""


def commits(alerts: int, a_commit: int = 100) -> float:
    """Alerts a second that SQLite commits as bare rows, at the durability we promise."""
    with TemporaryDirectory(prefix="tieline-benchmark-") as folder:
        store = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("PRAGMA synchronous=FULL")
        for table in range(ROWS):
            store.execute(f"CREATE TABLE t{table} (id INTEGER PRIMARY KEY, payload TEXT)")
        payload = orjson.dumps(alert(1)).decode()
        began = time.perf_counter()
        for _ in range(alerts // a_commit):
            store.execute("BEGIN IMMEDIATE")
            for table in range(ROWS):
                store.executemany(f"INSERT INTO t{table} (payload) VALUES (?)", [(payload,)] * a_commit)
            store.execute("COMMIT")
        took = time.perf_counter() - began
        store.close()
    return alerts // a_commit * a_commit / took


def commits_alone(rows: int) -> float:
    """Rows a second when each is a commit of its own, at the durability we promise, by `THREADS` threads at once."""
    with TemporaryDirectory(prefix="tieline-benchmark-") as folder:
        file = Path(folder) / "floor.db"
        payload = orjson.dumps(alert(1)).decode()

        def work(_thread: int) -> None:
            store = sqlite3.connect(file, isolation_level=None, timeout=60)
            store.execute("PRAGMA synchronous=FULL")
            for _ in range(rows // THREADS):
                store.execute("INSERT INTO t (payload) VALUES (?)", (payload,))
            store.close()

        first = sqlite3.connect(file, isolation_level=None)
        first.execute("PRAGMA journal_mode=WAL")
        first.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, payload TEXT)")
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
        took = time.perf_counter() - began
        first.close()
    return rows // THREADS * THREADS / took


class _Alert(BaseModel):
    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    generatorURL: str
    fingerprint: str


def parse(repeats: int = 5_000) -> float:
    """Milliseconds to parse and to validate one alert."""
    raw = orjson.dumps(alert(1))
    began = time.process_time()
    for _ in range(repeats):
        orjson.loads(raw)
        _Alert.model_validate_json(raw)
    return (time.process_time() - began) / repeats * 1e3


def bare(requests: int, a_request: int, senders: int = SENDERS) -> tuple[float, float]:
    """Alerts a second, and CPU milliseconds an alert, of a server that parses the same POSTs and does nothing else."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.floors", str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        _until_it_listens(port)
        flood(address, "/hooks/alerts", storm(200, a_request), senders)
        before = machine.cpu(process.pid)
        took = flood(address, "/hooks/alerts", storm(requests * a_request, a_request), senders)
        used = machine.cpu(process.pid) - before
    finally:
        process.terminate()
        process.wait()
    return requests * a_request / took, used.both / (requests * a_request) * 1e3


def _until_it_listens(port: int) -> None:
    async def knock() -> None:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()

    deadline = time.monotonic() + 30
    while True:
        try:
            return asyncio.run(knock())
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _serve(port: int) -> None:
    async def hook(request: Request) -> JSONResponse:
        orjson.loads(await request.body())
        return JSONResponse({"stored": True}, 202)

    app = Starlette(routes=[Route("/hooks/{connection}", hook, methods=["POST"])])
    uvicorn.run(
        app,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        http=slow_clients.Door,
        ws="none",
        loop="asyncio",
    )


def size_of_an_alert() -> int:
    """Bytes of one alert's delivery."""
    return len(webhook(range(1)))


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

"""A million operations by four workers that are killed and frozen all the time: none may overtake another.

    python -m tests.fleet.order --operations 1000000 --workers 4 --json .soak/order.json

Each lane is a counter in the store and a file that stands for the tool. A turn takes the next numbers in one
transaction, writes them into the file one by one, and then marks them as written: the same intent, act and answer as
every write to a tool. Killed in between, the next turn writes them again: at least once, and in order.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from tests.suite.figures import add, figures_file

from tieline.core.config import load_workspace
from tieline.core.store.store import Store
from tieline.sync.daemon.jobs.clock import StoreClock
from tieline.sync.daemon.jobs.loops import Loops
from tieline.sync.daemon.lane import Lane
from tieline.sync.engine import Connected, Engine

LANES = 12
AT_ONCE = 20
LEASE = 2.0


class Counting(Lane):
    """A lane whose work is to count: `intended` in the store, then the file, then `done` in the store."""

    def __init__(self, engine: Engine, here: Connected, folder: Path, last: int) -> None:
        super().__init__(engine, here)
        self._file = folder / f"{here.name}.log"
        self._last = last

    def step(self) -> bool:
        names = {"lane": self.here.name}
        with self.engine.store.write() as tx:
            done: int = tx.execute(text("SELECT done FROM ops WHERE lane = :lane"), names).scalar_one()
            token = tx.execute(text("SELECT token FROM lease WHERE lane = :lane"), names).scalar_one()
            upto = min(done + AT_ONCE, self._last)
            tx.execute(text("UPDATE ops SET intended = :upto WHERE lane = :lane"), {**names, "upto": upto})
        if upto == done:
            return False
        file = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            for number in range(done + 1, upto + 1):
                self.here.budget.permit()
                os.write(file, f"{token} {number}\n".encode())
        finally:
            os.close(file)
        with self.engine.store.write() as tx:
            tx.execute(text("UPDATE ops SET done = :upto WHERE lane = :lane"), {**names, "upto": upto})
        return True


def work(folder: Path, store: str, last: int) -> None:
    """One worker, until it is killed."""
    from tieline.sync.build import build
    from tieline.sync.daemon.jobs.fleet import Fleet

    config, registry = load_workspace(folder / "tieline.yaml")
    opened = Store.open(store)
    clock = StoreClock(opened)
    stopping = threading.Event()
    engine = build(
        config, opened, registry, clock=clock, sleep=time.sleep, wake=lambda _name: None, dice=random.Random()
    )
    loops = Loops(clock, lambda _name, _error: os._exit(1))
    fleet = Fleet(
        opened,
        clock,
        loops,
        stopping,
        time.sleep,
        address=store,
        lease=timedelta(seconds=LEASE),
        lane=lambda engine, here: Counting(engine, here, folder, last),
    )
    fleet.start(engine)
    stopping.wait()


def inversions(file: Path, last: int) -> tuple[int, int, int]:
    """What the tool saw of one lane: (writes out of order, writes repeated after a kill, numbers missing).

    Out of order is every write of an older turn after one of a newer turn, and within a turn every number that is not
    the next one. A new turn begins after the last number, or at most one batch earlier: that part is repeated.
    """
    wrong = repeated = newest = before = highest = 0
    for line in file.read_text().splitlines() if file.exists() else []:
        token, number = map(int, line.split())
        begins = token > newest
        follows = highest - AT_ONCE < number <= highest + 1 if begins else number == before + 1
        if token < newest or not follows:
            wrong += 1
        elif begins:
            repeated += highest + 1 - number
        newest, before, highest = max(newest, token), number, max(highest, number)
    return wrong, repeated, last - highest


def run(store: str, operations: int, workers: int, seed: int) -> dict[str, Any]:
    """Set everything up, disturb it until all is done, and count."""
    dice = random.Random(seed)
    last = operations // LANES
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, Store.open(store) as opened:
        folder = Path(name)
        lines = ["tieline: 1", f"store: {json.dumps(store)}", "connections:"]
        lines += [f"  lane{number}: {{tool: memory, opens: true}}" for number in range(LANES)]
        (folder / "tieline.yaml").write_text("\n".join(lines))
        opened.migrate()
        with opened.write() as tx:
            tx.execute(text("CREATE TABLE ops (lane VARCHAR(40) PRIMARY KEY, intended BIGINT, done BIGINT)"))
            for number in range(LANES):
                tx.execute(text("INSERT INTO ops VALUES (:lane, 0, 0)"), {"lane": f"lane{number}"})
        command = [sys.executable, "-m", "tests.fleet.order", "--work", name, "--store", store, "--last", str(last)]
        running = [subprocess.Popen(command) for _ in range(workers)]
        kills = pauses = 0
        try:
            while _left(opened, last):
                time.sleep(dice.uniform(0.5, 1.5))
                victim = dice.randrange(workers)
                if dice.random() < 0.2:
                    running[victim].kill()
                    running[victim].wait()
                    running[victim] = subprocess.Popen(command)
                    kills += 1
                else:
                    running[victim].send_signal(signal.SIGSTOP)
                    time.sleep(dice.choice([0.1, LEASE * 1.3, LEASE * 2]))
                    running[victim].send_signal(signal.SIGCONT)
                    pauses += 1
                if time.monotonic() - began > 3_600:
                    raise TimeoutError("an hour was not enough")
        finally:
            for process in running:
                process.kill()
                process.wait()
        found = [inversions(folder / f"lane{number}.log", last) for number in range(LANES)]
        with opened.read() as connection:
            turns = connection.execute(text("SELECT sum(token) FROM lease WHERE lane LIKE 'lane%'")).scalar_one()
    return {
        "operations": last * LANES,
        "workers": workers,
        "inversions": sum(one[0] for one in found),
        "missing": sum(one[2] for one in found),
        "repeated_after_kills": sum(one[1] for one in found),
        "kills": kills,
        "pauses": pauses,
        "turns": int(turns),
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "command": "python -m tests.fleet.order --operations 1000000 --workers 4",
    }


def _left(store: Store, last: int) -> bool:
    with store.read() as connection:
        return bool(
            connection.execute(text("SELECT count(*) FROM ops WHERE done < :last"), {"last": last}).scalar_one()
        )


def main() -> int:
    """The command. Exit code 1 when anything was overtaken or is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=figures_file, help="a JSON file that the figures are added to")
    parser.add_argument("--store", default="", help="an empty PostgreSQL; without it one is started for the run")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--last", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work is not None:
        work(given.work, given.store, given.last)
        return 0
    from tests.core.store_backends import postgres, postgres_binaries

    if given.store:
        found = run(given.store, given.operations, given.workers, given.seed)
    else:
        binaries = postgres_binaries()
        if binaries is None:
            sys.stderr.write("PostgreSQL is not installed; on Debian: apt-get install postgresql\n")
            return 2
        with postgres(binaries) as store:
            found = run(store, given.operations, given.workers, given.seed)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if given.json is not None:
        add(given.json, found)
    return 1 if found["inversions"] or found["missing"] else 0


if __name__ == "__main__":
    sys.exit(main())

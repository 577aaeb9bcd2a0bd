"""The long forms: `python -m tests.crash matrix|upstairs|kept|… --out FILE`. Each appends its figures to FILE."""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from tests.crash.disk import Disk, environment, fail_everywhere
from tests.crash.kept import drawn, keep
from tests.crash.matrix import FileShelf, Matrix, Report, ServerShelf, Shelf, run, spread
from tests.crash.migration import die_everywhere, next_revision
from tests.crash.postgres import Postgres
from tests.crash.script import STEPS
from tests.crash.storm import storm
from tests.crash.trouble import cut_connections, endure, fill, hold_the_lock, small_disk
from tests.crash.upstairs import die_everywhere as die_everywhere_upstairs
from tests.suite.figures import add, figures_file

from tieline.cli.simulation.mutants import planted


def main() -> int:
    """0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    matrix = commands.add_parser("matrix", help="kill the engine at every commit and every call")
    matrix.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    matrix.add_argument("--most", type=int, help="at most so many points, spread evenly")
    matrix.add_argument("--part", default="1/1", help="only the n-th of so many shares, as in 2/4")
    matrix.add_argument("--only", default="", help="only the points whose words hold this")
    matrix.add_argument("--twice", type=int, default=0, help="so many runs that are killed a second time as well")
    matrix.add_argument("--people", action="store_true", help="somebody works on while the engine is dead")
    matrix.add_argument("--planted", default="", help="with this bug from `tieline simulate --mutant`")
    matrix.set_defaults(work=_matrix)
    migration = commands.add_parser("migration", help="kill a start at every statement of its migration")
    migration.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    migration.add_argument("--every", type=int, default=1, help="only every n-th point")
    migration.set_defaults(work=_migration)
    upstairs = commands.add_parser("upstairs", help="kill people's acts, followers, timers and jobs at every commit")
    upstairs.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    upstairs.add_argument("--most", type=int, help="at most so many points, spread evenly")
    upstairs.set_defaults(work=_upstairs)
    kept = commands.add_parser("kept", help="kill a daemon under load, and look for every alert it acknowledged")
    kept.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    kept.add_argument("--kills", type=int, default=12)
    kept.add_argument("--deaths", default="kill,term", help="of kill, term and server")
    kept.add_argument("--each", type=int, default=450, help="alerts acknowledged in one life, about")
    kept.add_argument("--seed", type=int, default=1)
    kept.set_defaults(work=_kept)
    disk = commands.add_parser("disk", help="fail the n-th write of the store, for every n")
    disk.add_argument("--steps", type=int, default=len(STEPS), help="only the first steps of the script")
    disk.add_argument("--most", type=int, help="at most so many points, spread evenly")
    disk.add_argument("--times", default="1,25", help="how many calls in a row fail")
    disk.set_defaults(work=_disk)
    trouble = commands.add_parser("trouble", help="a daemon whose disk is full, whose database is held or cut off")
    trouble.add_argument("kind", choices=["full", "locked", "cut"])
    trouble.add_argument("--hold", type=float, default=60, help="seconds for which the database is held")
    trouble.add_argument("--every", type=float, default=2, help="seconds between two cuts")
    trouble.add_argument("--times", type=int, default=60, help="how often it is cut")
    trouble.set_defaults(work=_trouble)
    tempest = commands.add_parser("storm", help="alerts without end against a slow tool, and the memory they take")
    tempest.add_argument("--alerts", type=int, default=200_000)
    tempest.add_argument("--services", type=int, default=5_000, help="how many of them become tickets")
    tempest.set_defaults(work=_storm)
    for one in commands.choices.values():
        one.add_argument("--out", type=figures_file, help="a JSON file that the figures are added to")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("tieline").setLevel(logging.CRITICAL)
    began = time.monotonic()
    name, figures = asked.work(asked)
    figures = {**figures, "command": f"python -m tests.crash {' '.join(sys.argv[1:])}"}
    figures["seconds"] = round(time.monotonic() - began, 1)
    _say(json.dumps({name: figures}, indent=1))
    if asked.out is not None:
        add(asked.out, {name: figures})
    return 1 if figures["failures"] else 0


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


@contextmanager
def _shelf(store: str) -> Iterator[tuple[Shelf, Path]]:
    # A kill takes nothing away that the kernel has, so that a file system in memory shows the same, and faster.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="tieline-crash-", dir=memory if memory.is_dir() else None) as folder:
        if store == "sqlite":
            yield FileShelf(Path(folder)), Path(folder)
            return
        with Postgres(durable=False) as server:
            yield ServerShelf(server.server), Path(folder)


def _matrix(asked: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    share, shares = map(int, asked.part.split("/"))
    with _shelf(asked.store) as (shelf, _folder), planted(asked.planted):
        matrix = Matrix(shelf)
        found = list(matrix.points())
        places = [place for place in spread(found, asked.most)[share - 1 :: shares] if asked.only in place.words]
        report = run(matrix, places, len(found), people=asked.people)
        twice = Report()
        if asked.twice:
            dice = random.Random(asked.twice)
            twice = run(matrix, dice.choices(found, k=asked.twice), len(found), twice=dice)
    _say(f"crash points: {report.points} ran: {report.ran} clean: {report.clean}")
    figures = {**report.figures(), "twice": twice.ran, "twice_clean": twice.clean, "steps": len(STEPS)}
    figures["failures"] = [*report.failures, *twice.failures]
    return f"matrix, {asked.store}{', people' * asked.people}", figures


def _migration(asked: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    with _shelf(asked.store) as (shelf, folder):
        first = die_everywhere(shelf, -1, None, lambda at: at % asked.every == 0)
        matrix = Matrix(shelf, STEPS[:6])
        list(matrix.points())
        moved = die_everywhere(shelf, 5, next_revision(folder), lambda at: at % asked.every == 0)
    _say(f"migration points: {first.points + moved.points} clean: {first.clean + moved.clean}")
    return f"migration, {asked.store}", {
        "points": first.points + moved.points,
        "ran": first.ran + moved.ran,
        "clean": first.clean + moved.clean,
        "kinds": dict(first.kinds + moved.kinds),
        "failures": [*first.failures, *moved.failures],
    }


def _upstairs(asked: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    with _shelf(asked.store) as (shelf, folder):
        report = die_everywhere_upstairs(folder, shelf, asked.most)
    _say(f"crash points upstairs: {report.points} ran: {report.ran} clean: {report.clean}")
    return f"upstairs, {asked.store}", report.figures()


def _kept(asked: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    deaths = drawn(asked.deaths.split(","), asked.kills, asked.seed)
    with tempfile.TemporaryDirectory(prefix="tieline-kept-") as name:
        if asked.store == "sqlite":
            figures = keep(Path(name), f"sqlite:///{name}/tieline.db", deaths, asked.seed, asked.each)
        else:
            with Postgres(durable=True) as server:
                figures = keep(Path(name), server.server, deaths, asked.seed, asked.each, server)
    return f"kept, {asked.store}, {asked.deaths}", figures


def _disk(asked: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="tieline-disk-", dir=memory if memory.is_dir() else None) as folder:
        control = os.environ.get("TIELINE_FAILING_DISK")
        if control is None:
            # The library has to be there before the process starts.
            command = [sys.executable, "-m", "tests.crash", *sys.argv[1:]]
            sys.exit(subprocess.run(command, env=environment(Path(folder)), check=False).returncode)
        times = [int(one) for one in asked.times.split(",")]
        report = fail_everywhere(Path(folder), Disk(Path(control)), asked.steps, asked.most, times)
    _say(f"failing calls: {report.points} ran: {report.ran} clean: {report.clean}")
    return "disk", report.figures()


def _trouble(asked: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="tieline-trouble-") as name:
        folder = Path(name)
        if asked.kind == "full":
            with small_disk(folder / "small") as small:
                figures = endure(folder, f"sqlite:///{small}/tieline.db", fill(small))
        elif asked.kind == "locked":
            path = folder / "tieline.db"
            figures = endure(folder, f"sqlite:///{path}", hold_the_lock(path, asked.hold))
        else:
            with Postgres(durable=True) as server:
                figures = endure(folder, server.server, cut_connections(server.server, asked.every, asked.times))
    return f"trouble, {asked.kind}", figures


def _storm(asked: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="tieline-storm-") as folder:
        return "storm", storm(Path(folder), asked.alerts, asked.services)


if __name__ == "__main__":
    sys.exit(main())

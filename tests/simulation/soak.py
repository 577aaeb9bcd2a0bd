"""The simulation's part of `make soak`: many schedules on both stores, and the hunt for every planted bug.

    python -m tests.simulation.soak FOLDER

Each part is a run of `tieline simulate`, whose JSON goes into FOLDER; exit code 1 when one of them found something.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.core.store_backends import postgres, postgres_binaries

JOBS = os.environ.get("JOBS", str(os.cpu_count() or 1))
SCHEDULES = ["--schedules", "10000"]


def parts(store: str) -> Iterator[tuple[str, Sequence[str]]]:
    """The name of each part's result, and the options it is played with. `store` is a PostgreSQL server, if any."""
    yield "simulation.json", SCHEDULES
    yield "mutants.json", ["--mutant", "all", "--schedules", "1000"]
    if store:
        yield "simulation-postgresql.json", [*SCHEDULES, "--store", store]


def play(folder: Path, store: str) -> bool:
    """Play every part. True when none of them found anything."""
    folder.mkdir(exist_ok=True)
    good = True
    for name, options in parts(store):
        sys.stderr.write(f"simulate {' '.join(options)}\n")
        command = [sys.executable, "-m", "tieline.cli.main", "simulate", *options, "--jobs", JOBS, "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        (folder / name).write_text(done.stdout, encoding="utf-8")
        good = good and done.returncode == 0
    return good


def main() -> int:
    folder, binaries = Path(sys.argv[1]), postgres_binaries()
    if binaries is None:
        sys.stderr.write("PostgreSQL is not installed: no schedules on it. On Debian: apt-get install postgresql\n")
        return not play(folder, "")
    with postgres(binaries) as address:
        return not play(folder, address)


if __name__ == "__main__":
    sys.exit(main())

"""The simulation's part of `make soak`: many schedules on both stores, and the hunt for every planted bug.

    python -m tests.simulation.soak FOLDER [PART …]

Each part is a run of `tieline simulate`, whose JSON goes into FOLDER; exit code 1 when one of them found something. The
schedules are played in portions and written down after each, so that a run that is ended early keeps what it has. JOBS
and SCHEDULES in the environment say how many at once and how many of each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.core.store_backends import postgres, postgres_binaries
from tests.suite import figures

JOBS: Final = os.environ.get("JOBS", str(os.cpu_count() or 1))
SCHEDULES: Final = int(os.environ.get("SCHEDULES", "10000"))
PORTION: Final = 500
SHIPPED: Final = ("--tools", "shipped", "--steps", "60")
ON_POSTGRES: Final = "-postgresql"
SCHEDULED: Final = {"simulation": (), "shipped": SHIPPED, "simulation-postgresql": (), "shipped-postgresql": SHIPPED}
"""What schedules are played with: memory tools, or the shipped adapters over the simulators of their tools."""
PARTS: Final = (*SCHEDULED, "mutants")


def simulate(*options: str) -> tuple[dict[str, Any], bool]:
    """One run: what it says, and whether it found nothing."""
    command = [sys.executable, "-m", "tieline.cli.main", "simulate", *options, "--jobs", JOBS, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout), done.returncode == 0


def together(whole: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The figures of two runs over neighbouring seeds, as if they had been one."""
    if not whole:
        return more
    sums = ("schedules", "failures", "failed", "writes", "seconds", "cpu_seconds", "smallest")
    both = {**whole, **{name: whole[name] + more[name] for name in sums}}
    both["faults"] = dict(sorted((Counter(whole["faults"]) + Counter(more["faults"])).items()))
    both["schedules_per_cpu_second"] = round(both["schedules"] / max(both["cpu_seconds"], 0.001), 1)
    return both


def schedules(file: Path, options: Sequence[str] = ()) -> bool:
    """Play them all. True when every promise was kept."""
    whole: dict[str, Any] = {}
    for first in range(0, SCHEDULES, PORTION):
        size = min(PORTION, SCHEDULES - first)
        portion, _good = simulate("--first", str(first), "--schedules", str(size), *options)
        whole = together(whole, portion)
        figures.add(file, whole)
        sys.stderr.write(f"{file.stem}: {whole['schedules']} schedules, {whole['failures']} failures\n")
    return not whole["failures"]


def mutants(file: Path) -> bool:
    """Hunt them all. True when each was found."""
    found, good = simulate("--mutant", "all", "--schedules", "1000")
    figures.add(file, found)
    return good


def play(folder: Path, part: str) -> bool:
    """Play one part. True when it found nothing."""
    folder.mkdir(exist_ok=True)
    file, binaries = folder / f"{part}.json", postgres_binaries()
    figures.known(file)  # What is none is refused before the run, and not after hours.
    if part == "mutants":
        return mutants(file)
    if not part.endswith(ON_POSTGRES):
        return schedules(file, SCHEDULED[part])
    if binaries is None:
        sys.stderr.write(f"PostgreSQL is not installed: no {part}. On Debian: apt-get install postgresql\n")
        return True
    with postgres(binaries) as address:
        return schedules(file, [*SCHEDULED[part], "--store", address])


def main() -> int:
    folder, parts = Path(sys.argv[1]), sys.argv[2:] or PARTS
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        sys.stderr.write(f"there is no part {', '.join(unknown)}; the parts are {', '.join(PARTS)}\n")
        return 2
    # A part that found something keeps none of the others from being played.
    good = [play(folder, part) for part in parts]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

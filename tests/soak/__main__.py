"""The long forms in virtual time: `python -m tests.soak limits|partition|deliveries|poison|journal --out FILE`.

Each adds its figures to FILE, and ends with 1 when it found something.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from tests.soak import deliveries, limits
from tests.soak.partition import partition
from tests.soak.poison import poison
from tests.soak.tampering import tampering
from tests.suite.figures import add, figures_file

Figures = dict[str, dict[str, Any]]

LONG: Mapping[str, tuple[str, int, Callable[[Path, int], Figures]]] = {
    "limits": ("tickets of each kind of limit", 1_000, limits.play),
    "deliveries": ("webhooks that come, about", 100_000, deliveries.play),
    "partition": ("changes that wait for a day", 10_000, lambda here, size: {"partition": partition(here, size)}),
    "poison": ("records, a hundredth of them bad", 5_000, lambda here, size: {"poison": poison(here, size)}),
    "journal": ("entries, each of which is changed", 1_000, lambda here, size: {"journal": tampering(here, size)}),
}
"""Command: what `--size` counts, how many in a soak, and what plays them."""


def main() -> int:
    """0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (words, size, _play) in LONG.items():
        one = commands.add_parser(name, help=words)
        one.add_argument("--size", type=int, default=size, help=words)
        one.add_argument("--out", type=figures_file, help="a JSON file that the figures are added to")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("tieline").setLevel(logging.CRITICAL)
    began = time.monotonic()
    # What is tried here is no disk's affair, and a file system in memory is faster.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="tieline-soak-", dir=memory if memory.is_dir() else None) as folder:
        found = LONG[asked.command][2](Path(folder), asked.size)
    command = f"python -m tests.soak {asked.command} --size {asked.size}"
    found = {name: {**one, "command": command} for name, one in found.items()}
    sys.stdout.write(json.dumps({**found, "seconds": round(time.monotonic() - began, 1)}, indent=1) + "\n")
    if asked.out is not None:
        add(asked.out, found)
    return int(any(one["failures"] for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())

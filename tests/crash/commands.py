"""How the tests run the long forms' shorter selves: in a process that has no threads, because it forks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.core.store_backends import postgres_binaries


def crash(folder: Path, *arguments: str) -> dict[str, Any]:
    """The figures of one run. What it found stands under `failures`."""
    out = folder / "figures.json"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", *arguments, "--out", str(out)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if not out.exists():
        pytest.fail(f"python -m tests.crash {' '.join(arguments)}: {done.stderr[-3000:]}")
    figures: dict[str, Any] = next(iter(json.loads(out.read_text()).values()))
    return figures


def needs(there: bool, sentence: str) -> None:
    """Skip the test with this sentence, which fails it where CI is true."""
    if not there:
        pytest.skip(sentence)


def needs_postgres() -> None:
    needs(postgres_binaries() is not None, "PostgreSQL is not installed; on Debian: apt-get install postgresql")

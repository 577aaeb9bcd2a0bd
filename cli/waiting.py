"""Waiting in a terminal for a job to end."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

EVERY = 0.3
"""Seconds between two looks."""

Look = Callable[[], Any]
"""Answers the facts of `jobs show`, whoever is asked for them."""


def wait_for(job: str, look: Look) -> int:
    """Show how far a job has come until it has ended, or waits for a person. Answers the exit code: 0 where it is
    done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(job, total=None)
        while (one := look()["job"])["status"] == "running":
            progress.update(bar, completed=one["done"], total=one["of"])
            sleep(EVERY)
    return 0 if one["status"] == "done" else 1

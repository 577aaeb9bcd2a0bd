"""Waiting in a terminal for a job to end."""

from __future__ import annotations

from time import sleep

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tieline.cli import views
from tieline.cli.output import note, say
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.views.jobs import JobSeen

EVERY = 0.3
"""Seconds between two looks."""


def wait_for(workspace: str, job: str) -> int:
    """Show how far a job has come until it has ended, or waits for a person. Answers the exit code: 0 where it is
    done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(job, total=None)
        while (one := _look(workspace, job)).status == "running":
            progress.update(bar, completed=one.done, total=one.of)
            sleep(EVERY)
    if words := one.what_to_do():
        note(job, words)
    else:
        say(f"{job} is {one.status}, after {one.seconds} s")
    return 0 if one.status == "done" else 1


def _look(workspace: str, job: str) -> JobSeen:
    view = OWN_VIEWS["jobs show"]
    return JobSeen.model_validate(views.see(workspace, view, view.told({"job": job})).facts["job"])

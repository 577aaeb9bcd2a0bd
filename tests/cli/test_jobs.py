"""`tieline jobs`: long work is looked at, ended and resumed, and what it came to is written into a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update
from structlog.testing import capture_logs
from tests.docs.shapes import faults
from tests.sync.test_jobs import SUMS

from tieline.cli import commands, waiting
from tieline.cli.commands import Told
from tieline.cli.main import cli
from tieline.cli.views import looking
from tieline.core import jobs
from tieline.core.access import READ
from tieline.core.commands import from_facts
from tieline.core.described import described
from tieline.core.store import tables as t
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.testing.ground import Ground

READ_BY_ALL = replace(SUMS, jobs=(replace(SUMS.jobs[0], result=jobs.Result("text/plain", READ)),))
"""Commands do not know the rights of a plugin that is not installed."""


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.chdir(tmp_path)
    with capture_logs():
        made = Ground(tmp_path, lambda: READ_BY_ALL)
        yield made
        made.close()


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def told(*words: str) -> Any:
    result = run(*words, "--json")
    assert faults(f"tieline {' '.join(word for word in words if word.islower())}", result.stdout) == []
    return json.loads(result.stdout)


def test_it_is_shown_and_what_it_came_to_is_written_with_its_hash(ground: Ground, tmp_path: Path) -> None:
    ground.perform("sums sum", {"upto": 4})
    assert told("jobs", "show", "JOB-1")["job"]["status"] == "running"
    ground.work()
    assert [one["job"] for one in told("jobs")["items"]] == ["JOB-1"]
    assert told("jobs", "show", "JOB-1")["result_bytes"] == 2
    assert told("jobs", "result", "JOB-1")["media_type"] == "text/plain"
    assert run("jobs", "result", "JOB-1").stdout == "10"
    result = run("jobs", "result", "JOB-1", "-o", "sum.txt")
    assert "JOB-1: 2 bytes of text/plain are in sum.txt, sha256 4a44dc15364204a8" in result.stdout
    assert (tmp_path / "sum.txt").read_bytes() == b"10"


def test_what_was_changed_in_the_store_is_not_taken_for_what_it_came_to(ground: Ground) -> None:
    ground.perform("sums sum", {"upto": 4})
    ground.work()
    with ground.engine.store.write() as tx:
        tx.execute(update(t.blob).values(body=b"11"))
    result = run("jobs", "result", "JOB-1")
    assert "what is kept has another hash" in str(result.exception)
    assert result.stdout == ""


def test_it_is_ended_and_resumed(ground: Ground) -> None:
    ground.perform("sums sum", {"upto": 4})
    with ground.engine.store.write() as tx:
        tx.execute(update(t.job).values(status="parked", parked="the numbers are gone"))
    assert "JOB-1: the numbers are gone. `tieline jobs resume JOB-1` has it go on" in run("jobs").stdout
    assert told("jobs", "resume", "JOB-1") == {"job": "JOB-1", "status": "running"}
    assert told("jobs", "cancel", "JOB-1") == {"job": "JOB-1", "status": "cancelled"}
    assert "JOB-1 is cancelled already" in str(run("jobs", "cancel", "JOB-1").exception)


def test_whoever_waits_is_told_when_it_has_ended(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.perform("sums sum", {"upto": 2})
    monkeypatch.setattr(waiting, "sleep", lambda _seconds: ground.work())
    done = run("jobs", "show", "JOB-1", "--wait")
    assert "JOB-1 is done, after" in done.output
    assert done.exit_code == 0
    ground.perform("sums sum", {"upto": 2})
    monkeypatch.setattr(waiting, "sleep", lambda _seconds: run("jobs", "cancel", "JOB-2"))
    ended = run("jobs", "show", "JOB-2", "--wait")
    assert "JOB-2 is cancelled" in ended.output
    assert ended.exit_code == 1


def test_whoever_starts_one_may_wait_for_its_end(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    described_sum = described(ground.engine.registry.offers.acts["sums sum"])
    started: list[str] = []

    def start(_workspace: str, given: Any, _key: str, _why: str | None = None, /) -> Told:
        started.append(ground.perform("sums sum", {"upto": int(given["upto"])}).facts["job"])
        return Told({"job": started[-1]}, (f"{started[-1]} is started",))

    made = commands.act(described_sum, start, looking(OWN_VIEWS["jobs show"]))
    monkeypatch.setattr(waiting, "sleep", lambda _seconds: ground.work())
    done = CliRunner().invoke(made, ["--upto", "2", "--wait"], obj=".")
    begun, over = done.stdout.splitlines()
    assert (done.exit_code, begun, over.startswith("JOB-1 is done, after")) == (0, "JOB-1 is started", True)
    seen = CliRunner().invoke(made, ["--upto", "2", "--wait", "--json"], obj=".")
    assert (seen.exit_code, json.loads(seen.stdout)["job"]["status"]) == (0, "done")
    monkeypatch.setattr(waiting, "sleep", lambda _seconds: run("jobs", "cancel", started[-1]))
    ended = CliRunner().invoke(made, ["--upto", "2", "--wait"], obj=".")
    assert (ended.exit_code, "JOB-3 is cancelled, after" in ended.stdout) == (1, True)
    assert CliRunner().invoke(made, ["--upto", "2"], obj=".").output == "JOB-4 is started\n"
    told = from_facts("sums sum", True, described_sum.facts())
    assert (told.starts_job, told) == (True, described_sum), "a server says so of it as well"

"""The page's workspace, and the runner that it names, at work."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, ROOT, blocks
from tests.plugins.runbook.bench import ANN, Bench

from tieline.core.config import load_text

RUNNER = ROOT / "examples" / "runner" / "spool-runner.sh"
BOOKS = """
shell:
  title: Something with a shell
  impact: low
  mode: auto
  runner: shell
  steps:
    - {name: write, run: 'echo one >> log; echo "it says so"'}
    - {name: slow, run: 'echo two >> log; sleep 60'}
fails:
  title: Something that fails
  impact: low
  mode: auto
  runner: shell
  steps:
    - {name: fail, run: 'echo no >&2; exit 3'}
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, BOOKS)
    yield made
    made.close()


def test_the_workspace_of_the_page_is_accepted(tmp_path: Path) -> None:
    [found] = [one for one in blocks(DOCS / "how-to" / "run-a-runbook.md") if one.file == "tieline.yaml"]
    _config, registry = load_text(found.text, tmp_path / "tieline.yaml")
    registry.close()
    assert "runbook start" in registry.offers.acts


def test_the_rules_of_the_page_say_of_its_cases_what_it_says(bench: Bench) -> None:
    page = {one.file: one.text for one in blocks(DOCS / "how-to" / "run-a-runbook.md")}
    given = {"cases": page["cases.yaml"], "document": page["automation.yaml"]}
    found = bench.look("policy test", ANN, policy="runbook.automation", **given)["cases"]
    assert [one["rule"] for one in found] == ["by-day", "year-end", "harm"]


def test_the_shell_runner_may_be_there_before_anything_else_is(tmp_path: Path) -> None:
    subprocess.run([RUNNER, tmp_path / "spool", "once"], check=True, timeout=30)


def once(bench: Bench) -> None:
    subprocess.run([RUNNER, bench.spool, "once"], cwd=bench.folder, check=True, timeout=30)
    bench.settle(3)


def test_the_shell_runner_does_what_it_is_told(bench: Bench) -> None:
    run = bench.run("fails", bench.incident())
    once(bench)
    [step] = bench.see("show", run=run)["steps"]
    found = bench.fields(step["execution"])
    assert (bench.status(run), found["exit_code"], found["output"]) == ("failed", 3, "```\nno\n```")


def test_what_a_killed_runner_had_begun_is_not_done_again(bench: Bench) -> None:
    run = bench.run("shell", bench.incident())
    once(bench)
    assert bench.waiting() == ["echo two >> log; sleep 60"]
    runner = subprocess.Popen([RUNNER, bench.spool], cwd=bench.folder, start_new_session=True)
    try:
        while (bench.folder / "log").read_text() != "one\ntwo\n":
            time.sleep(0.02)
    finally:
        os.killpg(runner.pid, signal.SIGKILL)
        runner.wait()
    once(bench)
    assert bench.status(run) == "stuck"
    once(bench)
    assert (bench.folder / "log").read_text() == "one\ntwo\n"


def test_a_second_runner_takes_nothing_for_cut_off_that_the_first_one_does(tmp_path: Path) -> None:
    for place in ("queue", "taken", "results"):
        (tmp_path / place).mkdir()
    (tmp_path / "taken" / "at-work").mkdir()
    first = os.open(tmp_path / "taken", os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    second = subprocess.run([RUNNER, tmp_path, "once"], capture_output=True, text=True, timeout=30, check=False)
    os.close(first)
    assert (second.returncode, "a runner is at work here already" in second.stderr) == (1, True)
    assert list((tmp_path / "results").iterdir()) == []

"""What is grouped runs in one worker, a file as well, and what is slow in all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tests.docs.pages import ROOT

FILES = {
    "test_grouped.py": """
import time, pytest


@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(6))
def test_together(number):
    time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_apart(number):
    time.sleep(0.05)
""",
    "test_file.py": """
import time, pytest


@pytest.mark.parametrize("number", ["]", "@", "::", "a", "b", "c"])
def test_of_a_file(number):
    time.sleep(0.05)


class TestOfAFile:
    def test_of_a_class(self): ...
""",
    "test_other.py": """
import pytest


@pytest.mark.xdist_group("together")
def test_together(): ...


@pytest.mark.slow
@pytest.mark.xdist_group("together")
def test_that_is_slow_together(): ...
""",
}


def test_who_runs_what(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = ["-p", "xdist", "-p", "tests.suite.groups", "-p", "no:cacheprovider"]
    options = [*plugins, "-n", "3", "--dist", "loadgroup", "-v"]
    marks = ["-o", "markers=slow: takes its time"]
    command = [sys.executable, "-m", "pytest", *options, *marks, "-c", os.devnull, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, cwd=tmp_path, env=environment, check=False
    )
    workers: dict[str, list[str]] = defaultdict(list)
    for worker, kind in re.findall(
        r"^\[(gw\d)\] .* PASSED \S+(together|apart|file|class)\b", done.stdout, re.MULTILINE
    ):
        workers[kind.replace("class", "file")].append(worker)
    assert {kind: len(ran) for kind, ran in workers.items()} == {"together": 8, "apart": 20, "file": 7}, done.stdout
    assert len(set(workers["together"])) == 1
    assert len(set(workers["file"])) == 1
    assert len(set(workers["apart"])) > 1

"""What is grouped runs in one worker, and everything else in all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT

GROUPED = """
import time, pytest


@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(6))
def test_together(number):
    time.sleep(0.05)


@pytest.mark.parametrize("number", range(20))
def test_apart(number):
    time.sleep(0.05)
"""


def test_a_group_stays_in_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_grouped.py").write_text(GROUPED, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(ROOT)}
    options = ["-n", "3", "--dist", "loadgroup", "-v", "-p", "tests.suite.groups", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, "-c", os.devnull, str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, cwd=tmp_path, env=environment, check=False
    )
    ran = re.findall(r"^\[(gw\d)\] .* PASSED \S+::test_(together|apart)\[", done.stdout, re.MULTILINE)
    assert len(ran) == 26, done.stdout
    assert len({worker for worker, kind in ran if kind == "together"}) == 1
    assert len({worker for worker, kind in ran if kind == "apart"}) > 1

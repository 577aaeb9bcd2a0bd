"""What is missing on a machine skips its tests, and fails them where CI is true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT

SKIPPING = """
import pytest


@pytest.fixture
def server():
    pytest.skip("the server is not installed")


def test_of_a_server(server): ...


def test_halfway():
    pytest.skip("the other half is not installed")


@pytest.mark.skipif(True, reason="the program is not installed")
def test_of_a_program(): ...


@pytest.mark.xfail(reason="a real server takes its time", strict=True)
def test_that_is_waived():
    raise AssertionError


def test_that_works(): ...
"""
WHOLE_MODULE = 'import pytest\n\npytest.skip("the library is not installed", allow_module_level=True)\n'
MISSING = ("the server", "the other half", "the program", "the library")


def told(folder: Path, ci: str) -> str:
    (folder / "test_skipping.py").write_text(SKIPPING, encoding="utf-8")
    (folder / "test_whole_module.py").write_text(WHOLE_MODULE, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ["-q", "-p", "no:cacheprovider", "-p", "tests.suite.skips", "--continue-on-collection-errors"]
    command = [sys.executable, "-m", "pytest", *options, "-c", os.devnull]
    run = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, timeout=100, cwd=folder, env=environment, check=False
    )
    return run.stdout


@pytest.mark.parametrize(
    ("ci", "counts"),
    [
        ("", {"passed": 1, "skipped": 4, "xfailed": 1}),
        ("true", {"passed": 1, "failed": 1, "errors": 3, "xfailed": 1}),
    ],
)
def test_a_skip_is_a_failure_where_ci_is_true(tmp_path: Path, ci: str, counts: dict[str, int]) -> None:
    shown = told(tmp_path, ci)
    found = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|errors|skipped|xfailed)", shown)}
    assert found == counts, shown
    assert ("skipped where CI is true" in shown) is (ci == "true")
    if ci:
        assert all(f"{missing} is not installed" in shown for missing in MISSING)

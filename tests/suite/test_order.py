"""No test rests on another one: each run has an order of its own, and what one changes is gone before the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT

MARKS = """
import logging, structlog, pytest
from structlog.testing import capture_logs
from tieline.core import redaction

FILES = {"test_first.py", "test_second.py", "test_third.py"}
OURS = __file__.rpartition("/")[2]


def test_that_no_other_file_hides_a_word():
    for name in FILES - {OURS}:
        assert redaction.redacted(name) == name


@pytest.mark.parametrize("number", range(4))
def test_that_finds_everything_as_it_should_be(number):
    with capture_logs() as logs:
        structlog.get_logger("x").warning("seen", number=number)
    assert [one["number"] for one in logs] == [number]


@pytest.mark.parametrize("number", range(4))
def test_that_changes_how_everything_is(number):
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.basicConfig(level=logging.CRITICAL)


def test_that_hides_a_word():
    redaction.conceal(OURS)


class TestTogether:
    def test_one(self): ...
    def test_two(self): ...
"""


def run(folder: Path, seed: int, *options: str) -> list[str]:
    """The tests in the order in which they were run, each with its outcome."""
    for name in ("test_first.py", "test_second.py", "test_third.py"):
        (folder / name).write_text(MARKS, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"TIELINE_ORDER": str(seed), "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = ["-p", "tests.suite.order", "-p", "tests.suite.traces", "-p", "no:cacheprovider", "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", "-v", *plugins, *options, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, cwd=folder, env=environment, check=False
    )
    assert f"order: TIELINE_ORDER={seed}" in done.stdout, done.stdout
    return [line.partition("%")[0].rpartition("[")[0].strip() for line in done.stdout.splitlines() if "::" in line]


SLOW = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_that_is_quick(number): ...

@pytest.mark.slow
def test_that_takes_long(): ...
"""


GROUPED = SLOW.replace("mark.slow", 'mark.xdist_group("together")')


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    return {seed: run(tmp_path_factory.mktemp(f"order-{seed}"), seed) for seed in (0, 7, 8)}


def test_what_a_test_changes_for_the_process_is_gone_before_the_next(ran: dict[int, list[str]]) -> None:
    assert [one for order in ran.values() for one in order if not one.endswith("PASSED")] == []


def test_every_seed_is_an_order_of_its_own_of_the_same_tests(ran: dict[int, list[str]]) -> None:
    assert sorted(ran[0]) == sorted(ran[7]) == sorted(ran[8])
    assert len({tuple(order) for order in ran.values()}) == 3


def test_a_seed_is_the_same_order_again(ran: dict[int, list[str]], tmp_path: Path) -> None:
    assert run(tmp_path, 7) == ran[7]


def test_what_is_dear_to_make_is_made_once(ran: dict[int, list[str]]) -> None:
    for order in ran.values():
        files = [one.partition("::")[0] for one in order]
        assert len(set(files)) == sum(before != after for before, after in zip(["", *files], files, strict=False))
        together = [place for place, one in enumerate(order) if "test_first.py::TestTogether" in one]
        assert together[1] - together[0] == 1


@pytest.mark.parametrize("seed", [7, 8])
def test_files_with_slow_tests_and_groups_come_first_in_an_order_of_their_own(tmp_path: Path, seed: int) -> None:
    for name, text in {"test_fourth.py": SLOW, "test_fifth.py": GROUPED}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    order = run(tmp_path, seed, "-o", "markers=slow: takes its time")
    files = list(dict.fromkeys(one.partition("::")[0] for one in order))
    assert set(files[:2]) == {"test_fourth.py", "test_fifth.py"}
    assert len(files) == 5
    assert len(order) == 8 + 3 * 12

"""What an author sees who inherits the contract: six lines, honest skips, and waivers that go stale."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from tieline.adapters.testing.contract import AdapterContract
from tieline.adapters.testing.contract.trial import contract_tests
from tieline.adapters.testing.contract.writing import ReplacingContract

AUTHORS = """
import pytest
from tieline.adapters.memory.driver import MemoryDriver
from tieline.adapters.testing.contract import AdapterContract, ToolDriver
from tieline.adapters.testing.saboteurs import SABOTEURS

LOUD = next(each for each in SABOTEURS if each.fault == "internal comments are posted in public")


class TestHonest(AdapterContract):
    @pytest.fixture
    def tool(self):
        return MemoryDriver()


class TestEmpty(AdapterContract):
    @pytest.fixture
    def tool(self):
        return ToolDriver()


class TestLoud(AdapterContract):
    @pytest.fixture
    def tool(self):
        return LOUD.corrupt(MemoryDriver())


class TestWaived(TestLoud):
    waivers = {"test_an_internal_comment_is_never_shown_wider": "the tool has public comments only"}


class TestStale(TestHonest):
    waivers = {"test_a_record_reads_back": "once upon a time it did not"}


class TestOneCase(TestHonest):
    waivers = {"test_an_old_delivery_is_forged[60]": "one case of two"}
"""


ASKED = (
    "TestHonest",
    "TestEmpty",
    "TestLoud",
    "TestWaived",
    "TestStale::test_a_record_reads_back",
    "TestOneCase::test_an_old_delivery_is_forged",
)

_OUTCOME = re.compile(r"^test_authors\.py::(\w+)::(.+?) (PASSED|FAILED|SKIPPED|XFAIL|XPASS|ERROR)\b", re.MULTILINE)


class Session:
    """One test session of these authors, outside this repository's settings."""

    def __init__(self, folder: Path) -> None:
        file = folder / "test_authors.py"
        file.write_text(AUTHORS, encoding="utf-8")
        asked = [f"{file}::{case}" for case in ASKED]
        command = [sys.executable, "-m", "pytest", "-v", "-rs", "-p", "no:cacheprovider", "-c", os.devnull, *asked]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        run = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=folder, env=clean, check=False)
        self.told = run.stdout
        self.outcomes: dict[str, dict[str, str]] = {}
        for author, case, outcome in _OUTCOME.findall(self.told):
            self.outcomes.setdefault(author, {})[case] = outcome

    def count(self, author: str) -> Counter[str]:
        return Counter(self.outcomes[author].values())

    def failed(self, author: str) -> list[str]:
        return [name for name, outcome in self.outcomes[author].items() if outcome == "FAILED"]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(tmp_path_factory.mktemp("authors"))


def test_six_lines_are_an_authors_whole_file(session: Session) -> None:
    assert set(session.count("TestHonest")) == {"PASSED", "SKIPPED"}
    assert session.count("TestHonest")["PASSED"] > 150
    # Its tool refuses a write on an old version, so that it has nothing to tell of.
    assert session.count("TestHonest")["SKIPPED"] == len(contract_tests(ReplacingContract))


def test_a_driver_without_verbs_skips_and_says_why(session: Session) -> None:
    assert set(session.count("TestEmpty")) == {"SKIPPED"}
    assert "the driver has no verb connect" in session.told
    assert "the adapter does not claim write" in session.told


def test_a_fault_is_told_in_a_sentence(session: Session) -> None:
    assert session.failed("TestLoud") == ["test_an_internal_comment_is_never_shown_wider"]
    assert "a customer can read a comment that was to be internal" in session.told


def test_a_waiver_excuses_one_test_and_no_other(session: Session) -> None:
    assert session.count("TestWaived")["XFAIL"] == 1
    assert session.failed("TestWaived") == []


def test_a_stale_waiver_fails(session: Session) -> None:
    assert session.failed("TestStale") == ["test_a_record_reads_back"]
    assert "[XPASS(strict)] once upon a time it did not" in session.told


def test_a_waiver_may_excuse_one_case_of_a_test(session: Session) -> None:
    assert session.failed("TestOneCase") == ["test_an_old_delivery_is_forged[60]"]


def test_a_waiver_for_no_test_is_refused() -> None:
    with pytest.raises(TypeError, match="no test of this contract is called test_a_recrod_reads_back"):

        class Misspelled(AdapterContract):
            waivers: ClassVar[Mapping[str, str]] = {"test_a_recrod_reads_back": "misspelled"}

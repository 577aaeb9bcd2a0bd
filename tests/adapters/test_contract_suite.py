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

from tieline.adapters.memory.driver import MemoryDriver
from tieline.adapters.testing.contract import AdapterContract, ToolDriver
from tieline.adapters.testing.contract.trial import contract_tests
from tieline.adapters.testing.contract.writing import ReplacingContract

AUTHORS = """
import pytest
from tieline.adapters.memory.driver import MemoryDriver
from tieline.adapters.testing.contract import AdapterContract, ToolDriver
from tieline.adapters.testing.saboteurs import SABOTEURS

LOUD = next(each for each in SABOTEURS if each.fault == "internal comments are posted in public")


class TestHonest(AdapterContract):
    driver = MemoryDriver


class TestEmpty(AdapterContract):
    driver = ToolDriver


class LateDriver(MemoryDriver):
    powers = frozenset()

    def __init__(self):
        super().__init__()
        self.powers = MemoryDriver.powers


class TestLate(AdapterContract):
    driver = LateDriver


class TestByFixture(AdapterContract):
    @pytest.fixture
    def tool(self):
        return MemoryDriver()


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
    "TestByFixture",
    "TestLate::test_reading_changes_nothing",
    "TestLoud",
    "TestWaived",
    "TestStale::test_a_record_reads_back",
    "TestOneCase::test_an_old_delivery_is_forged",
)

_OUTCOME = re.compile(r"^test_authors\.py::(\w+)::(.+?) (PASSED|FAILED|SKIPPED|XFAIL|XPASS|ERROR)\b", re.MULTILINE)


class Session:
    """One test session of these authors, outside this repository's settings."""

    def __init__(self, folder: Path, *, ci: bool = False, asked: tuple[str, ...] = ASKED) -> None:
        file = folder / "test_authors.py"
        file.write_text(AUTHORS, encoding="utf-8")
        cases = [f"{file}::{case}" for case in asked]
        command = [sys.executable, "-m", "pytest", "-v", "-rsE", "-p", "no:cacheprovider", "-c", os.devnull, *cases]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
        clean |= {"CI": "true"} if ci else {}
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


def test_two_lines_are_an_authors_whole_class(session: Session) -> None:
    assert set(session.count("TestHonest")) == {"PASSED"}
    assert session.count("TestHonest")["PASSED"] > 150


def test_the_tests_of_a_power_that_is_not_claimed_are_not_there(session: Session) -> None:
    # Its tool refuses a write on an old version, so that it has nothing to tell of.
    assert not contract_tests(ReplacingContract).keys() & session.outcomes["TestHonest"].keys()
    assert "does not claim" not in "".join(one for one in session.told.splitlines() if "TestEmpty" in one)


def test_a_driver_that_a_fixture_makes_skips_what_is_not_claimed(session: Session) -> None:
    assert set(session.count("TestByFixture")) == {"PASSED", "SKIPPED"}
    assert session.count("TestByFixture")["SKIPPED"] == len(contract_tests(ReplacingContract))


def test_a_driver_that_claims_more_than_its_class_is_refused(session: Session) -> None:
    assert set(session.count("TestLate")) == {"ERROR"}
    assert "LateDriver claims something else than its class, by which tests are collected" in session.told


def test_a_driver_without_verbs_skips_and_says_why(session: Session) -> None:
    assert set(session.count("TestEmpty")) == {"SKIPPED"}
    assert "the driver has no verb connect" in session.told


def test_a_driver_without_verbs_fails_where_ci_is_true(tmp_path: Path) -> None:
    session = Session(tmp_path, ci=True, asked=("TestEmpty",))
    assert set(session.count("TestEmpty")) == {"ERROR"}
    assert "the driver has no verb connect; fill it, or say in `lacks` why nobody can" in session.told


class Bare(MemoryDriver):
    """A tool that merges nothing."""

    lacks: ClassVar[Mapping[str, str]] = {"merge": "it merges nothing"}
    merge = ToolDriver.merge


def test_what_nobody_can_do_there_is_not_asked_for() -> None:
    class Suite(AdapterContract):
        driver = Bare

    merging = {name for name, test in contract_tests(AdapterContract).items() if "merge" in getattr(test, "needs", ())}
    assert merging and not merging & contract_tests(Suite).keys()


def test_another_driver_brings_its_tests_back() -> None:
    class Bares(AdapterContract):
        driver: ClassVar[type[ToolDriver] | None] = Bare

    class Whole(Bares):
        driver = MemoryDriver

    assert contract_tests(Bares).keys() < contract_tests(Whole).keys()


@pytest.mark.parametrize(
    ("verb", "words"), [("make", "make is filled; take it out"), ("mrege", "a driver has no verb mrege")]
)
def test_a_verb_that_is_said_to_lack_and_does_not_is_refused(verb: str, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        type("Stale", (MemoryDriver,), {"lacks": {verb: "once it did"}})


def test_a_waiver_for_a_test_that_is_not_about_the_tool_is_refused() -> None:
    with pytest.raises(TypeError, match="is not about this tool"):

        class Waived(AdapterContract):
            driver = MemoryDriver
            waivers: ClassVar[Mapping[str, str]] = {"test_what_a_write_replaced_is_told": "it tells nothing"}


def test_a_fault_is_told_in_a_sentence(session: Session) -> None:
    assert session.failed("TestLoud") == ["test_an_internal_comment_is_never_shown_wider"]
    assert "a customer can read a comment for staff" in session.told


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

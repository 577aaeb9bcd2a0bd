"""Killed at any commit and any call, before or after its effect, the engine goes on as if nothing had happened.

Here as many points die as fit in the time of a test run, one of each kind in each step at least; `make soak` has all.
"""

import pytest
from tests.crash.commands import crash, needs_postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HERE = 480
"""Points of a test run, of about 1,200."""


@pytest.mark.parametrize("part", ["1/3", "2/3", "3/3"])
def test_a_kill_at_any_point_loses_and_doubles_nothing(tmp_path, part):
    figures = crash(tmp_path, "matrix", "--most", str(HERE), "--part", part)
    assert figures["failures"] == []
    assert figures["ran"] == figures["clean"] == HERE // 3
    assert figures["points"] > 1000


def test_nor_does_it_while_somebody_works_on_what_is_half_written(tmp_path):
    figures = crash(tmp_path, "matrix", "--people", "--only", "after middle did")
    assert figures["failures"] == []
    assert figures["kinds"]["middle did create"] >= 4


def test_nor_do_two_kills(tmp_path):
    figures = crash(tmp_path, "matrix", "--only", "nothing", "--twice", "40")
    assert figures["failures"] == []
    assert figures["twice"] == figures["twice_clean"] == 40


def test_nor_does_one_on_postgresql(tmp_path):
    needs_postgres()
    figures = crash(tmp_path, "matrix", "--store", "postgresql", "--only", "did create")
    assert figures["failures"] == []
    assert figures["ran"] >= 16


def test_a_kill_at_any_commit_of_an_act_or_of_a_plugin_loses_and_doubles_nothing(tmp_path):
    figures = crash(tmp_path, "upstairs", "--most", "30")
    assert figures["failures"] == []
    assert figures["ran"] == figures["clean"] == 30
    assert figures["points"] > 100


@pytest.mark.parametrize(
    ("bug", "where", "words"),
    [
        ("no-intent", "after middle did create", "shows 2 records"),
        ("comment-not-begun", "after middle did add_comment", "2 times"),
        ("no-lag-wait", "after middle did create", "shows 2 records"),
    ],
)
def test_a_planted_bug_is_found(tmp_path, bug, where, words):
    figures = crash(tmp_path, "matrix", "--planted", bug, "--only", where)
    assert any(words in failure for failure in figures["failures"]), figures


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_migration_killed_at_any_statement_ends_as_an_undisturbed_one(tmp_path, store):
    if store == "postgresql":
        needs_postgres()
    figures = crash(tmp_path, "migration", "--store", store, "--every", "3" if store == "sqlite" else "11")
    assert figures["failures"] == []
    assert figures["ran"] == figures["clean"] > 8

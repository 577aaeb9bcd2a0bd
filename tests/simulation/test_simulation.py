"""The engine in a simulated world of faults: clean as it is, found out when a bug is planted, the same everywhere."""

import os
import subprocess
import sys

import pytest

from tieline.cli.simulation.mutants import MUTANTS, planted
from tieline.cli.simulation.schedule import Plan, play

STEPS = 120

TRACES = """
import structlog, logging
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
from tieline.cli.simulation.schedule import Plan, play
print([play(Plan.drawn(seed, 60)).trace for seed in (1, 2, 3)])
"""


@pytest.mark.parametrize("seed", range(24))
def test_a_schedule_of_faults_and_crashes_breaks_no_promise(seed):
    outcome = play(Plan.drawn(seed, STEPS))
    assert outcome.violations == (), f"tieline simulate --seed {seed} --steps {STEPS}"


@pytest.mark.parametrize("name", ["no-intent", "no-ledger", "clean-before-written", "comments-shown-wider"])
def test_a_planted_bug_is_found(name):
    assert name in MUTANTS
    with planted(name):
        assert any(play(Plan.drawn(seed, STEPS)).violations for seed in range(80)), name


def test_there_are_at_least_twenty_five_bugs_to_plant():
    assert len(MUTANTS) >= 25


def test_a_seed_plays_the_same_under_any_hash_seed_and_time_zone():
    def traces(hash_seed: str, zone: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
        done = subprocess.run(
            [sys.executable, "-c", TRACES], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert traces("1", "UTC") == traces("2", "Asia/Kathmandu")

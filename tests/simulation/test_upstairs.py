"""Plugins at work in a simulated world, and people who do their acts: clean as it is, found out when a bug is planted,
the same everywhere."""

import os
import subprocess
import sys

import pytest
from tests.core.store_backends import postgres_database, postgres_server
from tests.simulation.seen import found

from tieline.cli.simulation.bugs import upstairs
from tieline.cli.simulation.floor.moves import MOVES
from tieline.cli.simulation.schedule import FLOOR, Plan, play
from tieline.cli.simulation.shape import SHIPPED
from tieline.cli.simulation.store import stores_at

__all__ = ["postgres_database", "postgres_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = 120
BOUND = 30
"""Schedules within which each planted bug has to be found."""

TRACES = """
import structlog, logging
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
from tieline.cli.simulation.schedule import Plan, play
print([play(Plan.drawn(seed, 60, "memory", 1.0)).trace for seed in (3, 4)])
"""


def plan(seed, steps=STEPS, tools="memory"):
    return Plan.drawn(seed, steps, tools, 1.0)


def test_a_world_without_plugins_takes_the_steps_that_it_took_before():
    for tools in ("memory", SHIPPED):
        for seed in range(20):
            below = [step for step in plan(seed, tools=tools).steps if not step.action.startswith(FLOOR)]
            assert tuple(below) == Plan.drawn(seed, STEPS, tools, 0.0).steps


def test_a_few_of_many_worlds_have_plugins_at_work():
    assert 30 <= sum(Plan.drawn(seed).shape.floor for seed in range(1000)) <= 70


@pytest.mark.parametrize("seed", range(4))
def test_schedules_with_plugins_break_no_promise(seed):
    assert play(plan(seed, tools=SHIPPED, steps=60)).violations == ()


def test_every_move_comes_about():
    worlds = [plan(seed) for seed in range(12)]
    drawn = {step.action.removeprefix(FLOOR) for world in worlds for step in world.steps}
    assert drawn >= MOVES.keys()
    missing = {
        "asks for rounds promise",
        "asks for rounds hand-over",
        "asks for edit",
        "by a token asks for",
        "a token of",
        "asks again for",
        ", once more",
        ", and may not",
        "and it has changed",
        ", and the process dies",
        "plugins work in",
        "it freezes, and others go on",
        "makes the tables of",
        "is set aside",
        "comes back",
        "meanwhile",
        "is no longer responder",
        "asks for rounds announce",
        "and somebody else is to approve it",
        "and breaks the glass",
        "asks for proposals approve",
        "asks for proposals reject",
        "asks for proposals withdraw",
        "asks for reviews close",
        "asks for policy propose",
        "asks for policy rollback",
        "asks for rounds patrol",
        "asks for jobs cancel",
        "asks for rounds visit",
        "asks for edit {'incident': 'VIS-",
    }
    for seed in range(24):
        told = "\n".join(play(plan(seed)).story)
        missing = {words for words in missing if words not in told}
        if not missing:
            break
    assert missing == set()


SEEN = {
    "follower-repeats": "followed twice",
    "follower-moves-first": "not followed",
    "follower-forgets-failures": "not followed",
    "follower-overtakes": "out of order",
    "timer-fires-on": "fired wrongly",
    "timer-fires-early": "fired early",
    "timer-taken-first": "never fired",
    "timer-is-never-late": "wrong lateness",
    "unknown-timer-deleted": "never fired",
    "key-not-kept": "key done twice",
    "key-for-anything": "key for two",
    "key-answers-otherwise": "answered otherwise",
    "right-asked-before-only": "without right",
    "role-for-ever": "without right",
    "token-for-ever": "without right",
    "revision-unread": "stale revision",
    "decided-once": "stale revision",
    "act-in-part": "done in part",
    "cause-untold": "no cause",
    "nobody-asked-first": "without approval",
    "other-bytes-approved": "other bytes",
    "approved-by-oneself": "approved by the asker",
    "reviewed-by-oneself": "reviewed by its user",
    "approval-seen-once": "without right",
    "asker-trusted": "without right",
    "one-approval-is-enough": "without approval",
    "proposal-never-over": "approved too late",
    "proposal-stays-open": "decided twice",
    "glass-unreviewed": "without approval",
    "step-by-two": "step after the end",
    "step-kept-first": "step done wrongly",
    "cancelled-goes-on": "step after the end",
    "policy-remembered": "wrong terms",
    "policy-seen-once": "wrong terms",
    "policy-unpinned": "wrong terms",
    "verdict-forgotten": "not agreed to",
    "row-forgotten": "rebuilt otherwise",
    "tables-without-the-last": "rebuilt otherwise",
}
"""Each planted bug, with the promise that it breaks."""


def test_each_planted_bug_has_its_promise():
    assert SEEN.keys() == upstairs.MUTANTS.keys()


@pytest.mark.parametrize("name", SEEN)
def test_a_planted_bug_is_found(name):
    assert found(name, map(plan, range(BOUND)), lambda outcome: SEEN[name] in outcome.kinds)


@pytest.mark.timeout(240)
def test_a_seed_with_plugins_plays_the_same_on_postgresql(postgres_server):
    with stores_at(postgres_server) as stores:
        worlds = [plan(seed) for seed in (3, 4, 11)]
        assert any(world.shape.backups for world in worlds)
        for world in worlds:
            outcome = play(world, stores)
            assert outcome.violations == (), f"tieline simulate --plugins --seed {world.seed} --store {postgres_server}"
            assert outcome.trace == play(world).trace, f"seed {world.seed} goes another way on PostgreSQL"


def test_a_seed_with_plugins_plays_the_same_under_any_hash_seed_and_time_zone():
    def traces(hash_seed: str, zone: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
        done = subprocess.run(
            [sys.executable, "-c", TRACES], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert traces("1", "UTC") == traces("2", "Asia/Kathmandu")

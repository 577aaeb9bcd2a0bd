"""The engine in a simulated world of faults: clean as it is, found out when a bug is planted, the same everywhere."""

import itertools
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from tests.core.store_backends import postgres_database, postgres_server
from tests.simulation.seen import found

from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation.fate import LEVELS, Weather
from tieline.cli.simulation.mutants import MUTANTS, planted
from tieline.cli.simulation.schedule import Plan, play
from tieline.cli.simulation.shape import SHIPPED
from tieline.cli.simulation.shipped.cast import ROLES, WATCHES
from tieline.cli.simulation.shipped.habits import POSSIBLE
from tieline.cli.simulation.shipped.pagerduty import PagerDutyDesk
from tieline.cli.simulation.shipped.seat import ShippedDesk
from tieline.cli.simulation.store import IN_MEMORY, stores_at
from tieline.cli.simulation.tickets import Oddities
from tieline.cli.simulation.world import World
from tieline.core.errors import StoreUnavailable

__all__ = ["postgres_database", "postgres_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = 120
SHIPPED_STEPS = 60
"""Shorter: each call goes through a real library and a simulator of some thousand lines."""
SHIPPED_SCHEDULES = 200
"""Fewer, for the suite's time; `make soak` plays ten thousand."""
SCHEDULES = 1000
CHUNK = 25
BOUND = 40
"""Schedules within which each of these planted bugs has to be found."""

MILD = Oddities(lambda _ref, _patch: None, lambda: False, lambda: False, lambda: 0.0, lambda: None)

TRACES = """
import structlog, logging
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
from tieline.cli.simulation.schedule import Plan, play
print([play(Plan.drawn(seed, 60, tools)).trace for seed in (1, 2, 3, 4) for tools in ("memory", "shipped")])
"""


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_schedules_of_faults_and_crashes_break_no_promise(first):
    for seed in range(first, first + CHUNK):
        outcome = play(Plan.drawn(seed, STEPS))
        assert outcome.violations == (), f"tieline simulate --seed {seed} --steps {STEPS}"


@pytest.mark.parametrize("first", range(0, SHIPPED_SCHEDULES, CHUNK))
def test_schedules_played_by_the_shipped_adapters_break_no_promise(first):
    for seed in range(first, first + CHUNK):
        outcome = play(Plan.drawn(seed, SHIPPED_STEPS, SHIPPED))
        assert outcome.violations == (), f"tieline simulate --seed {seed} --steps {SHIPPED_STEPS} --tools {SHIPPED}"


@pytest.mark.parametrize("first", range(0, 2 * CHUNK, CHUNK))
def test_schedules_whose_tools_are_of_one_account_break_no_promise(first):
    for seed in range(first, first + CHUNK):
        plan = Plan.drawn(seed, STEPS)
        outcome = play(replace(plan, shape=replace(plan.shape, shared=True)))
        assert outcome.violations == (), f"seed {seed}, {STEPS} steps, shared"


EARLY = [
    "no-intent",
    "no-lag-wait",
    "no-search",
    "adopt-as-it-is",
    "ledger-taken-for-done",
    "clean-before-written",
    "no-version-on-write",
    "overwritten-untold",
    "strict-cursor",
    "cursor-of-our-clock",
    "cursor-before-rows",
    "ack-before-store",
    "done-before-work",
    "failed-is-forgotten",
    "echo-by-author",
    "forged-taken",
    "conflicts-untold",
    "first-come-wins",
    "sets-replaced",
    "third-copy-unmarked",
    "edits-here-unspread",
    "empty-is-absent",
    "comment-token-ignored",
    "comment-tokens-by-chance",
    "comment-not-begun",
    "comment-not-searched",
    "copied-comments-not-looked-for",
    "comments-shown-wider",
    "late-copies-without-comments",
    "one-incident-per-alert",
    "late-alert-believed",
    "end-not-asked-for",
    "forgotten-alert-fires-on",
    "no-fence",
    "no-permit",
    "sweep-sees-polls-only",
    "mass-end-believed",
    "forgotten-not-looked-for",
    "parked-for-a-field",
    "page-for-a-record",
    "timer-without-its-facts",
]
"""Planted bugs that few schedules show; `make soak` looks for all of them, in a thousand each."""

LATER = {
    "sets-replaced": 100,
    "clean-before-written": 100,
    "jira-comment-known-by-its-words": 120,
    "servicenow-window-forgotten": 200,
}
"""Those that take some more."""

WHERE = {
    "failed-is-forgotten": lambda plan: plan.shape.backups and plan.weather.lost_request == LEVELS[-1],
    "done-before-work": lambda plan: plan.weather.kill == LEVELS[-1] and not plan.shape.hooks,
    "comment-not-begun": lambda plan: plan.weather.lost_answer == LEVELS[-1],
    "clean-before-written": lambda plan: plan.weather.kill == LEVELS[-1] and plan.shape.polls,
    "end-not-asked-for": lambda plan: plan.shape.alerts and plan.shape.hooks,
    "forgotten-alert-fires-on": lambda plan: plan.shape.alerts and plan.shape.hooks,
    "parked-for-a-field": lambda plan: plan.shape.narrow,
    "silence-left-behind": lambda plan: plan.shape.alerts and plan.shape.silence_for == "1d",
    "jira-comment-known-by-its-words": lambda plan: (
        plan.shape.alerts and any(step.action == "scribble" for step in plan.steps)
    ),
    "servicenow-window-forgotten": lambda plan: not plan.shape.hooks,
    "servicenow-row-dropped": lambda plan: plan.shape.page_size < 100 and not plan.shape.hooks,
    "alertmanager-silence-stays": lambda plan: plan.shape.alerts and plan.shape.silence_for == "1d",
    "alertmanager-silences-pile-up": lambda plan: plan.shape.alerts and plan.shape.silence_for == "1d",
    "servicenow-address-by-its-case": lambda plan: (
        "has capitals in addresses" in plan.shape.tool_habits.get("servicenow", ())
    ),
    **dict.fromkeys(
        (
            "servicenow-habit-taken-for-a-person",
            "jira-habit-taken-for-a-person",
            "pagerduty-habit-taken-for-a-person",
            "pagerduty-clock-taken-for-a-person",
        ),
        lambda plan: any(plan.shape.tool_habits.values()),
    ),
}
"""In which worlds those can show at all that show in few: only these are played, the first of them first."""


def worlds(name, steps):
    """The first worlds in which a planted bug can show. Drawing one costs next to nothing, and playing it does not."""
    drawn = (Plan.drawn(seed, steps, MUTANTS[name].tools) for seed in range(SCHEDULES))
    shows = WHERE.get(name, lambda _plan: True)
    return itertools.islice((plan for plan in drawn if shows(plan)), LATER.get(name, BOUND))


@pytest.mark.parametrize("name", EARLY)
def test_a_planted_bug_is_found(name):
    assert found(name, worlds(name, STEPS), lambda outcome: outcome.violations)


IN_ADAPTERS = {
    "servicenow-row-dropped": "unlinked record",
    "servicenow-shown-wider": "shown wider",
    "servicenow-case": "doubled comment",
    "servicenow-forged-taken": "crash",
    "servicenow-window-forgotten": "unlinked record",
    "jira-lag-forgotten": "unlinked record",
    "jira-look-remembered": "duplicate record",
    "jira-shown-wider": "shown wider",
    "jira-comment-known-by-its-words": "spread block",
    "jira-walk-stops": "held for nothing",
    "jira-not-found": "duplicate record",
    "jira-forged-taken": "crash",
    "pagerduty-notes-untold": "lost comment",
    "pagerduty-second-dropped": "unlinked record",
    "pagerduty-key-by-chance": "orphan",
    "pagerduty-lost-answer-undone": "echo",
    "pagerduty-forged-taken": "crash",
    "alertmanager-odd-alert-refuses-all": "lost signal",
    "alertmanager-fingerprint-demanded": "lost signal",
    "alertmanager-other-versions-refused": "lost signal",
    "alertmanager-silence-stays": "muted alert",
    "alertmanager-silences-pile-up": "muted alert",
    "silence-left-behind": "muted alert",
    "prometheus-nothing-ends": "lost signal",
    "servicenow-untold": "overwritten unseen",
    "servicenow-address-by-its-case": "diverged",
    "servicenow-habit-taken-for-a-person": "echo",
    "jira-habit-taken-for-a-person": "lost tag",
    "pagerduty-habit-taken-for-a-person": "overwritten edit",
    "pagerduty-clock-taken-for-a-person": "echo",
    "budget-unspent": "too many calls",
    "secrets-shown": "shown secret",
}
"""Planted bugs of the shipped adapters that few schedules show, each with the promise that it breaks."""


@pytest.mark.parametrize("name", IN_ADAPTERS)
def test_a_planted_bug_of_a_shipped_adapter_is_found(name):
    outcome = found(name, worlds(name, SHIPPED_STEPS), lambda outcome: outcome.violations)
    assert outcome is not None
    assert IN_ADAPTERS[name] in outcome.kinds


@pytest.mark.parametrize(("tool", "name"), [(tool, name) for tool, found in POSSIBLE.items() for name in found])
def test_a_habit_is_taken_on_and_given_up(tool, name):
    def switched():
        site, rest = getattr(desk.simulator, "site", None), getattr(desk.simulator, "rest", None)
        parts = (desk.simulator, site, rest, *_parts(desk.simulator))
        held = [vars(one) for one in parts if one is not None]
        return repr(
            [sorted(map(str, one)) if isinstance(one, set) else one for facts in held for one in facts.values()]
        )

    desk = (
        ROLES[tool].make(ManualClock(), random.Random(0), MILD, timedelta(0))
        if tool in ROLES
        else WATCHES[tool].make(ManualClock(), lambda: None)
    )
    before = switched()
    desk.take_on([POSSIBLE[tool][name]])
    assert switched() != before
    assert desk.unruly == POSSIBLE[tool][name].fields
    desk.give_up(all_of_them=True)
    assert switched() == before
    if isinstance(desk, ShippedDesk):
        assert all(desk.did_by_itself("1", field) for field in desk.unruly), "what it did stands as it did it"


def _parts(simulator):
    """What an administrator switches there, beside the simulator itself."""
    account, tables = getattr(simulator, "account", None), getattr(simulator, "tables", None)
    parts = [] if account is None else [*account.services, *account.users]
    parts += [] if tables is None else [SimpleNamespace(**row) for row in tables.rows["sys_user"].values()]
    return [*parts, *(getattr(simulator, name, None) for name in ("webhook", "state"))]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_planted_and_taken_out_again(name):
    patches = MUTANTS[name].patches()
    whole = [vars(owner)[attribute] for owner, attribute, _broken in patches]
    with planted(name):
        assert all(vars(owner)[attribute] is not one for (owner, attribute, _), one in zip(patches, whole, strict=True))
    assert [vars(owner)[attribute] for owner, attribute, _broken in patches] == whole


def test_a_webhook_that_is_not_taken_in_comes_again():
    plan = Plan.drawn(0, 1)
    shape = replace(plan.shape, alerts=False, workers=1, hooks=True)
    with IN_MEMORY.empty() as store:
        world = World(shape, Weather.calm(), random.Random(0), store)
        world.staff.make()
        assert world.mail
        # Four is so much that a quarter of it is always.
        world.fate.weather = replace(Weather.calm(), locked=4.0)
        store.at_work = True
        world.receive_all()
        assert world.mail, "it was answered 503"
        store.at_work, world.fate.weather = False, Weather.calm()
        world.receive_all()
        assert not world.mail
        assert world.acknowledged


def test_an_acknowledgement_that_an_assignment_took_back_is_the_tools_own_doing():
    desk = PagerDutyDesk(ManualClock(), random.Random(0), MILD)
    ref = desk.make({"title": "Disk full"}).ref
    for status in ("in_progress", "resolved", "new", "in_progress"):
        desk.edit(ref, status=status)
        assert not desk.did_by_itself(ref, "status"), status
    desk.edit(ref, assignee=desk.person("bob@example.com"))
    assert desk.row(ref).body["status"] == "new"
    assert desk.did_by_itself(ref, "status")
    assert not desk.did_by_itself(ref, "title")


def test_at_least_twenty_five_planted_bugs_are_found_in_every_run():
    assert len({name for name in EARLY if name in MUTANTS}) >= 25


@pytest.mark.timeout(240)
def test_a_seed_plays_the_same_on_postgresql(postgres_server):
    frozen = 0
    with stores_at(postgres_server) as stores:
        for seed in range(20):
            plan = Plan.drawn(seed, STEPS)
            outcome = play(plan, stores)
            frozen += outcome.faults["frozen"]
            assert outcome.violations == (), f"tieline simulate --seed {seed} --store {postgres_server}"
            assert outcome.trace == play(plan).trace, f"seed {seed} goes another way on PostgreSQL"
    assert frozen, "no worker was frozen on PostgreSQL"


def test_the_stores_of_a_simulation_leave_nothing_behind_on_postgresql(postgres_server):
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(postgres_server.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)

    def schemas():
        with engine.connect() as connection:
            return set(
                connection.execute(text("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'simul%'")).scalars()
            )

    before = schemas()
    with stores_at(postgres_server) as stores:
        play(Plan.drawn(0, 5), stores)
        assert schemas() > before
    assert schemas() == before


def test_a_read_in_a_simulation_sees_what_is_written_and_writes_nothing_on_postgresql(postgres_server):
    with stores_at(postgres_server) as stores, stores.empty() as store:
        for seq in (1, 2):
            with store.write() as tx:
                tx.execute(text("INSERT INTO journal_shredded (seq, entry) VALUES (:seq, 1)"), {"seq": seq})
            with store.read() as connection:
                assert connection.execute(text("SELECT max(seq) FROM journal_shredded")).scalar_one() == seq
        with pytest.raises(StoreUnavailable), store.read() as connection:
            connection.execute(text("INSERT INTO journal_shredded (seq, entry) VALUES (3, 1)"))
        with store.read() as connection:
            assert connection.execute(text("SELECT max(seq) FROM journal_shredded")).scalar_one() == 2


def test_a_seed_plays_the_same_under_any_hash_seed_and_time_zone():
    def traces(hash_seed: str, zone: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
        done = subprocess.run(
            [sys.executable, "-c", TRACES], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert traces("1", "UTC") == traces("2", "Asia/Kathmandu")


def test_a_worker_that_was_frozen_does_nothing_in_a_turn_that_another_one_has_taken_over():
    plan = Plan.drawn(0, STEPS)
    assert plan.shape.workers == 2
    outcome = play(plan)
    assert outcome.faults["frozen"] and outcome.faults["turn refused"]
    assert outcome.violations == ()
    for layer, words in (("no-fence", "commits"), ("no-permit", "calls")):
        with planted(layer):
            late = [one.words for one in play(plan).violations if one.kind == "old turn"]
        assert late and all(words in one for one in late)


def test_every_fault_that_can_be_drawn_comes_about():
    missing = {
        "lost request",
        "lost answer",
        "rate limit",
        "server error",
        "refused login",
        "conflict",
        "empty list",
        "repeated page",
        "store locked",
        "disk full",
        "commit unanswered",
        "store unreadable",
        "lost hook",
        "doubled hook",
        "early hook",
        "stray hook",
        "forged hook",
        "race",
        "race for a field",
        "edit between pages",
        "clock set",
        "kill",
        "reload",
        "frozen",
        "turn refused",
        "killed in a turn",
        "forgotten alerts",
    }
    for seed in range(61):
        missing -= play(Plan.drawn(seed, STEPS)).faults.keys()
        if not missing:
            break
    assert missing == set()

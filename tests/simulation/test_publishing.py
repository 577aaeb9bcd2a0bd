"""Announcements in a simulated world: clean as it is, and each planted bug is found by the promise that it breaks."""

import pytest
from tests.simulation.seen import found

from tieline.cli.simulation.bugs import publishing
from tieline.cli.simulation.floor.announcing import MOVES
from tieline.cli.simulation.schedule import FLOOR, Plan, play

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = 120
SEEN = {
    "shown-unapproved": "shown unapproved",
    "shown-as-approved-first": "not withdrawn",
    "approved-by-its-writer": "approved by its writer",
    "restriction-unread": "shown of few",
    "stop-unread": "shown when stopped",
    "embargo-unread": "before its time",
    "withdrawal-waits": "not withdrawn",
    "withdrawal-unsaid": "not withdrawn",
    "page-not-searched": "shown twice",
}
"""Each planted bug, with the promise that it breaks."""


def paged():
    """The first worlds that have a status page."""
    plans = (Plan.drawn(seed, STEPS, upstairs=1.0) for seed in range(60))
    return [plan for plan in plans if plan.shape.page]


def test_a_quarter_of_the_worlds_with_plugins_have_a_page():
    assert 8 <= len(paged()) <= 22
    drawn = {step.action.removeprefix(FLOOR) for plan in paged() for step in plan.steps}
    assert drawn >= MOVES.keys()


def test_each_planted_bug_has_its_promise():
    assert SEEN.keys() == publishing.MUTANTS.keys()


def test_what_is_shown_in_a_world_breaks_no_promise():
    outcome = play(paged()[0])
    assert outcome.violations == ()
    told = "\n".join(outcome.story)
    for words in ("publishing draft", "publishing publish", "publishing retract", "for restrict", "publishing stop"):
        assert words in told


@pytest.mark.parametrize("name", SEEN)
def test_a_planted_bug_is_found(name):
    assert found(name, paged(), lambda outcome: SEEN[name] in outcome.kinds)

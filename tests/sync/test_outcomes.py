"""The table of what becomes of whom when a verb fails: that it has every cell, once."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from tests.sync.failures import raised

from tieline.sync.outcomes import (
    BEARINGS,
    CALLED,
    COPY_RULES,
    OUTCOMES,
    Done,
    Failure,
    Standing,
    Then,
    Verb,
    failure_of,
)


def test_every_cell_is_named_by_exactly_one_rule() -> None:
    named = Counter(
        cell for rule in COPY_RULES for cell in product(sorted(rule.verbs), sorted(rule.failures), rule.standings)
    )
    wrong = {cell: named[cell] for cell in product(Verb, Failure, Standing) if named[cell] != 1}
    assert wrong == {}


def test_every_failure_of_every_verb_has_a_bearing() -> None:
    assert {(verb, failure) for verb, row in BEARINGS.items() for failure in row} == set(product(Verb, Failure))


@pytest.mark.parametrize("failure", Failure)
def test_every_error_class_is_one_failure(failure: Failure) -> None:
    assert failure_of(raised(failure)) is failure


def test_a_verb_is_never_called_exactly_where_it_says_so() -> None:
    for (verb, _failure, standing), outcome in OUTCOMES.items():
        assert (outcome.then is Then.NEVER) is (standing not in CALLED[verb]), (verb, standing)


def test_nothing_that_may_be_done_is_put_aside_as_refused() -> None:
    """Who parks a write says that it was not done: a person who lets it try again must not double it."""
    assert not [cell for cell, outcome in OUTCOMES.items() if (outcome.done, outcome.then) == (Done.MAYBE, Then.PARK)]

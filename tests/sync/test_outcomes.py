"""The table of what becomes of whom when a verb fails: that it has every cell, once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import pytest
from tests.sync.failures import raised

from tieline.core.errors import RemoteError, StoreUnavailable
from tieline.core.model import ConnectionName, IncidentId
from tieline.core.port import Token
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
    bearing,
    failure_of,
    outcome,
    standing_of,
    verb_of,
)
from tieline.sync.records import Attempt, Replica, ReplicaState


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
    for (verb, _failure, standing), becomes in OUTCOMES.items():
        assert (becomes.then is Then.NEVER) is (standing not in CALLED[verb]), (verb, standing)


def test_nothing_that_may_be_done_is_put_aside_as_refused() -> None:
    """Who parks a write says that it was not done: a person who lets it try again must not double it."""
    assert not [cell for cell, one in OUTCOMES.items() if (one.done, one.then) == (Done.MAYBE, Then.PARK)]


def failed(failure: Failure, verb: Verb | None) -> Exception:
    error = raised(failure)
    if isinstance(error, RemoteError) and verb is not None:
        error.verb = verb.value
    return error


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("verb", Verb)
def test_an_error_is_looked_up_by_the_verb_that_failed(verb: Verb, failure: Failure) -> None:
    error = failed(failure, verb)
    asked = verb if isinstance(error, RemoteError) else Verb.NONE
    assert verb_of(error) is asked
    assert verb_of(failed(failure, None)) is Verb.NONE
    assert bearing(error) is BEARINGS[asked][failure]
    for standing in Standing:
        assert outcome(error, standing) is OUTCOMES[asked, failure, standing]


def test_the_trouble_of_the_store_says_nothing_about_a_tool() -> None:
    with pytest.raises(StoreUnavailable):
        failure_of(StoreUnavailable("it is locked"))


@pytest.mark.parametrize("state", ReplicaState)
def test_a_copy_stands_where_its_state_says_or_in_doubt_of_a_write(state: ReplicaState) -> None:
    copy = Replica(1, IncidentId(1), ConnectionName("desk"), state, Token("t"))
    unsure = replace(copy, ledger={"title": (STEP,)})
    assert standing_of(copy).value == state.value
    assert standing_of(unsure) is (Standing.WRITE_IN_DOUBT if state is ReplicaState.LINKED else standing_of(copy))
    assert standing_of(None) is Standing.ABSENT


STEP = Attempt("a", "b")

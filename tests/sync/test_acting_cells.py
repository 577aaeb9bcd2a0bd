"""That an act on a signal that fails leads to what the table says, wherever the copies stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select
from tests.sync.failures import raised
from tests.sync.office import ALERTS, Office
from tests.sync.stands import Tampered

from tieline.core.port import Act
from tieline.core.store import tables as t
from tieline.sync import loading
from tieline.sync.alerts import acts
from tieline.sync.daemon.lane import TRIES, Lane, LaneState
from tieline.sync.outcomes import BEARINGS, CALLED, OUTCOMES, Conduct, Done, Failure, Standing, Then, Verb
from tieline.sync.records import Attempt, Intent, ReplicaState

ROW = BEARINGS[Verb.ACKNOWLEDGE]
STATES: Final[Mapping[Standing, Mapping[str, Any]]] = {
    Standing.ABSENT: {"state": ReplicaState.ABSENT},
    Standing.IN_DOUBT: {"state": ReplicaState.IN_DOUBT, "intent": Intent(datetime(2026, 11, 23, 12, tzinfo=UTC), None)},
    Standing.WRITE_IN_DOUBT: {"ledger": {"title": (Attempt("Disk", "Disk full"),)}},
    Standing.PARKED: {"state": ReplicaState.PARKED},
    Standing.GONE: {"state": ReplicaState.GONE},
}
"""How a copy comes to stand so. Its own lane does not run here."""


@pytest.fixture
def acting(tmp_path: Path) -> Iterator[Callable[..., tuple[Office, Tampered]]]:
    """An alert whose source is to be told something next: that it is worked on, or that it is not any more."""
    made: list[Office] = []

    def make(act: Act, standing: Standing) -> tuple[Office, Tampered]:
        office = Office(tmp_path, "memory")
        made.append(office)
        office.fire()
        office.settle(2)
        told = Tampered(office.engine.connections[ALERTS].source, Verb.ACKNOWLEDGE)
        if act is Act.RELEASE:
            office.decide("in_progress")
            office.run_alerts()
            assert told.calls == 1
        _stand(office, standing)
        office.lanes[ALERTS].poll_at = office.clock.now() + timedelta(seconds=30)
        office.decide("in_progress" if act is Act.ACKNOWLEDGE else "new")
        return office, told

    yield make
    for one in made:
        one.close()


def _stand(office: Office, standing: Standing) -> None:
    if standing in STATES:
        with office.engine.store.write() as tx:
            copy = loading.lock_replica(tx, office.copy("memory").id)
            assert copy is not None
            loading.save_replica(tx, replace(copy, **STATES[standing]))


def signal(office: Office) -> Any:
    with office.engine.store.read() as connection:
        return connection.execute(select(t.signal)).one()


CELLS = [(Standing.LINKED, act, failure) for act in (Act.ACKNOWLEDGE, Act.RELEASE) for failure in Failure] + [
    (standing, Act.ACKNOWLEDGE, failure) for standing in STATES for failure in (Failure.GONE, Failure.REJECTED)
]


@pytest.mark.parametrize(("standing", "act", "failure"), CELLS)
def test_an_act_that_fails_leads_to_what_the_table_says(
    acting: Callable[..., tuple[Office, Tampered]], standing: Standing, act: Act, failure: Failure
) -> None:
    office, told = acting(act, standing)
    before = signal(office).acted
    check = Tampered(office.engine.connections[ALERTS].source, Verb.CHECK)
    told.error, calls = raised(failure), told.calls
    _run(office.lanes[ALERTS], told, calls + 1)

    outcome, bearing = OUTCOMES[Verb.ACKNOWLEDGE, failure, standing], ROW[failure]
    _connection_does(office.lanes[ALERTS], bearing.conduct, check.calls)
    now = signal(office)
    assert now.acted == _held(outcome.done, outcome.then, act, before)
    assert bool(now.parked) is (outcome.then is Then.PARK)
    if outcome.then is Then.AGAIN:
        assert (now.act, now.attempts) == (act.value, TRIES[bearing.counts])
    if outcome.then is Then.LET_BE:
        assert now.next_at == office.clock.now() + acts.LISTED_AGAIN
        # That there is nothing to take back is believed in the end; that there is nothing to silence, never.
        assert now.attempts == (1 if act is Act.RELEASE else 0)
    told.error = None
    if outcome.then is not Then.PARK:
        # Whatever it was, the source knows in the end, once.
        for _ in range(3):
            office.clock.advance(301)
            office.run_alerts()
        assert office.silenced() == (1 if act is Act.ACKNOWLEDGE else 0)
        assert signal(office).acted == signal(office).act


def _held(done: Done, then: Then, act: Act, before: str) -> str:
    """What the source is known to hold. What it was to take back may be gone in part, whatever it says."""
    if then is Then.LET_BE:
        return before if act is Act.ACKNOWLEDGE else acts.UNSURE
    return before if done is Done.NO and act is Act.ACKNOWLEDGE else acts.UNSURE


def _run(lane: Lane, told: Tampered, calls: int) -> None:
    for _ in range(20):
        if told.calls >= calls:
            return
        lane.step()
    raise AssertionError("the source was not told")


def _connection_does(lane: Lane, conduct: Conduct, checks: int) -> None:
    match conduct:
        case Conduct.GOES_ON | Conduct.TIRES:
            assert (lane.state, checks) == (LaneState.WORKING, 0)
        case Conduct.PROVES:
            assert (lane.state, checks) == (LaneState.WORKING, 1)
        case Conduct.WAITS:
            assert lane.state is LaneState.WAITING
        case _:
            raise AssertionError(f"an act is no reason for {conduct}")


def test_every_standing_is_tried() -> None:
    assert {standing for standing, _act, _failure in CELLS} == CALLED[Verb.ACKNOWLEDGE]

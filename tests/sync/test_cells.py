"""That the engine does, in each cell of verb × failure × standing, what the table says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import select, update
from tests.sync.failures import HEIR, raised
from tests.sync.stands import RIGHT, STANDS, Tampered, edit, hint, in_doubt, run, save, source
from tests.sync.world import World

from tieline.core.port import Ref
from tieline.core.store import tables as t
from tieline.sync.daemon.lane import PUZZLED, TRIES, Lane, LaneState
from tieline.sync.intake import inbox
from tieline.sync.outcomes import (
    BEARINGS,
    CALLED,
    OUTCOMES,
    Bearing,
    Conduct,
    Counts,
    Done,
    Failure,
    Standing,
    Then,
    Verb,
)
from tieline.sync.records import Replica, ReplicaState
from tieline.sync.road import copy_states


@dataclass
class Scene:
    """A world in which the next work of the lane `right` calls the verb while the copy stands as it should."""

    world: World
    verb: Tampered
    attempts: Callable[[], int] = lambda: 0

    @property
    def lane(self) -> Lane:
        return self.world.lanes["right"]

    def run(self, calls: int = 1) -> None:
        """The lane works until it has called the verb."""
        for _ in range(20):
            if self.verb.calls >= calls:
                return
            self.lane.step()
        raise AssertionError("the verb was not called")

    def copy(self) -> Replica:
        return self.world.copy("right")

    def inbox(self) -> list[Any]:
        with self.world.engine.store.read() as connection:
            return list(connection.execute(select(t.inbox).where(t.inbox.c.connection == "right")))

    def twins(self) -> list[Any]:
        with self.world.engine.store.read() as connection:
            return list(connection.execute(select(t.twin).where(t.twin.c.connection == "right")))


def _copy_attempts(world: World) -> Callable[[], int]:
    return lambda: world.copy("right").attempts


def _inbox_attempts(world: World) -> Callable[[], int]:
    def attempts() -> int:
        with world.engine.store.read() as connection:
            return max(connection.execute(select(t.inbox.c.attempts)).scalars(), default=0)

    return attempts


def _twin_attempts(world: World) -> Callable[[], int]:
    def attempts() -> int:
        with world.engine.store.read() as connection:
            return max(connection.execute(select(t.twin.c.attempts)).scalars(), default=0)

    return attempts


# -- how a verb comes to be called ---------------------------------------------------------------------------------


def _stranger(world: World) -> str:
    """A record that opens no incident."""
    return world.tools["right"].make({"title": "old", "status": "resolved"}).ref


def _rests(world: World) -> None:
    """The copy itself has to wait, so that only the hint is work."""
    save(world, next_at=world.clock.now() + timedelta(hours=1))


def _look(folder: Path, verb: Verb, standing: Standing) -> Scene:
    """A hint has the record read, and its comments."""
    world = STANDS[standing](folder)
    if standing in (Standing.ABSENT, Standing.IN_DOUBT):
        _rests(world)
    ref = world.copy("right").ref
    if ref is None:
        # Somebody else's record, which the tool itself has shown and which opens nothing.
        ref = Ref(_stranger(world))
        with world.engine.store.write() as tx:
            inbox.put(tx, RIGHT, [(ref, source(world).read(ref))], asked=0, now=world.clock.now())
    hint(world, ref)
    return Scene(world, Tampered(source(world), verb), _inbox_attempts(world))


def _create(folder: Path, verb: Verb, standing: Standing) -> Scene:
    world = STANDS[standing](folder)
    return Scene(world, Tampered(source(world), verb), _copy_attempts(world))


def _find_comment(folder: Path, verb: Verb, standing: Standing) -> Scene:
    """A comment whose answer was lost is looked for among those of its record."""
    scene = _add_comment(folder, Verb.ADD_COMMENT, standing)
    scene.verb.error = raised(Failure.LOST)
    scene.run()
    scene.verb.error = None
    scene.lane._failures = 0  # what went before was another matter
    scene.world.clock.advance(10)
    with scene.world.engine.store.write() as tx:
        tx.execute(update(t.twin).where(t.twin.c.connection == "right").values(attempts=0, next_at=None))
    return Scene(scene.world, Tampered(source(scene.world), Verb.COMMENTS), _twin_attempts(scene.world))


def _find(folder: Path, verb: Verb, standing: Standing) -> Scene:
    if standing not in (Standing.ABSENT, Standing.IN_DOUBT):
        return _find_comment(folder, verb, standing)
    world = STANDS[standing](folder)
    if standing is Standing.ABSENT:
        # A record that the store does not know may be one that it forgot: then everything is looked for first.
        hint(world, _stranger(world))
        with world.engine.store.write() as tx:
            (item,) = inbox.waiting(tx, RIGHT, world.clock.now(), 1)
            inbox.later(tx, item, 0, world.clock.now() + timedelta(hours=1))
    return Scene(world, Tampered(source(world), verb), _copy_attempts(world))


def _update(folder: Path, verb: Verb, standing: Standing) -> Scene:
    world = STANDS[standing](folder)
    edit(world, title="Disk full on db1")
    return Scene(world, Tampered(source(world), verb), _copy_attempts(world))


def _add_comment(folder: Path, verb: Verb, standing: Standing) -> Scene:
    world = STANDS[standing](folder)
    left = world.copy("left").ref
    assert left is not None
    world.tools["left"].comment(left, "is it the log again?")
    world.clock.advance(31)
    run(world, "left")
    world.lanes["right"].poll_at = world.clock.now() + timedelta(seconds=30)
    return Scene(world, Tampered(source(world), verb), _twin_attempts(world))


def _replaced(folder: Path, verb: Verb, standing: Standing) -> Scene:
    world = in_doubt(folder, blunt="right", rests=standing is Standing.PARKED)
    if standing is Standing.PARKED:
        copy_states.park(world.engine, world.copy("right").id, "waits for somebody")
        hint(world, world.copy("right").ref or "")
        return Scene(world, Tampered(source(world), verb), _inbox_attempts(world))
    return Scene(world, Tampered(source(world), verb), _copy_attempts(world))


def _person(folder: Path, verb: Verb, standing: Standing) -> Scene:
    world = STANDS[standing](folder)
    world.engine.connections[RIGHT].people.clear()
    if standing is Standing.LINKED:
        edit(world, assignee="bob@example.com")
    return Scene(world, Tampered(source(world), verb), _copy_attempts(world))


def _connection(folder: Path, verb: Verb, standing: Standing) -> Scene:
    world = STANDS[standing](folder)
    lane = world.lanes["right"]
    match verb:
        case Verb.CHECK:
            lane.state = LaneState.STOPPED
        case Verb.CHANGES:
            lane.poll_at = None
        case _:
            world.lanes["right"] = Lane(world.engine, lane.here)
            world.lanes["right"].poll_at = lane.poll_at
    return Scene(world, Tampered(source(world), verb))


SCENES: Final[Mapping[Verb, Callable[[Path, Verb, Standing], Scene]]] = {
    Verb.CHECK: _connection,
    Verb.CHANGES: _connection,
    Verb.DESCRIBE: _connection,
    Verb.READ: _look,
    Verb.COMMENTS: _look,
    Verb.CREATE: _create,
    Verb.FIND: _find,
    Verb.UPDATE: _update,
    Verb.ADD_COMMENT: _add_comment,
    Verb.REPLACED: _replaced,
    Verb.PERSON_ID: _person,
}
ABOUT_A_COPY: Final = [verb for verb in SCENES if verb not in (Verb.CHECK, Verb.CHANGES, Verb.DESCRIBE)]
CELLS: Final = [
    (verb, standing, failure)
    for verb in SCENES
    # What is about the connection is so wherever a copy stands.
    for standing in Standing
    if standing in CALLED[verb] and (verb in ABOUT_A_COPY or standing is Standing.LINKED)
    for failure in Failure
]


@pytest.mark.parametrize(("verb", "standing", "failure"), CELLS)
def test_a_failure_leads_to_what_the_table_says(
    tmp_path: Path, verb: Verb, standing: Standing, failure: Failure
) -> None:
    scene = SCENES[verb](tmp_path, verb, standing)
    scene.verb.error = raised(failure)
    before = scene.attempts()
    check = Tampered(source(scene.world), Verb.CHECK) if verb is not Verb.CHECK else scene.verb
    calls = scene.verb.calls
    scene.run(calls + 1)
    asked = scene.verb.calls - calls

    outcome, bearing = OUTCOMES[verb, failure, standing], BEARINGS[verb][failure]
    if outcome.then is Then.ASK:
        bearing = Bearing(Counts.ONCE, Conduct.GOES_ON)
    elif outcome.then is Then.FOLLOW:
        bearing = Bearing(Counts.FREE, Conduct.GOES_ON)
    _connection_does(scene, bearing.conduct, check.calls)
    if verb in ABOUT_A_COPY:
        if outcome.then is Then.AGAIN or (outcome.then is Then.ASK and verb is not Verb.COMMENTS):
            # Whoever asks whether the record is there has counted the try.
            assert scene.attempts() - before == (1 if outcome.then is Then.ASK else TRIES[bearing.counts])
        _write_is(scene, verb, outcome.done, outcome.then)
        _work_goes_on(scene, verb, outcome.then, standing)
    assert asked >= 1
    assert scene.world.verified()
    scene.world.engine.store.close()
    scene.world.engine.registry.close()


def _connection_does(scene: Scene, conduct: Conduct, checks: int) -> None:
    state = scene.lane.state
    match conduct:
        case Conduct.GOES_ON | Conduct.TIRES:
            assert (state, checks) == (LaneState.WORKING, 0)
        case Conduct.PROVES:
            assert (state, checks) == (LaneState.WORKING, 1)
        case Conduct.WAITS:
            assert state is LaneState.WAITING
        case Conduct.STOPS:
            assert state is LaneState.STOPPED
        case Conduct.PUZZLED:
            for expected in [LaneState.WAITING] * (PUZZLED - 2) + [LaneState.STOPPED]:
                assert state is LaneState.WAITING
                scene.world.clock.advance(301)
                scene.run(scene.verb.calls + 1)
                state = scene.lane.state
                assert state is expected


def _write_is(scene: Scene, verb: Verb, done: Done, then: Then) -> None:
    """What is known of the write, as the store has it."""
    copy = scene.copy()
    match verb, done:
        case (Verb.CREATE, Done.NO):
            assert copy.intent is None
        case (Verb.FIND, _) if scene.twins():
            (twin,) = scene.twins()
            assert twin.state == ("parked" if then is Then.FOLLOW else "sending")
        case ((Verb.CREATE | Verb.FIND), Done.MAYBE) if copy.state is ReplicaState.IN_DOUBT:
            assert copy.intent is not None
        case (Verb.CREATE, Done.MAYBE):
            raise AssertionError(f"a create in doubt leaves the copy {copy.state}")
        case (Verb.UPDATE, Done.NO):
            assert not copy.ledger
        case (Verb.UPDATE, Done.MAYBE):
            assert copy.ledger
        case (Verb.ADD_COMMENT, _):
            (twin,) = scene.twins()
            known = {Done.NO: "wanted", Done.MAYBE: "sending"}[done]
            assert twin.state == ("parked" if then in (Then.PARK, Then.FOLLOW) else known)
        case _:
            pass


def _work_goes_on(scene: Scene, verb: Verb, then: Then, standing: Standing) -> None:
    copy, world = scene.copy(), scene.world
    by_hint = verb in (Verb.READ, Verb.COMMENTS) or (verb is Verb.REPLACED and copy.state is ReplicaState.PARKED)
    match then:
        case Then.AGAIN:
            assert world.parked() == [] or copy.parked == "waits for somebody"
            if by_hint:
                assert scene.inbox()
            elif not scene.twins():
                assert copy.dirty
        case Then.LOOK:
            assert copy.dirty and not scene.inbox()
        case Then.ASK | Then.WITHOUT if verb is Verb.COMMENTS:
            # The record itself was just read: it is there, and its comments are asked for once more, if it matters.
            matters = standing in (Standing.LINKED, Standing.WRITE_IN_DOUBT, Standing.PARKED)
            assert bool(scene.inbox()) is matters and copy.state is not ReplicaState.GONE
        case Then.ASK:
            assert scene.inbox() and copy.state is not ReplicaState.GONE
        case Then.FOLLOW:
            assert copy.ref == HEIR or copy.ref is None
        case Then.PARK:
            assert [one.what for one in world.parked()][-1] == ("comment" if verb is Verb.ADD_COMMENT else "copy")
        case Then.WITHOUT if verb is Verb.PERSON_ID:
            assert copy.state is ReplicaState.LINKED
            scene.world.settle(1)
            # All else is written. Who could not be looked up is asked for again, and that is no failure of the copy.
            now, waits = scene.world.clock.now(), scene.copy()
            assert waits.attempts == 0 and not scene.inbox()
            assert not waits.dirty or (waits.next_at is not None and waits.next_at > now + timedelta(minutes=9))
        case Then.WITHOUT if verb is Verb.REPLACED:
            assert not copy.ledger
        case Then.WITHOUT | Then.LET_BE:
            assert not scene.inbox()

"""One comment on its way into one copy: written once, put back, or put aside with the sentence that says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.core.strangers import plugin
from tests.sync.failures import HEIR, raised
from tests.sync.stands import RIGHT, Tampered, linked, run, source
from tests.sync.world import World

from tieline.core.errors import RemoteError
from tieline.core.hooks import hookimpl
from tieline.core.model import Audience, Tlp
from tieline.core.registry import Registry
from tieline.core.store import tables as t
from tieline.sync import explain, limits
from tieline.sync.comments import comments, writing
from tieline.sync.comments.comments import Outgoing
from tieline.sync.engine import Connected
from tieline.sync.intake import inbox
from tieline.sync.outcomes import Failure, Verb
from tieline.sync.road import copy_states, robots


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A comment waits for the copy in `right`."""
    one = linked(tmp_path)
    left = one.copy("left").ref
    assert left is not None
    one.tools["left"].comment(left, "is it the log again?")
    one.clock.advance(31)
    run(one, "left")
    yield one
    one.engine.store.close()
    one.engine.registry.close()


def waits(world: World) -> Outgoing:
    now = world.clock.now()
    with world.engine.store.read() as connection:
        [item] = comments.outgoing(connection, RIGHT, now, now + timedelta(hours=2), 10)
    return item


def here(world: World) -> Connected:
    return world.engine.connections[RIGHT]


def deliver(world: World, item: Outgoing) -> None:
    writing.deliver(world.engine, here(world), item)


def twin(world: World) -> Any:
    with world.engine.store.read() as connection:
        return connection.execute(select(t.twin).where(t.twin.c.connection == RIGHT)).one()


def notes(world: World) -> list[str]:
    [row] = world.tools["right"].rows()
    return [note.text for note in row.notes]


def put_in_doubt(world: World) -> Outgoing:
    with world.engine.store.write() as tx:
        tx.execute(update(t.twin).where(t.twin.c.connection == RIGHT).values(state="sending"))
    return waits(world)


def test_a_comment_is_known_to_be_on_its_way_before_it_is_written(world: World) -> None:
    on_its_way: list[str] = []
    world.tools["right"].faults.ambushes.append(lambda: on_its_way.append(twin(world).state))
    deliver(world, waits(world))
    assert on_its_way == ["sending"]
    assert (len(notes(world)), twin(world).state) == (1, "linked")
    assert twin(world).remote_id


@pytest.mark.parametrize("stands_there", [True, False])
def test_a_comment_in_doubt_is_written_unless_it_stands_there(world: World, stands_there: bool) -> None:
    if stands_there:
        deliver(world, waits(world))
    verb = Tampered(source(world), Verb.ADD_COMMENT)
    deliver(world, put_in_doubt(world))
    assert (verb.calls, len(notes(world)), twin(world).state) == (not stands_there, 1, "linked")


def test_what_cannot_be_looked_for_is_not_written(world: World) -> None:
    Tampered(source(world), Verb.COMMENTS).error = raised(Failure.NEEDS_OPERATOR)
    with pytest.raises(RemoteError):
        deliver(world, put_in_doubt(world))
    assert (notes(world), twin(world).state) == ([], "sending")


def test_what_is_new_is_not_looked_for(world: World) -> None:
    verb = Tampered(source(world), Verb.COMMENTS)
    deliver(world, waits(world))
    assert verb.calls == 0


@pytest.mark.parametrize(
    ("failure", "is_raised", "state", "attempts", "parked"),
    [
        (Failure.BUSY, True, "wanted", 0, ""),
        (Failure.PACED, True, "wanted", 0, ""),
        (Failure.LOST, True, "sending", 0, ""),
        (Failure.STALE, True, "sending", 0, ""),
        (Failure.UNFORESEEN, True, "sending", 0, ""),
        (Failure.NEEDS_OPERATOR, True, "sending", 0, ""),
        (Failure.REJECTED, False, "parked", 0, "no"),
        (Failure.MERGED, False, "parked", 0, "merged"),
        (Failure.GONE, False, "sending", 1, ""),
    ],
)
def test_what_becomes_of_a_comment_that_could_not_be_written(
    world: World, failure: Failure, is_raised: bool, state: str, attempts: int, parked: str
) -> None:
    Tampered(source(world), Verb.ADD_COMMENT).error = raised(failure)
    item = waits(world)
    if is_raised:
        with pytest.raises(RemoteError):
            deliver(world, item)
    else:
        deliver(world, item)
    found = twin(world)
    assert (found.state, found.attempts) == (state, attempts)
    assert parked in found.parked and bool(parked) is bool(found.parked)
    assert found.next_at == (world.clock.now() + copy_states.UNTIL_CERTAIN if failure is Failure.GONE else None)
    assert (world.copy("right").ref == HEIR) is (failure is Failure.MERGED)
    with world.engine.store.read() as connection:
        assert inbox.waiting_refs(connection, RIGHT, [item.ref]) == ({item.ref} if failure is Failure.GONE else set())


@pytest.mark.parametrize(("attempts", "gives_up"), [(limits.GIVE_UP - 2, False), (limits.GIVE_UP - 1, True)])
def test_a_comment_that_a_record_denies_is_put_aside_in_the_end(world: World, attempts: int, gives_up: bool) -> None:
    Tampered(source(world), Verb.ADD_COMMENT).error = raised(Failure.GONE)
    deliver(world, replace(waits(world), attempts=attempts))
    found = twin(world)
    assert (found.state == "parked", found.attempts) == (gives_up, attempts + (not gives_up))
    assert ("no such thing" in found.parked) is gives_up


class Guard:
    @hookimpl
    def tieline_disclose(self) -> frozenset[str]:
        return frozenset({"comment"})


@pytest.mark.parametrize(
    ("ceiling", "label", "guards", "leaves"),
    [
        (Tlp.GREEN, None, False, True),
        (Tlp.GREEN, Tlp.GREEN, False, True),
        (Tlp.GREEN, Tlp.AMBER, False, False),
        (Tlp.RED, None, True, False),
    ],
)
def test_a_comment_above_the_ceiling_does_not_leave(
    world: World, ceiling: Tlp, label: Tlp | None, guards: bool, leaves: bool
) -> None:
    here(world).config = replace(here(world).config, ceiling=ceiling)
    if guards:
        world.engine.registry = Registry([plugin("guard", Guard())])
    deliver(world, replace(waits(world), tlp=label))
    assert len(notes(world)) == leaves
    assert twin(world).state == ("linked" if leaves else "parked")
    assert ("may not leave for right" in twin(world).parked) is not leaves


def test_an_internal_comment_that_is_shown_to_everybody_is_put_aside(world: World) -> None:
    honest = source(world).add_comment
    source(world).add_comment = lambda *words: replace(honest(*words), audience=Audience.CUSTOMERS)
    deliver(world, replace(waits(world), audience=Audience.STAFF))
    assert (len(notes(world)), twin(world).state) == (1, "parked")
    assert "remove it there at once" in twin(world).parked


@pytest.mark.parametrize(
    ("written_for", "stands"),
    [
        (Audience.STAFF, "staff"),
        (Audience.EXECUTIVES, "staff"),
        (Audience.PARTNERS, "staff"),
        (Audience.CUSTOMERS, "customers"),
        (Audience.PUBLIC, "customers"),
    ],
)
def test_a_comment_goes_to_the_widest_readers_of_a_tool_that_are_nobody_new(
    world: World, written_for: Audience, stands: str
) -> None:
    assert source(world).audiences == {Audience.STAFF, Audience.CUSTOMERS}
    deliver(world, replace(waits(world), audience=written_for))
    [row] = world.tools["right"].rows()
    assert [one.audience for one in row.notes] == [stands]
    assert twin(world).state == "linked"


def test_a_comment_for_fewer_than_a_tool_can_show_it_to_is_held(world: World) -> None:
    deliver(world, replace(waits(world), audience=Audience.RESPONDERS))
    assert notes(world) == []
    assert (twin(world).state, twin(world).attempts) == ("parked", 0)
    assert twin(world).parked.startswith(
        "right shows a comment to staff or customers, and this one is for responders alone"
    )


def test_robots_that_talk_are_stopped(world: World) -> None:
    incident, now = world.incident().id, world.clock.now()
    said = {"incident_id": incident, "author": "bot", "audience": "customers", "body": "x", "written_at": now}
    with world.engine.store.write() as tx:
        for _ in range(robots.ANSWERS):
            for origin in ("left", "right"):
                tx.execute(insert(t.comment), {**said, "origin": origin})
    deliver(world, waits(world))
    assert notes(world) == []
    assert twin(world).state == "parked"
    assert "robot" in twin(world).parked


def test_what_is_put_aside_is_told_of_its_comment(world: World) -> None:
    item = waits(world)
    writing.park(world.engine, here(world), replace(item, attempts=3), "no such right")
    found = twin(world)
    assert (found.state, found.attempts, found.next_at, found.parked) == ("parked", 3, None, "no such right")
    with world.engine.store.read() as connection:
        [told] = [one for one in explain.history(connection, item.incident) if one["kind"] == "parked"]
    assert (told["connection"], told["reason"]) == ("right", "parked")
    assert told["facts"] == {"comment": item.comment, "sentence": "no such right"}


def test_an_adapter_that_claims_to_comment_and_cannot_is_at_fault(world: World) -> None:
    item = waits(world)
    here(world).source = object()  # type: ignore[assignment]
    with pytest.raises(TypeError, match="claims to comment"):
        deliver(world, item)

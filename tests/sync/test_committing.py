"""What an edit from inside Tieline and a look at a copy change and tell, and which tools are to get a copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import delete, select
from tests.sync.stands import RIGHT, linked, save
from tests.sync.world import World

from tieline.core.model import Audience, ConnectionName, Fields, IncidentId, RecordKind, Signal
from tieline.core.port import Power, Ref, Token, Version
from tieline.core.store import tables as t
from tieline.sync import explain
from tieline.sync.comments import comments
from tieline.sync.intake import inbox
from tieline.sync.records import Attempt, Held, Hold, Incident, Intent, Replica, ReplicaState, Stamp
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason
from tieline.sync.road.read import sight
from tieline.sync.road.reconcile import Moment, Sighting
from tieline.sync.road.reviewing import Reviews

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An incident with a copy in each of two tools, where all has been at rest for a while."""
    one = linked(tmp_path)
    one.clock.advance(5)
    yield one
    one.engine.store.close()
    one.engine.registry.close()


def edit(world: World, fields: Fields, number: int = 1, by: Signal | None = None) -> Incident:
    with world.engine.store.write() as tx:
        return commit.edit(tx, world.engine, IncidentId(number), fields, actor="ann", reason=Reason.EDITED, by=by)


def told(world: World) -> list[dict[str, Any]]:
    with world.engine.store.read() as connection:
        entries = explain.history(connection, IncidentId(1))
    return [one for one in entries if one["kind"] == "changed"]


def test_an_edit_is_told_with_what_was_there_and_with_the_alert_that_made_it(world: World) -> None:
    before = world.incident()
    after = edit(
        world,
        {"title": "Disk 1 is full", "tags": ("a", "b")},
        by=Signal(ConnectionName("alerts"), "e1", {"title": "Disk"}, {}),
    )
    [entry] = told(world)
    assert (entry["actor"], entry["reason"], entry["connection"]) == ("ann", "edited", None)
    assert entry["facts"] == {
        "changes": {
            "title": {"before": "Disk full", "after": "Disk 1 is full", "reason": "edited"},
            "tags": {"before": {"absent": True}, "after": ["a", "b"], "reason": "edited"},
        },
        "conflicts": {},
        "signal": "e1",
        "title": "Disk",
    }
    assert (after.revision, after.stamps["title"].who) == (before.revision + 1, "ann")
    assert after.stamps["title"].at == world.clock.now()
    assert after.stamps["status"] == before.stamps["status"]
    assert world.copy("right").dirty and world.copy("left").dirty


def test_an_edit_that_changes_nothing_is_none(world: World) -> None:
    before = world.incident()
    assert edit(world, {"title": "Disk full"}) == before
    assert edit(world, {}) == before
    assert told(world) == []
    assert not world.copy("right").dirty


def test_of_an_edit_only_what_differs_is_told(world: World) -> None:
    edit(world, {"title": "Disk full", "severity": "high"})
    [entry] = told(world)
    assert list(entry["facts"]["changes"]) == ["severity"]


def test_what_is_not_there_cannot_be_edited(world: World) -> None:
    with pytest.raises(LookupError, match="no incident 7"):
        edit(world, {"title": "x"}, 7)


# -- a copy is seen ----------------------------------------------------------------------------------------------------


def seen(world: World, asked: int = 0, **changes: Any) -> Sighting:
    """What `right` shows of its copy, which somebody may have changed there; `asked` is since when it is known."""
    here, copy = world.engine.connections[RIGHT], world.copy("right")
    assert copy.ref is not None
    reading = replace(here.source.read(copy.ref), annotations={})
    shown = sight(world.engine, here, reading, asked=asked)
    return replace(shown, fields={**shown.fields, **changes})


def take_in(world: World, sighting: Sighting, moment: Moment = Moment.LATER, **facts: Any) -> Replica:
    """A sighting of the copy in `right`, of which the store says `facts`; answers the copy as it is then."""
    save(world, **facts)
    with world.engine.store.write() as tx:
        here, copy = world.engine.connections[RIGHT], world.copy("right")
        commit.take_in(tx, world.engine, here, copy, sighting, moment, reviews=Reviews())
    return world.copy("right")


def entries(world: World) -> list[dict[str, Any]]:
    """What the journal says of the incident since all was at rest."""
    with world.engine.store.read() as connection:
        found = explain.history(connection, IncidentId(1))
    return [one for one in found if one["at"] == world.clock.now()]


def last(world: World) -> int:
    with world.engine.store.read() as connection:
        return inbox.head(connection)


@pytest.mark.parametrize(("editor", "actor"), [("bob", "bob"), ("", "right"), (None, "right")])
def test_an_edit_in_a_tool_is_told_with_who_made_it_and_marks_the_other_copies(
    world: World, editor: str | None, actor: str
) -> None:
    at = world.clock.now() - timedelta(seconds=5)
    sighting = replace(seen(world, title="Disk 1 is full"), edited_at=at)
    if editor is not None:
        sighting = replace(sighting, reading=replace(sighting.reading, annotations={"editor": editor}))
    copy = take_in(world, sighting)
    [entry] = entries(world)
    assert (entry["kind"], entry["connection"], entry["actor"]) == ("changed", "right", actor)
    assert entry["reason"] == "theirs"
    assert entry["facts"] == {
        "changes": {"title": {"before": "Disk full", "after": "Disk 1 is full", "reason": "theirs"}},
        "conflicts": {},
    }
    assert copy.touched == last(world)
    assert world.incident().stamps["title"] == Stamp(at, "right")
    assert (copy.dirty, world.copy("left").dirty) == (False, True)


def test_an_edit_in_a_tool_that_came_too_late_is_told_and_changes_nothing(world: World) -> None:
    edit(world, {"title": "Disk 1 is full"})
    before = world.incident()
    sighting = seen(world, title="Disk 2 is full")
    copy = take_in(world, replace(sighting, edited_at=world.clock.now() - timedelta(seconds=1)))
    entry = entries(world)[-1]
    assert (entry["kind"], entry["connection"], entry["reason"]) == ("refused", "right", "latest_ours")
    assert entry["facts"] == {
        "changes": {},
        "conflicts": {
            "title": {"kept": "Disk 1 is full", "lost": "Disk 2 is full", "reason": "latest_ours", "open": False}
        },
    }
    assert (world.incident(), copy.dirty, copy.touched) == (before, True, last(world))


def test_an_edit_whose_time_nobody_knows_was_just_now(world: World) -> None:
    take_in(world, replace(seen(world, title="Disk 1 is full"), edited_at=None))
    assert world.incident().stamps["title"] == Stamp(world.clock.now(), "right")


@pytest.mark.parametrize(("touched", "asked", "then"), [(7, 5, 7), (5, 7, 7), (0, 0, 0)])
def test_a_copy_that_shows_nothing_new_is_touched_and_nothing_told(
    world: World, touched: int, asked: int, then: int
) -> None:
    before = world.incident()
    copy = take_in(world, seen(world, asked), touched=touched)
    assert (copy.touched, copy.state, copy.dirty) == (then, ReplicaState.LINKED, False)
    assert entries(world) == []
    assert world.incident() == before
    assert not world.copy("left").dirty


def test_what_a_copy_is_called_stays_where_a_tool_does_not_say_it_and_follows_where_it_does(world: World) -> None:
    sighting = seen(world)
    for key, url in (("DESK-1", "https://desk/1"), ("", ""), ("DESK-2", "https://desk/2")):
        reading = replace(sighting.reading, key=key, url=url, version=Version(f"v{key}"))
        copy = take_in(world, replace(sighting, reading=reading))
        kept = (key, url) if key else ("DESK-1", "https://desk/1")
        assert (copy.key, copy.url, copy.version) == (*kept, f"v{key}")


def test_what_a_copy_showed_once_and_does_not_show_now_is_still_known(world: World) -> None:
    copy = take_in(world, seen(world, category="network"), observed={"category": "disk", "impact": "low"})
    assert (copy.observed["category"], copy.observed["impact"]) == ("network", "low")


@pytest.mark.parametrize(
    ("known", "body", "then"),
    [
        ({"description": "their own"}, {"title": "Disk full"}, {"description": "their own"}),
        ({"description": "their own"}, {"description": "as we would write it"}, {}),
        (None, {"title": "Disk full"}, {}),
    ],
)
def test_of_a_text_the_tools_own_words_stay_known_until_it_tells_of_the_text_again(
    world: World, known: dict[str, Any] | None, body: dict[str, Any], then: dict[str, Any]
) -> None:
    sighting = seen(world)
    copy = take_in(world, replace(sighting, reading=replace(sighting.reading, body=body)), originals=known)
    assert copy.originals == then


def test_what_no_reading_tells_of_is_held_on(world: World) -> None:
    hold = Hold(Held.UNWRITABLE, None, None, world.clock.now(), "no form there shows it")
    copy = take_in(world, seen(world), holds={"form": hold, "title": hold})
    assert copy.holds == {"form": hold}


@pytest.mark.parametrize(
    ("state", "then", "words"),
    [
        (ReplicaState.LINKED, ReplicaState.LINKED, ""),
        (ReplicaState.PARKED, ReplicaState.PARKED, "waits for ann"),
        (ReplicaState.GONE, ReplicaState.LINKED, ""),
        (ReplicaState.IN_DOUBT, ReplicaState.LINKED, ""),
    ],
)
def test_a_copy_that_is_seen_is_there_and_one_that_waits_for_somebody_waits_on(
    world: World, state: ReplicaState, then: ReplicaState, words: str
) -> None:
    intent = Intent(world.clock.now(), {})
    copy = take_in(world, seen(world), state=state, parked="waits for ann", intent=intent)
    assert (copy.state, copy.parked, copy.intent, copy.ledger) == (then, words, None, {})


@pytest.mark.parametrize(
    ("facts", "gets"),
    [({"state": ReplicaState.GONE}, True), ({"ref": None}, True), ({"state": ReplicaState.LINKED}, False)],
)
def test_a_copy_that_is_back_gets_the_comments_that_it_lacks(world: World, facts: dict[str, Any], gets: bool) -> None:
    with world.engine.store.write() as tx:
        comments.write(tx, world.engine, IncidentId(1), "ann", "We look at it.", Audience.CUSTOMERS)
        tx.execute(delete(t.twin))
    take_in(world, seen(world), **facts)
    with world.engine.store.read() as connection:
        wanted = set(connection.execute(select(t.twin.c.connection)).scalars())
    assert wanted == ({"left", "right"} if gets else set())


SENT: Final = {
    "title": (Attempt("Disk full", "Disk 0"), Attempt("Disk full", "Disk 1 is full")),
    "status": (Attempt("new", "in_progress"), Attempt("new", "new")),
}
"""A write of a title, and of a status as it stood; each had been tried before with something else."""


@pytest.mark.parametrize(
    ("shown", "kind", "took", "left"),
    [
        ("Disk 1 is full", "written", {"title": "Disk 1 is full"}, {}),
        ("Disk full", "attempted", {}, {"title": "Disk 1 is full"}),
        ("Disk 1", "attempted", {}, {"title": "Disk 1 is full"}),
    ],
)
def test_what_became_of_a_write_is_told(
    world: World, shown: str, kind: str, took: dict[str, Any], left: dict[str, Any]
) -> None:
    edit(world, {"title": "Disk 1 is full"})
    sighting = seen(world, title=shown)
    sighting = replace(sighting, reading=replace(sighting.reading, version=Version("9"), annotations={"by": "rule"}))
    copy = take_in(world, sighting, Moment.WRITTEN, ledger=SENT)
    told = next(one for one in entries(world) if one["kind"] in ("written", "attempted"))
    assert (told["kind"], told["connection"]) == (kind, "right")
    assert told["facts"] == {"fields": took, "left": left, "version": "9", "annotations": {"by": "rule"}}
    assert (copy.ledger, copy.touched) == ({}, last(world))


@pytest.mark.parametrize(("moment", "ledger"), [(Moment.LATER, SENT), (Moment.WRITTEN, {}), (Moment.LATER, {})])
def test_only_the_answer_to_a_write_tells_what_became_of_it(
    world: World, moment: Moment, ledger: dict[str, Any]
) -> None:
    edit(world, {"title": "Disk 1 is full"})
    take_in(world, seen(world, title="Disk 1 is full"), moment, ledger=ledger)
    assert {one["kind"] for one in entries(world)} == {"changed"}


@pytest.mark.parametrize(("look_at", "words"), [("", "its rules and rights"), ("its triggers", "its triggers")])
def test_what_a_tool_makes_of_a_write_is_told_once(world: World, look_at: str, words: str) -> None:
    here = world.engine.connections[RIGHT]
    here.config = replace(here.config, kind=replace(here.kind, look_at=look_at))
    edit(world, {"title": "Disk 1 is full"})
    copy = take_in(world, seen(world, title="Disk 1"), Moment.WRITTEN, ledger=SENT)
    [told] = [one for one in entries(world) if one["kind"] == "held"]
    assert (told["connection"], told["reason"]) == ("right", "altered")
    hold = copy.holds["title"]
    assert hold.sentence().endswith(f"look at {words}")
    assert told["facts"]["held"] == {
        "title": {"ours": "Disk 1 is full", "shows": "Disk 1", "kind": "altered", "sentence": hold.sentence()}
    }
    take_in(world, seen(world, title="Disk 1"))
    assert len([one for one in entries(world) if one["kind"] == "held"]) == 1


def test_of_several_fields_that_a_tool_makes_something_else_of_the_first_names_the_reason(world: World) -> None:
    edit(world, {"title": "Disk 1 is full", "team": "storage"})
    ledger = {**SENT, "team": (Attempt("", "storage"),)}
    take_in(world, seen(world, title="Disk 1", team=""), Moment.WRITTEN, ledger=ledger)
    [told] = [one for one in entries(world) if one["kind"] == "held"]
    assert (list(told["facts"]["held"]), told["reason"]) == (["team", "title"], "ignored")


def test_what_is_held_for_another_reason_than_what_a_tool_made_of_our_words_is_not_told_as_that(world: World) -> None:
    edit(world, {"team": None})
    strange = replace(seen(world, team="storage"), unmapped={"severity": ("purple", "nobody knows how bad it is")})
    copy = take_in(world, strange, Moment.BORN, intent=Intent(world.clock.now(), {}))
    assert {name: hold.kind for name, hold in copy.holds.items()} == {
        "severity": Held.UNMAPPED,
        "team": Held.DEFAULT,
    }
    assert "held" not in {one["kind"] for one in entries(world)}


def test_what_a_tool_cannot_tell_of_an_overwritten_edit_is_told(world: World) -> None:
    edit(world, {"title": "Disk 1 is full"})
    copy = take_in(world, replace(seen(world, title="Disk 1 is full"), untold="its history is cut off"), ledger=SENT)
    told = entries(world)[-1]
    assert (told["kind"], told["connection"], told["reason"]) == ("overwritten", "right", "overwritten")
    assert told["facts"] == {
        "conflicts": {},
        "untold": ["status", "title"],
        "sentence": "its history is cut off",
    }
    assert copy.touched == last(world)


def test_an_edit_that_our_write_replaced_where_something_newer_stands_is_told(world: World) -> None:
    edit(world, {"title": "Disk 1 is full"})
    shown = replace(seen(world, title="Disk 2 is full"), replaced={"title": "Disk 3 is full"})
    copy = take_in(world, shown, ledger=SENT)
    told = next(one for one in entries(world) if one["kind"] == "overwritten")
    lost = {"kept": "Disk 2 is full", "lost": "Disk 3 is full", "reason": "overwritten", "open": False}
    assert told["facts"] == {"conflicts": {"title": lost}, "untold": [], "sentence": ""}
    assert copy.touched == last(world)


def test_a_copy_of_no_incident_is_a_fault(world: World) -> None:
    lost = replace(world.copy("right"), incident=IncidentId(7))
    sighting = seen(world)
    with pytest.raises(RuntimeError, match="belongs to no incident"), world.engine.store.write() as tx:
        commit.take_in(tx, world.engine, world.engine.connections[RIGHT], lost, sighting, reviews=Reviews())


# -- which tools get a copy --------------------------------------------------------------------------------------------


class Wanting:
    """Stands for a connection that wants copies, and its configuration."""

    name = RIGHT

    def __init__(self, *powers: Power, record: RecordKind = RecordKind.INCIDENT, severity: str = "") -> None:
        self.kind, self.record = self, record
        self.config = self.copies = self
        self._powers, self._severity = powers, severity

    def can(self, power: Power) -> bool:
        return power in self._powers

    def holds(self, values: Mapping[str, Any]) -> bool:
        return self._severity in ("", values.get("severity"))


def incident(**fields: Any) -> Incident:
    return Incident(IncidentId(1), 1, {"status": "new", "severity": "high", **fields}, {}, NOW)


def copy(name: str) -> Replica:
    return Replica(1, IncidentId(1), ConnectionName(name), ReplicaState.GONE, Token("t"), ref=Ref("7"))


@pytest.mark.parametrize(
    ("connected", "one", "copies", "should"),
    [
        (Wanting(Power.WRITE), incident(), [], True),
        (Wanting(Power.WRITE), incident(status="in_progress"), [copy("left")], True),
        (Wanting(Power.WRITE), incident(), [copy("left"), copy("right")], False),
        (Wanting(Power.WRITE), incident(status="resolved"), [], False),
        (Wanting(Power.WRITE, record=RecordKind.SIGNAL), incident(), [], False),
        (Wanting(Power.WRITE, record=RecordKind.PROBLEM), incident(), [], False),
        (Wanting(Power.FIND), incident(), [], False),
        (Wanting(Power.WRITE, severity="high"), incident(), [], True),
        (Wanting(Power.WRITE, severity="high"), incident(severity="low"), [], False),
    ],
)
def test_which_tools_are_to_get_a_copy(connected: Any, one: Incident, copies: list[Replica], should: bool) -> None:
    assert commit._should_copy(connected, one, copies) is should


class Forgetful:
    """Stands for an engine whose store may have forgotten what was made before a moment."""

    def __init__(self, before: datetime | None) -> None:
        self.in_doubt_before = before

    def may_be_there(self, made_at: datetime | None) -> bool:
        return self.in_doubt_before is not None and (made_at is None or made_at < self.in_doubt_before)


@pytest.mark.parametrize(
    ("before", "power", "opened_at", "may"),
    [
        (NOW, Power.FIND, "2026-03-01T11:59:59.000000Z", True),
        (NOW, Power.FIND, "2026-03-01T12:00:01.000000Z", False),
        (NOW, Power.FIND, None, True),
        (NOW + timedelta(seconds=2), Power.FIND, "2026-03-01T12:00:01.000000Z", True),
        (NOW, Power.WRITE, None, False),
        (None, Power.FIND, "2026-03-01T11:59:59.000000Z", False),
        (None, Power.FIND, "not read at all", False),
    ],
)
def test_a_copy_may_be_there_of_an_incident_that_is_as_old_as_what_the_store_forgot(
    before: datetime | None, power: Power, opened_at: str | None, may: bool
) -> None:
    engine: Any = Forgetful(before)
    connected: Any = Wanting(power)
    assert commit._may_be_there(engine, connected, incident(opened_at=opened_at)) is may

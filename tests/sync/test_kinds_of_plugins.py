"""A kind of item that a plugin offers: what is opened of it has everything that an incident has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Integer, select
from sqlalchemy.schema import Column
from tests.sync.deciding import decide
from tests.sync.world import World

from tieline.core import grants, holds, journal
from tieline.core.access import READ, Grant, Role, Rule, Verdict, may
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, ItemName, Line, Words
from tieline.core.declared import WrongWords
from tieline.core.desk import Desk
from tieline.core.identity import Someone, of_account
from tieline.core.model import (
    Audience,
    Fields,
    FieldSpec,
    FieldType,
    IncidentId,
    ItemKind,
    RecordKind,
    item_number,
    parse_item_number,
    shown_to,
)
from tieline.core.offer import Due, Offer, Offers, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store import tables as t
from tieline.core.views import Views
from tieline.sync import explain, restricting
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.office import Performed
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform
from tieline.sync.sight import sight_of, subject_of

ANN = Someone("ann", "os:ann@here")
EVA = of_account("eva", "here")
PAGES = ("sheet", "wall")


class DrillStatus(StrEnum):
    """Said in words of problems, so that tools for those can hold it."""

    NEW = "new"
    ASSESS = "assess"
    CLOSED = "closed"


DRILL = ItemKind(
    "drill",
    "DRL",
    "What is only tried.",
    DrillStatus,
    frozenset({DrillStatus.CLOSED}),
    (
        FieldSpec("title", FieldType.TEXT, "what is tried", audience=Audience.PUBLIC),
        FieldSpec("workaround", FieldType.RICH_TEXT, "what is done"),
        FieldSpec("seats", FieldType.INTEGER, "how many take part"),
    ),
    kept=frozenset({"seats"}),
)
SEAT = plugin_table("drills", "seat", subject_column(primary_key=True), Column("seats", Integer))


class Planned(PluginEvent, kind="drills.planned"):
    """a drill is planned"""

    seats: int


class Plan(Ask):
    title: Line
    kind: Line = "drill"
    fields: dict[str, Words] | None = None
    of: ItemName | None = None


class Plans(Answer):
    drill: str
    number: int

    def sentence(self) -> str:
        return f"{self.drill} is planned"


def plan(desk: Desk, ask: Plan) -> Callable[[], Plans]:
    """Plan a drill."""
    of = None if ask.of is None else desk.item(ask.of)
    made = desk.open(ask.kind, {"title": ask.title, **(ask.fields or {})}, of=of)
    desk.record(Planned(seats=3), made)
    desk.edit(made, {"workaround": "Run."} if ask.kind == "drill" else {"title": "Another"})
    noted = desk.comment(made, "Who takes part?", Audience.STAFF)
    desk.set_timer("begin", desk.now + timedelta(hours=1), made)
    return lambda: Plans(drill=desk.called(made), number=noted.number)


class Begin(Ask):
    drill: ItemName


class Begins(Answer):
    drill: str

    def sentence(self) -> str:
        return f"{self.drill} begins"


def begin(desk: Desk, ask: Begin) -> Begins:
    """Begin a drill."""
    item = desk.item(ask.drill)
    desk.edit(item, {"status": DrillStatus.ASSESS})
    return Begins(drill=desk.called(item))


def due(desk: Desk, due: Due) -> None:
    desk.edit(desk.item(due.item), {"status": DrillStatus.ASSESS})


def planned(rows: Rows, event: Planned, happened: Happened) -> None:
    rows.put(SEAT, subject=happened.subject, seats=event.seats)


DRILLS = Offer(
    group="drills",
    summary="What is only tried.",
    acts=(
        Act("plan", plan, "drills.plan", ("title",), records=(Planned,)),
        Act("begin", begin, "drills.plan", ("drill",), kind="drill"),
    ),
    rights={"drills.plan": Right("plan a drill", (Role.RESPONDER,))},
    events=(Planned,),
    projections=(Projection("seats", (SEAT,), {Planned: planned}),),
    timers=(TimerKind("begin", due),),
    kinds=(DRILL,),
    does=frozenset({"incident.edit"}),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two tools for incidents, two for drills."""
    kinds: dict[str, RecordKind] = dict.fromkeys(PAGES, DRILL.record)
    made = World(tmp_path, ("left", "right", *PAGES), problems=PAGES, offers=(DRILLS,), kinds=kinds)
    yield made
    made.engine.store.close()


def do(world: World, act: str, **given: Any) -> Performed:
    offers = world.engine.registry.offers
    asker = Asker(ANN, True, world.clock.now(), rules=offers.rules)
    return perform(world.engine, offers.acts[act], offers.acts[act].told(given), asker)


def see(world: World, view: str, **given: Any) -> Any:
    offers = world.engine.registry.offers
    enquiries = Enquiries(world.engine.store, world.engine.config, Views(OWN_VIEWS.by_name.values()), offers=offers)
    return enquiries.see(view, given, Asker(ANN, True, world.clock.now(), rules=offers.rules)).facts


def test_an_act_opens_an_item_and_goes_on_with_it(world: World) -> None:
    done = do(world, "drills plan", title="Power cut")
    assert (done.facts["drill"], done.facts["number"]) == ("DRL-1", 1)
    world.settle(2)
    for name in PAGES:
        assert world.shows(name, "title", "status", "workaround") == ("Power cut", "new", "Run.")
        assert len(world.tools[name].rows()[0].notes) == 1
    assert [len(world.tools[name].rows()) for name in ("left", "right")] == [0, 0]
    with world.engine.store.read() as connection:
        [(item, copies)] = explain.incidents(connection)
        kinds = [entry["kind"] for entry in explain.history(connection, item.id)]
        assert [row.seats for row in connection.execute(select(SEAT))] == [3]
        opened = explain.history(connection, item.id)[0]
    assert (item.number, item.kind, {copy.kind for copy in copies}) == ("DRL-1", "drill", {DRILL.record})
    assert (opened["facts"]["item"], opened["facts"]["uid"]) == ("drill", item.uid)
    assert kinds[:3] == ["opened", "drills.planned", "changed"]
    journal.verify(world.engine.store)


def test_an_engine_that_has_not_its_plugin_has_not_its_kind_whatever_else_is_loaded(world: World) -> None:
    do(world, "drills plan", title="Power cut")
    engine = world.engine
    enquiries = Enquiries(engine.store, engine.config, Views(OWN_VIEWS.by_name.values()), offers=Offers())
    asker = Asker(ANN, True, world.clock.now())
    with pytest.raises(LookupError, match="there is no kind of item 'drill'"):
        enquiries.see("items", {"kind": "drill"}, asker)
    edit, without = OWN.by_name["edit"], world.engine.registry.offers
    engine.registry.offers = Offers()
    try:
        with pytest.raises(LookupError, match="no plugin at work offers items of the kind 'drill'"):
            perform(engine, edit, edit.told({"incident": "ITEM-1", "changes": {"title": "x"}}), asker)
    finally:
        engine.registry.offers = without


def test_two_engines_of_one_process_have_each_their_own_kinds(world: World) -> None:
    do(world, "drills plan", title="Power cut", fields={"workaround": "Run."})
    engine, asker = world.engine, Asker(ANN, True, world.clock.now())
    other = replace(DRILL, prefix="TRY", kept=frozenset(), fields=(FieldSpec("place", FieldType.TEXT, "where"),))
    others = Offers([Offer(group="others", summary="Others.", kinds=(other,))])
    for offers, number, known, unknown in (
        (engine.registry.offers, "DRL-1", "workaround", "place"),
        (others, "TRY-1", "place", "workaround"),
        (Offers(), "ITEM-1", "title", "workaround"),
    ):
        enquiries = Enquiries(engine.store, engine.config, Views(OWN_VIEWS.by_name.values()), offers=offers)
        assert enquiries.see("incident", {"incident": "1"}, asker).facts["incident"] == number
        assert enquiries.see("history", {"incident": number}, asker).facts["items"]
        if offers.kinds.keys() >= {DRILL.record}:
            assert enquiries.see("why", {"incident": number, "field": known}, asker).facts["field"] == known
        with pytest.raises(LookupError, match=f"no field '{unknown}'|offers items of the kind"):
            enquiries.see("why", {"incident": number, "field": unknown}, asker)
    do(world, "drills begin", drill="DRL-1")
    world.settle(2)
    assert world.shows("sheet", "title", "status", "workaround") == ("Power cut", "assess", "Run.")


def test_its_timer_fires_for_it(world: World) -> None:
    do(world, "drills plan", title="Power cut")
    world.clock.advance(3_700)
    world.settle()
    assert world.shows("sheet", "status") == "assess"


def test_what_is_edited_on_any_side_is_taken_in(world: World) -> None:
    do(world, "drills plan", title="Power cut")
    world.settle()
    world.edit("wall", title="Power cut in hall 2")
    world.settle()
    assert world.shows("sheet", "title") == "Power cut in hall 2"
    at_rest = [(name, row.version) for name in PAGES for row in world.tools[name].rows()]
    world.restart()
    world.settle()
    assert [(name, row.version) for name in PAGES for row in world.tools[name].rows()] == at_rest
    assert world.conflicts() == []


def test_a_record_of_the_kind_opens_an_item_of_it(world: World) -> None:
    world.tools["sheet"].make({"title": "Flood", "status": "assess"})
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    assert sorted(item.number for item, _copies in world.incidents()) == ["DRL-2", "INC-1"]
    assert {name: len(world.tools[name].rows()) for name in world.tools} == dict.fromkeys(world.tools, 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "dril"}, "there is no kind of item 'dril'"),
        ({"fields": {"severity": "high"}}, "there is no field 'severity'"),
        ({"fields": {"status": "over"}}, "status is one of new, assess, closed; not 'over'"),
        ({"fields": {"seats": "many"}}, "seats is integer; not 'many'"),
        ({"kind": "problem", "fields": {"status": ""}}, "it always has a status"),
    ],
)
def test_what_there_is_not_is_told_in_a_sentence(world: World, given: dict[str, Any], words: str) -> None:
    with pytest.raises((LookupError, WrongWords), match=words):
        do(world, "drills plan", **{"title": "Flood", **given})
    assert world.incidents() == []


def test_a_plugin_opens_items_of_tielines_own_kinds_too(world: World) -> None:
    assert do(world, "drills plan", title="Disk full", kind="incident").facts["drill"] == "INC-1"
    world.settle()
    assert world.shows("left", "title") == "Another"


def test_an_act_for_a_kind_is_not_done_to_another(world: World) -> None:
    do(world, "drills plan", title="Disk full", kind="incident")
    do(world, "drills plan", title="Flood")
    assert do(world, "drills begin", drill="DRL-2").sentence == "DRL-2 begins"
    with pytest.raises(LookupError, match="INC-1 is of the kind incident, and drills begin is about a drill"):
        do(world, "drills begin", drill="INC-1")
    with pytest.raises(LookupError, match="there is no incident and no ticket 'DRL-1'"):
        do(world, "drills begin", drill="DRL-1")


def test_what_a_plugin_keeps_is_not_edited_by_hand(world: World) -> None:
    do(world, "drills plan", title="Flood")
    decide(world.engine, "edit", incident="DRL-1", changes={"title": "Flood in May"})
    with pytest.raises(NotDone, match="seats of DRL-1 is changed by what is done to it"):
        decide(world.engine, "edit", incident="DRL-1", changes={"seats": "4"})


def test_lists_are_of_one_kind_and_search_reads_its_fields(world: World) -> None:
    do(world, "drills plan", title="Flood")
    do(world, "drills plan", title="Disk full", kind="incident")
    assert [one["incident"] for one in see(world, "incidents")["items"]] == ["INC-2"]
    assert [one["incident"] for one in see(world, "items", kind="drill")["items"]] == ["DRL-1"]
    assert [one["incident"] for one in see(world, "items", kind="drill", search="run.")["items"]] == ["DRL-1"]
    assert see(world, "items", kind="drill", status="closed")["items"] == []
    assert see(world, "incidents", incident="DRL-1")["items"][0]["fields"]["workaround"] == "Run."
    assert see(world, "why", incident="drl-1", field="workaround")["value"] == "Run."
    for given, words in (({"kind": "dril"}, "kind of item 'dril'"), ({"kind": "drill", "status": "x"}, "status 'x'")):
        with pytest.raises(LookupError, match=words):
            see(world, "items", **given)


def test_a_restricted_one_is_there_for_nobody_else(world: World) -> None:
    do(world, "drills plan", title="Flood")
    with world.engine.store.write() as tx:
        restricting.restrict(tx, world.engine, world.incidents()[0][0].id, "tried", actor=ANN)
    with world.engine.store.read() as connection, pytest.raises(LookupError):
        explain.one_named(connection, "DRL-1")


def test_its_fields_are_for_whom_its_kind_says() -> None:
    Offers([DRILLS])
    fields: Fields = {"title": "Flood", "seats": 3, "workaround": "Run."}
    assert shown_to(Audience.PUBLIC, fields, DRILL.record) == {"title": "Flood"}


def test_one_whose_plugin_is_gone_is_still_called_and_found(world: World) -> None:
    assert item_number(RecordKind("gone"), IncidentId(3)) == "ITEM-3"
    assert parse_item_number("ITEM-3") == (None, 3)
    do(world, "drills plan", title="Flood")
    with world.engine.store.read() as connection:
        assert explain.one_named(connection, "ITEM-1").number == "DRL-1"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (replace(DRILL, name="incident"), "another kind of item is called 'incident'"),
        (replace(DRILL, name="signal"), "another kind of item is called 'signal'"),
        (replace(DRILL, prefix="INC"), "INC- stands in front of other numbers"),
        (replace(DRILL, prefix="RES"), "RES- stands in front of other numbers"),
        (replace(DRILL, prefix="d1"), "its prefix 'd1' is not 2 to 6 capital letters"),
        (replace(DRILL, summary=" "), "its summary is empty"),
        (replace(DRILL, over=frozenset({"new"})), "its first status"),
        (replace(DRILL, over=frozenset({"gone"})), "'gone' is over, and none of its statuses"),
        (replace(DRILL, kept=frozenset({"team"})), "'team' is kept, and none of its fields"),
        (replace(DRILL, fields=(FieldSpec("alerts", FieldType.TEXT, "x"),)), "'alerts' is no name of a field"),
        (replace(DRILL, fields=(FieldSpec("how", FieldType.CHOICE, "x"),)), "has choices if and only if"),
    ],
)
def test_a_kind_that_cannot_be_is_refused_with_its_plugin(kind: ItemKind, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Offers([replace(DRILLS, kinds=(kind,), acts=())])


def test_two_plugins_offer_no_kind_of_one_name() -> None:
    other = Offer(group="others", summary="Others.", kinds=(DRILL,))
    with pytest.raises(TypeError, match="another kind of item is called 'drill'"):
        Offers([DRILLS, other])


# -- parts -------------------------------------------------------------------------------------------------------------


def parts(world: World) -> dict[str, str]:
    """INC-1, a drill of it and a drill of that, by the number of each and what it is called."""
    do(world, "drills plan", title="Disk full", kind="incident")
    do(world, "drills plan", title="Flood", of="INC-1")
    do(world, "drills plan", title="Flood in May", of="DRL-2")
    return called(world)


def called(world: World) -> dict[str, str]:
    with world.engine.store.read() as connection:
        rows = connection.execute(select(t.incident.c.id, t.incident.c.kind, t.incident.c.label)).all()
    numbers = [(item_number(RecordKind(row.kind), IncidentId(row.id)), row.label) for row in rows]
    return {number: label or number for number, label in numbers}


def with_eyes(world: World) -> None:
    """Ann may read what is restricted."""
    verdict, security = Verdict(True, Rule.OWNER), Grant(Role.SECURITY)
    with world.engine.store.write() as tx:
        grants.grant(tx, ANN, security, at=world.clock.now(), actor=ANN, verdict=verdict)


def perform_own(world: World, act: str, **given: Any) -> Performed:
    asker = Asker(ANN, True, world.clock.now(), rules=world.engine.registry.offers.rules)
    return perform(world.engine, OWN[act], OWN[act].told(given), asker)


def test_a_part_is_restricted_with_its_whole_and_is_there_again_with_it(world: World) -> None:
    parts(world)
    decide(world.engine, "restrict", incident="INC-1", reason="an insider", actor=ANN)
    labels = called(world)
    assert {label[:4] for label in labels.values()} == {"RES-"} and len(set(labels.values())) == 3
    with_eyes(world)
    with pytest.raises(NotDone, match="a part of what is restricted"):
        perform_own(world, "unrestrict", incident=labels["DRL-3"], reason="it is over")
    perform_own(world, "unrestrict", incident=labels["INC-1"], reason="it is over")
    assert called(world) == {number: number for number in labels}
    journal.verify(world.engine.store)


def test_who_stands_to_an_item_stands_so_to_its_parts_and_to_no_other(world: World) -> None:
    parts(world)
    do(world, "drills plan", title="Another", kind="incident")
    perform_own(world, "people add", incident="INC-1", person=EVA.identity, relation="commander")
    decide(world.engine, "restrict", incident="INC-1", reason="an insider", actor=ANN)
    with world.engine.store.read() as connection:
        facts = grants.facts_of(connection, EVA, world.clock.now(), owns_store=False)
        read, part, other = (
            may(EVA, right, subject, grants.toward(connection, facts, subject))
            for right, number in ((READ, 3), ("incident.edit", 2), (READ, 4))
            for subject in (subject_of(connection, IncidentId(number)),)
        )
        sees = sight_of(connection, EVA, facts)
        assert [one.id for one, _copies in explain.incidents(connection, sight=sees)] == [3, 2, 1]
    assert (read.by, part.by, other.allowed) == ("commander", "commander", False)


def test_what_becomes_a_part_of_what_is_restricted_is_so_from_its_beginning_on(world: World) -> None:
    do(world, "drills plan", title="Disk full", kind="incident")
    decide(world.engine, "restrict", incident="INC-1", reason="an insider", actor=ANN)
    with_eyes(world)
    done = do(world, "drills plan", title="Flood", of=called(world)["INC-1"])
    assert done.facts["drill"].startswith("RES-")
    assert called(world)["DRL-2"] == done.facts["drill"]
    with world.engine.store.read() as connection:
        assert explain.history(connection, IncidentId(2))[0]["kind"] == "restricted"


def test_a_part_is_kept_while_its_whole_is_on_hold_and_is_forgotten_with_it(world: World) -> None:
    parts(world)
    done = decide(world.engine, "holds place", why="a claim", reference="case 7", incident="INC-1", actor=ANN)
    with world.engine.store.write() as tx, pytest.raises(holds.OnHold, match="case 7"):
        holds.refuse(tx, [3])
    with world.engine.store.read() as connection:
        assert set(holds.over(connection, [2, 3])) == {2, 3}
    with world.engine.store.write() as tx:
        holds.lift(tx, int(done.facts["hold"].removeprefix("HOLD-")), world.clock.now())
    journal.forget_incidents(world.engine.store, [1], at=world.clock.now(), actor=ANN, why="it was asked for")
    assert {item.fields["title"] for item, _copies in world.incidents()} == {"(forgotten)"}

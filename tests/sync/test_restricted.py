"""A restricted incident stays in step with its tools; its alerts are doubted and confirmed by whoever sees them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update
from tests.sync.test_absence import ALERTS, TOKEN, Watch
from tests.sync.world import World

from tieline.core import journal
from tieline.core.access import Facts, Grant, Role
from tieline.core.errors import Gone
from tieline.core.identity import of_account
from tieline.core.model import ConnectionName, IncidentId
from tieline.core.port import Ref
from tieline.core.store import tables as t
from tieline.sync import explain, loading, restricting
from tieline.sync.alerts import absence
from tieline.sync.daemon import metrics
from tieline.sync.engine import Engine
from tieline.sync.road import copy_states
from tieline.sync.sight import OUTSIDER, Sight, sight_of

ANN = of_account("ann", "db1")
SECURITY = Facts(datetime(2026, 11, 30, tzinfo=UTC), (Grant(Role.SECURITY),))


def restrict(engine: Engine, number: int) -> str:
    with engine.store.write() as tx:
        return restricting.restrict(tx, engine, IncidentId(number), "an insider", actor=ANN)


def insider(engine: Engine) -> Sight:
    with engine.store.read() as connection:
        return sight_of(connection, ANN, SECURITY)


def test_it_stays_in_step_with_its_tools(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    restrict(world.engine, 1)
    world.edit("left", title="Disk is full")
    world.settle()
    assert world.tools["right"].rows()[0].body["title"] == "Disk is full"
    world.edit("right", status="resolved")
    world.settle()
    assert world.tools["left"].rows()[0].body["status"] == "resolved"
    assert world.incident().fields["status"] == "resolved"
    assert journal.verify(world.engine.store).count > 0
    world.engine.store.close()


def test_who_sees_what_is_asked_in_as_many_queries_however_much_is_restricted(tmp_path: Path) -> None:
    world = World(tmp_path)
    for title in ("Disk full", "Host down", "Link lost"):
        world.tools["left"].make({"title": title, "status": "new"})
    world.settle()
    asked: list[int] = []
    for number in (1, 2, 3):
        restrict(world.engine, number)
        asked.append(0)
        with world.engine.store.read() as connection:

            def count(*_query: object) -> None:
                asked[-1] += 1

            event.listen(connection, "before_cursor_execute", count)
            assert len(sight_of(connection, ANN, SECURITY).reads) == number
            event.remove(connection, "before_cursor_execute", count)
    assert asked == [1, 1, 1]
    world.engine.store.close()


def test_the_label_of_one_that_is_restricted_again_is_another(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    labels = []
    for _ in range(3):
        labels.append(restrict(world.engine, 1))
        with pytest.raises(ValueError, match="restricted already"):
            restrict(world.engine, 1)
        with world.engine.store.write() as tx:
            restricting.unrestrict(tx, world.engine, IncidentId(1), "over", actor=ANN)
    assert len(set(labels)) == 3
    with pytest.raises(LookupError):
        restrict(world.engine, 99)
    world.engine.store.close()


def test_a_record_of_it_that_waits_to_be_read_is_not_parked_for_an_outsider(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    refs = {name: world.copy(name).ref for name in ("left", "right")}
    with world.engine.store.write() as tx:
        row = {"connection": "left", "asked": 0, "received_at": world.clock.now(), "parked": "it cannot be read"}
        tx.execute(insert(t.inbox), [{**row, "ref": refs["left"]}, {**row, "ref": "of-nobody"}])
    restrict(world.engine, 1)
    sight = insider(world.engine)
    with world.engine.store.read() as connection:
        assert [one.sentence for one in explain.parked(connection)] == ["of-nobody: it cannot be read"]
        assert len(explain.parked(connection, sight)) == 2
    world.engine.store.close()


def test_a_timer_about_it_is_not_parked_for_an_outsider(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    label = restrict(world.engine, 1)
    with world.engine.store.write() as tx:
        row = {"key": "reraise:1", "kind": "reraise", "due_at": world.clock.now(), "payload": {"incident": 1}}
        tx.execute(insert(t.timer), {**row, "attempts": 1, "parked": "it failed."})
    sight = insider(world.engine)
    with world.engine.store.read() as connection:
        assert explain.parked(connection) == []
        (seen,) = explain.parked(connection, sight)
    assert f", for {label}:" in seen.sentence
    world.engine.store.close()


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ABSENCE_HOOK_TOKEN", TOKEN)
    one = Watch.begin(tmp_path, "sqlite:///absence.db")
    yield one
    one.engine.store.close()


def doubted(watch: Watch) -> tuple[Sight, frozenset[Ref]]:
    """Twelve alerts that are no longer listed; of two the incident is restricted. Answers who sees them, and which."""
    watch.fire(12)
    watch.poll(2)
    watch.am.state.alerts.clear()
    watch.poll()
    with watch.engine.store.read() as connection:
        rows = connection.execute(select(t.signal).order_by(t.signal.c.id).limit(2)).all()
    for number in {row.incident_id for row in rows}:
        restrict(watch.engine, number)
    return insider(watch.engine), frozenset(Ref(row.episode) for row in rows)


def test_the_alerts_of_it_are_in_no_doubt_and_no_figure_of_an_outsider(watch: Watch) -> None:
    sight, hidden = doubted(watch)
    now = watch.clock.now()
    with watch.engine.store.read() as connection:
        seen, whole = explain.doubts(connection)[ALERTS], explain.doubts(connection, sight)[ALERTS]
        outside, inside = explain.status(connection, now), explain.status(connection, now, sight)
    assert whole.episodes - seen.episodes == hidden
    assert (whole.firing - seen.firing, whole.of - seen.of) == (2, 2)
    for figure in ("signals_firing", "ends_doubted", "incidents_open"):
        assert inside[figure] - outside[figure] == 2, figure


def test_an_outsider_confirms_no_end_that_they_do_not_see(watch: Watch) -> None:
    sight, hidden = doubted(watch)
    with watch.engine.store.read() as connection:
        theirs = explain.doubts(connection)[ALERTS].episodes
    with watch.engine.store.write() as tx:
        absence.confirm(tx, watch.engine, ALERTS, actor=ANN, theirs=theirs)
    with watch.engine.store.read() as connection:
        told = explain.doubts(connection, sight)[ALERTS]
        (entry,) = [row for row in connection.execute(journal.ENTRIES) if row.kind == "ends_confirmed"]
        facts = journal.facts(connection, entry)
    assert told.open == hidden
    assert facts is not None
    assert not hidden & set(facts["episodes"])


@pytest.fixture
def busy(tmp_path: Path):
    """One incident of which everything is told that is told of one: parked, behind, gone, held, firing, flapping."""
    world = World(tmp_path, ("left", "right", "third"))
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle()
    now = world.clock.now()
    copies = {name: world.copy(name).id for name in ("left", "right", "third")}
    facts = {"connection": "left", "firing": True, "labels": {}, "judged": {}, "version": "1", "seen_at": now}
    with world.engine.store.write() as tx:
        late = {"dirty": True, "dirty_since": now - timedelta(minutes=5), "waits": True}
        tx.execute(update(t.replica).where(t.replica.c.id == copies["left"]).values(**late))
        hold = {"title": ["conflict", "a", "b", now.timestamp(), "two said so", 0, False]}
        tx.execute(update(t.replica).where(t.replica.c.id == copies["left"]).values(holds=hold))
        tx.execute(update(t.replica).where(t.replica.c.id == copies["right"]).values(state="parked", parked="no right"))
        tx.execute(update(t.replica).where(t.replica.c.id == copies["third"]).values(state="gone"))
        signal = {**facts, "episode": "e", "incident_id": 1, "group_key": "g", "fields": {"title": "Disk"}}
        tx.execute(insert(t.signal), {**signal, "parked": "the source takes no silence"})
        group = {"group_key": "g", "incident_id": 1, "last_at": now, "flaps": 7, "flapper": "Disk full"}
        tx.execute(insert(t.grouping), {**group, "steady_at": now + timedelta(hours=1)})
    yield world
    world.engine.store.close()


KINDS = ("replica", "inbox", "comment", "signal", "timer")
FIGURES = (
    *("incidents_open", "signals_firing", "copies_gone", "copies_behind", "oldest_undelivered_seconds"),
    *("parked", "conflicts", "severity_unknown"),
)


def test_no_figure_counts_it_but_an_insider_s(busy: World) -> None:
    now = busy.clock.now()
    with busy.engine.store.read() as connection:
        before = explain.status(connection, now)
    assert [figure for figure in FIGURES if not before[figure]] == []
    assert before["flapping"]
    label = restrict(busy.engine, 1)
    sight = insider(busy.engine)
    with busy.engine.store.read() as connection:
        outside, inside = explain.status(connection, now), explain.status(connection, now, sight)
    assert {figure: outside[figure] for figure in FIGURES} == dict.fromkeys(FIGURES, 0)
    assert outside["flapping"] == []
    assert "severity_unknown" not in outside["connections"]["left"]
    assert "held" not in outside["connections"]["left"]
    assert {figure: inside[figure] for figure in FIGURES} == {figure: before[figure] for figure in FIGURES}
    assert [one["incident"] for one in inside["flapping"]] == [label]


def test_what_is_over_and_still_fires_is_told_to_insiders(busy: World) -> None:
    with busy.engine.store.write() as tx:
        tx.execute(update(t.incident).values(status="resolved"))
    label = restrict(busy.engine, 1)
    sight = insider(busy.engine)
    with busy.engine.store.read() as connection:
        told = [explain.status(connection, busy.clock.now(), one) for one in (OUTSIDER, sight)]
    assert [[one["incident"] for one in facts["resolved_while_firing"]] for facts in told] == [[], [label]]


def gauges(world: World) -> dict[str, float]:
    watched: Any = SimpleNamespace(engine=world.engine, pulse=SimpleNamespace(feel=lambda: None))
    told = [sample for metric in metrics._Collector(watched)._store() for sample in metric.samples]
    return {sample.name + "".join(sample.labels.values()): sample.value for sample in told}


@pytest.mark.parametrize("status", ["new", "resolved"])
def test_no_gauge_counts_it(busy: World, status: str) -> None:
    with busy.engine.store.write() as tx:
        tx.execute(update(t.incident).values(status=status))
    before = {name: value for name, value in gauges(busy).items() if value}
    assert len(before) == 7 + (status == "resolved"), before
    restrict(busy.engine, 1)
    assert {name: value for name, value in gauges(busy).items() if value} == {"tieline_store_up": 1}


@pytest.mark.parametrize("hidden", [True, False])
def test_the_gauge_of_what_is_parked_counts_what_the_list_has(busy: World, hidden: bool) -> None:
    now, ref = busy.clock.now(), busy.copy("left").ref
    busy.tools["left"].make({"title": "Another one", "status": "new"})
    busy.settle(2)
    other = busy.copy("left", 2)
    timer = {"kind": "x", "due_at": now, "parked": "it waits"}
    arrival = {"connection": "left", "asked": 0, "received_at": now, "parked": "it cannot be read"}
    with busy.engine.store.write() as tx:
        tx.execute(insert(t.timer), [{**timer, "key": f"k{one}", "payload": {"incident": one}} for one in (1, 2)])
        tx.execute(insert(t.inbox), [{**arrival, "ref": one} for one in (ref, "e", other.ref, "of-nobody")])
        for number, copy in ((1, busy.copy("left")), (2, other)):
            said = {"incident_id": number, "author": "ann", "audience": "staff", "body": "x", "origin": ""}
            comment = loading.new_id(tx.execute(insert(t.comment), {**said, "written_at": now}))
            twin = {"comment_id": comment, "connection": "left", "replica_id": copy.id, "token": f"c{number}"}
            tx.execute(insert(t.twin), {**twin, "state": "parked", "parked": "refused"})
    if hidden:
        restrict(busy.engine, 1)
    with busy.engine.store.read() as connection:
        listed = Counter(one.what for one in explain.parked(connection))
    kinds = {"replica": "copy", **{kind: kind for kind in ("inbox", "comment", "signal", "timer")}}
    told = gauges(busy)
    assert {kind: told[f"tieline_parked{kind}"] for kind in kinds} == {
        kind: listed[what] for kind, what in kinds.items()
    }
    assert sum(listed.values()) == (4 if hidden else 10)


@pytest.mark.parametrize("hidden", [True, False])
def test_whose_place_was_taken_says_nothing_of_a_restricted_one(tmp_path: Path, hidden: bool) -> None:
    world = World(tmp_path)
    for title in ("Disk full", "Disk 2 full"):
        world.tools["left"].make({"title": title, "status": "new"})
    world.settle()
    if hidden:
        restrict(world.engine, 2)
    heir = world.copy("right", 2).ref
    here, gone = world.engine.connections[ConnectionName("right")], Gone("right", "it was merged", merged_into=heir)
    copy_states.lose(world.engine, here, world.copy("right").id, gone)
    said = world.copy("right").parked
    with world.engine.store.read() as connection:
        [told] = [one["facts"] for one in explain.history(connection, IncidentId(1)) if one["kind"] == "merged"]
    assert ("INC-2" in said, told["heir_incident"]) == ((False, None) if hidden else (True, 2))
    assert "Its place was taken by" in said
    world.engine.store.close()

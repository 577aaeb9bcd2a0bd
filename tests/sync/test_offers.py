"""What a plugin offers: acts on its own tables, what it does about what happened, and when a time has come."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, column, delete, func, insert, literal_column, select, table
from structlog.testing import capture_logs
from tests.sync.world import World

from tieline.core.access import Role
from tieline.core.acts import Act, Acts, NotDone
from tieline.core.arguments import Answer, Ask, ItemName
from tieline.core.desk import Desk
from tieline.core.errors import NotAllowed, PluginFault
from tieline.core.events import Changed, Opened
from tieline.core.journal import Someone
from tieline.core.model import Audience
from tieline.core.offer import Due, Follower, Offer, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store import move
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync import explain, restricting
from tieline.sync.office import following, happenings, performing, projecting
from tieline.sync.office.asking import Asker
from tieline.sync.office.office import Office, Performed
from tieline.sync.office.own import OWN
from tieline.sync.work.turn import turn

ANN, BOB = Someone("ann"), Someone("bob")
HOUR = timedelta(hours=1)
Worlds = Callable[..., World]

SEAT = plugin_table("seats", "seat", Column("seat", Integer, primary_key=True), subject_column(), Column("by", Integer))
WATCH = plugin_table(
    "seats", "watch", subject_column(primary_key=True), Column("looks", Integer), Column("is_over", Boolean)
)
EDITS = plugin_table("seats", "edits", subject_column(primary_key=True), Column("edits", Integer))


class Taken(PluginEvent, kind="seats.taken"):
    """somebody took a seat at an incident"""

    seat: int


class Looked(PluginEvent, kind="seats.looked"):
    """it was time to look after an incident"""

    late: int


class Take(Ask):
    incident: ItemName
    seat: int


class Sits(Answer):
    seat: int

    def sentence(self) -> str:
        return f"seat {self.seat} is yours"


def take(desk: Desk, ask: Take) -> Answer:
    """Take a seat at an incident."""
    item = desk.item(ask.incident)
    if desk.rows.first(select(SEAT).where(SEAT.c.seat == ask.seat)) is not None:
        raise NotDone(f"seat {ask.seat} is taken")
    desk.record(Taken(seat=ask.seat), item)
    return Sits(seat=ask.seat)


def taken(rows: Rows, event: Taken, happened: Happened) -> None:
    rows.put(SEAT, seat=event.seat, subject=happened.subject, by=happened.seq)


def looked(rows: Rows, _event: Looked, happened: Happened) -> None:
    found = rows.find(WATCH, subject=happened.subject)
    rows.put(WATCH, subject=happened.subject, looks=1 + (found[0].looks if found else 0), is_over=False)


def edited(rows: Rows, _event: Changed, happened: Happened) -> None:
    if not rows.change(EDITS, {"subject": happened.subject}, edits=happened.seq):
        rows.put(EDITS, subject=happened.subject, edits=happened.seq)


def watch(desk: Desk, happened: Happened) -> None:
    desk.set_timer("look", desk.now + HOUR, desk.item(happened.item), facts={"opened": happened.seq})


def look(desk: Desk, due: Due) -> None:
    item = desk.item(due.item)
    desk.record(Looked(late=int(due.late.total_seconds())), item)
    desk.comment(item, "Does anybody look after this?", Audience.STAFF)


SEATS = Offer(
    group="seats",
    summary="Who sits where.",
    acts=(Act("take", take, "seats.take", ("incident", "seat"), records=(Taken,)),),
    rights={"seats.take": Right("take a seat", (Role.RESPONDER,))},
    events=(Taken, Looked),
    projections=(
        Projection("seats", (SEAT,), {Taken: taken}),
        Projection("watches", (WATCH,), {Looked: looked}),
        Projection("edits", (EDITS,), {Changed: edited}),
    ),
    followers=(Follower("watch", (Opened,), watch),),
    timers=(TimerKind("look", look),),
    does=frozenset({"incident.comment"}),
)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What is logged, which is nobody's to print here."""
    with capture_logs() as lines:
        yield lines


def opened(world: Worlds, *offers: Offer, count: int = 1) -> World:
    made = world("left", offers=offers or (SEATS,))
    made.work()  # a follower begins where it is first at work
    for number in range(count):
        made.tools["left"].make({"title": f"Disk {number} full", "status": "new"})
    made.settle(2)
    return made


def perform(world: World, seat: int, *, actor: Someone = ANN, incident: str = "INC-1", key: str = "") -> Performed:
    acts = Acts([*OWN.by_name.values(), *world.engine.registry.offers.acts.values()])
    given = {"incident": incident, "seat": seat}
    return Office(world.engine, acts).perform("seats take", given, actor=actor, key=key)


def rows_of(world: World, table: Any) -> list[tuple[Any, ...]]:
    with world.engine.store.read() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]


def kinds(world: World, number: int = 1) -> list[str]:
    with world.engine.store.read() as connection:
        return [one["kind"] for one in explain.history(connection, world.incident(number).id)]


def test_an_act_reads_and_writes_its_plugins_own_tables(world: Worlds) -> None:
    one = opened(world)
    done = perform(one, 7)
    assert done.sentence == "seat 7 is yours"
    assert [(row[0], row[1]) for row in rows_of(one, SEAT)] == [(7, one.incident().uid)]
    with pytest.raises(NotDone, match="seat 7 is taken"):
        perform(one, 7, actor=BOB)
    acted, recorded = (entry for entry in history(one) if entry["kind"] in ("acted", "seats.taken"))
    assert recorded["facts"]["cause"] == acted["seq"]
    assert one.verified() > 0


def history(world: World) -> list[dict[str, Any]]:
    with world.engine.store.read() as connection:
        return explain.history(connection, world.incident().id)


def test_whoever_may_not_is_refused_before_anything_is_decided(world: Worlds) -> None:
    one = opened(world)
    perform(one, 7)
    act = one.engine.registry.offers.acts["seats take"]
    nobody = Asker(Someone("nobody", "os:nobody@here"), owns_store=False, now=one.clock.now())
    with pytest.raises(NotAllowed):  # and not that the seat is taken
        performing.perform(one.engine, act, act.told({"incident": "INC-1", "seat": 7}), nobody)
    with one.engine.store.read() as connection:
        entries = connection.execute(select(t.journal.c.kind, t.journal.c.incident_id)).all()
    assert ("act_refused", None) in [tuple(row) for row in entries], "to them there is no item that it could be about"


def test_two_who_want_one_seat_do_not_both_get_it(world: Worlds) -> None:
    one = opened(world)
    for seat in range(10):
        together, got = threading.Barrier(4), list[str]()

        def want(who: str, seat: int = seat, together: threading.Barrier = together, got: list[str] = got) -> None:
            together.wait(10)
            try:
                perform(one, seat, actor=Someone(who))
                got.append(who)
            except NotDone:
                pass

        threads = [threading.Thread(target=want, args=(f"p{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(got) == 1
    assert len(rows_of(one, SEAT)) == 10
    assert kinds(one).count("seats.taken") == 10


def test_a_follower_and_a_timer_act_once_over_restarts(world: Worlds) -> None:
    one = opened(world)
    one.restart()
    one.work()
    one.clock.advance(26 * 3600)
    one.settle(2)
    one.restart()
    one.settle(2)
    assert kinds(one).count("timer_fired") == 1
    ((_subject, looks, _over),) = rows_of(one, WATCH)
    assert looks == 1
    (entry,) = (entry for entry in history(one) if entry["kind"] == "seats.looked")
    assert entry["facts"]["late"] >= 25 * 3600 - 120
    assert entry["actor"] == "plugin:seats"
    (fired,) = (entry for entry in history(one) if entry["kind"] == "timer_fired")
    assert entry["facts"]["cause"] == fired["seq"]
    assert kinds(one).count("commented") == 1


def test_tables_made_anew_are_those_that_were_kept_in_step(world: Worlds) -> None:
    one = opened(world, count=3)
    for seat in range(6):
        perform(one, seat, incident=f"INC-{seat % 3 + 1}")
    one.clock.advance(3700)
    one.settle(2)
    one.edit("left", title="Another title")
    one.settle(2)
    before = {table.name: rows_of(one, table) for table in (SEAT, WATCH, EDITS)}
    assert all(before.values())
    for name, (_offer, projection) in one.engine.registry.offers.projections.items():
        assert projecting.make(one.engine.store, name, projection, "again")
    assert {table.name: rows_of(one, table) for table in (SEAT, WATCH, EDITS)} == before
    assert perform(one, 9).seq is not None
    assert len(rows_of(one, SEAT)) == 7


def test_a_declaration_of_another_version_has_its_tables_made_anew(world: Worlds) -> None:
    one = opened(world)
    perform(one, 1)

    def doubled(rows: Rows, event: Taken, happened: Happened) -> None:
        rows.put(SEAT, seat=event.seat * 2, subject=happened.subject, by=0)

    newer = replace(SEATS, projections=(Projection("seats", (SEAT,), {Taken: doubled}, version=2),))
    one.offers = (newer,)
    one.restart()
    with pytest.raises(NotDone, match=r"seats\.seats is being made anew from the journal; ask again in a moment"):
        perform(one, 3)
    one.work()
    perform(one, 3)
    assert [row[0] for row in rows_of(one, SEAT)] == [2, 6]


def test_what_fails_waits_and_only_the_same_incidents_wait_behind_it(world: Worlds) -> None:
    seen: list[tuple[str, int]] = []
    broken = {"INC-1"}

    def react(desk: Desk, happened: Happened) -> None:
        if happened.item in broken:
            raise RuntimeError("no")
        desk.record(Looked(late=0), desk.item(happened.item))
        seen.append((happened.item, happened.seq))

    one = opened(world, replace(SEATS, followers=(Follower("react", (Opened, Changed), react),), timers=()), count=2)
    one.edit("left", title="Another title")
    one.edit("left", number=2, title="Another one")
    one.settle(2)
    assert [item for item, _seq in seen] == ["INC-2", "INC-2"]
    broken.clear()
    one.clock.advance(3600)
    one.work()
    one.work()
    mine = [seq for item, seq in seen if item == "INC-1"]
    assert len(mine) == 2
    assert mine == sorted(mine)
    assert kinds(one).count("seats.looked") == 2


def test_what_keeps_failing_is_parked_with_a_sentence(world: Worlds) -> None:
    def react(_desk: Desk, _happened: Happened) -> None:
        raise RuntimeError("s3cret")

    one = opened(world, replace(SEATS, followers=(Follower("react", (Opened,), react),), timers=()))
    for _ in range(60):
        one.clock.advance(7200)
        one.work()
    with one.engine.store.read() as connection:
        (row,) = connection.execute(select(t.follower_backlog)).all()
    assert "at last because of this: seats.react: the plugin has a fault: RuntimeError in test_offers.py" in row.parked
    assert "s3cret" not in row.parked


def test_a_plugin_does_only_what_its_offer_says(world: Worlds) -> None:
    one = opened(world, replace(SEATS, does=frozenset()))
    one.clock.advance(3700)
    for _ in range(60):
        one.clock.advance(7200)
        one.work()
    with one.engine.store.read() as connection:
        parked = connection.execute(select(t.timer.c.parked).where(t.timer.c.kind == "seats.look")).scalar_one()
    assert "seats.look needs the right incident.comment, and its offer does not say so in `does`" in parked
    assert "commented" not in kinds(one)


def test_rows_of_what_somebody_may_not_see_are_not_there(world: Worlds) -> None:
    one = opened(world, count=2)
    perform(one, 1, incident="INC-1")
    perform(one, 2, incident="INC-2")
    with one.engine.store.write() as tx:
        restricting.restrict(tx, one.engine, one.incident(1).id, reason="hr", actor=ANN)
    seen: list[int] = []

    def count(desk: Desk, ask: Take) -> Answer:
        """Count the seats."""
        seen.append(desk.rows.all(select(func.count()).select_from(SEAT))[0][0])
        return Sits(seat=ask.seat)

    one.engine.registry.offers.acts["seats take"] = Act("seats take", count, "seats.take", ("incident", "seat"))
    perform(one, 1, incident="INC-2")
    assert seen == [1]


def test_a_row_without_its_match_is_there_whether_or_not_something_else_is_hidden(world: Worlds) -> None:
    one = opened(world, count=2)
    perform(one, 1, incident="INC-2")
    both: list[list[tuple[int, int | None]]] = []

    def beside(desk: Desk, ask: Take) -> Answer:
        """Look at seats, each with how often it was looked after."""
        query = select(SEAT.c.seat, WATCH.c.looks).select_from(SEAT.outerjoin(WATCH, WATCH.c.subject == SEAT.c.subject))
        both.append([tuple(row) for row in desk.rows.all(query)])
        return Sits(seat=ask.seat)

    one.engine.registry.offers.acts["seats take"] = Act("seats take", beside, "seats.take", ("incident", "seat"))
    perform(one, 1, incident="INC-2")
    with one.engine.store.write() as tx:
        restricting.restrict(tx, one.engine, one.incident(1).id, reason="hr", actor=ANN)
    perform(one, 1, incident="INC-2")
    assert both == [[(1, None)], [(1, None)]]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (select(t.incident), "the table incident belongs to somebody else"),
        (select(func.count()).select_from(select(SEAT).subquery()), "one `select`, without another one inside"),
        (select(SEAT).where(SEAT.c.seat.in_(select(WATCH.c.looks))), "one `select`, without another one inside"),
        (select(SEAT.alias().c.seat), "by its own name, and not by another one"),
        (select(SEAT.tablesample(func.bernoulli(50)).c.seat), "by its own name, and not by another one"),
        (select(table("incident", column("title"))), "the table incident belongs to somebody else"),
        (select(literal_column("title")).select_from(SEAT), "its own tables' columns, and not of text"),
        (delete(SEAT).returning(SEAT.c.seat), "a query of a plugin is one `select`"),
        (insert(SEAT).values(seat=1, subject="x").returning(SEAT.c.seat), "a query of a plugin is one `select`"),
    ],
)
def test_a_query_that_reaches_further_is_refused(world: Worlds, query: Any, why: str) -> None:
    one = opened(world)

    def reach(desk: Desk, ask: Take) -> Answer:
        """Reach further."""
        desk.rows.all(query)
        return Sits(seat=ask.seat)

    one.engine.registry.offers.acts["seats take"] = Act("seats take", reach, "seats.take", ("incident", "seat"))
    with pytest.raises(PluginFault, match=why):
        perform(one, 1)


def test_two_workers_do_it_once(world: Worlds) -> None:
    one = opened(world, count=5)
    one.clock.advance(3700)
    together = threading.Barrier(2)

    def work() -> None:
        together.wait(10)
        for _ in range(20):
            turn(one.engine, SEATS, threading.current_thread().name)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [kinds(one, number).count("seats.looked") for number in range(1, 6)] == [1] * 5
    with one.engine.store.read() as connection:
        assert following.lags(connection) == {"seats.watch": happenings.last(connection)}


def test_a_copied_store_makes_the_tables_of_plugins_anew(world: Worlds, tmp_path: Path) -> None:
    one = opened(world)
    perform(one, 4)
    target = Store.open(f"sqlite:///{tmp_path}/target.db")
    target.migrate()
    move.copy(one.engine.store, target, at=one.clock.now(), actor=ANN)
    before = rows_of(one, SEAT)
    one.engine.store.close()
    lines = one.file.read_text("utf-8").splitlines()
    there = [f"store: sqlite:///{tmp_path}/target.db" if line.startswith("store:") else line for line in lines]
    one.file.write_text("\n".join(there), "utf-8")
    one.start()
    with pytest.raises(NotDone, match="is being made anew"):
        perform(one, 5)
    one.work()
    assert rows_of(one, SEAT) == before
    perform(one, 5)
    target.close()


def timers_of(world: World) -> list[tuple[str, int, str]]:
    with world.engine.store.read() as connection:
        query = select(t.timer.c.kind, t.timer.c.attempts, t.timer.c.parked).where(t.timer.c.kind.like("seats.%"))
        return [tuple(row) for row in connection.execute(query.order_by(t.timer.c.kind))]


@pytest.mark.parametrize("ahead", [timedelta(0), -HOUR, timedelta(milliseconds=1)])
def test_a_timer_that_sets_itself_for_at_once_is_stopped_and_told_of(world: Worlds, ahead: timedelta) -> None:
    def again(desk: Desk, due: Due) -> None:
        desk.set_timer("look", desk.now + ahead, desk.item(due.item))

    one = opened(world, replace(SEATS, timers=(TimerKind("look", again),)))
    one.clock.advance(3700)
    for _ in range(20):
        one.clock.advance(1)
        one.work()
    assert 16 <= kinds(one).count("timer_fired") <= 17
    for _ in range(30):
        one.clock.advance(7200)
        one.work()
    assert kinds(one).count("timer_fired") <= 17
    ((_kind, _attempts, parked),) = timers_of(one)
    assert "seats.look is set for at once by what it brought about itself" in parked


def test_a_timer_and_a_follower_that_bring_each_other_about_are_stopped(world: Worlds) -> None:
    def at_once(desk: Desk, happened: Happened) -> None:
        desk.set_timer("look", desk.now, desk.item(happened.item))

    def tells(desk: Desk, due: Due) -> None:
        desk.record(Looked(late=0), desk.item(due.item))

    followers = (Follower("watch", (Opened, Looked), at_once),)
    one = opened(world, replace(SEATS, followers=followers, timers=(TimerKind("look", tells),)))
    one.work()
    assert kinds(one).count("timer_fired") <= 17


def test_a_timer_that_sets_itself_for_later_goes_on_for_ever(world: Worlds) -> None:
    def again(desk: Desk, due: Due) -> None:
        desk.set_timer("look", desk.now + HOUR, desk.item(due.item))

    one = opened(world, replace(SEATS, timers=(TimerKind("look", again),)))
    for _ in range(40):
        one.clock.advance(3601)
        one.work()
    assert kinds(one).count("timer_fired") == 40

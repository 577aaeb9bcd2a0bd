"""A plugin whose code has a fault: whoever asks is told that, and where it is, and nothing was done."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs
from tests.sync.test_offers import ANN, SEAT, SEATS, Sits, Take, Taken, kinds, look, opened, perform, take
from tests.sync.world import World

from tieline.core import events
from tieline.core.access import READ, Facts, Grant, Role
from tieline.core.arguments import Answer, Ask
from tieline.core.declared import WrongWords
from tieline.core.desk import Desk, Look
from tieline.core.errors import Misfit, NotThere, PluginFault, StoreUnavailable
from tieline.core.events import Changed, Opened, RestrictedRead
from tieline.core.identity import Someone, of_account
from tieline.core.offer import Due, Follower, Offer, TimerKind
from tieline.core.projections import Happened, Projection, Rows
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.core.views import View, Views
from tieline.sync import explain, restricting
from tieline.sync.office.enquiries import Enquiries, Seen

Worlds = Callable[..., World]


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def acting(run: Callable[[Desk, Take], Any]) -> Offer:
    run.__doc__ = "Take a seat at an incident."
    kinds: tuple[Any, ...] = (Desk, Take, Answer)
    run.__annotations__ = dict(zip([*inspect.signature(run).parameters, "return"], kinds, strict=True))
    return replace(SEATS, acts=(replace(SEATS.acts[0], run=run),))


@dataclass(frozen=True)
class Security:
    """Somebody who reads what is restricted."""

    someone: Someone
    now: datetime

    def facts(self, _connection: Connection | Transaction) -> Facts:
        return Facts(self.now, (Grant(Role.SECURITY),))


def seen(world: World, view: View) -> Seen:
    """What somebody is shown who reads what is restricted."""
    offers = world.engine.registry.offers
    offers.views[f"seats {view.name}"] = replace(view, name=f"seats {view.name}")
    enquiries = Enquiries(world.engine.store, world.engine.config, Views(offers.views.values()), offers=offers)
    return enquiries.see(f"seats {view.name}", {}, Security(of_account("sue", "here"), world.clock.now()))


RAISED = (
    KeyError("rota"),
    IndexError("list index out of range"),
    LookupError("there is none"),
    ValueError("not enough values to unpack"),
    PermissionError("no"),
    StopIteration(),
    StoreUnavailable("no store today"),
    SystemExit(3),
)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_an_act_raises_by_mistake_is_told_as_its_fault_and_where(
    world: Worlds, logged: list[MutableMapping[str, Any]], error: BaseException
) -> None:
    def run(_desk: Desk, _ask: Take) -> Answer:
        raise error

    one = opened(world, acting(run))
    line = run.__code__.co_firstlineno + 1
    words = rf"seats take: the plugin has a fault: {type(error).__name__} in test_plugin_faults\.py:{line}\. Nothing"
    with pytest.raises(PluginFault, match=words) as told:
        perform(one, 7)
    assert told.value.__cause__ is error
    assert [entry["what"] for entry in logged if entry["event"] == "plugin_failed"] == ["seats take"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NotThere("there is no rota payments"), NotThere),
        (Misfit("seats are counted from one"), WrongWords),
    ],
)
def test_what_an_act_says_on_purpose_is_told_as_it_is(world: Worlds, error: Exception, told: type[Exception]) -> None:
    def run(_desk: Desk, _ask: Take) -> Answer:
        raise error

    with pytest.raises(told, match=str(error)):
        perform(opened(world, acting(run)), 7)


def test_an_item_that_is_not_there_is_told_so(world: Worlds) -> None:
    with pytest.raises(NotThere, match="there is no incident and no ticket 'INC-9'"):
        perform(opened(world), 7, incident="INC-9")


def test_what_is_noted_and_cannot_be_written_is_the_plugins_fault(world: Worlds) -> None:
    def taken(_rows: Rows, event: Taken, _happened: Happened) -> None:
        raise KeyError(event.seat)

    one = opened(world, replace(SEATS, projections=(Projection("seats", (SEAT,), {Taken: taken}),)))
    with pytest.raises(PluginFault, match=r"the tables of 'seats', entry \d+: the plugin has a fault: KeyError"):
        perform(one, 7)
    assert "seats.taken" not in kinds(one)


def test_a_value_that_cannot_be_is_told_as_wrong_words(world: Worlds) -> None:
    def run(desk: Desk, ask: Take) -> Answer:
        desk.edit(desk.item(ask.incident), {"status": "no such status"})
        return Sits(seat=ask.seat)

    with pytest.raises(WrongWords, match="status is one of new, "):
        perform(opened(world, acting(run)), 7)


def test_a_query_that_the_database_refuses_is_the_plugins_fault(world: Worlds) -> None:
    def run(desk: Desk, ask: Take) -> Answer:
        desk.rows.all(select(func.no_such_function(SEAT.c.seat)))
        return Sits(seat=ask.seat)

    with pytest.raises(PluginFault, match="seats take: the plugin has a fault"):
        perform(opened(world, acting(run)), 7)


def test_what_whoever_asks_is_told_of_an_answer_that_fails(world: Worlds) -> None:
    class Fails(Answer):
        def sentence(self) -> str:
            raise KeyError("seat")

    one = opened(world, acting(lambda desk, ask: Fails()))
    with pytest.raises(PluginFault, match="KeyError"):
        perform(one, 7)


def test_what_a_view_raises_by_mistake_is_told_as_its_fault(
    world: Worlds, logged: list[MutableMapping[str, Any]]
) -> None:
    def empty(_look: Look, _ask: Everything) -> Told:
        """Show seats."""
        seats: dict[str, Told] = {}
        return seats["all"]

    with pytest.raises(PluginFault, match="seats list: the plugin has a fault: KeyError in test_plugin_faults"):
        seen(opened(world), View("list", empty, READ))
    assert [entry["what"] for entry in logged if entry["event"] == "plugin_failed"] == ["seats list"]


def test_what_says_that_there_is_no_store_is_tried_again_and_then_parked_as_any_fault(world: Worlds) -> None:
    def react(_desk: Desk, _happened: Happened) -> None:
        raise StoreUnavailable("no store today")

    def fire(_desk: Desk, _due: Due) -> None:
        raise StoreUnavailable("no store today")

    followers = (Follower("react", (Changed,), react), SEATS.followers[0])
    one = opened(world, replace(SEATS, followers=followers, timers=(TimerKind("look", fire),)))
    one.edit("left", title="Another title")
    for _ in range(60):
        one.clock.advance(7200)
        one.settle(1)
    with one.engine.store.read() as connection:
        reaction = connection.execute(select(t.follower_backlog.c.parked)).scalar_one()
        timer = connection.execute(select(t.timer.c.parked).where(t.timer.c.kind == "seats.look")).scalar_one()
    assert "seats.react: the plugin has a fault: StoreUnavailable in test_plugin_faults.py" in reaction
    assert "seats.look: the plugin has a fault: StoreUnavailable in test_plugin_faults.py" in timer


@pytest.mark.parametrize("error", [KeyError("seat"), ValueError("seat"), TypeError("seat"), RuntimeError("seat")])
def test_an_upcast_that_fails_delays_no_other_event(world: Worlds, error: Exception) -> None:
    def upcast(facts: Any) -> Any:
        if facts["seat"] == 1:
            raise error
        return facts

    reacted: list[int] = []

    def react(_desk: Desk, happened: Happened) -> None:
        reacted.append(happened.event.seat)  # type: ignore[attr-defined]

    followers = (Follower("react", (Taken,), react), SEATS.followers[0])
    one = opened(world, replace(SEATS, followers=followers, projections=SEATS.projections[:1]), count=2)
    perform(one, 1, incident="INC-1")
    perform(one, 2, incident="INC-2")
    Taken.UPCASTS = (upcast,)
    try:
        one.work()
        assert reacted == [2]
        with one.engine.store.read() as connection:
            assert connection.execute(select(func.count()).select_from(t.follower_backlog)).scalar_one() == 1
            history = explain.history(connection, one.incident(1).id)
        assert {"seat": 1} in [{**entry["facts"]} for entry in history if entry["kind"] == "seats.taken"]
    finally:
        Taken.UPCASTS = ()


def test_an_entry_that_was_upcast_still_says_what_brought_it_about(world: Worlds) -> None:
    one = opened(world)
    perform(one, 1)
    Taken.UPCASTS = (lambda facts: {"seat": facts["seat"]},)
    try:
        with one.engine.store.read() as connection:
            history = explain.history(connection, one.incident().id)
        (facts,) = [entry["facts"] for entry in history if entry["kind"] == "seats.taken"]
        assert events.CAUSE in facts
    finally:
        Taken.UPCASTS = ()


# -- what is over ------------------------------------------------------------------------------------------------------


def test_a_desk_that_is_used_after_its_act_is_told_so(world: Worlds) -> None:
    kept: list[Any] = []

    def run(desk: Desk, ask: Take) -> Answer:
        kept.extend([desk, desk.item(ask.incident), desk.rows])
        return take(desk, ask)

    one = opened(world, acting(run))
    perform(one, 7)
    desk, item, rows = kept[:3]
    for use in (
        lambda: desk.record(Taken(seat=8), item),
        lambda: desk.set_timer("look", desk.now, item),
        lambda: desk.cancel_timer("look", item),
        lambda: desk.item("INC-1"),
        lambda: desk.called_by_id([item.uid]),
        lambda: desk.rows.all(select(SEAT)),
        lambda: rows.all(select(SEAT)),
    ):
        with pytest.raises(TypeError, match="what it was there for is over"):
            use()


def test_what_a_follower_and_a_timer_keep_is_over_as_well(world: Worlds) -> None:
    kept: list[Desk] = []

    def react(desk: Desk, happened: Happened) -> None:
        kept.append(desk)
        desk.set_timer("look", desk.now, desk.item(happened.item))

    def fire(desk: Desk, due: Due) -> None:
        kept.append(desk)
        look(desk, due)

    opened(world, replace(SEATS, followers=(Follower("react", (Opened,), react),), timers=(TimerKind("look", fire),)))
    assert len(kept) >= 2
    for desk in kept:
        with pytest.raises(TypeError, match="what it was there for is over"):
            desk.item("INC-1")


def test_rows_that_are_kept_write_nothing_later(world: Worlds) -> None:
    kept: list[Rows] = []

    def taken(rows: Rows, event: Taken, happened: Happened) -> None:
        for before in kept:
            before.put(SEAT, seat=99, subject=happened.subject, by=0)
        kept.append(rows)
        rows.put(SEAT, seat=event.seat, subject=happened.subject, by=happened.seq)

    one = opened(world, replace(SEATS, projections=(Projection("seats", (SEAT,), {Taken: taken}),)))
    perform(one, 1)
    with pytest.raises(PluginFault, match="what happened is written; write rows only within the function"):
        perform(one, 2)


# -- what is read ------------------------------------------------------------------------------------------------------


class Everything(Ask):
    """All seats."""


class Told(Answer):
    """What there is."""

    seats: tuple[int, ...]


QUERIES = {
    "its rows": select(SEAT.c.seat).order_by(SEAT.c.seat).limit(10),
    "a figure of them": select(func.max(SEAT.c.seat)).where(SEAT.c.seat > 0),
    "figures by something": select(func.count(), SEAT.c.seat).group_by(SEAT.c.seat).having(func.count() > 0),
    "what differs": select(SEAT.c.seat).distinct(),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_view_that_names_no_item_tells_whose_rows_it_showed(world: Worlds, query: Any) -> None:
    def shown(look: Look, _ask: Everything) -> Told:
        """Show seats."""
        return Told(seats=tuple(row[0] for row in look.rows.all(query)))

    one = opened(world, count=3)
    for number in (1, 2):
        perform(one, number, incident=f"INC-{number}")
    with one.engine.store.write() as tx:
        for number in (2, 3):
            restricting.restrict(tx, one.engine, one.incident(number).id, reason="hr", actor=ANN)
    assert seen(one, View("list", shown, READ)).facts["seats"]
    assert reads(one) == [2], "and nothing of the third was shown"


def reads(world: World) -> list[int]:
    query = select(t.journal.c.incident_id).where(t.journal.c.kind == RestrictedRead.KIND)
    with world.engine.store.read() as connection:
        return list(connection.execute(query.order_by(t.journal.c.seq)).scalars())

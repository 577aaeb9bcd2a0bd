"""Two versions of one plugin in a fleet, and one whose code changes while its tables are made."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs
from tests.sync.deciding import decide
from tests.sync.test_offers import SEAT, SEATS, Taken, opened, perform, rows_of
from tests.sync.world import World

from tieline.core.acts import NotDone
from tieline.core.errors import NotThere
from tieline.core.identity import of_account
from tieline.core.offer import Offer
from tieline.core.projections import Happened, Projection, Rows
from tieline.core.shown import Note
from tieline.core.store import tables as t
from tieline.sync.office import projecting
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.work.turn import turn

Worlds = Callable[..., World]


class Stopped(BaseException):
    """A process ends here."""


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def version(number: int) -> Offer:
    """The plugin, whose seats are numbered otherwise in each version."""

    def taken(rows: Rows, event: Taken, happened: Happened) -> None:
        rows.put(SEAT, seat=event.seat + 100 * number, subject=happened.subject, by=0)

    return replace(SEATS, projections=(Projection("seats", (SEAT,), {Taken: taken}, version=number),))


def made(world: World) -> tuple[int, str]:
    """The version of the tables, and who makes them anew."""
    with world.engine.store.read() as connection:
        return tuple(connection.execute(select(t.projected.c.version, t.projected.c.builder)).one())


def test_the_newer_of_two_versions_makes_the_tables_and_the_older_leaves_them(world: Worlds) -> None:
    one = opened(world, version(1))
    perform(one, 7)
    newer = version(2)
    turn(one.engine, newer, "newer")
    before = rows_of(one, SEAT)
    assert [row[0] for row in before] == [207]
    for _ in range(5):
        assert not turn(one.engine, one.offers[0], "older")
        turn(one.engine, newer, "newer")
        assert made(one) == (2, "")
    assert rows_of(one, SEAT) == before
    older = r"the tables of seats\.seats are made by version 2 of the plugin, and this process has 1, which does"
    with pytest.raises(NotDone, match=older):
        perform(one, 8)
    with one.engine.store.read() as connection:
        told = projecting.set_aside(connection, one.engine.registry.offers.by_group.values())
    assert list(told) == ["seats"]
    assert "tieline plugin rebuild seats" in told["seats"]
    engine = one.engine
    enquiries = Enquiries(engine.store, engine.config, OWN_VIEWS, offers=engine.registry.offers)
    owner = Asker(of_account("owner", "here"), owns_store=True, now=one.clock.now())
    answer = enquiries.see("status", {}, owner).answer
    notes = [part for part in answer.shown() if isinstance(part, Note)]
    assert Note("seats", f"{told['seats']}.") in notes


def test_while_the_newer_makes_them_the_older_goes_on_with_what_is_there(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened(world, version(1))
    for seat in range(3):
        perform(one, seat)
    monkeypatch.setattr(projecting, "WINDOW", 1)

    def dies(_rows: Rows, _event: Taken, _happened: Happened) -> None:
        raise Stopped

    newer = version(2)
    begun = replace(newer, projections=(replace(newer.projections[0], applies={Taken: dies}),))
    with suppress(Stopped):
        turn(one.engine, begun, "newer")
    building = made(one)
    turn(one.engine, one.offers[0], "older")
    assert made(one) == building
    perform(one, 7)
    turn(one.engine, newer, "newer")
    assert [row[0] for row in rows_of(one, SEAT)] == [200, 201, 202, 207]


def test_what_is_done_by_itself_is_left_to_the_newer(world: Worlds) -> None:
    one = opened(world, version(1))
    newer = version(2)
    turn(one.engine, newer, "newer")
    one.tools["left"].make({"title": "Another disk", "status": "new"})
    one.settle(1)
    one.work()
    with one.engine.store.read() as connection:
        seqs = connection.execute(select(t.follower_backlog)).all()
        timers = connection.execute(select(t.timer.c.key).where(t.timer.c.kind == "seats.look")).all()
    assert seqs == []
    assert len(timers) == 1
    turn(one.engine, newer, "newer")
    with one.engine.store.read() as connection:
        assert len(connection.execute(select(t.timer.c.key).where(t.timer.c.kind == "seats.look")).all()) == 2


def test_an_older_version_makes_them_anew_once_somebody_says_so(world: Worlds) -> None:
    one = opened(world, version(1))
    perform(one, 7)
    turn(one.engine, version(2), "newer")
    done = decide(one.engine, "plugin rebuild", plugin="seats")
    assert done.sentence == "seats: seats.seats are made anew from the journal, by the version that is at work"
    one.work()
    assert [row[0] for row in rows_of(one, SEAT)] == [107]
    assert made(one)[0] == 1
    with pytest.raises(NotThere, match="there is no plugin with tables 'chairs'"):
        decide(one.engine, "plugin rebuild", plugin="chairs")


PLUGIN = """
from tests.sync.test_offers import ANN, SEAT, Taken
from tieline.core.projections import Projection

died = []

def taken(rows, event, happened):
    if event.seat == {dies}:
        raise died[0]
    rows.put(SEAT, seat=event.seat + {more}, subject=happened.subject, by=0)

SEATS = Projection("seats", (SEAT,), {{Taken: taken}}, version=2)
"""


def installed(file: Path, dies: int, more: int) -> ModuleType:
    """The plugin's code as it is now."""
    file.write_text(PLUGIN.format(dies=dies, more=more), "utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    module.died.append(Stopped())
    return module


@pytest.mark.parametrize("changes", [True, False])
def test_tables_that_other_code_began_are_begun_anew_under_the_same_version(
    world: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    one = opened(world, version(1))
    for seat in range(4):
        perform(one, seat)
    monkeypatch.setattr(projecting, "WINDOW", 1)
    file = tmp_path / "seats_of_another.py"
    try:
        begun = installed(file, dies=2, more=0)
        with suppress(Stopped):
            projecting.make_all(one.engine.store, replace(SEATS, projections=(begun.SEATS,)), "first")
        if changes:
            begun = installed(file, dies=99, more=50)
            newer = replace(SEATS, projections=(begun.SEATS,))
            assert not projecting.make_all(one.engine.store, newer, "second"), "whoever began may be at it"
            assert projecting.make_all(one.engine.store, newer, "second")
            assert [row[0] for row in rows_of(one, SEAT)] == [50, 51, 52, 53]
        else:
            again = installed(file, dies=2, more=0)
            before = made(one)
            with suppress(Stopped):
                projecting.make_all(one.engine.store, replace(SEATS, projections=(again.SEATS,)), "second")
            assert made(one) == before, "and goes on where the first has come"
    finally:
        del sys.modules[file.stem]


IN_STEPS = """
from tests.sync.test_offers import SEAT, Taken
from tieline.core.projections import Projection

died, applied = [], []

def taken(rows, event, happened):
    applied.append(event.seat)
    if len(applied) % 2:
        raise died[0]
    rows.put(SEAT, seat=event.seat + {more}, subject=happened.subject, by=0)

SEATS = Projection("seats", (SEAT,), {{Taken: taken}}, version=2)
"""


def test_two_codes_of_one_version_are_done_though_both_are_at_it(
    world: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each makes one step at a time, by turns, as the workers of a fleet do while a roll-out lasts."""
    one = opened(world, version(1))
    for seat in range(3):
        perform(one, seat)
    monkeypatch.setattr(projecting, "WINDOW", 1)
    monkeypatch.setattr(sys.modules[__name__], "PLUGIN", IN_STEPS)
    files = [tmp_path / "seats_of_the_one.py", tmp_path / "seats_of_the_other.py"]
    try:
        codes = [installed(file, dies=0, more=50 * number) for number, file in enumerate(files)]
        offers = [replace(SEATS, projections=(code.SEATS,)) for code in codes]
        done = list[bool]()
        for turn in range(40):
            with suppress(Stopped):
                done.append(projecting.make_all(one.engine.store, offers[turn % 2], f"worker{turn % 2}"))
        assert done[-2:] == [True, True]
        assert [row[0] for row in rows_of(one, SEAT)] == [0, 1, 2]
        assert codes[1].applied == []
    finally:
        for file in files:
            sys.modules.pop(file.stem, None)

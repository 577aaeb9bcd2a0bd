"""Legal holds: what is to be kept is kept, whoever would let go of it and in whatever way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from tieline.core import holds, journal
from tieline.core.acts import NotDone
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed, NotThere
from tieline.core.holds import OnHold
from tieline.core.identity import Someone
from tieline.core.store import tables as t
from tieline.sync.office.office import Performed
from tieline.sync.office.own import OWN
from tieline.sync.office.performing import perform
from tieline.sync.testing.ground import APPROVERS, NOBODY, OWNER, Ground
from tieline.sync.testing.toy import toy

CASE = "2026-CV-1834"


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with capture_logs():
        made = Ground(tmp_path, toy)
        made.work()
        yield made
        made.close()


def act(ground: Ground, name: str, someone: Someone = OWNER, broken: str | None = None, **given: Any) -> Performed:
    declared = OWN[name]
    return perform(
        ground.engine, declared, declared.told(given), ground.person(someone).asker, key="", break_glass=broken
    )


def place(ground: Ground, **over: Any) -> str:
    label: str = act(ground, "holds place", reference=CASE, why="A lawsuit.", **over).facts["hold"]
    return label


def lift(ground: Ground, label: str, **asked: Any) -> None:
    proposed = act(ground, "holds lift", hold=label, why="It is settled.", **asked).proposal
    act(ground, "proposals approve", APPROVERS[0], proposal=proposed)


def forget(ground: Ground, number: str) -> None:
    journal.forget_incidents(
        ground.engine.store, [ground.incident(number).id], at=ground.clock.now(), actor="dpo", why="request 12"
    )


def shred(ground: Ground, number: str) -> None:
    item = ground.incident(number).id
    with ground.engine.store.read() as connection:
        query = select(t.journal.c.seq).where(t.journal.c.incident_id == item).order_by(t.journal.c.seq)
        first = connection.execute(query.limit(1)).scalar_one()
    journal.shred(ground.engine.store, [first], at=ground.clock.now(), actor="dpo", why="request 12")


def forget_whoever_edited_it(ground: Ground, number: str) -> None:
    act(ground, "edit", APPROVERS[1], incident=number, changes={"team": "ops"})
    journal.forget(ground.engine.store, APPROVERS[1].identity, at=ground.clock.now(), actor="dpo")


OVERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "an item": lambda number: {"incident": number},
    "a condition": lambda _number: {"condition": 'severity == "critical"'},
    "everything": lambda _number: {"everything": True},
}
WAYS = [forget, shred, forget_whoever_edited_it]


@pytest.mark.parametrize("over", OVERS)
def test_what_is_held_is_let_go_of_in_no_way_before_the_hold_is_lifted(ground: Ground, over: str) -> None:
    number = ground.open()
    label = place(ground, **OVERS[over](number))
    for way in WAYS:
        with pytest.raises(OnHold, match=f"{label} is over it, for {CASE}"):
            way(ground, number)
    lift(ground, label)
    for way in reversed(WAYS):
        way(ground, number)
    assert ground.incident(number).fields["title"] == "(forgotten)"


def test_what_is_not_under_it_may_go(ground: Ground) -> None:
    held, free = ground.open(), ground.open(severity="low")
    place(ground, incident=held)
    place(ground, condition='severity == "critical"')
    forget(ground, free)
    with pytest.raises(OnHold):
        forget(ground, held)


def test_nobody_edits_an_item_from_under_a_hold(ground: Ground) -> None:
    before, since = ground.open(severity="low"), ground.open()
    ground.edit(before, severity="critical")
    ground.edit(before, severity="low")
    place(ground, condition='severity == "critical"')
    for _ in range(2):
        ground.edit(since, severity="low")
        ground.edit(since, title="Disk fuller")
    forget(ground, before)
    with pytest.raises(OnHold):
        forget(ground, since)


def test_what_a_condition_cannot_be_asked_of_is_held(ground: Ground) -> None:
    number = ground.open(title="a(")
    place(ground, condition='"x".matches(title)')
    with pytest.raises(OnHold):
        forget(ground, number)


def test_nobody_alone_lifts_a_hold_not_even_who_may_break_glass(ground: Ground) -> None:
    number = ground.open()
    label = place(ground, incident=number)
    proposed = act(ground, "holds lift", hold=label, why="It is settled.").proposal
    with pytest.raises(NotAllowed):
        act(ground, "proposals approve", proposal=proposed)
    with pytest.raises(WrongWords, match="nobody does that at once"):
        act(ground, "holds lift", hold=label, why="It is settled.", broken="It is night.")
    with pytest.raises(OnHold):
        forget(ground, number)


def test_what_makes_no_sense_is_refused_in_a_sentence(ground: Ground) -> None:
    number = ground.open()
    label = place(ground, incident=number)
    with pytest.raises(NotDone, match=f"{label} is over {number} already"):
        place(ground, incident=number)
    for given in ({}, {"incident": number, "everything": True}, {"condition": "severity == 3"}, {"condition": "x &&"}):
        with pytest.raises(WrongWords):
            place(ground, **given)
    for name in ("HOLD-9", "INC-1"):
        with pytest.raises(LookupError):
            act(ground, "holds lift", hold=name, why="It is settled.")
    with pytest.raises(NotAllowed):
        act(ground, "holds place", NOBODY, reference=CASE, why="A lawsuit.", incident=number)
    lift(ground, label)
    with pytest.raises(NotDone, match="lifted at"):
        act(ground, "holds lift", hold=label, why="It is settled.")


def test_a_hold_over_what_is_restricted_is_not_there_for_an_outsider(ground: Ground) -> None:
    number = ground.open()
    label = place(ground, incident=number)
    ground.restrict(number)
    with pytest.raises(NotThere):
        act(ground, "holds lift", hold=label, why="It is settled.")


def test_it_stays_over_a_restart_and_is_told_in_the_journal(ground: Ground) -> None:
    number = ground.open()
    label = place(ground, incident=number)
    ground.restart()
    with pytest.raises(OnHold):
        forget(ground, number)
    lift(ground, label)
    kinds = [one.kind for one in ground.entries()]
    assert ("hold_placed" in kinds, "hold_lifted" in kinds) == (True, True)
    with ground.engine.store.read() as connection:
        assert holds.in_force(connection) == []
    assert journal.verify(ground.engine.store).count == len(kinds)

"""What becomes of an incident whose alerts go on and off, change by change: followed, held, or left alone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import delete, select, update
from tests.sync.office import ALERTS, Office

from tieline.core.model import IncidentId, Signal, Status
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.sync import loading
from tieline.sync.alerts import board, damping, groups
from tieline.sync.alerts.flaps import Flaps
from tieline.sync.alerts.groups import Group
from tieline.sync.alerts.judging import Judgements
from tieline.sync.records import Incident
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

FIRST: Final = IncidentId(1)
SIGNAL: Final = Signal(ALERTS, "e1", {"title": "Disk is full"})
HOLD: Final = {"incident": 1, "connection": "alerts", "signal": "e1", "title": "Disk is full"}
MINUTE: Final = timedelta(minutes=1)


@pytest.fixture
def firing(office: Office) -> Office:
    """One incident, of one alert that fires and told of it long ago."""
    fire(office)
    return office


def fire(office: Office) -> None:
    office.fire()
    office.notify()
    office.run_alerts()
    office.clock.advance(600)


def stand(office: Office, status: str, *, by_alerts: bool = True, fires: bool = True) -> None:
    """The incident has a status that its alerts gave it, or a person; the alert fires or does not."""
    with office.engine.store.write() as tx:
        tx.execute(update(t.signal).values(firing=fires))
        if by_alerts:
            damping.set_status(tx, office.engine, incident(tx), Status(status), SIGNAL)
    if not by_alerts:
        office.decide(status)


def incident(tx: Transaction) -> Incident:
    found = loading.load_incident(tx, FIRST, lock=True)
    assert found is not None
    return found


def flapping(office: Office, *held: Flaps) -> list[str]:
    """As many groups of the incident, which flap like this; answers their keys."""
    with office.engine.store.write() as tx:
        [first] = groups.of_incident(tx, FIRST)
        keys = [first, *(f"other {number}" for number in range(1, len(held)))]
        groups.remember(tx, [(key, FIRST) for key in keys[1:]], office.clock.now() - 10 * MINUTE)
        for key, one in zip(keys, held, strict=False):
            groups.flapped(tx, key, one)
    return keys


def flaps(office: Office) -> list[Flaps]:
    with office.engine.store.write() as tx:
        return list(groups.of_incident(tx, FIRST).values())


def timers(office: Office) -> list[tuple[Any, ...]]:
    columns = t.timer.c
    with office.engine.store.read() as connection:
        found = connection.execute(
            select(columns.key, columns.due_at, columns.payload).where(columns.kind == damping.HOLD)
        )
        return [tuple(row) for row in found]


def told(office: Office) -> list[dict[str, Any]]:
    return [entry for entry in office.history() if entry["at"] == office.clock.now()]


# -- a hold is over ----------------------------------------------------------------------------------------------------


def release(office: Office, number: int = 1) -> None:
    with office.engine.store.write() as tx:
        damping.release(tx, office.engine, {**HOLD, "incident": number}, Judgements())


@pytest.mark.parametrize(
    ("status", "by_alerts", "fires", "resolves", "then"),
    [
        ("new", True, True, True, "new"),
        ("new", True, False, True, "resolved"),
        ("new", True, False, False, "new"),
        ("in_progress", False, False, True, "resolved"),
        ("in_progress", False, True, True, "in_progress"),
        ("resolved", True, True, True, "new"),
        ("resolved", True, True, False, "new"),
        ("resolved", True, False, True, "resolved"),
        ("resolved", False, True, True, "resolved"),
        ("closed", True, True, True, "closed"),
        ("closed", False, False, True, "closed"),
    ],
)
def test_after_a_hold_an_incident_is_as_its_alerts_are_unless_a_person_said_otherwise(
    firing: Office, status: str, by_alerts: bool, fires: bool, resolves: bool, then: str
) -> None:
    stand(firing, status, by_alerts=by_alerts, fires=fires)
    held = Flaps(2, firing.clock.now() + MINUTE, firing.clock.now())
    [key] = flapping(firing, held)
    firing.configure(resolve=resolves)
    firing.clock.advance(1)
    release(firing)
    assert firing.incident().fields["status"] == then
    assert flaps(firing) == [Flaps(held.count, held.steady_at, None)]
    changes = [(entry["actor"], entry["reason"]) for entry in told(firing) if entry["kind"] == "changed"]
    assert changes == ([] if then == status else [("alerts", "signalled")])
    with firing.engine.store.write() as tx:
        last = tx.execute(select(t.grouping.c.last_at).where(t.grouping.c.group_key == key)).scalar_one()
        shown = board.words(tx, firing.engine, FIRST, Status(then))
    assert (last == firing.clock.now()) is (then == "resolved" != status)
    assert then == status or firing.incident().fields["alerts"] == shown


def test_a_hold_that_is_over_while_a_person_decides_leaves_what_was_decided(fleet_office: Office) -> None:
    fire(fleet_office)
    stand(fleet_office, "new", fires=False)
    flapping(fleet_office, Flaps(2, fleet_office.clock.now() + MINUTE, fleet_office.clock.now()))
    with ThreadPoolExecutor(1) as beside:
        with fleet_office.engine.store.write() as tx:
            commit.edit(tx, fleet_office.engine, FIRST, {"status": "closed"}, actor="ann", reason=Reason.EDITED)
            other = beside.submit(release, fleet_office)
            fleet_office.wait_until_it_waits(other)
        other.result(60)
    assert fleet_office.incident().fields["status"] == "closed"


@pytest.mark.parametrize(
    ("status", "by_alerts", "fires", "moves"),
    [
        ("resolved", True, True, True),
        ("resolved", True, False, False),
        ("resolved", False, True, False),
        ("new", True, True, False),
        ("new", True, False, False),
        ("closed", True, True, False),
    ],
)
def test_what_its_group_left_behind_fires_on_where_alerts_had_resolved_it(
    firing: Office, status: str, by_alerts: bool, fires: bool, moves: bool
) -> None:
    stand(firing, status, by_alerts=by_alerts, fires=fires)
    with firing.engine.store.write() as tx:
        tx.execute(delete(t.grouping))
    firing.clock.advance(1)
    release(firing)
    release(firing, 7)
    changes = [(entry["kind"], entry["reason"]) for entry in told(firing) if entry["kind"] in ("changed", "opened")]
    assert (changes, firing.count()) == ([("changed", "reraised")] if moves else [], 1)


# -- an end ------------------------------------------------------------------------------------------------------------


def ended(office: Office, signal: Signal = SIGNAL) -> bool:
    with office.engine.store.write() as tx:
        return damping.ended(tx, office.engine, incident(tx), signal)


@pytest.mark.parametrize(
    ("counts", "status", "follows", "minutes"),
    [
        ([0], "new", True, None),
        ([0], "in_progress", True, None),
        ([0], "resolved", False, None),
        ([0], "closed", False, None),
        ([1], "new", False, 1),
        ([3], "new", False, 4),
        ([1], "resolved", False, None),
        ([1, 0], "new", False, 1),
        ([0, 1], "new", False, 1),
        ([0, 0], "new", True, None),
        ([], "new", True, None),
        ([], "closed", False, None),
    ],
)
def test_an_end_is_followed_unless_any_group_of_its_incident_flaps(
    firing: Office, counts: Sequence[int], status: str, follows: bool, minutes: int | None
) -> None:
    stand(firing, status)
    steady = firing.clock.now() + timedelta(hours=1)
    flapping(firing, *(Flaps(count, steady if count else None) for count in counts))
    if not counts:
        with firing.engine.store.write() as tx:
            tx.execute(delete(t.grouping))
    assert ended(firing) is follows
    until = None if minutes is None else firing.clock.now() + minutes * MINUTE
    assert {one.held_until for one in flaps(firing)} - {None} == ({until} if until else set())
    assert timers(firing) == ([("flap_hold:1", until, HOLD)] if until else [])
    assert [entry["kind"] for entry in told(firing)].count("signal_held") == (until is not None)


# -- a beginning -------------------------------------------------------------------------------------------------------


def began(office: Office, signal: Signal = SIGNAL) -> Group:
    with office.engine.store.write() as tx:
        [(key, before)] = groups.of_incident(tx, FIRST).items()
        return damping.began(tx, office.engine, Group(key, incident(tx), before), signal)


@pytest.mark.parametrize(
    ("status", "by_alerts", "count", "then", "counted"),
    [
        ("resolved", True, 0, "new", 1),
        ("resolved", True, 1, "resolved", 2),
        ("resolved", False, 0, "new", 0),
        ("resolved", False, 3, "new", 3),
        ("in_progress", False, 1, "in_progress", 1),
    ],
)
def test_a_beginning_reopens_what_was_resolved_and_is_held_when_it_flaps(
    firing: Office, status: str, by_alerts: bool, count: int, then: str, counted: int
) -> None:
    stand(firing, status, by_alerts=by_alerts)
    flapping(firing, Flaps(count, firing.clock.now() + timedelta(hours=1)))
    group = began(firing)
    assert (group.incident.fields["status"], group.flaps.count) == (then, counted)
    assert firing.incident().fields["status"] == then
    assert flaps(firing) == [group.flaps]
    assert len(timers(firing)) == (group.flaps.held_until is not None) == (then == "resolved")


@pytest.mark.parametrize(
    ("title", "kept"), [("Disk is full", "Disk is full"), (None, ""), (7, ""), ("x" * 300, "x" * 200)]
)
def test_who_flaps_is_known_by_the_alert_that_did_it_last(firing: Office, title: Any, kept: str) -> None:
    stand(firing, "resolved")
    began(firing, Signal(ALERTS, "e1", {"title": title}))
    ended(firing, Signal(ALERTS, "e2", {"title": "Another"}))
    with firing.engine.store.read() as connection:
        [one] = groups.flapping(connection, firing.clock.now())
    assert (one.title, one.flaps.count) == (kept, 1)


def test_a_hold_that_goes_on_is_told_once_and_one_that_is_over_has_no_timer(firing: Office) -> None:
    stand(firing, "new")
    flapping(firing, Flaps(1, firing.clock.now() + timedelta(hours=1)))
    firing.clock.advance(1)
    assert not ended(firing)
    assert not ended(firing)
    assert [entry["kind"] for entry in told(firing)] == ["signal_held"]
    began(firing)
    assert timers(firing) == []
    assert [one.held_until for one in flaps(firing)] == [None]
    assert [entry["kind"] for entry in told(firing)] == ["signal_held"]

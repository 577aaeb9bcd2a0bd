"""Alerts that go on and off: no breaker stops them, and their incident does not follow each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from tests.sync.office import Office

from tieline.adapters.testing.clock import START
from tieline.core.options import SignalsConfig
from tieline.core.port import Ref
from tieline.core.store import tables as t
from tieline.sync import explain
from tieline.sync.alerts import damping, flaps, groups, unheeded
from tieline.sync.alerts.flaps import Flaps
from tieline.sync.records import ReplicaState
from tieline.sync.road import robots

SIGNALS = SignalsConfig()
MINUTE = timedelta(minutes=1)
COUNTS = st.integers(0, 10_000)
STATES = st.builds(
    Flaps,
    COUNTS,
    st.none() | st.timedeltas(-2 * SIGNALS.steady_after, 2 * SIGNALS.steady_after).map(lambda one: START + one),
    st.none() | st.timedeltas(timedelta(0), SIGNALS.flap_hold_longest).map(lambda one: START + one),
)


@given(COUNTS)
def test_a_hold_grows_with_the_flaps_up_to_its_bound(count: int) -> None:
    assert flaps.held_for(count, SIGNALS) <= flaps.held_for(count + 1, SIGNALS) <= SIGNALS.flap_hold_longest
    assert (flaps.held_for(count, SIGNALS) == timedelta(0)) is (count == 0)


def test_a_hold_doubles_and_may_be_turned_off() -> None:
    assert [flaps.held_for(count, SIGNALS) // MINUTE for count in range(7)] == [0, 1, 2, 4, 8, 15, 15]
    off = SignalsConfig(flap_hold=timedelta(0))
    assert flaps.held_for(9, off) == timedelta(0)


@given(STATES, st.booleans())
def test_what_never_flapped_or_long_ago_is_followed_at_once(before: Flaps, is_open: bool) -> None:
    after = flaps.at_end(before, START, SIGNALS, is_open=is_open)
    if flaps.known(before, START) == 0:
        assert after.follows is is_open
    assert after.follows is (is_open and after.flaps.held_until is None)
    assert after.flaps.count == before.count, "an end alone is no flap"


@given(STATES, st.booleans(), st.booleans())
def test_a_beginning_is_followed_or_held_or_changes_nothing(before: Flaps, is_resolved: bool, by_alerts: bool) -> None:
    after = flaps.at_beginning(before, START, SIGNALS, is_resolved=is_resolved, by_alerts=by_alerts)
    assert not (after.follows and after.flaps.held_until is not None)
    if is_resolved and not by_alerts:
        assert after.follows and after.flaps.count == before.count, "a person resolved it: it is reopened at once"
    elif not is_resolved:
        assert not after.follows and after.flaps.held_until is None, "it is open, and stays so"
    elif before.held_until is not None:
        assert after == flaps.Damped(before, follows=False)
    else:
        assert after.flaps.count == flaps.known(before, START) + 1
        assert after.follows is (flaps.known(before, START) == 0), "the first flap is seen at once"


# -- between an Alertmanager and two ticket tools ------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    one = Office(tmp_path, "memory", "second")
    one.settle(1)
    yield one
    one.close()


def on(office: Office, seconds: float = 31) -> Ref:
    """The alert begins, is told of, and all settles; time passes."""
    ref = office.fire()
    office.notify()
    office.take_turns()
    office.clock.advance(seconds)
    office.tick()
    return ref


def off(office: Office, ref: Ref, seconds: float = 31) -> None:
    office.alerts.resolve(ref)
    office.notify()
    office.take_turns()
    office.clock.advance(seconds)
    office.tick()


def states(office: Office) -> set[str]:
    with office.engine.store.read() as connection:
        assert explain.parked(connection) == []
    assert {office.copy(tool).state for tool in office.tools} == {ReplicaState.LINKED}
    return {row.body["status"] for tool in office.tools.values() for row in tool.rows()}


def test_an_alert_that_flaps_trips_no_breaker_and_every_tool_shows_how_it_is(desk: Office) -> None:
    """Undamped, it is the tenth change in as many minutes that is followed as faithfully as the first."""
    desk.configure(flap_hold=timedelta(0))
    for _ in range(7):
        ref = on(desk)
        assert states(desk) == {"new"}
        off(desk, ref)
        assert states(desk) == {"resolved"}
    on(desk)
    assert states(desk) == {"new"}
    assert desk.count() == 1


def test_somebody_who_takes_it_on_after_every_flap_is_no_robot(desk: Office) -> None:
    desk.configure(flap_hold=timedelta(0))
    for _ in range(6):
        ref = on(desk)
        assert states(desk) == {"new"}
        [row] = desk.tools["memory"].rows()
        desk.tools["memory"].edit(row.ref, status="in_progress")
        desk.settle(1)
        assert states(desk) == {"in_progress"}
        off(desk, ref)
        assert states(desk) == {"resolved"}
    with desk.engine.store.read() as connection:
        assert robots.of_field(connection, desk.copy("memory"), "status", desk.clock.now()) == ""


def test_a_rule_that_changes_a_status_back_is_still_stopped(desk: Office) -> None:
    """The alert resolved it once; what sets it back again and again is in the tool, and that is a fight."""
    ref = on(desk)
    desk.tools["second"].workflow = lambda body: {"status": "in_progress"} if body.get("status") == "on_hold" else {}
    for _ in range(8):
        desk.decide("on_hold")
        desk.settle(1)
    with desk.engine.store.read() as connection:
        assert [one.what for one in explain.parked(connection)] != []
    off(desk, ref)


def test_flaps_are_held_longer_and_longer_and_then_followed(desk: Office) -> None:
    off(desk, on(desk))
    assert states(desk) == {"resolved"}, "the first end is followed at once"
    ref = on(desk)
    assert states(desk) == {"new"}, "and so is the first flap"
    off(desk, ref, 31)
    assert states(desk) == {"new"}, "its end is held for a minute"
    ref = on(desk)
    off(desk, ref, 90)
    assert states(desk) == {"new"}, "for two minutes after the second flap"
    desk.clock.advance(31)
    desk.tick()
    assert states(desk) == {"resolved"}
    ref = on(desk, 90)
    assert states(desk) == {"resolved"}, "a beginning is held too, after two flaps for two minutes"
    desk.clock.advance(31)
    desk.tick()
    assert states(desk) == {"new"}
    reasons = [entry["reason"] for entry in desk.history() if entry["kind"] == "signal_held"]
    assert reasons == ["flapping"] * 3
    assert ref


def test_what_begins_and_ends_within_its_hold_is_not_followed(desk: Office) -> None:
    off(desk, on(desk))
    off(desk, on(desk), 90)
    assert states(desk) == {"resolved"}
    before = desk.writes("memory")
    off(desk, on(desk, 20), 300)
    assert states(desk) == {"resolved"}
    assert desk.writes("memory") == before
    assert timers(desk) == 0


def test_what_is_held_back_while_its_group_goes_on_to_another_incident_fires_there(desk: Office) -> None:
    """Else it fires in an incident that alerts resolved, and nothing ever looks at it again."""
    desk.configure(window=timedelta(seconds=45))
    off(desk, on(desk))
    off(desk, on(desk), 90)
    held = on(desk, 50)
    labels = {"alertname": "DiskFull", "service": "billing-1", "severity": "warning", "instance": "db2"}
    desk.alerts.fire(labels, {"summary": "Disk 1 is almost full"})
    desk.notify()
    desk.take_turns()
    desk.clock.advance(60)
    desk.tick()
    with desk.engine.store.read() as connection:
        assert len(explain.incidents(connection)) == 2, "the window is over, and so the second alert opened another"
        firing = connection.execute(select(t.signal.c.episode, t.signal.c.incident_id).where(t.signal.c.firing)).all()
        assert unheeded.unheeded(connection) == []
    assert len(firing) == 2 and held in {row.episode for row in firing}
    assert len({row.incident_id for row in firing}) == 1


def timers(office: Office) -> int:
    with office.engine.store.read() as connection:
        held = select(func.count()).select_from(t.timer).where(t.timer.c.kind == damping.HOLD)
        return int(connection.execute(held).scalar_one())


def test_steady_alerts_are_forgotten_to_have_flapped(desk: Office) -> None:
    off(desk, on(desk))
    ref = on(desk)
    desk.clock.advance(SIGNALS.steady_after.total_seconds())
    off(desk, ref)
    assert states(desk) == {"resolved"}
    with desk.engine.store.read() as connection:
        assert explain.status(connection, desk.clock.now())["flapping"] == []


def test_what_a_person_decides_is_never_held(desk: Office) -> None:
    off(desk, on(desk))
    off(desk, on(desk), 5)
    desk.decide("resolved")
    desk.take_turns()
    assert states(desk) == {"resolved"}
    on(desk)
    assert states(desk) == {"new"}, "a person resolved it, and it fires"


def begins_held(office: Office, severity: str = "warning") -> Ref:
    """The alert fires, and its resolved incident does not follow yet, for a minute."""
    off(office, on(office))
    off(office, on(office), 90)
    labels = {"alertname": "DiskFull", "service": "billing-1", "severity": severity, "team": "storage"}
    ref = office.alerts.fire(labels, {"summary": "Disk 1 is almost full"}).ref
    office.notify()
    office.take_turns()
    assert states(office) == {"resolved"}
    return ref


def ends_held(office: Office, _severity: str = "") -> Ref:
    """The alert has ended, and its incident does not follow yet, for a minute."""
    off(office, on(office))
    ref = on(office, 5)
    office.alerts.resolve(ref)
    office.notify()
    office.take_turns()
    assert states(office) == {"new"}
    return ref


@pytest.mark.parametrize(
    ("held", "decisions", "resolves", "status"),
    [
        (ends_held, [], True, "resolved"),
        (ends_held, [], False, "new"),
        (ends_held, ["in_progress"], True, "resolved"),
        (ends_held, ["closed"], True, "closed"),
        (begins_held, [], True, "new"),
        (begins_held, [], False, "new"),
        (begins_held, ["in_progress"], True, "in_progress"),
        (begins_held, ["in_progress", "resolved"], True, "resolved"),
    ],
)
def test_when_a_hold_is_over_what_holds_then_counts(
    desk: Office, held: Callable[[Office], Ref], decisions: list[str], resolves: bool, status: str
) -> None:
    held(desk)
    for one in decisions:
        desk.decide(one)
        desk.take_turns()
    desk.configure(resolve=resolves)
    desk.clock.advance(61)
    desk.tick()
    assert states(desk) == {status}
    assert timers(desk) == 0
    with desk.engine.store.read() as connection:
        assert [one.flaps.held_until for one in groups.flapping(connection, desk.clock.now())] == [None]


@pytest.mark.parametrize("held", [ends_held, begins_held])
def test_what_is_held_is_told_with_its_alert(desk: Office, held: Callable[[Office], Ref]) -> None:
    ref, at = held(desk), desk.clock.now()
    told = [entry for entry in desk.history() if entry["kind"] == "signal_held"][-1]
    assert (told["connection"], told["actor"], told["reason"]) == ("alerts", "alerts", "flapping")
    assert told["facts"] == {
        "flaps": 1 if held is ends_held else 2,
        "until": (at + MINUTE).isoformat(),
        "signal": ref,
        "title": "DiskFull: Disk 1 is almost full",
    }


def test_an_incident_that_reopens_after_its_hold_is_as_bad_as_what_fires(desk: Office) -> None:
    begins_held(desk, "critical")
    assert desk.incident().fields["severity"] == "medium"
    desk.clock.advance(61)
    desk.tick()
    assert states(desk) == {"new"}
    assert desk.incident().fields["severity"] == "critical"


def test_the_window_of_an_incident_runs_from_the_end_that_was_followed(desk: Office) -> None:
    desk.configure(window=timedelta(seconds=45))
    ends_held(desk)
    desk.clock.advance(61)
    desk.tick()
    assert states(desk) == {"resolved"}
    desk.clock.advance(40)
    on(desk, 0)
    assert desk.count() == 1


def test_status_says_which_alert_flaps_how_often_and_until_when_it_is_held(desk: Office) -> None:
    off(desk, on(desk))
    ref = on(desk, 5)
    desk.alerts.resolve(ref)
    desk.notify()
    desk.take_turns()
    at: datetime = desk.clock.now()
    with desk.engine.store.read() as connection:
        [told] = explain.status(connection, at)["flapping"]
        assert groups.flapping(connection, at + 3 * SIGNALS.steady_after) == []
    assert told == {
        "incident": f"INC-{desk.incident().id}",
        "title": "DiskFull: Disk 1 is almost full",
        "flaps": 1,
        "held_until": at + MINUTE,
    }

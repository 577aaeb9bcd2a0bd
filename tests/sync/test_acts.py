"""What becomes of an acknowledgement whose alert is over, or hidden, when its source should hear of it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.sync.office import ALERTS, Office

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter
from tieline.core.client import Client
from tieline.core.errors import Gone, NeedsOperator, TryAgain
from tieline.core.events import Event, SignalTold
from tieline.core.model import Status
from tieline.core.port import Act, Ref, Token
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.core.timers import set_timer
from tieline.sync import explain
from tieline.sync.alerts import acts, signals
from tieline.sync.daemon.firing import fire_timers
from tieline.sync.daemon.lane import Lane, LaneState
from tieline.sync.engine import Engine
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason


def two_alerts(office: Office) -> list[str]:
    """Two alerts of one incident."""
    labels = {"alertname": "DiskFull", "service": "billing", "severity": "warning"}
    refs = [str(office.alerts.fire({**labels, "instance": instance}).ref) for instance in ("a", "b")]
    office.settle()
    assert office.count() == 1
    return refs


def work_on_it(office: Office, status: str = "in_progress") -> None:
    office.decide(status)
    office.run_alerts()


def waiting(office: Office) -> int:
    with office.engine.store.read() as connection:
        assert explain.parked(connection) == []
        return len(list(connection.execute(select(t.signal.c.id).where(t.signal.c.act != t.signal.c.acted))))


def test_an_alert_that_has_ended_is_not_asked_to_be_silent(office: Office) -> None:
    over, fires = two_alerts(office)
    office.alerts.resolve(over)
    office.settle()
    asked = len(office.alerts.requests)
    work_on_it(office)
    assert office.silenced() == 1
    assert waiting(office) == 0
    looks = [path for method, path in office.alerts.requests[asked:] if method == "GET" and path.endswith("/alerts")]
    assert len(looks) == 1, f"only {fires} is looked at"


def test_an_alert_that_ends_before_its_silence_is_set_is_nobodys_business(office: Office) -> None:
    """It has ended over there, and nobody has told us yet: no person is called, and the act goes with the alert."""
    over, _fires = two_alerts(office)
    office.alerts.resolve(over)
    work_on_it(office)
    assert (office.silenced(), waiting(office)) == (1, 1)
    office.settle(12)
    assert (office.silenced(), waiting(office)) == (1, 0)


def test_an_alert_that_its_source_hides_for_a_while_is_silenced_when_it_is_back(office: Office) -> None:
    hidden, _fires = two_alerts(office)
    state = office.alerts.state
    [key] = [key for key in state.alerts if hidden.startswith(key)]
    kept = state.alerts.pop(key)
    work_on_it(office)
    assert (office.silenced(), waiting(office)) == (1, 1)
    state.alerts[key] = kept
    office.settle(12)
    assert (office.silenced(), waiting(office)) == (2, 0)


def test_an_alert_that_was_taken_for_ended_is_silenced_when_it_fires_again(office: Office) -> None:
    flaps, _fires = two_alerts(office)
    state = office.alerts.state
    [key] = [key for key in state.alerts if flaps.startswith(key)]
    kept = state.alerts.pop(key)
    office.settle()
    work_on_it(office)
    assert (office.silenced(), waiting(office)) == (1, 0)
    state.alerts[key] = kept
    office.settle(12)
    assert (office.silenced(), waiting(office)) == (2, 0)


def test_a_silence_is_taken_back_although_its_alert_is_over(office: Office) -> None:
    over, _fires = two_alerts(office)
    work_on_it(office)
    assert office.silenced() == 2
    office.alerts.resolve(over)
    office.settle()
    work_on_it(office, "on_hold")
    assert office.silenced() == 2
    work_on_it(office, "new")
    assert (office.silenced(), waiting(office)) == (0, 0)


def test_a_source_that_knows_nothing_to_take_back_has_nothing_to_take_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter may say so of a silence, too: one denial may be somebody else's, and it is not asked for ever."""
    two_alerts(office)
    work_on_it(office)
    assert office.silenced() == 2

    def gone(ref: Ref, act: Act, **_others: object) -> str:
        raise Gone(ALERTS, f"{ref} has nothing that {act} could take back")

    monkeypatch.setattr(office.engine.connections[ALERTS].source, "acknowledge", gone)
    work_on_it(office, "new")
    assert waiting(office) == 2
    for left in (2, 0):
        office.clock.advance(acts.LISTED_AGAIN.total_seconds() + 1)
        office.settle()
        assert waiting(office) == left


def test_what_somebody_decided_while_the_source_was_asked_is_carried_out(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_alerts(office)
    work_on_it(office)
    source = office.engine.connections[ALERTS].source

    def gone(ref: Ref, _act: Act, **_others: object) -> str:
        monkeypatch.undo()
        office.decide("on_hold")
        raise Gone(ALERTS, f"{ref} has nothing to take back")

    office.alerts.state.silences.clear()
    monkeypatch.setattr(source, "acknowledge", gone)
    work_on_it(office, "new")
    office.settle()
    assert waiting(office) == 0
    assert office.silenced() >= 1


STATES = ("", Act.ACKNOWLEDGE.value, Act.RESOLVE.value, Act.RELEASE.value, acts.UNSURE)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("acted", STATES)
@pytest.mark.parametrize("firing", [True, False])
@pytest.mark.parametrize("silences", [True, False])
def test_no_silence_outlives_the_work_and_none_is_forgotten(
    status: Status, acted: str, *, firing: bool, silences: bool
) -> None:
    act = acts.wanted_act(status, acted, firing=firing, silences=silences)
    worked_on = status in (Status.IN_PROGRESS, Status.ON_HOLD)
    if worked_on and silences and firing:
        assert act == Act.ACKNOWLEDGE.value
    elif acts.may_be_silent(acted):
        stays = worked_on and silences and acted == Act.ACKNOWLEDGE.value
        assert act == acted if stays else act in (Act.RELEASE.value, Act.RESOLVE.value)
    else:
        assert act == acted, "there is nothing to say"


def one_alert(office: Office) -> str:
    ref = office.fire()
    office.settle(1)
    return str(ref)


def turn_off(office: Office) -> None:
    """The configuration does not want alerts silenced any more."""
    office.configure(acknowledge=False)


def hours_later(office: Office, hours: int) -> None:
    for _ in range(hours):
        office.clock.advance(3600)
        office.settle(1)


def refused(ref: Ref, act: Act, **_others: object) -> str:
    raise NeedsOperator(ALERTS, f"no right to {act} {ref}")


@pytest.mark.parametrize("back", ["new", "resolved"])
def test_a_silence_whose_second_setting_was_never_answered_is_taken_back(office: Office, back: str) -> None:
    """What the source held for sure is what is wanted again; what it may hold since is not forgotten."""
    one_alert(office)
    work_on_it(office)
    work_on_it(office, back)
    assert office.silenced() == 0
    office.alerts.lose(method="POST", path="/silences")
    work_on_it(office)
    assert office.silenced() == 1
    work_on_it(office, back)
    office.settle()
    assert (office.silenced(), waiting(office)) == (0, 0)


def test_what_may_have_been_taken_back_is_silenced_again(office: Office) -> None:
    one_alert(office)
    work_on_it(office)
    office.alerts.lose(method="DELETE", path="/silence/")
    work_on_it(office, "new")
    assert office.silenced() == 0
    work_on_it(office)
    office.settle()
    assert (office.silenced(), waiting(office)) == (1, 0)


def test_a_silence_is_not_prolonged_once_the_configuration_wants_none(office: Office) -> None:
    one_alert(office)
    work_on_it(office)
    turn_off(office)
    hours_later(office, 5)
    assert office.incident().fields["status"] == "in_progress"
    assert (office.silenced(), waiting(office)) == (0, 0)


def test_an_act_that_waits_when_the_configuration_wants_none_is_dropped(office: Office) -> None:
    one_alert(office)
    office.decide("in_progress")
    turn_off(office)
    asked = len(office.alerts.requests)
    office.run_alerts()
    assert (office.silenced(), waiting(office)) == (0, 0)
    assert [path for _method, path in office.alerts.requests[asked:] if "silence" in path] == []


@pytest.mark.parametrize("status", ["new", "resolved"])
def test_a_silence_is_taken_back_although_the_configuration_wants_none(office: Office, status: str) -> None:
    one_alert(office)
    work_on_it(office)
    turn_off(office)
    work_on_it(office, status)
    assert (office.silenced(), waiting(office)) == (0, 0)


def test_what_was_refused_for_sure_leaves_nothing_to_take_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person is called because of the refusal, and not once more because nothing could be taken back."""
    ref = one_alert(office)
    monkeypatch.setattr(office.engine.connections[ALERTS].source, "acknowledge", refused)
    office.decide("in_progress")
    office.settle(12)
    with office.engine.store.read() as connection:
        assert len(explain.parked(connection)) == 1
    office.alerts.resolve(ref)
    office.settle(12)
    assert office.incident().fields["status"] == "resolved"
    assert waiting(office) == 0


def test_what_was_decided_before_it_was_sent_is_never_told(office: Office) -> None:
    one_alert(office)
    office.decide("in_progress")
    office.decide("new")
    office.run_alerts()
    assert "signal_told" not in [entry["kind"] for entry in office.history()]
    assert waiting(office) == 0


def test_a_failure_of_what_is_not_wanted_any_more_puts_nothing_aside(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last try to prolong a silence fails while a person closes the incident."""
    one_alert(office)
    work_on_it(office)
    with office.engine.store.write() as tx:
        acts.renew(tx, office.engine, tx.execute(select(t.signal.c.id)).scalar_one())
        tx.execute(update(t.signal).values(attempts=100))

    def fail(ref: Ref, _act: Act, **_others: object) -> str:
        monkeypatch.undo()
        office.decide("closed")
        raise RuntimeError(ref)

    monkeypatch.setattr(office.engine.connections[ALERTS].source, "acknowledge", fail)
    office.run_alerts()
    office.settle()
    assert (office.silenced(), waiting(office)) == (0, 0)


def test_what_an_older_version_could_leave_behind_is_taken_back(office: Office) -> None:
    """It wanted nothing of a source that it knew to be silent, and stumbled over that."""
    one_alert(office)
    work_on_it(office)
    office.decide("new")
    with office.engine.store.write() as tx:
        tx.execute(update(t.signal).values(act="", acted=Act.ACKNOWLEDGE.value))
    assert office.silenced() == 1
    office.settle()
    assert (office.silenced(), waiting(office)) == (0, 0)


def test_an_answer_and_a_decision_at_one_moment_do_not_block_one_another(
    fleet_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = fleet_office
    one_alert(office)
    office.decide("in_progress")
    person = threading.Thread(target=office.decide, args=("new",))
    record = Engine.record

    def meanwhile(engine: Engine, tx: Transaction, event: Event, **facts: Any) -> int:
        if isinstance(event, SignalTold):
            monkeypatch.undo()
            person.start()
            person.join(0.5)  # as far as it gets
        return record(engine, tx, event, **facts)

    monkeypatch.setattr(Engine, "record", meanwhile)
    office.run_alerts()
    person.join()
    office.settle()
    assert office.incident().fields["status"] == "new"
    assert (office.silenced(), waiting(office)) == (0, 0)
    told = [entry["facts"]["act"] for entry in office.history() if entry["kind"] == "signal_told"]
    assert told == ["acknowledge", "release"]


def test_an_end_and_a_decision_at_one_moment_do_not_block_one_another(
    fleet_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = fleet_office
    over = one_alert(office)
    office.alerts.resolve(over)
    failed: list[BaseException] = []

    def decide() -> None:
        try:
            office.decide("in_progress")
        except BaseException as error:
            failed.append(error)
            raise

    person = threading.Thread(target=decide)
    ended = signals._ended

    def meanwhile(*args: Any) -> None:
        monkeypatch.undo()
        person.start()
        person.join(0.5)  # as far as it gets
        ended(*args)

    monkeypatch.setattr(signals, "_ended", meanwhile)
    office.settle()
    person.join()
    assert failed == []
    assert office.lanes[ALERTS].state is LaneState.WORKING
    assert office.incident().fields["status"] == "in_progress"


def test_a_silence_moves_with_its_alert_to_the_next_incident(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The incident is closed, and before its silence is taken back the alert opens another one, which somebody works
    on until the alert is over: what was set for the first one is not forgotten."""
    over = one_alert(office)
    work_on_it(office)
    with monkeypatch.context() as slow:
        slow.setattr(Lane, "_acts", lambda *_args: False)
        office.decide("closed")
        kept = office.alerts.state.alerts.copy()
        office.alerts.state.alerts.clear()
        office.settle()
        office.alerts.state.alerts.update(kept)
        office.settle()
        assert office.count() == 2
        with office.engine.store.write() as tx:
            second = tx.execute(select(t.signal.c.incident_id)).scalar_one()
            commit.edit(tx, office.engine, second, {"status": "in_progress"}, actor="ann", reason=Reason.EDITED)
        office.alerts.resolve(over)
    office.run_alerts()
    office.settle(12)
    assert (office.silenced(), waiting(office)) == (0, 0)


def unreachable(_ref: Ref, _act: Act, **_others: object) -> str:
    raise TryAgain(ALERTS, "no connection (ConnectError)")


def test_a_silence_that_runs_out_while_its_end_waits_is_renewed_when_work_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment of its renewal passes while the source is away and should be told to be loud again."""
    one_alert(office)
    work_on_it(office)
    office.clock.advance(office.engine.config.signals.silence_for.total_seconds() - 11 * 60)
    with monkeypatch.context() as away:
        away.setattr(office.engine.connections[ALERTS].source, "acknowledge", unreachable)
        work_on_it(office, "new")
        office.clock.advance(2 * 60)
        assert fire_timers(office.engine, office.clock.now()) == 1
        office.decide("in_progress")
    hours_later(office, 6)
    assert (office.silenced(), waiting(office)) == (1, 0)


def test_what_was_taken_back_in_part_is_silenced_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are two silences of ours. The one that counts is taken back, the other one is not."""
    ref = Ref(one_alert(office))
    source = office.engine.connections[ALERTS].source
    assert isinstance(source, AlertmanagerAdapter)
    until = office.clock.now() + timedelta(minutes=30)
    source.acknowledge(ref, Act.ACKNOWLEDGE, until=until, note="an older incident", token=Token("tieline-old"))
    work_on_it(office)
    assert office.silenced() == 2
    call = Client.call
    done: list[str] = []

    def once(client: Client, method: str, path: str, **options: Any) -> Any:
        if method == "DELETE" and done:
            raise TryAgain(ALERTS, "no connection (ConnectError)")
        if method == "DELETE":
            done.append(path)
        return call(client, method, path, **options)

    with monkeypatch.context() as breaking:
        breaking.setattr(Client, "call", once)
        work_on_it(office, "new")
        assert len(done) == 1
        office.decide("in_progress")
    office.settle()
    office.clock.advance(1800)
    office.settle()
    assert (office.silenced(), waiting(office)) == (1, 0)


def test_renewals_and_a_decision_at_one_moment_do_not_block_one_another(
    fleet_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timers of two alerts come due the other way round than their incident goes through them."""
    office = fleet_office
    two_alerts(office)
    work_on_it(office)
    with office.engine.store.write() as tx:
        for seconds, number in enumerate(reversed(list(tx.execute(select(t.signal.c.id)).scalars())), 1):
            due = office.clock.now() - timedelta(minutes=1) + timedelta(seconds=seconds)
            set_timer(tx, f"{acts.RENEW}:{number}", acts.RENEW, due, {"signal": number})
    person = threading.Thread(target=office.decide, args=("new",))
    renew = acts.renew

    def meanwhile(*args: Any) -> None:
        monkeypatch.undo()
        renew(*args)
        person.start()
        person.join(0.5)  # as far as it gets

    monkeypatch.setattr(acts, "renew", meanwhile)
    assert fire_timers(office.engine, office.clock.now()) == 2
    person.join()
    office.settle()
    assert office.incident().fields["status"] == "new"
    assert (office.silenced(), waiting(office)) == (0, 0)


def test_what_was_refused_for_an_alert_that_is_over_concerns_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The incident stays open because of another alert."""
    over, _fires = two_alerts(office)
    monkeypatch.setattr(office.engine.connections[ALERTS].source, "acknowledge", refused)
    office.decide("in_progress")
    office.settle(12)
    with office.engine.store.read() as connection:
        assert len(explain.parked(connection)) == 2
    office.alerts.resolve(over)
    office.settle(12)
    with office.engine.store.read() as connection:
        assert len(explain.parked(connection)) == 1

"""What becomes of an acknowledgement whose alert is over, or hidden, when its source should hear of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from tests.sync.office import ALERTS, Office

from tieline.core.errors import Gone
from tieline.core.port import Act, Ref
from tieline.core.store import tables as t
from tieline.sync import explain


def two_alerts(office: Office) -> list[str]:
    """Two alerts of one incident."""
    labels = {"alertname": "DiskFull", "service": "billing", "severity": "warning"}
    refs = [str(office.alerts.fire({**labels, "instance": instance}).ref) for instance in ("a", "b")]
    office.settle()
    assert office.count() == 1
    return refs


def work_on_it(office: Office, status: str = "in_progress") -> None:
    office.decide(status)
    while office.lanes[ALERTS].step():
        pass


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
    """An adapter may say so of a silence, too: it is not asked for ever."""
    two_alerts(office)
    work_on_it(office)
    assert office.silenced() == 2

    def gone(ref: Ref, act: Act, **_others: object) -> str:
        raise Gone(ALERTS, f"{ref} has nothing that {act} could take back")

    monkeypatch.setattr(office.engine.connections[ALERTS].source, "acknowledge", gone)
    work_on_it(office, "new")
    assert waiting(office) == 0


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

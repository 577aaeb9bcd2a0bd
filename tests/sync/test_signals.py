"""Beginnings and ends of alerts, as their webhooks tell of them: in order, late, or one without the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from tests.sync.office import ALERTS, Office

from tieline.adapters.alertmanager.webhook import parse
from tieline.core.episodes import moment_text
from tieline.core.port import Delivery, Ref
from tieline.core.store import tables as t
from tieline.mappings import load
from tieline.sync import explain
from tieline.sync.alerts import absence, board, judging, signals
from tieline.sync.daemon.lane import LaneState
from tieline.sync.intake import inbox

STORM = 12
"""More alerts than a listing may lack without being doubted: nothing but the webhooks tells of their ends."""


def webhook(office: Office) -> bytes:
    """What Alertmanager has to say now. It comes in when `arrive` says so."""
    office.posted.clear()
    office.alerts.flush()
    [body] = office.posted
    return body


def over(office: Office, begins: bytes) -> bytes:
    """The webhook that says of the same alerts that they have just ended."""
    told = json.loads(begins)
    for alert in (told, *told["alerts"]):
        alert["status"] = "resolved"
    for alert in told["alerts"]:
        alert["endsAt"] = moment_text(office.clock.now())
    return json.dumps(told).encode()


def arrive(office: Office, *bodies: bytes) -> None:
    """The webhooks come in, in this order, and are taken in as one batch."""
    with office.engine.store.write() as tx:
        received = [(ALERTS, parse(Delivery({}, body))) for body in bodies]
        inbox.accept_all(tx, received, office.clock.now())
    office.run_alerts()


def fire_and_end(office: Office) -> tuple[bytes, bytes]:
    """An alert that began and ended between two polls: the webhooks of its beginning and of its end."""
    ref = office.fire()
    begins = webhook(office)
    office.clock.advance(5)
    office.alerts.resolve(ref)
    return begins, webhook(office)


def firing(office: Office) -> int:
    with office.engine.store.read() as connection:
        return connection.execute(select(func.count()).select_from(t.signal).where(t.signal.c.firing)).scalar_one()


@pytest.mark.parametrize("together", [True, False])
def test_a_beginning_that_comes_after_its_end_counts_and_fires_no_more(office: Office, together: bool) -> None:
    begins, ends = fire_and_end(office)
    if together:
        arrive(office, ends, begins)
    else:
        arrive(office, ends)
        arrive(office, begins)
    assert office.incident().fields["status"] == "resolved"
    assert office.incident().fields["title"] == "DiskFull: Disk 1 is almost full"
    assert firing(office) == 0
    kinds = [entry["kind"] for entry in office.history()]
    assert kinds.count("signal_ended") == 1
    office.settle()
    assert office.count() == 1
    assert office.incident().fields["status"] == "resolved"


def test_a_storm_whose_ends_overtook_its_beginnings_is_not_doubted(tmp_path: Path) -> None:
    office = Office(tmp_path, "memory")
    office.settle(1)
    stories = []
    for number in range(STORM):
        ref = office.fire(number)
        begins = webhook(office)
        office.alerts.resolve(ref)
        stories.append((begins, webhook(office)))
    for begins, ends in stories:
        arrive(office, ends)
        arrive(office, begins)
    office.settle()
    with office.engine.store.read() as connection:
        assert absence.doubts(connection) == {}
    assert firing(office) == 0
    assert office.count() == STORM
    office.close()


def test_an_end_whose_beginning_never_comes_opens_nothing(office: Office) -> None:
    _begins, ends = fire_and_end(office)
    arrive(office, ends)
    arrive(office, ends)
    office.settle()
    assert office.count() == 0


def test_an_end_whose_beginning_never_comes_is_forgotten_in_time(office: Office) -> None:
    arrive(office, fire_and_end(office)[1])
    told_at = office.clock.now()
    arrive(office, *fire_and_end(office))
    with office.engine.store.write() as tx:
        assert signals.forget_ends(tx, told_at) == 0
        assert signals.forget_ends(tx, office.clock.now()) == 1
        assert signals.forget_ends(tx, office.clock.now()) == 0
        assert tx.execute(select(func.count()).select_from(t.signal)).scalar_one() == 1
    assert office.count() == 1


def test_an_end_that_its_source_takes_back_opens_an_incident_at_the_next_poll(office: Office) -> None:
    """Prometheus was away for longer than an alert holds out: Alertmanager says that it ended, then that it fires."""
    office.fire()
    begins = webhook(office)
    arrive(office, over(office, begins))
    assert office.count() == 0
    office.settle()
    assert office.incident().fields["status"] == "new"
    assert firing(office) == 1


def test_a_late_beginning_joins_its_group_and_ends_with_it(office: Office) -> None:
    """The second episode of an alert, whose webhooks change places, reopens nothing that a person would see."""
    first = fire_and_end(office)
    arrive(office, *first)
    begins, ends = fire_and_end(office)
    arrive(office, ends)
    arrive(office, begins)
    assert office.incident().fields["status"] == "resolved"
    office.settle()
    assert office.count() == 1
    assert office.incident().fields["status"] == "resolved"
    kinds = [entry["kind"] for entry in office.history()]
    assert (kinds.count("signal_joined"), kinds.count("signal_ended")) == (1, 2)


def test_a_late_beginning_undoes_nothing_that_a_person_did_since(office: Office) -> None:
    """The alert is over, somebody works on what it left behind, and then comes the news that it began once more."""
    arrive(office, *fire_and_end(office))
    begins, ends = fire_and_end(office)
    arrive(office, ends)
    office.decide("in_progress")
    arrive(office, begins)
    office.settle()
    assert office.count() == 1
    assert office.incident().fields["status"] == "in_progress"


@pytest.mark.parametrize("together", [True, False])
def test_an_alert_that_a_restarted_source_knows_nothing_of_holds_up_no_other(office: Office, together: bool) -> None:
    """Alertmanager has just started, and for some minutes says nothing of what it may have forgotten."""
    begins, ends = fire_and_end(office)
    arrive(office, ends)
    office.alerts.restart()
    office.fire(2)
    another = webhook(office)
    if together:
        arrive(office, begins, another)
    else:
        arrive(office, begins)
        arrive(office, another)
    assert office.lanes[ALERTS].state is LaneState.WORKING
    assert firing(office) == 1
    office.settle(60)
    with office.engine.store.read() as connection:
        assert explain.parked(connection) == []
        assert connection.execute(select(func.count()).select_from(t.inbox)).scalar_one() == 0


@pytest.mark.parametrize("is_told", [True, False])
def test_an_end_that_is_taken_back_between_two_polls_is_not_believed_for_ever(office: Office, is_told: bool) -> None:
    """The listing shows the alert as it was before: its source was away for a moment, and nothing else tells of it."""
    office.fire()
    begins = webhook(office)
    if is_told:
        arrive(office, begins)
    office.settle(2)
    assert firing(office) == 1
    arrive(office, over(office, begins))
    assert firing(office) == 0
    if is_told:
        arrive(office, begins)
    office.settle()
    assert firing(office) == 1
    assert office.count() == 1
    assert office.incident().fields["status"] == "new"


def flap(office: Office, begins: bytes) -> None:
    """A webhook tells of an end, and the source, asked, takes it back: both are taken in before anything is carried to
    the source."""
    [received] = [parse(Delivery({}, over(office, begins)))]
    with office.engine.store.write() as tx:
        inbox.accept_all(tx, [(ALERTS, received)], office.clock.now())
        inbox.put(tx, ALERTS, [(hint.ref, None) for hint in received.hints], asked=0, now=office.clock.now())
    office.run_alerts()


def test_a_flap_that_reopens_an_incident_takes_its_silence_back(office: Office) -> None:
    """The end resolves the incident, and before the silence is taken back the alert fires again."""
    office.fire()
    begins = webhook(office)
    arrive(office, begins)
    office.decide("in_progress")
    office.settle(1)
    assert office.silenced() == 1
    flap(office, begins)
    assert [entry["kind"] for entry in office.history()].count("signal_ended") == 1
    assert office.incident().fields["status"] == "new"
    assert firing(office) == 1
    assert office.silenced() == 0


def test_a_flap_of_an_alert_that_is_worked_on_is_silenced_anew(office: Office) -> None:
    """Another alert keeps the incident open. What the source was told before may be lost there."""
    labels = {"alertname": "DiskFull", "service": "billing", "severity": "warning"}
    office.alerts.fire({**labels, "instance": "a"})
    begins = webhook(office)
    arrive(office, begins)
    office.alerts.fire({**labels, "instance": "b"})
    office.settle(1)
    assert office.count() == 1
    office.decide("in_progress")
    office.settle(1)
    assert office.silenced() == 2
    office.alerts.state.silences.clear()
    flap(office, begins)
    assert office.incident().fields["status"] == "in_progress"
    assert office.silenced() == 1, "the one that fired again"


def test_a_silence_whose_setting_was_never_answered_is_taken_back(office: Office) -> None:
    """It may be there: the call went out, and the incident went back before it was repeated."""
    office.fire()
    office.settle(1)
    office.alerts.lose(method="POST", path="/silences")
    office.decide("in_progress")
    office.run_alerts()
    assert office.silenced() == 1
    office.decide("new")
    office.settle()
    assert office.silenced() == 0


@pytest.mark.parametrize("is_late", [True, False])
def test_beginnings_after_their_ends_are_judged_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    """A slow plugin is slow once a batch, however late the news of their beginnings is."""
    office.settle(1)
    begun, ended = [], []
    for number in range(STORM):
        ref = office.fire(number)
        begun.append(webhook(office))
        if is_late:
            office.alerts.resolve(ref)
            ended.append(webhook(office))
        else:
            ended.append(over(office, begun[-1]))
    asked = []
    judge = judging.judge

    def counted(*args: Any) -> Any:
        asked.append(len(args[1]))
        return judge(*args)

    monkeypatch.setattr(judging, "judge", counted)
    arrive(office, *ended)
    if is_late:
        arrive(office, *begun)
    office.settle(1)
    assert [count for count in asked if count] == [STORM]
    assert office.count() == STORM
    assert firing(office) == (0 if is_late else STORM)


def test_an_end_that_is_taken_back_opens_its_incident_once_and_is_told_once(office: Office) -> None:
    office.fire()
    begins = webhook(office)
    arrive(office, over(office, begins))
    office.settle()
    kinds = [entry["kind"] for entry in office.history()]
    assert kinds.count("opened") == 1
    assert "signal_joined" not in kinds


def test_a_flap_after_its_incident_was_closed_opens_another_one(office: Office) -> None:
    office.fire()
    begins = webhook(office)
    arrive(office, begins)
    before = office.incident().id
    arrive(office, over(office, begins))
    office.decide("closed")
    office.settle()
    assert office.count() == 2
    assert firing(office) == 1
    with office.engine.store.read() as connection:
        told = explain.history(connection, before)
    assert "signal_joined" not in [entry["kind"] for entry in told]


# -- several alerts of one incident ------------------------------------------------------------------------------------


def told(office: Office, *labels: dict[str, str], summary: str = "full") -> list[Ref]:
    """Alerts of one group fire, and their webhooks are taken in."""
    group = {"alertname": "DiskFull", "service": "billing", "severity": "warning"}
    refs = [office.alerts.fire({**group, **one}, {"summary": summary}).ref for one in labels]
    office.notify()
    office.run_alerts()
    return refs


def ends(office: Office, ref: Ref) -> None:
    office.alerts.resolve(ref)
    office.notify()
    office.run_alerts()


A, B = {"instance": "a"}, {"instance": "b"}


def joins(office: Office) -> None:
    told(office, {"instance": "c"})


def one_ends(office: Office) -> None:
    [_, ref] = office.alerts.control("list", {})
    ends(office, ref["ref"])


def fires_again(office: Office) -> None:
    """One of them: its source takes its end back."""
    office.posted.clear()
    office.alerts.webhook.log.clear()
    begins = json.loads(webhook(office))
    begins["alerts"] = begins["alerts"][:1]
    flap(office, json.dumps(begins).encode())


def is_called_otherwise(office: Office) -> None:
    told(office, A, summary="fuller")
    office.settle(1)


def says_more(office: Office) -> None:
    """Of what the ticket does not show."""
    labels = {"alertname": "DiskFull", "service": "billing", "severity": "warning", **A}
    office.alerts.fire(labels, {"summary": "full", "runbook_url": "https://runbooks.example/disk"})
    office.settle(1)


def fires_on(office: Office) -> None:
    told(office, A)
    office.settle(1)


@pytest.mark.parametrize(
    ("what", "is_shown"),
    [
        (joins, True),
        (one_ends, True),
        (fires_again, True),
        (is_called_otherwise, True),
        (says_more, False),
        (fires_on, False),
    ],
)
def test_what_changes_among_the_alerts_of_an_incident_is_shown_soon(
    office: Office, what: Callable[[Office], None], is_shown: bool
) -> None:
    told(office, A, B)
    with office.engine.store.write() as tx:
        tx.execute(delete(t.timer).where(t.timer.c.kind == board.BOARD))
    what(office)
    with office.engine.store.read() as connection:
        waits = connection.execute(select(t.timer.c.due_at).where(t.timer.c.kind == board.BOARD)).scalars().all()
        assert connection.execute(select(func.count()).select_from(t.incident)).scalar_one() == 1
    assert waits == ([office.clock.now() + office.engine.config.signals.tell_every] if is_shown else [])


def test_the_silences_of_an_incident_that_is_worked_on_follow_its_alerts(office: Office) -> None:
    told(office, A)
    office.decide("in_progress")
    office.run_alerts()
    assert office.silenced() == 1
    [second] = told(office, B)
    assert office.silenced() == 2, "one that joins is worked on, too"
    office.alerts.resolve(second)
    office.settle(1)
    assert office.silenced() == 2, "a silence may outlast its alert while somebody works on the incident"
    office.decide("resolved")
    office.run_alerts()
    assert office.silenced() == 0


@pytest.mark.parametrize(("resolve", "status"), [(True, "resolved"), (False, "new")])
def test_the_last_end_resolves_an_incident_unless_that_is_left_to_people(
    office: Office, resolve: bool, status: str
) -> None:
    office.configure(resolve=resolve)
    [first], [second] = told(office, A), told(office, B)
    ends(office, first)
    assert office.incident().fields["status"] == "new", "another one still fires"
    ends(office, second)
    assert office.incident().fields["status"] == status
    history = [entry for entry in office.history() if entry["kind"].startswith("signal_")]
    assert {(entry["connection"], entry["actor"]) for entry in history} == {("alerts", "alerts")}
    assert [(entry["kind"], entry["facts"]) for entry in history] == [
        ("signal_joined", {"signal": second, "title": "DiskFull: full"}),
        ("signal_ended", {"signal": first}),
        ("signal_ended", {"signal": second}),
    ]


@pytest.mark.parametrize(("seconds", "incidents"), [(45, 1), (46, 2)])
def test_the_window_in_which_an_alert_reopens_its_incident_runs_from_the_end(
    office: Office, seconds: int, incidents: int
) -> None:
    office.configure(window=timedelta(seconds=45))
    [ref] = told(office, A)
    office.clock.advance(300)
    ends(office, ref)
    office.clock.advance(seconds)
    told(office, A)
    assert office.count() == incidents


# -- from values alone -------------------------------------------------------------------------------------------------


class Here:
    """Stands for the connection of a source."""

    name = ALERTS
    mapping = load("alertmanager-alert")


@pytest.mark.parametrize(
    ("labels", "severity", "word", "kept"),
    [
        ({"alertname": "X", "severity": "critical"}, "critical", None, {"alertname": "X", "severity": "critical"}),
        ({"severity": "purple"}, None, "purple", {"severity": "purple"}),
        ({"severity": "p" * 90}, None, "p" * 80, {"severity": "p" * 90}),
        ({"shard": 7, "spare": True}, None, None, {"shard": "7", "spare": "true"}),
        ({}, None, None, {}),
        (None, None, None, {}),
        (["severity"], None, None, {}),
    ],
)
def test_an_alert_is_foreseen_with_its_labels_and_the_word_that_nobody_knows(
    labels: Any, severity: str | None, word: str | None, kept: dict[str, str]
) -> None:
    here: Any = Here()
    for state in ("active", "not known either"):
        signal = signals.foreseen(here, {"labels": labels, "status": {"state": state}}, "e1")
        assert (signal.connection, signal.episode, signal.labels) == (ALERTS, "e1", kept)
        assert signal.firing is (state == "active")
        assert (signal.fields.get("severity"), signal.fields.get("severity_word")) == (severity, word)

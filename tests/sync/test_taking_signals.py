"""What each piece of news of an alert leaves behind: the episode's row, its incident, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import delete, func, select, update
from tests.sync.office import ALERTS, Office

from tieline.adapters.alertmanager.alert import from_webhook, reading
from tieline.core.episodes import moment_text
from tieline.core.port import Version
from tieline.core.store import tables as t
from tieline.sync import explain
from tieline.sync.alerts import board, signals
from tieline.sync.alerts.judging import Judgements, with_judgements
from tieline.sync.road.read import sight
from tieline.sync.road.reconcile import Sighting

GROUP: Final = {"receiver": "tieline", "externalURL": "http://alerts", "groupKey": "{}"}


@dataclass(frozen=True, slots=True)
class News:
    """One word of an alert: that it `fires`, `ends`, is over (without a time), or only waits. A webhook was not `asked`
    for."""

    word: str
    asked: int = 0
    instance: str = "a"
    summary: str = "full"
    severity: str = "warning"


def seen(office: Office, news: News, began: datetime) -> Sighting:
    alert = {
        "status": "firing" if news.word in ("fires", "waits") else "resolved",
        "labels": {"alertname": "Disk", "service": "db", "severity": news.severity, "instance": news.instance},
        "annotations": {"summary": news.summary},
        "startsAt": moment_text(began),
        **({"endsAt": moment_text(began)} if news.word == "ends" else {}),
    }
    found = reading(from_webhook(alert, GROUP))
    shown = sight(office.engine, office.engine.connections[ALERTS], found, asked=news.asked)
    if news.word != "waits":
        return shown
    return replace(shown, reading=replace(found, version=Version("waits")), fields={**shown.fields, "firing": False})


def take(office: Office, *told: News, began: datetime | None = None, together: bool = True) -> None:
    """All of it in one transaction, or each in its own; every alert began now, unless it is said otherwise."""
    sightings = [seen(office, news, began or office.clock.now()) for news in told]
    for batch in [sightings] if together else [[one] for one in sightings]:
        take_in(office, batch)


def take_in(office: Office, batch: Sequence[Sighting]) -> None:
    engine, here = office.engine, office.engine.connections[ALERTS]

    def work(judged: Judgements) -> None:
        with engine.store.write() as tx:
            signals.take_signals(tx, engine, here, batch, judged)

    with_judgements(engine, work)


def rows(office: Office) -> list[Any]:
    with office.engine.store.read() as connection:
        return list(connection.execute(select(t.signal).order_by(t.signal.c.id)))


def asked_for(office: Office) -> int:
    """How many alerts are to be asked for."""
    with office.engine.store.read() as connection:
        return connection.execute(select(func.count()).select_from(t.inbox)).scalar_one()


def kinds(office: Office) -> list[str]:
    """What is told of the first incident."""
    return [entry["kind"] for entry in office.history()]


FIRES, ENDS, OVER = News("fires"), News("ends"), News("is over")
ANSWER: Final = News("fires", asked=5)
OTHERWISE: Final = News("fires", summary="fuller")


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("told", "firing", "status", "entries", "asks"),
    [
        pytest.param([FIRES], True, "new", "opened", 0, id="it begins"),
        pytest.param([ANSWER], True, "new", "opened", 0, id="it is there when asked for"),
        pytest.param([FIRES, FIRES], True, "new", "opened", 0, id="the same again"),
        pytest.param([FIRES, OTHERWISE], True, "new", "opened", 0, id="it says something else"),
        pytest.param([FIRES, ENDS], False, "resolved", "opened signal_ended changed", 0, id="it ends"),
        pytest.param([FIRES, OVER], False, "resolved", "opened signal_ended changed", 0, id="it ends without a time"),
        pytest.param([FIRES, ENDS, ENDS], False, "resolved", "opened signal_ended changed", 0, id="it ends twice"),
        pytest.param(
            [FIRES, ENDS, FIRES], False, "resolved", "opened signal_ended changed", 1, id="news of its end was later"
        ),
        pytest.param(
            [FIRES, ENDS, ANSWER],
            True,
            "new",
            "opened signal_ended changed signal_joined changed",
            0,
            id="its source takes the end back",
        ),
        pytest.param([ENDS, FIRES], False, "resolved", "opened signal_ended changed", 1, id="the end comes first"),
        pytest.param([OVER, FIRES], False, "resolved", "opened signal_ended changed", 1, id="an end without a time"),
        pytest.param([ENDS, OVER, FIRES], False, "resolved", "opened signal_ended changed", 1, id="two ends first"),
        pytest.param([ENDS, ANSWER], True, "new", "opened", 0, id="an end that its source takes back"),
        pytest.param([News("waits", 5), FIRES], True, "new", "opened", 0, id="it waited"),
        pytest.param(
            [FIRES, News("waits", 5)], False, "resolved", "opened signal_ended changed", 0, id="it waits again"
        ),
    ],
)
def test_an_alert_is_followed_whatever_its_news_come_with(
    office: Office, told: Sequence[News], firing: bool, status: str, entries: str, asks: int, together: bool
) -> None:
    take(office, *told, together=together)
    [row] = rows(office)
    assert (row.firing, row.incident_id) == (firing, 1)
    assert (office.incident().fields["status"], office.count()) == (status, 1)
    assert kinds(office) == entries.split()
    assert asked_for(office) == asks


@pytest.mark.parametrize(("news", "is_kept"), [(ENDS, True), (OVER, True), (News("waits", 5), False)])
def test_an_end_is_remembered_and_an_alert_that_waits_is_not(office: Office, news: News, is_kept: bool) -> None:
    take(office, news)
    assert office.count() == 0
    assert [(row.firing, row.incident_id, row.group_key, row.judged) for row in rows(office)] == (
        [(False, None, "", {})] if is_kept else []
    )


def test_of_a_beginning_all_is_kept_that_is_asked_for_later(office: Office) -> None:
    take(office, FIRES)
    kept = dict(rows(office)[0]._mapping)
    fields, version = kept.pop("fields"), kept.pop("version")
    assert (fields["title"], fields["severity"], fields["firing"]) == ("Disk: full", "medium", True)
    assert version
    assert kept == {
        "id": 1,
        "connection": "alerts",
        "episode": kept["episode"],
        "incident_id": 1,
        "group_key": "alertname=Disk,service=db",
        "firing": True,
        "labels": {"alertname": "Disk", "service": "db", "severity": "warning", "instance": "a"},
        "judged": {"impact": "medium", "priority": "p3", "severity": "medium", "urgency": "medium"},
        "act": "",
        "acted": "",
        "handle": "",
        "act_until": None,
        "attempts": 0,
        "next_at": None,
        "parked": "",
        "seen_at": office.clock.now(),
    }
    assert kept["episode"].endswith(moment_text(office.clock.now()))


def test_what_an_alert_says_now_is_kept_beside_what_it_said_once(office: Office) -> None:
    take(office, FIRES)
    before = rows(office)[0]
    take(office, OTHERWISE)
    after = rows(office)[0]
    assert after.version != before.version
    assert after.fields == {**before.fields, "title": "Disk: fuller"}
    take(office, ENDS)
    assert rows(office)[0].fields["title"] == "Disk: full"
    assert (rows(office)[0].version, rows(office)[0].labels) == ("ended", before.labels)


@pytest.mark.parametrize(
    ("then", "is_seen"),
    [
        pytest.param(ANSWER, True, id="listed"),
        pytest.param(FIRES, False, id="told again"),
        pytest.param(OTHERWISE, True, id="told otherwise"),
        pytest.param(ENDS, True, id="ended"),
    ],
)
def test_when_an_alert_was_seen_counts_only_where_no_later_listing_need_tell_of_it(
    office: Office, then: News, is_seen: bool
) -> None:
    began = office.clock.now()
    take(office, FIRES)
    office.clock.advance(9)
    take(office, then, began=began)
    assert rows(office)[0].seen_at == began + timedelta(seconds=9 if is_seen else 0)


@pytest.mark.parametrize(("seconds", "then"), [(-5, 0), (0, 0), (5, 5)])
def test_an_alert_is_never_seen_before_the_last_pass_however_the_clock_is_set(
    office: Office, seconds: int, then: int
) -> None:
    now = office.clock.now()
    with office.engine.store.write() as tx:
        passed = {"polled_at": now + timedelta(seconds=seconds)}
        tx.execute(update(t.cursor).where(t.cursor.c.connection == ALERTS).values(passed))
    take(office, FIRES)
    assert rows(office)[0].seen_at == now + timedelta(seconds=then)


A, B, C = News("fires"), News("fires", instance="b"), News("fires", instance="c")


def test_the_alerts_of_a_batch_that_belong_together_open_one_incident(office: Office) -> None:
    take(office, A, B, C, News("ends", instance="b"))
    assert [row.firing for row in rows(office)] == [True, False, True]
    assert {row.incident_id for row in rows(office)} == {1}
    assert kinds(office) == ["opened", "signal_joined", "signal_joined", "signal_ended"]


@pytest.mark.parametrize(
    ("severity", "unknown"), [("warning", None), ("purple", {"severity": "purple"}), ("", {"severity": ""})]
)
def test_an_incident_is_opened_with_the_word_that_nobody_knows(
    office: Office, severity: str, unknown: dict[str, str] | None
) -> None:
    take(office, News("fires", severity=severity), News("fires", instance="b", severity=severity))
    [opened] = [entry for entry in office.history() if entry["kind"] == "opened"]
    [row, _joined] = rows(office)
    assert opened["actor"] == "alerts"
    assert opened["facts"]["signal"] == row.episode
    assert opened["facts"].get("unknown") == unknown


@pytest.mark.parametrize(
    ("severities", "severity", "raised_by"),
    [
        (["info", "critical", "warning"], "critical", 1),
        (["warning", "info", "info"], "medium", None),
        (["info", "warning", "critical", "critical"], "critical", 2),
    ],
)
def test_what_joins_in_one_batch_raises_its_incident_once_by_the_worst(
    office: Office, severities: list[str], severity: str, raised_by: int | None
) -> None:
    take(office, *(News("fires", instance=str(number), severity=one) for number, one in enumerate(severities)))
    raised = [entry["facts"]["signal"] for entry in office.history() if entry["reason"] == "raised"]
    assert raised == ([] if raised_by is None else [rows(office)[raised_by].episode])
    assert office.incident().fields["severity"] == severity
    assert [row.judged["severity"] for row in rows(office)][raised_by or 0] == severity


def last_at(office: Office) -> datetime:
    with office.engine.store.read() as connection:
        found: datetime = connection.execute(select(t.grouping.c.last_at)).scalar_one()
    return found


@pytest.mark.parametrize(
    ("then", "moves"),
    [(B, True), (ENDS, True), (OTHERWISE, False), (ANSWER, False), (News("ends", instance="b"), False)],
)
def test_the_window_of_a_group_runs_from_what_began_or_ended_last(office: Office, then: News, moves: bool) -> None:
    began = office.clock.now()
    take(office, FIRES)
    office.clock.advance(9)
    take(office, then, began=began)
    assert last_at(office) == began + timedelta(seconds=9 if moves else 0)


def test_an_alert_that_waits_at_who_is_only_asked_is_not_over_before_anything_stands_in_the_journal(
    office: Office,
) -> None:
    office.engine.connections[ALERTS].receiver = None
    began = office.clock.now()
    take(office, News("waits"))
    assert rows(office) == []
    office.clock.advance(30)
    take(office, FIRES, began=began)
    assert [row.firing for row in rows(office)] == [True]
    assert kinds(office) == ["opened"]


@pytest.mark.parametrize("others", [0, 1])
def test_a_late_beginning_is_kept_with_what_its_end_said(office: Office, others: int) -> None:
    take(office, *[B][:others], News("ends", summary="over"), OTHERWISE)
    row = next(row for row in rows(office) if not row.firing)
    assert (row.fields["title"], row.fields["firing"], row.version) == ("Disk: over", False, "ended")
    assert (row.incident_id, row.group_key) == (1, "alertname=Disk,service=db")
    assert row.judged["severity"] == "medium"
    assert row.labels["instance"] == "a"
    told = [entry["kind"] for entry in office.history() if entry["kind"].startswith("signal_")]
    assert told == (["signal_joined", "signal_ended"] if others else ["signal_ended"])
    assert office.incident().fields["status"] == ("new" if others else "resolved")


def test_an_alert_that_becomes_worse_is_known_to_be_so_and_raises_its_incident(office: Office) -> None:
    take(office, FIRES)
    shown = seen(office, OTHERWISE, office.clock.now())
    worse = replace(shown, fields={**shown.fields, "severity": "critical"})
    take_in(office, [worse])
    [row] = rows(office)
    assert (row.judged["severity"], row.judged["priority"]) == ("critical", "p1")
    assert office.incident().fields["severity"] == "critical"
    assert [entry["facts"]["signal"] for entry in office.history() if entry["reason"] == "raised"] == [row.episode]


@pytest.mark.parametrize(
    ("then", "waits"), [(OTHERWISE, True), (ANSWER, False), (News("ends", summary="over"), False), (B, True)]
)
def test_an_incident_whose_last_alert_has_ended_waits_for_no_list_of_alerts(
    office: Office, then: News, waits: bool
) -> None:
    take(office, FIRES)
    with office.engine.store.write() as tx:
        tx.execute(delete(t.timer))
    take(office, then)
    with office.engine.store.read() as connection:
        found = connection.execute(select(t.timer.c.kind).where(t.timer.c.kind == board.BOARD)).scalars().all()
    assert found == ([board.BOARD] if waits else [])


# -- what a source does not know any more ------------------------------------------------------------------------------


def forget(office: Office, *episodes: str) -> None:
    with office.engine.store.write() as tx:
        signals.end_forgotten(tx, office.engine, office.engine.connections[ALERTS], episodes)


def test_what_its_source_has_forgotten_has_ended(office: Office) -> None:
    take(office, A, B, C, News("ends", instance="a"), News("ends", instance="d"))
    before = rows(office)
    office.clock.advance(60)
    forget(office)
    assert rows(office) == before
    forget(office, "nobody@2026-11-23T19:05:08.000Z", *(row.episode for row in before))
    told = [(row.firing, row.version) for row in rows(office)]
    assert told == [(False, "ended"), (False, "forgotten"), (False, "forgotten"), (False, "ended")]
    assert {row.seen_at for row in rows(office) if row.version == "forgotten"} == {office.clock.now()}
    assert kinds(office)[-3:] == ["signal_ended", "signal_ended", "changed"]
    entry = office.history()[-1]
    assert (entry["connection"], entry["actor"], entry["reason"]) == (None, "alerts", "signalled")
    assert office.incident().fields["status"] == "resolved"
    forget(office, *(row.episode for row in before))
    assert kinds(office).count("signal_ended") == 3
    with office.engine.store.read() as connection:
        assert explain.status(connection, office.clock.now())["signals_firing"] == 0

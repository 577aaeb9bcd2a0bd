"""What each piece of news of an alert leaves behind: the episode's row, its incident, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import delete, func, select, update
from tests.sync.office import ALERTS, Office

from tieline.adapters.alertmanager.alert import ended, episode_of, from_webhook, reading
from tieline.core.episodes import moment_text
from tieline.core.model import IncidentId, instant
from tieline.core.port import Version
from tieline.core.store import tables as t
from tieline.sync import explain, loading
from tieline.sync.alerts import board, groups, signals
from tieline.sync.alerts.flaps import Flaps
from tieline.sync.alerts.judging import Judgements, with_judgements
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason
from tieline.sync.road.read import sight
from tieline.sync.road.reconcile import Sighting

GROUP: Final = {"receiver": "tieline", "externalURL": "http://alerts", "groupKey": "{}"}


@dataclass(frozen=True, slots=True)
class News:
    """One word of an alert: that it `fires`, `ends`, is over (without a time), only waits, or is missed where it was
    listed before. A webhook was not `asked` for. Whose labels change has a `fingerprint` of its own."""

    word: str
    asked: int = 0
    instance: str = "a"
    summary: str = "full"
    severity: str = "warning"
    service: str = "db"
    description: str = ""
    fingerprint: str = ""


def seen(office: Office, news: News, began: datetime) -> Sighting:
    alert = {
        "fingerprint": news.fingerprint,
        "status": "firing" if news.word in ("fires", "waits") else "resolved",
        "labels": {
            "alertname": "Disk",
            "service": news.service,
            "severity": news.severity,
            "instance": news.instance,
        },
        "annotations": {
            "summary": news.summary,
            **({"description": news.description} if news.description else {}),
        },
        "startsAt": moment_text(began),
        **({"endsAt": moment_text(began)} if news.word == "ends" else {}),
    }
    body = from_webhook(alert, GROUP)
    if news.word == "is missed":
        body = ended(episode_of(body), office.clock.now())
    found = reading(body)
    shown = sight(office.engine, office.engine.connections[ALERTS], found, asked=news.asked)
    if news.word != "waits":
        return shown
    return replace(shown, reading=replace(found, version=Version("waits")), fields={**shown.fields, "firing": False})


def take(office: Office, *told: News, began: datetime | None = None, together: bool = True) -> None:
    """All of it in one transaction, or each in its own; every alert began now, unless it is said otherwise."""
    sightings = [seen(office, news, began or office.clock.now()) for news in told]
    for batch in [sightings] if together else [[one] for one in sightings]:
        take_in(office, batch)


def take_in(office: Office, batch: Sequence[Sighting], gone: Sequence[str] = ()) -> None:
    engine, here = office.engine, office.engine.connections[ALERTS]

    def work(judged: Judgements) -> None:
        with engine.store.write() as tx:
            signals.take_signals(tx, engine, here, batch, judged, gone)
            signals.end_forgotten(tx, engine, here, gone)

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
        pytest.param(
            [FIRES, ENDS, ANSWER, ENDS],
            False,
            "new",
            "opened signal_ended changed signal_joined changed signal_ended signal_held",
            0,
            id="it goes on and off",
        ),
        pytest.param(
            [ENDS, FIRES, FIRES], False, "resolved", "opened signal_ended changed", 1, id="the end comes first of three"
        ),
        pytest.param([News("waits", 5), FIRES], True, "new", "opened", 0, id="it waited"),
        pytest.param(
            [FIRES, News("waits", 5)], False, "resolved", "opened signal_ended changed", 0, id="it waits again"
        ),
        pytest.param(
            [ENDS, News("waits", 5), FIRES],
            False,
            "resolved",
            "opened signal_ended changed",
            1,
            id="over, and waits",
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


@pytest.mark.parametrize(
    ("news", "is_kept"), [(ENDS, True), (OVER, True), (News("ends", 5), True), (News("waits", 5), False)]
)
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


def test_an_end_that_a_listing_lacks_says_nothing_of_what_the_alert_was_about(office: Office) -> None:
    told = News("fires", description="it fills at 1 GB an hour")
    take(office, told)
    began = rows(office)[0].fields
    office.clock.advance(60)
    take(office, replace(told, word="is missed", asked=5), began=office.clock.now() - timedelta(seconds=60))
    kept = rows(office)[0].fields
    assert kept["ended_at"] == instant(office.clock.now())
    assert {name: kept[name] for name in ("title", "description", "severity", "service")} == {
        name: began[name] for name in ("title", "description", "severity", "service")
    }
    assert office.incident().fields["status"] == "resolved"


@pytest.mark.parametrize(
    ("first", "then", "is_seen"),
    [
        pytest.param(FIRES, ANSWER, True, id="listed"),
        pytest.param(FIRES, FIRES, False, id="told again"),
        pytest.param(FIRES, OTHERWISE, True, id="told otherwise"),
        pytest.param(FIRES, ENDS, True, id="ended"),
        pytest.param(ENDS, ENDS, False, id="ended twice"),
        pytest.param(ENDS, News("ends", 5), False, id="ended, says the source, too"),
    ],
)
def test_when_an_alert_was_seen_counts_only_where_no_later_listing_need_tell_of_it(
    office: Office, first: News, then: News, is_seen: bool
) -> None:
    began = office.clock.now()
    take(office, first)
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


def test_what_opens_an_incident_at_once_is_shown_there_from_the_beginning(office: Office) -> None:
    take(office, A, B, C)
    assert str(office.incident().fields["alerts"]).startswith("3 alerts fire")
    assert boards(office) == []


@pytest.mark.parametrize(
    ("told", "fires"),
    [
        ([B, A, News("fires", instance="b", summary="fuller"), News("ends", instance="a")], False),
        ([B, A, News("fires", instance="b", summary="fuller"), A], True),
        ([News("ends", instance="a"), News("fires", 5, "a"), B, News("ends", instance="b"), News("ends")], False),
    ],
)
def test_an_alert_that_began_in_a_batch_is_known_there_whatever_came_in_between(
    office: Office, told: Sequence[News], fires: bool
) -> None:
    take(office, *told)
    [row] = [row for row in rows(office) if row.labels["instance"] == "a"]
    assert (row.firing, row.incident_id) == (fires, 1)


def test_ends_that_their_source_takes_back_open_one_incident_that_shows_all_of_them(office: Office) -> None:
    take(office, News("ends", instance="a"), News("ends", instance="b"))
    take(office, News("fires", 5, "a"), News("fires", 5, "b"))
    assert kinds(office) == ["opened", "signal_joined"]
    assert str(office.incident().fields["alerts"]).startswith("2 alerts fire")


@pytest.mark.parametrize(
    ("then", "judged"),
    [
        pytest.param([FIRES], [], id="as it was"),
        pytest.param([ANSWER], [], id="as it was when asked for"),
        pytest.param([ENDS], [], id="it ends"),
        pytest.param([OTHERWISE], ["fuller"], id="it says something else"),
        pytest.param([ENDS, ANSWER], ["full"], id="it ends and fires again"),
        pytest.param([B, FIRES], ["full"], id="another one"),
        pytest.param([News("fires", 5, "c")], ["full"], id="its end is taken back"),
    ],
)
def test_only_what_is_news_is_judged(
    office: Office, monkeypatch: pytest.MonkeyPatch, then: Sequence[News], judged: Sequence[str]
) -> None:
    take(office, FIRES, News("ends", instance="c"))
    asked: list[str] = []
    judge = office.engine.registry.judge

    def counted(alerts: Any) -> Any:
        asked.extend(str(signal.fields["title"]).removeprefix("Disk: ") for signal, _fields in alerts)
        return judge(alerts)

    monkeypatch.setattr(office.engine.registry, "judge", counted)
    take(office, *then)
    assert asked == judged


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
    ("first", "then", "moves"),
    [
        ([FIRES], B, True),
        ([FIRES], ENDS, True),
        ([FIRES, ENDS], ANSWER, True),
        ([FIRES], OTHERWISE, False),
        ([FIRES], ANSWER, False),
        ([FIRES], News("ends", instance="b"), False),
    ],
)
def test_the_window_of_a_group_runs_from_what_began_or_ended_last(
    office: Office, first: Sequence[News], then: News, moves: bool
) -> None:
    began = office.clock.now()
    take(office, *first)
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
    take(office, *[B][:others], News("ends", summary="over"), replace(OTHERWISE, description="it fills"))
    row = next(row for row in rows(office) if not row.firing)
    assert (row.fields["title"], row.fields["firing"], row.version) == ("Disk: over", False, "ended")
    assert row.fields["description"] == "it fills"
    assert (row.incident_id, row.group_key) == (1, "alertname=Disk,service=db")
    assert row.judged["severity"] == "medium"
    assert row.labels["instance"] == "a"
    told = [entry["kind"] for entry in office.history() if entry["kind"].startswith("signal_")]
    assert told == (["signal_joined", "signal_ended"] if others else ["signal_ended"])
    assert office.incident().fields["status"] == ("new" if others else "resolved")


CALM: Final = News("fires", fingerprint="00000000000000f1", severity="warning")
WORSE: Final = replace(CALM, severity="critical", summary="fuller")


def raised_by(office: Office) -> list[str]:
    return [entry["facts"]["signal"] for entry in office.history() if entry["reason"] == "raised"]


@pytest.mark.parametrize(
    "then",
    [
        pytest.param([WORSE], id="it fires on"),
        pytest.param([replace(CALM, word="ends"), replace(WORSE, asked=5)], id="it fires again"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_an_alert_that_becomes_worse_is_known_to_be_so_and_raises_its_incident(
    office: Office, then: Sequence[News], together: bool
) -> None:
    take(office, CALM)
    take(office, *then, together=together)
    row = rows(office)[0]
    assert (row.judged["severity"], row.judged["priority"]) == ("critical", "p1")
    assert office.incident().fields["severity"] == "critical"
    assert raised_by(office) == [row.episode]


@pytest.mark.parametrize(("lower", "severity"), [(True, "medium"), (False, "critical")])
@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param([WORSE], CALM, id="it becomes better"),
        pytest.param([B, WORSE], replace(WORSE, word="ends"), id="a better one is left"),
    ],
)
def test_an_incident_comes_down_to_the_worst_alert_that_fires_where_that_is_wanted(
    office: Office, first: Sequence[News], then: News, lower: bool, severity: str
) -> None:
    office.configure(lower=lower)
    take(office, *first)
    take(office, then)
    assert office.incident().fields["severity"] == severity
    assert [entry["reason"] for entry in office.history()].count("lowered") == lower


def change(office: Office, number: int, **fields: str) -> None:
    """A person changes an incident."""
    with office.engine.store.write() as tx:
        commit.edit(tx, office.engine, IncidentId(number), fields, actor="ann", reason=Reason.EDITED)


def incidents(office: Office) -> list[Any]:
    with office.engine.store.read() as connection:
        return [found for found, _copies in reversed(explain.incidents(connection))]


@pytest.mark.parametrize("together", [True, False])
def test_an_alert_that_fires_again_in_another_incident_raises_that_once(office: Office, together: bool) -> None:
    take(office, WORSE)
    change(office, 1, status="closed")
    take(office, B)
    take(office, replace(WORSE, word="ends"), replace(WORSE, asked=5), together=together)
    assert [one.fields["severity"] for one in incidents(office)] == ["critical", "critical"]
    assert [row.incident_id for row in rows(office)] == [2, 2]
    with office.engine.store.read() as connection:
        told = explain.history(connection, IncidentId(2))
    assert [entry["facts"]["signal"] for entry in told if entry["reason"] == "raised"] == [rows(office)[0].episode]
    assert [entry["kind"] for entry in told].count("signal_joined") == 1


def test_an_alert_that_is_as_bad_as_others_there_raises_nothing_that_a_person_took_down(office: Office) -> None:
    take(office, CALM)
    take(office, replace(CALM, word="ends"))
    change(office, 1, status="closed")
    take(office, replace(B, severity="critical"))
    change(office, 2, severity="low")
    take(office, replace(WORSE, asked=5))
    assert [row.incident_id for row in rows(office)] == [2, 2]
    assert incidents(office)[1].fields["severity"] == "low"


@pytest.mark.parametrize("together", [True, False])
def test_an_alert_that_fires_again_after_its_incident_was_closed_opens_another_one(
    office: Office, together: bool
) -> None:
    take(office, CALM)
    change(office, 1, status="closed")
    take(office, replace(CALM, word="ends"), replace(CALM, asked=5), together=together)
    take(office, B)
    first, second = incidents(office)
    assert (first.fields["status"], second.fields["status"]) == ("closed", "new")
    assert (second.fields["title"], second.fields["severity"]) == ("Disk: full", "medium")
    assert [row.incident_id for row in rows(office)] == [2, 2]
    with office.engine.store.read() as connection:
        kept = [entry["kind"] for entry in explain.history(connection, second.id)]
    assert kept == ["opened", "signal_joined"]


def test_an_alert_keeps_its_group_whatever_its_labels_say_when_it_fires_again(office: Office) -> None:
    take(office, CALM)
    take(office, replace(CALM, word="ends"))
    take(office, replace(CALM, service="web", asked=5))
    [row] = rows(office)
    assert (row.incident_id, row.group_key) == (1, "alertname=Disk,service=db")
    assert (row.labels["service"], office.incident().fields["status"]) == ("web", "new")


def test_what_a_person_closed_stays_closed_when_its_alert_ends(office: Office) -> None:
    take(office, FIRES)
    office.decide("closed")
    take(office, ENDS)
    assert office.incident().fields["status"] == "closed"


def test_an_alert_that_joins_while_an_end_is_held_has_flapped(office: Office) -> None:
    take(office, FIRES, ENDS, ANSWER, ENDS)
    held = flaps(office)
    assert (held.count, held.held_until is None) == (1, False)
    take(office, B)
    assert (flaps(office).count, flaps(office).held_until) == (2, None)
    assert office.incident().fields["status"] == "new"
    take(office, C)
    assert (flaps(office).count, flaps(office).held_until) == (2, None)


def flaps(office: Office) -> Flaps:
    with office.engine.store.write() as tx:
        [found] = groups.of_incident(tx, IncidentId(1)).values()
    return found


def test_an_alert_that_ended_before_its_source_was_told_of_the_work_is_not_silenced(office: Office) -> None:
    take(office, A, B)
    office.decide("in_progress")
    assert [row.act for row in rows(office)] == ["acknowledge", "acknowledge"]
    take(office, News("ends", instance="a"))
    assert [row.act for row in rows(office)] == ["", "acknowledge"]


@pytest.mark.parametrize(("then", "is_woken"), [(FIRES, True), (ANSWER, False), (ENDS, False)])
def test_its_source_is_asked_at_once_whether_an_alert_that_ended_fires_again(
    office: Office, then: News, is_woken: bool
) -> None:
    office.configure(resolve=False)
    take(office, B, FIRES, ENDS)
    roused: list[str] = []
    office.engine.wake = roused.append
    take(office, then)
    assert roused == (["alerts"] if is_woken else [])


@pytest.mark.parametrize(
    ("first", "then", "waits"),
    [
        ([FIRES], OTHERWISE, True),
        ([FIRES], ANSWER, False),
        ([FIRES], News("ends", summary="over"), False),
        ([FIRES], B, True),
        ([FIRES, B, ENDS], ANSWER, True),
        ([FIRES, News("ends", instance="b")], B, True),
    ],
)
def test_an_incident_whose_last_alert_has_ended_waits_for_no_list_of_alerts(
    office: Office, first: Sequence[News], then: News, waits: bool
) -> None:
    take(office, *first)
    with office.engine.store.write() as tx:
        tx.execute(delete(t.timer))
    take(office, then)
    assert boards(office) == ([board.BOARD] if waits else [])


def boards(office: Office) -> list[str]:
    """The lists of alerts that are waited for."""
    with office.engine.store.read() as connection:
        found = connection.execute(select(t.timer.c.kind).where(t.timer.c.kind == board.BOARD))
        return list(found.scalars())


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
    told_of = kinds(office)
    take(office, News("ends", instance="b"), began=office.clock.now() - timedelta(seconds=60))
    assert [row.version for row in rows(office)] == ["ended", "ended", "forgotten", "ended"]
    assert (kinds(office), asked_for(office)) == (told_of, 0)
    forget(office, *(row.episode for row in before))
    assert kinds(office).count("signal_ended") == 3
    with office.engine.store.read() as connection:
        assert explain.status(connection, office.clock.now())["signals_firing"] == 0


# -- two batches at one moment, on PostgreSQL --------------------------------------------------------------------------

DB, WEB, MAIL = News("fires", service="db"), News("fires", service="web"), News("fires", service="mail")
LATE: Final = News("fires", service="disk")


def again(news: News, **how: Any) -> News:
    """The same alert says something else."""
    return replace(news, **{"summary": "fuller", **how})


@pytest.mark.parametrize(
    ("batch", "over"),
    [
        pytest.param([again(WEB), LATE, again(DB)], [], id="they say something else"),
        pytest.param([again(WEB, word="ends"), again(DB, word="ends")], [], id="they end"),
        pytest.param([replace(WEB, instance="b"), again(MAIL), replace(DB, instance="b")], [], id="others join them"),
        pytest.param([again(WEB)], [DB], id="one of them is not known to its source any more"),
    ],
)
def test_batches_that_come_to_their_incidents_in_opposite_orders_go_one_after_the_other(
    fleet_office: Office, batch: Sequence[News], over: Sequence[News]
) -> None:
    office = fleet_office
    began, here = office.clock.now(), office.engine.connections[ALERTS]
    take(office, DB, WEB, MAIL, replace(LATE, word="ends"))
    gone = [row.episode for row in rows(office) if row.labels["service"] in {news.service for news in over}]
    theirs = [seen(office, news, began) for news in batch]
    ours = [seen(office, again(news, summary="fullest"), began) for news in (DB, WEB)]

    def work(judged: Judgements) -> None:
        with ThreadPoolExecutor(1) as beside:
            with office.engine.store.write() as tx:
                signals.take_signals(tx, office.engine, here, ours[:1], judged)
                other = beside.submit(take_in, office, theirs, gone)
                office.wait_until_it_waits(other)
                signals.take_signals(tx, office.engine, here, ours[1:], judged)
            other.result(60)

    with_judgements(office.engine, work, signals.to_judge(office.engine, here, ours))
    kept = {(row.labels["service"], row.labels["instance"]): row for row in rows(office)}
    for news, sighting in zip(batch, theirs, strict=True):
        assert kept[news.service, news.instance].version == ("ended" if news is LATE else str(sighting.reading.version))
    assert [row.version for row in kept.values() if row.episode in gone] == ["forgotten"] * len(gone)


def test_an_alert_whose_group_went_on_is_taken_in_with_its_own_incident_held(fleet_office: Office) -> None:
    office = fleet_office
    began = office.clock.now()
    take(office, DB, WEB)
    change(office, 1, status="closed")
    take(office, replace(DB, instance="b"))
    assert [row.incident_id for row in rows(office)] == [1, 2, 3]
    theirs = [seen(office, again(news, word="ends"), began) for news in (WEB, DB)]
    with ThreadPoolExecutor(1) as beside:
        with office.engine.store.write() as tx:
            loading.lock_incident(tx, IncidentId(1))
            other = beside.submit(take_in, office, theirs)
            office.wait_until_it_waits(other)
            loading.lock_incident(tx, IncidentId(2))
        other.result(60)
    assert [row.firing for row in rows(office)] == [False, False, True]


def test_ends_that_belong_nowhere_yet_keep_nobody_waiting(fleet_office: Office) -> None:
    office = fleet_office
    here = office.engine.connections[ALERTS]
    ends = [News("ends", instance="a"), News("ends", instance="b")]
    take(office, *ends)
    first, second = [seen(office, news, office.clock.now()) for news in ends]
    with ThreadPoolExecutor(1) as beside, office.engine.store.write() as tx:
        signals.take_signals(tx, office.engine, here, [first], Judgements())
        other = beside.submit(take_in, office, [second])
        office.wait_until_it_waits(other)
        assert other.done()

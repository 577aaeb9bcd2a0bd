"""Alerts that no Alertmanager of today sends: what can be computed is, and one odd alert costs none of the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.adapters.alertmanager.test_webhook import DISK, alert, group

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter
from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.core.episodes import Episode, Firing, fingerprint, stamp_of
from tieline.core.errors import Gone, NeedsOperator, Rejected
from tieline.core.port import Cursor, Page, Received

GOOD = "401a48e410d86ef2@2026-11-23T07:04:28.536Z"
OTHER = {"alertname": "Other", "host": "b"}


def parsed(adapter: AlertmanagerAdapter, **odd: Any) -> Received:
    """A group of a good alert and another one, in which this is odd."""
    told = alert(labels=OTHER, fingerprint=fingerprint(OTHER)) | odd
    return adapter.parse(group(alert(), {name: value for name, value in told.items() if value is not ...}))


@pytest.mark.parametrize(
    "odd",
    [
        {"labels": {}, "fingerprint": ...},
        {"labels": {}},
        {"labels": None},
        {"labels": ["alertname"]},
        {"labels": {"alertname": {"a": 1}}},
        {"startsAt": "yesterday"},
        {"startsAt": None},
        {"startsAt": ...},
        {"startsAt": 1764000000},
        {"startsAt": "0001-01-01T00:00:00Z"},
        {"startsAt": "9999-11-30T08:00:00Z"},
        {"startsAt": "9999-12-31T23:59:59.999Z"},
        {"startsAt": "2026-11-23T07:04:28"},
        {"startsAt": "9999-12-31T23:59:59-14:00"},
        {"status": "pending"},
        {"status": None},
        {"status": ...},
    ],
    ids=str,
)
def test_an_odd_alert_is_left_out_named_and_polled_for(adapter: AlertmanagerAdapter, odd: dict[str, Any]) -> None:
    received = parsed(adapter, **odd)
    assert [hint.ref for hint in received.hints] == [GOOD]
    assert received.incomplete
    assert len(received.unreadable) == 1
    assert received.unreadable[0].sentence


@pytest.mark.parametrize("odd", [None, 7, "alert", [], {}], ids=str)
def test_what_is_no_alert_at_all_is_left_out(adapter: AlertmanagerAdapter, odd: Any) -> None:
    received = adapter.parse(group(alert(), odd))
    assert ([hint.ref for hint in received.hints], received.incomplete) == ([GOOD], True)


def test_a_group_of_nothing_but_odd_alerts_is_taken_so_that_the_source_is_polled(adapter: AlertmanagerAdapter) -> None:
    received = adapter.parse(group(alert(labels={})))
    assert (received.hints, received.incomplete) == ((), True)


def test_an_odd_alert_is_named_as_far_as_it_tells(adapter: AlertmanagerAdapter) -> None:
    [odd] = parsed(adapter, status="pending").unreadable
    assert (odd.ref, odd.key) == (f"{fingerprint(OTHER)}@2026-11-23T07:04:28.536Z", "Other")
    [odd] = parsed(adapter, startsAt=None).unreadable
    assert (odd.ref, odd.key) == (None, "Other")


@pytest.mark.parametrize("told", [..., None, "", "../../etc", 7, "401A48E410D86EF2"], ids=str)
def test_a_fingerprint_that_old_senders_do_not_tell_is_that_of_the_labels(
    adapter: AlertmanagerAdapter, told: Any
) -> None:
    received = parsed(adapter, fingerprint=told, labels={**OTHER, "empty": ""})
    assert received.hints[1].ref == f"{fingerprint(OTHER)}@2026-11-23T07:04:28.536Z"
    assert (received.incomplete, received.unreadable) == (False, ())


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (None, {}),
        ([], {}),
        ("x", {}),
        ({"summary": None, "count": 7}, {"count": "7"}),
        ({"summary": "full", "runbook": ["a"]}, {"summary": "full"}),
    ],
)
def test_odd_annotations_cost_themselves_and_have_the_source_polled(
    adapter: AlertmanagerAdapter, told: Any, read: dict[str, str]
) -> None:
    received = parsed(adapter, annotations=told)
    reading = received.hints[1].reading
    assert reading is not None
    assert reading.body["annotations"] == read
    assert (received.incomplete, received.unreadable) == (True, ())


def test_underscores_in_a_name_are_nothing_odd(adapter: AlertmanagerAdapter) -> None:
    received = parsed(adapter, labels={"alertname": "Down", "app__tier": "web"}, annotations={"a__b": "c"})
    assert (received.incomplete, received.unreadable) == (False, ())


def test_annotations_that_nobody_sends_are_none(adapter: AlertmanagerAdapter) -> None:
    received = parsed(adapter, annotations=...)
    assert (len(received.hints), received.incomplete) == (2, False)


def test_a_label_that_is_a_number_is_taken_by_its_text(adapter: AlertmanagerAdapter) -> None:
    received = parsed(adapter, labels={"alertname": "Down", "shard": 7, "load": 1.5, "spare": True, "team": None})
    reading = received.hints[1].reading
    assert reading is not None
    assert reading.body["labels"] == {"alertname": "Down", "shard": "7", "load": "1.5", "spare": "true"}
    assert received.incomplete


@pytest.mark.parametrize("end", [None, ..., "soon", "0001-01-01T00:00:00Z", "2026-11-23T07:04:00Z"], ids=str)
def test_that_an_alert_is_over_counts_without_the_moment(adapter: AlertmanagerAdapter, end: Any) -> None:
    received = parsed(adapter, status="resolved", endsAt=end)
    reading = received.hints[1].reading
    assert reading is not None
    assert (reading.body["status"]["state"], reading.body["endsAt"], reading.version) == ("resolved", None, "ended")
    assert received.unreadable == ()


def test_huge_labels_are_taken(adapter: AlertmanagerAdapter) -> None:
    huge = {"alertname": "Huge", "dump": "x" * 500_000, **{f"label_{number}": "\x00é" for number in range(1_000)}}
    received = parsed(adapter, labels=huge, fingerprint=...)
    assert received.hints[1].ref.startswith(fingerprint(huge))


def test_a_group_that_is_odd_in_another_way_is_another_delivery(adapter: AlertmanagerAdapter) -> None:
    """Else the second would count as a repeat, and its oddity be told to nobody."""
    oddities: list[dict[str, Any]] = [{"status": "x"}, {"labels": {}}, {}]
    ids = {parsed(adapter, **odd).delivery_id for odd in oddities}
    assert len(ids) == 3


# -- listings ----------------------------------------------------------------------------------------------------------


def listing(adapter: AlertmanagerAdapter, since: Cursor | None = None) -> Page:
    [page] = adapter.changes(since)
    return page


def spoil(am: AlertmanagerSimulator, ref: str, **odd: Any) -> None:
    am.state.alerts[ref.partition("@")[0]].odd = odd


@pytest.mark.parametrize(
    "odd", [{"startsAt": "soon"}, {"status": {"state": "asleep"}}, {"labels": None}, {"receivers": 7}], ids=str
)
def test_an_odd_alert_of_a_listing_is_not_taken_for_ended(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator, odd: dict[str, Any]
) -> None:
    adapter = driver.connect(history="1d", page_size=50)
    kept, odd_one = am.fire(DISK), am.fire({**DISK, "instance": "db2"})
    cursor = listing(adapter).cursor
    spoil(am, odd_one.ref, **odd)
    am.fire({**DISK, "instance": "db3"})
    page = listing(adapter, cursor)
    assert page.absent == frozenset()
    assert len(page.readings) == 1, "the others go on"
    assert len(page.unreadable) == 1
    spoil(am, odd_one.ref)
    am.resolve(kept.ref)
    assert listing(adapter, page.cursor).absent == {kept.ref}


NEVER = datetime(9999, 11, 30, 8, tzinfo=UTC)
"""When alerts of some senders begin: versions before this one took that for a beginning."""


def test_what_an_older_version_took_in_of_the_year_9999_is_not_taken_for_ended(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    adapter = driver.connect(history="1d", page_size=50)
    lasting = am.fire(DISK)
    old = Episode(lasting.fingerprint, NEVER)
    kept = Firing({old: stamp_of("as it was")}).pack()
    spoil(am, lasting.ref, startsAt="9999-11-30T08:00:00Z")
    page = listing(adapter, kept)
    assert (page.absent, len(page.unreadable)) == (frozenset(), 1)
    assert list(Firing.unpack(page.cursor).stamps) == [old]
    with pytest.raises(Rejected, match="an alert with this fingerprint is there and cannot be understood"):
        adapter.read(old.ref)
    am.resolve(lasting.ref)
    assert listing(adapter, page.cursor).absent == {old.ref}
    with pytest.raises(Gone):
        adapter.read(old.ref)


def test_an_alert_without_a_time_of_its_last_report_has_no_age_and_is_as_old_as_its_beginning(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    made = []
    for instance in ("db1", "db2", "db3"):
        made.append(am.fire({**DISK, "instance": instance}).ref)
        driver.advance(10)
    spoil(am, made[1], updatedAt=None)
    readings = listing(driver.connect(history="1d", page_size=50)).readings
    assert [one.ref for one in readings] == made
    assert [one.age is None for one in readings] == [False, True, False]


def test_an_odd_alert_is_refused_by_name_when_it_is_asked_for(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    episode = am.fire(DISK)
    spoil(am, episode.ref, status=None)
    with pytest.raises(Rejected, match="DiskFull"):
        driver.connect().read(episode.ref)
    with pytest.raises(Gone):
        driver.connect().read(driver.missing_ref())


def test_a_list_of_what_are_no_alerts_at_all_is_not_alertmanagers(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    am.fail(200, path="/api/v2/alerts", body=[{"id": 1}, "x"])
    with pytest.raises(NeedsOperator, match="not Alertmanager's"):
        list(driver.connect().changes(None))

"""Alerts that no Prometheus of today lists: one odd alert costs none of the others, and is not taken for ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tieline.adapters.prometheus.simulated.driver import PrometheusDriver
from tieline.core.episodes import Episode, Firing, stamp_of
from tieline.core.errors import NeedsOperator, Rejected


@pytest.mark.parametrize(
    "odd",
    [
        {"state": "paused"},
        {"state": None},
        {"activeAt": "soon"},
        {"activeAt": None},
        {"activeAt": 7},
        {"activeAt": "0001-01-01T00:00:00Z"},
        {"activeAt": "9999-12-31T23:59:59Z"},
        {"labels": None},
    ],
    ids=str,
)
def test_an_odd_alert_of_a_listing_is_named_and_the_others_go_on(driver: PrometheusDriver, odd: dict[str, Any]) -> None:
    adapter = driver.connect(history="1d", page_size=50)
    kept, odd_one = driver.make("kept"), driver.make("odd")
    [page] = adapter.changes(None)
    driver.simulator.alerts[odd_one.partition("@")[0]].odd = odd
    driver.make("new")
    driver.simulator.resolve(kept)
    [page] = adapter.changes(page.cursor)
    assert len(page.unreadable) == 1
    assert page.unreadable[0].sentence
    # An alert without labels is nobody's; that one which shows them is odd does not say that it has ended.
    assert page.absent == ({kept} if odd != {"labels": None} else {kept, odd_one})


def test_what_an_older_version_took_in_of_the_year_9999_is_not_taken_for_ended(driver: PrometheusDriver) -> None:
    adapter = driver.connect(history="1d", page_size=50)
    ref = driver.make("lasting")
    old = Episode(ref.partition("@")[0], datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    driver.simulator.alerts[old.fingerprint].odd = {"activeAt": "9999-12-31T23:59:59Z"}
    [page] = adapter.changes(Firing({old: stamp_of("as it was")}).pack())
    assert (page.absent, len(page.unreadable)) == (frozenset(), 1)
    assert list(Firing.unpack(page.cursor).stamps) == [old]
    with pytest.raises(Rejected, match="an alert with this fingerprint is there and cannot be understood"):
        adapter.read(old.ref)
    driver.simulator.resolve(ref)
    [page] = adapter.changes(page.cursor)
    assert page.absent == {old.ref}


@pytest.mark.parametrize("annotations", [None, [], {"summary": None, "list": []}], ids=str)
def test_odd_annotations_cost_themselves(driver: PrometheusDriver, annotations: Any) -> None:
    ref = driver.make("whole")
    driver.simulator.alerts[ref.partition("@")[0]].odd = {"annotations": annotations}
    assert driver.connect().read(ref).body["annotations"] == {}


def test_an_odd_alert_is_refused_by_name_when_it_is_asked_for(driver: PrometheusDriver) -> None:
    ref = driver.make("odd")
    driver.spoil(ref)
    with pytest.raises(Rejected, match="DiskFull"):
        driver.connect().read(ref)


def test_a_list_of_what_are_no_alerts_at_all_is_not_prometheus(driver: PrometheusDriver) -> None:
    driver.simulator.fail(200, path="/alerts", body={"status": "success", "data": {"alerts": [7, {"id": 1}]}})
    with pytest.raises(NeedsOperator):
        list(driver.connect().changes(None))


def test_what_the_rules_would_raise_is_told_beforehand(driver: PrometheusDriver) -> None:
    rules = [
        {"name": "A", "type": "alerting", "labels": {"severity": "P1", "team": "{{ $labels.team }}"}},
        {"name": "B", "type": "alerting", "labels": {"severity": "{{ $labels.severity }}"}},
        {"name": "C", "type": "alerting"},
        {"name": "up:sum", "type": "recording", "labels": {"severity": "none"}},
    ]
    driver.simulator.fail(
        200, path="/rules", body={"status": "success", "data": {"groups": [{"name": "all", "rules": rules}]}}
    )
    health = driver.connect().check()
    assert health.foreseen == (
        {"labels": {"alertname": "A", "severity": "P1"}},
        {"labels": {"alertname": "C"}},
    )

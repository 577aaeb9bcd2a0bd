"""Polling Prometheus: an alert that is absent has ended only if rules were evaluated on data."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from tieline.adapters.prometheus.adapter import PrometheusAdapter
from tieline.adapters.prometheus.simulated.driver import PrometheusDriver
from tieline.adapters.prometheus.simulator import PrometheusSimulator
from tieline.core.errors import Gone, NeedsOperator, TryAgain
from tieline.core.port import Cursor, Reading
from tieline.core.secrets import Secret

DISK = {"alertname": "DiskFull", "instance": "db1"}


def poll(adapter: PrometheusAdapter, since: Cursor | None) -> tuple[list[Reading], Cursor]:
    found: list[Reading] = []
    cursor = since
    for page in adapter.changes(since):
        found.extend(page.readings)
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


def states(readings: Sequence[Reading]) -> list[str]:
    return [reading.body["state"] for reading in readings]


def test_an_alert_that_ends_is_told_once(adapter: PrometheusAdapter, prometheus: PrometheusSimulator) -> None:
    _, cursor = poll(adapter, None)
    ref = prometheus.fire(DISK)
    began, cursor = poll(adapter, cursor)
    quiet, cursor = poll(adapter, cursor)
    prometheus.resolve(ref)
    over, cursor = poll(adapter, cursor)
    silent, _ = poll(adapter, cursor)
    assert (states(began), quiet, states(over), silent) == (["firing"], [], ["inactive"], [])
    assert [reading.ref for reading in began + over] == [ref, ref]
    assert over[0].body["resolvedAt"] == "2026-11-23T19:04:37.000Z"


def test_a_pending_alert_is_none_yet(driver: PrometheusDriver, prometheus: PrometheusSimulator) -> None:
    ref = prometheus.fire(DISK, state="pending")
    assert poll(driver.connect(), Cursor(""))[0] == []
    with pytest.raises(Gone):
        driver.connect().read(ref)
    eager = driver.connect(pending=True)
    waiting, cursor = poll(eager, Cursor(""))
    prometheus.fire(DISK)
    assert (states(waiting), states(poll(eager, cursor)[0])) == (["pending"], ["firing"])


def test_a_value_that_moves_at_every_evaluation_changes_nothing(
    adapter: PrometheusAdapter, prometheus: PrometheusSimulator
) -> None:
    ref = prometheus.fire(DISK)
    _, cursor = poll(adapter, None)
    prometheus.alerts[ref[:16]].value = "NaN"
    assert poll(adapter, cursor) == ([], cursor)


def restarted(prometheus: PrometheusSimulator) -> None:
    prometheus.restart()


def without_rules(prometheus: PrometheusSimulator) -> None:
    prometheus.control("unload", {})


def without_targets(prometheus: PrometheusSimulator) -> None:
    prometheus.alerts.clear()
    prometheus.targets = 0


def before_its_first_evaluation(prometheus: PrometheusSimulator) -> None:
    prometheus.alerts.clear()
    prometheus.rule_health = "unknown"


def answering_in_part(prometheus: PrometheusSimulator) -> None:
    prometheus.alerts.clear()
    prometheus.warnings = ["store db-3 is away"]


@pytest.mark.parametrize(
    "trouble", [restarted, without_rules, without_targets, before_its_first_evaluation, answering_in_part]
)
def test_absence_proves_no_end_while_prometheus_cannot_know(
    adapter: PrometheusAdapter,
    driver: PrometheusDriver,
    prometheus: PrometheusSimulator,
    trouble: Callable[[PrometheusSimulator], None],
) -> None:
    ref = prometheus.fire(DISK)
    _, cursor = poll(adapter, None)
    trouble(prometheus)
    assert poll(adapter, cursor) == ([], cursor)
    with pytest.raises(TryAgain, match="not known"):
        adapter.read(ref)
    driver.advance(601)
    prometheus.loaded, prometheus.targets, prometheus.rule_health, prometheus.warnings = True, 2, "ok", []
    assert states(poll(adapter, cursor)[0]) == ["inactive"]


def test_without_grace_an_alert_forgotten_in_a_restart_has_ended(
    driver: PrometheusDriver, prometheus: PrometheusSimulator
) -> None:
    adapter = driver.connect(restart_grace=0)
    prometheus.fire(DISK)
    _, cursor = poll(adapter, Cursor(""))
    driver.advance(0.8)  # the Date header tells whole seconds, the start microseconds
    prometheus.restart()
    assert states(poll(adapter, cursor)[0]) == ["inactive"]


def test_one_that_only_evaluates_rules_needs_no_targets(
    driver: PrometheusDriver, prometheus: PrometheusSimulator
) -> None:
    adapter = driver.connect(needs_targets=False)
    prometheus.fire(DISK)
    _, cursor = poll(adapter, Cursor(""))
    without_targets(prometheus)
    assert states(poll(adapter, cursor)[0]) == ["inactive"]


def test_a_kin_without_targets_and_runtime_is_taken_at_its_word(
    driver: PrometheusDriver, prometheus: PrometheusSimulator
) -> None:
    adapter = driver.connect()
    ref = prometheus.fire(DISK)
    _, cursor = poll(adapter, Cursor(""))
    prometheus.resolve(ref)
    prometheus.fail(404, path="/targets", times=9)
    prometheus.fail(404, path="/runtimeinfo", times=9)
    assert states(poll(adapter, cursor)[0]) == ["inactive"]


def test_the_first_poll_leaves_what_began_before_history_alone_but_tells_its_end(
    driver: PrometheusDriver, prometheus: PrometheusSimulator
) -> None:
    adapter = driver.connect(history=timedelta(hours=1))
    old = prometheus.fire(DISK)
    driver.advance(2 * 3600)
    young = prometheus.fire({**DISK, "instance": "db2"})
    found, cursor = poll(adapter, None)
    assert [reading.ref for reading in found] == [young]
    prometheus.resolve(old)
    assert states(poll(adapter, cursor)[0]) == ["inactive"]


def test_a_wrong_address_is_not_an_empty_page(adapter: PrometheusAdapter, driver: PrometheusDriver) -> None:
    driver.fail(404)
    with pytest.raises(NeedsOperator, match="correct `url`"):
        poll(adapter, None)


@pytest.mark.parametrize("token", ["kläglich-geheim", "two\nlines-geheim", "geheim\x7f"])
def test_a_token_that_no_header_carries_is_named_and_not_shown(driver: PrometheusDriver, token: str) -> None:
    adapter = driver.connect(bearer_token=Secret.literal(token))
    with pytest.raises(NeedsOperator, match="`bearer_token` has characters") as refused:
        adapter.check()
    assert "geheim" not in str(refused.value)


def test_a_password_may_be_of_any_letters(driver: PrometheusDriver) -> None:
    driver.simulator.credentials = "Basic " + base64.b64encode("tieline:klä:glich ✓".encode()).decode()
    password = Secret.literal("klä:glich ✓")
    assert driver.connect(bearer_token=None, username="tieline", password=password).check().account == "tieline"


def test_a_secret_that_cannot_be_had_is_named(driver: PrometheusDriver) -> None:
    adapter = driver.connect(bearer_token=Secret("env", "NO_SUCH_VARIABLE_HERE"))
    with pytest.raises(NeedsOperator, match="NO_SUCH_VARIABLE_HERE"):
        adapter.check()


def test_check_says_why_no_absent_alert_counts_as_ended(
    adapter: PrometheusAdapter, prometheus: PrometheusSimulator
) -> None:
    assert adapter.check().notes == ()
    prometheus.control("unload", {})
    assert "no alerting rules" in adapter.check().notes[0]


@pytest.mark.parametrize("page_size", [500, 2_000])
def test_however_many_fire_all_are_told(
    driver: PrometheusDriver, prometheus: PrometheusSimulator, page_size: int
) -> None:
    made = [prometheus.fire({**DISK, "instance": f"db{number}"}) for number in range(1_001)]
    found, cursor = poll(driver.connect(page_size=page_size), None)
    assert sorted(reading.ref for reading in found) == sorted(made)
    assert poll(driver.connect(page_size=page_size), cursor)[0] == []

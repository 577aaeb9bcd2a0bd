"""Polling: what is told once, what ends, and what an empty answer does not prove."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tieline.adapters.alertmanager.adapter import AlertmanagerAdapter
from tieline.adapters.alertmanager.simulated.driver import AlertmanagerDriver
from tieline.adapters.alertmanager.simulated.matching import Inhibition, Matcher
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.core.errors import Gone, Limit, NeedsOperator, TryAgain
from tieline.core.port import Cursor, Reading
from tieline.core.secrets import Secret

DISK = {"alertname": "DiskFull", "instance": "db1", "severity": "critical"}


def poll(adapter: AlertmanagerAdapter, since: Cursor | None) -> tuple[list[Reading], Cursor]:
    found: list[Reading] = []
    cursor = since
    for page in adapter.changes(since):
        found.extend(page.readings)
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


def states(readings: Sequence[Reading]) -> list[str]:
    return [reading.body["status"]["state"] for reading in readings]


def test_an_alert_that_ends_is_told_once(adapter: AlertmanagerAdapter, am: AlertmanagerSimulator) -> None:
    _, cursor = poll(adapter, None)
    episode = am.fire(DISK)
    began, cursor = poll(adapter, cursor)
    quiet, cursor = poll(adapter, cursor)
    am.resolve(episode.ref)
    over, cursor = poll(adapter, cursor)
    silent, _ = poll(adapter, cursor)
    assert (states(began), quiet, states(over), silent) == (["active"], [], ["resolved"], [])
    assert over[0].ref == began[0].ref
    assert over[0].body["endsAt"] == "2026-11-23T19:04:37.000Z"


def test_a_silenced_alert_ends_although_no_webhook_says_so(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    episode = am.fire(DISK)
    _, cursor = poll(adapter, None)
    am.silence(episode.ref)
    hushed, cursor = poll(adapter, cursor)
    am.resolve(episode.ref)
    am.flush()
    over, _ = poll(adapter, cursor)
    assert (states(hushed), states(over), driver.posted) == (["suppressed"], ["resolved"], [])


def test_an_inhibited_alert_still_fires(adapter: AlertmanagerAdapter, am: AlertmanagerSimulator) -> None:
    am.state.inhibitions = (
        Inhibition((Matcher("severity", "critical"),), (Matcher("severity", "info"),), ("instance",)),
    )
    source = am.fire(DISK)
    am.fire({**DISK, "severity": "info"})
    found = {reading.body["labels"]["severity"]: reading.body["status"] for reading in poll(adapter, Cursor(""))[0]}
    assert found["critical"]["state"] == "active"
    assert found["info"]["state"] == "suppressed"
    assert found["info"]["inhibitedBy"] == [source.fingerprint]


def test_a_restart_that_forgets_everything_ends_nothing(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    episode = am.fire(DISK)
    _, cursor = poll(adapter, None)
    am.restart()
    forgotten, cursor = poll(adapter, cursor)
    with pytest.raises(TryAgain, match="just started") as asked:
        adapter.read(episode.ref)
    assert (asked.value.wait, asked.value.limit) == (timedelta(minutes=1), Limit.ENDPOINT)
    driver.advance(60)
    am.fire(DISK, starts=episode.started)
    again, cursor = poll(adapter, cursor)
    assert (forgotten, again) == ([], [])


def test_what_does_not_come_back_after_a_restart_has_ended(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    episode = am.fire(DISK)
    _, cursor = poll(adapter, None)
    am.restart()
    _, cursor = poll(adapter, cursor)
    driver.advance(301)
    over, cursor = poll(adapter, cursor)
    assert states(over) == ["resolved"]
    with pytest.raises(Gone):
        adapter.read(episode.ref)


def test_without_grace_an_alert_forgotten_in_a_restart_has_ended(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    adapter = driver.connect(restart_grace=0)
    am.fire(DISK)
    _, cursor = poll(adapter, Cursor(""))
    driver.advance(0.8)  # the Date header tells whole seconds, the start milliseconds
    am.restart()
    assert states(poll(adapter, cursor)[0]) == ["resolved"]


def test_a_cluster_that_settles_ends_nothing(adapter: AlertmanagerAdapter, am: AlertmanagerSimulator) -> None:
    episode = am.fire(DISK)
    _, cursor = poll(adapter, None)
    am.resolve(episode.ref)
    am.api.cluster = "settling"
    assert poll(adapter, cursor)[0] == []
    am.api.cluster = "ready"
    assert states(poll(adapter, cursor)[0]) == ["resolved"]


def test_a_flap_between_two_polls_is_two_episodes(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    first = am.fire(DISK)
    _, cursor = poll(adapter, None)
    driver.advance(10)
    am.resolve(first.ref)
    driver.advance(10)
    second = am.fire(DISK)
    found, _ = poll(adapter, cursor)
    assert [(reading.ref, state) for reading, state in zip(found, states(found), strict=True)] == [
        (second.ref, "active"),
        (first.ref, "resolved"),
    ]


def test_reports_that_only_repeat_an_alert_change_nothing(
    adapter: AlertmanagerAdapter, driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    am.fire(DISK, {"summary": "95 %"})
    _, cursor = poll(adapter, None)
    driver.advance(60)
    am.fire(DISK, {"summary": "95 %"})
    assert poll(adapter, cursor) == ([], cursor)


def test_the_first_poll_leaves_what_began_before_history_alone_but_tells_its_end(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    adapter = driver.connect(history=timedelta(hours=1))
    old = am.fire(DISK)
    driver.advance(2 * 3600)
    young = am.fire({**DISK, "instance": "db2"})
    found, cursor = poll(adapter, None)
    assert [reading.ref for reading in found] == [young.ref]
    am.resolve(old.ref)
    assert states(poll(adapter, cursor)[0]) == ["resolved"]


def test_alerts_routed_to_somebody_else_are_left_out(driver: AlertmanagerDriver, am: AlertmanagerSimulator) -> None:
    am.fire(DISK)
    assert len(poll(driver.connect(receiver="tieline"), Cursor(""))[0]) == 1
    assert poll(driver.connect(receiver="pager"), Cursor(""))[0] == []
    with pytest.raises(NeedsOperator, match="no receiver 'pager'"):
        driver.connect(receiver="pager").check()


def test_a_wrong_address_is_not_an_empty_page(driver: AlertmanagerDriver, adapter: AlertmanagerAdapter) -> None:
    driver.fail(404)
    with pytest.raises(NeedsOperator, match="correct `url`"):
        poll(adapter, None)


@pytest.mark.parametrize("token", ["kläglich-geheim", "two\nlines-geheim", "geheim\x7f"])
def test_a_token_that_no_header_carries_is_named_and_not_shown(driver: AlertmanagerDriver, token: str) -> None:
    adapter = driver.connect(bearer_token=Secret.literal(token))
    with pytest.raises(NeedsOperator, match="`bearer_token` has characters") as refused:
        adapter.check()
    assert "geheim" not in str(refused.value)


def test_a_password_may_be_of_any_letters(driver: AlertmanagerDriver) -> None:
    driver.simulator.credentials = "Basic " + base64.b64encode("tieline:klä:glich ✓".encode()).decode()
    password = Secret.literal("klä:glich ✓")
    assert driver.connect(bearer_token=None, username="tieline", password=password).check().account == "tieline"


def test_a_secret_that_cannot_be_had_is_named(driver: AlertmanagerDriver) -> None:
    adapter = driver.connect(bearer_token=Secret("env", "NO_SUCH_VARIABLE_HERE"))
    with pytest.raises(NeedsOperator, match="NO_SUCH_VARIABLE_HERE"):
        adapter.check()


def test_check_names_what_in_the_receiver_makes_webhooks_incomplete(
    driver: AlertmanagerDriver, am: AlertmanagerSimulator
) -> None:
    am.webhook.max_alerts, am.webhook.send_resolved = 3, False
    notes = "\n".join(driver.connect(receiver="tieline").check().notes)
    assert "max_alerts" in notes
    assert "send_resolved" in notes
    am.webhook.max_alerts, am.webhook.send_resolved = 0, True
    assert driver.connect(receiver="tieline").check().notes == ()
    assert "webhooks are refused" in driver.connect(webhook_token=None).check().notes[0]


@pytest.mark.parametrize("page_size", [500, 2_000])
def test_however_many_fire_all_are_told(driver: AlertmanagerDriver, am: AlertmanagerSimulator, page_size: int) -> None:
    made = [am.fire({**DISK, "instance": f"db{number}"}).ref for number in range(1_001)]
    found, cursor = poll(driver.connect(page_size=page_size), None)
    assert sorted(reading.ref for reading in found) == sorted(made)
    assert poll(driver.connect(page_size=page_size), cursor)[0] == []

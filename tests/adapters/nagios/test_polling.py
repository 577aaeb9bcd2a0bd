"""Polling: what is a problem, what ends one, and what an answer does not prove; and what a notification tells."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tieline.adapters.nagios.adapter import NagiosAdapter
from tieline.adapters.nagios.simulated.driver import HOOK_TOKEN, NagiosDriver
from tieline.adapters.nagios.simulator import NagiosSimulator
from tieline.core.errors import Gone, NeedsOperator, TryAgain
from tieline.core.port import Cursor, Delivery, Reading


def poll(adapter: NagiosAdapter, since: Cursor | None) -> tuple[dict[str, Reading], Cursor]:
    """The readings by ref, and where the source stands after them."""
    found: dict[str, Reading] = {}
    cursor = since
    for page in adapter.changes(since):
        found.update({one.ref: one for one in page.readings})
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


def test_a_soft_problem_is_none_until_it_is_hard(adapter: NagiosAdapter, nagios: NagiosSimulator) -> None:
    nagios.make("db1!disk", attempts=3)
    nagios.report("db1!disk", 0, "DISK OK")
    told = []
    for _ in range(3):
        nagios.report("db1!disk", 2, "DISK CRITICAL")
        told.append(len(poll(adapter, Cursor(""))[0]))
    assert told == [0, 0, 1]


def test_an_escalation_is_the_same_episode_and_a_flap_another(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator
) -> None:
    ref = driver.make("DISK WARNING")
    _, cursor = poll(adapter, Cursor(""))
    driver.advance(60)
    nagios.report("db1!disk", 1, "DISK WARNING")
    worse, cursor = poll(adapter, cursor)
    assert {(one, reading.body["state"]) for one, reading in worse.items()} == {(ref, "warning")}
    driver.advance(60)
    nagios.report("db1!disk", 0, "DISK OK")
    driver.advance(60)
    again = driver.fail_check("db1!disk", 2, "DISK CRITICAL")
    flapped, _ = poll(adapter, cursor)
    assert {one: reading.body["status"] for one, reading in flapped.items()} == {ref: "resolved", again: "active"}


def test_what_nagios_forgot_has_not_ended(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator
) -> None:
    ref = driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, Cursor(""))
    nagios.make("db1!disk")  # as after a start without its retention file
    nagios.write()
    assert poll(adapter, cursor) == ({}, cursor)
    with pytest.raises(TryAgain, match="does not know yet"):
        adapter.read(ref)
    nagios.report("db1!disk", 0, "DISK OK")
    assert poll(adapter, cursor)[0][ref].body["status"] == "resolved"
    with pytest.raises(Gone):
        adapter.read(ref)


def test_what_is_acknowledged_in_downtime_or_cut_off_is_suppressed_and_goes_on(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator
) -> None:
    acknowledged, planned = driver.make("DISK CRITICAL"), driver.make("DISK CRITICAL")
    driver.at(acknowledged).acknowledgement = 1
    driver.at(planned).downtimes = 1
    cut_off = driver.fail_check("db9", 2, "PING CRITICAL")
    down = driver.fail_check("db8", 1, "PING CRITICAL")
    found, _ = poll(adapter, Cursor(""))
    assert {one: found[one].body["status"] for one in (acknowledged, planned, cut_off, down)} == {
        acknowledged: "suppressed",
        planned: "suppressed",
        cut_off: "suppressed",
        down: "active",
    }
    assert (found[cut_off].body["state"], found[down].body["state"]) == ("unreachable", "down")
    assert found[down].url.endswith("/extinfo.cgi?type=1&host=db8")
    assert found[planned].url.endswith("/extinfo.cgi?type=2&host=db2&service=disk")


def test_an_account_that_sees_nothing_ends_nothing(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator
) -> None:
    driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, Cursor(""))
    blind = driver.connect(username="blind")
    for ask in (blind.check, lambda: poll(blind, cursor)):
        with pytest.raises(NeedsOperator, match="authorized_for_all_hosts"):
            ask()


def test_a_nagios_that_is_starting_is_asked_again(
    adapter: NagiosAdapter, driver: NagiosDriver, nagios: NagiosSimulator
) -> None:
    told = {"result": {"type_code": 2, "message": "Error: Could not read status data!"}}
    nagios.fail(200, body=told, path="/statusjson.cgi")
    with pytest.raises(TryAgain, match="down, or starting"):
        adapter.check()


def test_the_first_poll_leaves_what_began_before_history_alone_but_tells_its_end(driver: NagiosDriver) -> None:
    adapter = driver.connect(history=timedelta(hours=1))
    old = driver.make("DISK CRITICAL")
    driver.advance(2 * 3600)
    young = driver.make("DISK CRITICAL")
    found, cursor = poll(adapter, None)
    assert list(found) == [young]
    driver.delete(old)
    assert poll(adapter, cursor)[0][old].body["status"] == "resolved"


@pytest.mark.parametrize("words", ["x" * 40_000, "a\x00b\x1b[31m", "<b>{{7*7}}</b> [code]", "", "two\nlines"])
def test_whatever_a_plugin_writes_is_taken_over(adapter: NagiosAdapter, driver: NagiosDriver, words: str) -> None:
    body = adapter.read(driver.make("first line", words)).body
    assert (body["summary"], body["output"]) == ("first line", f"first line\n{words}".removesuffix("\n")[:10_000])


@pytest.mark.parametrize("status", [2, 64, -1, 2.5, "16", None, True])
def test_a_status_that_nobody_knows_is_named_and_no_end(
    adapter: NagiosAdapter, driver: NagiosDriver, status: object
) -> None:
    ref, other = driver.make("DISK CRITICAL"), driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, Cursor(""))
    driver.at(ref).odd = {"status": status}
    driver.touch(other)
    (page,) = adapter.changes(cursor)
    assert [one.ref for one in page.readings] == [other]
    assert [(one.ref, one.key) for one in page.unreadable] == [(ref, "db1!disk")]


@pytest.mark.parametrize("told", [b"[]", b"{", b'{"host": ""}', b'{"service": "disk"}', b'{"host": 7}'])
def test_what_no_notification_command_sends_is_refused(adapter: NagiosAdapter, told: bytes) -> None:
    with pytest.raises(ValueError, match="notification command"):
        adapter.parse(Delivery({}, told))


@pytest.mark.parametrize("well", ["0", "", "soon", None])
def test_a_notification_of_what_never_was_well_only_has_us_look(adapter: NagiosAdapter, well: str | None) -> None:
    sent = Delivery({"authorization": f"Bearer {HOOK_TOKEN}"}, json.dumps({"host": "db1", "well": well}).encode())
    told = adapter.parse(sent)
    assert (told.hints, told.incomplete) == ((), True)

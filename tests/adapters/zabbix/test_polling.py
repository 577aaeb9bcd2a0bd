"""Polling: what is a problem, what ends one, and what an answer does not prove; and what a media type tells."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tieline.adapters.zabbix.adapter import ZabbixAdapter
from tieline.adapters.zabbix.simulated.driver import BLIND, TOKEN, ZabbixDriver
from tieline.adapters.zabbix.simulator import Account, ZabbixSimulator
from tieline.core.errors import NeedsOperator, TryAgain
from tieline.core.port import Cursor, Delivery, Reading
from tieline.core.secrets import Secret


def poll(adapter: ZabbixAdapter, since: Cursor | None) -> tuple[dict[str, Reading], Cursor]:
    """The readings by ref, and where the source stands after them."""
    found: dict[str, Reading] = {}
    cursor = since
    for page in adapter.changes(since):
        found.update({one.ref: one for one in page.readings})
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


@pytest.mark.parametrize("version", [(6, 0), (6, 4), (7, 0), (7, 2)])
def test_a_token_is_shown_as_the_version_takes_it(driver: ZabbixDriver, version: tuple[int, int]) -> None:
    driver.simulator.version = version
    driver.make("Disk low")
    adapter = driver.connect()
    assert adapter.check().account == "tieline"
    assert len(poll(adapter, Cursor(""))[0]) == 1


def test_what_is_read_is_what_people_see(adapter: ZabbixAdapter, driver: ZabbixDriver) -> None:
    body = adapter.read(driver.make("Disk low")).body
    assert (body["host"], body["name"], body["severity"], body["status"]) == ("db1", "Disk low", "high", "active")
    assert body["labels"] == {"component": "storage", "service": "billing", "host": "db1"}


def test_another_problem_of_a_trigger_is_another_episode(adapter: ZabbixAdapter, driver: ZabbixDriver) -> None:
    first = driver.known(driver.simulator.report("Disk low", trigger=23133))
    second = driver.known(driver.simulator.report("Disk low", trigger=23133))
    found, cursor = poll(adapter, Cursor(""))
    assert set(found) == {first, second}
    driver.delete(first)
    assert {one: reading.body["status"] for one, reading in poll(adapter, cursor)[0].items()} == {first: "resolved"}


def test_what_a_person_did_is_told_and_nothing_else_is(adapter: ZabbixAdapter, driver: ZabbixDriver) -> None:
    ref = driver.make("Disk low")
    _, cursor = poll(adapter, Cursor(""))
    driver.simulator.act(driver.at(ref), 4, "only a message", "ann")
    assert poll(adapter, cursor) == ({}, cursor)
    driver.simulator.act(driver.at(ref), 2, "", "ann")
    assert poll(adapter, cursor)[0][ref].body["status"] == "suppressed"


def test_an_account_that_sees_nothing_ends_nothing(adapter: ZabbixAdapter, driver: ZabbixDriver) -> None:
    driver.make("Disk low")
    _, cursor = poll(adapter, Cursor(""))
    blind = driver.connect(token=Secret.literal(BLIND))
    for ask in (blind.check, lambda: poll(blind, cursor)):
        with pytest.raises(NeedsOperator, match="shows no host"):
            ask()


def test_a_method_that_the_role_does_not_allow_is_named(driver: ZabbixDriver) -> None:
    driver.simulator.accounts[TOKEN] = Account("tieline", methods=frozenset({"user.get", "host.get"}))
    with pytest.raises(NeedsOperator, match=r"problem\.get.*API rules"):
        driver.connect().check()


@pytest.mark.parametrize("words", ["Incorrect user name.", "API token expired.", "Not authorised.", "Not authorized."])
def test_a_token_that_ran_out_is_told_so_and_is_no_end(
    adapter: ZabbixAdapter, driver: ZabbixDriver, simulator: ZabbixSimulator, words: str
) -> None:
    adapter.check()
    simulator.fail(200, body={"error": {"code": -32500, "message": "Application error.", "data": words}})
    with pytest.raises(NeedsOperator, match="Renew `token`"):
        poll(adapter, Cursor(""))


def test_a_database_that_is_down_is_asked_again(adapter: ZabbixAdapter, simulator: ZabbixSimulator) -> None:
    adapter.check()
    simulator.fail(200, body={"error": {"code": -32500, "message": "Application error.", "data": "SQL error"}})
    with pytest.raises(TryAgain, match="SQL error"):
        poll(adapter, Cursor(""))


def test_the_first_poll_leaves_what_began_before_history_alone_but_tells_its_end(driver: ZabbixDriver) -> None:
    adapter = driver.connect(history=timedelta(hours=1))
    old = driver.make("Disk low")
    driver.advance(2 * 3600)
    young = driver.make("Disk low")
    found, cursor = poll(adapter, None)
    assert list(found) == [young]
    driver.delete(old)
    assert poll(adapter, cursor)[0][old].body["status"] == "resolved"


@pytest.mark.parametrize("odd", [{"severity": "6"}, {"severity": 4}, {"name": None}, {"tags": "x"}, {"clock": "soon"}])
def test_an_odd_problem_is_named_and_no_end(
    adapter: ZabbixAdapter, driver: ZabbixDriver, odd: dict[str, object]
) -> None:
    ref, other = driver.make("Disk low"), driver.make("Disk low")
    _, cursor = poll(adapter, Cursor(""))
    driver.at(ref).odd = odd
    driver.touch(other)
    (page,) = adapter.changes(cursor)
    assert [one.ref for one in page.readings] == [other]
    assert [one.key for one in page.unreadable] == [str(driver.at(ref).event)]


@pytest.mark.parametrize("told", [b"[]", b"{", b'{"event": "{EVENT.ID}"}', b'{"event": 7}', b"{}"])
def test_what_no_media_type_sends_is_refused(adapter: ZabbixAdapter, told: bytes) -> None:
    with pytest.raises(ValueError, match="media type"):
        adapter.parse(Delivery({}, told))


@pytest.mark.parametrize("began", ["", "{EVENT.TIME}", "NaN", None])
def test_a_delivery_that_does_not_tell_when_only_has_us_look(adapter: ZabbixAdapter, began: str | None) -> None:
    told = adapter.parse(Delivery({}, json.dumps({"event": "18", "began": began}).encode()))
    assert (told.hints, told.incomplete) == ((), True)

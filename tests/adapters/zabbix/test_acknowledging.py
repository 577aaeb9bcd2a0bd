"""What is acknowledged here shows there, and what people did there stays theirs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tieline.adapters.zabbix.adapter import ZabbixAdapter
from tieline.adapters.zabbix.simulated.driver import TOKEN, ZabbixDriver
from tieline.adapters.zabbix.simulator import Account, ZabbixSimulator
from tieline.core.errors import Gone, NeedsOperator
from tieline.core.port import Act, Ref, Token


def act(adapter: ZabbixAdapter, ref: Ref, what: Act, until: datetime, token: str = "t-1", note: str = "INC-1") -> None:
    adapter.acknowledge(ref, what, until=until, note=note, token=Token(token))


@pytest.fixture
def later(driver: ZabbixDriver) -> datetime:
    return driver.now() + timedelta(hours=4)


def done(driver: ZabbixDriver, ref: Ref) -> list[tuple[str, str]]:
    return [(one["action"], one["message"]) for one in driver.at(ref).done]


def test_an_acknowledgement_says_why_once_and_is_taken_back(
    adapter: ZabbixAdapter, driver: ZabbixDriver, later: datetime
) -> None:
    ref = driver.make("Disk low")
    for what in (Act.ACKNOWLEDGE, Act.ACKNOWLEDGE, Act.RELEASE, Act.RELEASE, Act.ACKNOWLEDGE):
        act(adapter, ref, what, later)
    assert done(driver, ref) == [("6", "INC-1 [tieline t-1]"), ("16", ""), ("6", "INC-1 [tieline t-1]")]


def test_a_suppression_ends_by_zabbixs_clock_and_is_prolonged(driver: ZabbixDriver, later: datetime) -> None:
    driver.skew(3600)
    adapter, ref = driver.connect(suppress=True), driver.make("Disk low")
    act(adapter, ref, Act.ACKNOWLEDGE, later)
    until = driver.at(ref).suppressed_until
    assert until is not None
    assert abs(until - (later + timedelta(hours=1)).timestamp()) < 2
    assert adapter.read(ref).body["suppressed"]
    act(adapter, ref, Act.ACKNOWLEDGE, later + timedelta(hours=1), "t-2")
    assert done(driver, ref) == [("38", "INC-1 [tieline t-1]"), ("32", "")]
    act(adapter, ref, Act.RELEASE, later)
    assert (driver.at(ref).suppressed_until, driver.at(ref).acknowledged) == (None, False)


def test_before_6_2_nothing_is_suppressed_and_check_says_so(driver: ZabbixDriver, later: datetime) -> None:
    driver.simulator.version = (6, 0)
    adapter, ref = driver.connect(suppress=True), driver.make("Disk low")
    assert any("before 6.2" in one for one in adapter.check().notes)
    act(adapter, ref, Act.ACKNOWLEDGE, later)
    assert done(driver, ref) == [("6", "INC-1 [tieline t-1]")]


@pytest.mark.parametrize(("closable", "is_over"), [(True, True), (False, False)])
def test_what_was_resolved_is_closed_where_its_trigger_allows_it(
    driver: ZabbixDriver, later: datetime, closable: bool, is_over: bool
) -> None:
    adapter = driver.connect(close=True)
    ref = driver.known(driver.simulator.report("Disk low", closable=closable))
    act(adapter, ref, Act.ACKNOWLEDGE, later)
    act(adapter, ref, Act.RESOLVE, later)
    assert bool(driver.at(ref).over) == is_over
    assert driver.at(ref).acknowledged == is_over


def test_nothing_is_closed_unless_that_is_asked_for(
    adapter: ZabbixAdapter, driver: ZabbixDriver, later: datetime
) -> None:
    ref = driver.known(driver.simulator.report("Disk low", closable=True))
    act(adapter, ref, Act.RESOLVE, later)
    act(driver.connect(close=True), ref, Act.RELEASE, later)
    assert (driver.at(ref).over, done(driver, ref)) == (0, [])


@pytest.mark.parametrize("before", [True, False])
def test_what_a_person_acknowledged_is_left_alone(
    adapter: ZabbixAdapter, driver: ZabbixDriver, later: datetime, before: bool
) -> None:
    ref = driver.make("Disk low")
    if not before:
        act(adapter, ref, Act.ACKNOWLEDGE, later)
    driver.simulator.act(driver.at(ref), 6, "looking", "ann")
    so_far = done(driver, ref)
    for what in (Act.ACKNOWLEDGE, Act.RELEASE, Act.RESOLVE):
        act(adapter, ref, what, later, "t-2")
    assert done(driver, ref) == so_far


def test_an_account_that_only_reads_is_told_so(driver: ZabbixDriver, later: datetime) -> None:
    driver.simulator.accounts[TOKEN] = Account("tieline", writes=False)
    ref = driver.make("Disk low")
    with pytest.raises(NeedsOperator, match="read-write"):
        act(driver.connect(), ref, Act.ACKNOWLEDGE, later)


def test_what_is_over_is_gone(adapter: ZabbixAdapter, driver: ZabbixDriver, later: datetime) -> None:
    ref = driver.make("Disk low")
    driver.delete(ref)
    with pytest.raises(Gone):
        act(adapter, ref, Act.ACKNOWLEDGE, later)
    act(adapter, ref, Act.RELEASE, later)


def test_a_moment_that_is_over_acknowledges_nothing(
    adapter: ZabbixAdapter, driver: ZabbixDriver, simulator: ZabbixSimulator
) -> None:
    ref = driver.make("Disk low")
    act(adapter, ref, Act.ACKNOWLEDGE, driver.now())
    assert done(driver, ref) == []


@pytest.mark.parametrize("note", ["x" * 40_000, "[INC-1] 🔥 ] [", "a\x00b\nc", "", "<b>{EVENT.ID}"])
def test_whatever_the_note_says_ours_is_found_again(
    adapter: ZabbixAdapter, driver: ZabbixDriver, later: datetime, note: str
) -> None:
    ref = driver.make("Disk low")
    act(adapter, ref, Act.ACKNOWLEDGE, later, note=note)
    assert driver.acts_in_force(ref) == 1
    act(adapter, ref, Act.RELEASE, later)
    assert driver.acts_in_force(ref) == 0

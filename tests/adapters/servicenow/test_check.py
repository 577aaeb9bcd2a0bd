"""`check()` says what an operator must know, and settings are refused where they would hurt."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from pydantic import ValidationError

from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulated.seed import Account
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.core.errors import NeedsOperator
from tieline.core.secrets import Secret


def notes(adapter: ServiceNow) -> str:
    return "\n".join(adapter.check().notes)


@pytest.fixture(autouse=True)
def one_incident(driver: ServiceNowDriver) -> None:
    driver.make("disk full")


def test_a_healthy_connection_has_one_thing_to_say(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    found = driver.connect().check()
    assert (found.account, found.version, found.clock_skew) == ("tieline", "Simulated", timedelta(0))
    assert [note.split(" (")[0] for note in found.notes] == ["the instance ignores conditions on unknown fields"]
    simulator.invalid_query_returns_no_rows = True
    assert driver.connect().check().notes == ()


@pytest.mark.parametrize("zone", ["US/Pacific", ""])
def test_a_time_zone_other_than_gmt_is_told(adapter: ServiceNow, simulator: ServiceNowSimulator, zone: str) -> None:
    simulator.tables.rows["sys_user"][simulator.tables.user_id("tieline")]["time_zone"] = zone
    assert f"the time zone of tieline is {zone or 'the default'}" in notes(adapter)


def test_a_clock_that_is_off_is_told(adapter: ServiceNow, driver: ServiceNowDriver) -> None:
    driver.skew(-7200)
    assert "clock is -7200 s off ours" in notes(adapter)


def test_a_misspelt_field_in_the_filter_is_refused(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    for ignored in (False, True):
        simulator.invalid_query_returns_no_rows = ignored
        with pytest.raises(NeedsOperator, match="names categroy"):
            driver.connect(query="active=true^categroy=network").check()
    driver.connect(query="active=true^ORassignment_group.name=Network").check()


def test_everything_that_a_person_must_mend_is_told_at_once(
    driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    simulator.hidden = set(simulator.tables.rows["incident"])
    with pytest.raises(NeedsOperator) as told:
        driver.connect(query="categroy=network").check()
    assert "has 1 records and shows none" in str(told.value) and "names categroy" in str(told.value)


def test_records_that_are_all_hidden_stop_the_connection(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    simulator.hidden = set(simulator.tables.rows["incident"])
    with pytest.raises(NeedsOperator, match="has 1 records and shows none"):
        adapter.check()


def test_a_table_that_may_not_be_read_stops_the_connection(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    simulator.unreadable = {"incident"}
    with pytest.raises(NeedsOperator, match="Insufficient rights"):
        adapter.check()


def test_side_tables_that_may_not_be_read_are_told(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    simulator.unreadable = {"sys_journal_field", "sys_user_has_role", "sys_properties", "sys_audit"}
    found = adapter.check()
    assert found.version == "unknown"
    assert "roles cannot be read" in "\n".join(found.notes)
    assert "comments will not travel" in "\n".join(found.notes)
    assert "sys_audit cannot be read" in "\n".join(found.notes)


def test_an_account_without_a_writers_role_is_told(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    simulator.tables.accounts["guest"] = Account("guest's password", "guest@example.com", roles=("approver",))
    roles = {"approver": simulator.tables.add("sys_user_role", name="approver")["sys_id"]}
    simulator.tables._add_user("guest", simulator.tables.accounts["guest"], roles)
    adapter = driver.connect(username="guest", password=Secret.literal("guest's password"))
    assert "writes may be refused" in notes(adapter)


def test_an_empty_table_proves_nothing(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    simulator.tables.rows["incident"].clear()
    assert "incident is empty" in notes(driver.connect())


def test_the_schema_is_that_of_the_table_and_its_ancestors(adapter: ServiceNow) -> None:
    facts = adapter.describe()
    assert facts["short_description"].max_length == 160
    assert facts["hold_reason"].choices == {
        "1": "Awaiting Caller",
        "3": "Awaiting Problem",
        "4": "Awaiting Vendor",
        "5": "Awaiting Change",
    }
    state = facts["state"].choices
    assert state is not None
    assert set(state) == {"1", "2", "3", "6", "7", "8"}  # the incident's, not the task's
    assert not facts["priority"].writable
    assert not facts["sys_updated_on"].writable
    assert facts["correlation_id"].writable


def test_a_column_that_access_rules_hide_is_there_and_not_readable(
    adapter: ServiceNow, simulator: ServiceNowSimulator, driver: ServiceNowDriver
) -> None:
    driver.make("Disk full")
    simulator.unshown = {"category"}
    facts = adapter.describe()
    assert not facts["category"].readable
    assert facts["state"].readable


def test_a_dictionary_that_shows_nothing_is_no_schema(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    simulator.hidden = set(simulator.tables.rows["sys_dictionary"])
    with pytest.raises(NeedsOperator, match="sys_dictionary shows no field"):
        adapter.describe()


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://instance.example"},
        {"url": "https://instance.example/api/now"},
        {"url": "https://user:password@instance.example"},
        {"url": "instance.example"},
        {"query": "active=true^NQactive=false"},
        {"query": "ORDERBYnumber"},
        {"query": "ORactive=true"},
        {"query": "active=true^EQ"},
        {"table": "incident/../sys_user"},
        {"page_size": 0},
        {"password": "in the open"},
        {"unknown": 1},
    ],
)
def test_settings_that_would_hurt_are_refused(driver: ServiceNowDriver, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        driver.settings(**wrong)


def test_registering_the_adapter_loads_no_sdk() -> None:
    code = (
        "import sys, tieline.adapters.servicenow.plugin as p;"
        "print([k.tool for k in p.tieline_adapters()], {'pysnow', 'requests', 'ijson'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "['servicenow'] set()"

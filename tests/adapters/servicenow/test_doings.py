"""Whose doing a value is: ours, a person's, or that of the instance's own jobs and rules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.adapters.testing.contract.expect import here, listed
from tieline.core.errors import StaleVersion
from tieline.core.port import Body, Reading, Ref, Token

TOKEN = Token("tl-1")
NEW: Body = {"short_description": "disk full", "impact": "3", "urgency": "3"}
RESOLVED: Body = {"state": "6", "close_code": "Solution provided", "close_notes": "restarted"}
STATE = frozenset({"state", "incident_state", "active", "closed_at", "closed_by"})


def closed_by_job(adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> list[Reading]:
    """An incident that a job closed, as a poll and as a read show it."""
    made = adapter.create(NEW, TOKEN)
    driver.advance(2)
    adapter.update(made.ref, RESOLVED, made.version)
    start = here(adapter)
    simulator.auto_close_after = timedelta(days=7)
    driver.advance(7 * 86_400 + 1)
    return [*listed(adapter, start), adapter.read(made.ref)]


def test_what_a_job_closed_is_told(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    readings = closed_by_job(adapter, driver, simulator)
    assert [one.body["state"] for one in readings] == ["7", "7"]
    assert all("state" in one.automatic <= STATE for one in readings)
    assert not any(one.ours for one in readings)


def test_a_job_that_closes_many_at_once_is_told_of_each(
    driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    adapter = driver.connect(page_size=200)
    start = here(adapter)
    refs = [driver.make(f"disk {number} full") for number in range(45)]
    for ref in refs:
        driver.edit(ref, RESOLVED)
    simulator.auto_close_after = timedelta(days=7)
    driver.advance(7 * 86_400 + 1)
    simulator.requests.clear()
    told = {one.ref: "state" in one.automatic for one in listed(adapter, start)}
    assert told == dict.fromkeys(refs, True)
    assert len([path for _, path in simulator.requests if path.endswith("sys_audit")]) == 3


def test_what_a_person_changed_after_the_job_is_the_persons(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    *_, seen = closed_by_job(adapter, driver, simulator)
    driver.edit(seen.ref, {"description": "df"})
    assert adapter.read(seen.ref).automatic == frozenset()


@pytest.mark.parametrize("why", ["unreadable", "not audited"])
def test_where_the_audit_does_not_tell_nothing_is_told(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator, why: str
) -> None:
    if why == "unreadable":
        simulator.unreadable.add("sys_audit")
    else:
        simulator.audited.clear()
    assert {one.automatic for one in closed_by_job(adapter, driver, simulator)} == {frozenset()}


def test_what_people_save_costs_no_look_at_the_audit(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    start = here(adapter)
    ref = driver.make("disk full")
    simulator.requests.clear()
    assert adapter.read(ref).automatic == frozenset()
    listed(adapter, start)
    assert not [path for _, path in simulator.requests if path.endswith("sys_audit")]


def test_an_instance_may_name_its_own_jobs(driver: ServiceNowDriver) -> None:
    adapter = driver.connect(automation=("system", "Fred.Luddy"))
    ref = driver.make("disk full")
    driver.edit(ref, {"urgency": "1"})
    assert adapter.read(ref).automatic >= {"urgency", "priority"}


def test_who_saved_last_is_told(adapter: ServiceNow, driver: ServiceNowDriver) -> None:
    made = adapter.create(NEW, TOKEN)
    assert made.ours
    driver.edit(made.ref, {"description": "df"})
    assert not adapter.read(made.ref).ours


def test_a_record_that_nobody_saved_again_is_as_it_was_born(adapter: ServiceNow) -> None:
    made = adapter.create(NEW, TOKEN)
    assert made.born == made.body == adapter.read(made.ref).born


def test_a_record_of_somebody_elses_tells_no_birth(adapter: ServiceNow, driver: ServiceNowDriver) -> None:
    assert adapter.read(driver.make("disk full")).born is None


def test_what_persons_changed_is_taken_out_of_a_birth(adapter: ServiceNow, driver: ServiceNowDriver) -> None:
    adapter.create(NEW, TOKEN)
    found = adapter.find(TOKEN)
    assert found is not None
    driver.edit(found.ref, {"short_description": "disk full, says Fred", "urgency": "1"})
    driver.edit(found.ref, {"short_description": "disk very full"})
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.born is not None
    assert (found.born["short_description"], found.born["urgency"]) == ("disk full", "3")
    assert found.body["short_description"] == "disk very full"


def test_a_birth_that_the_audit_does_not_tell_is_not_known(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    made = adapter.create(NEW, TOKEN)
    driver.edit(made.ref, {"urgency": "1"})
    simulator.unreadable.add("sys_audit")
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.born is None


def test_a_record_that_only_a_job_saved_again_is_as_it_was_born(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    """Without a look at the audit: whoever saved it the one time stands in the record."""
    simulator.saves_again = True
    simulator.unreadable.add("sys_audit")
    made = adapter.create(NEW, TOKEN)
    assert made.body["sys_mod_count"] == "1"
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.born == found.body
    driver.edit(made.ref, {"urgency": "1"})
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.born is None


def test_saves_that_changed_no_field_leave_a_record_as_it_was_born(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    """The audit has no row of them, as it has none of a table that is not audited: others' rows tell which it is."""
    made = adapter.create(NEW, TOKEN)
    for _ in range(2):
        simulator.tables.touch(simulator.tables.rows["incident"][made.ref], "fred")
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.born is None
    driver.edit(driver.make("paper jam"), {"urgency": "1"})
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.born == found.body


def test_a_record_that_was_saved_again_at_once_is_answered_as_it_was_born(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    def by_fred() -> None:
        (ref,) = [Ref(sys_id) for sys_id, row in simulator.tables.rows["incident"].items() if row["correlation_id"]]
        driver.edit(ref, {"urgency": "1"})

    driver.after_next_write(by_fred)
    made = adapter.create(NEW, TOKEN)
    assert made.body["urgency"] == "3"
    now = adapter.read(made.ref)
    assert (now.body["urgency"], now.version != made.version) == ("1", True)
    with pytest.raises(StaleVersion):
        adapter.update(made.ref, {"description": "df"}, made.version)


def test_a_rule_that_saves_again_is_no_race(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    made = adapter.create(NEW, TOKEN)
    simulator.saves_again = True
    assert not adapter.update(made.ref, {"urgency": "1"}, made.version).raced

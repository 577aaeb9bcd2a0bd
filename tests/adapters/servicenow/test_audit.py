"""What sys_audit tells of a write that was raced, and what is said where it may not be read."""

from __future__ import annotations

import pytest

from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.core.errors import TryAgain
from tieline.core.model import Audience
from tieline.core.port import WHOLE, Body, Reading, Replaced, Token

TOKEN = Token("tl-1")


def raced(
    adapter: ServiceNow, driver: ServiceNowDriver, theirs: dict[str, str], ours: Body
) -> tuple[Reading, Replaced | None]:
    """Our write of `ours`, with a person's edit of `theirs` between its look and itself."""
    made = adapter.create({"short_description": "disk full", "impact": "3", "urgency": "3"}, TOKEN)
    driver.before_next_write(lambda: driver.edit(made.ref, theirs))
    return adapter.update(made.ref, ours, made.version), adapter.replaced(made.ref, made.version)


def test_the_replaced_values_stand_in_their_places(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    beth = simulator.tables.user_id("beth.anglin")
    theirs = {"short_description": "disk full, says a person", "assigned_to": beth, "description": "df"}
    written, found = raced(adapter, driver, theirs, {"short_description": "disk full on db1", "assigned_to": ""})
    assert written.raced
    assert found is not None
    assert found.body is not None
    assert found.body["short_description"] == "disk full, says a person"
    assert found.body["assigned_to"] == beth
    assert found.people[beth] == "beth.anglin@example.com"
    assert found.body["description"] == "df"
    assert found.body["sys_id"] == written.ref


def test_a_computed_priority_is_told_with_what_it_is_computed_from(
    adapter: ServiceNow, driver: ServiceNowDriver
) -> None:
    _written, found = raced(adapter, driver, {"urgency": "1", "impact": "1"}, {"urgency": "2", "impact": "2"})
    assert found is not None
    assert found.body is not None
    assert (found.body["urgency"], found.body["impact"], found.body["priority"]) == ("1", "1", "1")


def test_a_record_written_many_times_counts_on(adapter: ServiceNow, driver: ServiceNowDriver) -> None:
    seen = adapter.create({"short_description": "disk full"}, TOKEN)
    for number in range(9):
        seen = adapter.update(seen.ref, {"short_description": f"disk {number}"}, seen.version)
    driver.before_next_write(lambda: driver.edit(seen.ref, {"short_description": "disk full, says a person"}))
    adapter.update(seen.ref, {"short_description": "disk full on db1"}, seen.version)
    found = adapter.replaced(seen.ref, seen.version)
    assert found is not None
    assert found.body is not None
    assert found.body["short_description"] == "disk full, says a person"


def test_an_edit_of_another_field_is_a_race_that_replaced_nothing(
    adapter: ServiceNow, driver: ServiceNowDriver
) -> None:
    written, found = raced(adapter, driver, {"description": "df"}, {"short_description": "disk full on db1"})
    assert written.raced
    assert found == Replaced(None, ours=frozenset({"short_description"}))


@pytest.mark.parametrize("saves_again", [False, True])
def test_what_a_person_wrote_meanwhile_is_not_what_the_tool_made_of_our_write(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator, saves_again: bool
) -> None:
    simulator.silent, simulator.saves_again = {"category"}, saves_again
    theirs = {"category": "network", "short_description": "disk full, says a person"}
    written, found = raced(adapter, driver, theirs, {"category": "software", "description": "df"})
    assert (written.body["category"], written.body["description"]) == ("inquiry", "df"), "what came of our write alone"
    assert written.raced
    now = adapter.read(written.ref)
    assert (now.body["category"], now.body["short_description"]) == ("network", "disk full, says a person")
    assert now.version != written.version, "what they wrote is read next"
    assert found == Replaced(None, ours=frozenset({"description"}))


def test_a_rule_that_saves_again_replaced_nothing(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    simulator.saves_again = True
    written = adapter.update(made.ref, {"short_description": "disk full on db1"}, made.version)
    found = adapter.replaced(made.ref, made.version)
    assert found is None or (found.body is None and not found.untold)
    assert not written.raced or adapter.read(made.ref).body["short_description"] == "disk full on db1"


@pytest.mark.parametrize("why", ["unreadable", "hidden", "not audited"])
def test_a_loss_that_may_not_be_read_is_told_without_its_value(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator, why: str
) -> None:
    simulator.unreadable = {"sys_audit"} if why == "unreadable" else set()
    simulator.audited = set() if why == "not audited" else simulator.audited
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    driver.before_next_write(lambda: driver.edit(made.ref, {"short_description": "disk full, says a person"}))
    adapter.update(made.ref, {"short_description": "disk full on db1"}, made.version)
    if why == "hidden":
        simulator.hidden = set(simulator.tables.rows["sys_audit"])
    found = adapter.replaced(made.ref, made.version)
    assert found is not None
    assert found.body is None
    assert "INC0010001 was written by others at the same time" in found.untold
    assert ("have incident audited" if why == "not audited" else "grant the account read access") in found.untold


def test_a_write_whose_race_cannot_be_looked_into_may_have_been_done(
    adapter: ServiceNow, driver: ServiceNowDriver
) -> None:
    made = adapter.create(driver.new_body("disk full"), TOKEN)
    driver.before_next_write(lambda: driver.edit(made.ref, {"description": "df"}))
    driver.simulator.lose(path="/sys_audit")
    with pytest.raises(TryAgain) as lost:
        adapter.update(made.ref, {"description": "the /var volume"}, made.version)
    assert lost.value.maybe_done
    found = adapter.replaced(made.ref, made.version)
    assert found is not None and found.body is not None and found.body["description"] == "df"


def test_what_a_person_wrote_over_ours_is_not_ours_because_we_commented_since(
    adapter: ServiceNow, driver: ServiceNowDriver
) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    adapter.update(made.ref, {"short_description": "disk full on db1", "description": "df"}, made.version)
    driver.edit(made.ref, {"short_description": "disk full, says a person"})
    adapter.add_comment(made.ref, "The volume was extended", Audience.STAFF, Token("tl-2"))
    assert not adapter.read(made.ref).ours
    found = adapter.replaced(made.ref, made.version)
    assert found is not None and found.body is None
    assert "description" in found.ours and "short_description" not in found.ours


def test_one_save_since_our_look_is_ours_or_a_persons(adapter: ServiceNow, driver: ServiceNowDriver) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    written = adapter.update(made.ref, {"short_description": "disk full on db1"}, made.version)
    assert adapter.replaced(made.ref, made.version) == Replaced(None, ours=WHOLE)
    driver.edit(made.ref, {"short_description": "disk full, says a person"})
    assert adapter.replaced(made.ref, written.version) is None


@pytest.mark.parametrize("status", [401, 403, 404])
def test_one_refusal_is_not_believed_of_the_table(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator, status: int
) -> None:
    """A token that ran out, or something in between: the history is there, and what was lost is in it."""
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    driver.before_next_write(lambda: driver.edit(made.ref, {"short_description": "disk full, says a person"}))
    adapter.update(made.ref, {"short_description": "disk full on db1"}, made.version)
    simulator.fail(status, path="/sys_audit")
    found = adapter.replaced(made.ref, made.version)
    assert found is not None and found.body is not None
    assert found.body["short_description"] == "disk full, says a person"


def test_credentials_that_are_refused_are_no_word_about_the_table(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    """What the write replaced is asked for once more when they work again."""
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    driver.before_next_write(lambda: driver.edit(made.ref, {"short_description": "disk full, says a person"}))
    adapter.update(made.ref, {"short_description": "disk full on db1"}, made.version)
    simulator.fail(401, path="/sys_audit", times=2, after_effect=True)
    simulator.afterwards.append((lambda request: "/sys_audit" in request.path, lambda: simulator.fail(401, times=9)))
    with pytest.raises(TryAgain, match="credentials"):
        adapter.replaced(made.ref, made.version)
    simulator.faults.clear()
    found = adapter.replaced(made.ref, made.version)
    assert found is not None and found.body is not None


def test_a_birth_is_told_although_the_history_was_refused_once(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    driver.edit(made.ref, {"short_description": "disk full, says a person"})
    simulator.fail(401, path="/sys_audit")
    found = adapter.find(TOKEN)
    assert found is not None and found.born is not None
    assert found.born["short_description"] == "disk full"

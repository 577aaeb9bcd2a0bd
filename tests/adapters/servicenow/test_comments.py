"""The journal: written through the record, read as rows, never wider than asked for."""

from __future__ import annotations

import pytest

from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.core.errors import NeedsOperator, Rejected, TryAgain
from tieline.core.model import Audience
from tieline.core.port import Token

TOKEN = Token("01JD8Z6W0G")


def test_work_notes_are_internal_and_comments_are_public(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    adapter.add_comment(ref, "for the team", Audience.STAFF, TOKEN)
    adapter.add_comment(ref, "for the caller", Audience.CUSTOMERS, TOKEN)
    entries = simulator.control("comments", {"record": ref})
    assert [(entry["element"], entry["value"]) for entry in entries] == [
        ("work_notes", "for the team"),
        ("comments", "for the caller"),
    ]


def test_a_comment_is_proved_by_its_entry(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    adapter.add_comment(ref, "the same words", Audience.STAFF, TOKEN)
    simulator.silent = {"work_notes"}
    with pytest.raises(Rejected, match="took no entry in `work_notes`"):
        adapter.add_comment(ref, "the same words", Audience.STAFF, TOKEN)


def test_a_comment_that_is_not_seen_again_may_have_been_written(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    driver.before_next_write(lambda: simulator.fail(503, path="sys_journal_field"))
    with pytest.raises(TryAgain) as caught:
        adapter.add_comment(ref, "hello", Audience.CUSTOMERS, TOKEN)
    assert caught.value.maybe_done


def test_a_journal_that_is_hidden_is_not_an_empty_one(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    simulator.hidden = {driver.comment(ref, "hello", Audience.CUSTOMERS)}
    with pytest.raises(NeedsOperator, match="hides"):
        adapter.comments(ref)


def test_entries_of_other_records_are_never_taken(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref, other = driver.make("disk full"), driver.make("another")
    driver.comment(other, "not here", Audience.STAFF)
    columns = simulator.tables.columns["sys_journal_field"]
    simulator.tables.columns["sys_journal_field"] = {name: columns[name] for name in columns if name != "element_id"}
    with pytest.raises(NeedsOperator, match="other records"):
        adapter.comments(ref)


@pytest.mark.parametrize("body", ["", "  \n", None, {"type": "doc"}])
def test_a_comment_is_text(adapter: ServiceNow, driver: ServiceNowDriver, body: object) -> None:
    with pytest.raises(Rejected, match="a comment is text"):
        adapter.add_comment(driver.make("disk full"), body, Audience.CUSTOMERS, TOKEN)


def test_a_comment_moves_the_record(adapter: ServiceNow, driver: ServiceNowDriver) -> None:
    ref = driver.make("disk full")
    before = adapter.read(ref)
    driver.comment(ref, "hello", Audience.CUSTOMERS)
    after = adapter.read(ref)
    assert after.version != before.version
    assert after.body["comments"] == ""


def test_an_entry_of_ours_is_ours_however_the_user_name_is_written(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    """A log-in takes the name in any case; an entry bears it as the user's row has it."""
    ref = driver.make("disk full")
    adapter.add_comment(ref, "ours", Audience.STAFF, TOKEN)
    driver.comment(ref, "a person's", Audience.STAFF)
    for entry in simulator.tables.rows["sys_journal_field"].values():
        entry["sys_created_by"] = entry["sys_created_by"].swapcase()
    assert [(one.body, one.ours) for one in adapter.comments(ref)] == [("ours", True), ("a person's", False)]


def test_an_edit_of_ours_is_ours_however_the_user_name_is_written(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    row = simulator.tables.rows["incident"][made.ref]
    row["sys_updated_by"] = row["sys_updated_by"].upper()
    assert adapter.read(made.ref).ours
    assert not adapter.read(driver.make("a person's")).ours

"""Creating and updating: what is stored is proved, what is refused is said, what came between is seen."""

from __future__ import annotations

import pytest

from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.core.errors import NeedsOperator, Rejected, TryAgain
from tieline.core.port import Body, Token

TOKEN = Token("01JD8Z6W0G")


def test_the_token_travels_in_correlation_id(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    row = simulator.control("get", {"record": made.ref})
    assert (row["correlation_id"], row["correlation_display"]) == (TOKEN, "Tieline")
    assert made.token == TOKEN
    assert made.key.startswith("INC")
    assert made.url == f"https://instance.example/incident.do?sys_id={made.ref}"


def test_the_correlation_of_another_integration_is_not_our_token(adapter: ServiceNow, driver: ServiceNowDriver) -> None:
    ref = driver.make("disk full")
    driver.edit(ref, {"correlation_id": "PD-1", "correlation_display": "PagerDuty"})
    assert adapter.read(ref).token is None


def test_a_token_that_was_not_stored_is_said_at_once(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    simulator.silent = {"correlation_id"}
    with pytest.raises(Rejected, match="INC0010001 was made, but its correlation_id"):
        adapter.create({"short_description": "disk full"}, TOKEN)


def test_a_token_longer_than_the_field_makes_no_record(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    with pytest.raises(Rejected, match="1 to 100 characters"):
        adapter.create({"short_description": "disk full"}, Token("x" * 101))
    assert simulator.control("list", {}) == []


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_record_that_cannot_be_read_back_may_have_been_made(
    adapter: ServiceNow, simulator: ServiceNowSimulator, status: int
) -> None:
    simulator.fail(status, method="GET")
    with pytest.raises(TryAgain) as caught:
        adapter.create({"short_description": "disk full"}, TOKEN)
    assert caught.value.maybe_done
    found = adapter.find(TOKEN)
    assert found is not None


def test_a_record_that_its_maker_may_not_read_stops_the_connection(
    adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    simulator.fail(404, method="GET")
    with pytest.raises(NeedsOperator, match="INC0010001 was made, but the account may not read it"):
        adapter.create({"short_description": "disk full"}, TOKEN)


def test_a_search_that_the_tool_ignored_is_no_answer(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    driver.make("somebody else's")
    columns = simulator.tables.columns["incident"]
    simulator.tables.columns["incident"] = {name: columns[name] for name in columns if name != "correlation_id"}
    with pytest.raises(NeedsOperator, match="condition was ignored"):
        adapter.find(TOKEN)


def test_a_token_is_compared_with_regard_to_case(adapter: ServiceNow) -> None:
    """The database finds the record for the other token too."""
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    assert adapter.find(Token(TOKEN.lower())) is None
    found = adapter.find(TOKEN)
    assert found is not None
    assert found.ref == made.ref


def test_a_hidden_record_is_not_a_missing_one(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    simulator.hidden = {made.ref}
    with pytest.raises(NeedsOperator, match="hidden"):
        adapter.find(TOKEN)


def test_a_quiet_update_is_not_raced(adapter: ServiceNow) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    assert "raced" not in adapter.update(made.ref, {"short_description": "db1"}, made.version).annotations


def test_a_write_between_our_read_and_our_write_is_seen(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    driver.before_next_write(lambda: driver.edit(made.ref, {"description": "a person was faster"}))
    written = adapter.update(made.ref, {"short_description": "db1"}, made.version)
    assert written.annotations["raced"] == "true"
    assert written.body["description"] == "a person was faster"


def test_what_a_business_rule_makes_of_our_write_is_in_the_answer(
    adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    simulator.rules = ["assign_group", "normalise_title"]
    made = adapter.create({"short_description": "  disk   FULL "}, TOKEN)
    assert made.body["short_description"] == "Disk full"
    assert made.body["assignment_group"] == simulator.tables.group_id("Service Desk")


def test_priority_is_computed_and_never_written(adapter: ServiceNow) -> None:
    made = adapter.create({"short_description": "disk full", "impact": "1", "urgency": "2"}, TOKEN)
    assert made.body["priority"] == "2"
    with pytest.raises(Rejected, match="impact and urgency"):
        adapter.update(made.ref, {"priority": "1"}, made.version)


@pytest.mark.parametrize("name", ["sys_id", "sys_mod_count", "correlation_id", "correlation_display"])
def test_a_mapping_cannot_write_what_identifies_a_record(adapter: ServiceNow, name: str) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    with pytest.raises(Rejected, match=name):
        adapter.update(made.ref, {name: "x"}, made.version)


def test_values_are_sent_as_text(adapter: ServiceNow) -> None:
    body: Body = {"short_description": "disk full", "impact": 1, "knowledge": True, "watch_list": ["a", "b"]}
    made = adapter.create(body, TOKEN)
    assert made.body["impact"] == "1"
    assert made.body["knowledge"] == "true"
    assert made.body["watch_list"] == "a,b"
    with pytest.raises(Rejected, match="`cmdb_ci` is a dict"):
        adapter.update(made.ref, {"cmdb_ci": {"value": "x"}}, made.version)


def test_resolving_without_a_code_is_refused_in_the_tools_words(adapter: ServiceNow) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    with pytest.raises(Rejected, match="Resolution code, Resolution notes"):
        adapter.update(made.ref, {"state": "6"}, made.version)


def test_a_missing_role_stops_the_connection(driver: ServiceNowDriver, simulator: ServiceNowSimulator) -> None:
    from tieline.core.secrets import Secret

    password = Secret.literal(simulator.tables.accounts["reader"].password)
    with pytest.raises(NeedsOperator, match="ACL Exception"):
        driver.connect(username="reader", password=password).create({"short_description": "x"}, TOKEN)


def test_a_closed_incident_stays_closed(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    ending = {"close_code": "Solution provided", "close_notes": "extended"}
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    closed = adapter.update(made.ref, {"state": "7", **ending}, made.version)
    simulator.requests.clear()
    with pytest.raises(Rejected, match="does not reopen"):
        adapter.update(made.ref, {"state": "2"}, closed.version)
    assert [method for method, _ in simulator.requests] == ["GET"]
    assert adapter.update(made.ref, {"close_notes": "really"}, closed.version).body["state"] == "7"


def test_the_instances_own_refusal_to_reopen_is_a_refusal_too(driver: ServiceNowDriver) -> None:
    adapter = driver.connect(closed_states=())
    made = adapter.create(
        {"short_description": "x", "state": "7", "close_code": "Duplicate", "close_notes": "x"}, TOKEN
    )
    with pytest.raises(Rejected, match="aborted by Business Rule"):
        adapter.update(made.ref, {"state": "2"}, made.version)


def test_people_are_told_by_address(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    beth = simulator.tables.user_id("beth.anglin")
    made = adapter.create({"short_description": "disk full", "assigned_to": beth}, TOKEN)
    assert made.people[beth] == "beth.anglin@example.com"
    assert made.body["assigned_to"] == beth
    simulator.requests.clear()
    adapter.read(made.ref)
    assert [path.rsplit("/", 2)[-2:] for _, path in simulator.requests] == [["incident", made.ref]]


def test_people_who_are_renamed_are_asked_for_again_after_a_while(
    adapter: ServiceNow, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    beth = simulator.tables.user_id("beth.anglin")
    made = adapter.create({"short_description": "disk full", "assigned_to": beth}, TOKEN)
    simulator.tables.rows["sys_user"][beth]["email"] = "beth@example.com"
    assert adapter.read(made.ref).people[beth] == "beth.anglin@example.com"
    driver.advance(601)
    assert adapter.read(made.ref).people[beth] == "beth@example.com"


def test_a_search_for_people_that_the_tool_ignored_is_no_answer(
    adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    columns = simulator.tables.columns["sys_user"]
    simulator.tables.columns["sys_user"] = {name: columns[name] for name in columns if name != "email"}
    with pytest.raises(NeedsOperator, match=r"sys_user\.email"):
        adapter.person_id("nobody@example.com")


@pytest.mark.parametrize("ignored", [False, True])
def test_who_has_left_is_nobody(adapter: ServiceNow, simulator: ServiceNowSimulator, ignored: bool) -> None:
    if ignored:
        columns = simulator.tables.columns["sys_user"]
        simulator.tables.columns["sys_user"] = {name: columns[name] for name in columns if name != "active"}
    assert adapter.person_id("left.long.ago@example.com") is None


def test_an_address_is_never_part_of_a_query(adapter: ServiceNow) -> None:
    assert adapter.person_id("x^ORactive=true") is None


@pytest.mark.parametrize("value", ["javascript:gs.getUserID()", " JavaScript:x", "a\nb@example.com"])
def test_what_the_instance_would_run_or_split_is_never_sent(
    adapter: ServiceNow, simulator: ServiceNowSimulator, value: str
) -> None:
    assert adapter.person_id(value) is None
    assert adapter.find(Token(value)) is None
    assert simulator.requests == []


def test_a_data_policy_that_demands_fields_names_their_columns(
    adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    simulator.mandatory = {"caller_id", "cmdb_ci"}
    with pytest.raises(Rejected) as told:
        adapter.create({"short_description": "disk full"}, TOKEN)
    assert set(told.value.refused) == {"caller_id", "cmdb_ci"}
    assert "Caller, Configuration item" in told.value.refused["caller_id"]


def test_a_data_policy_that_locks_a_field_names_its_column(adapter: ServiceNow, simulator: ServiceNowSimulator) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    simulator.locked = {"category"}
    with pytest.raises(Rejected) as told:
        adapter.update(made.ref, {"category": "network", "short_description": "fuller"}, made.version)
    assert list(told.value.refused) == ["category"]


def test_a_resolution_without_a_code_names_what_is_missing(adapter: ServiceNow) -> None:
    made = adapter.create({"short_description": "disk full"}, TOKEN)
    with pytest.raises(Rejected) as told:
        adapter.update(made.ref, {"state": "6"}, made.version)
    assert set(told.value.refused) == {"close_code", "close_notes"}


def test_a_dictionary_that_cannot_be_read_leaves_the_labels(
    adapter: ServiceNow, simulator: ServiceNowSimulator
) -> None:
    simulator.mandatory, simulator.unreadable = {"caller_id"}, {"sys_dictionary"}
    with pytest.raises(Rejected) as told:
        adapter.create({"short_description": "disk full"}, TOKEN)
    assert set(told.value.refused) == {"Caller"}


@pytest.mark.parametrize(("body", "refused"), [({"priority": "1"}, "priority"), ({"category": {}}, "category")])
def test_what_is_refused_before_the_call_is_named_too(adapter: ServiceNow, body: Body, refused: str) -> None:
    with pytest.raises(Rejected) as told:
        adapter.create({"short_description": "disk full", **body}, TOKEN)
    assert list(told.value.refused) == [refused]

"""The simulator bites where the real one does: these are facts of the Table API, asked over plain HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.servicenow.simulated.query import Query
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.adapters.testing.simulation import Request, Response


class Caller:
    def __init__(self, simulator: ServiceNowSimulator) -> None:
        self._simulator = simulator
        self.user = "tieline"

    def __call__(self, method: str, path: str, body: Any = None, **query: str) -> Response:
        password = self._simulator.tables.accounts[self.user].password
        proof = base64.b64encode(f"{self.user}:{password}".encode()).decode()
        headers = {"authorization": f"Basic {proof}", "content-type": "application/json", "accept": "application/json"}
        pairs = tuple(query.items())
        content = b"" if body is None else json.dumps(body).encode()
        return self._simulator.answer(Request(method, f"/api/now/table/{path}", pairs, headers, content))

    def rows(self, path: str, **query: str) -> Any:
        return json.loads(self("GET", path, **query).body)["result"]


@pytest.fixture
def call(simulator: ServiceNowSimulator) -> Caller:
    return Caller(simulator)


def test_everything_is_text(call: Caller, driver: ServiceNowDriver) -> None:
    row = call.rows(f"incident/{driver.make('disk full')}", sysparm_exclude_reference_link="true")
    assert {type(value) for value in row.values()} == {str}
    assert (row["active"], row["impact"], row["sys_mod_count"], row["comments"]) == ("true", "3", "0", "")


def test_references_come_with_links_unless_told_otherwise(call: Caller, driver: ServiceNowDriver) -> None:
    ref = driver.make("disk full")
    fred = driver.simulator.tables.user_id("fred.luddy")
    assert call.rows(f"incident/{ref}")["opened_by"]["value"] == fred
    assert call.rows(f"incident/{ref}", sysparm_exclude_reference_link="true")["opened_by"] == fred


def test_unknown_fields_are_left_out_without_a_word(call: Caller, driver: ServiceNowDriver) -> None:
    driver.make("disk full")
    fields = "number,no_such_field,opened_by.email"
    assert call.rows("incident", sysparm_fields=fields) == [
        {"number": "INC0010001", "opened_by.email": "fred.luddy@example.com"}
    ]


def test_a_condition_on_an_unknown_field_is_ignored(
    call: Caller, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    driver.make("disk full")
    driver.make("disk empty")
    assert len(call.rows("incident", sysparm_query="sys_updated_onn>2030-01-01 00:00:00")) == 2
    assert len(call.rows("incident", sysparm_query="no_such=1^short_description=disk full")) == 1
    simulator.invalid_query_returns_no_rows = True
    assert call.rows("incident", sysparm_query="no_such=1^short_description=disk full") == []


def test_the_limit_counts_rows_that_are_then_hidden(
    call: Caller, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    made = [driver.make(f"disk {number} is full") for number in range(5)]
    simulator.hidden = set(made[:2])
    answer = call("GET", "incident", sysparm_limit="2", sysparm_query="ORDERBYnumber")
    assert json.loads(answer.body)["result"] == []
    assert answer.headers["X-Total-Count"] == "5"
    assert 'rel="next"' in answer.headers["Link"]
    last = call("GET", "incident", sysparm_limit="2", sysparm_offset="4", sysparm_query="ORDERBYnumber")
    assert 'rel="next"' not in last.headers["Link"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a=1^b=2", [1]),
        ("a=1^ORa=2", [1, 2, 3]),
        ("a=1^ORa=2^b=2", [1, 2]),
        ("a=1^NQb=3", [1, 3]),
        ("aIN1,2^ORDERBYDESCn", [3, 2, 1]),
        ("c=x^^y", [1]),
        ("c=X^^Y", [1]),
        ("cISEMPTY", [2, 3]),
        ("n>1^n<=3", [2, 3]),
        ("cSTARTSWITHx", [1]),
        ("", [1, 2, 3]),
    ],
)
def test_encoded_queries_bind_as_documented(query: str, found: list[int]) -> None:
    rows = [
        {"n": "1", "a": "1", "b": "2", "c": "x^y"},
        {"n": "2", "a": "2", "b": "2", "c": ""},
        {"n": "3", "a": "2", "b": "3", "c": ""},
    ]
    parsed = Query.parse(query, lambda name: name in rows[0])
    assert [int(row["n"]) for row in parsed.select(rows, lambda row, name: row.get(name))] == found


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [("1", "1", "1"), ("1", "2", "2"), ("2", "1", "2"), ("2", "2", "3"), ("2", "3", "4"), ("3", "3", "5")],
)
def test_priority_is_looked_up_from_impact_and_urgency(call: Caller, impact: str, urgency: str, priority: str) -> None:
    body = {"impact": impact, "urgency": urgency, "priority": "1"}
    assert json.loads(call("POST", "incident", body).body)["result"]["priority"] == priority


def test_journals_are_rows_of_their_own(call: Caller, driver: ServiceNowDriver) -> None:
    ref = driver.make("disk full")
    answer = call("PATCH", f"incident/{ref}", {"work_notes": "looking", "comments": ""})
    assert json.loads(answer.body)["result"]["work_notes"] == ""
    (entry,) = call.rows("sys_journal_field", sysparm_query=f"element_id={ref}")
    assert (entry["element"], entry["value"], entry["sys_created_by"]) == ("work_notes", "looking", "tieline")


def test_what_changes_nothing_is_no_save(call: Caller, driver: ServiceNowDriver) -> None:
    ref = driver.make("disk full")
    call("PATCH", f"incident/{ref}", {"short_description": "disk full", "no_such_field": "x", "number": "INC1"})
    assert call.rows(f"incident/{ref}")["sys_mod_count"] == "0"


def test_an_empty_text_clears_a_field_but_not_a_choice(
    call: Caller, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full", "df says 100 %")
    row = json.loads(call("PATCH", f"incident/{ref}", {"description": "", "category": ""}).body)["result"]
    assert (row["description"], row["category"]) == ("", "inquiry")
    simulator.keeps_choices = False
    row = json.loads(call("PATCH", f"incident/{ref}", {"category": ""}).body)["result"]
    assert row["category"] == ""


def test_short_texts_are_cut_at_their_length(call: Caller, driver: ServiceNowDriver) -> None:
    assert len(call.rows(f"incident/{driver.make('x' * 500)}")["short_description"]) == 160


def test_the_life_of_an_incident_leaves_its_marks(call: Caller, driver: ServiceNowDriver) -> None:
    ref = driver.make("disk full")

    def move(**values: str) -> Any:
        return json.loads(call("PATCH", f"incident/{ref}", values).body)["result"]

    assert move(state="3", hold_reason="4")["hold_reason"] == "4"
    assert move(state="2")["hold_reason"] == ""
    resolved = move(state="6", close_code="Solution provided", close_notes="extended")
    assert resolved["resolved_at"] != ""
    reopened = move(state="2")
    assert (reopened["resolved_at"], reopened["reopen_count"], reopened["incident_state"]) == ("", "1", "2")
    closed = move(state="7")
    assert (closed["active"], closed["state"]) == ("false", "7")
    refused = call("PATCH", f"incident/{ref}", {"state": "2"})
    assert refused.status == 403
    assert "aborted by Business Rule" in json.loads(refused.body)["error"]["detail"]


def test_the_data_policy_can_be_switched_off(
    call: Caller, driver: ServiceNowDriver, simulator: ServiceNowSimulator
) -> None:
    ref = driver.make("disk full")
    assert call("PATCH", f"incident/{ref}", {"state": "6"}).status == 403
    simulator.control("switch", {"data_policy": False})
    assert call("PATCH", f"incident/{ref}", {"state": "6"}).status == 200
    with pytest.raises(KeyError):
        simulator.control("switch", {"tables": {}})


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "incident/" + "0" * 32, 404, "No Record found"),
        ("GET", "no_such_table", 400, "Invalid table no_such_table"),
        ("GET", "incident/a/b", 404, "Requested URI does not represent any resource"),
        ("POST", "sys_user", 403, "Operation Failed"),
        ("PUT", "incident", 405, "Method not supported"),
    ],
)
def test_failures_have_the_shape_of_the_tool(call: Caller, method: str, path: str, status: int, message: str) -> None:
    answer = call(method, path, {})
    told = json.loads(answer.body)
    assert (answer.status, told["error"]["message"], told["status"]) == (status, message, "failure")


def test_the_person_in_the_tool_is_bound_by_its_rules(simulator: ServiceNowSimulator) -> None:
    made = simulator.control("create", {"fields": {"short_description": "disk full"}, "user": "beth.anglin"})
    assert made["sys_created_by"] == "beth.anglin"
    refused = simulator.control("edit", {"record": made["number"], "fields": {"state": "6"}})
    assert "Data Policy Exception" in refused["error"]["detail"]
    with pytest.raises(KeyError):
        simulator.control("edit", {"record": "INC9", "fields": {}})
    with pytest.raises(KeyError):
        simulator.control("no such action", {})


def test_the_simulator_can_be_driven_over_http(driver: ServiceNowDriver) -> None:
    import httpx

    with driver.simulator.serve() as url, httpx.Client(base_url=url, trust_env=False) as client:
        made = client.post("/_simulator/create", json={"fields": {"short_description": "disk full"}}).json()
        client.post("/_simulator/comment", json={"record": made["number"], "text": "hello", "audience": "staff"})
        entries = client.post("/_simulator/comments", json={"record": made["number"]}).json()
        listed = client.post("/_simulator/list", json={"query": urlencode({"number": made["number"]})}).json()
        client.post("/_simulator/delete", json={"record": made["number"]})
        assert client.post("/_simulator/get", json={"record": made["number"]}).status_code == 404
    assert [entry["element"] for entry in entries] == ["work_notes"]
    assert [row["sys_id"] for row in listed] == [made["sys_id"]]

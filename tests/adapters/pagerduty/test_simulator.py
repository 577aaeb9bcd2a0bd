"""The simulator behaves like PagerDuty where PagerDuty is nasty, over HTTP and through its control door."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tieline.adapters.pagerduty.simulated.driver import KEY, PagerDutyDriver
from tieline.adapters.pagerduty.simulator import DEMO_KEY, DEMO_WEBHOOK_SECRET, PagerDutySimulator
from tieline.adapters.pagerduty.webhook import verify
from tieline.adapters.testing.simulation import HttpxTransport, Request, Response, Simulator
from tieline.core.port import Delivery

FROM = {"From": "tieline@example.org"}


@pytest.fixture
def http(tool: PagerDutyDriver) -> httpx.Client:
    return httpx.Client(
        base_url="https://api.pagerduty.com",
        transport=HttpxTransport(tool.simulator),
        headers={"Authorization": f"Token token={KEY}"},
    )


def a_new(title: str = "Disk full", **members: Any) -> dict[str, Any]:
    service = {"id": "PIJ90N7", "type": "service_reference"}
    return {"incident": {"type": "incident", "title": title, "service": service, **members}}


def errors(response: httpx.Response) -> str:
    return json.dumps(response.json()["error"])


def test_the_list_of_incidents_shows_a_month_unless_all_is_asked_for(tool: PagerDutyDriver, http: httpx.Client) -> None:
    tool.make("old")
    tool.advance(40 * 86_400)
    tool.make("new")
    assert [row["title"] for row in http.get("/incidents").json()["incidents"]] == ["new"]
    everything = http.get("/incidents", params={"date_range": "all"}).json()["incidents"]
    assert [row["title"] for row in everything] == ["new", "old"]
    too_wide = http.get("/incidents", params={"since": "2020-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"})
    assert too_wide.status_code == 400


def test_pages_hold_a_hundred_and_end_at_ten_thousand(tool: PagerDutyDriver, http: httpx.Client) -> None:
    for number in range(101):
        tool.make(f"{number}")
    page = http.get("/incidents", params={"limit": 500}).json()
    assert (len(page["incidents"]), page["limit"], page["more"], page["total"]) == (100, 100, True, None)
    assert http.get("/incidents", params={"limit": 100, "offset": 9901}).status_code == 400
    assert http.get("/incidents", params={"limit": "many"}).status_code == 400


def test_a_write_needs_a_from_user_of_the_account(http: httpx.Client) -> None:
    assert "From header is required" in errors(http.post("/incidents", json=a_new()))
    stranger = http.post("/incidents", json=a_new(), headers={"From": "stranger@example.org"})
    assert stranger.json()["error"]["code"] == 1008
    assert http.post("/incidents", json=a_new(), headers=FROM).status_code == 201


def test_a_second_open_incident_with_a_key_is_refused_and_one_after_resolution_is_not(
    tool: PagerDutyDriver, http: httpx.Client
) -> None:
    first = http.post("/incidents", json=a_new(incident_key="k"), headers=FROM).json()["incident"]
    second = http.post("/incidents", json=a_new(incident_key="k"), headers=FROM)
    assert second.status_code == 400
    assert "matching dedup key already exists" in errors(second)
    tool.account.resolve(tool.account.incident(first["id"]), None)
    assert http.post("/incidents", json=a_new(incident_key="k"), headers=FROM).status_code == 201


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"title": ""}, "Title"),
        ({"title": "x" * 1025}, "too long"),
        ({"urgency": "middling"}, "Urgency"),
        ({"priority": {"id": "PNONE", "type": "priority_reference"}}, "Priority"),
        ({"assignments": [{"assignee": {"id": "PNONE", "type": "user_reference"}}]}, "Assignee"),
        ({"service": {"id": "PNONE", "type": "service_reference"}}, "Service"),
    ],
)
def test_values_that_make_no_sense_are_refused(http: httpx.Client, members: dict[str, Any], words: str) -> None:
    body = a_new()
    body["incident"] |= members
    answer = http.post("/incidents", json=body, headers=FROM)
    assert answer.status_code == 400
    assert words in errors(answer)


def test_the_description_comes_only_when_asked_for(http: httpx.Client) -> None:
    made = http.post("/incidents", json=a_new(body={"type": "incident_body", "details": "x"}), headers=FROM).json()
    assert made["incident"]["body"]["details"] == "x"
    path = f"/incidents/{made['incident']['id']}"
    assert "body" not in http.get(path).json()["incident"]
    assert http.get(path, params={"include[]": "body"}).json()["incident"]["body"]["details"] == "x"


def test_a_status_that_is_so_already_is_an_error_with_its_code(tool: PagerDutyDriver, http: httpx.Client) -> None:
    ref = tool.make("Disk full")
    for status, code in (("acknowledged", 1002), ("resolved", 1001)):
        body = {"incident": {"type": "incident_reference", "status": status}}
        assert http.put(f"/incidents/{ref}", json=body, headers=FROM).status_code == 200
        assert http.put(f"/incidents/{ref}", json=body, headers=FROM).json()["error"]["code"] == code


def test_triggered_alone_does_not_take_an_acknowledgement_back(tool: PagerDutyDriver, http: httpx.Client) -> None:
    ref = tool.make("Disk full")
    tool.account.acknowledge(tool.account.incident(ref), None)
    body = {"incident": {"type": "incident_reference", "status": "triggered"}}
    answer = http.put(f"/incidents/{ref}", json=body, headers=FROM)
    assert (answer.status_code, answer.json()["incident"]["status"]) == (200, "acknowledged")


def test_a_new_assignee_of_an_acknowledged_incident_is_called(tool: PagerDutyDriver, http: httpx.Client) -> None:
    ref = tool.make("Disk full")
    tool.account.acknowledge(tool.account.incident(ref), None)
    assignments = [{"assignee": {"id": "PL7A2O4", "type": "user_reference"}}]
    body = {"incident": {"type": "incident_reference", "assignments": assignments}}
    assert http.put(f"/incidents/{ref}", json=body, headers=FROM).json()["incident"]["status"] == "triggered"


def test_a_merge_resolves_the_source_and_needs_an_open_target(tool: PagerDutyDriver, http: httpx.Client) -> None:
    source, target = tool.make("source"), tool.make("target")
    body = {"source_incidents": [{"id": source, "type": "incident_reference"}]}
    assert http.put(f"/incidents/{target}/merge", json=body, headers=FROM).status_code == 200
    merged = http.get(f"/incidents/{source}").json()["incident"]
    assert (merged["status"], merged["resolve_reason"]["incident"]["id"]) == ("resolved", target)
    body = {"source_incidents": [{"id": target, "type": "incident_reference"}]}
    assert http.put(f"/incidents/{source}/merge", json=body, headers=FROM).status_code == 400


def test_a_time_without_a_zone_is_read_and_shown_in_the_accounts(tool: PagerDutyDriver, http: httpx.Client) -> None:
    tool.make("Disk full")
    shown = http.get("/log_entries").json()["log_entries"][0]["created_at"]
    assert shown == "2026-11-23T14:04:37-05:00"
    naive = http.get("/log_entries", params={"since": "2026-11-23T19:04:37"}).json()
    assert naive["log_entries"] == []
    assert http.get("/log_entries", params={"since": "soon"}).json()["error"]["code"] == 2004


def test_the_rate_limit_says_when_to_come_back_or_does_not(tool: PagerDutyDriver, http: httpx.Client) -> None:
    tool.simulator.calls_per_minute = 1
    assert http.get("/services").headers["ratelimit-remaining"] == "0"
    limited = http.get("/services")
    assert (limited.status_code, limited.json()["error"]["code"]) == (429, 2020)
    assert limited.headers["ratelimit-reset"] == "60"
    tool.simulator.rate_headers = False
    assert "ratelimit-reset" not in http.get("/services").headers
    tool.advance(61)
    assert http.get("/services").status_code == 200


def test_an_unknown_key_is_refused_and_an_unknown_path_is_not_there(tool: PagerDutyDriver, http: httpx.Client) -> None:
    assert http.get("/services", headers={"Authorization": "Token token=x"}).status_code == 401
    assert http.get("/teapots").json()["error"]["code"] == 2100


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b'{"incident": 1}'])
def test_a_body_that_is_none_is_refused(http: httpx.Client, content: bytes) -> None:
    assert http.post("/incidents", content=content, headers=FROM).status_code == 400


def test_a_note_needs_words(tool: PagerDutyDriver, http: httpx.Client) -> None:
    ref = tool.make("Disk full")
    answer = http.post(f"/incidents/{ref}/notes", json={"note": {"content": " "}}, headers=FROM)
    assert answer.status_code == 400


def test_people_work_through_the_control_door() -> None:
    simulator = PagerDutySimulator(seed=1)

    def act(action: str, **arguments: Any) -> Any:
        body = json.dumps(arguments).encode()
        return json.loads(simulator.answer(Request("POST", f"/_simulator/{action}", body=body)).body)

    one, two = act("create", title="Disk full", priority="P2"), act("create", title="Disk full too")
    assert act("edit", id=one["id"], title="New", priority="P1")["priority"]["summary"] == "P1"
    assert act("acknowledge", id=one["id"])["status"] == "acknowledged"
    assert act("resolve", id=one["id"])["status"] == "resolved"
    assert act("reopen", id=one["id"])["status"] == "triggered"
    assert act("assign", id=one["id"], users=["PL7A2O4"])["assignments"][0]["assignee"]["id"] == "PL7A2O4"
    act("note", id=one["id"], content="looking")
    assert act("get", id=one["id"])["notes"] == ["looking"]
    assert act("merge", id=one["id"], into=two["id"])["status"] == "resolved"
    assert [row["title"] for row in act("list")] == ["New", "Disk full too"]
    act("delete", id=one["id"])
    assert len(act("list")) == 1
    for action, arguments in (("get", {"id": "QNONE"}), ("dance", {"id": two["id"]})):
        assert (
            simulator.answer(Request("POST", f"/_simulator/{action}", body=json.dumps(arguments).encode())).status
            == 404
        )


class Ear(Simulator):
    """Somebody who receives webhooks and is busy at first."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Delivery] = []

    def respond(self, request: Request) -> Response:
        self.heard.append(Delivery(request.headers, request.body))
        return Response(503 if len(self.heard) == 1 else 202)


def test_a_served_simulator_posts_its_webhooks_in_order_and_repeats_after_503() -> None:
    ear, simulator = Ear(), PagerDutySimulator(seed=1)
    with ear.serve() as ear_url, simulator.serve() as url:
        with httpx.Client(base_url=url, trust_env=False) as client:
            secrets = [DEMO_WEBHOOK_SECRET, "another"]
            client.post("/_simulator/subscribe", json={"url": f"{ear_url}/hooks", "secrets": secrets})
            client.post("/_simulator/create", json={"title": "Disk full"})
            made = client.get("/incidents", headers={"Authorization": f"Token token={DEMO_KEY}"}).json()["incidents"]
            client.post("/_simulator/acknowledge", json={"id": made[0]["id"]})
        simulator.webhooks.wait()
    assert [json.loads(one.body)["event"]["event_type"] for one in ear.heard] == [
        "incident.triggered",
        "incident.triggered",
        "incident.acknowledged",
    ]
    for one in ear.heard:
        verify("pd", one, ("another",))
        verify("pd", one, (DEMO_WEBHOOK_SECRET,))

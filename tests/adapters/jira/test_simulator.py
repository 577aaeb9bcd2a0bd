"""The double is as nasty as the real thing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tieline.adapters.jira.simulated.desk import Desk, adf
from tieline.adapters.jira.simulator import API_TOKEN, EMAIL
from tieline.adapters.testing.simulation import Request, Response

BASIC = "Basic " + base64.b64encode(f"{EMAIL}:{API_TOKEN}".encode()).decode()


def ask(desk: Desk, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    answer = response(desk, method, path, body, **query)
    return answer.status, json.loads(answer.body) if answer.body else None


def response(desk: Desk, method: str, path: str, body: Any = None, **query: str) -> Response:
    root = "/rest/api/3" if desk.site.cloud else "/rest/api/2"
    content = json.dumps(body).encode() if body is not None else b""
    return desk.simulator.answer(Request(method, root + path, tuple(query.items()), {"authorization": BASIC}, content))


def refusal(desk: Desk, fields: dict[str, Any]) -> str:
    made = {"project": {"key": "OPS"}, "issuetype": {"name": "Incident"}, "summary": "x", **fields}
    status, body = ask(desk, "POST", "/issue", {"fields": made})
    assert status == 400
    return str(body["errors"])


def adf_within(outer: str, inner: str) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": [{"type": outer, "content": [{"type": inner, "content": []}]}]}


def test_an_unbounded_query_is_refused(desk: Desk) -> None:
    status, body = ask(desk, "GET", "/search/jql", jql="ORDER BY created")
    assert status == 400 and "Unbounded JQL" in body["errorMessages"][0]


@pytest.mark.parametrize(
    "jql", ["project = OPS OR project = WEB", "project", "project ~ OPS", "(project = OPS", "mood = 1"]
)
def test_a_query_that_makes_no_sense_is_refused(desk: Desk, jql: str) -> None:
    assert ask(desk, "GET", "/search/jql", jql=jql)[0] == 400


def test_the_old_search_is_gone_from_cloud_and_the_new_one_is_not_on_data_center(desk: Desk, data_center: Desk) -> None:
    assert ask(desk, "GET", "/search", jql="project = OPS")[0] == 410
    assert ask(data_center, "GET", "/search/jql", jql="project = OPS")[0] == 404


def test_a_search_gives_fifty_rows_and_no_total(desk: Desk) -> None:
    for number in range(60):
        desk.person_makes(f"Disk full on db{number}")
    _, found = ask(desk, "GET", "/search/jql", jql="project = OPS")
    assert len(found["issues"]) == 50 and not found["isLast"] and "total" not in found
    _, rest = ask(desk, "GET", "/search/jql", jql="project = OPS", nextPageToken=found["nextPageToken"])
    assert len(rest["issues"]) == 10 and rest["isLast"] and "nextPageToken" not in rest


def test_a_page_token_belongs_to_its_query(desk: Desk) -> None:
    for number in range(60):
        desk.person_makes(f"Disk full on db{number}")
    token = ask(desk, "GET", "/search/jql", jql="project = OPS")[1]["nextPageToken"]
    assert ask(desk, "GET", "/search/jql", jql="project = WEB", nextPageToken=token)[0] == 400
    assert ask(desk, "GET", "/search/jql", jql="project = OPS", nextPageToken="x")[0] == 400


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"summary": ""}, "You must specify a summary"),
        ({"summary": "x" * 256}, "less than 255 characters"),
        ({"summary": "a\nb"}, "newline"),
        ({"description": "plain text"}, "must be an Atlassian Document"),
        ({"description": adf("x" * 32_768)}, "exceeds the allowed limit of 32,767"),
        ({"description": {"type": "doc", "version": 1, "content": [{"type": "blink"}]}}, "unknown node"),
        ({"description": {"type": "doc", "version": 1, "content": [{"type": "text", "text": ""}]}}, "needs text"),
        ({"description": adf_within("layoutSection", "paragraph")}, "layoutSection may not hold"),
        ({"description": adf_within("mediaSingle", "paragraph")}, "mediaSingle may not hold"),
        ({"description": adf_within("bulletList", "paragraph")}, "bulletList may not hold"),
        ({"description": adf_within("listItem", "orderedList")}, "may not begin with a list"),
        ({"labels": ["two words"]}, "contains spaces"),
        ({"priority": {"name": "Blocker"}}, "priority selected is invalid"),
        ({"assignee": {"accountId": "712020-left"}}, "cannot be assigned"),
        ({"resolution": {"name": "Done"}}, "not on the appropriate screen"),
        ({"status": {"name": "Done"}}, "not on the appropriate screen"),
    ],
)
def test_a_bad_value_is_refused_by_its_field(desk: Desk, fields: dict[str, Any], words: str) -> None:
    assert words in refusal(desk, fields)


def test_a_data_center_takes_plain_text_and_no_document(data_center: Desk) -> None:
    data_center.person_makes("Disk full", description="h1. df says 100 %")
    assert "must be a string" in refusal(data_center, {"description": adf("x")})


def test_only_what_is_offered_here_can_be_done(desk: Desk) -> None:
    ref = desk.person_makes("Disk full")
    _, found = ask(desk, "GET", f"/issue/{ref}/transitions", expand="transitions.fields")
    assert {one["name"]: one["to"]["name"] for one in found["transitions"]} == {
        "Start work": "In Progress",
        "Drop": "Cancelled",
    }
    assert ask(desk, "POST", f"/issue/{ref}/transitions", {"transition": {"id": "31"}})[0] == 400


def test_the_screen_of_done_requires_a_resolution(desk: Desk) -> None:
    ref = desk.person_makes("Disk full")
    for name in ("In Progress", "In Review"):
        desk.person("transition", ref, to=name)
    status, body = ask(desk, "POST", f"/issue/{ref}/transitions", {"transition": {"id": "31"}})
    assert (status, body["errors"]) == (400, {"resolution": "Resolution is required."})


def test_a_comment_in_a_service_project_is_public_by_default(desk: Desk) -> None:
    ref = desk.person_makes("Disk full", project="DESK")
    assert ask(desk, "POST", f"/issue/{ref}/comment", {"body": adf("hello")})[1]["jsdPublic"] is True


def test_a_link_met_again_loses_what_is_not_sent(desk: Desk) -> None:
    ref = desk.person_makes("Disk full")
    full = {"globalId": "1", "relationship": "is", "object": {"url": "https://x", "title": "a", "summary": "b"}}
    assert ask(desk, "POST", f"/issue/{ref}/remotelink", full)[0] == 201
    again = {"globalId": "1", "object": {"url": "https://x", "title": "a"}}
    assert ask(desk, "POST", f"/issue/{ref}/remotelink", again)[0] == 200
    (link,) = desk.person("get", ref)["remotelinks"]
    assert link["relationship"] is None and link["object"]["summary"] is None


def test_times_are_shown_in_the_accounts_zone_without_a_colon(desk: Desk) -> None:
    ref = desk.person_makes("Disk full")
    assert ask(desk, "GET", f"/issue/{ref}")[1]["fields"]["created"] == "2026-11-23T20:04:37.000+0100"


def test_a_notice_of_change_comes_as_a_header(desk: Desk) -> None:
    assert "Warning" in response(desk, "GET", "/issue/createmeta/OPS/issuetypes").headers


def test_refused_credentials_are_a_401_or_an_empty_world(desk: Desk) -> None:
    request = Request("GET", "/rest/api/3/search/jql", (("jql", "project = OPS"),), {"authorization": "Basic eDp5"})
    assert desk.simulator.answer(request).status == 401
    desk.simulator.fails_as_nobody = True
    answer = desk.simulator.answer(request)
    assert answer.status == 200 and answer.headers["X-AUSERNAME"] == "anonymous"


def test_people_can_do_everything_over_the_control_door(desk: Desk) -> None:
    def act(action: str, **arguments: Any) -> Any:
        body = json.dumps(arguments).encode()
        answer = desk.simulator.answer(Request("POST", f"/_simulator/{action}", (), {}, body))
        return json.loads(answer.body)

    ref = act("create", project="OPS", fields={"summary": "Disk full"})["id"]
    act("edit", ref=ref, fields={"summary": "Disk full on db1"})
    assert "refused" in act("transition", ref=ref, to="Done")
    act("transition", ref=ref, to="In Progress")
    act("comment", ref=ref, body="hello")
    assert act("move", ref=ref, project="WEB")["key"] == "WEB-1"
    found = act("get", ref=ref)
    assert (found["fields"]["status"]["name"], len(found["comments"])) == ("In Progress", 1)
    assert len(act("list", project="WEB")) == 1
    act("set", search_lag=30, time_zone="UTC", ignores=["labels"], whole_seconds=True, writes_per_issue=5)
    assert desk.site.search_lag.total_seconds() == 30
    act("delete", ref=ref)
    assert act("list") == []
    assert "unknown action" in act("explode")["error"]


def test_the_same_acts_make_the_same_site() -> None:
    def story() -> list[Any]:
        desk = Desk()
        ref = desk.person_makes("Disk full")
        desk.clock.advance(60)
        desk.person("transition", ref, to="In Progress")
        return [desk.simulator.control("list", {}), [one.body for one in desk.site.webhooks.outbox]]

    assert story() == story()

"""What the API says of itself is OpenAPI 3.1, and holds for whatever a generator of hostile calls thinks of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests.api.calling import ANN, Caller
from tests.api.test_calls import problem
from tests.sync.world import World

from tieline.core.access import NEVER_BY_TOKEN, Role
from tieline.core.offer import Offers
from tieline.sync.api import calls, openapi

DECLARED = calls.offered(Offers())
DESCRIPTION = openapi.description(calls.calls(DECLARED), Offers(), calls.beyond_tokens(DECLARED))
SCHEMA = schemathesis.openapi.from_dict(json.loads(json.dumps(DESCRIPTION)))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
    unsupported_method,
]
EXAMPLES = 25
"""Calls of each operation in each mode."""


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A world with conflicts and comments, called by somebody who may do everything."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "manual.yaml").write_text("policy: {severity: manual}\n", encoding="utf-8")
    options: dict[str, str] = dict.fromkeys(("left", "right"), "overlay: manual.yaml")
    world = World(folder, options=options, top="web: {calls_per_minute: 1000000}")
    for number in range(4):
        world.tools["left"].make({"title": f"Number {number}", "status": "new"})
    world.settle(2)
    world.edit("left", severity="low")
    world.edit("right", severity="high")
    world.settle()
    with Caller(world) as made:
        made.grant(ANN, Role.ADMIN)
        made.token = made.issue(ANN, Role.ADMIN)
        yield made
    world.engine.store.close()
    world.engine.registry.close()


def sent(caller: Caller, case: Any) -> httpx.Response:
    """What is answered to a case that was made up."""
    said = case.as_transport_kwargs(base_url="http://tieline.test", headers={"Authorization": f"Bearer {caller.token}"})
    said.pop("auth", None)
    said.pop("cookies", None)
    call = requests.Request(**said).prepare()
    headers = {name: str(value).encode() for name, value in call.headers.items()}
    body = call.body.encode() if isinstance(call.body, str) else call.body
    return caller.request(str(call.method), str(call.url), content=body, headers=headers)


def test_it_is_openapi() -> None:
    SCHEMA.validate()
    assert DESCRIPTION["openapi"] == "3.1.0"


def test_every_act_and_view_that_a_token_may_reach_is_described() -> None:
    described = {(path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods}
    reached = [one for one in DECLARED if not one.rights or set(one.rights) - NEVER_BY_TOKEN]
    assert described - {(openapi.EVENTS, "get"), (openapi.WHOAMI, "get"), (calls.ROOT, "get")} == {
        (calls.path_of(one), method.lower()) for one in reached for method in calls.methods_of(one)
    }
    assert DESCRIPTION[openapi.ELSEWHERE] == ["account add", "account password", "account remove", "token issue"]
    named = [one["operationId"] for methods in DESCRIPTION["paths"].values() for one in methods.values()]
    assert len(named) == len(set(named))


def test_every_reference_leads_somewhere() -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from references(one)

    for reference in references(DESCRIPTION):
        found: Any = DESCRIPTION
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_it_is_told_to_whoever_shows_a_token(called: Caller) -> None:
    answer = called.get("openapi.json")
    assert answer.json() == json.loads(json.dumps(DESCRIPTION))
    assert called.get("openapi.json", if_none_match=answer.headers["etag"]).status_code == 304
    problem(called.request("GET", "/api/v1/openapi.json"), "not-proved")
    problem(called.post("openapi.json", {}), "method")


FOUND: list[Any] = [one.ok() for one in list[Any](SCHEMA.get_all_operations())]
ENDING = [one for one in FOUND if one.path != openapi.EVENTS]
"""What is answered whole; a stream is read in `test_stream`."""
OPERATIONS = pytest.mark.parametrize("operation", ENDING, ids=lambda operation: operation.label)
UNHURRIED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=UNHURRIED)
THERE: Mapping[str, Sequence[str]] = {
    "incident": ["INC-1", "INC-2", "inc-3", "MEM-1"],
    "field": ["title", "severity"],
    "connection": ["left", "right"],
    "status": ["new"],
    "kind": ["incident", "problem"],
    "person": ["os:ann@db1"],
    "act": ["incident.edit", "edit"],
    "subject": ["INC-1"],
    "role": ["viewer"],
}
"""What is there, and would hardly be thought of."""
SELDOM: Final = {
    *("POST /api/v1/conflicts/settle", "POST /api/v1/parked/retry", "POST /api/v1/doubts/confirm"),
    *(f"POST /api/v1/proposals/{decision}" for decision in ("approve", "reject", "withdraw")),
    "POST /api/v1/reviews/close",
    "POST /api/v1/holds/lift",
    "GET /api/v1/output",  # nothing is executed here
    "POST /api/v1/token/revoke",  # of one's own token alone
    *("POST /api/v1/restrict", "POST /api/v1/unrestrict", "POST /api/v1/people/remove", "POST /api/v1/access/revoke"),
    "POST /api/v1/plugin/rebuild",  # of a plugin, and there is none
    *(f"GET /api/v1/policy/{view}" for view in ("show", "plan", "test", "history")),  # of a plugin's too
    *("POST /api/v1/policy/plan", "POST /api/v1/policy/test"),
    *("POST /api/v1/policy/propose", "POST /api/v1/policy/rollback"),
    *("GET /api/v1/jobs/show", "GET /api/v1/jobs/result", "POST /api/v1/jobs/resume", "POST /api/v1/jobs/cancel"),
}
"""What can be done once, or not at all as things are."""


def with_what_is_there(said: Any, draw: Callable[[Sequence[str]], str]) -> Any:
    """The same arguments about what is there."""
    if not isinstance(said, Mapping):
        return said
    named = {name: draw(THERE[name]) if name in THERE else value for name, value in said.items()}
    return {**named, "changes": dict.fromkeys(THERE["field"][:1], "x")} if "changes" in named else named


@OPERATIONS
def test_whatever_fits_is_answered_as_it_says(called: Caller, operation: Any) -> None:
    statuses = set()

    @SETTINGS
    @given(case=operation.as_strategy(), data=st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        if data.draw(st.integers(0, 3)):
            case.body, case.query = (
                with_what_is_there(said, lambda known: data.draw(st.sampled_from(known)))
                for said in (case.body, case.query)
            )
            case.headers = {name: value for name, value in case.headers.items() if not name.startswith("If-")}
        answer = sent(called, case)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    ask()
    assert 200 in statuses or operation.label in SELDOM, "nothing was answered, and so nothing was tried"


@OPERATIONS
def test_what_does_not_fit_is_not_taken(called: Caller, operation: Any) -> None:
    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def ask(case: Any) -> None:
        case.validate_response(sent(called, case), checks=[*CHECKS, negative_data_rejection])

    ask()


@pytest.mark.parametrize("path", sorted(DESCRIPTION["paths"]))
def test_hostile_bytes_are_answered_by_a_problem(called: Caller, path: str) -> None:
    @SETTINGS
    @given(
        body=st.binary(max_size=200),
        type_=st.sampled_from(["application/json", "application/xml", "text/plain", "multipart/form-data", "/", ""]),
        method=st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]),
    )
    def ask(body: bytes, type_: str, method: str) -> None:
        headers = {"authorization": f"Bearer {called.token}", "content-type": type_}
        answer = called.request(method, path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code

    ask()


def test_a_schema_goes_by_a_name_that_says_nothing_of_where_it_stands_and_stays() -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    assert [name for name in schemas if "__" in name or "-" in name] == []
    assert {"EditAsk", "EditAnswer", "ConflictsSettleAsk", "Status"} <= schemas.keys()
    assert schemas["Status"]["enum"][0] == "new"
    fewer = openapi.description(calls.calls([one for one in DECLARED if one.name in ("edit", "incidents")]), Offers())
    for name, schema in fewer["components"]["schemas"].items():
        assert schemas[name] == schema


def test_what_a_schema_refers_to_is_there() -> None:
    told = json.dumps(DESCRIPTION)
    named = {one.partition('"')[0] for one in told.split('"#/components/schemas/')[1:]}
    assert named <= DESCRIPTION["components"]["schemas"].keys()


def test_an_act_is_described_with_its_example() -> None:
    body = DESCRIPTION["paths"]["/api/v1/edit"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"]["incident"] == "INC-1"
    for one in DECLARED:
        if one.example is not None:
            one.told(one.example)

"""The Icinga adapter against the real one, and the simulator beside it: the same questions, the same answers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from tests.real.icinga import PASSWORD, Icinga, icinga
from tests.real.servers import HOOK_TOKEN, Receiver, receiver

from tieline.adapters.icinga.adapter import ACTS, AMONG, PROBLEM, READS, IcingaAdapter, connect
from tieline.adapters.icinga.problem import episode_of
from tieline.adapters.icinga.settings import IcingaSettings
from tieline.adapters.icinga.simulator import IcingaSimulator
from tieline.adapters.testing.contract import SimulatorDriver, SourceContract
from tieline.adapters.testing.driver import MISSING
from tieline.adapters.testing.real import MovedClock, Relay
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.errors import Gone, NeedsOperator
from tieline.core.model import ConnectionName
from tieline.core.port import Act, Body, Cursor, Delivery, Power, Reading, Ref, Token, Workbench
from tieline.core.secrets import Secret

pytestmark = pytest.mark.real

HOST = "pool"


@dataclass
class Live:
    """A real Icinga and the receiver of its notifications."""

    server: Icinga
    hooks: Receiver


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with receiver() as (hooks, url), icinga(url) as server:
        server.make(HOST)
        server.report(HOST, 0, "PING OK")
        yield Live(server, hooks)


class LiveDriver(SimulatorDriver):
    """Plugins that report to the real Icinga. Its clock is everybody's: to skew it is to set ours wrong."""

    powers = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "a problem is never merged into another",
        "act_by_itself": "how an object is is said by its plugin",
        "spoil": "the real server tells of no odd object",
        "joint_delivery": "a NotificationCommand tells of one object",
    }
    writes = (("POST", "/v1/actions/"),)
    secrets = (HOOK_TOKEN, PASSWORD)
    page_size = 3
    signs_body = False
    signs_time = False
    reads_by_address = False
    credential_headers = ("authorization",)

    def __init__(self, live: Live) -> None:
        self.live = live
        self.ours = MovedClock()
        asked = ("authorization", "content-type", "accept", "x-http-method-override")
        self.simulator = Relay(live.server.http, asked=asked, told=("content-type",), dated=False)
        self.names: dict[Ref, str] = {}

    def connect(self, **others: object) -> IcingaAdapter:
        given: dict[str, object] = {
            "url": self.live.server.url,
            "username": "tieline",
            "password": Secret.literal(PASSWORD),
            "webhook_token": Secret.literal(HOOK_TOKEN),
            "page_size": self.page_size,
        }
        settings = IcingaSettings.model_validate(given | others)
        bench = Workbench(self.ours, lambda _seconds: None, HttpxTransport(self.simulator), self.take)
        return connect(ConnectionName("icinga"), settings, bench)

    def connect_refused(self) -> IcingaAdapter:
        return self.connect(password=Secret.literal(PASSWORD[::-1]))

    def connect_unproved(self) -> IcingaAdapter:
        return self.connect(webhook_token=MISSING)

    def make(self, title: str, description: str = "") -> Ref:
        name = f"{HOST}!{uuid.uuid4().hex}"
        self.live.server.make(name)
        self.live.server.report(name, 0, "DISK OK")
        return self.fail_check(name, title)

    def fail_check(self, name: str, title: str) -> Ref:
        self.live.server.report(name, 2, title)
        attrs = self.live.server.attrs(name)
        ref = episode_of(name, attrs["last_state_ok"], attrs["last_hard_state_change"]).ref
        self.names[ref] = name
        return ref

    def title_in(self, body: Body) -> str:
        return str(body["summary"])

    def touch(self, ref: Ref) -> None:
        name = self.names[ref]
        self.live.server.report(name, self.live.server.attrs(name)["state"] % 3 + 1, "touched")

    def delete(self, ref: Ref) -> None:
        self.live.server.report(self.names[ref], 0, "DISK OK")

    def missing_ref(self) -> Ref:
        return Ref("0123456789abcdef@2026-01-01T00:00:00.000Z")

    def acts_in_force(self, ref: Ref) -> int:
        return int(self.live.server.attrs(self.names[ref])["acknowledgement"] > 0)

    def delivery(self, ref: Ref) -> Delivery:
        return self.live.hooks.about(self.names[ref].partition("!")[2])

    def now(self) -> datetime:
        return self.ours.now()

    def skew(self, seconds: float) -> None:
        self.ours.moved = -seconds

    def advance(self, seconds: float) -> None:
        """A moment goes by, however long a while was asked for. What asks for the while itself is waived."""
        time.sleep(0.01)


TAKES_AS_LONG = "ten minutes take ten minutes in a real server"


class TestContract(SourceContract):
    tool_kind = "icinga"
    against = "a real Icinga 2.13 of Debian"
    driver = LiveDriver
    waivers: ClassVar[Mapping[str, str]] = {
        "test_the_age_is_the_time_since_the_last_change": TAKES_AS_LONG,
        "test_the_age_does_not_depend_on_our_clock": TAKES_AS_LONG,
    }

    @pytest.fixture
    def tool(self, live: Live) -> Iterator[LiveDriver]:
        made = LiveDriver(live)
        yield made
        for ref in made.names:
            made.delete(ref)


@pytest.fixture
def driver(live: Live) -> LiveDriver:
    return LiveDriver(live)


def poll(adapter: IcingaAdapter, since: Cursor | None) -> tuple[dict[Ref, Reading], Cursor]:
    found: dict[Ref, Reading] = {}
    cursor = since
    for page in adapter.changes(since):
        found.update({reading.ref: reading for reading in page.readings})
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


def test_an_escalation_is_the_same_episode_and_recovery_takes_our_acknowledgement_away(
    driver: LiveDriver, live: Live
) -> None:
    adapter = driver.connect()
    ref = driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, None)
    until_then = datetime.now(UTC) + timedelta(hours=4)
    adapter.acknowledge(ref, Act.ACKNOWLEDGE, until=until_then, note="INC-12", token=Token("t-1"))
    live.server.report(driver.names[ref], 1, "DISK WARNING")
    told, cursor = poll(adapter, cursor)
    assert (told[ref].body["state"], told[ref].body["status"]) == ("warning", "suppressed")
    driver.delete(ref)
    over, _ = poll(adapter, cursor)
    assert over[ref].body["status"] == "resolved"
    assert live.server.attrs(driver.names[ref])["acknowledgement"] == 0
    with pytest.raises(Gone):
        adapter.read(ref)
    adapter.acknowledge(ref, Act.RESOLVE, until=until_then, note="INC-12", token=Token("t-2"))


def test_a_longer_acknowledgement_takes_the_place_of_ours_and_never_of_a_persons(
    driver: LiveDriver, live: Live
) -> None:
    adapter = driver.connect()
    ref, theirs = driver.make("DISK CRITICAL"), driver.make("DISK CRITICAL")
    person = {"type": "Service", "service": driver.names[theirs], "author": "ann", "comment": "looking"}
    live.server.call("POST", "/v1/actions/acknowledge-problem", person)
    for one in (ref, theirs):
        for hours in (1, 4):
            ends = datetime.now(UTC) + timedelta(hours=hours)
            adapter.acknowledge(one, Act.ACKNOWLEDGE, until=ends, note="INC-12", token=Token("t-1"))
    attrs = live.server.attrs(driver.names[ref])
    assert (attrs["acknowledgement"], attrs["acknowledgement_expiry"] - time.time() > 3 * 3600) == (2, True)
    for one in (ref, theirs):
        adapter.acknowledge(one, Act.RELEASE, until=datetime.now(UTC), note="INC-12", token=Token("t-2"))
    assert (driver.acts_in_force(ref), driver.acts_in_force(theirs)) == (0, 1)
    driver.delete(theirs)
    driver.delete(ref)


def test_a_restart_keeps_episodes_and_a_lost_state_ends_none(driver: LiveDriver, live: Live) -> None:
    adapter = driver.connect()
    ref = driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, None)
    live.server.stop()
    live.server.start()
    assert poll(adapter, cursor) == ({}, cursor)
    live.server.stop()
    for state in (live.server.home / "data").glob("icinga2.state*"):
        state.unlink()
    live.server.start()
    assert poll(adapter, cursor) == ({}, cursor)
    live.server.report(driver.names[ref], 0, "DISK OK")
    assert poll(adapter, cursor)[0][ref].body["status"] == "resolved"


@pytest.mark.parametrize("account", ["blind", "nobody"])
def test_an_account_that_may_not_ask_is_told_so(driver: LiveDriver, account: str) -> None:
    adapter = driver.connect(username=account)
    with pytest.raises(NeedsOperator):
        adapter.check()
    with pytest.raises(NeedsOperator):
        poll(adapter, None)


# The simulator beside the real one

SERVICE = {"attrs": {"check_command": "passive", "enable_active_checks": False, "max_check_attempts": 2}}
CRITICAL = {"type": "Service", "service": "same!disk", "exit_status": 2, "plugin_output": "Zürich 🔥"}
ACKNOWLEDGED = {"type": "Service", "service": "same!disk", "author": "a", "comment": "c", "expiry": 9_999_999_999}
PROBLEMS = {"filter": PROBLEM.format("service"), "attrs": ["__name", "state", "state_type", "acknowledgement"]}
NAMED = {"filter": AMONG.format("service"), "filter_vars": {"names": ["same!disk", "same!none"]}}
COMMENTS = {"filter": "comment.entry_type == 4", "attrs": ["host_name", "service_name", "text", "expire_time"]}

QUESTIONS: list[tuple[str, str, Any]] = [
    ("GET", "/v1", None),
    ("GET", "/v1/objects/services", {"filter": "no such thing ("}),
    ("PUT", "/v1/objects/hosts/same", SERVICE),
    ("PUT", "/v1/objects/hosts/same", SERVICE),
    ("PUT", "/v1/objects/services/same!disk", SERVICE),
    ("GET", "/v1/objects/services", PROBLEMS),
    ("GET", "/v1/objects/services", {"filter": "service.state != StateOfNobody"}),
    ("GET", "/v1/objects/services", {"filter": "service.name == "}),
    ("GET", "/v1/objects/services", {"filter": PROBLEMS["filter"], "attrs": ["nothing"]}),
    ("GET", "/v1/objects/services", {"filter": 'service.__name == "same!none"'}),
    ("POST", "/v1/actions/process-check-result", CRITICAL),
    ("GET", "/v1/objects/services", NAMED | {"attrs": ["__name", "state"]}),
    ("GET", "/v1/objects/services", PROBLEMS),
    ("POST", "/v1/actions/process-check-result", CRITICAL),
    ("GET", "/v1/objects/services", PROBLEMS),
    ("POST", "/v1/actions/acknowledge-problem", ACKNOWLEDGED | {"expiry": 1}),
    ("POST", "/v1/actions/acknowledge-problem", ACKNOWLEDGED | {"service": "same!none"}),
    ("POST", "/v1/actions/acknowledge-problem", ACKNOWLEDGED | {"sticky": True}),
    ("POST", "/v1/actions/acknowledge-problem", ACKNOWLEDGED),
    ("GET", "/v1/objects/services", PROBLEMS),
    ("GET", "/v1/objects/comments", COMMENTS),
    ("POST", "/v1/actions/remove-acknowledgement", {"type": "Service", "service": "same!disk"}),
    ("POST", "/v1/actions/remove-acknowledgement", {"type": "Service", "service": "same!disk"}),
    ("GET", "/v1/objects/comments", COMMENTS),
    ("POST", "/v1/actions/acknowledge-problem", ACKNOWLEDGED),
    ("POST", "/v1/actions/process-check-result", CRITICAL | {"exit_status": 1}),
    ("GET", "/v1/objects/services", PROBLEMS),
    ("GET", "/v1/objects/comments", COMMENTS),
    ("POST", "/v1/actions/acknowledge-problem", ACKNOWLEDGED | {"sticky": True}),
    ("POST", "/v1/actions/process-check-result", CRITICAL | {"exit_status": 0}),
    ("GET", "/v1/objects/services", PROBLEMS),
    ("GET", "/v1/objects/comments", COMMENTS),
    ("POST", "/v1/actions/acknowledge-problem", ACKNOWLEDGED),
    ("POST", "/v1/actions/nothing", {}),
    ("GET", "/v1/nothing", None),
    ("GET", "/nothing", None),
]
LIMITED: list[tuple[str, str, Any]] = [
    ("GET", "/v1", None),
    ("GET", "/v1/objects/services", PROBLEMS),
    ("GET", "/v1/objects/comments", COMMENTS),
    ("POST", "/v1/actions/acknowledge-problem", ACKNOWLEDGED),
]


def answers(client: httpx.Client) -> list[tuple[str, int, Any]]:
    """Every question's status and answer, without what differs between any two servers."""
    found: list[tuple[str, int, Any]] = []
    for user, password, asked in (
        ("root", PASSWORD, QUESTIONS),
        ("blind", PASSWORD, LIMITED),
        ("root", "wrong", LIMITED),
    ):
        for method, path, body in asked:
            how = {"accept": "application/json"} | ({"x-http-method-override": "GET"} if method == "GET" else {})
            verb = "POST" if method == "GET" and body is not None else method
            answer = client.request(verb, path, json=body, headers=how, auth=(user, password))
            is_json = "json" in answer.headers["content-type"]
            found.append(
                (f"{user} {method} {path}", answer.status_code, _same(answer.json()) if is_json else answer.text)
            )
    return found


def _same(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _same(inner) for name, inner in value.items() if name not in ("name", "info")}
    if isinstance(value, list):
        return [_same(inner) for inner in value]
    return value


def test_the_simulator_answers_as_the_real_one_does() -> None:
    users = {"root": (PASSWORD, ("*",)), "tieline": (PASSWORD, (*READS, *ACTS)), "blind": (PASSWORD, ("status/query",))}
    simulated = httpx.Client(transport=HttpxTransport(IcingaSimulator(users=users)), base_url="https://icinga")
    with icinga() as server:
        for expected, got in zip(answers(server.http), answers(simulated), strict=True):
            assert got == expected

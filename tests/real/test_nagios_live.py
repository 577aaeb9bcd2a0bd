"""The Nagios adapter against the real one, and the simulator beside it: the same questions, the same answers."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from tests.real.nagios import HOST, PASSWORD, SERVICES, Nagios, nagios
from tests.real.servers import HOOK_TOKEN, Receiver, receiver

from tieline.adapters.nagios.adapter import ASKED, NagiosAdapter, connect
from tieline.adapters.nagios.problem import episode_of
from tieline.adapters.nagios.settings import NagiosSettings
from tieline.adapters.nagios.simulator import Account, NagiosSimulator
from tieline.adapters.testing.contract import SimulatorDriver, SourceContract
from tieline.adapters.testing.contract.trial import contract_tests
from tieline.adapters.testing.driver import MISSING
from tieline.adapters.testing.real import MovedClock, Relay
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.errors import Gone, NeedsOperator, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Act, Body, Cursor, Delivery, Power, Reading, Ref, Token, Workbench
from tieline.core.secrets import Secret

pytestmark = pytest.mark.real


@dataclass
class Live:
    """A real Nagios, the receiver of its notifications, and the services that no test has taken."""

    server: Nagios
    hooks: Receiver
    free: list[str]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with receiver() as (hooks, url), nagios(url) as server:
        yield Live(server, hooks, [f"{HOST}!{one}" for one in SERVICES])


class LiveDriver(SimulatorDriver):
    """Plugins that report to the real Nagios. Its clock is everybody's: to skew it is to set ours wrong."""

    powers = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE})
    lacks: ClassVar[Mapping[str, str]] = {
        "merge": "a problem is never merged into another",
        "act_by_itself": "how an object is is said by its plugin",
        "spoil": "the real server tells of no odd object",
        "joint_delivery": "a notification command tells of one object",
    }
    writes = (("POST", "/cmd.cgi"),)
    secrets = (HOOK_TOKEN, PASSWORD)
    page_size = 3
    signs_body = False
    signs_time = False
    reads_by_address = False
    credential_headers = ("authorization",)

    def __init__(self, live: Live) -> None:
        self.live = live
        self.ours = MovedClock()
        asked = ("authorization", "content-type", "cookie")
        self.simulator = Relay(live.server.http, asked=asked, told=("content-type",), dated=False)
        self.names: dict[Ref, str] = {}

    def connect(self, **others: object) -> NagiosAdapter:
        given: dict[str, object] = {
            "url": self.live.server.url,
            "username": "tieline",
            "password": Secret.literal(PASSWORD),
            "webhook_token": Secret.literal(HOOK_TOKEN),
            "page_size": self.page_size,
        }
        settings = NagiosSettings.model_validate(given | others)
        bench = Workbench(self.ours, time.sleep, HttpxTransport(self.simulator), self.take)
        return connect(ConnectionName("nagios"), settings, bench)

    def connect_refused(self) -> NagiosAdapter:
        return self.connect(password=Secret.literal(PASSWORD[::-1]))

    def connect_unproved(self) -> NagiosAdapter:
        return self.connect(webhook_token=MISSING)

    def make(self, title: str, description: str = "") -> Ref:
        name = self.live.free.pop()
        self.live.server.report(name, 0, "DISK OK")
        return self.fail_check(name, title)

    def fail_check(self, name: str, title: str) -> Ref:
        self.live.server.report(name, 2, title)
        self.live.server.settle()
        ref = episode_of(name, self.live.server.attrs(name)["last_time_ok"]).ref
        self.names[ref] = name
        return ref

    def title_in(self, body: Body) -> str:
        return str(body["summary"])

    def touch(self, ref: Ref) -> None:
        name = self.names[ref]
        state = {4: 1, 16: 2, 8: 3}[self.live.server.attrs(name)["status"]]
        self.live.server.report(name, state % 3 + 1, "touched")
        self.live.server.settle()

    def delete(self, ref: Ref) -> None:
        self.live.server.report(self.names[ref], 0, "DISK OK")
        self.live.server.settle()

    def missing_ref(self) -> Ref:
        return Ref("0123456789abcdef@2026-01-01T00:00:00.000Z")

    def acts_in_force(self, ref: Ref) -> int:
        self.live.server.settle()
        return int(self.live.server.attrs(self.names[ref])["problem_has_been_acknowledged"])

    def delivery(self, ref: Ref) -> Delivery:
        return self.live.hooks.about(self.names[ref].partition("!")[2])

    def now(self) -> datetime:
        return self.ours.now()

    def skew(self, seconds: float) -> None:
        self.ours.moved = -seconds

    def advance(self, seconds: float) -> None:
        """A moment goes by, however long a while was asked for. What asks for the while itself is waived."""
        time.sleep(0.01)


IN_EVERY_RUN = frozenset(
    f"test_{what}"
    for what in (
        "a_damaged_delivery_raises_value_error_only",
        "a_deleted_record_is_gone",
        "a_flipped_bit_in_the_proof_is_forged",
        "a_missing_record_is_gone",
        "a_quiet_tool_still_gives_a_cursor",
        "a_secret_that_cannot_be_had_makes_no_forgery",
        "a_true_delivery_is_taken",
        "a_web_page_is_never_an_empty_page",
        "an_acknowledgement_speaks_of_its_own_signal",
        "an_error_is_never_an_empty_page",
        "an_unsigned_delivery_is_forged",
        "check_asks_for_a_person_when_credentials_are_refused",
        "check_names_the_account",
        "check_raises_when_the_tool_is_down",
        "check_tells_how_far_the_tools_clock_is_off",
        "every_claimed_power_has_its_verbs",
        "garbage_raises_value_error_only",
        "no_error_and_no_log_line_shows_a_secret",
        "only_what_changed_after_the_cursor_is_listed",
        "reading_changes_nothing",
        "refused_credentials_are_not_shown",
        "retry_after_as_a_date_is_the_wait",
        "retry_after_in_seconds_is_the_wait",
        "the_adapter_prints_no_secret",
        "the_age_is_never_negative",
        "verifying_twice_says_the_same",
    )
)
"""What Nagios itself answers decides of these. Each step waits for it to write its status, so that all take minutes:
they are asked where TIELINE_SOAK is true."""
TAKES_AS_LONG = "ten minutes take ten minutes in a real server"


class TestContract(SourceContract):
    tool_kind = "nagios"
    against = "a real Nagios Core 4.4 of Debian"
    driver = LiveDriver
    waivers: ClassVar[Mapping[str, str]] = {
        "test_the_age_is_the_time_since_the_last_change": TAKES_AS_LONG,
        "test_the_age_does_not_depend_on_our_clock": TAKES_AS_LONG,
    }

    @pytest.fixture
    def tool(self, live: Live) -> Iterator[LiveDriver]:
        made = LiveDriver(live)
        yield made
        for name in made.names.values():
            live.server.report(name, 0, "DISK OK")


assert contract_tests(TestContract).keys() >= IN_EVERY_RUN
if os.environ.get("TIELINE_SOAK") != "true":
    for left_out in contract_tests(TestContract).keys() - IN_EVERY_RUN:
        setattr(TestContract, left_out, None)


@pytest.fixture
def driver(live: Live) -> LiveDriver:
    return LiveDriver(live)


def poll(adapter: NagiosAdapter, since: Cursor | None) -> tuple[dict[Ref, Reading], Cursor]:
    found: dict[Ref, Reading] = {}
    cursor = since
    for page in adapter.changes(since):
        found.update({reading.ref: reading for reading in page.readings})
        cursor = page.cursor
    assert cursor is not None
    return found, cursor


def test_a_problem_is_acknowledged_taken_back_acknowledged_again_and_ends(driver: LiveDriver, live: Live) -> None:
    adapter = driver.connect()
    _, cursor = poll(adapter, None)
    ref = driver.make("DISK CRITICAL")
    told, cursor = poll(adapter, cursor)
    assert (told[ref].body["state"], told[ref].body["status"]) == ("critical", "active")
    [hint] = adapter.parse(driver.delivery(ref)).hints
    assert hint.ref == ref

    until_then = datetime.now(UTC) + timedelta(hours=4)
    for act in (Act.ACKNOWLEDGE, Act.RELEASE, Act.ACKNOWLEDGE):
        adapter.acknowledge(ref, act, until=until_then, note="INC-12 ü; <b>", token=Token("t-1"))
    assert driver.acts_in_force(ref) == 1
    live.server.report(driver.names[ref], 1, "DISK WARNING")
    live.server.settle()
    told, cursor = poll(adapter, cursor)
    assert (told[ref].body["state"], told[ref].body["status"]) == ("warning", "suppressed")

    driver.delete(ref)
    told, _ = poll(adapter, cursor)
    assert told[ref].body["status"] == "resolved"
    with pytest.raises(Gone):
        adapter.read(ref)
    with pytest.raises(NeedsOperator, match="shows no host to blind"):
        driver.connect(username="blind").check()


# The simulator beside the real one

DISK = {"host": "same", "service": "disk"}
COMMIT = {**DISK, "cmd_typ": "34", "cmd_mod": "2", "btnSubmit": "Commit", "nagFormId": "a1", "com_data": "looking"}
PROBLEMS = {"query": "servicelist", "details": "true", "servicestatus": ASKED["service"]}
COMMENTS = {"query": "commentlist", "details": "true", "entrytypes": "acknowledgement"}
TOLD = ("status", "state_type", "plugin_output", "long_plugin_output", "problem_has_been_acknowledged")
SAID = ("entry_type", "persistent", "host_name", "service_description", "author", "comment_data")


def state_of(client: httpx.Client, user: str = "root") -> Any:
    """What is told of problems and acknowledgements, without what differs between any two servers."""
    proof = (user, PASSWORD)
    services = client.get("/statusjson.cgi", params=PROBLEMS, auth=proof).json()["data"]["servicelist"]
    comments = client.get("/statusjson.cgi", params=COMMENTS, auth=proof).json()["data"]["commentlist"]
    disk = services.get("same", {}).get("disk", {})
    return (
        {name: disk.get(name) for name in TOLD},
        [{name: one[name] for name in SAID} for one in comments.values()],
    )


def commanded(client: httpx.Client, form: dict[str, str], user: str = "root", cookie: str = "NagFormId=a1") -> str:
    page = client.post("/cmd.cgi", data=form, headers={"cookie": cookie}, auth=(user, PASSWORD)).text
    words = "successfully submitted|not authorized to commit|CSRF cookie|Comment was not entered|An error occurred"
    found = re.search(words, page)
    return found[0] if found else page


def told_by(client: httpx.Client, report: Callable[[int, str], object], settle: Callable[[], None]) -> list[Any]:
    """Every question's answer."""
    found: list[Any] = [state_of(client)]
    for state, output in ((0, "DISK OK"), (2, "DISK CRITICAL"), (2, "Zürich 🔥")):
        report(state, output)
    settle()
    found.append(state_of(client))
    for user, form, cookie in (
        ("root", COMMIT | {"nagFormId": "a2"}, "NagFormId=a1"),
        ("root", COMMIT, ""),
        ("root", COMMIT | {"nagFormId": "tieline"}, "NagFormId=tieline"),
        ("root", COMMIT | {"com_data": ""}, "NagFormId=a1"),
        ("root", COMMIT | {"com_data": "a\nb"}, "NagFormId=a1"),
        ("root", COMMIT | {"com_data": "x" * 9_000}, "NagFormId=a1"),
        ("root", COMMIT | {"service": "none"}, "NagFormId=a1"),
        ("blind", COMMIT, "NagFormId=a1"),
        ("root", COMMIT | {"sticky_ack": "on", "com_data": "mine; <b>|&"}, "NagFormId=a1"),
        ("root", COMMIT | {"sticky_ack": "on", "com_data": "über"}, "NagFormId=a1"),
        ("root", COMMIT | {"sticky_ack": "on", "persistent": "on"}, "NagFormId=a1"),
    ):
        found.append(commanded(client, form, user, cookie))
    found.append(state_of(client))
    settle()
    found += [state_of(client), state_of(client, "blind")]
    report(1, "DISK WARNING")
    settle()
    found.append(state_of(client))
    found += [commanded(client, COMMIT | {"cmd_typ": "52"}) for _ in range(2)]
    settle()
    found.append(state_of(client))
    commanded(client, COMMIT)
    report(3, "DISK UNKNOWN\\nmore")
    settle()
    found.append(state_of(client))
    commanded(client, COMMIT | {"sticky_ack": "on"})
    report(0, "DISK OK")
    found.append(commanded(client, COMMIT))
    settle()
    found.append(state_of(client))
    found += [client.get("/none.cgi").status_code, client.get("/statusjson.cgi", auth=("root", "no")).status_code]
    odd = client.get("/statusjson.cgi", params={"query": "none"}).json()["result"]
    return [*found, odd["type_code"], odd["message"]]


def test_the_simulator_answers_as_the_real_one_does(live: Live) -> None:
    clock = MovedClock()
    accounts = {"root": Account(PASSWORD), "blind": Account(PASSWORD, sees=False, commands=False)}
    simulator = NagiosSimulator(clock.now, accounts=accounts)
    simulator.make("same")
    simulator.make("same!disk", attempts=2)
    simulator.write()

    def settle() -> None:
        clock.moved += 10

    simulated = httpx.Client(transport=HttpxTransport(simulator), base_url="https://nagios", auth=("root", PASSWORD))
    expected = told_by(
        live.server.http, lambda state, words: live.server.report("same!disk", state, words), live.server.settle
    )
    got = told_by(simulated, lambda state, words: simulator.check("same!disk", state, words), settle)
    for number, (real, ours) in enumerate(zip(expected, got, strict=True)):
        assert (number, ours) == (number, real)


def test_what_has_stopped_is_said_and_ends_nothing(driver: LiveDriver, live: Live) -> None:
    adapter = driver.connect()
    ref = driver.make("DISK CRITICAL")
    _, cursor = poll(adapter, None)
    live.server.stop()
    try:
        with pytest.raises(TryAgain):
            poll(adapter, cursor)
    finally:
        live.server.start()
    assert poll(adapter, cursor) == ({}, cursor)
    assert adapter.read(ref).ref == ref

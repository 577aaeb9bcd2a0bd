"""Shipped adapters over their simulators, behind the engine: what a person did travels, what a clock or rule did
stays where it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.sync.world import PEOPLE, World

from tieline.adapters.jira.simulated.site import AUTOMATION, Issue
from tieline.adapters.jira.simulator import API_TOKEN, EMAIL, JiraSimulator
from tieline.adapters.memory.tool import MemoryTool
from tieline.adapters.pagerduty.simulator import DEMO_KEY, PERSON, PagerDutySimulator
from tieline.adapters.servicenow.simulated.driver import ACCOUNT
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import LOST, Fault, Simulator, requests_transport
from tieline.core.model import ConnectionName
from tieline.sync import explain
from tieline.sync.records import OWN_DOING, Held

CONFIG = """\
tieline: 1
store: sqlite:///world.db
connections:
  desk:
    tool: memory
    opens: true
    history: 1d
  {name}:
    history: 1d
    {settings}
"""
SETTINGS = {
    "jira": f"tool: jira, url: https://simulated.atlassian.net, project: OPS, email: {EMAIL}",
    "pager": "tool: pagerduty, from_email: tieline@example.org, service: PIJ90N7",
    "snow": f"tool: servicenow, url: https://instance.example, username: {ACCOUNT}",
}


class Office(World):
    """A memory tool, and one shipped tool beside it."""

    def __init__(
        self, folder: Path, name: str, make: Callable[[Callable[[], datetime]], Simulator], secret: str
    ) -> None:
        self.clock = ManualClock()
        self.random = random.Random(0)
        self.blunt = ConnectionName("")
        self.desk = MemoryTool(self.clock.now, people=PEOPLE)
        self.tools = {"desk": self.desk, name: requests_transport(make(self.clock.now))}
        self.file = folder / "tieline.yaml"
        settings = "\n    ".join([*SETTINGS[name].split(", "), secret])
        self.file.write_text(CONFIG.format(name=name, settings=settings), encoding="utf-8")
        self._tokens = 0
        self.offers = ()
        self.kinds = {}
        self.start()

    def opened(self, **fields: Any) -> None:
        """An incident at the desk, with its copy in the other tool."""
        self.desk.make({"title": "Disk full", "status": "new", **fields})
        self.settle()
        assert len(self.incidents()) == 1

    def status(self) -> str:
        """What the desk shows. Nothing is parked, and no two people are thought to disagree."""
        assert not self.parked()
        assert {one.hold.kind for one in self.conflicts()} <= OWN_DOING
        return str(self.shows("desk", "status"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


# -- Jira


@pytest.fixture
def jira(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Office, JiraSimulator]:
    monkeypatch.setenv("TOOL_SECRET", API_TOKEN)
    made: list[JiraSimulator] = []

    def make(clock: Callable[[], datetime]) -> JiraSimulator:
        made.append(JiraSimulator(clock))
        return made[0]

    return Office(folder, "jira", make, "api_token: {env: TOOL_SECRET}"), made[0]


def moves_on(simulator: JiraSimulator, clock: ManualClock, to: str, **by: str) -> None:
    """Somebody moves an issue on as soon as our own transition has brought it to Done."""

    def act(issue: Issue) -> None:
        if simulator.site.status(issue).name == "Done":
            simulator.site.after_write = None
            clock.advance(0.2)
            simulator.control("transition", {"ref": issue.id, "to": to, **by})

    simulator.site.after_write = act


def test_a_person_who_moves_an_issue_right_after_us_is_taken_in(jira: tuple[Office, JiraSimulator]) -> None:
    office, simulator = jira
    office.opened()
    moves_on(simulator, office.clock, "Reopened")
    office.edit("desk", status="resolved", close_code="fixed")
    office.settle()
    assert office.status() == "new", "Anna reopened it"


def test_a_rule_that_moves_an_issue_right_after_us_stays_in_jira(jira: tuple[Office, JiraSimulator]) -> None:
    office, simulator = jira
    office.opened()
    moves_on(simulator, office.clock, "Reopened", by=AUTOMATION)
    office.edit("desk", status="resolved", close_code="fixed")
    office.settle()
    assert office.status() == "resolved", "nobody reopened it"
    assert "status" in office.copy("jira").holds


def test_a_create_that_stopped_before_its_transition_is_finished(jira: tuple[Office, JiraSimulator]) -> None:
    office, simulator = jira
    simulator.lose(method="GET", path="/issue/1")
    office.opened(status="in_progress")
    assert not simulator.faults, "the answer to the first look at the new issue was lost"
    office.settle()
    (issue,) = simulator.site.issues.values()
    assert simulator.site.status(issue).category == "indeterminate"
    assert "status" not in office.copy("jira").holds


def test_a_tag_with_a_space_is_one_tag_whoever_edits_the_others(jira: tuple[Office, JiraSimulator]) -> None:
    """Labels have no spaces. What stands for one there must not come back as a tag that nobody typed."""
    office, simulator = jira
    office.opened(tags=["main flow", "payment"])
    (issue,) = simulator.site.issues.values()
    assert sorted(issue.fields["labels"]) == ["main_flow", "payment"]
    simulator.control("edit", {"ref": issue.id, "fields": {"labels": ["main_flow", "payment", "urgent"]}})
    office.settle()
    assert sorted(office.shows("desk", "tags")) == ["main flow", "payment", "urgent"]
    office.edit("desk", tags=["main flow", "second flow", "urgent"])
    office.settle()
    assert sorted(issue.fields["labels"]) == ["main_flow", "second_flow", "urgent"]
    simulator.control("edit", {"ref": issue.id, "fields": {"labels": ["second_flow", "urgent"]}})
    office.settle()
    assert sorted(office.shows("desk", "tags")) == ["second flow", "urgent"]
    assert office.copy("jira").holds == {}


# -- PagerDuty


@pytest.fixture
def pager(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Office, PagerDutySimulator]:
    monkeypatch.setenv("TOOL_SECRET", DEMO_KEY)
    made: list[PagerDutySimulator] = []

    def make(clock: Callable[[], datetime]) -> PagerDutySimulator:
        made.append(PagerDutySimulator(clock))
        return made[0]

    return Office(folder, "pager", make, "api_key: {env: TOOL_SECRET}"), made[0]


def test_an_acknowledgement_that_times_out_sends_nobody_back(pager: tuple[Office, PagerDutySimulator]) -> None:
    office, simulator = pager
    office.opened()
    (page,) = simulator.account.incidents.values()
    simulator.account.services[0].acknowledgement_timeout = 1800
    office.edit("desk", status="in_progress")
    office.settle(2)
    assert page.status == "acknowledged"
    office.clock.advance(1800)
    office.settle()
    assert (page.status, office.status()) == ("triggered", "in_progress")
    assert "status" in office.copy("pager").holds
    simulator.account.resolve(page, PERSON)
    office.settle()
    assert office.status() == "resolved", "Grace resolved it"


@pytest.mark.parametrize("escalates", [False, True], ids=["at birth", "and escalated"])
def test_whom_pagerduty_calls_by_itself_waits_for_nobody(
    pager: tuple[Office, PagerDutySimulator], escalates: bool
) -> None:
    """Its escalation policy assigns every incident, one without an assignee as well."""
    office, simulator = pager
    office.opened(assignee=None)
    if escalates:
        simulator.control("timeout", {"seconds": 300, "of": "escalation"})
        office.clock.advance(301)
        office.settle()
    copy = office.copy("pager")
    assert (copy.holds["assignee"].kind, copy.holds["assignee"].ours) == (Held.DEFAULT, None)
    assert copy.observed["assignee"] is not None
    assert office.conflicts() == []
    with office.engine.store.read() as connection:
        assert "held" not in [entry["kind"] for entry in explain.history(connection, office.incident().id)]
    assert office.incident().fields["assignee"] is None

    simulator.control("assign", {"id": copy.ref, "users": [PERSON]})
    office.settle()
    assert office.incident().fields["assignee"] == office.copy("pager").observed["assignee"] == "grace@example.org"
    assert "assignee" not in office.copy("pager").holds


def test_a_resolution_by_time_resolves_nothing_elsewhere(pager: tuple[Office, PagerDutySimulator]) -> None:
    office, simulator = pager
    simulator.account.services[0].auto_resolve_timeout = 14_400
    office.opened(status="in_progress")
    office.clock.advance(14_400)
    office.settle()
    (page,) = simulator.account.incidents.values()
    assert (page.status, office.status()) == ("resolved", "in_progress")


def test_what_somebody_does_before_a_lost_create_is_found_is_theirs(pager: tuple[Office, PagerDutySimulator]) -> None:
    """The urgency was not ours to give, and all that an incident has at its birth is PagerDuty's own."""
    office, simulator = pager
    office.settle(1)

    def taken_on() -> None:
        (page,) = simulator.account.incidents.values()
        simulator.account.acknowledge(page, PERSON)
        simulator.account.edit(page, PERSON, urgency="low")

    simulator.afterwards.append((Fault(LOST, "POST", "/incidents").matches, taken_on))
    simulator.fail(504, method="POST", path="/incidents", after_effect=True)
    office.desk.make({"title": "Disk full", "status": "new"})
    office.settle()
    assert office.status() == "in_progress"
    assert office.shows("desk", "urgency") == "low"


# -- ServiceNow


@pytest.fixture
def snow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Office, ServiceNowSimulator]:
    made: list[ServiceNowSimulator] = []

    def make(clock: Callable[[], datetime]) -> ServiceNowSimulator:
        made.append(ServiceNowSimulator(clock))
        monkeypatch.setenv("TOOL_SECRET", made[0].tables.accounts[ACCOUNT].password)
        return made[0]

    return Office(folder, "snow", make, "password: {env: TOOL_SECRET}"), made[0]


def test_a_job_that_closes_what_is_resolved_closes_nothing_elsewhere(snow: tuple[Office, ServiceNowSimulator]) -> None:
    office, simulator = snow
    office.opened()
    office.edit("desk", status="resolved", close_code="fixed", close_notes="Restarted.")
    office.settle()
    simulator.auto_close_after = timedelta(days=7)
    office.clock.advance(7 * 86_400)
    office.settle()
    states = [row["state"] for row in simulator.tables.rows["incident"].values() if row["correlation_id"]]
    assert (states, office.status()) == (["7"], "resolved")


def test_an_edit_over_a_write_whose_answer_was_lost_stands_although_we_commented_since(
    snow: tuple[Office, ServiceNowSimulator],
) -> None:
    office, simulator = snow
    office.opened()
    ref = str(office.copy("snow").ref)

    def act() -> None:
        simulator.control("edit", {"record": ref, "fields": {"short_description": "Disk full, says Fred"}})
        simulator.control("comment", {"record": ref, "text": "Who is at it?", "user": ACCOUNT})

    simulator.lose(method="PATCH")
    simulator.afterwards.append((lambda request: request.method == "PATCH", act))
    office.edit("desk", title="Disk full on db1")
    office.settle()
    assert not simulator.afterwards
    assert office.shows("desk", "title") == "Disk full, says Fred"
    assert simulator.tables.rows["incident"][ref]["short_description"] == "Disk full, says Fred"

"""What PagerDuty does by itself is told from what people and monitoring do."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.adapters.pagerduty import doings
from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.pagerduty.simulated.account import Incident
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.pagerduty.simulator import PERSON
from tieline.adapters.testing.contract.expect import here, listed
from tieline.core.port import WHOLE, Reading, Ref, Token


def entry(kind: str, channel: str = "auto", user: str = "", at: str = "2026-11-23T19:04:00Z") -> dict[str, Any]:
    agent = {"id": user, "type": "user_reference"} if user else {"id": "PSVC", "type": "service_reference"}
    return {"type": f"{kind}_log_entry", "agent": agent, "channel": {"type": channel}, "created_at": at}


STATUS = frozenset({"status"})
BORN = entry("trigger", "api", at="2026-11-23T19:00:00Z")
ASSIGNED = entry("assign", "auto", at="2026-11-23T19:00:00Z")


@pytest.mark.parametrize(
    ("newest_first", "told"),
    [
        ([ASSIGNED, BORN], set()),
        ([entry("unacknowledge", "timeout"), entry("acknowledge", "website", "PADA"), BORN], {"status"}),
        ([entry("unacknowledge", "odd"), entry("acknowledge", "website", "PADA"), BORN], {"status"}),
        ([entry("acknowledge", "website", "PADA"), entry("unacknowledge", "timeout"), BORN], set()),
        ([entry("unacknowledge", "website", "PADA"), BORN], set()),
        ([entry("resolve", "timeout"), BORN], {"status"}),
        ([entry("resolve", "api"), BORN], set()),
        ([entry("resolve", "email"), BORN], set()),
        ([entry("escalate", "timeout"), ASSIGNED, BORN], {"assignments"}),
        ([entry("escalate", "website", "PADA"), ASSIGNED, BORN], set()),
        ([entry("urgency_change", "auto"), BORN], {"urgency"}),
        ([entry("priority_change", "auto"), entry("notify", "auto"), BORN], {"priority"}),
        ([{"type": "unacknowledge_log_entry", "agent": None, "channel": None, "created_at": None}], {"status"}),
        ([{"type": "resolve_log_entry", "agent": None, "channel": "odd"}], set()),
        ([], set()),
    ],
)
def test_the_newest_entry_says_who_set_a_member(newest_first: list[dict[str, Any]], told: set[str]) -> None:
    assert doings.automatic(newest_first) == told


@pytest.mark.parametrize(
    ("later", "edited"),
    [
        ([], set()),
        ([entry("annotate", "website", "PADA")], set()),
        ([entry("acknowledge", "api", "PUS")], set()),
        ([entry("escalate", "timeout")], set()),
        ([entry("acknowledge", "website", "PADA")], {"status"}),
        ([entry("acknowledge", "api", "PUS"), entry("urgency_change", "website", "PADA")], {"urgency"}),
        ([entry("field_value_change", "website", "PADA")], {"title", "body"}),
        ([entry("resolve", "api")], {"status"}),
    ],
)
def test_what_others_edited_since_its_birth(later: list[dict[str, Any]], edited: set[str]) -> None:
    assert doings.edited([*later, ASSIGNED, BORN], "PUS") == frozenset(edited)
    assert doings.edited([*later, ASSIGNED], "PUS") is None, "a log without its beginning does not tell"


def assigned(entry: dict[str, Any], *users: str) -> dict[str, Any]:
    return {**entry, "assignees": [{"id": user, "type": "user_reference"} for user in users]}


@pytest.mark.parametrize(
    ("now", "edited"),
    [
        (("PONE",), set()),  # to assign them once more is how an acknowledgement is taken back
        (("PTWO",), {"assignments"}),
        (("PONE", "PTWO"), {"assignments"}),
        ((), {"assignments"}),
    ],
)
def test_who_has_it_as_at_its_birth_was_assigned_by_nobody_since(now: tuple[str, ...], edited: set[str]) -> None:
    again = assigned(entry("assign", "website", "PADA"), *now)
    between = assigned(entry("assign", "website", "PADA"), "PTHREE")

    assert doings.edited([again, between, assigned(ASSIGNED, "PONE"), BORN], "PUS") == frozenset(edited)
    assert doings.edited([again, ASSIGNED, BORN], "PUS") == frozenset({"assignments"}), (
        "a log that does not say to whom"
    )


def test_whose_account_is_unknown_is_somebody_else() -> None:
    assert doings.edited([entry("acknowledge", "website", "PADA"), BORN], None) == frozenset({"status"})


# -- at the simulated account


@pytest.fixture
def incident(tool: PagerDutyDriver) -> Incident:
    return tool.account.incident(tool.make("Disk full"))


def seen(tool: PagerDutyDriver, adapter: PagerDuty, incident: Incident, seconds: float) -> list[Reading]:
    """The record as a poll and as a webhook's hint bring it, after some time."""
    start = here(adapter)
    tool.advance(seconds)
    return [*listed(adapter, start), adapter.read(Ref(incident.id))]


def test_an_acknowledgement_that_timed_out_is_the_clocks(
    tool: PagerDutyDriver, adapter: PagerDuty, incident: Incident
) -> None:
    tool.account.services[0].acknowledgement_timeout = 1800
    tool.account.acknowledge(incident, PERSON)
    assert adapter.read(Ref(incident.id)).automatic == frozenset()
    readings = seen(tool, adapter, incident, 1801)
    assert [(one.body["status"], one.automatic) for one in readings] == [("triggered", STATUS)] * 2
    tool.account.acknowledge(incident, PERSON)
    assert adapter.read(Ref(incident.id)).automatic == frozenset()


def test_what_our_assignment_takes_back_is_no_persons_edit(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    """Somebody acknowledged it, and somebody else was named in another tool: PagerDuty calls that one."""
    made = adapter.create(tool.new_body("Disk full"), Token("tl-1"))
    incident = tool.account.incident(str(made.ref))
    tool.advance(60)
    tool.account.acknowledge(incident, PERSON)
    seen = adapter.read(made.ref)
    adapter.update(made.ref, {"assignments": [{"assignee": {"id": "PL7A2O4", "type": "user_reference"}}]}, seen.version)
    found = adapter.read(made.ref)
    assert (found.body["status"], found.automatic) == ("triggered", STATUS)
    tool.account.acknowledge(incident, PERSON)
    tool.account.assign(incident, PERSON, ("PAM4FGS",))
    asked = len(tool.simulator.requests)
    assert adapter.read(made.ref).automatic == frozenset(), "a person assigned it anew and saw what comes of it"
    assert [path for _method, path in tool.simulator.requests[asked:]] == [f"/incidents/{made.ref}"], "no log is asked"


def test_the_end_of_a_snooze_is_the_clocks(tool: PagerDutyDriver, adapter: PagerDuty, incident: Incident) -> None:
    tool.simulator.control("snooze", {"id": incident.id, "seconds": 600})
    assert (adapter.read(Ref(incident.id)).body["status"], adapter.read(Ref(incident.id)).automatic) == (
        "acknowledged",
        frozenset(),
    )
    readings = seen(tool, adapter, incident, 601)
    assert [(one.body["status"], one.automatic) for one in readings] == [("triggered", STATUS)] * 2


def test_a_resolution_by_time_is_the_clocks_and_one_by_monitoring_is_not(
    tool: PagerDutyDriver, adapter: PagerDuty, incident: Incident
) -> None:
    monitored = tool.account.incident(tool.make("Disk slow"))
    tool.account.resolve(monitored, None, channel="api")
    tool.account.services[0].auto_resolve_timeout = 14_400
    readings = seen(tool, adapter, incident, 14_401)
    assert [(one.body["status"], one.automatic) for one in readings] == [("resolved", STATUS)] * 2
    assert adapter.read(Ref(monitored.id)).automatic == frozenset()


def test_an_escalation_by_time_is_the_clocks(tool: PagerDutyDriver, adapter: PagerDuty, incident: Incident) -> None:
    assert adapter.read(Ref(incident.id)).automatic == frozenset(), "the policy's first choice is its birth"
    tool.account.services[0].escalation_timeout = 900
    readings = seen(tool, adapter, incident, 901)
    assert [one.automatic for one in readings] == [{"assignments"}] * 2
    tool.account.assign(incident, PERSON, ("PAM4FGS",))
    assert adapter.read(Ref(incident.id)).automatic == frozenset()


def test_an_urgency_that_changes_with_the_support_hours_is_the_clocks(
    tool: PagerDutyDriver, adapter: PagerDuty, incident: Incident
) -> None:
    start = here(adapter)
    tool.account.edit(incident, None, urgency="low")
    assert [one.automatic for one in listed(adapter, start)] == [{"urgency"}]


def test_what_people_do_costs_no_look_at_the_log(tool: PagerDutyDriver, adapter: PagerDuty, incident: Incident) -> None:
    tool.account.acknowledge(incident, PERSON)
    tool.account.resolve(incident, PERSON)
    before = len(tool.simulator.requests)
    adapter.read(Ref(incident.id))
    asked = [path for _, path in tool.simulator.requests[before:]]
    assert not [path for path in asked if path.endswith("/log_entries")]


def test_a_found_incident_tells_what_the_clock_did(tool: PagerDutyDriver, adapter: PagerDuty) -> None:
    tool.account.services[0].acknowledgement_timeout = 60
    made = adapter.create({"title": "Disk full"}, Token("tl-7"))
    tool.account.acknowledge(tool.account.incident(made.ref), "PXPGF42")
    tool.advance(90)
    found = adapter.find(Token("tl-7"))
    assert found is not None
    assert (found.automatic, found.born) == (STATUS, found.body)


def test_the_newest_entry_being_ours_says_nothing_of_what_somebody_else_changed_before(
    tool: PagerDutyDriver, adapter: PagerDuty
) -> None:
    made = adapter.create(tool.new_body("Disk full"), Token("tl-1"))
    adapter.update(made.ref, {"status": "acknowledged"}, made.version)
    found = adapter.find(Token("tl-1"))
    assert found is not None and found.ours == WHOLE
    tool.account.edit(tool.account.incident(made.ref), PERSON, title="Disk full, says Grace")
    adapter.update(made.ref, {"urgency": "low"}, adapter.read(made.ref).version)
    found = adapter.find(Token("tl-1"))
    assert found is not None and not found.ours

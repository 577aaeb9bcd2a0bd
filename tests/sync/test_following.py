"""An incident follows the worst of its alerts: up at once, down only where the configuration says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.sync.office import Office

from tieline.core.port import Ref
from tieline.sync import explain
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

P1 = {"severity": "critical", "priority": "p1", "impact": "high", "urgency": "high"}
P3 = {"severity": "medium", "priority": "p3", "impact": "medium", "urgency": "medium"}


def fire(office: Office, instance: str, severity: str) -> Ref:
    """An alert of one and the same group."""
    labels = {"alertname": "DiskFull", "service": "billing", "severity": severity, "instance": instance}
    return office.alerts.fire(labels, {"summary": f"Disk of {instance} is full"}).ref


def grade(office: Office) -> dict[str, Any]:
    fields = office.incident().fields
    return {name: fields[name] for name in P1}


def raised(office: Office) -> list[dict[str, Any]]:
    return [entry for entry in office.history() if entry["kind"] == "changed" and entry["reason"] == "raised"]


def set_by_a_person(office: Office, **fields: str) -> None:
    with office.engine.store.write() as tx:
        commit.edit(tx, office.engine, office.incident().id, fields, actor="ann", reason=Reason.EDITED)


@pytest.mark.parametrize("by_webhook", [True, False])
def test_a_warning_that_criticals_join_is_raised_at_once_in_every_tool(office: Office, by_webhook: bool) -> None:
    fire(office, "a", "warning")
    office.settle()
    assert grade(office) == P3
    worse = [fire(office, instance, "critical") for instance in "bcdefg"]
    if by_webhook:
        office.notify()
        office.run_alerts()
    else:
        office.settle(2)
    assert grade(office) == P1
    [told] = raised(office)
    assert told["actor"] == "alerts"
    assert told["facts"]["changes"]["priority"] == {"before": "p3", "after": "p1", "reason": "raised"}
    assert told["facts"]["signal"] in {str(ref) for ref in worse}
    office.settle()
    [ticket] = office.tools["memory"].rows()
    assert {name: ticket.body[name] for name in P1} == P1


def test_what_comes_in_one_delivery_opens_a_ticket_that_is_as_bad_as_its_worst_alert(office: Office) -> None:
    fire(office, "a", "warning")
    fire(office, "b", "critical")
    office.notify()
    office.settle()
    assert grade(office) == P1
    assert office.tools["memory"].rows()[0].version == 1, "it was made once and never corrected"


def test_an_alert_that_is_no_worse_moves_nothing(office: Office) -> None:
    fire(office, "a", "critical")
    office.settle()
    fire(office, "b", "warning")
    office.settle()
    assert grade(office) == P1
    assert raised(office) == []


RULE = '{when: \'title.contains("is full") && title.contains("pages")\', severity: critical, priority: p1}'


def test_an_alert_that_becomes_worse_raises(tmp_path: Path) -> None:
    """Its labels are what tells it from others; what else it says may change while it fires."""
    plugins = f"{{grouping: {{}}, severity: {{rules: [{RULE}]}}, measurement: {{}}}}"
    office = Office(tmp_path, "memory", plugins=plugins)
    office.settle(1)
    labels = {"alertname": "DiskFull", "service": "billing", "severity": "warning"}
    office.alerts.fire(labels, {"summary": "Disk of a is full"})
    office.settle()
    assert grade(office) == P3
    office.alerts.fire(labels, {"summary": "Disk of a is full and pages"})
    office.settle()
    assert office.count() == 1
    assert grade(office) == P1
    assert len(raised(office)) == 1
    office.close()


def test_an_alert_that_becomes_better_lowers_where_the_configuration_says_so(tmp_path: Path) -> None:
    plugins = f"{{grouping: {{}}, severity: {{rules: [{RULE}]}}, measurement: {{}}}}"
    office = Office(tmp_path, "memory", plugins=plugins, signals="lower: true")
    office.settle(1)
    labels = {"alertname": "DiskFull", "service": "billing", "severity": "warning"}
    for words, expected in (("and pages", P1), ("again", P3), ("and pages", P1)):
        office.alerts.fire(labels, {"summary": f"Disk of a is full {words}"})
        office.settle()
        assert grade(office) == expected
    assert office.count() == 1
    office.close()


def test_what_a_person_took_down_stays_against_an_equal_alert_and_a_worse_one_raises_it(office: Office) -> None:
    fire(office, "a", "warning")
    office.settle()
    set_by_a_person(office, severity="low", priority="p5")
    fire(office, "b", "warning")
    office.settle()
    assert (grade(office)["severity"], grade(office)["priority"]) == ("low", "p5")
    fire(office, "c", "critical")
    office.settle()
    assert grade(office) == P1
    assert len(raised(office)) == 1


def test_what_a_person_raised_stays_against_a_lower_alert(office: Office) -> None:
    fire(office, "a", "info")
    office.settle()
    set_by_a_person(office, priority="p1")
    fire(office, "b", "warning")
    office.settle()
    assert (grade(office)["severity"], grade(office)["priority"]) == ("medium", "p1")


def test_a_critical_that_flaps_does_not_undo_what_a_person_decided_of_it(office: Office) -> None:
    fire(office, "a", "warning")
    flaps = fire(office, "b", "critical")
    office.settle()
    set_by_a_person(office, severity="low", priority="p4")
    for _ in range(2):
        office.alerts.resolve(flaps)
        office.settle(1)
        flaps = fire(office, "b", "critical")
        office.settle(1)
    assert grade(office)["priority"] == "p4"


@pytest.mark.parametrize("lower", [False, True])
def test_the_end_of_the_worst_lowers_only_where_the_configuration_says_so(office: Office, lower: bool) -> None:
    office.configure(lower=lower)
    fire(office, "a", "warning")
    worst = fire(office, "b", "critical")
    office.settle()
    office.alerts.resolve(worst)
    office.settle()
    assert grade(office) == (P3 if lower else P1)
    reasons = [entry["reason"] for entry in office.history()]
    assert ("lowered" in reasons) is lower
    fire(office, "c", "critical")
    office.settle()
    assert grade(office) == P1, "what came down goes up again"


def test_what_a_person_set_does_not_come_down(office: Office) -> None:
    office.configure(lower=True)
    fire(office, "a", "warning")
    worst = fire(office, "b", "critical")
    office.settle()
    set_by_a_person(office, priority="p2", severity="high")
    office.alerts.resolve(worst)
    office.settle()
    assert (grade(office)["severity"], grade(office)["priority"]) == ("high", "p2")


def test_a_critical_that_fires_again_raises_the_incident_that_its_group_has_by_then(office: Office) -> None:
    """Its source had forgotten it for a while; meanwhile the group's next alert opened another incident."""
    critical = fire(office, "a", "critical")
    office.settle()
    state = office.alerts.state
    [key] = [key for key in state.alerts if str(critical).startswith(key)]
    kept = state.alerts.pop(key)
    office.settle()
    assert office.incident().fields["status"] == "resolved"
    office.clock.advance(3600)
    fire(office, "b", "info")
    office.settle()
    assert office.count() == 2
    state.alerts[key] = kept
    office.settle()
    with office.engine.store.read() as connection:
        newest = explain.incidents(connection)[0][0]
    assert (newest.fields["status"], newest.fields["severity"], newest.fields["priority"]) == ("new", "critical", "p1")

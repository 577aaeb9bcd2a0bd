"""What an alert says of how bad it is: a word in any spelling is understood, one that nobody knows is told, and a pager
wakes people for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sync.office import ALERTS, Office

from tieline.sync import explain
from tieline.sync.alerts import unknown


def fire(office: Office, severity: str | None, name: str = "Down") -> None:
    said = {} if severity is None else {"severity": severity}
    office.alerts.fire({"alertname": name, "service": "shop", **said}, {"summary": "down"})


@pytest.mark.parametrize(
    ("word", "severity", "priority", "urgency"),
    [
        ("High", "high", "p2", "high"),
        ("FATAL", "critical", "p1", "high"),
        ("Emergency", "critical", "p1", "high"),
        ("disaster", "critical", "p1", "high"),
        ("error", "high", "p2", "high"),
        ("Warning", "medium", "p3", "medium"),
        ("none", "info", "p5", "low"),
    ],
)
def test_a_word_counts_whatever_its_case(office: Office, word: str, severity: str, priority: str, urgency: str) -> None:
    fire(office, word)
    office.settle()
    fields = office.incident().fields
    assert (fields["severity"], fields["priority"], fields["urgency"]) == (severity, priority, urgency)


@pytest.mark.parametrize("word", ["P1", "Sev-2", "1", "5", "purple", None])
def test_what_nobody_knows_stays_unknown_and_wakes_people(tmp_path: Path, word: str | None) -> None:
    office = Office(tmp_path, "pagerduty")
    office.settle(1)
    fire(office, word)
    office.settle()
    fields = office.incident().fields
    assert fields.get("severity") is None
    assert fields.get("priority") is None
    assert fields["urgency"] == "high"
    assert office.copy("pagerduty").observed["urgency"] == "high"
    office.close()


def test_the_urgency_of_what_nobody_knows_can_be_left_to_each_tool(tmp_path: Path) -> None:
    office = Office(tmp_path, "memory", signals="unknown_urgency: null")
    fire(office, "P1")
    office.settle()
    assert office.incident().fields.get("urgency") is None
    office.close()


def test_an_installation_adds_words_of_its_own(tmp_path: Path) -> None:
    office = Office(tmp_path, "memory", signals="severity_words: {P1: critical, sev-2: high, 3: medium}")
    for word, severity in (("p1", "critical"), ("SEV_2", "high"), ("3", "medium"), ("warning", "medium")):
        fire(office, word, name=f"Down{word}")
        office.settle(1)
        with office.engine.store.read() as connection:
            newest, _copies = explain.incidents(connection)[0]
        assert newest.fields["severity"] == severity
    office.close()


def test_a_word_that_nobody_knows_is_told_in_status_and_at_the_incident(office: Office) -> None:
    fire(office, "P1")
    office.settle()
    item = office.incident()
    with office.engine.store.read() as connection:
        status = explain.status(connection, office.clock.now())
        why = explain.why(connection, item, "severity")
        of_it = unknown.firing_of(connection, [item.id])[item.id]
    assert status["severity_unknown"] == 1
    [said] = status["connections"][ALERTS]["severity_unknown"]
    assert (said["word"], said["alerts"]) == ("P1", 1)
    assert "severity_words" in said["sentence"]
    assert why.unknown == (of_it[0].sentence,)
    assert [(step.kind, step.before) for step in why.steps] == [("unknown", "P1")]


def test_an_alert_without_a_word_is_told_as_such(office: Office) -> None:
    fire(office, None)
    office.settle()
    with office.engine.store.read() as connection:
        [said] = unknown.firing(connection)
    assert said.word == ""
    assert "nothing says how bad it is" in said.sentence


def test_one_that_joins_an_incident_of_known_severity_is_told_as_well(office: Office) -> None:
    fire(office, "warning")
    office.settle(1)
    fire(office, "P1")
    office.settle(1)
    assert office.incident().fields["severity"] == "medium"
    with office.engine.store.read() as connection:
        [said] = unknown.firing_of(connection, [office.incident().id])[office.incident().id]
    assert said.word == "P1"


def test_what_a_rule_judges_is_not_unknown(tmp_path: Path) -> None:
    rules = "{grouping: {}, severity: {rules: [{when: 'labels.severity == \"P1\"', severity: critical}]}}"
    office = Office(tmp_path, "memory", plugins=rules)
    fire(office, "P1")
    office.settle()
    assert office.incident().fields["priority"] == "p1"
    with office.engine.store.read() as connection:
        assert unknown.firing(connection) == ()
    office.close()


def test_what_has_ended_is_not_told_any_more(office: Office) -> None:
    fire(office, "P1")
    office.settle(1)
    office.alerts.resolve(next(iter(office.engine.connections[ALERTS].source.changes(None))).readings[0].ref)
    office.settle(2)
    with office.engine.store.read() as connection:
        assert unknown.firing(connection) == ()


def test_words_are_counted_and_a_few_of_them_shown(office: Office) -> None:
    for number in range(8):
        fire(office, f"level {number} of ours", name=f"Down{number}")
    fire(office, "level 7 of ours", name="Up")
    fire(office, "critical", name="Known")
    office.settle()
    with office.engine.store.read() as connection:
        status = explain.status(connection, office.clock.now())
    assert status["severity_unknown"] == 9
    shown = status["connections"][ALERTS]["severity_unknown"]
    assert len(shown) == explain.MOST_WORDS
    assert (shown[0]["word"], shown[0]["alerts"]) == ("level 7 of ours", 2)


def test_what_a_source_may_raise_is_judged_beforehand_by_the_road_itself(office: Office) -> None:
    here = office.engine.connections[ALERTS]
    bodies = [{"labels": {"alertname": "A", "severity": word}} for word in ("High", "P1", "P1")]
    found = unknown.foreseen(office.engine, here, [*bodies, {"labels": {"alertname": "B"}}])
    assert [(one.word, one.alerts) for one in found] == [("P1", 2), ("", 1)]


@pytest.mark.parametrize("word", ["P1", None])
def test_a_forms_defaults_do_not_stand_in_for_what_nobody_knows(tmp_path: Path, word: str | None) -> None:
    """ServiceNow's form has an impact and an urgency of its own, and computes a priority from them."""
    office = Office(tmp_path, "servicenow", "pagerduty")
    office.settle(1)
    fire(office, word)
    office.settle()
    fields = office.incident().fields
    assert (fields.get("severity"), fields.get("priority"), fields["urgency"]) == (None, None, "high")
    pager = office.copy("pagerduty").observed
    assert (pager.get("priority"), pager["urgency"]) == (None, "high")
    office.close()


def test_a_known_word_reaches_every_tool(tmp_path: Path) -> None:
    office = Office(tmp_path, "servicenow", "pagerduty")
    office.settle(1)
    fire(office, "High")
    office.settle()
    fields = office.incident().fields
    assert (fields["severity"], fields["priority"], fields["urgency"]) == ("high", "p2", "high")
    pager = office.copy("pagerduty").observed
    assert (pager["priority"], pager["urgency"]) == ("p2", "high")
    office.close()


def test_one_that_nobody_knows_wakes_people_though_it_joins_a_calm_incident(tmp_path: Path) -> None:
    office = Office(tmp_path, "pagerduty")
    office.settle(1)
    fire(office, "info")
    office.settle()
    assert office.copy("pagerduty").observed["urgency"] == "low"
    fire(office, "P1")
    office.settle()
    assert office.count() == 1
    assert office.incident().fields["severity"] == "info"
    assert office.copy("pagerduty").observed["urgency"] == "high"
    office.close()

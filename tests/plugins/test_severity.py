"""Severity: how bad an alert's incident is, and in which order it is worked on."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.core.model import ConnectionName, Fields, Priority, Signal
from tieline.mappings import load
from tieline.plugins.severity.plugin import Classifier, Settings


def classify(fields: Fields, labels: dict[str, str] | None = None, **settings: Any) -> Fields | None:
    signal = Signal(ConnectionName("prom"), "e", fields, labels or {})
    return Classifier(Settings.model_validate(settings)).tieline_classify(signal, fields)


@pytest.mark.parametrize(
    ("severity", "priority", "impact", "urgency"),
    [
        ("critical", "p1", "high", "high"),
        ("high", "p2", "medium", "high"),
        ("medium", "p3", "medium", "medium"),
        ("low", "p4", "medium", "low"),
        ("info", "p5", "low", "low"),
    ],
)
def test_the_severity_that_the_mapping_read_gives_the_priority(
    severity: str, priority: str, impact: str, urgency: str
) -> None:
    found = {"severity": severity, "priority": priority, "impact": impact, "urgency": urgency}
    assert classify({"severity": severity}) == found


@pytest.mark.parametrize("priority", list(Priority))
def test_impact_and_urgency_are_those_that_servicenow_computes_the_priority_from(priority: Priority) -> None:
    found = classify({}, rules=({"when": "true", "priority": priority},))
    assert found is not None
    snow = load("servicenow-incident")
    body = snow.denormalize({"priority": priority.value}, {}).body
    assert snow.normalize(body).fields == {"impact": found["impact"], "urgency": found["urgency"]}


def test_what_the_mapping_could_not_read_stays_unknown() -> None:
    assert classify({}, {"severity": "critical"}) is None, "words are the mapping's matter, by one table"
    assert classify({}) is None
    assert classify({"severity": None}) is None


def test_the_first_rule_that_holds_decides() -> None:
    rules = (
        {"when": "labels.team == 'payments' && severity == 'high'", "severity": "critical", "priority": "p1"},
        {"when": "title.contains('disk')", "priority": "p5"},
        {"when": "true", "severity": "info"},
    )
    assert classify({"severity": "high", "title": "disk"}, {"team": "payments"}, rules=rules) == {
        "severity": "critical",
        "priority": "p1",
        "impact": "high",
        "urgency": "high",
    }
    low = {"priority": "p5", "impact": "low", "urgency": "low"}
    assert classify({"severity": "high", "title": "disk"}, rules=rules) == {"severity": "high", **low}
    assert classify({"title": "memory"}, rules=rules) == {"severity": "info", **low}


def test_rules_see_tags_and_the_source() -> None:
    rules = ({"when": "source == 'prom' && tags.exists(tag, tag == 'env=prod')", "severity": "high"},)
    found = {"severity": "high", "priority": "p2", "impact": "medium", "urgency": "high"}
    assert classify({"tags": ("env=prod",)}, rules=rules) == found
    assert classify({"tags": ("env=test",)}, rules=rules) is None
    assert classify({}, rules=rules) is None


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("labels.team = 'x'", "rule 1"),
        ("lables.team == 'x'", "did you mean 'labels'?"),
        ("title.matches('(')", "regular expression"),
        ("title", "yes or no"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_at_start(when: str, words: str) -> None:
    with pytest.raises(ValueError, match="rule 1") as caught:
        Classifier(Settings.model_validate({"rules": [{"when": when}]}))
    assert words in str(caught.value)


def test_an_alert_that_a_rule_cannot_take_goes_on_to_the_next() -> None:
    rules = ({"when": "tags.exists(t, t == 'x')", "severity": "low"}, {"when": "true", "severity": "high"})
    found = classify({"tags": tuple(str(number) for number in range(300))}, rules=rules)
    assert found == {"severity": "high", "priority": "p2", "impact": "medium", "urgency": "high"}

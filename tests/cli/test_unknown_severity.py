"""What nobody knows the severity of is said wherever people look: `check`, `status`, `incidents` and `why`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_commands import run
from tests.sync.office import Office


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """One incident from an alert that calls itself P1."""
    office = Office(tmp_path, "memory")
    office.settle(1)
    office.alerts.fire({"alertname": "Down", "service": "shop", "severity": "P1"}, {"summary": "down"})
    office.settle()
    office.close()
    return tmp_path


def test_status_says_which_word_and_what_to_do(workspace: Path) -> None:
    code, output = run("status", workspace=workspace)
    assert code == 1, "no daemon works there"
    assert "severity unknown" in output
    said = json.loads(run("status", "--json", workspace=workspace)[1])
    [one] = said["connections"]["alerts"]["severity_unknown"]
    assert (one["word"], one["alerts"]) == ("P1", 1)
    assert "severity_words" in one["sentence"]


def test_the_incident_says_so(workspace: Path) -> None:
    assert "unknown" in run("incidents", workspace=workspace)[1]
    _code, output = run("incidents", "INC-1", workspace=workspace)
    assert "severity not known: 1 alert of alerts: 'P1' is a rank" in output
    [one] = json.loads(run("incidents", "--json", workspace=workspace)[1])["items"]
    assert "'P1' is a rank" in one["severity_unknown"][0]


def test_why_says_so(workspace: Path) -> None:
    _code, output = run("why", "INC-1", "severity", workspace=workspace)
    assert "not known: 1 alert of alerts: 'P1' is a rank" in output
    found = json.loads(run("why", "INC-1", "severity", "--json", workspace=workspace)[1])
    assert [(step["what"], step["before"], step["reason"]) for step in found["steps"]] == [
        ("unknown", "P1", "no_meaning")
    ]

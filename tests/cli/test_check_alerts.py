"""What `tieline check` says of alerts before any has come: how they are grouped, and what nobody would understand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_commands import run

from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.prometheus.simulator import PrometheusSimulator
from tieline.core.config import load_text
from tieline.core.errors import ConfigError
from tieline.core.store.store import Store


@pytest.fixture
def am() -> Iterator[tuple[AlertmanagerSimulator, str]]:
    simulator = AlertmanagerSimulator()
    with simulator.serve() as address:
        yield simulator, address


def check(folder: Path, connection: str, plugins: str = "[grouping, severity]", extra: str = "") -> tuple[int, Any]:
    (folder / "tieline.yaml").write_text(
        f"tieline: 1\nplugins: {plugins}\n{extra}\nconnections:\n  alerts: {{{connection}}}\n", encoding="utf-8"
    )
    code, output = run("check", "--json", workspace=folder)
    [found] = json.loads(output)
    return code, found


def test_the_grouping_key_in_force_is_said(am: tuple[AlertmanagerSimulator, str], tmp_path: Path) -> None:
    where = f"tool: alertmanager, url: '{am[1]}'"
    _code, found = check(tmp_path, where)
    assert any("agree on alertname, service, job share an incident" in note for note in found["notes"])
    _code, found = check(tmp_path, where, "{grouping: {by: [team], apart: []}}")
    assert "Alerts that agree on team share an incident." in found["notes"]
    _code, found = check(tmp_path, where, "[severity]")
    assert any("No plugin groups alerts" in note for note in found["notes"])


def test_the_key_is_said_of_a_source_that_is_away_as_well(tmp_path: Path) -> None:
    code, found = check(tmp_path, "tool: alertmanager, url: 'http://127.0.0.1:9'")
    assert code == 1
    assert any("share an incident" in note for note in found["notes"])


def test_what_fires_with_a_word_that_nobody_knows_is_said(
    am: tuple[AlertmanagerSimulator, str], tmp_path: Path
) -> None:
    simulator, address = am
    for number, word in enumerate(("P1", "P1", "Critical", "warning")):
        simulator.fire({"alertname": "Down", "instance": f"db{number}", "severity": word})
    code, found = check(tmp_path, f"tool: alertmanager, url: '{address}'")
    assert (code, found["works"]) == (0, True)
    assert any(note.startswith("2 alerts of alerts: 'P1' is a rank") for note in found["notes"])
    words = "signals: {severity_words: {P1: critical}}"
    _code, found = check(tmp_path, f"tool: alertmanager, url: '{address}'", extra=words)
    assert not any("rank" in note for note in found["notes"])


def test_what_fires_and_cannot_be_understood_is_said(am: tuple[AlertmanagerSimulator, str], tmp_path: Path) -> None:
    simulator, address = am
    simulator.fire({"alertname": "Whole", "severity": "critical"})
    episode = simulator.fire({"alertname": "Odd", "severity": "critical"})
    simulator.state.alerts[episode.fingerprint].odd = {"startsAt": None}
    code, found = check(tmp_path, f"tool: alertmanager, url: '{address}'")
    assert code == 0
    assert any("1 of 2 alerts there cannot be understood" in note and "Odd" in note for note in found["notes"])


def test_what_rules_would_raise_with_a_word_that_nobody_knows_is_said(tmp_path: Path) -> None:
    simulator = PrometheusSimulator()
    simulator.rules = {"Down": {"severity": "sev-2"}, "Up": {"severity": "info"}}
    with simulator.serve() as address:
        _code, found = check(tmp_path, f"tool: prometheus, url: '{address}'")
    assert any("'sev-2' is a rank" in note for note in found["notes"])


def test_a_source_without_an_address_works_and_says_what_it_cannot_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIELINE_TEST_HOOK", "a token")
    code, found = check(tmp_path, "tool: alertmanager, webhook_token: {env: TIELINE_TEST_HOOK}")
    assert (code, found["works"]) == (0, True)
    assert any("only webhooks tell of alerts" in note for note in found["notes"])
    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store:
        store.migrate()
    _code, output = run("status", "--json", workspace=tmp_path)
    [risk] = json.loads(output)["connections"]["alerts"]["risks"]
    assert "cannot silence" in risk


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("tool: alertmanager", "give `url` to poll it"),
        ("tool: alertmanager, webhook_token: {env: T}, bearer_token: {env: T}", "are for polling"),
    ],
)
def test_a_source_that_is_neither_asked_nor_heard_is_refused(settings: str, words: str) -> None:
    text = f"tieline: 1\nconnections:\n  alerts: {{{settings}}}\n"
    with pytest.raises(ConfigError, match=words):
        load_text(text, Path("tieline.yaml"))


def test_a_new_workspace_asks_for_the_address(tmp_path: Path) -> None:
    assert run("init", "--tool", "alertmanager", workspace=tmp_path)[0] == 0
    text = (tmp_path / "tieline.yaml").read_text(encoding="utf-8")
    assert "\n    url: https://alertmanager.example.com\n" in text

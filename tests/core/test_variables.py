"""Variables in the configuration: expanded in values, never a way to show a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.core.config import Config, load_text
from tieline.core.errors import ConfigError, Problem
from tieline.core.model import ConnectionName
from tieline.core.secrets import Secret
from tieline.core.settings import Findings
from tieline.core.variables import expanded
from tieline.core.yaml import load_yaml

FILE = Path("/nowhere/tieline.yaml")
PAGER = """\
tieline: 1
poll_every: ${EVERY}
connections:
  pager:
    tool: pagerduty
    url: https://${HOST}
    api_key: {env: KEY}
    from_email: tieline@${DOMAIN}
    service: PIJ90N7
    watch: [P1, "${SERVICE}"]
    calls_per_minute: ${CALLS}
"""
ALL = {"EVERY": "7s", "HOST": "api.eu.pagerduty.com", "DOMAIN": "example.org", "SERVICE": "P2", "CALLS": "50"}


def load(monkeypatch: pytest.MonkeyPatch, text: str, **variables: str) -> Config:
    for name in ALL:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_text(text, FILE)[0]


def problems(monkeypatch: pytest.MonkeyPatch, text: str, **variables: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(monkeypatch, text, **variables)
    return list(caught.value.problems)


def plain(text: str, **variables: str) -> object:
    findings = Findings("tieline.yaml")
    found = expanded(load_yaml(text, "tieline.yaml"), variables, findings).plain()
    return [(one.line, one.column, one.what) for one in findings.problems] or found


def test_variables_stand_for_their_values_in_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(monkeypatch, PAGER, **ALL)
    pager = config.connections[ConnectionName("pager")]
    settings = pager.settings.model_dump()
    assert (settings["url"], settings["from_email"]) == ("https://api.eu.pagerduty.com", "tieline@example.org")
    assert settings["watch"] == ("P1", "P2")
    assert (pager.calls_per_minute, config.poll_every.total_seconds()) == (50, 7)


def test_what_is_missing_is_told_at_its_line_and_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems(monkeypatch, PAGER, **{**ALL, "DOMAIN": ""} | {"CALLS": "50"})
    assert [(one.line, one.code, one.what) for one in found if one.code == "CFG023"] == [
        (8, "CFG023", "the environment variable DOMAIN is empty.")
    ]
    found = problems(monkeypatch, PAGER)
    assert [(one.line, one.column) for one in found if one.code == "CFG023"] == [
        (2, 13),
        (6, 10),
        (8, 17),
        (10, 17),
        (11, 23),
    ]
    assert "EVERY is not set" in found[0].what and "export it" in found[0].fix


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a: $${X}", {"a": "${X}"}),
        ("a: x$${X}-${X}", {"a": "x${X}-1"}),
        ("a: $X $ {X} }", {"a": "$X $ {X} }"}),
        ("a: '5 $$'", {"a": "5 $$"}),
        ("a: ${X}${X}", {"a": "11"}),
        ("a: ${NESTED}", {"a": "${X}"}),
        ("a: ${LIST}", {"a": "[1, {b: 2}]"}),
        ("${X}: 1", {"${X}": 1}),
        ("a: {env: '${X}'}", {"a": {"env": "${X}"}}),
        ("a: {file: '/run/${X}'}", {"a": {"file": "/run/${X}"}}),
        ("a: {keyring: '${X}/y'}", {"a": {"keyring": "${X}/y"}}),
        ("a: 1", {"a": 1}),
        ("a: ${X", [(1, 4, "`${` begins no variable here.")]),
        ("a: ${}", [(1, 4, "`${` begins no variable here.")]),
        ("a: ${X:-2}", [(1, 4, "`${` begins no variable here.")]),
        ("b: 1\na:\n  - ${Y}", [(3, 5, "the environment variable Y is not set.")]),
    ],
)
def test_an_escape_stands_for_itself_and_nothing_is_expanded_twice(text: str, meant: object) -> None:
    assert plain(text, X="1", NESTED="${X}", LIST="[1, {b: 2}]") == meant


def test_a_secret_by_variable_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    value = "a-key-that-nobody-may-see"
    found = problems(monkeypatch, PAGER.replace("{env: KEY}", "${KEY}"), **ALL, KEY=value)
    assert [(one.code, one.line) for one in found] == [("CFG006", 7)]
    assert "write a reference" in found[0].what and value not in str(found[0])


def test_a_password_in_an_address_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "tieline: 1\nstore: postgresql://u:${PASSWORD}@db/tieline\n"
    found = problems(monkeypatch, text, PASSWORD="a-password-of-the-store")
    assert [(one.code, one.line) for one in found] == [("CFG006", 2)]
    assert "a-password-of-the-store" not in str(found[0])


def test_a_reference_is_looked_up_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(monkeypatch, PAGER, **ALL)
    assert config.connections[ConnectionName("pager")].settings.model_dump()["api_key"] in (
        "env:KEY",
        Secret("env", "KEY"),
    )

"""`tieline init` asks: again after a typo, and for where a secret is rather than for the secret."""

import itertools
import re

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from tieline.cli.main import cli
from tieline.core.config import load_text
from tieline.core.registry import Registry
from tieline.core.secrets import secrets_in
from tieline.core.yaml import Node

TOOLS = ("servicenow", "jira", "pagerduty", "alertmanager", "prometheus", "memory")


def filled_in(text):
    """The file with what a person writes in place of what wants to be replaced."""
    return text.replace("change-me", "acme1")


def leaves(settings):
    """What stands in settings that is no default, by its path."""
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from ((f"{name}.{inner}", one) for inner, one in leaves(value))
        else:
            yield name, value


def answered(folder, *answers):
    """What `init` says to these answers, and the file that it wrote."""
    result = CliRunner().invoke(cli, ["-w", str(folder), "init"], input="\n".join([*answers, ""]))
    file = folder / "tieline.yaml"
    return result, file.read_text(encoding="utf-8") if file.exists() else ""


def test_a_typo_is_asked_about_again(tmp_path):
    result, text = answered(tmp_path, "servicenwo", " ", "servicenow", *[""] * 9)
    assert result.exit_code == 0, result.output
    assert "no adapter speaks to 'servicenwo'; did you mean 'servicenow'?" in result.output
    assert "tool: servicenow" in text


def test_a_secret_is_refused_and_neither_repeated_nor_written(tmp_path):
    result, text = answered(
        tmp_path, "servicenow", "password", "hunter2", "env:hunter 2", "file:here", "env:SNOW_PASSWORD", *[""] * 9
    )
    assert result.exit_code == 0, result.output
    assert result.output.count("that is no reference") == 3
    # The terminal shows what is typed there; nothing of ours says it again.
    assert "hunter2" not in text
    assert "password: {env: SNOW_PASSWORD}" in text


@pytest.mark.parametrize(
    ("tool", "variables"),
    [
        ("servicenow", ["SERVICENOW_PASSWORD"]),
        ("jira", ["JIRA_API_TOKEN"]),
        ("jira-jsm", ["JIRA_JSM_API_TOKEN"]),
        ("jira-dc", ["JIRA_DC_PAT"]),
        ("pagerduty", ["PAGERDUTY_API_KEY"]),
        ("alertmanager", []),
        ("memory", []),
    ],
)
def test_a_workspace_begins_with_credentials_and_says_which_variables_to_set(tmp_path, tool, variables):
    result = CliRunner().invoke(cli, ["-w", str(tmp_path), "init", "--tool", tool])
    text = filled_in((tmp_path / "tieline.yaml").read_text(encoding="utf-8"))
    asked = f", set {', '.join(variables)} in the environment" if variables else ""
    left = " and each change-me" if tool in ("servicenow", "jira", "jira-jsm", "jira-dc", "pagerduty") else ""
    assert f"Fill in addresses{left}{asked}, then: tieline check" in " ".join(result.output.split())
    assert re.findall(r"^ +\w+: \{env: (\w+)\}", text, re.MULTILINE) == variables
    (connection,) = load_text(text, tmp_path / "tieline.yaml")[0].connections.values()
    assert connection.tool == tool


def test_only_what_the_chosen_way_needs_is_asked_for_and_filled_in(tmp_path):
    result, text = answered(tmp_path, "jira", "pat", "env:PAT", "none")
    assert result.exit_code == 0, result.output
    assert "jira: How does Tieline log in?" in result.output and "jira api_token" not in result.output
    assert "    pat: {env: PAT}" in text and "    # api_token: null" in text and "    # email: null" in text
    assert "set PAT in the environment" in result.output


def test_a_way_that_is_not_there_is_asked_about_again(tmp_path):
    result, text = answered(tmp_path, "jira", "tokn", "basic", "token", "env:T", "none")
    assert result.exit_code == 0, result.output
    assert "'tokn' is none of these; did you mean 'token'?" in result.output
    assert "'basic' is none of these; there are token, pat, oauth, consent" in result.output
    assert "api_token: {env: T}" in text


def test_a_secret_that_the_way_needs_cannot_be_left_out(tmp_path):
    result, text = answered(tmp_path, "servicenow", "password", "none", "env:SNOW", "none")
    assert result.exit_code == 0, result.output
    assert "servicenow needs password to log in; say where it will be" in result.output
    assert "password: {env: SNOW}" in text


def test_a_secret_that_is_replaced_where_it_is_is_in_no_variable(tmp_path):
    result, text = answered(tmp_path, "servicenow", "refresh", "env:C", "env:R", "file:/run/r", "none")
    assert result.exit_code == 0, result.output
    assert "it must be file:/path or keyring:service/name" in result.output
    assert 'refresh_token: {file: "/run/r"}' in text and "grant: refresh_token" in text


def combinations():
    """Every way to fill in every shipped tool."""
    registry = Registry.load({tool: Node({}, 1, 1) for tool in TOOLS})
    for tool, kind in sorted(registry.adapters.items()):
        for ways in itertools.product(*(choice.ways for choice in kind.settings.choices)):
            yield pytest.param(tool, ways, id="-".join([tool, *(way.word for way in ways)]))


@pytest.mark.parametrize(("tool", "ways"), list(combinations()))
def test_whichever_way_is_chosen_the_file_lacks_only_what_was_never_asked(tmp_path, tool, ways):
    result, text = answered(tmp_path, tool, *[way.word for way in ways], *[""] * 9)
    assert result.exit_code == 0, result.output
    (connection,) = load_text(filled_in(text), tmp_path / "tieline.yaml")[0].connections.values()
    secrets = {path for path, _secret in secrets_in(connection.settings)}
    for way in ways:
        assert way.paths <= {path for path, _value in leaves(connection.settings)}, way
    asked = set(re.findall(rf"(?<!\S){tool} (\S+) \[(?:env|keyring):", result.output))
    assert asked == {path.removesuffix("[0]") for path in secrets}


@pytest.mark.parametrize("answers", [["servicenow", "password", "hunter2"], ["servicenow"], []])
def test_answers_that_end_are_told_so_and_there_is_no_file(tmp_path, answers):
    result, text = answered(tmp_path, *answers)
    assert result.exit_code == 2
    assert "the answers ended before every question had one, and nothing was written." in result.output
    assert "tieline init --tool servicenow" in result.output
    assert text == ""


@pytest.mark.parametrize("tool", ["servicenow", "jira", "pagerduty", "alertmanager", "prometheus"])
def test_the_references_that_were_said_stand_where_the_daemon_reads_them(tmp_path, tool):
    ways = {"alertmanager": ["password", "token"], "prometheus": ["bearer"]}.get(tool, [""])
    options = {"pagerduty": 3, "prometheus": 1}.get(tool, 2)
    result, text = answered(tmp_path, tool, *ways, *[f"file:/run/secrets/{number}" for number in range(options)])
    assert result.exit_code == 0, result.output
    for number in range(options):
        assert f'{{file: "/run/secrets/{number}"}}' in text
    assert load_text(filled_in(text), tmp_path / "tieline.yaml")[0].connections

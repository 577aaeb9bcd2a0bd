"""`tieline init` asks: again after a typo, and for where a secret is rather than for the secret."""

import re

import pytest
from click.testing import CliRunner

from tieline.cli.main import cli
from tieline.core.config import load_text


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
        tmp_path, "servicenow", "hunter2", "env:hunter 2", "file:here", "env:SNOW_PASSWORD", *[""] * 9
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
    text = (tmp_path / "tieline.yaml").read_text(encoding="utf-8").replace("service: change-me", "service: PIJ90N7")
    asked = f", set {', '.join(variables)} in the environment" if variables else ""
    assert f"Fill in addresses{asked}, then: tieline check" in " ".join(result.output.split())
    assert re.findall(r"^ +\w+: \{env: (\w+)\}", text, re.MULTILINE) == variables
    (connection,) = load_text(text, tmp_path / "tieline.yaml")[0].connections.values()
    assert connection.tool == tool


def test_a_credential_that_was_not_named_is_a_comment(tmp_path):
    answers = {"api_token": "none", "pat": "env:PAT", "webhook_secret": "none"}
    result, text = answered(tmp_path, "jira", *answers.values())
    assert result.exit_code == 0, result.output
    assert "    pat: {env: PAT}" in text and "    # api_token: null" in text
    assert "set PAT in the environment" in result.output
    assert load_text(text, tmp_path / "tieline.yaml")[0].connections


def test_without_an_answer_there_is_no_file(tmp_path):
    result, text = answered(tmp_path, "servicenow", "hunter2")
    assert result.exit_code != 0
    assert text == ""


@pytest.mark.parametrize("tool", ["servicenow", "jira", "pagerduty", "alertmanager", "prometheus"])
def test_the_references_that_were_said_stand_where_the_daemon_reads_them(tmp_path, tool):
    options = {"jira": 3, "alertmanager": 4, "pagerduty": 3}.get(tool, 2)
    result, text = answered(tmp_path, tool, *[f"file:/run/secrets/{number}" for number in range(options)])
    assert result.exit_code == 0, result.output
    for number in range(options):
        assert f'{{file: "/run/secrets/{number}"}}' in text
    if tool == "pagerduty":
        text = text.replace("service: change-me", "service: PIJ90N7")
        assert load_text(text, tmp_path / "tieline.yaml")[0].connections

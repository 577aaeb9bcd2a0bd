"""T20: a secret that everyone on the machine can read is refused at the start, and a new one needs no restart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.threats.conftest import Tally, cases
from tests.threats.receivers import Listening, genuine

from tieline.core.config import load_workspace
from tieline.core.errors import ConfigError

LINES = {
    "a webhook secret": "tool: memory, webhook_secret: {{file: '{file}'}}",
    "a password": "tool: servicenow, url: 'https://x.example.com', username: u, password: {{file: '{file}'}}",
    "one of a list": "tool: pagerduty, api_key: {{env: HOME}}, from_email: a@b.example, service: P1, "
    "webhook_secrets: [{{env: HOME}}, {{file: '{file}'}}]",
    "one inside another": "tool: servicenow, url: 'https://x.example.com', username: u, password: {{env: HOME}}, "
    "oauth: {{client_id: x, client_secret: {{file: '{file}'}}}}",
}


@pytest.mark.parametrize("where", LINES)
@pytest.mark.parametrize("mode", [0o644, 0o666, 0o604, 0o602, 0o777])
def test_the_start_is_refused_while_everyone_can_read_a_secret(
    tmp_path: Path, where: str, mode: int, tally: Tally
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary-at-rest", encoding="utf-8")
    file = tmp_path / "tieline.yaml"
    line = LINES[where].format(file=secret)
    file.write_text(f"tieline: 1\nconnections:\n  left: {{{line}}}\n", encoding="utf-8")
    secret.chmod(mode)
    with pytest.raises(ConfigError, match=r"CFG006.*can be read by everyone.*chmod 600") as caught:
        load_workspace(file)
    secret.chmod(0o600)
    _config, registry = load_workspace(file)
    registry.close()
    tally(1, ["canary"] if "canary-at-rest" in str(caught.value) else [])


def test_secrets_are_exchanged_under_load_and_no_delivery_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    """The sender signs with the new secret as soon as it has it; both sides change, nobody restarts."""
    listening = Listening(tmp_path)
    lost: list[int] = []
    played = 0
    try:
        for number in range(cases(60, 10_000)):
            if number % 10 == 9:
                secret = f"the-webhook-secret-number-{number}"
                monkeypatch.setenv("THREAT_SECRET", secret)
                monkeypatch.setattr("tests.threats.receivers.SECRET", secret)
                if number % 20 == 19:
                    assert listening.daemon.reload()
            one = next(each for each in genuine(listening.now(), f"t20-{number}") if each.connection == "jira")
            played += 1
            status = listening.deliver(one)
            lost += [status] if status != 202 else []
    finally:
        listening.close()
        os.environ.pop("THREAT_SECRET", None)
    tally(played, lost)

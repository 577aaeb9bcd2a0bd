"""T10: no secret shows: not in a message, a log, a traceback, the store, the metrics, or what any command prints."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from itertools import product
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from tests.daemon.conftest import eventually
from tests.threats.canaries import BY_TOKEN, PASSWORD, TOOLS, Asked, connect, reply, serving, store_files
from tests.threats.conftest import Tally, cases
from tests.threats.test_t09_request_forgery import everything

from tieline.cli.logs import clean, visible
from tieline.core.errors import NeedsOperator
from tieline.core.redaction import conceal, redacted
from tieline.core.secrets import Secret

MARK = "canary-Pa55word"
TOKEN = "canary-T0ken-that-was-sold"


def forms(secret: str) -> list[str]:
    """How a secret may look when it slips out; Basic's pairs by the part that does not depend on the user's name."""
    encoded = [base64.b64encode((" " * pad + secret).encode()).decode()[4 if pad else 0 : -4] for pad in range(3)]
    return [secret, quote(secret, safe=""), *encoded]


def shown(text: str, *secrets: str) -> list[str]:
    return [form for secret in secrets for form in forms(secret) if form in text]


def sells(handler: BaseHTTPRequestHandler) -> bool:
    """Answers where tokens are bought, with tokens that must not show either."""
    if "oauth" not in handler.path:
        return False
    given = {"access_token": TOKEN, "refresh_token": f"{TOKEN}-next", "expires_in": 3600}
    reply(handler, 200, {}, json.dumps(given).encode())
    return True


def parrot(status: int, tokens: bool, handler: Asked) -> None:
    """A tool, or a proxy in front of it, that quotes in its refusal what it was sent."""
    if tokens and sells(handler):
        return
    sent = {name.lower(): value for name, value in handler.headers.items()}
    words = f"the header Authorization: {sent.get('authorization')} ({PASSWORD}) was not understood: {handler.sent}"
    body = {
        "error": {"message": words, "detail": words, "errors": [words], "code": 2006},
        "errorMessages": [words],
        "errors": {"header": words},
        "message": words,
        "status": "error" if status != 200 else "success",
        "errorType": words,
        "warnings": [words],
    }
    reply(
        handler, status, {"x-echo": sent.get("authorization", ""), "ratelimit-reason": words}, json.dumps(body).encode()
    )


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_that_quotes_our_credentials_is_not_quoted(
    name: str, caplog: pytest.LogCaptureFixture, tally: Tally
) -> None:
    caplog.set_level(logging.DEBUG, "tieline")
    escaped: list[str] = []
    played = 0
    with serving() as tool:
        statuses = (200, 301, 400, 401, 402, 403, 404, 409, 412, 413, 422, 429, 500, 502, 503)
        for status, tokens in product(statuses, (False, True) if name in BY_TOKEN else (False,)):
            tool.answer = partial(parrot, status, tokens)
            source = connect(name, tool.url)
            for call in everything(source):
                played += 1
                try:
                    call()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is searched
                    told = "".join(traceback.format_exception(error)) + repr(error) + str(error.__dict__)
                    escaped += [f"{status}: {form}" for form in shown(told, PASSWORD, TOKEN)]
            assert bool(tool.credentials) and (not tokens or f"Bearer {TOKEN}" in tool.credentials)
            escaped += shown(repr(source) + str(vars(source)), PASSWORD, TOKEN)
    own = "".join(record.getMessage() for record in caplog.records if record.name.startswith("tieline"))
    escaped += shown(own, PASSWORD, TOKEN)
    assert tool.seen
    tally(played, sorted(set(escaped)))


@pytest.mark.parametrize("name", TOOLS)
def test_a_connection_that_fails_shows_nothing(name: str, tally: Tally) -> None:
    """Refused, and broken off in the middle."""

    def reset(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    escaped: list[str] = []
    played = 0
    with serving() as tool:
        tool.answer = reset
        for url in (tool.url, "http://127.0.0.1:9"):
            for call in everything(connect(name, url)):
                played += 1
                try:
                    call()
                except Exception as error:  # noqa: BLE001 - whatever it is, it is searched
                    escaped += shown("".join(traceback.format_exception(error)), PASSWORD)
    tally(played, sorted(set(escaped)))


NASTY = [
    "quote\"in'it",
    "back\\slash",
    "naïve-pässword",
    "per%cent+plus&amp",
    "{braces}$dollar",
    "tab\tinside",
    "a" * 300,
]


@pytest.mark.parametrize("secret", NASTY)
def test_a_secret_is_hidden_in_every_form_in_which_it_comes_back(secret: str) -> None:
    conceal(secret)
    encoded = base64.b64encode(secret.encode()).decode()
    for form in (secret, quote(secret, safe=""), json.dumps(secret), json.dumps(secret, ensure_ascii=False), encoded):
        words = redacted(f"refused {form}!")
        assert secret not in words
        assert encoded.rstrip("=") not in words
        assert "refused" in words


def test_what_the_log_prints_is_clean(tally: Tally) -> None:
    secret = Secret.literal(PASSWORD).reveal()
    hostile = [
        "\x1b[2J\x1b]0;owned\x07",
        "\x9b31m",
        "line\nforged log line",
        "\u202egnp.exe",
        "\r overwritten",
        "\x08" * 10,
    ]
    escaped: list[str] = []
    for words in hostile:
        event = {
            "event": words,
            "nested": {words: [words, {"deep": f"{words}{secret}"}]},
            "error": ValueError(secret + words),
        }
        told = clean(None, "info", dict(event))
        text = str(told)
        escaped += [words for char in words if not char.isprintable() and char in repr(told).encode().decode()]
        escaped += shown(text, PASSWORD)
    assert visible("a\nb", lines=True) == "a\nb"
    tally(len(hostile), escaped)


WORKSPACE = """\
tieline: 1
server: {{listen: '127.0.0.1:0'}}
poll_every: 1s
stop_within: 5s
connections:
  snow: {{tool: servicenow, url: '{url}', username: u, password: {{env: CANARY_1}}, webhook_secret: {{file: '{file}'}}}}
  jira: {{tool: jira, url: '{url}', email: a@b.example, api_token: {{env: CANARY_2}}, project: OPS}}
  pager: {{tool: pagerduty, url: '{url}', api_key: {{env: CANARY_3}}, from_email: a@b.example, service: P1}}
  alerts: {{tool: alertmanager, url: '{url}', bearer_token: {{env: CANARY_4}}, webhook_token: {{env: CANARY_5}}}}
  prom: {{tool: prometheus, url: '{url}', username: u, password: {{env: CANARY_6}}}}
  sold: {{tool: servicenow, url: '{url}', username: u, oauth: {{client_id: i, client_secret: {{env: CANARY_8}},
          grant: client_credentials}}}}
  consent: {{tool: jira, url: '{url}/ex/jira/1', project: OPS, oauth: {{client_id: i, client_secret: {{env: CANARY_9}},
          refresh_token: {{file: '{kept}'}}, token_url: '{url}/oauth/token'}}}}
  scoped: {{tool: pagerduty, url: '{url}', from_email: a@b.example, service: P1, oauth: {{client_id: i,
          client_secret: {{env: CANARY_11}}, subdomain: acme, token_url: '{url}/oauth/token'}}}}
"""

COMMANDS = [
    ["check"], ["check", "--json"], ["check", "snow"], ["status"], ["status", "--json"], ["incidents"],
    ["incidents", "--json"], ["parked"], ["parked", "--json"], ["conflicts"], ["plugins"], ["plugins", "--json"],
    ["why", "INC-1", "title"], ["history", "INC-1"], ["audit", "verify"], ["mapping", "explain", "servicenow-incident"],
    ["edit", "INC-1", "title=x"], ["comment", "INC-1", "x"], ["check", "nobody"], ["incidents", "x"], ["--help"],
]  # fmt: skip


@pytest.fixture
def canaries(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A different secret for each place where one can be."""
    yield {f"CANARY_{number}": f"{MARK}-{number}-{os.urandom(6).hex()}" for number in range(1, 12)}


def test_no_command_log_or_store_shows_a_secret(tmp_path: Path, canaries: dict[str, str], tally: Tally) -> None:
    files = {"file": tmp_path / "webhook-secret", "kept": tmp_path / "refresh-token"}
    for file, canary in zip(files.values(), ("CANARY_7", "CANARY_10"), strict=True):
        file.write_text(canaries[canary], encoding="utf-8")
        file.chmod(0o600)

    def refuse(handler: Asked) -> None:
        words = f"401 for {handler.headers.get('authorization')} {handler.sent}"
        body = json.dumps({"error": {"message": words}, "errorMessages": [words], "message": words})
        reply(handler, 401, {}, body.encode())

    environment = {**os.environ, **canaries}
    with serving() as tool:
        tool.answer = refuse
        (tmp_path / "tieline.yaml").write_text(WORKSPACE.format(url=tool.url, **files), encoding="utf-8")
        start = [sys.executable, "-m", "tieline.cli.main", "-w", str(tmp_path)]
        log = tmp_path / "log"
        with log.open("wb") as out:
            daemon = subprocess.Popen(
                [*start, "run", "--log", "json", "--level", "debug"], stderr=out, stdout=out, env=environment
            )
        try:
            eventually(lambda: log.read_text().count("connection_stopped") >= 8, 60)
            address = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
            assert address is not None
            told = [httpx.get(address[0] + path, trust_env=False).text for path in ("/metrics", "/readyz", "/healthz")]
            hook = httpx.post(
                address[0] + "/hooks/alerts", content=b"{}", headers={"authorization": "x"}, trust_env=False
            )
            told.append(hook.text)
            for command in COMMANDS[:: cases(2, 1)]:
                ended = subprocess.run([*start, *command], capture_output=True, text=True, env=environment, check=False)
                told.append(ended.stdout + ended.stderr)
        finally:
            daemon.terminate()
            daemon.wait(30)
        told += [log.read_text(), store_files(tmp_path).decode("utf-8", "replace")]
        assert "401" in "".join(told), "the failing paths were walked"
        used = "\n".join(tool.bodies)
        assert tool.credentials, "the secrets were used"
        assert all(canaries[f"CANARY_{number}"] in unquote(used) for number in range(8, 12)), "those of OAuth too"
    text = "\n".join(told)
    pairs = [canary for _method, _path, headers in tool.seen if (canary := headers.get("authorization", ""))]
    sent = {word for header in pairs for word in re.split(r"[ =]", header) if len(word) > 12}
    tally(
        len(told),
        [*(form for value in canaries.values() for form in shown(text, value)), *(w for w in sent if w in text)],
    )


def test_an_error_of_ours_carries_no_secret_into_the_journal() -> None:
    token = Secret.literal("canary-Pa55word-journal").reveal()
    assert token not in str(NeedsOperator("snow", f"the tool says {token} is wrong"))
    assert "***" in str(NeedsOperator("snow", f"the tool says {token} is wrong"))

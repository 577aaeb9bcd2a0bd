"""A secret that was replaced where the user keeps it is used without a restart, by every way to prove who we are."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.threats.canaries import TOOLS, Asked, connect_with, reply, serving

from tieline.adapters.pagerduty.webhook import signature
from tieline.core.errors import NeedsOperator, RemoteError
from tieline.core.port import Delivery, Receiver, Source
from tieline.core.secrets import Secret

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD, NEW = "canary-Pa55word-that-was", "canary-Pa55word-that-is"


class Vault:
    """The secrets of one connection, each in a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []

    def put(self, word: str) -> None:
        for file in self._files:
            file.write_text(word, encoding="utf-8")

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The same options with every secret in a file."""
        return {name: self._option(value) for name, value in given.items()}

    def _option(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self.options(value)
        if not isinstance(value, Secret):
            return value
        file = self._folder / f"secret-{len(self._files)}"
        file.write_text(OLD, encoding="utf-8")
        file.chmod(0o600)
        self._files.append(file)
        return Secret("file", str(file))


class Door:
    """Lets in who shows the secret that is good now, at the tool and where tokens are bought."""

    def __init__(self) -> None:
        self.good = OLD
        self.let_in = 0

    def answer(self, handler: Asked) -> None:
        if "oauth" in handler.path:
            self._sell(handler)
            return
        known = self.good in _plain(handler.headers.get("authorization", ""))
        self.let_in += known
        reply(handler, 200 if known else 401, {"date": "Mon, 01 Jun 2026 12:00:00 GMT"}, b"{}")

    def _sell(self, handler: Asked) -> None:
        fits = self.good in handler.sent
        body = {"access_token": f"token-for-{self.good}", "expires_in": 3600} if fits else {"error": "invalid_client"}
        reply(handler, 200 if fits else 401, {}, json.dumps(body).encode())


def _plain(header: str) -> str:
    """What a header proves us with, Basic's pair as it was typed."""
    scheme, _, rest = header.partition(" ")
    return base64.b64decode(rest).decode() if scheme == "Basic" else rest


@pytest.fixture
def door() -> Iterator[tuple[Door, str]]:
    with serving() as tool:
        found = Door()
        tool.answer = found.answer
        yield found, tool.url


def refused(source: Source) -> bool:
    """Whether it needs a person to let us in; what else is wrong with answers that are nobody's is not asked."""
    try:
        source.check()
    except NeedsOperator as error:
        return error.status == 401
    except RemoteError:
        pass
    return False


@pytest.mark.parametrize("name", TOOLS)
def test_a_secret_that_was_replaced_is_used_at_the_first_refusal(
    name: str, tmp_path: Path, door: tuple[Door, str]
) -> None:
    guard, url = door
    vault = Vault(tmp_path)
    source = connect_with(name.split(" ")[0], vault.options({"url": "{url}", **TOOLS[name]}), url)
    assert not refused(source) and guard.let_in

    guard.good, guard.let_in = NEW, 0
    assert refused(source) and not guard.let_in  # it is not replaced here yet
    vault.put(NEW)
    assert not refused(source) and guard.let_in


def test_a_webhooks_secret_is_looked_up_for_each_delivery(tmp_path: Path) -> None:
    file = tmp_path / "hook"
    file.write_text(OLD, encoding="utf-8")
    file.chmod(0o600)
    given = {**TOOLS["pagerduty"], "webhook_secrets": [Secret("file", str(file))]}
    receiver = connect_with("pagerduty", given, "https://api.pagerduty.com")
    assert isinstance(receiver, Receiver)
    for secret in (OLD, NEW):
        file.write_text(secret, encoding="utf-8")
        receiver.verify(Delivery({"x-pagerduty-signature": signature(secret, b"{}")}, b"{}"), NOON)


@pytest.mark.parametrize("name", TOOLS)
def test_one_that_was_replaced_here_first_costs_no_refusal(name: str, tmp_path: Path, door: tuple[Door, str]) -> None:
    guard, url = door
    vault = Vault(tmp_path)
    source = connect_with(name.split(" ")[0], vault.options({"url": "{url}", **TOOLS[name]}), url)
    assert not refused(source)

    vault.put(NEW)
    guard.good, guard.let_in = NEW, 0
    assert not refused(source) and guard.let_in

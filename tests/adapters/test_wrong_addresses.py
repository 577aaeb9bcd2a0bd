"""Whatever stands at the address instead of the tool: every adapter names the address, the cause and the HTTP status.

Certificates that do not prove the tool are in `tests/threats/test_t22_tls.py`, for every adapter as well.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from tests.adapters.strangers import stranger
from tests.threats.canaries import TOOLS, connect, reply, serving

from tieline.core.errors import RemoteError

PAGE = b"<!DOCTYPE html><html><head><title>Gateway</title></head><body>Please sign in</body></html>"
HTML = {"content-type": "text/html"}


@contextmanager
def closed() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def nowhere() -> Iterator[str]:
    yield "https://nowhere.invalid:81"


@contextmanager
def silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def answering(status: int, headers: dict[str, str], body: bytes) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def standing() -> Iterator[str]:
        with serving() as canary:
            canary.answer = lambda handler: reply(handler, status, headers, body)
            yield canary.url

    return standing


@dataclass(frozen=True)
class Cause:
    """What stands there, what must be said of it beside the address, and the status of its answer."""

    stands: Callable[[], AbstractContextManager[str]]
    says: str
    status: int | None = None


CAUSES = {
    "refused": Cause(closed, "refused the connection"),
    "unresolved": Cause(nowhere, "has a name that does not resolve"),
    "silent": Cause(silent, "did not answer in time"),
    "hangs up": Cause(stranger, "closed the connection without an answer"),
    "resets": Cause(partial(stranger, resets=True), "broke the connection off"),
    "another protocol": Cause(partial(stranger, b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "does not answer in HTTP"),
    "a page": Cause(answering(200, HTML, PAGE), "page", 200),
    "a page that asks to log in": Cause(
        answering(302, {"location": "https://login.example.com/sso?token=canary"}, b""),
        "302 and leads to https://login.example.com.",
        302,
    ),
    "a page of a proxy without the tool": Cause(answering(502, HTML, PAGE), "answered 502", 502),
    "a page that is not there": Cause(answering(404, HTML, PAGE), "The page is not the tool's; check `url`", 404),
    "a proxy that wants credentials": Cause(answering(407, HTML, PAGE), "give `proxy.username`", 407),
}


WAYS = [name for name in TOOLS if name.partition(" with ")[2] in ("", "oauth") or name == "jira with a client"]
"""Every adapter, and every one that buys a token first."""


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("cause", CAUSES)
def test_a_wrong_address_is_told_with_the_cause(name: str, cause: str) -> None:
    wrong = CAUSES[cause]
    with wrong.stands() as url, pytest.raises(RemoteError) as caught:
        connect(name, url, timeout=0.2 if cause == "silent" else 5).check()
    told = str(caught.value)
    assert url in told
    assert wrong.says in told
    assert caught.value.status == wrong.status
    assert wrong.status is None or str(wrong.status) in told
    assert "<html" not in told
    assert "canary" not in told.removeprefix("canary: ")
    assert ".." not in told
    assert ": ." not in told


SHAPES = {
    "servicenow": b'{"error": {"message": "Nope, that is not allowed."}, "status": "failure"}',
    "jira": b'{"errorMessages": ["Nope, that is not allowed."], "errors": {}}',
    "pagerduty": b'{"error": {"message": "Nope, that is not allowed."}}',
    "alertmanager": b'"Nope, that is not allowed."',
    "icinga": b'{"error": 401, "status": "Nope, that is not allowed."}',
    "prometheus": b'{"status": "error", "error": "Nope, that is not allowed."}',
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_a_tool_says_ends_with_one_full_stop(name: str) -> None:
    for status in (401, 404):
        with answering(status, {}, SHAPES[name])() as url, pytest.raises(RemoteError) as caught:
            connect(name, url).check()
        told = str(caught.value)
        assert "Nope, that is not allowed" in told
        assert ".." not in told
        assert '.".' not in told

"""T9: no answer of a tool sends us, or our credentials, to an address that nobody configured."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler

import pytest
from tests.threats.canaries import TOOLS, Canary, connect, reply, serving
from tests.threats.conftest import Tally

from tieline.core.errors import RemoteError
from tieline.core.http import same_origin
from tieline.core.model import Audience
from tieline.core.port import Acknowledger, Act, Adapter, Commenter, Directory, Finder, Ref, Source, Token, Version


def lures(canary: Canary) -> list[str]:
    """Forty ways of writing an address that is not the tool's; many of them lead to the canary."""
    port = canary.url.rpartition(":")[2]
    hosts = [
        "127.0.0.2", "127.2", "2130706434", "0x7f000002", "0177.0.0.2", "0x7f.0.0.2", "127.0.0.2.",
        "[::ffff:127.0.0.2]",
        "[::ffff:7f00:2]", "[0:0:0:0:0:ffff:7f00:2]", "localhost.", "LOCALHOST", "0", "0.0.0.0", "[::]", "[::1]",
        "user@127.0.0.2", "tool@127.0.0.2", "127.0.0.1@127.0.0.2", "127.0.0.1%40127.0.0.2", "127.0.0.1%23@127.0.0.2",
        "①②⑦.⓪.⓪.②", "127。0。0。2", "127.0.0.2%00", "metadata.google.internal", "169.254.169.254",
    ]  # fmt: skip
    with_port = [f"http://{host}:{port}/stolen" for host in hosts]
    return [
        *with_port, f"//127.0.0.2:{port}/stolen", f"https://127.0.0.2:{port}/stolen", f"\\\\127.0.0.2:{port}/stolen",
        f"http:\\\\127.0.0.2:{port}", f"http:127.0.0.2:{port}/stolen", f"http:///127.0.0.2:{port}/stolen",
        f" http://127.0.0.2:{port}/stolen", f"\thttp://127.0.0.2:{port}", "file:///etc/passwd",
        "gopher://127.0.0.2:70/_x",
        "ftp://127.0.0.2/x", "data:application/json,{}", "javascript:alert(1)", "http://169.254.169.254/latest/meta-data/",
        f"HTTP://127.0.0.2:{port}/STOLEN", f"http://127.0.0.2:{port}#@tool/", f"http://127.0.0.2:{port}?@tool/",
    ]  # fmt: skip


def everything(source: Source) -> list[Callable[[], object]]:
    """Every verb of an adapter, with what a tool might have told it."""
    ref, token = Ref("0123456789abcdef0123456789abcdef"), Token("tl-token")
    calls: list[Callable[[], object]] = [
        source.check,
        lambda: list(source.changes(None)),
        partial(source.read, ref),
        partial(source.read, Ref("10001")),
    ]
    if isinstance(source, Adapter):
        calls += [partial(source.create, {}, token), partial(source.update, ref, {}, Version("1"))]
    if isinstance(source, Finder):
        calls.append(partial(source.find, token))
    if isinstance(source, Commenter):
        calls += [partial(source.comments, ref), partial(source.add_comment, ref, "x", Audience.STAFF, token)]
    if isinstance(source, Directory):
        calls.append(partial(source.person_id, "ann@example.com"))
    if isinstance(source, Acknowledger):
        until = datetime.now(UTC) + timedelta(hours=1)
        calls.append(partial(source.acknowledge, ref, Act.ACKNOWLEDGE, until=until, note="x", token=token))
    return calls


def play(source: Source) -> int:
    """Call everything once; whatever the tool answers, we answer with an error of ours or with nothing."""
    played = 0
    for call in everything(source):
        played += 1
        try:
            call()
        except (RemoteError, ValueError, LookupError, TypeError):
            continue
    return played


def redirect(status: int, address: str, handler: BaseHTTPRequestHandler) -> None:
    reply(handler, status, {"location": address}, b"")


@pytest.mark.parametrize("name", TOOLS)
def test_no_redirect_takes_the_credentials_along(name: str, tally: Tally) -> None:
    with serving("127.0.0.1") as tool, serving("127.0.0.2") as canary:
        played = 0
        for number, lure in enumerate(lures(canary)):
            status = (301, 302, 303, 307, 308)[number % 5]
            header = lure.encode("utf-8", "replace").decode("latin-1").strip()
            tool.answer = lambda handler, status=status, header=header: reply(
                handler, status, {"location": header}, b""
            )  # type: ignore[misc]
            source = connect(name, tool.url)
            for call in everything(source)[: 2 if number else 20]:
                played += 1
                try:
                    call()
                except (RemoteError, ValueError, LookupError):
                    continue
        assert tool.seen, "the tool itself was asked"
        tally(played, [*canary.seen, *canary.credentials])


def links_everywhere(lure: str) -> tuple[dict[str, str], bytes]:
    """An answer in which whatever could be followed leads away."""
    one = {
        "self": lure, "next": lure, "href": lure, "url": lure, "nextPage": lure,
        "_links": {"next": lure, "self": lure},
        "id": "10001", "sys_id": "0" * 32, "link": lure, "value": lure, "key": "OPS-1", "number": "INC1",
        "author": {"self": lure, "accountId": "a"},
        "more": True, "offset": 0, "generatorURL": lure, "externalURL": lure,
    }  # fmt: skip
    lists = ("result", "issues", "values", "comments", "incidents", "log_entries", "notes", "users", "alerts", "groups")
    body = {**one, **{name: [one] for name in lists}, "status": "success", "data": {"alerts": [one], "groups": [one]}}
    headers = {"link": f'<{lure}>;rel="next"', "content-location": lure, "refresh": f"0;url={lure}"}
    return headers, json.dumps({**body, "isLast": False, "total": 3, "startAt": 0, "nextPageToken": lure}).encode()


@pytest.mark.parametrize("name", TOOLS)
def test_no_link_inside_an_answer_is_followed(name: str, tally: Tally) -> None:
    with serving("127.0.0.1") as tool, serving("127.0.0.2") as canary:
        headers, body = links_everywhere(f"{canary.url}/stolen")
        asked = 0

        def answer(handler: BaseHTTPRequestHandler) -> None:
            nonlocal asked
            asked += 1
            reply(handler, 200, headers, body) if asked < 40 else reply(handler, 500, {}, b"")

        tool.answer = answer
        played = play(connect(name, tool.url))
        assert tool.seen
        tally(played, [*canary.seen, *canary.credentials])


@pytest.mark.parametrize("name", TOOLS)
def test_no_proxy_of_the_environment_comes_between_us_and_this_machine(
    name: str, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    with serving("127.0.0.1") as tool, serving("127.0.0.2") as canary:
        for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, canary.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        played = play(connect(name, tool.url))
        assert tool.seen
        tally(played, canary.seen)


def test_a_link_counts_as_the_tools_own_only_with_its_origin(tally: Tally) -> None:
    with serving("127.0.0.2") as canary:
        escaped = []
        for base in ("http://127.0.0.1:8080/", "https://tool.example.com/"):
            for lure in lures(canary):
                try:
                    target = same_origin(base, lure)
                except ValueError:
                    continue
                if not target.startswith(base):
                    escaped.append(f"{lure} → {target}")
        tally(2 * len(lures(canary)), escaped)


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@127.0.0.1",
        "https://a@b@c.example.com",
        "ftp://x",
        "file:///etc/passwd",
        "https://",
        "//x",
        "x",
    ],
)
def test_an_address_with_credentials_or_of_another_kind_is_no_address(name: str, url: str) -> None:
    with pytest.raises(ValueError):
        connect(name, url)

"""Servers that answer what a test has them answer, over a real socket."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tieline.cli.main import perform
from tieline.core.described import described
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS

COMMANDS = [described(one) for one in (*OWN.by_name.values(), *OWN_VIEWS.by_name.values())]
TOKEN = f"tl_0123456789ab_{'5e' * 32}"
WHO = {
    "identity": "os:ann@db1",
    "token": {"id": "0123456789ab", "name": "laptop", "until": "2026-12-01T08:00:00Z", "reaches": "all"},
}


def description(**changed: Any) -> dict[str, Any]:
    """What a server says of itself: what this version offers, and some of it changed."""
    operations = {one.path: ("post" if one.acts else "get", one.facts()) for one in COMMANDS} | changed
    paths: dict[str, dict[str, Any]] = {}
    for path, (method, facts) in operations.items():
        paths.setdefault(f"/api/v1/{path}", {})[method] = {"x-command": facts}
    return {"openapi": "3.1.0", "tags": [], "paths": paths}


def answer(status: int, body: bytes | str | Any, kind: str = "application/json", **headers: str) -> bytes:
    """The bytes of an answer."""
    sent = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(sent)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + sent


def problem(status: int, kind: str, detail: str, errors: Any = None, **headers: str) -> bytes:
    """A problem, as Tieline tells it."""
    told = {"type": f"/api/v1/problems/{kind}", "title": "x", "status": status, "detail": detail}
    return answer(status, {**told, **({"errors": errors} if errors else {})}, "application/problem+json", **headers)


def told(sentence: str = "It is done.", facts: Any = None, notes: tuple[str, ...] = ()) -> bytes:
    """What a command is answered."""
    shown = {"facts": {} if facts is None else facts, "shown": [{"sentence": sentence}], "notes": list(notes)}
    return answer(200, shown, "application/vnd.tieline.shown+json", Tieline_Offer='"1"')


def whole(opened: socket.socket) -> bytes:
    """One request, to its end: a socket that is closed over what nobody read takes the answer with it."""
    found = b""
    while b"\r\n\r\n" not in found and (piece := opened.recv(65_536)):
        found += piece
    head, _end, body = found.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]) and (piece := opened.recv(65_536)):
        body += piece
    return head + b"\r\n\r\n" + body


class Server:
    """One that answers by `of`: the bytes for a request's first line, or None to hang up. `asked` are all requests."""

    def __init__(self, of: Callable[[str], bytes | None], context: ssl.SSLContext | None = None) -> None:
        self.of, self._context = of, context
        self.asked: list[tuple[str, Mapping[str, str], bytes]] = []
        self.described = answer(200, description(), ETag='"1"')
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def calls(self) -> list[str]:
        """The first lines of what was asked, without what every login and index asks."""
        return [line for line, _headers, _body in self.asked if not line.endswith(("openapi.json", "whoami"))]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                opened, _from = self._listener.accept()
            except OSError:
                return
            with opened, contextlib.suppress(OSError):
                self._answer(self._context.wrap_socket(opened, server_side=True) if self._context else opened)

    def _answer(self, opened: socket.socket) -> None:
        reader = opened.makefile("rb")
        line = reader.readline().decode().removesuffix(" HTTP/1.1\r\n")
        headers = dict(one.decode().strip().lower().split(": ", 1) for one in iter(reader.readline, b"\r\n"))
        body = reader.read(int(headers.get("content-length", "0")))
        self.asked.append((line, headers, body))
        if line.endswith("openapi.json"):
            opened.sendall(self.described)
        elif line.endswith("whoami"):
            opened.sendall(answer(200, WHO))
        elif (said := self.of(line)) is not None:
            opened.sendall(said)


@contextmanager
def serving(of: Callable[[str], bytes | None], context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server for a while."""
    server = Server(of, context)
    yield server
    server.close()


def run(*words: str, typed: str = "") -> tuple[int, str]:
    """The exit code of a command, and everything that it wrote."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
        try:
            code = perform(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, written.getvalue()

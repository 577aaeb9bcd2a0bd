"""Servers that remember what reached them, and every shipped adapter pointed at one of them."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tieline.adapters.alertmanager.plugin import tieline_adapters as alertmanager
from tieline.adapters.icinga.plugin import tieline_adapters as icinga
from tieline.adapters.jira.plugin import tieline_adapters as jira
from tieline.adapters.nagios.plugin import tieline_adapters as nagios
from tieline.adapters.pagerduty.plugin import tieline_adapters as pagerduty
from tieline.adapters.prometheus.plugin import tieline_adapters as prometheus
from tieline.adapters.servicenow.plugin import tieline_adapters as servicenow
from tieline.core.clock import SystemClock
from tieline.core.model import ConnectionName
from tieline.core.port import AdapterKind, Source, Workbench
from tieline.core.secrets import Secret

KINDS: dict[str, AdapterKind] = {
    kind.tool: kind for ask in (servicenow, jira, pagerduty, alertmanager, prometheus, icinga, nagios) for kind in ask()
}
PASSWORD = "canary-Pa55word-of-the-wire"

TOOLS: Mapping[str, Mapping[str, Any]] = {
    "servicenow": {"username": "tieline", "password": Secret.literal(PASSWORD)},
    "servicenow with oauth": {
        "username": "tieline",
        "password": Secret.literal(PASSWORD),
        "oauth": {"client_id": "id", "client_secret": Secret.literal(PASSWORD + "-client")},
    },
    "servicenow with a client": {
        "username": "tieline",
        "oauth": {"client_id": "id", "client_secret": Secret.literal(PASSWORD), "grant": "client_credentials"},
    },
    "servicenow with a refresh token": {
        "username": "tieline",
        "oauth": {
            "client_id": "id",
            "client_secret": Secret.literal(PASSWORD + "-client"),
            "grant": "refresh_token",
            "refresh_token": Secret.literal(PASSWORD),
        },
    },
    "jira": {"email": "t@example.com", "api_token": Secret.literal(PASSWORD), "project": "OPS"},
    "jira-jsm": {"email": "t@example.com", "api_token": Secret.literal(PASSWORD), "project": "OPS"},
    "jira with a client": {
        "url": "{url}/ex/jira/11223344",
        "project": "OPS",
        "oauth": {
            "client_id": "id",
            "client_secret": Secret.literal(PASSWORD),
            "token_url": "{url}/oauth/token",
        },
    },
    "jira with a refresh token": {
        "url": "{url}/ex/jira/11223344",
        "project": "OPS",
        "oauth": {
            "client_id": "id",
            "client_secret": Secret.literal(PASSWORD + "-client"),
            "refresh_token": Secret.literal(PASSWORD),
            "token_url": "{url}/oauth/token",
        },
    },
    "jira-dc": {"pat": Secret.literal(PASSWORD), "project": "OPS"},
    "pagerduty": {"api_key": Secret.literal(PASSWORD), "from_email": "t@example.com", "service": "PSERVICE"},
    "pagerduty with oauth": {
        "from_email": "t@example.com",
        "service": "PSERVICE",
        "oauth": {
            "client_id": "id",
            "client_secret": Secret.literal(PASSWORD),
            "subdomain": "acme",
            "token_url": "{url}/oauth/token",
        },
    },
    "alertmanager": {"username": "tieline", "password": Secret.literal(PASSWORD)},
    "alertmanager with a token": {"bearer_token": Secret.literal(PASSWORD)},
    "prometheus": {"username": "tieline", "password": Secret.literal(PASSWORD)},
    "prometheus with a token": {"bearer_token": Secret.literal(PASSWORD)},
    "icinga": {"username": "tieline", "password": Secret.literal(PASSWORD)},
    "nagios": {"username": "tieline", "password": Secret.literal(PASSWORD)},
}
"""Every way that a shipped adapter proves who we are. An address stands there where it is not the tool's own."""

BY_TOKEN = [name for name, given in TOOLS.items() if "oauth" in given]


def connect(name: str, url: str, **more: Any) -> Source:
    """The adapter of TOOLS' name, on this address."""
    return connect_with(name.split(" ")[0], {"url": "{url}", **TOOLS[name], **more}, url)


def connect_with(tool: str, given: Mapping[str, Any], url: str) -> Source:
    """An adapter with these options, in which `{url}` is this address."""
    kind = KINDS[tool]
    settings = kind.settings.model_validate({"timeout": 5, **_addressed(given, url)})
    bench = Workbench(clock=SystemClock(), sleep=lambda _seconds: None)
    return kind.connect(ConnectionName("canary"), settings, bench)


def _addressed(given: Mapping[str, Any], url: str) -> dict[str, Any]:
    return {
        name: _addressed(value, url)
        if isinstance(value, Mapping)
        else value.replace("{url}", url)
        if isinstance(value, str)
        else value
        for name, value in given.items()
    }


class Asked(BaseHTTPRequestHandler):
    """One request that came in, with what it carried."""

    sent: str = ""


@dataclass
class Canary:
    """A server that answers as it is told, and remembers."""

    url: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    """What came with each of `seen`."""
    answer: Callable[[Asked], None] = lambda handler: reply(handler, 200, {}, b"{}")

    @property
    def credentials(self) -> list[str]:
        """What reached it that proves who we are."""
        headers = [value for _method, _path, headers in self.seen if (value := headers.get("authorization"))]
        return headers + [body for body in self.bodies if PASSWORD in body]


def reply(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
    handler.send_response(status)
    for name, value in {"content-type": "application/json", **headers}.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Canary]:
    """A canary on a socket of its own."""
    canary = Canary()

    class Handler(Asked):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536

        def _any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            self.sent = self.rfile.read(length).decode("utf-8", "replace")
            canary.bodies.append(self.sent)
            canary.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            canary.answer(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A handshake that the other side breaks off is what some of these tests are about."""

    with Server((host, 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        canary.url = f"{'https' if tls else 'http'}://{host}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield canary
        finally:
            server.shutdown()
            thread.join()


def store_files(folder: Path) -> bytes:
    """Every byte of the store in a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.db*")))

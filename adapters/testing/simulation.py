"""The ground that every tool's simulator stands on: requests in, responses out, faults on demand.

A simulator is one object with one method, `answer(request)`. It can be served over a real socket (demo, end-to-end
tests, crash tests) or called in process through a transport (contract and simulation tests), and behaves the same.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names in lower case; `query` keeps the last of repeated names, `pairs` keeps all."""

    method: str
    path: str
    pairs: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        return dict(self.pairs)

    def json(self) -> Any:
        """The body as JSON; an empty body is None. Raises ValueError."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response. `lost` means that the caller never sees it: the connection breaks instead."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lost: bool = False

    @classmethod
    def of(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """A JSON response."""
        return cls(
            status,
            {"content-type": "application/json;charset=UTF-8", **(headers or {})},
            json.dumps(value, ensure_ascii=False).encode(),
        )


@dataclass
class Fault:
    """What goes wrong with the next `times` requests that match. `after_effect` lets the tool act before it fails."""

    response: Response
    method: str = ""
    path: str = ""
    times: int = 1
    after_effect: bool = False
    chance: float = 1.0

    def matches(self, request: Request) -> bool:
        return (not self.method or request.method == self.method) and self.path in request.path


LOST = Response(status=0, lost=True)


class Simulator:
    """Base of all simulators. Subclasses implement `respond`; everything here is the same for every tool.

    Time comes from `clock`, randomness from `seed`; `answer` is serialised, as the store of a real tool would be.
    Every answer carries a Date header from the simulator's own clock.
    """

    def __init__(self, clock: Callable[[], datetime] | None = None, seed: int = 0) -> None:
        self.clock: Callable[[], datetime] = clock or (lambda: datetime.now(UTC))
        self.random = random.Random(seed)  # noqa: S311 - a simulator's dice, not a secret
        self.faults: list[Fault] = []
        self.token_path = ""
        """Where tokens are bought, if anywhere. Only faults that name a path are meant for it."""
        self.requests: list[tuple[str, str]] = []
        """Every request seen, as (method, path), for tests that count calls."""
        self.afterwards: list[tuple[Callable[[Request], bool], Callable[[], None]]] = []
        """What somebody does, once, right after a request of some kind was answered."""
        self._lock = threading.RLock()

    def respond(self, request: Request) -> Response:
        """Behave like the tool."""
        raise NotImplementedError

    def control(self, action: str, arguments: Any) -> Any:  # noqa: ARG002 - part of the signature subclasses fill
        """What a person does in the tool's own user interface, for demo and tests; reached over
        POST /_simulator/ACTION with a JSON body. Subclasses add actions. Raises KeyError for an unknown one."""
        raise KeyError(action)

    def fail(
        self,
        status: int = 503,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        method: str = "",
        path: str = "",
        times: int = 1,
        after_effect: bool = False,
        raw: bytes | None = None,
    ) -> None:
        """Make the next `times` matching requests answer this. `path` is a part of the path."""
        content = raw if raw is not None else json.dumps(body if body is not None else {}).encode()
        self.faults.append(
            Fault(
                Response(status, {"content-type": "application/json", **(headers or {})}, content),
                method,
                path,
                times,
                after_effect,
            )
        )

    def lose(self, *, method: str = "", path: str = "", times: int = 1, after_effect: bool = True) -> None:
        """Break the connection of the next matching requests, by default after the tool has acted."""
        self.faults.append(Fault(LOST, method, path, times, after_effect))

    def answer(self, request: Request) -> Response:
        """One request, one response; faults first."""
        with self._lock:
            if request.path.startswith("/_simulator/"):
                return self._control(request)
            self.requests.append((request.method, request.path))
            fault = self._next_fault(request)
            if fault is not None and not fault.after_effect:
                return self._dated(fault.response)
            response = self.respond(request)
            self._act_afterwards(request)
            return self._dated(fault.response if fault is not None else response)

    def _act_afterwards(self, request: Request) -> None:
        due = [act for matches, act in self.afterwards if matches(request)]
        if due:
            self.afterwards = [(matches, act) for matches, act in self.afterwards if act not in due]
        for act in due:
            act()

    def _control(self, request: Request) -> Response:
        action = request.path.removeprefix("/_simulator/")
        if action == "requests":
            return Response.of(self.requests)
        try:
            return Response.of(self.control(action, request.json() or {}))
        except KeyError as error:
            return Response.of({"error": f"unknown action or record: {error}"}, 404)

    def _next_fault(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if not fault.path and request.path == self.token_path:
                continue
            if fault.matches(request) and (fault.chance >= 1.0 or self.random.random() < fault.chance):
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def _dated(self, response: Response) -> Response:
        if response.lost or any(name.lower() == "date" for name in response.headers):
            return response
        date = format_datetime(self.clock().astimezone(UTC).replace(microsecond=0), usegmt=True)
        return Response(response.status, {**response.headers, "Date": date}, response.body)

    @contextmanager
    def serve(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
        """Serve over a real socket while the block runs; yields the base URL."""
        server = _server(self, host, port)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name=type(self).__name__)
        thread.start()
        try:
            yield f"http://{host}:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _server(simulator: Simulator, host: str, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave together: sent one by one, the second waits for the caller's delayed acknowledgement.
        wbufsize = -1

        def _any(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            request = Request(
                self.command,
                parts.path,
                tuple(parse_qsl(parts.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length) if length else b"",
            )
            response = simulator.answer(request)
            if response.lost:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response_only(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the daemon's log is the one to read."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A caller that hung up is not news."""

    return Server((host, port), Handler)


class HttpxTransport(httpx.BaseTransport):
    """An httpx transport that calls a simulator in process."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._simulator.answer(
            Request(
                request.method,
                request.url.path,
                tuple(parse_qsl(request.url.query.decode(), keep_blank_values=True)),
                {name.lower(): value for name, value in request.headers.items()},
                request.read(),
            )
        )
        if response.lost:
            raise httpx.ReadError("the simulator lost the answer", request=request)
        return httpx.Response(response.status, headers=dict(response.headers), content=response.body)


def requests_transport(simulator: Simulator) -> Any:
    """A requests `BaseAdapter` that calls a simulator in process, and an httpx transport as well, for an adapter that
    has calls beside its SDK's. requests comes with an extra: imported here."""
    import requests
    from requests.adapters import BaseAdapter
    from requests.structures import CaseInsensitiveDict
    from urllib3 import HTTPResponse

    class InProcess(HttpxTransport, BaseAdapter):
        def send(  # type: ignore[override]
            self, request: Any, **_options: Any
        ) -> Any:
            parts = urlsplit(request.url)
            body = request.body or b""
            response = simulator.answer(
                Request(
                    request.method,
                    parts.path,
                    tuple(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in request.headers.items()},
                    body.encode() if isinstance(body, str) else body,
                )
            )
            if response.lost:
                raise requests.exceptions.ReadTimeout("the simulator lost the answer", request=request)
            answer = requests.Response()
            answer.status_code = response.status
            answer.headers = CaseInsensitiveDict(response.headers)
            # Read by those who stream, and touched by pysnow; the content is then taken from it as from a socket.
            answer.raw = HTTPResponse(
                io.BytesIO(response.body), headers=response.headers, status=response.status, preload_content=False
            )
            answer.url = request.url
            answer.request = request
            answer.encoding = "utf-8"
            return answer

        def close(self) -> None:
            """Nothing to give back."""

    return InProcess(simulator)


def run(make: Callable[[], Simulator], description: str) -> None:
    """`python -m tieline.adapters.TOOL.simulator [--port N]`: serve until interrupted."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with make().serve(options.host, options.port) as url:
        print(url, flush=True)  # noqa: T201 - the address is this program's output
        threading.Event().wait()

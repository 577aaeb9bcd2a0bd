"""The HTTP side: webhooks in, health and metrics out. A 2xx means stored; overload is 503, never 4xx or 429.

Alertmanager drops what is answered with 4xx or 429 and comes back after 5xx, which is why overload must be a 5xx.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tieline.core.errors import Forged, NeedsOperator, StoreUnavailable, TryAgain
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Greeter, Received, Receiver
from tieline.sync.engine import Connected, Engine
from tieline.sync.intake.bodies import plain
from tieline.sync.intake.complaints import Complaint, Complaints, Mistake
from tieline.sync.intake.intake import Full, Intake
from tieline.sync.intake.receiving import BodyTooLarge, received

BODY_TIMEOUT: Final = 30.0
"""Seconds a sender may take over one body."""

TELL_EVERY: Final = 5.0
"""Seconds between two looks at which of what was only counted is to be told."""

UNREAD: Final = frozenset((404, 408, 413, 415))
"""Refusals that leave a body unread. The sender is told that the connection ends, or its next delivery would go down it
and be lost."""


class Refused(Exception):
    """A delivery that is answered without being stored."""

    def __init__(self, status: int, sentence: str, wait: timedelta | None = None, *, why: str = "") -> None:
        """`why` is for the log alone: what a stranger is not told."""
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.wait = wait
        self.why = why or sentence


class Host(Protocol):
    """What the server needs of the daemon around it."""

    @property
    def engine(self) -> Engine: ...

    @property
    def intake(self) -> Intake: ...

    def count_delivery(self, connection: str, outcome: str) -> None:
        """Count one delivery by what became of it."""
        ...

    def count_unreadable(self, connection: str, records: int) -> None:
        """Count the records of a delivery that could not be understood."""
        ...

    def incomplete(self, connection: ConnectionName) -> None:
        """Something of a delivery is missing: read the tool at once."""
        ...

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether work is being done, and how each part is."""
        ...

    def metrics(self) -> bytes:
        """The metrics in Prometheus' text format."""
        ...


STORED: Final = JSONResponse({"stored": True}, 202)
REPEATED: Final = JSONResponse({"stored": False}, 200)
HOOKS: Final = "/hooks/"


def application(host: Host) -> ASGIApp:
    """The ASGI application."""

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        ready, parts = await asyncio.to_thread(host.readiness)
        return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)

    async def metrics(_request: Request) -> Response:
        return Response(await asyncio.to_thread(host.metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    pages = Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])
    return OneLength(Hooks(host, pages))


class Hooks:
    """Takes webhooks by itself and leaves the rest to the pages: in a storm, routing costs as much as a request."""

    def __init__(self, host: Host, pages: ASGIApp) -> None:
        self._host = host
        self._pages = pages
        self._answers = Answers()
        self._log: Any = structlog.get_logger("tieline.server")
        self._complaints = Complaints(self._write, host.engine.clock.monotonic)
        self._teller: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(HOOKS):
            await self._pages(scope, receive, send)
            return
        # Senders are set up by hand, and a slash at the end is easily written.
        response = await self._answer(scope["path"][len(HOOKS) :].removesuffix("/"), scope, receive)
        await response(scope, receive, send)

    async def _answer(self, name: str, scope: Scope, receive: Receive) -> Response:
        host = self._host
        if scope["method"] == "OPTIONS" and (greeted := _greeted(host, name, scope)) is not None:
            return Response(status_code=200, headers=dict(greeted))
        if scope["method"] != "POST":
            return PlainTextResponse("Method Not Allowed", 405, {"allow": "POST", "connection": "close"})
        try:
            new, received = await _receive(host, name, scope, receive, self._answers)
        except Refused as refused:
            known = name if refused.status != 404 else "unknown"
            host.count_delivery(known, str(refused.status))
            facts = {"status": refused.status, "reason": refused.why}
            mistake = Mistake(refused.why, str(refused.status))
            self._complain("delivery_refused", scope, known, facts=facts, mistakes=[mistake])
            headers = {"Retry-After": str(max(1, round(refused.wait.total_seconds())))} if refused.wait else {}
            if refused.status in UNREAD:
                headers["connection"] = "close"
            return JSONResponse({"error": refused.sentence}, refused.status, headers)
        except ClientDisconnect:
            host.count_delivery(name, "hung_up")
            return Response(status_code=400)
        host.count_delivery(name, "stored" if new else "repeated")
        if received.incomplete:
            self._make_up(ConnectionName(name), received, scope, new=new)
        return STORED if new else REPEATED

    def _make_up(self, name: ConnectionName, received: Received, scope: Scope, *, new: bool) -> None:
        """Something of a delivery is missing: the tool is read at once, and what could not be understood is said."""
        host = self._host
        here = host.engine.connections.get(name)  # a reload may have taken it out since
        only_listens = here is not None and here.only_listens
        if not only_listens:
            host.incomplete(name)
        if new and received.unreadable:
            host.count_unreadable(name, len(received.unreadable))
            odd = [Mistake(one.sentence, one.called or "one without a name") for one in received.unreadable]
            counts = {"records": len(odd), "of": len(odd) + len(received.hints), "cut": received.cut}
            self._complain("delivery_unreadable", scope, name, counts=counts, mistakes=odd)
        elif new and only_listens:
            self._complain("delivery_incomplete", scope, name, counts={"cut": received.cut})

    def _complain(self, event: str, scope: Scope, connection: str, **facts: Any) -> None:
        client = scope.get("client")
        self._complaints.note(Complaint(event, str(client[0]) if client else "unknown", connection, **facts))
        if self._teller is None:
            self._teller = asyncio.get_running_loop().call_later(TELL_EVERY, self._tell)

    def _tell(self) -> None:
        again = self._complaints.tell()
        self._teller = asyncio.get_running_loop().call_later(TELL_EVERY, self._tell) if again else None

    def _write(self, one: Complaint, times: int, mistakes: list[str]) -> None:
        # A refusal has its reason among its facts; where several were given, each is told.
        errors = {"errors": mistakes} if mistakes and ("reason" not in one.facts or len(mistakes) > 1) else {}
        counts = {name: count for name, count in one.counts.items() if count}
        facts = {**one.facts, **counts, **errors}
        self._log.warning(one.event, connection=one.connection, sender=one.sender, times=times, **facts)


class Answers:
    """Carries what the intake's thread says over to the loop of the server: one wake-up for all of a commit."""

    def __init__(self) -> None:
        self._said: deque[tuple[Future[bool], asyncio.Future[bool]]] = deque()
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def of(self, intake: Intake, name: ConnectionName, received: Received) -> bool:
        """Hand a delivery over, and wait for what the intake says of it. Raises Full."""
        self._loop = asyncio.get_running_loop()
        waiting: asyncio.Future[bool] = self._loop.create_future()
        future = intake.submit(name, received, self._wake)
        # Before `_tell` runs in this loop the callback stands, however early the commit was.
        future.add_done_callback(lambda done: self._said.append((done, waiting)))
        try:
            return await waiting
        except asyncio.CancelledError:
            future.cancel()
            raise

    def _wake(self) -> None:
        # Set before the wake-up and cleared before the reading: what is added in between is read or wakes anew.
        if self._loop is not None and not self._woken:
            self._woken = True
            # A loop that has ended has nobody left to tell.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._woken = False
        while self._said:
            done, waiting = self._said.popleft()
            if waiting.done():
                continue
            error = done.exception() if not done.cancelled() else asyncio.CancelledError()
            if error is None:
                waiting.set_result(done.result())
            else:
                waiting.set_exception(error)


class OneLength:
    """Refuses a request that states its length in two ways: a proxy in front may believe the other one, and take the
    rest of the body for a request of somebody else (RFC 9112, 6.3)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = [name for name, _value in scope.get("headers", ())]
        if b"transfer-encoding" in named and b"content-length" in named:
            words = {"error": "the request has both a Content-Length and a Transfer-Encoding"}
            await JSONResponse(words, 400, {"connection": "close"})(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _greeted(host: Host, name: str, scope: Scope) -> Mapping[str, str] | None:
    """What is answered to somebody who asks whether it may send."""
    connected = host.engine.connections.get(ConnectionName(name))
    if connected is None or connected.receiver is None or not isinstance(connected.source, Greeter):
        return None
    return connected.source.greet(_headers(scope))


def _headers(scope: Scope) -> dict[str, str]:
    return {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}


async def _receive(host: Host, name: str, scope: Scope, receive: Receive, answers: Answers) -> tuple[bool, Received]:
    engine = host.engine
    connected = engine.connections.get(ConnectionName(name))
    if connected is None or connected.receiver is None:
        raise Refused(404, f"no connection named {name[:60]!r} takes webhooks here; see `connections` in tieline.yaml")
    headers = _headers(scope)
    body = await _body(headers, receive, engine.config.server.body_limit)
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    received = _understand(connected, connected.receiver, Delivery(headers, body, query), engine)
    try:
        new = await answers.of(host.intake, connected.name, received)
    except Full:
        raise Refused(503, "too many deliveries wait to be stored; come back", timedelta(seconds=2)) from None
    except StoreUnavailable as error:
        raise Refused(503, f"the store does not take writes: {error}", error.wait) from None
    return new, received


def _understand(connected: Connected, receiver: Receiver, delivery: Delivery, engine: Engine) -> Received:
    try:
        receiver.verify(delivery, engine.clock.now())
    except (NeedsOperator, LookupError) as error:
        # A secret that is referred to and not there: the sender is not to blame, and may come back.
        sentence = f"the webhook secret of {connected.name} cannot be had here; the log says why"
        raise Refused(503, sentence, timedelta(minutes=1), why=str(error)) from None
    except TryAgain as error:
        sentence = f"what proves the sender to {connected.name} is being fetched; send it again"
        raise Refused(503, sentence, error.wait or timedelta(seconds=5), why=str(error)) from None
    except Forged as error:
        sentence = "the signature or token does not prove the sender; check the webhook secret on both sides"
        raise Refused(401, sentence, why=str(error)) from None
    try:
        return receiver.parse(replace(delivery, body=plain(delivery.body)))
    except ValueError as error:
        raise Refused(400, f"not what {connected.kind.tool} sends: {error}") from None


async def _body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes:
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", ""):
        raise Refused(415, f"send the body as it is: content-encoding {encoding[:40]!r} is not taken")
    try:
        return await received(headers.get("content-length", ""), receive, limit, BODY_TIMEOUT)
    except BodyTooLarge:
        raise Refused(413, f"the body is larger than {limit} bytes (server.body_limit)") from None
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {BODY_TIMEOUT:.0f} s") from None

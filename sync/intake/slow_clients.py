"""The door: how long a connection may owe us a request, and how many may stand in it.

uvicorn waits without end for the headers of a first request, so that a few thousand silent connections would shut
everybody out. Here headers must be whole within ten seconds, and when the room is full the connection that has owed
us something for longest makes way for the new one: whoever asks is served, whoever only holds on is not.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from enum import Enum
from typing import Any, Final

import uvicorn
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

HEADER_TIMEOUT: Final = 10.0
"""Seconds from connecting, or from the first byte of a later request, to the end of its headers."""

IDLE_TIMEOUT: Final = 60
"""Seconds that a connection may be kept open between two requests."""

MOST_CONNECTIONS: Final = 1_500
"""Connections that are open at once; each costs one file handle."""

LARGEST_HEADERS: Final = 64 * 1024
"""Bytes of one request's headers, beside what comes in at one reading."""


class QuietServer(uvicorn.Server):
    """uvicorn's server, which looks up twice a second where uvicorn's own does so ten times: that was a third of what
    the daemon cost when nothing happened."""

    async def main_loop(self) -> None:
        tenths = 0
        while not await self.on_tick(tenths):
            await asyncio.sleep(0.5)
            tenths = (tenths + 5) % 864_000


class OneWrite:
    """The connection as one answer sees it: its head waits for its body, so that both are one call of the kernel, one
    packet, and one wake-up of whoever sends."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head: bytes | None = None
        self._begun = False

    def write(self, data: bytes) -> None:
        if not self._cycle.response_started or self._cycle.scope["method"] == "HEAD":
            # "100 Continue" comes before an answer and is waited for; and nothing comes behind the head alone.
            self._transport.write(data)
        elif not self._begun:
            self._begun, self._head = True, data
        else:
            self._transport.write((self._head or b"") + data)
            self._head = None

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        if self._head is not None:
            self._transport.write(self._head)
        self._transport.close()


class Part(Enum):
    """How far a request has come in."""

    HEADERS = "headers"
    BODY = "body"
    WHOLE = "whole"


class Door(HttpToolsProtocol):
    """One connection. It owes us something until a request, body and all, has come in."""

    header_timeout = HEADER_TIMEOUT
    most_connections = MOST_CONNECTIONS

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timer: asyncio.TimerHandle | None = None
        self._owes_since = 0.0
        self._part = Part.WHOLE
        self._answered = True
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self._make_room()
        _send_at_once(transport)
        super().connection_made(transport)
        self._owes_since = self.loop.time()
        self._time_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # The parser keeps a header, or a trailer, until it has come to its end, and tells of it only then.
        self._unread += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unread > LARGEST_HEADERS:
            self.send_400_response("The headers are too long.")
            return
        if self._awaits_headers:
            self._time_headers()
        else:
            self._stop_timer()

    def on_message_begin(self) -> None:
        self._part = Part.HEADERS
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind a body of chunks in the shape of a header is none: it proves nothing, and is not kept.
        if self._part is Part.HEADERS:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._part = Part.BODY
        self._answered = False
        self._unread = 0
        super().on_headers_complete()
        self.cycle.transport = OneWrite(self.cycle)  # type: ignore[assignment]  # all that an answer asks of one

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._part = Part.WHOLE
        self._unread = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._owes_since = self.loop.time()
        self._answered = not self.pipeline
        if self._answered and self._part is Part.BODY:
            # Answered before its body was in, and the rest of it interests nobody: it would be waited for without end.
            self.transport.close()
        super().on_response_complete()
        # A next request may have come in halfway behind this one: nothing else would begin to time it.
        if self._part is Part.HEADERS:
            self._time_headers()

    def show_out(self) -> None:
        """Close without an answer: there is no whole question yet."""
        self._stop_timer()
        self.transport.abort()

    @property
    def _awaits_headers(self) -> bool:
        """True also for empty lines between two requests, which begin none."""
        return self._answered and self._part is not Part.BODY

    @property
    def _owes(self) -> bool:
        return self._part is Part.BODY or self._answered

    def _time_headers(self) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(self.header_timeout, self.show_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_room(self) -> None:
        if len(self.connections) < self.most_connections:
            return
        owing = [one for one in self.connections if isinstance(one, Door) and one._owes]
        if owing:
            longest = min(owing, key=lambda one: one._owes_since)
            self.connections.discard(longest)
            longest.show_out()


def _send_at_once(transport: asyncio.Transport) -> None:
    """asyncio does this only for sockets that name their protocol, which those of `socket.create_server` do not. Then
    an answer's second packet waits for the first one's acknowledgement: 40 ms for every request of a kept connection.
    """
    opened = transport.get_extra_info("socket")
    if opened is not None:
        with suppress(OSError):
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

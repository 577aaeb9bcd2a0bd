"""The door: how long a connection may owe us a request, and how many may stand in it.

uvicorn waits without end for the headers of a first request, so that a few thousand silent connections would shut
everybody out. Here headers must be whole within ten seconds, and when the room is full the connection that has owed
us something for longest makes way for the new one: whoever asks is served, whoever only holds on is not.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEADER_TIMEOUT: Final = 10.0
"""Seconds from connecting, or from the first byte of a later request, to the end of its headers."""

IDLE_TIMEOUT: Final = 60
"""Seconds that a connection may be kept open between two requests."""

MOST_CONNECTIONS: Final = 1_500
"""Connections that are open at once; each costs one file handle."""

LARGEST_HEADERS: Final = 64 * 1024
"""Bytes of one request's headers."""


class Door(H11Protocol):
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
        super().data_received(data)
        if self._awaits_headers:
            self._time_headers()
        else:
            self._stop_timer()

    def on_response_complete(self) -> None:
        self._owes_since = self.loop.time()
        super().on_response_complete()
        # A next request may have come in halfway behind this one: nothing else would begin to time it.
        if self._awaits_headers and self.conn.trailing_data[0]:
            self._time_headers()

    def show_out(self) -> None:
        """Close without an answer: there is no whole question yet."""
        self._stop_timer()
        self.transport.abort()

    @property
    def _awaits_headers(self) -> bool:
        return self.conn.their_state is h11.IDLE

    @property
    def _owes(self) -> bool:
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

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

"""Around all that is served: what was asked for is counted, and whether it works is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.core.errors import StoreUnavailable
from tieline.sync.api.metrics import Metrics
from tieline.sync.daemon.pulse import Pulse


class Routed(Protocol):
    """An application that knows how its parts are called."""

    def route(self, scope: Scope) -> str:
        """Where a request goes: one of not many."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Measured:
    """Serves whatever `served` answers at the moment."""

    def __init__(self, served: Callable[[], Routed], metrics: Metrics, pulse: Pulse) -> None:
        self._served, self._metrics, self._pulse = served, metrics, pulse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        served = self._served()
        if scope["type"] != "http":
            await served(scope, receive, send)
            return
        is_probe = scope["path"] == "/readyz"
        route, began = "/readyz" if is_probe else served.route(scope), time.perf_counter()

        async def count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(route, message["status"], time.perf_counter() - began)
            await send(message)

        application: ASGIApp = self._ready if is_probe else served
        await application(scope, receive, count)

    async def _ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Whether the store answers, which says no more to a stranger."""
        try:
            await asyncio.to_thread(self._pulse.feel)
        except StoreUnavailable:
            await JSONResponse({"ready": False}, 503)(scope, receive, send)
            return
        await JSONResponse({"ready": True})(scope, receive, send)

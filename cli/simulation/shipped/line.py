"""The line between an adapter and its simulator: what is asked passes through here, and what goes wrong on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Protocol

from tieline.adapters.memory.faults import Fault, Faults
from tieline.adapters.testing.simulation import LOST, Request, Response, Simulator
from tieline.cli.simulation.fate import Cut, Death, Killed, Page

PROXY_PAGE: Final = b"<html><head><title>Sign in</title></head><body>Your session has ended.</body></html>"
MINUTE: Final = 60.0


class Seat(Protocol):
    """What a line needs of the tool at its end."""

    simulator: Simulator
    faults: Faults

    def verb(self, request: Request) -> str:
        """Which of the port's verbs a request serves: read, changes, find, create, update …"""
        ...

    def before(self, verb: str, request: Request) -> None:
        """What people do while a request is on its way."""
        ...

    def after(self, verb: str, request: Request, response: Response) -> None:
        """Count what was brought about."""
        ...


WRITES: Final = frozenset({"create", "update", "add_comment", "link", "acknowledge"})
"""The verbs that change something."""


class Line:
    """Answers like the simulator at its end, when the weather lets it."""

    def __init__(self, seat: Seat, elapsed: Callable[[], float]) -> None:
        self._seat = seat
        self._elapsed = elapsed
        self._calls: deque[float] = deque()
        self.busiest = 0
        """Most requests that came within one minute."""

    def answer(self, request: Request) -> Response:
        """One request, one response, or Killed."""
        self._count()
        verb = self._seat.verb(request)
        self._seat.before(verb, request)
        fault = self._seat.faults.next(verb, writes=verb in WRITES)
        if fault is not None and not fault.after_effect:
            return _failed(fault, request, None)
        response = self._seat.simulator.answer(request)
        if not response.lost:
            self._seat.after(verb, request, response)
        return response if fault is None else _failed(fault, request, response)

    def _count(self) -> None:
        now = self._elapsed()
        self._calls.append(now)
        while self._calls[0] <= now - MINUTE:
            self._calls.popleft()
        self.busiest = max(self.busiest, len(self._calls))


def _failed(fault: Fault, request: Request, response: Response | None) -> Response:
    """What comes over the line instead. Raises Killed when the process is gone."""
    match fault:
        case Death():
            raise Killed("while an answer was on its way")
        case Page():
            return Response(fault.status, {"content-type": "text/html; charset=utf-8"}, PROXY_PAGE)
        case Cut() if response is not None:
            return replace(response, body=response.body[: len(response.body) // 2])
        case Fault(status=0):
            return LOST
        case Fault(status=401):
            return Response.of(_quoting(request.headers.get("authorization", "")), 401)
        case _:
            return Response(fault.status, {"content-type": "application/json", **fault.headers}, b"{}")


def _quoting(credentials: str) -> dict[str, Any]:
    """A refusal that says what it refuses, in the words of every tool at once."""
    words = f"these credentials are not known: {credentials}"
    error = {"message": words, "detail": words, "code": 2006}
    return {"errorMessages": [words], "errors": {}, "error": error, "status": "failure"}

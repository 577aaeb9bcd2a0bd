"""The status page of a world: what everybody reads there, and what has been written to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from tieline.adapters.memory.faults import Faults
from tieline.adapters.statuspage.simulator import TOKEN, StatuspageSimulator
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import HttpxTransport, Request, Response, Simulator
from tieline.cli.simulation.shipped.line import Line
from tieline.cli.simulation.shipped.seat import Plug
from tieline.core.secrets import Secret

PAGE: Final = "page"
"""The connection."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stood on the page after a write of ours: by which token it is known, all that everybody reads of it, and
    when that was, by the clock and by the last entry of the journal."""

    token: str
    verb: str
    body: Mapping[str, str]
    at: datetime
    seq: int


class StatusPage:
    """One page, and the line to it. `last` says how far the journal is."""

    secrets: ClassVar[Mapping[str, Any]] = {"token": Secret.literal(TOKEN)}

    def __init__(self, clock: ManualClock, before_call: Callable[[], None], last: Callable[[], int]) -> None:
        self._board = StatuspageSimulator(clock.now)
        self.simulator: Simulator = self._board
        self.faults = Faults()
        self.written: list[Shown] = []
        self._clock, self._last = clock, last
        self._line = Line(self, clock.monotonic)
        self.transport = Plug(self._line, before_call, HttpxTransport)

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """All that stands there, newest first."""
        return self._board.incidents

    @property
    def busiest(self) -> int:
        """Most calls that came within one minute."""
        return self._line.busiest

    def verb(self, request: Request) -> str:
        """Which of the port's verbs a request serves."""
        rest = request.path.partition("/incidents")
        match request.method:
            case "POST":
                return "create"
            case "PATCH":
                return "update"
            case "GET" if rest[1]:
                return "read" if rest[2] else "changes"
            case _:
                return "ask"

    def before(self, verb: str, request: Request) -> None:
        """Nobody works there but we."""

    def after(self, verb: str, request: Request, response: Response) -> None:
        """Remember what stands there from now on."""
        if response.status < 300 and verb in ("create", "update"):
            name = request.path.rpartition("/")[2]
            found = self.incidents[0] if verb == "create" else self._board.find(name)
            if found is not None:
                self.written.append(Shown(token_of(found), verb, body_of(found), self._clock.now(), self._last()))

    def state(self) -> list[Any]:
        """All that stands there."""
        return [(one["id"], body_of(one), len(one["incident_updates"])) for one in self.incidents]


def token_of(incident: Mapping[str, Any]) -> str:
    """By what an incident of the page is known."""
    return str(incident["metadata"].get("tieline", {}).get("token", ""))


def body_of(incident: Mapping[str, Any]) -> dict[str, str]:
    """What everybody reads of an incident of the page."""
    newest = incident["incident_updates"][0]["body"]
    return {"name": incident["name"], "status": incident["status"], "impact": incident["impact"], "body": newest}

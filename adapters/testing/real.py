"""What a contract against a real server needs: a wire that can be cut and falsified, and a clock that can be wrong.

The wire is a simulator that asks the server, so that a `SimulatorDriver` has its faults and its ambushes on it:

    relay = Relay(httpx.Client(base_url=url), asked=("authorization", "content-type"), told=("content-type", "date"))
    Workbench(clock, sleep, HttpxTransport(relay), self.take)
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import httpx

from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request, Response, Simulator


class Relay(Simulator):
    """Passes requests on to a real server, with the headers that are `asked` of it, and answers with those that are
    `told`, all in lower case. A server whose answers tell no time is not `dated`: neither are faults, then."""

    def __init__(
        self, client: httpx.Client, *, asked: Collection[str], told: Collection[str], dated: bool = True
    ) -> None:
        super().__init__()
        self._client, self._asked, self._told, self._is_dated = client, asked, told, dated

    def respond(self, request: Request) -> Response:
        answer = self._client.request(
            request.method,
            request.path,
            params=list(request.pairs),
            headers={name: value for name, value in request.headers.items() if name in self._asked},
            content=request.body,
            auth=_as_it_is,
        )
        told = {name: answer.headers[name] for name in self._told if name in answer.headers}
        return Response(answer.status_code, told, answer.content)

    def _dated(self, response: Response) -> Response:
        return super()._dated(response) if self._is_dated else response


class MovedClock(ManualClock):
    """This machine's clock, so many seconds ahead; behind, where it is negative."""

    moved = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.moved)


def _as_it_is(request: httpx.Request) -> httpx.Request:
    """What proves the adapter is in its request, and nothing of the client's own is put beside it."""
    return request

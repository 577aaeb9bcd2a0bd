"""Alertmanager and Prometheus in a world: what fires, what is silenced, and what they have forgotten just now."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from tieline.adapters.alertmanager.simulated.notify import Webhook
from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.memory.faults import Faults
from tieline.adapters.prometheus.simulator import PrometheusSimulator
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import HttpxTransport, Request, Response, Simulator, requests_transport
from tieline.cli.simulation.alerts import Memory
from tieline.cli.simulation.shipped.clock import ToolClock
from tieline.cli.simulation.shipped.habits import Habitual
from tieline.cli.simulation.shipped.line import Line
from tieline.cli.simulation.shipped.seat import Plug
from tieline.core.episodes import Episode
from tieline.core.port import Delivery
from tieline.core.secrets import Secret

API_TOKEN: Final = "simulated-monitoring-token"  # noqa: S105 - opens nothing but the simulator
HOOK_TOKEN: Final = "simulated-monitoring-hook-token"  # noqa: S105 - the same

PAUSE: Final = timedelta(minutes=10)
"""For how long after its beginning an alert that fires again is one whose reports were late."""


@dataclass
class Firing:
    """An alert that fires, and which silences of ours keep it quiet."""

    labels: Mapping[str, str]
    silences: Callable[[], list[str]]

    @property
    def quiet(self) -> list[str]:
        return self.silences()


@dataclass
class Forgetting:
    """What a listing lacks for no reason, and for how long. Shared by all that monitor."""

    dice: random.Random
    memory: Memory = field(default_factory=Memory)
    forgotten: frozenset[str] = frozenset()

    def look(self, firing: Mapping[str, Any]) -> None:
        """Before each listing: it forgets all of what fires or most, and remembers after a few looks."""
        if self.forgotten:
            if self.dice.random() < 0.4:
                self.forgotten = frozenset()
        elif self.memory.loses():
            refs = sorted(firing)
            self.forgotten = frozenset(self.dice.sample(refs, self.dice.randint(len(refs) // 2, len(refs))))
        self.memory.forgot(self.forgotten & firing.keys())


class Monitoring(Habitual):
    """What both have in common; see `AlertTool` for the words."""

    secrets: ClassVar[Mapping[str, Any]]
    listing: ClassVar[str]
    quietens: ClassVar[bool]
    """Whether it can be told to be quiet."""
    simulator: Simulator

    def __init__(self, clock: ManualClock, before_call: Callable[[], None]) -> None:
        super().__init__()
        self.clock = ToolClock(clock)
        self.dice = random.Random(0)  # noqa: S311 - it makes faults, not secrets
        self.faults = Faults()
        self.subscribers: list[Callable[[Delivery], None]] = []
        self.firing: dict[str, Firing] = {}
        self.acts = 0
        self.forgetting = Forgetting(self.dice)
        self.line = Line(self, clock.monotonic)
        self.transport = Plug(self.line, before_call, self.mounted)

    @staticmethod
    def mounted(line: Any) -> Any:
        """What the adapter's library is given in place of the network."""
        raise NotImplementedError

    @property
    def busiest(self) -> int:
        return self.line.busiest

    @property
    def memory(self) -> Memory:
        return self.forgetting.memory

    @memory.setter
    def memory(self, memory: Memory) -> None:
        self.forgetting.memory = memory

    @property
    def forgotten(self) -> frozenset[str]:
        return self.forgetting.forgotten

    @forgotten.setter
    def forgotten(self, refs: frozenset[str]) -> None:
        self.forgetting.forgotten = refs

    @property
    def skew(self) -> timedelta:
        return self.clock.skew

    @skew.setter
    def skew(self, ahead: timedelta) -> None:
        self.clock.skew = ahead

    def fire(self, labels: Mapping[str, str]) -> str | None:
        """An alert begins; None when it fires already, or when it has no beginning of its own."""
        self.clock.tick()
        if any(one.labels == labels for one in self.firing.values()):
            return None
        ref = self._begin(labels)
        self.firing[ref] = Firing(dict(labels), lambda: self._silences(ref))
        self._told()
        return ref

    def end(self, ref: str) -> None:
        """The condition no longer holds."""
        self.clock.tick()
        self._end(ref)
        del self.firing[ref]
        self._told()

    def forged(self, delivery: Delivery) -> Delivery:
        return Delivery({**delivery.headers, "authorization": f"Bearer {HOOK_TOKEN[::-1]}"}, delivery.body)

    # What the line asks

    def verb(self, request: Request) -> str:
        if request.path == self.listing:
            return "changes"
        return "acknowledge" if request.method in ("POST", "DELETE") else "ask"

    def before(self, verb: str, request: Request) -> None:  # noqa: ARG002 - the same for every request
        self.clock.tick()
        if verb == "changes":
            self.forgetting.look(self.firing)

    def after(self, verb: str, request: Request, response: Response) -> None:  # noqa: ARG002 - the same for every request
        self.acts += verb == "acknowledge" and response.status < 300

    def _begin(self, labels: Mapping[str, str]) -> str:
        raise NotImplementedError

    def _end(self, ref: str) -> None:
        raise NotImplementedError

    def _told(self) -> None:
        """Whoever takes webhooks hears of it."""

    def _silences(self, ref: str) -> list[str]:  # noqa: ARG002 - for those that have some
        return []


class _Amnesiac(AlertmanagerSimulator):
    """An Alertmanager whose answers lack what its desk says is forgotten."""

    hides: Callable[[], frozenset[str]] = frozenset
    pauses: bool
    """Whether reports are late now and then: what fires on was taken for ended, and has the beginning that it had."""

    def respond(self, request: Request) -> Response:
        with self._without(self.hides()):
            return super().respond(request)

    @contextmanager
    def _without(self, refs: frozenset[str]) -> Iterator[None]:
        prints = {Episode.parse(ref).fingerprint for ref in refs}
        hidden = {name: self.state.alerts.pop(name) for name in sorted(prints & self.state.alerts.keys())}
        try:
            yield
        finally:
            self.state.alerts.update(hidden)


class AlertmanagerDesk(Monitoring):
    """Alertmanager, whose webhook tells of groups, and whose silences make it quiet."""

    secrets: ClassVar = {"bearer_token": Secret.literal(API_TOKEN), "webhook_token": Secret.literal(HOOK_TOKEN)}
    listing = "/api/v2/alerts"
    quietens = True
    simulator: _Amnesiac

    def __init__(self, clock: ManualClock, before_call: Callable[[], None]) -> None:
        super().__init__(clock, before_call)
        hook = Webhook("https://tieline.example/hooks/alerts", {"authorization": f"Bearer {HOOK_TOKEN}"})
        self.simulator = _Amnesiac(self.clock.now, webhook=hook, credentials=f"Bearer {API_TOKEN}", post=self._post)
        self.simulator.hides, self.simulator.pauses = lambda: self.forgotten, False
        self._began: dict[frozenset[tuple[str, str]], datetime] = {}

    @staticmethod
    def mounted(line: Any) -> Any:
        return HttpxTransport(line)

    def _begin(self, labels: Mapping[str, str]) -> str:
        before = self._began.get(frozenset(labels.items())) if self.simulator.pauses else None
        recent = before is not None and timedelta(0) <= self.clock.now() - before < PAUSE
        made = self.simulator.fire(labels, {"summary": "something is wrong"}, starts=before if recent else None)
        self._began[frozenset(labels.items())] = made.started
        return made.ref

    def _end(self, ref: str) -> None:
        self.simulator.resolve(ref)

    def _told(self) -> None:
        self.simulator.flush()

    def _post(self, _url: str, headers: Mapping[str, str], body: bytes) -> int:
        # Taken by the post of the world, which delivers it late, twice or never, as Alertmanager's own repeating would.
        for subscriber in self.subscribers:
            subscriber(Delivery({name.lower(): value for name, value in headers.items()}, body))
        return 200

    def _silences(self, ref: str) -> list[str]:
        alert = self.simulator.state.alerts.get(Episode.parse(ref).fingerprint)
        return self.simulator.state.silenced_by(alert, self.clock.now()) if alert is not None else []


class HeardDesk(AlertmanagerDesk):
    """Alertmanager where nobody can reach its API: all that is known of it is what its webhooks say."""

    secrets: ClassVar = {"webhook_token": Secret.literal(HOOK_TOKEN)}
    quietens = False


class _Partial(PrometheusSimulator):
    """A Prometheus whose answers lack what its desk says is forgotten."""

    hides: Callable[[], frozenset[str]] = frozenset

    def respond(self, request: Request) -> Response:
        hidden = {key: alert for key, alert in self.alerts.items() if alert.ref in self.hides()}
        whole, self.alerts = self.alerts, {key: one for key, one in self.alerts.items() if key not in hidden}
        try:
            return super().respond(request)
        finally:
            self.alerts = whole


class PrometheusDesk(Monitoring):
    """Prometheus alone: it is polled, and cannot be told anything."""

    secrets: ClassVar = {"bearer_token": Secret.literal(API_TOKEN)}
    listing = "/api/v1/alerts"
    quietens = False
    simulator: _Partial

    def __init__(self, clock: ManualClock, before_call: Callable[[], None]) -> None:
        super().__init__(clock, before_call)
        self.simulator = _Partial(self.clock.now, credentials=f"Bearer {API_TOKEN}")
        self.simulator.hides = lambda: self.forgotten

    @staticmethod
    def mounted(line: Any) -> Any:
        return requests_transport(line)

    def _begin(self, labels: Mapping[str, str]) -> str:
        return str(self.simulator.fire(labels, {"summary": "something is wrong"}))

    def _end(self, ref: str) -> None:
        self.simulator.resolve(ref)

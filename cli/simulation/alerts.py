"""A source of signals for simulations: alerts that fire, end and fire again, in Alertmanager's shape.

Its adapter keeps the firing episodes in the cursor, as those of real sources without a change feed do.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self, TypeVar

from tieline.adapters.alertmanager.alert import ended, reading
from tieline.adapters.memory.faults import Faults
from tieline.cli.simulation.tickets import interrupted
from tieline.core.episodes import Episode, Firing, fingerprint, moment_text, pages
from tieline.core.errors import Forged, Gone, RemoteError
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, RecordKind
from tieline.core.port import (
    Act,
    AdapterKind,
    ConnectionSettings,
    Cursor,
    Delivery,
    Health,
    Hint,
    Page,
    Power,
    Reading,
    Received,
    Ref,
    Token,
    Workbench,
)

T = TypeVar("T")
SECRET: Final = "the webhook's secret"  # noqa: S105 - it guards a list in this process


@dataclass
class Alert:
    """One episode."""

    episode: Episode
    labels: Mapping[str, str]
    quiet: dict[str, datetime] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {
            "labels": dict(self.labels),
            "annotations": {"summary": "something is wrong"},
            "startsAt": moment_text(self.episode.started),
            "endsAt": None,
            "fingerprint": self.episode.fingerprint,
            "status": {"state": "suppressed" if self.quiet else "active", "silencedBy": sorted(self.quiet)},
        }


@dataclass
class Memory:
    """What the world does to the monitoring's memory: asked at each listing. `loses` is whether it forgets just now,
    and `forgot` hears of every listing with what is missing from it for no reason. By itself it forgets nothing."""

    loses: Callable[[], bool] = lambda: False
    forgot: Callable[[frozenset[str]], None] = lambda _missing: None


class AlertTool:
    """The monitoring itself: what fires now, and nothing else. What it has forgotten fires on, and is neither listed
    nor known when it is asked for, until it remembers."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.memory = Memory()
        self.dice = random.Random(0)  # noqa: S311 - it makes faults, not secrets
        self.forgotten: frozenset[str] = frozenset()
        self.skew = timedelta(0)
        self.faults = Faults()
        self.firing: dict[str, Alert] = {}
        self.subscribers: list[Callable[[Delivery], None]] = []
        self.acts = 0
        self.before_call: Callable[[], None] = lambda: None
        self._sent = 0

    secrets: ClassVar[Mapping[str, Any]] = {}
    busiest = 0
    quietens = True
    """Whether it can be told to be quiet."""

    @property
    def transport(self) -> Self:
        """Its adapter speaks to it as it is."""
        return self

    def now(self) -> datetime:
        return self.clock() + self.skew

    def forged(self, delivery: Delivery) -> Delivery:
        """The same delivery with a proof that is none."""
        return Delivery({**delivery.headers, "authorization": SECRET[::-1]}, delivery.body)

    def fire(self, labels: Mapping[str, str]) -> Ref | None:
        """An alert begins; None when it fires already, or began and ended within this millisecond."""
        episode = Episode(fingerprint(labels), self.now().replace(microsecond=self.now().microsecond // 1000 * 1000))
        if any(one.episode.fingerprint == episode.fingerprint for one in self.firing.values()):
            return None
        self.firing[episode.ref] = Alert(episode, dict(labels))
        self._tell(self.firing[episode.ref].body())
        return episode.ref

    def listing(self) -> list[Alert]:
        """What it says that fires. Now and then it has forgotten all of it or most, and remembers after a few looks."""
        if self.forgotten:
            if self.dice.random() < 0.4:
                self.forgotten = frozenset()
        elif self.memory.loses():
            firing = sorted(self.firing)
            self.forgotten = frozenset(self.dice.sample(firing, self.dice.randint(len(firing) // 2, len(firing))))
        self.memory.forgot(self.forgotten & self.firing.keys())
        return [one for ref, one in self.firing.items() if ref not in self.forgotten]

    def knows(self, ref: str) -> bool:
        """Whether it says, when it is asked for this one, that it fires."""
        return ref in self.firing and ref not in self.forgotten

    def end(self, ref: str) -> None:
        """An alert ends."""
        over = self.firing.pop(ref)
        self._tell({**over.body(), **ended(over.episode, self.now())})

    def _tell(self, body: Mapping[str, Any]) -> None:
        self._sent += 1
        told = json.dumps({"id": f"alerts-{self._sent}", "alert": body}).encode()
        for subscriber in self.subscribers:
            subscriber(Delivery({"authorization": SECRET}, told))


class AlertSource:
    """The adapter."""

    def __init__(self, name: ConnectionName, tool: AlertTool, workbench: Workbench) -> None:
        self._name = name
        self._workbench = interrupted(workbench, tool.before_call)
        self._tool = tool

    def check(self) -> Health:
        return Health("simulated", "1", clock_skew=self._ask("check", lambda: self._tool.skew))

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        before = Firing.unpack(since)
        found = self._ask("changes", lambda: [self._reading(one) for one in self._tool.listing()])
        over = [reading(ended(episode, self._tool.now())) for episode in before.missing(found)]
        for number, page in enumerate(pages(before, before.changed(found), over, 3)):
            if number:
                self._tool.faults.turn_page()
                self._ask("changes", lambda: None)
            yield page

    def read(self, ref: Ref) -> Reading:
        def look() -> Reading:
            if not self._tool.knows(ref):
                raise Gone(self._name, f"{ref} does not fire any more")
            return self._reading(self._tool.firing[ref])

        return self._ask("read", look)

    def verify(self, delivery: Delivery, now: datetime) -> None:  # noqa: ARG002 - a delivery does not tell its time
        if delivery.headers.get("authorization") != SECRET:
            raise Forged(self._name, "it does not carry the secret")

    def parse(self, delivery: Delivery) -> Received:
        told = json.loads(delivery.body)
        found = reading(told["alert"])
        return Received(told["id"], (Hint(found.ref, found),))

    def acknowledge(self, ref: Ref, act: Act, *, until: datetime, note: str, token: Token) -> str:  # noqa: ARG002 - nobody reads its notes
        def do() -> str:
            if act is Act.ACKNOWLEDGE and not self._tool.knows(ref):
                raise Gone(self._name, f"{ref} does not fire any more")
            self._tool.acts += 1
            if ref in self._tool.firing:
                quiet = self._tool.firing[ref].quiet
                if act is Act.ACKNOWLEDGE:
                    quiet[token] = until
                else:
                    quiet.clear()
            return token if act is Act.ACKNOWLEDGE else ""

        return self._ask("acknowledge", do, writes=True)

    def _reading(self, alert: Alert) -> Reading:
        return reading(alert.body(), max(self._tool.now() - alert.episode.started, timedelta(0)))

    def _ask(self, verb: str, act: Callable[[], T], *, writes: bool = False) -> T:
        self._workbench.spend()
        fault = self._tool.faults.next(verb, writes=writes)
        if fault is None:
            return act()
        if fault.after_effect:
            with suppress(RemoteError):  # whatever it said, the answer is lost
                act()
        raise fault.error(self._name, verb, writes=writes, now=self._tool.clock())


def _connect(name: ConnectionName, settings: ConnectionSettings, workbench: Workbench) -> AlertSource:  # noqa: ARG001 - it has no settings of its own
    return AlertSource(name, workbench.transport, workbench)


KIND: Final = AdapterKind(
    tool="simulated-alerts",
    record=RecordKind.SIGNAL,
    settings=ConnectionSettings,
    connect=_connect,
    powers=frozenset({Power.RECEIVE, Power.ACKNOWLEDGE}),
    mapping="alertmanager-alert",
    calls_per_minute=60_000,
)


class AlertsPlugin:
    """Registers the source."""

    @hookimpl
    def tieline_adapters(self) -> list[AdapterKind]:
        return [KIND]

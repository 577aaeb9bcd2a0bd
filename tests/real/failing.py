"""Daemons that are each broken in one way, as the alert rules mean it: real ones, on sockets, with their own metrics.

Between memory tools and a simulated Alertmanager, so that what happens is the daemon's doing and not a copy of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select, text
from tests.real.servers import until

from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.memory.faults import Fault
from tieline.adapters.memory.tool import MemoryTool
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core import timers, tokens
from tieline.core.access import Role
from tieline.core.clock import SystemClock
from tieline.core.config import load_text
from tieline.core.desk import Desk
from tieline.core.events import Opened
from tieline.core.hooks import hookimpl
from tieline.core.identity import Someone
from tieline.core.model import ConnectionName, Signal
from tieline.core.offer import Due, Follower, Offer, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.plugins import Plugin, find_plugins
from tieline.core.projections import Happened
from tieline.core.registry import Registry
from tieline.core.store import tables as t
from tieline.core.tokens import Terms
from tieline.sync.api.serving import Web
from tieline.sync.daemon.daemon import Daemon
from tieline.sync.daemon.lane import LaneState
from tieline.sync.intake.intake import Intake
from tieline.sync.work.worker import Worker

SECRET = "a shared secret of the failing daemons"
SECRET_NAME = "TIELINE_FAILING_HOOK"
LATER = timedelta(minutes=10)
"""By how much a daemon's clock is put forward, where something has to have waited."""

SERVED = "web: {listen: '127.0.0.1:0'}"
MANUAL = ", overlay: overlay.yaml"

CONFIG = """\
tieline: 1
server: {{listen: '127.0.0.1:0'}}
poll_every: {poll_every}
stop_within: 5s
signals: {{doubt_from: 3}}
connections:
  left: {{tool: memory, opens: true, webhook_secret: {{env: {secret}}}{left}}}
  right: {{tool: memory, opens: true{right}}}
  alerts: {{tool: alertmanager, url: 'http://alertmanager.test', restart_grace: 0}}
{more}
"""


class Hurried(SystemClock):
    """The machine's clock, and how far it was put forward."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Rings(PluginEvent, kind="late.rang"):
    """it rang"""


class Hangs:
    """A plugin that does not come back from what it looks at, until it is stopped."""

    def __init__(self, stuck: threading.Event) -> None:
        self._stuck = stuck

    def looks(self, _desk: Desk, _happened: Happened) -> None:
        self._stuck.wait()

    @hookimpl
    def tieline_offer(self) -> Offer:
        return Offer("behind", "It looks.", followers=(Follower("look", (Opened,), self.looks),))


class Late(Hangs):
    """The same of a timer."""

    def rings(self, _desk: Desk, _due: Due) -> None:
        self._stuck.wait()

    @hookimpl
    def tieline_offer(self) -> Offer:
        return Offer("late", "It rings.", events=(Rings,), timers=(TimerKind("ring", self.rings),))


class Broken:
    """A plugin that knows of no alert where it belongs."""

    @hookimpl
    def tieline_group_key(self, signal: Signal) -> str | None:
        raise ValueError(f"no idea where {signal} belongs")


@dataclass
class Patient:
    """One daemon and what it works on. `stuck` holds up whatever waits for it until the daemon stops."""

    folder: Path
    clock: Hurried = field(default_factory=Hurried)
    left: MemoryTool = field(default_factory=lambda: MemoryTool(webhook_secret=SECRET))
    right: MemoryTool = field(default_factory=MemoryTool)
    alerts: AlertmanagerSimulator = field(default_factory=AlertmanagerSimulator)
    stuck: threading.Event = field(default_factory=threading.Event)
    plugins: Sequence[Plugin] = ()
    daemon: Daemon = field(init=False)
    words: str = ""
    """What its file says."""
    worker: Worker | None = None
    web: Web | None = None

    def start(self, *, poll_every: str = "1s", left: str = "", right: str = "", more: str = "") -> None:
        file = self.folder / "tieline.yaml"
        self.words = CONFIG.format(poll_every=poll_every, secret=SECRET_NAME, left=left, right=right, more=more)

        def provide(allowed: Any, findings: Any) -> Registry:
            return Registry([*find_plugins(allowed, findings), *self.plugins], findings=findings)

        self.load = lambda: load_text(self.words, file, provide)
        self.daemon = Daemon(
            self.load,
            clock=self.clock,
            transports={"left": self.left, "right": self.right, "alerts": HttpxTransport(self.alerts)},
        )
        self.daemon.start()

    def wait(self) -> None:
        """Until everything that can be read was read."""
        mine = ("left", "right", "alerts")
        until("the daemon works", lambda: all(self.state(name) is LaneState.WORKING for name in mine))

    def works(self) -> None:
        """Plugins do what they do by themselves from now on."""
        self.worker = Worker(self.load, clock=self.clock)
        self.worker.start()

    def serves(self) -> None:
        """The console and the API are there, and they are what Prometheus looks at."""
        self.web = Web(self.load, lambda _config, _someone: True, lambda _config: "", clock=self.clock)
        self.web.start()

    def stop(self) -> None:
        self.stuck.set()
        for one in (self.worker, self.web):
            if one is not None:
                one.stop()
        self.daemon.stop()

    def state(self, name: str) -> LaneState:
        return self.daemon.health()[ConnectionName(name)].state

    @property
    def target(self) -> str:
        """Where Prometheus finds its metrics."""
        return (self.daemon if self.web is None else self.web).address.removeprefix("http://")

    def is_looked_at(self) -> bool:
        """Whether a plugin has begun to look at what happens."""
        with self.daemon.engine.store.read() as connection:
            return connection.execute(select(t.follower.c.name)).first() is not None

    def token(self) -> str:
        """What opens the metrics of what is served."""
        ann = Someone("ann", "os:ann@here")
        terms = Terms("metrics", Role.VIEWER, (), None, self.clock.now() + timedelta(days=1))
        with self.daemon.engine.store.write() as tx:
            return tokens.issue(tx, ann, terms, at=self.clock.now(), actor=ann)[1]

    def call(self, path: str, token: str) -> int:
        """The status that a call with this token is answered."""
        assert self.web is not None
        headers = {"authorization": f"Bearer {token}"}
        return httpx.get(f"{self.web.address}{path}", headers=headers, trust_env=False, timeout=20).status_code

    def hook(self, ref: str, *, forged: bool = False) -> int:
        """The webhook that the left tool sends about a record, and the answer's status."""
        delivery = self.left.webhook(ref)
        body = delivery.body + (b" " if forged else b"")
        url = f"{self.daemon.address}/hooks/left"
        return httpx.post(url, content=body, headers=dict(delivery.headers), trust_env=False, timeout=20).status_code

    def synced(self) -> str:
        """A ticket that is in both tools."""
        before = len(self.right.rows())
        row = self.left.make({"title": "In both", "status": "new"})
        until("the ticket is in both tools", lambda: len(self.right.rows()) > before)
        return row.ref

    def disk(self, *, full: bool) -> None:
        """From now on there is no room for another page of the store, or there is."""
        with self.daemon.engine.store.write() as tx:
            pages = tx.execute(text("PRAGMA page_count")).scalar_one()
            tx.execute(text(f"PRAGMA max_page_count={pages if full else 1_000_000}"))

    def hold_up(self, tool: MemoryTool, verb: str) -> Callable[[], bool]:
        """The tool answers no more of such calls. What is answered says whether one waits."""
        asked = threading.Event()

        def draw(name: str, _writes: bool) -> Fault | None:
            if name == verb:
                asked.set()
                self.stuck.wait()
            return None

        tool.faults.draw = draw
        return asked.is_set


def healthy(one: Patient) -> None:
    """It works: a ticket goes over, an alert raises one and ends, a webhook is taken."""
    ref = one.alerts.fire({"alertname": "DiskFull", "instance": "db1"}).ref
    until("the alert's ticket is there", one.left.rows)
    one.alerts.resolve(ref)
    assert one.hook(one.synced()) == 202


def dead(one: Patient) -> None:
    one.daemon.stop()


def full_disk(one: Patient) -> None:
    """Small writes in place still succeed, as they do on a real disk; what comes in finds no room: it is larger than
    whatever was freed before, which may be a good deal."""
    one.disk(full=True)
    one.left.make({"title": "What does not fit", "description": "x" * 500_000, "status": "new"})


def late_delivery(one: Patient) -> None:
    waits = one.hold_up(one.right, "create")
    one.left.make({"title": "Nobody takes it", "status": "new"})
    until("the ticket is on its way", waits)
    one.clock.ahead = LATER


def late_inbox(one: Patient) -> None:
    waits = one.hold_up(one.left, "read")
    one.hook(one.left.make({"title": "Nobody reads it", "status": "new"}).ref)
    until("the record is asked for", waits)
    one.clock.ahead = LATER


def parked(one: Patient) -> None:
    one.right.faults.draw = lambda verb, _writes: Fault(status=400) if verb == "create" else None
    one.left.make({"title": "Never taken", "status": "new"})


def doubted(one: Patient) -> None:
    for number in range(4):
        one.alerts.fire({"alertname": "DiskFull", "instance": f"db{number}"})
    until("their tickets are there", lambda: len(one.left.rows()) == 4)
    one.alerts.restart()
    one.alerts.api.started -= timedelta(days=1)


def unheeded(one: Patient) -> None:
    one.alerts.fire({"alertname": "DiskFull", "instance": "db1"})
    until("its ticket is there", one.left.rows)
    [row] = one.left.rows()
    one.left.edit(row.ref, status="resolved")


def conflict(one: Patient) -> None:
    """Two people say different things at once, where the policy is that a person decides."""
    one.left.edit(one.synced(), title="What one says")
    one.right.edit(one.right.rows()[0].ref, title="What the other says")


def silent(one: Patient) -> None:
    """What is found by one poll is not found again by the next: silence is not a matter of one poll."""
    one.hook(one.synced())
    one.clock.ahead = LATER
    one.left.make({"title": "Nobody announced it", "status": "new"})


def forged(one: Patient) -> None:
    row = one.left.make({"title": "Somebody tries", "status": "new"})
    assert {one.hook(row.ref, forged=True) for _ in range(10)} == {401}


def overloaded(one: Patient) -> None:
    row = one.left.make({"title": "Too much", "status": "new"})
    whole, one.daemon.intake = one.daemon.intake, Intake(one.daemon.engine, size=0)
    assert one.hook(row.ref) == 503
    one.daemon.intake = whole
    assert one.hook(row.ref) == 202


def broken_plugin(one: Patient) -> None:
    for number in range(5):
        one.alerts.fire({"alertname": "DiskFull", "instance": f"db{number}"})


def behind(one: Patient) -> None:
    until("the plugin looks", one.is_looked_at)
    one.left.make({"title": "Nobody looks", "status": "new"})
    until("something happened that it is to look at", lambda: one.right.rows())
    one.clock.ahead = LATER


def late_timers(one: Patient) -> None:
    due = one.clock.now()
    with one.daemon.engine.store.write() as tx:
        for number in range(2):
            timers.set_timer(tx, f"late {number}", "late.ring", due, {})
    one.clock.ahead = LATER


def failing_web(one: Patient) -> None:
    token = one.token()
    with one.daemon.engine.store.write() as tx:
        tx.execute(text("ALTER TABLE incident RENAME TO elsewhere"))
    fails = [one.call("/api/v1/incidents", token)]
    time.sleep(3)  # a counter that was never seen does not increase
    fails += [one.call("/api/v1/incidents", token) for _ in range(10)]
    assert min(fails) >= 500, fails


def strangers(one: Patient) -> None:
    """Somebody guesses for as long as it takes: of one address few are looked at in a minute."""
    refused = 0

    def guess() -> bool:
        nonlocal refused
        refused += one.call("/api/v1/incidents", f"tl_{refused:012x}_{'0' * 64}") == 401
        return refused > 22

    until("many were refused", guess)


def refused_reload(one: Patient) -> None:
    one.words += "connectoins: {}\n"
    assert not one.daemon.reload()


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes wrong with one daemon, and the rule that is for it."""

    rule: str
    befalls: Callable[[Patient], None] = lambda _one: None
    options: Mapping[str, str] = field(default_factory=dict)
    plugin: Callable[[threading.Event], object] | None = None
    is_of_web: bool = False


FAILURES: Mapping[str, Failure] = {
    "healthy": Failure("", healthy),
    "dead": Failure("TielineDown", dead),
    "full disk": Failure("TielineStoreDown", full_disk),
    "never reached": Failure(
        "TielineConnectionDown", options={"more": "  graphs: {tool: prometheus, url: 'http://127.0.0.1:9'}"}
    ),
    "late delivery": Failure("TielineDeliveryBehind", late_delivery),
    "late inbox": Failure("TielineInboxBehind", late_inbox, {"poll_every": "1h"}),
    "parked": Failure("TielineParked", parked),
    "doubted": Failure("TielineEndsDoubted", doubted),
    "unheeded": Failure("TielineResolvedWhileFiring", unheeded),
    "conflict": Failure("TielineConflicts", conflict, {"left": MANUAL, "right": MANUAL}),
    "silent": Failure("TielineWebhooksSilent", silent, {"left": ", webhook_silence: 1m"}),
    "forged": Failure("TielineForgedDeliveries", forged),
    "overloaded": Failure("TielineOverloaded", overloaded),
    "broken plugin": Failure("TielinePluginSetAside", broken_plugin, plugin=lambda _stuck: Broken()),
    "refused reload": Failure("TielineReloadRefused", refused_reload),
    "nobody serves": Failure("TielineRoleMissing", options={"more": f"{SERVED[:-1]}, beside_run: true}}"}),
    "plugin behind": Failure("TielinePluginBehind", behind, plugin=Hangs),
    "late timers": Failure("TielineTimersLate", late_timers, plugin=Late),
    "failing web": Failure("TielineWebFails", failing_web, {"more": SERVED}, is_of_web=True),
    "strangers": Failure("TielineSignInsRefused", strangers, {"more": SERVED}, is_of_web=True),
}


@contextmanager
def patients(folder: Path) -> Iterator[Mapping[str, Patient]]:
    """A daemon at work for each failure, which nothing has befallen yet."""
    with ExitStack() as stack:
        made: dict[str, Patient] = {}
        for name, failure in FAILURES.items():
            (folder / name).mkdir()
            (folder / name / "overlay.yaml").write_text("policy: {title: manual}\n", encoding="utf-8")
            made[name] = one = Patient(folder / name)
            if failure.plugin is not None:
                one.plugins = [Plugin("its own", failure.plugin(one.stuck))]
            one.start(**failure.options)
            stack.callback(one.stop)
            if failure.is_of_web:
                one.serves()
            if failure.plugin in (Hangs, Late):
                one.works()
        for one in made.values():
            one.wait()
        yield made

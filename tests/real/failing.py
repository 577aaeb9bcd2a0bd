"""Daemons that are each broken in one way, as the alert rules mean it: real ones, on sockets, with their own metrics.

Between memory tools and a simulated Alertmanager, so that what happens is the daemon's doing and not a copy of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text
from tests.real.servers import until

from tieline.adapters.alertmanager.simulator import AlertmanagerSimulator
from tieline.adapters.memory.faults import Fault
from tieline.adapters.memory.tool import MemoryTool
from tieline.adapters.testing.simulation import HttpxTransport
from tieline.core.clock import SystemClock
from tieline.core.config import load_text
from tieline.core.hooks import hookimpl
from tieline.core.model import ConnectionName, Signal
from tieline.core.plugins import Plugin, find_plugins
from tieline.core.registry import Registry
from tieline.sync.daemon.daemon import Daemon
from tieline.sync.daemon.lane import LaneState
from tieline.sync.intake.intake import Intake

SECRET = "a shared secret of the failing daemons"
SECRET_NAME = "TIELINE_FAILING_HOOK"
LATER = timedelta(minutes=10)
"""By how much a daemon's clock is put forward, where something has to have waited."""

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

    def start(self, *, poll_every: str = "1s", left: str = "", right: str = "", more: str = "") -> None:
        file = self.folder / "tieline.yaml"
        self.words = CONFIG.format(poll_every=poll_every, secret=SECRET_NAME, left=left, right=right, more=more)

        def provide(allowed: Any, findings: Any) -> Registry:
            return Registry([*find_plugins(allowed, findings), *self.plugins], findings=findings)

        self.daemon = Daemon(
            lambda: load_text(self.words, file, provide),
            clock=self.clock,
            transports={"left": self.left, "right": self.right, "alerts": HttpxTransport(self.alerts)},
        )
        self.daemon.start()

    def wait(self) -> None:
        """Until everything that can be read was read."""
        mine = ("left", "right", "alerts")
        until("the daemon works", lambda: all(self.state(name) is LaneState.WORKING for name in mine))

    def stop(self) -> None:
        self.stuck.set()
        self.daemon.stop()

    def state(self, name: str) -> LaneState:
        return self.daemon.health()[ConnectionName(name)].state

    @property
    def target(self) -> str:
        """Where Prometheus finds its metrics."""
        return self.daemon.address.removeprefix("http://")

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


def refused_reload(one: Patient) -> None:
    one.words += "connectoins: {}\n"
    assert not one.daemon.reload()


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes wrong with one daemon, and the rule that is for it."""

    rule: str
    befalls: Callable[[Patient], None] = lambda _one: None
    options: Mapping[str, str] = field(default_factory=dict)


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
    "broken plugin": Failure("TielinePluginSetAside", broken_plugin),
    "refused reload": Failure("TielineReloadRefused", refused_reload),
}


@contextmanager
def patients(folder: Path) -> Iterator[Mapping[str, Patient]]:
    """A daemon at work for each failure, which nothing has befallen yet."""
    with ExitStack() as stack:
        made: dict[str, Patient] = {}
        for name, failure in FAILURES.items():
            (folder / name).mkdir()
            (folder / name / "overlay.yaml").write_text("policy: {title: manual}\n", encoding="utf-8")
            plugins = [Plugin("broken", Broken())] if name == "broken plugin" else []
            made[name] = one = Patient(folder / name, plugins=plugins)
            one.start(**failure.options)
            stack.callback(one.stop)
        for one in made.values():
            one.wait()
        yield made

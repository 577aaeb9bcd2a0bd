"""What goes on beside the alerts: acts over the API, timers, tables of plugins, a storm with all plugins, commands."""

from __future__ import annotations

import http.client
import json
import os
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import insert
from tests.sync.world import World

from benchmarks.alerts import SECRET
from benchmarks.figures import Figure, percentile
from benchmarks.filling import fill
from benchmarks.floors import commits_alone
from benchmarks.machine import resident
from benchmarks.stage import PATIENCE, Stage, free_port, stage
from benchmarks.storm import blow
from tieline.core import tokens
from tieline.core.access import Facts, Grant, Role
from tieline.core.arguments import Line
from tieline.core.identity import Someone, of_account
from tieline.core.offer import Due, Offer, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.plugins import installed
from tieline.core.store.store import Store
from tieline.core.timers import set_timer
from tieline.core.views import Views
from tieline.plugins.durations.plugin import Plugin as Durations
from tieline.plugins.durations.tables import STAMPED, STAMPS
from tieline.sync.api.stream import MOST_OF_A_TOKEN
from tieline.sync.office import projecting
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.work.turn import turn

EVERY: Final = 0.02
"""Seconds between two acts: 50 a second."""

CALLERS: Final = 4
ALERTS_NEED: Final = "[grouping, severity, measurement]"
SHIPPED: Final = "tieline.plugins."


AT: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)
LENGTHS: Final = {"detect": 7_919, "acknowledge": 104_729, "resolve": 15_485_863}


class Fired(PluginEvent, kind="bench.fired"):
    """a timer of the benchmark fired"""

    what: Line


def acts(acts_done: int, repeats: int) -> list[Figure]:
    """Edits of incidents over the API, 50 a second, beside a daemon that runs; from the moment that each is due."""
    took: list[tuple[float, ...]] = []
    for _ in range(repeats):
        port = free_port()
        with stage(top=f"web: {{listen: '127.0.0.1:{port}', calls_per_minute: 100000}}\n") as at:
            fill(at.database, 1_000)
            at.start()
            token = json.loads(tieline(at, "token", "issue", "bench", "--role", "responder", "--json"))["token"]
            with web(at, port):
                _edits(port, token, min(20, acts_done))
                took.append(tuple(_edits(port, token, acts_done)))
    floor = tuple(1e3 / commits_alone(400) for _ in range(repeats))
    what = f"act over the API at 50/s, of {acts_done}"
    return [
        Figure("floor.commit", "floor: a bare commit of one row, one after the other", "ms", floor),
        Figure("act.p50", f"{what}, p50", "ms", tuple(percentile(one, 0.5) for one in took), floor="floor.commit"),
        Figure("act.p95", f"{what}, p95", "ms", tuple(percentile(one, 0.95) for one in took), False, 25),
    ]


def _edits(port: int, token: str, count: int) -> list[float]:
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    began = time.perf_counter() + 0.05

    def call(caller: int) -> list[float]:
        took, connection = [], http.client.HTTPConnection("127.0.0.1", port)
        for number in range(caller, count, CALLERS):
            due = began + number * EVERY
            time.sleep(max(0.0, due - time.perf_counter()))
            changes = {"title": f"Edited at {due:.4f}"}
            body = json.dumps({"incident": f"INC-{number % 1_000 + 1}", "changes": changes})
            connection.request("POST", "/api/v1/edit", body, head)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"an act was answered {answer.status}: {said[:200]!r}")
            took.append((time.perf_counter() - due) * 1e3)
        connection.close()
        return took

    with ThreadPoolExecutor(CALLERS) as pool:
        return [one for took in pool.map(call, range(CALLERS)) for one in took]


OPEN_OF: Final = 500
"""One of so many incidents is open."""


def overview(incidents: int, calls: int, repeats: int) -> list[Figure]:
    """The overview over the API, beside what the same server takes to refuse whoever shows no token."""
    took: list[float] = []
    refused: list[float] = []
    with stage(top=f"web: {{listen: '127.0.0.1:{(port := free_port())}', calls_per_minute: 100000}}\n") as at:
        fill(at.database, incidents)
        with closing(sqlite3.connect(at.database)) as store, store:
            some = "UPDATE incident SET status = 'new', fields = replace(fields, 'resolved', 'new') WHERE id % ? = 0"
            store.execute(some, (OPEN_OF,))
        token = json.loads(tieline(at, "token", "issue", "bench", "--role", "responder", "--json"))["token"]
        with web(at, port):
            _gets(port, token, 5)
            for _ in range(repeats):
                refused.append(percentile(_gets(port, "", calls), 0.95))
                took.append(percentile(_gets(port, token, calls), 0.95))
    what = f"overview over {incidents:,} items, one in {OPEN_OF} open, p95"
    return [
        Figure("floor.refused", "floor: a call that is refused, p95", "ms", tuple(refused)),
        Figure("overview", what, "ms", tuple(took), False, 60, "floor.refused"),
    ]


def _gets(port: int, token: str, count: int) -> list[float]:
    head = {"Authorization": f"Bearer {token}"} if token else {}
    took, connection = [], http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(count):
        began = time.perf_counter()
        connection.request("GET", "/api/v1/overview", headers=head)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != (200 if token else 401):
            raise RuntimeError(f"the overview was answered {answer.status}: {said[:200]!r}")
        took.append((time.perf_counter() - began) * 1e3)
    connection.close()
    return took


def readers(counts: tuple[int, int], changes: int, repeats: int) -> list[Figure]:
    """Streams of one class that are open at once, few and many in one run: from a change's call to when its event is
    with a reader, over all readers and changes; and what they have the process hold."""
    took: dict[int, list[float]] = {count: [] for count in counts}
    held: list[float] = []
    for _ in range(repeats):
        port = free_port()
        with stage(top=f"web: {{listen: '127.0.0.1:{port}', calls_per_minute: 100000}}\n") as at:
            fill(at.database, 1_000)
            at.start()
            token = json.loads(tieline(at, "token", "issue", "bench", "--role", "responder", "--json"))["token"]
            issued = [_tokens(at, token, -(-count // MOST_OF_A_TOKEN)) for count in counts]
            with web(at, port) as pid:
                before = resident(pid)
                for count, shown in zip(counts, issued, strict=True):
                    took[count].append(percentile(_told(port, token, shown, count, changes), 0.95))
                held.append(resident(pid) - before)
    few, many = counts
    what = "a change to its event in the stream, p95"
    return [
        Figure("stream.few", f"{what}, {few} reader", "ms", tuple(took[few])),
        Figure(
            "stream.many", f"{what}, {many} readers of one class", "ms", tuple(took[many]), False, 1_000, "stream.few"
        ),
        Figure("stream.memory", f"resident memory for {many} readers", "MiB", tuple(held), False, 64),
    ]


def _tokens(at: Stage, owner: str, count: int) -> list[str]:
    """So many more tokens of whoever owns one."""
    with Store.open(f"sqlite:///{at.database}") as store, store.write() as tx:
        now = datetime.now(UTC)
        someone, _token = tokens.prove(tx._connection, owner, now)
        terms = tokens.Terms("bench", Role.VIEWER, (), None, now + timedelta(days=1))
        return [tokens.issue(tx, replace(someone, token=""), terms, at=now, actor=someone)[1] for _ in range(count)]


def _told(port: int, token: str, issued: list[str], count: int, changes: int) -> list[float]:
    """Milliseconds until each reader was told of each change."""
    took: list[float] = []
    with selectors.DefaultSelector() as selector, ExitStack() as opened:
        for number in range(count):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            shown = issued[number // MOST_OF_A_TOKEN]
            one.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shown}\r\n\r\n".encode())
            selector.register(one, selectors.EVENT_READ)
        _until_all(selector, count, b"retry: ")
        for number in range(changes):
            time.sleep(0.37 + 0.13 * (number % 5))  # whenever in the second between two looks
            began = time.perf_counter()
            _edits(port, token, 1)
            took += [(at - began) * 1e3 for at in _until_all(selector, count, b"event: changed")]
    return took


def _until_all(selector: selectors.BaseSelector, count: int, words: bytes) -> list[float]:
    """When each of so many streams said this."""
    heard: dict[int, float] = {}
    deadline = time.perf_counter() + PATIENCE
    while len(heard) < count:
        for key, _events in selector.select(1.0):
            said = key.fileobj.recv(1 << 16) if isinstance(key.fileobj, socket.socket) else b""
            if not said or (said.startswith(b"HTTP/1.1 ") and not said.startswith(b"HTTP/1.1 200 ")):
                raise RuntimeError(f"a stream ended, after {len(heard)} of {count}: {said[:200]!r}")
            if words in said:
                heard.setdefault(key.fd, time.perf_counter())
        if time.perf_counter() > deadline:
            raise RuntimeError(f"{count - len(heard)} of {count} streams did not say {words!r}")
    return list(heard.values())


@contextmanager
def web(at: Stage, port: int) -> Iterator[int]:
    """`tieline web` over a workspace, in a process of its own, whose number it is."""
    with (at.folder / "web.log").open("ab") as log:
        process = subprocess.Popen(command(at, "web", "--log", "json"), stdout=log, stderr=log, env=environment())
    try:
        at.wait("the API to listen", lambda: _answers(port))
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v1/incidents")
        return connection.getresponse().status == 401
    except OSError:
        return False
    finally:
        connection.close()


def command(at: Stage, *words: str) -> list[str]:
    """A command of Tieline's over a workspace."""
    return [sys.executable, "-m", "tieline.cli.main", "-w", str(at.folder), *words]


def environment() -> dict[str, str]:
    """What such a command is started with."""
    return {**os.environ, "TIELINE_BENCHMARK": SECRET}


def tieline(at: Stage, *words: str) -> str:
    """What a command prints."""
    return subprocess.run(command(at, *words), check=True, capture_output=True, text=True, env=environment()).stdout


def timers(count: int, repeats: int) -> list[Figure]:
    """So many timers of a plugin that are due at once, each fired in a transaction of its own that journals it."""
    rates = tuple(_fired(count) for _ in range(repeats))
    return [
        Figure("floor.alone", "floor: bare commits of one row", "/s", (commits_alone(min(count, 1_000)),), more=True),
        Figure("timers.rate", f"timers fired, {count:,} due at once", "/s", rates, True, 1_000, "floor.alone"),
    ]


def _fired(count: int) -> float:
    def fire(desk: Any, due: Due) -> None:
        desk.record(Fired(what=str(due.facts["what"])))

    offer = Offer("bench", "A timer that says so.", events=(Fired,), timers=(TimerKind("fire", fire),))
    with TemporaryDirectory(prefix="tieline-benchmark-") as folder:
        world = World(Path(folder), offers=(offer,), store=f"sqlite:///{folder}/world.db")
        with world.engine.store.write() as tx:
            for number in range(count):
                told = {"incident": None, "facts": {"what": str(number)}}
                set_timer(tx, f"bench.fire::{number}", "bench.fire", world.clock.now(), told)
        world.clock.advance(1)
        began = time.perf_counter()
        while turn(world.engine, offer, "bench"):
            pass
        took = time.perf_counter() - began
        with world.engine.store.read() as connection:
            fired = connection.exec_driver_sql("SELECT count(*) FROM journal WHERE kind = 'bench.fired'").scalar()
        world.engine.store.close()
        world.engine.registry.close()
    if fired != count:
        raise RuntimeError(f"{fired} of {count} timers fired")
    return count / took


def tables(entries: int, repeats: int) -> list[Figure]:
    """The tables of `durations` made anew from the journal, beside those in use."""
    rates = []
    for _ in range(repeats):
        with TemporaryDirectory(prefix="tieline-benchmark-") as folder:
            database = Path(folder) / "tieline.db"
            fill(database, entries)
            with Store.open(f"sqlite:///{database}") as store:
                projecting.make(store, "durations.stamps", STAMPED, "warm")
                began = time.perf_counter()
                projecting.make(store, "durations.stamps", STAMPED, "bench")
                rates.append(entries / (time.perf_counter() - began))
    what = f"tables of a plugin made anew from {entries:,} events"
    return [Figure("rebuild", what, "/s", tuple(rates), True, 20_000)]


def durations(items: int, repeats: int) -> list[Figure]:
    """How long incidents took by severity, with all that encloses it, asked of the rows of so many."""
    with TemporaryDirectory(prefix="tieline-benchmark-") as folder:
        world = World(
            Path(folder), ("left",), offers=(Durations().tieline_offer(),), store=f"sqlite:///{folder}/world.db"
        )
        world.work()
        for start in range(0, items, 10_000):
            with world.engine.store.write() as tx:
                tx.execute(insert(STAMPS), [_stamp(number) for number in range(start, min(start + 10_000, items))])
        offers = world.engine.registry.offers
        enquiries = Enquiries(world.engine.store, world.engine.config, Views(offers.views.values()), offers=offers)
        took = []
        for _ in range(repeats * 3):
            began = time.perf_counter()
            shown = enquiries.see("durations times", {"by": "severity"}, Viewer(of_account("bench", "here"), AT))
            took.append(time.perf_counter() - began)
            if sum(one["incidents"] for one in shown.facts["groups"]) != items:
                raise RuntimeError(f"the durations are not of all {items} incidents: {shown.facts}")
        world.engine.store.close()
        world.engine.registry.close()
    what = f"median and 90th percentile by severity over {items:,} incidents"
    return [Figure("durations", what, "s", tuple(took), False, 2)]


def _stamp(number: int) -> dict[str, Any]:
    """A row of an incident that was resolved after up to a week; the order of lengths is not the one of numbers."""
    opened = AT + timedelta(seconds=number)
    lengths = {f"{what}_ms": number * step % 604_800_000 for what, step in LENGTHS.items()}
    return {
        "subject": f"{number:032x}",
        "severity": ("critical", "high", "medium", "low")[number % 4],
        "is_open": False,
        "detected_at": opened,
        "resolved_at": opened + timedelta(milliseconds=lengths["resolve_ms"]),
        **lengths,
    }


@dataclass(frozen=True)
class Viewer:
    """Somebody who may look."""

    someone: Someone
    now: datetime

    def facts(self, _connection: Any) -> Facts:
        return Facts(self.now, grants=(Grant(Role.VIEWER),))


def storm_with_all(alerts: int, repeats: int) -> list[Figure]:
    """A storm with every shipped plugin at work, worker included, and one with those that alerts need."""
    alone, together = list[float](), list[float]()
    shipped = sorted(point.name for point in installed() if point.value.startswith(SHIPPED))
    for _ in range(repeats):
        for plugins, found in ((ALERTS_NEED, alone), (f"[{', '.join(shipped)}]", together)):
            with stage(plugins=plugins) as at:
                at.start()
                blow(at, 200, 10)
                found.append(blow(at, alerts, 10, first=1_000_000).visible)
    times = tuple(both / one for both, one in zip(together, alone, strict=True))
    what = f"a storm of {alerts:,} with all plugins, times one without"
    return [Figure("storm.plugins", what, "times", times, False, 1.5)]


def commands(incidents: int, repeats: int) -> list[Figure]:
    """A command that looks into the store, beside the start of Python with click."""
    with stage() as at:
        fill(at.database, incidents)
        tieline(at, "incidents", "--json")
        took = []
        for _ in range(repeats * 3):
            began = time.perf_counter()
            tieline(at, "incidents", "--json")
            took.append((time.perf_counter() - began) * 1e3)
    what = f"`tieline incidents` over {incidents:,}"
    return [Figure("cli.incidents", what, "ms", tuple(took), False, 300, "floor.click")]

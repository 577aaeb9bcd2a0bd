"""What is measured, one function a subject. Each answers figures; curves go into `series`."""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from pydantic import create_model

from benchmarks import floors, machine
from benchmarks.alerts import SECRET, storm
from benchmarks.figures import Figure, Points, percentile, slope
from benchmarks.filling import fill
from benchmarks.sender import paced
from benchmarks.stage import Stage, stage
from benchmarks.storm import blow, storms
from tieline import mappings
from tieline.adapters.servicenow.simulated.seed import ACCOUNTS
from tieline.adapters.servicenow.simulator import ServiceNowSimulator
from tieline.core import journal
from tieline.core.store.store import Store


@dataclass(frozen=True, slots=True)
class Form:
    """How much is measured. Sizes count alerts, incidents or journal entries."""

    name: str
    repeats: int
    storms: tuple[int, ...]
    paced: int
    tickets: int
    linked: tuple[int, ...]
    idle: float
    entries: int
    loops: int
    series: dict[str, Points] = field(default_factory=dict)


def tiny() -> Form:
    """For the smoke test: everything once, next to nothing of it."""
    return Form("tiny", 1, (60,), 20, 2, (50,), 0.5, 200, 20)


def quick() -> Form:
    return Form("quick", 1, (1_000,), 300, 10, (1_000, 10_000), 4.0, 20_000, 2_000)


def default() -> Form:
    return Form("default", 3, (1_000, 10_000), 1_000, 40, (1_000, 10_000, 100_000), 8.0, 100_000, 10_000)


def full() -> Form:
    return Form(
        "full", 3, (1_000, 20_000, 200_000), 3_000, 200, (1_000, 10_000, 100_000, 1_000_000), 20.0, 1_000_000, 20_000
    )


SNOW = """\
  {name}:
    tool: servicenow
    url: {url}
    username: tieline
    password: {{env: TIELINE_BENCHMARK_SNOW}}
"""


def intake(form: Form) -> list[Figure]:
    """Storms through the real server, beside what the server and the store can do by themselves."""
    found = []
    parsed = tuple(floors.parse(form.loops) for _ in range(form.repeats))
    found.append(Figure("floor.parse", "floor: parse and validate one alert", "ms", parsed))
    rows = tuple(floors.commits(max(form.storms[0], 100)) for _ in range(form.repeats))
    found.append(Figure("floor.commits", "floor: bare rows of an alert committed", "/s", rows, more=True))
    for a_request, words, rate, cost in ((10, "tens", 3_000, 0.3), (1, "single", 1_500, 0.6)):
        bare = [floors.bare(form.storms[0] // a_request, a_request) for _ in range(form.repeats)]
        posts, burnt = f"floor.bare.{words}.rate", f"floor.bare.{words}.cpu"
        found.append(Figure(posts, f"floor: bare POST, {words}", "/s", tuple(one[0] for one in bare), more=True))
        found.append(Figure(burnt, f"floor: CPU an alert of a bare POST, {words}", "ms", tuple(o[1] for o in bare)))
        for size in form.storms if a_request == 10 else form.storms[:2]:
            blown = storms(size, a_request, form.repeats if size < 100_000 else 1)
            name, what = f"storm.{words}.{size}", f"storm of {size:,} alerts, {words}"
            visible = tuple(one.alerts / one.visible for one in blown)
            used = tuple(one.cpu / one.alerts * 1e3 for one in blown)
            found.append(Figure(f"{name}.rate", f"{what}: visible", "/s", visible, True, rate, posts))
            found.append(Figure(f"{name}.cpu", f"{what}: CPU an alert", "ms", used, False, cost, burnt))
            curve = blown[-1].memory
            if curve:
                peak = tuple(max(point[1] for point in one.memory) for one in blown if one.memory)
                found.append(Figure(f"{name}.memory", f"{what}: resident", "MiB", peak, False, 256))
                rise = tuple(slope(one.memory) for one in blown if one.memory)
                found.append(Figure(f"{name}.slope", f"{what}: resident grows by", "MiB/s", rise))
                form.series[f"memory-in-a-storm-of-{size}-{words}"] = curve
    return found


def latency(form: Form) -> list[Figure]:
    """From POST to the committed incident, at 100 alerts a second."""
    with stage() as at:
        at.start()
        blow(at, 20, 1)
        seen: dict[str, float] = {}
        over = threading.Event()

        def watch() -> None:
            store, last = at.look(), 0
            while not over.is_set():
                for number, episode in store.execute("SELECT id, episode FROM signal WHERE id > ?", (last,)):
                    seen[episode[:16]] = time.perf_counter()
                    last = number
                time.sleep(0.001)
            store.close()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        first = 1_000_000
        sent = paced(at.address, "/hooks/alerts", storm(form.paced, 1, first), 0.01)
        at.wait("every alert to be seen", lambda: f"{first + form.paced - 1:016x}" in seen)
        time.sleep(0.05)
        over.set()
        watcher.join()
    took = [(seen[f"{first + place:016x}"] - moment) * 1e3 for place, moment in enumerate(sent)]
    return [
        Figure(
            f"visible.p{share}",
            f"POST to visible at 100/s, p{share}",
            "ms",
            (percentile(took, share / 100),),
            False,
            target,
        )
        for share, target in ((50, 10), (95, 30), (99, 60))
    ]


def tickets(form: Form) -> list[Figure]:
    """From an alert to the ticket in a ServiceNow that answers at once; and what an edit there costs to get here."""
    with ServiceNowSimulator().serve() as url, stage(SNOW.format(name="snow", url=url), poll_every="1s") as at:
        _let_in(at)
        store = at.look()
        linked = "SELECT count(*) FROM replica WHERE ref IS NOT NULL"
        took = []
        # The first one waits for the connection's own beginning: its checks, and the log in.
        paced(at.address, "/hooks/alerts", storm(1, 1, 1_000_000), 0.0, 1)
        at.wait("the first ticket", lambda: store.execute(linked).fetchone()[0] == 1)
        for number in range(form.tickets):
            began = time.perf_counter()
            paced(at.address, "/hooks/alerts", storm(1, 1, number), 0.0, 1)
            at.wait("the ticket", partial(_at_least, store, linked, number + 2), 0.002)
            took.append((time.perf_counter() - began) * 1e3)
        moved = []
        refs = [row[0] for row in store.execute("SELECT ref FROM replica ORDER BY id LIMIT 5")]
        with httpx.Client(base_url=url, trust_env=False, timeout=10) as client:
            time.sleep(2.2)
            before = len(_writes(client))
            time.sleep(2.5)
            idle = len(_writes(client)) - before
            for place, ref in enumerate(refs):
                title = f"Edited {place}"
                began = time.perf_counter()
                edit = {"record": ref, "fields": {"short_description": title}}
                client.post("/_simulator/edit", json=edit).raise_for_status()
                at.wait("the edit", partial(_titled, store, title), 0.005)
                moved.append(time.perf_counter() - began)
            echoed = len(_writes(client)) - before - idle
        store.close()
    return [
        Figure(
            "ticket.p95",
            "alert to ticket in a tool that answers at once, p95",
            "ms",
            (percentile(took, 0.95),),
            False,
            250,
        ),
        Figure(
            "poll.p95",
            "edit over there to visible here, polling, in intervals, p95",
            "intervals",
            (percentile(moved, 0.95),),
            False,
            1.2,
        ),
        Figure("idle.writes", "writes in idle cycles", "count", (float(idle),), False, 0),
        Figure("echo.writes", "writes back to a tool whose own edit came in", "count", (float(echoed),), False, 0),
    ]


def _let_in(at: Stage) -> None:
    os.environ["TIELINE_BENCHMARK_SNOW"] = ACCOUNTS["tieline"].password
    at.start()


def _writes(client: httpx.Client) -> list[Any]:
    seen = client.post("/_simulator/requests", json={}).json()
    return [one for one in seen if one[0] in ("POST", "PATCH", "PUT", "DELETE") and "oauth" not in one[1]]


def _at_least(store: sqlite3.Connection, question: str, wanted: int) -> bool:
    return int(store.execute(question).fetchone()[0]) >= wanted


def _titled(store: sqlite3.Connection, title: str) -> bool:
    found = store.execute("SELECT 1 FROM incident WHERE fields LIKE ?", (f'%"{title}"%',)).fetchone()
    return found is not None


def growth(form: Form) -> list[Figure]:
    """The same work over a store that is larger each time: an alert, an idle second, a start, the figures of all."""
    found: list[Figure] = []
    cpu: list[list[float]] = []
    with ServiceNowSimulator().serve() as url:
        for size in form.linked:
            with stage(SNOW.format(name="snow", url=url), poll_every="2s") as at:
                fill(at.database, size)
                _let_in(at)
                time.sleep(min(1.0, form.idle))
                before = machine.cpu(at.pid)
                time.sleep(form.idle)
                share = (machine.cpu(at.pid) - before).both / form.idle * 100
                rest = machine.resident(at.pid)
                with httpx.Client(base_url=at.address, trust_env=False, timeout=60) as client:
                    scrape = _timed(lambda: client.get("/metrics").raise_for_status())
            with stage() as at:
                fill(at.database, size)
                at.start()
                started = at.started_in
                blow(at, min(200, form.storms[0]), 10)
                blown = [blow(at, form.storms[0], 10, 2_000_000 * (turn + 1)) for turn in range(form.repeats)]
                status = _timed(lambda: _tieline(at, "status", "--json"))
            used = tuple(one.cpu / one.alerts * 1e3 for one in blown)
            cpu.append([float(size), statistics.median(used)])
            over = f"over {size:,} linked incidents"
            found += [
                Figure(
                    f"growth.{size}.cpu",
                    f"CPU an alert {over}",
                    "ms",
                    used,
                    False,
                    None,
                    f"growth.{form.linked[0]}.cpu",
                ),
                Figure(f"growth.{size}.idle", f"idle {over}: share of a core", "%", (share,), False, 2.0),
                Figure(f"growth.{size}.resident", f"resident when idle {over}", "MiB", (rest,), False, 120),
                Figure(f"growth.{size}.start", f"start {over}", "s", (started,)),
                Figure(f"growth.{size}.metrics", f"scrape of /metrics {over}", "s", (scrape,), False, 2.0),
                Figure(f"growth.{size}.status", f"`tieline status` {over}", "s", (status,), False, 2.0),
            ]
    form.series["cpu-an-alert-over-linked-incidents"] = cpu
    return found


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _tieline(at: Stage, *arguments: str) -> None:
    command = [sys.executable, "-m", "tieline.cli.main", "-w", str(at.folder), *arguments]
    environment = {**os.environ, "TIELINE_BENCHMARK": SECRET}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)


BODY = {
    "short_description": "Disk of db1 is almost full",
    "description": "The file system /var/lib has 4.2 % left and fills at 1.1 GB an hour.",
    "state": "6",
    "priority": "3",
    "impact": "2",
    "urgency": "2",
    "severity": "2",
    "category": "hardware",
    "opened_at": "2026-01-05 08:00:00",
    "resolved_at": "2026-01-05 09:00:00",
    "close_code": "Solution provided",
    "close_notes": "Old logs were removed.",
    "hold_reason": "",
}


def mapping(form: Form) -> list[Figure]:
    """ServiceNow's shipped mapping both ways, a field's cost times thirty, beside pydantic's validation of as many."""
    compiled = mappings.load("servicenow-incident")
    fields = compiled.normalize(BODY).fields
    wanted = {name: value for name, value in fields.items() if name in compiled.writable - compiled.once}
    plain = create_model("Plain", **dict.fromkeys(BODY, (str, ...)))  # type: ignore[call-overload]

    def each(work: Callable[[], object], count: int) -> tuple[float, ...]:
        def once() -> float:
            began = time.process_time()
            for _ in range(form.loops):
                work()
            return (time.process_time() - began) / form.loops / count * 30 * 1e6

        return tuple(once() for _ in range(max(form.repeats, 1)))

    return [
        Figure(
            "floor.pydantic", "floor: pydantic, 30 fields", "µs", each(lambda: plain.model_validate(BODY), len(BODY))
        ),
        Figure(
            "mapping.normalize",
            "normalize, 30 fields",
            "µs",
            each(lambda: compiled.normalize(BODY), len(fields)),
            False,
            25,
            "floor.pydantic",
        ),
        Figure(
            "mapping.denormalize",
            "denormalize, 30 fields",
            "µs",
            each(lambda: compiled.denormalize(wanted, fields), len(wanted)),
            False,
            25,
            "floor.pydantic",
        ),
    ]


def chain(form: Form) -> list[Figure]:
    """The journal: entries appended and verified."""
    with TemporaryDirectory(prefix="tieline-benchmark-") as folder:
        database = Path(folder) / "tieline.db"
        began = time.perf_counter()
        fill(database, form.entries)
        filled = form.entries / (time.perf_counter() - began)
        with Store.open(f"sqlite:///{database}") as store:
            verified = form.entries / _timed(lambda: journal.verify(store))
    return [
        Figure("journal.append", "incidents with copy, signal and journal entry, by bulk", "/s", (filled,), True),
        Figure("journal.verify", f"journal verified, {form.entries:,} entries", "/s", (verified,), True),
    ]


def command_line(form: Form) -> list[Figure]:
    """`tieline --help`, beside the start of Python with click."""

    def run(*arguments: str) -> tuple[float, ...]:
        command = [sys.executable, *arguments]
        quiet = subprocess.DEVNULL
        return tuple(
            _timed(lambda: subprocess.run(command, check=True, stdout=quiet)) * 1e3 for _ in range(form.repeats * 3)
        )

    return [
        Figure("floor.click", "floor: Python and click", "ms", run("-c", "import click")),
        Figure(
            "cli.help", "`tieline --help`", "ms", run("-m", "tieline.cli.main", "--help"), False, 150, "floor.click"
        ),
    ]


MEASURES: dict[str, Callable[[Form], list[Figure]]] = {
    "intake": intake,
    "latency": latency,
    "tickets": tickets,
    "growth": growth,
    "mapping": mapping,
    "journal": chain,
    "cli": command_line,
}

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
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from pydantic import create_model
from tests.core.store_backends import postgres_binaries

from benchmarks import beside, floors, machine
from benchmarks import fleet as fleets
from benchmarks import pair as pairs
from benchmarks.alerts import SECRET, storm
from benchmarks.figures import Figure, Points, percentile, slope
from benchmarks.filling import entry, fill
from benchmarks.hanging import hung, stuck
from benchmarks.pages import pages
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
    """How much is measured. Sizes count alerts, incidents or journal entries; `idle` is the seconds of one quiet poll
    interval: 30 is the daemon's default."""

    name: str
    repeats: int
    storms: tuple[int, ...]
    paced: int
    tickets: int
    moves: int
    linked: tuple[int, ...]
    idle: float
    entries: int
    loops: int
    workers: tuple[int, ...]
    fleet: int
    series: dict[str, Points] = field(default_factory=dict)


def tiny() -> Form:
    """For the smoke test: everything once, next to nothing of it."""
    return Form("tiny", 1, (60,), 20, 2, 3, (50,), 0.5, 200, 20, (2,), 60)


def quick() -> Form:
    return Form("quick", 1, (1_000,), 300, 20, 20, (1_000, 10_000), 4.0, 20_000, 2_000, (1, 2), 1_000)


def default() -> Form:
    return Form(
        name="default",
        repeats=3,
        storms=(1_000, 20_000),
        paced=1_000,
        tickets=120,
        moves=100,
        linked=(1_000, 10_000, 100_000),
        idle=30.0,
        entries=100_000,
        loops=10_000,
        workers=(1, 2, 4),
        fleet=8_000,
    )


def full() -> Form:
    return Form(
        name="full",
        repeats=3,
        storms=(1_000, 20_000, 200_000),
        paced=1_000,
        tickets=120,
        moves=100,
        linked=(1_000, 10_000, 100_000, 1_000_000),
        idle=30.0,
        entries=1_000_000,
        loops=20_000,
        workers=(1, 2, 4),
        fleet=20_000,
    )


WARMING = 5
"""Tickets that are made before any is timed."""

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
    found.append(Figure("floor.commits", "floor: bare rows of 100 alerts a commit", "/s", rows, more=True))
    alone = tuple(floors.commits_alone(min(form.storms[0], 1_000)) for _ in range(form.repeats))
    words = f"floor: bare commits of one row, {floors.THREADS} threads"
    found.append(Figure("floor.commits.alone", words, "/s", alone, more=True))
    for a_request, words, rate, cost in ((10, "tens", 3_000, 0.3), (1, "single", 1_500, 0.6)):
        bare = [floors.bare(form.storms[0] // a_request, a_request) for _ in range(form.repeats)]
        posts, burnt = f"floor.bare.{words}.rate", f"floor.bare.{words}.cpu"
        found.append(Figure(posts, f"floor: bare POST, {words}", "/s", tuple(one[0] for one in bare), more=True))
        found.append(Figure(burnt, f"floor: CPU an alert of a bare POST, {words}", "ms", tuple(o[1] for o in bare)))
        for size in form.storms:
            blown = storms(size, a_request, form.repeats if size < 100_000 else 1)
            name, what = f"storm.{words}.{size}", f"storm of {size:,} alerts, {words}"
            taken = tuple(one.alerts / one.accepted for one in blown)
            found.append(Figure(f"{name}.accepted", f"{what}: accepted", "/s", taken, True, None, posts))
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


def senders(form: Form) -> list[Figure]:
    """One alert a request, by one sender, by a few and by many: Alertmanager has few, and each waits for its answer."""
    found = []
    for count, cost in ((1, 1.0), (4, 0.6), (64, 0.6)):
        name, what = f"senders.{count}", f"one alert a request, {count} sender{'s' * (count > 1)}"
        bare = [floors.bare(form.storms[0] * 4, 1, count) for _ in range(form.repeats)]
        posts, burnt = f"floor.{name}.rate", f"floor.{name}.cpu"
        found.append(Figure(posts, f"floor: bare POST, {what}", "/s", tuple(one[0] for one in bare), more=True))
        found.append(Figure(burnt, f"floor: CPU of a bare POST, {what}", "ms", tuple(one[1] for one in bare)))
        blown = storms(form.storms[0] * 2, 1, form.repeats, senders=count)
        visible = tuple(one.alerts / one.visible for one in blown)
        used = tuple(one.cpu / one.alerts * 1e3 for one in blown)
        found.append(Figure(f"{name}.visible", f"{what}: visible", "/s", visible, True, None, posts))
        found.append(Figure(f"{name}.cpu", f"{what}: CPU an alert", "ms", used, False, cost, burnt))
    return found + _senders_on_postgres(form)


def _senders_on_postgres(form: Form) -> list[Figure]:
    """The same through one worker on PostgreSQL. There is no target: a turn of a lane costs trips to the database."""
    if postgres_binaries() is None:
        print("PostgreSQL is not installed: its rows of senders are left out", file=sys.stderr)
        return []
    found = []
    for count in (1, 4, 64):
        loads = fleets.storms(1, form.storms[0], 1, form.repeats, senders=count, lanes=1)
        name, what = f"senders.{count}.postgres", f"one alert a request, {count} sender{'s' * (count > 1)}, PostgreSQL"
        rate = tuple(one.alerts / one.visible for one in loads)
        used = tuple(one.workers / one.alerts * 1e3 for one in loads)
        store = tuple(one.store / one.alerts * 1e3 for one in loads)
        found += [
            Figure(f"{name}.visible", f"{what}: visible", "/s", rate, more=True),
            Figure(f"{name}.cpu", f"{what}: CPU an alert", "ms", used),
            Figure(f"{name}.store", f"{what}: CPU an alert in PostgreSQL", "ms", store),
        ]
    return found


def latency(form: Form) -> list[Figure]:
    """From POST to the committed incident, at 100 alerts a second."""
    with stage() as at:
        at.start()
        blow(at, 20, 1)
        took = _visible(at, form.paced)
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


def _visible(at: Stage, alerts: int) -> list[float]:
    """Milliseconds from the POST of each of so many alerts, 100 a second, until its incident is committed."""
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
    sent = paced(at.address, "/hooks/alerts", storm(alerts, 1, first), 0.01)
    at.wait("every alert to be seen", lambda: f"{first + alerts - 1:016x}" in seen)
    time.sleep(0.05)
    over.set()
    watcher.join()
    return [(seen[f"{first + place:016x}"] - moment) * 1e3 for place, moment in enumerate(sent)]


def _beside_what_hangs(form: Form) -> list[Figure]:
    """Alerts while a plugin hangs in an act, in a page and in a follower, beside alerts with the same plugin when it
    does not."""
    times = tuple(_while_it_hangs(form.paced) / _before_it_hangs(form.paced) for _ in range(form.repeats))
    what = "POST to visible at 100/s, p95, while an act, a page and a follower hang, times without"
    return [Figure("visible.hung", what, "times", times, False, 1.5)]


def _before_it_hangs(alerts: int) -> float:
    with TemporaryDirectory(prefix="tieline-benchmark-") as folder, hung(Path(folder)) as (at, hanging, _port):
        hanging.end()
        blow(at, 20, 1)
        return percentile(_visible(at, alerts), 0.95)


def _while_it_hangs(alerts: int) -> float:
    with (
        TemporaryDirectory(prefix="tieline-benchmark-") as folder,
        hung(Path(folder)) as (at, hanging, port),
        stuck(at, port, hanging),
    ):
        blow(at, 20, 1)
        at.wait("the follower to hang", lambda: len(hanging.hangs) == 3)
        return percentile(_visible(at, alerts), 0.95)


def tickets(form: Form) -> list[Figure]:
    """From an alert to the ticket in a ServiceNow that answers at once, one alert after the other."""
    # The alerts stand in no Alertmanager: one that is asked for them says that they are over, and then there is no
    # ticket. And what is waited for is the ticket, not the share of calls that ServiceNow grants.
    snow = SNOW + "    poll_every: 1s\n    calls_per_minute: 60000\n"
    with ServiceNowSimulator().serve() as url, stage(snow.format(name="snow", url=url)) as at:
        _let_in(at)
        store = at.look()
        linked = "SELECT count(*) FROM replica WHERE ref IS NOT NULL"
        took = []
        # The first ones wait for the connection's own beginning: its checks, and the log in. They are left out.
        for number in range(-WARMING, form.tickets):
            began = time.perf_counter()
            paced(at.address, "/hooks/alerts", storm(1, 1, 1_000_000 + number), 0.0, 1)
            at.wait("the ticket", partial(_at_least, store, linked, number + WARMING + 1), 0.002)
            if number >= 0:
                took.append((time.perf_counter() - began) * 1e3)
        store.close()
    words = f"alert to ticket in a tool that answers at once, {form.tickets} after {WARMING} to warm up"
    return [
        Figure("ticket.p50", f"{words}, p50", "ms", (percentile(took, 0.5),)),
        Figure("ticket.p95", f"{words}, p95", "ms", (percentile(took, 0.95),), False, 250),
    ]


def propagation(form: Form) -> list[Figure]:
    """An edit in one tool until it stands in the other, and the calls that it and the quiet after it cost."""
    bare = tuple(one * 1e3 for one in pairs.call(form.moves))
    sdk = tuple(one * 1e3 for one in pairs.sdk_call(form.moves))
    found = [
        Figure("floor.call", "floor: a bare PATCH by httpx, p50", "ms", (percentile(bare, 0.5),)),
        Figure("floor.sdk", "floor: the same PATCH by the bare SDK, p50", "ms", (percentile(sdk, 0.5),)),
    ]
    with pairs.pair("10m", webhooks=True) as pair:
        linked = pair.open(form.moves)
        made = pair.left.calls().writes + pair.right.calls().writes
        before = pair.left.calls(), pair.right.calls()
        took = pair.edit(linked, 0.05)
        pair.settle()
        left, right = pair.left.calls(), pair.right.calls()
    reads = left.reads - before[0].reads + right.reads - before[1].reads
    words = f"edit in one tool to the other, by webhook, of {form.moves}"
    found += [
        Figure("webhook.p50", f"{words}, p50", "ms", (percentile(took, 0.5) * 1e3,), False, None, "floor.sdk"),
        Figure("webhook.p95", f"{words}, p95", "ms", (percentile(took, 0.95) * 1e3,), False, 1_000),
        Figure("create.writes", "writes for each new ticket", "count", (made / form.moves,), False, 1),
        Figure(
            "edit.writes",
            "writes for each edit, over there",
            "count",
            ((right.writes - before[1].writes) / form.moves,),
            False,
            1,
        ),
        Figure(
            "edit.echo",
            "writes for each edit, back to where it was made",
            "count",
            ((left.writes - before[0].writes) / form.moves,),
            False,
            0,
        ),
        Figure("edit.reads", "reads for each edit, by webhook, both tools", "count", (reads / form.moves,)),
    ]
    return found + _polled(form)


INTERVAL = 2.0
"""Seconds between two looks while polling is measured."""


def _polled(form: Form) -> list[Figure]:
    with pairs.pair(f"{INTERVAL:.0f}s", webhooks=False) as pair:
        linked = pair.open(form.moves)
        # Spread over the interval in a way that no edit knows where in it it lies.
        took = [one / INTERVAL for one in pair.edit(linked, INTERVAL * 0.0618)]
        pair.settle()
        time.sleep(INTERVAL)
        before = pair.left.calls(), pair.right.calls()
        time.sleep(3 * INTERVAL)
        after = pair.left.calls(), pair.right.calls()
    writes = sum(now.writes - then.writes for now, then in zip(after, before, strict=True))
    reads = sum(now.reads - then.reads for now, then in zip(after, before, strict=True))
    words = f"edit in one tool to the other, by polling, of {form.moves}"
    return [
        Figure("poll.p50", f"{words}, p50", "intervals", (percentile(took, 0.5),)),
        Figure("poll.p95", f"{words}, p95", "intervals", (percentile(took, 0.95),), False, 1.2),
        Figure("idle.writes", f"writes in 3 idle cycles over {form.moves} pairs", "count", (float(writes),), False, 0),
        Figure("idle.reads", f"reads in 3 idle cycles of two tools, {form.moves} pairs", "count", (float(reads),)),
    ]


def _let_in(at: Stage) -> None:
    os.environ["TIELINE_BENCHMARK_SNOW"] = ACCOUNTS["tieline"].password
    at.start()


def _at_least(store: sqlite3.Connection, question: str, wanted: int) -> bool:
    return int(store.execute(question).fetchone()[0]) >= wanted


def growth(form: Form) -> list[Figure]:
    """The same work over a store that is larger each time: an alert, an idle second, a start, the figures of all."""
    found: list[Figure] = []
    cpu: list[list[float]] = []
    with ServiceNowSimulator().serve() as url:
        for size in form.linked:
            with stage(SNOW.format(name="snow", url=url), poll_every=f"{max(form.idle, 1):.0f}s") as at:
                fill(at.database, size)
                _let_in(at)
                started = at.started_in
                look = at.look()
                # The first look at each tool is part of the start, not of the idling.
                at.wait("the first look", partial(_at_least, look, "SELECT count(*) FROM cursor", 2))
                look.close()
                time.sleep(min(1.0, form.idle))
                shares = tuple(_share_of_a_core(at.pid, form.idle) for _ in range(form.repeats))
                rest = machine.resident(at.pid)
                with httpx.Client(base_url=at.address, trust_env=False, timeout=60) as client:
                    scrape = _timed(lambda: client.get("/metrics").raise_for_status())
            with stage() as at:
                fill(at.database, size)
                at.start()
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
                Figure(
                    f"growth.{size}.idle",
                    f"idle {over}, each tool polled once in {form.idle:.0f} s: share of a core",
                    "%",
                    shares,
                    False,
                    2.0,
                    f"growth.{form.linked[0]}.idle",
                ),
                Figure(f"growth.{size}.resident", f"resident when idle {over}", "MiB", (rest,), False, 120),
                Figure(f"growth.{size}.start", f"start {over}", "s", (started,)),
                Figure(f"growth.{size}.metrics", f"scrape of /metrics {over}", "s", (scrape,), False, 2.0),
                Figure(f"growth.{size}.status", f"`tieline status` {over}", "s", (status,), False, 2.0),
            ]
    form.series["cpu-an-alert-over-linked-incidents"] = cpu
    return found


def _share_of_a_core(pid: int, seconds: float) -> float:
    """How much of a core a process uses, in per cent, over so many seconds from now."""
    before = machine.cpu(pid)
    time.sleep(seconds)
    return (machine.cpu(pid) - before).both / seconds * 100


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
    """The journal: entries appended as the engine appends them, a hundred a transaction, and all of them verified."""
    with TemporaryDirectory(prefix="tieline-benchmark-") as folder:
        store = Store.open(f"sqlite:///{Path(folder) / 'tieline.db'}")
        with store:
            store.migrate()
            spent = time.process_time()
            took = _timed(lambda: _append(store, form.entries))
            spent = time.process_time() - spent
            verified = form.entries / _timed(lambda: journal.verify(store))
    rows = tuple(floors.commits(min(form.entries, 2_000)) * floors.ROWS for _ in range(form.repeats))
    count = f"{form.entries:,} entries"
    return [
        Figure("floor.rows", "floor: bare rows in commits of 600", "/s", rows, more=True),
        Figure(
            "journal.append",
            f"journal appended, {count} in transactions of {A_TRANSACTION}",
            "/s",
            (form.entries / took,),
            True,
            None,
            "floor.rows",
        ),
        Figure("journal.append.cpu", "CPU an appended entry", "µs", (spent / form.entries * 1e6,)),
        Figure("journal.verify", f"journal verified, {count}", "/s", (verified,), True),
    ]


A_TRANSACTION = 100
"""Journal entries of one transaction: what a batch of alerts brings."""


def _append(store: Store, count: int) -> None:
    for start in range(0, count, A_TRANSACTION):
        with store.write() as tx:
            for number in range(start, min(start + A_TRANSACTION, count)):
                tx.journal(entry(number))


def fleet(form: Form) -> list[Figure]:
    """One, two and four workers on one PostgreSQL that forces each commit to the disk. The sender shares the cores."""
    if postgres_binaries() is None:
        print("PostgreSQL is not installed: the fleet is left out", file=sys.stderr)
        return []
    rows = tuple(fleets.commits(min(form.fleet, 2_000)) for _ in range(form.repeats))
    found = [Figure("floor.postgres", "floor: bare rows of 100 alerts a commit, PostgreSQL", "/s", rows, more=True)]
    for workers in form.workers:
        loads = fleets.storms(workers, form.fleet, 10, form.repeats)
        name, what = f"fleet.{workers}", f"{workers} worker{'s' * (workers > 1)} on PostgreSQL, tens"
        rate = tuple(one.alerts / one.visible for one in loads)
        found += [
            Figure(f"{name}.rate", f"{what}: visible", "/s", rate, True, None, "floor.postgres"),
            Figure(
                f"{name}.cpu", f"{what}: CPU an alert", "ms", tuple(one.workers / one.alerts * 1e3 for one in loads)
            ),
            Figure(
                f"{name}.store",
                f"{what}: CPU an alert in PostgreSQL",
                "ms",
                tuple(one.store / one.alerts * 1e3 for one in loads),
            ),
            Figure(
                f"{name}.head", f"{what}: waiting for the journal's head", "on average", tuple(o.head for o in loads)
            ),
        ]
    return found


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
        *beside.commands(form.linked[-1], form.repeats),
    ]


def beside_the_alerts(form: Form) -> list[Figure]:
    """What goes on beside the alerts, and what it makes of them."""
    return [
        *beside.acts(form.paced, form.repeats),
        *beside.overview([size for size in form.linked if size <= 100_000][-1], form.paced, form.repeats),
        *beside.readers((1, 200), max(5, form.paced // 50), form.repeats),
        *beside.timers(min(form.entries // 10, 10_000), form.repeats),
        *beside.tables(form.entries, form.repeats),
        *beside.durations(min(form.entries * 10, 1_000_000), form.repeats),
        *beside.storm_with_all(form.storms[0], form.repeats),
        *_beside_what_hangs(form),
    ]


def repeated(measure: Callable[[Form], list[Figure]]) -> Callable[[Form], list[Figure]]:
    """The same measure as often as the form repeats, each from a fresh start."""

    def measured(form: Form) -> list[Figure]:
        rounds = [measure(form) for _ in range(form.repeats)]
        return [
            replace(one, values=tuple(value for found in rounds for value in found[place].values))
            for place, one in enumerate(rounds[0])
        ]

    return measured


MEASURES: dict[str, Callable[[Form], list[Figure]]] = {
    "intake": intake,
    "senders": senders,
    "latency": repeated(latency),
    "tickets": repeated(tickets),
    "propagation": repeated(propagation),
    "fleet": fleet,
    "growth": growth,
    "mapping": mapping,
    "journal": chain,
    "cli": command_line,
    "beside": beside_the_alerts,
    "pages": repeated(pages),
}

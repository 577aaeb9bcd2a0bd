"""Rate limits that a tool counts: what it allows is used while there is work, and what it refuses is left alone.

A Jira stands behind a counter that refuses as the real one does: 429 with `RateLimit-Reason`, and Retry-After as
seconds and as an HTTP date in turn. Time is moved by hand. Each call takes a little of it, so that a pace means
something; a call that comes before the moment that was named is an early one, and there must be none.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from tieline.adapters.jira.simulator import API_TOKEN, EMAIL, JiraSimulator
from tieline.adapters.memory.tool import MemoryTool
from tieline.adapters.testing.clock import ManualClock
from tieline.adapters.testing.simulation import Request, Response, requests_transport
from tieline.core.config import load_text
from tieline.core.model import instant
from tieline.core.store.store import Store
from tieline.sync.build import build
from tieline.sync.daemon.lane import Lane, LaneState

CALL: Final = 0.02
"""Seconds that one call takes."""

_RECORD = re.compile(r"/issue/(\d+)")
_SEARCHES = ("/issue/bulkfetch", "/search/jql")


def all_calls(_request: Request) -> str | None:
    return "all"


def writes_to_one_issue(request: Request) -> str | None:
    """Jira's limit of writes per issue."""
    found = _RECORD.search(request.path)
    return found[1] if found and request.method != "GET" and not request.path.endswith(_SEARCHES) else None


def creates(request: Request) -> str | None:
    """Jira's burst limit of one endpoint."""
    return "creates" if request.method == "POST" and request.path.endswith("/issue") else None


@dataclass
class Rule:
    """So many calls in so many seconds, of those that `of` gives one key. Windows are aligned to the clock, or slide:
    then no window, wherever it begins, may see more."""

    calls: int
    seconds: float
    of: Callable[[Request], str | None] = all_calls
    reason: str = ""
    slides: bool = False
    allowed: int = 0
    early: int = 0
    refused: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By key and number of the window."""
    used: Counter[int] = field(default_factory=Counter)
    _recent: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _until: dict[str, float] = field(default_factory=dict)

    def wait(self, request: Request, at: float) -> float | None:
        """Seconds until this call will be taken; None when it is taken now."""
        key = self.of(request)
        if key is None:
            return None
        window = int(at // self.seconds)
        if at < self._until.get(key, 0.0):
            self.early += 1
        recent = self._recent[key]
        since = at - self.seconds if self.slides else window * self.seconds
        while recent and (recent[0] <= since if self.slides else recent[0] < since):
            recent.popleft()
        if len(recent) >= self.calls:
            self.refused[key, window] += 1
            ends = recent[0] + self.seconds if self.slides else (window + 1) * self.seconds
            self._until[key] = ends
            return ends - at
        recent.append(at)
        self.allowed += 1
        self.used[window] += 1
        return None

    @property
    def most_refusals(self) -> int:
        """In one window, of one key."""
        return max(self.refused.values(), default=0)


class CountedJira(JiraSimulator):
    """A Jira that counts."""

    def __init__(self, clock: ManualClock, rules: Sequence[Rule]) -> None:
        super().__init__(clock.now)
        self.rules = rules
        self._ticking = clock
        self._refusals = 0

    def answer(self, request: Request) -> Response:
        self._ticking.advance(CALL)
        at = self.clock().timestamp()
        for rule in self.rules:
            wait = rule.wait(request, at)
            if wait is not None:
                return self._dated(self._too_many(rule, wait))
        return super().answer(request)

    def _too_many(self, rule: Rule, wait: float) -> Response:
        self._refusals += 1
        ends = datetime.fromtimestamp(ceil(self.clock().timestamp() + wait), UTC)
        told = str(ceil(wait)) if self._refusals % 2 else format_datetime(ends, usegmt=True)
        headers = {"Retry-After": told, **({"RateLimit-Reason": rule.reason} if rule.reason else {})}
        return Response.of({"errorMessages": ["Rate limit exceeded."], "errors": {}}, 429, headers)


class Traffic:
    """Tickets that are made in one tool without limits, and their copies in a Jira that counts."""

    def __init__(self, folder: Path, rules: Sequence[Rule], per_minute: int, ahead: timedelta = timedelta(0)) -> None:
        self.clock = ManualClock()
        self.desk = MemoryTool(self.clock.now)
        self.jira = CountedJira(self.clock, rules)
        if ahead:
            self.jira.clock = lambda: self.clock.now() + ahead
        file = folder / "tieline.yaml"
        file.write_text(
            f"tieline: 1\nstore: sqlite:///{folder}/limits.db\npoll_every: 30s\nconnections:\n"
            "  desk: {tool: memory, opens: true, history: 1d, calls_per_minute: 100000}\n"
            f"  jira: {{tool: jira, url: 'https://jira.example', project: OPS, email: {EMAIL}, "
            f"api_token: {{env: TIELINE_SOAK_TOKEN}}, calls_per_minute: {per_minute}}}\n"
        )
        config, registry = load_text(file.read_bytes(), file)
        store = Store.open(config.store)
        store.migrate()
        self.engine = build(
            config,
            store,
            registry,
            clock=self.clock,
            sleep=self.clock.advance,
            wake=lambda _name: None,
            dice=random.Random(7),
            transports={"desk": self.desk, "jira": requests_transport(self.jira)},
        )
        self.lanes = [Lane(self.engine, here) for here in self.engine.connections.values()]
        self.paused = 0

    def close(self) -> None:
        self.engine.store.close()
        self.engine.registry.close()

    def make(self, number: int) -> list[str]:
        """So many tickets; answers their refs."""
        now = instant(self.clock.now())
        bodies = [{"title": f"Disk {one} is full", "status": "new", "opened_at": now} for one in range(number)]
        return [self.desk.make(body).ref for body in bodies]

    def waiting(self) -> int:
        """Copies that are not yet as they should be."""
        with self.engine.store.read() as connection:
            return int(connection.execute(text("SELECT count(*) FROM replica WHERE dirty")).scalar_one())

    def parked(self) -> int:
        with self.engine.store.read() as connection:
            return int(connection.execute(text("SELECT count(*) FROM replica WHERE parked <> ''")).scalar_one())

    def turn(self) -> None:
        """One step of each lane; where nothing is to be done, time passes."""
        worked = [lane.step() for lane in self.lanes]
        self.paused += any(lane.state is not LaneState.WORKING for lane in self.lanes)
        if not any(worked):
            self.clock.advance(self._idle())

    def _idle(self) -> float:
        """Seconds in which nothing can happen: until a lane that pauses goes on, or the desk is asked again."""
        desk, jira = self.lanes
        if jira.next_at is None or jira.state is LaneState.WORKING or desk.poll_at is None:
            return 0.5
        return max(0.5, (min(jira.next_at, desk.poll_at) - self.clock.now()).total_seconds())

    def go_on(self, seconds: float, done: Callable[[], bool]) -> float:
        """Until it is done, or this much time has passed; answers how long it took."""
        began = self.clock.monotonic()
        while not done() and self.clock.monotonic() - began < seconds:
            self.turn()
        return self.clock.monotonic() - began

    def in_step(self) -> bool:
        """Nothing waits, and the desk was asked since the last ticket was made."""
        return self.waiting() == 0 and len(self.jira.site.issues) == len(self.desk.rows())

    def title(self, ref: str) -> str:
        """What Jira shows of a ticket of the desk."""
        with self.engine.store.read() as connection:
            copy = connection.execute(
                text(
                    "SELECT other.ref FROM replica AS mine JOIN replica AS other USING (incident_id) "
                    "WHERE mine.connection = 'desk' AND mine.ref = :ref AND other.connection = 'jira'"
                ),
                {"ref": ref},
            ).scalar_one()
        return str(self.jira.site.issues[str(copy)].fields["summary"])


@contextmanager
def traffic(folder: Path, rules: Sequence[Rule], per_minute: int, **options: Any) -> Iterator[Traffic]:
    """Traffic whose engine is closed afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIELINE_SOAK_TOKEN", API_TOKEN)
        one = Traffic(folder, rules, per_minute, **options)
        try:
            yield one
        finally:
            one.close()


def declared(folder: Path, tickets: int, per_minute: int) -> dict[str, Any]:
    """The limit is in the configuration: it is never met, and nine tenths of it are used."""
    rule = Rule(per_minute, 60, slides=True)
    with traffic(folder, [rule], per_minute) as one:
        one.make(tickets)
        took = one.go_on(86_400, one.in_step)
        figures = _figures(rule, used=rule.allowed / (per_minute * took / 60), parked=one.parked(), late=one.waiting())
    return _judged(figures, refusals=0)


def unknown(folder: Path, tickets: int, calls: int, seconds: float) -> dict[str, Any]:
    """Nobody told us of the limit: it is met once in each window, and what it allows is used."""
    rule = Rule(calls, seconds)
    with traffic(folder, [rule], 100_000) as one:
        one.make(tickets)
        one.go_on(40 * 86_400, one.in_step)
        whole = sorted(rule.used)[1:-1]  # the first and the last had not work enough for all of it
        used = sum(rule.used[window] for window in whole) / max(1, calls * len(whole))
        figures = _figures(rule, used=used, parked=one.parked(), late=one.waiting())
        figures["windows"] = len(rule.used)
    return _judged(figures, refusals=1)


def of_one_issue(folder: Path, tickets: int, edits: int) -> dict[str, Any]:
    """One ticket is edited faster than its copy may be written, and the others do not wait for it."""
    rule = Rule(1, 200, of=writes_to_one_issue, reason="jira-per-issue-on-write")
    with traffic(folder, [rule], 100_000) as one:
        refs = one.make(tickets)
        one.go_on(3600, one.in_step)
        slowest, one.paused = 0.0, 0
        for edit in range(edits):
            one.desk.edit(refs[0], title=f"edit {edit} of the busy one")
            other = refs[1 + edit % (tickets - 1)]
            one.desk.edit(other, title=f"edit {edit}")
            slowest = max(slowest, one.go_on(600, lambda ref=other, want=f"edit {edit}": one.title(ref) == want))  # type: ignore[misc]
        one.go_on(3600, one.in_step)
        figures = _figures(rule, used=1.0, parked=one.parked(), late=one.waiting())
        figures |= {"paused": one.paused, "slowest_other": round(slowest, 1)}
        figures["busy_one_is_right"] = one.title(refs[0]) == f"edit {edits - 1} of the busy one"
    figures = _judged(figures, refusals=1)
    # A poll brings an edit within 30 seconds, and nothing else may be added to that.
    if slowest > 35 or one.paused or not figures["busy_one_is_right"] or not rule.refused:
        figures["failures"].append("the others waited, or the busy one was not brought up to date")
    return figures


def of_one_endpoint(folder: Path, tickets: int) -> dict[str, Any]:
    """New tickets come faster than they may be made, and edits of the others do not wait for them."""
    rule = Rule(10, 60, of=creates, reason="jira-burst-based")
    with traffic(folder, [rule], 100_000) as one:
        old = one.make(10)
        one.go_on(3600, one.in_step)
        one.clock.advance(60)
        one.make(tickets)
        one.go_on(300, lambda: bool(rule.refused))
        one.paused, slowest = 0, 0.0
        for ref in old:
            one.desk.edit(ref, title=f"edit of {ref}")
            slowest = max(slowest, one.go_on(600, lambda ref=ref: one.title(ref) == f"edit of {ref}"))  # type: ignore[misc]
        one.go_on(86_400, one.in_step)
        whole = sorted(rule.used)[2:-1]
        used = sum(rule.used[window] for window in whole) / max(1, 10 * len(whole))
        figures = _figures(rule, used=used, parked=one.parked(), late=one.waiting())
        figures |= {"paused": one.paused, "slowest_other": round(slowest, 1)}
    figures = _judged(figures, refusals=1)
    if slowest > 35 or one.paused or not rule.refused:
        figures["failures"].append("the edits waited for the creates")
    return figures


def _figures(rule: Rule, *, used: float, parked: int, late: int) -> dict[str, Any]:
    return {
        "calls": rule.allowed,
        "refused": sum(rule.refused.values()),
        "most_refused_in_a_window": rule.most_refusals,
        "early": rule.early,
        "used": round(used, 3),
        "parked": parked,
        "not_in_step": late,
    }


def _judged(figures: dict[str, Any], refusals: int) -> dict[str, Any]:
    wrong = [
        words
        for words, holds in (
            (f"more than {refusals} refusals in a window", figures["most_refused_in_a_window"] <= refusals),
            ("a call came before the moment that the tool named", figures["early"] == 0),
            ("less than nine tenths of what was allowed", figures["used"] >= 0.9),
            ("something was parked, or is not in step", figures["parked"] == figures["not_in_step"] == 0),
        )
        if not holds
    ]
    return {**figures, "failures": wrong}


def play(folder: Path, size: int) -> dict[str, dict[str, Any]]:
    """Every kind of limit, `size` tickets each."""
    found: dict[str, dict[str, Any]] = {}
    for name, run in (
        ("declared", lambda here: declared(here, size, 60)),
        ("unknown, a minute", lambda here: unknown(here, size, 100, 60)),
        ("unknown, an hour", lambda here: unknown(here, size, max(100, size // 2), 3600)),
        ("one issue", lambda here: of_one_issue(here, 20, max(20, size // 10))),
        ("one endpoint", lambda here: of_one_endpoint(here, max(40, size // 10))),
    ):
        here = folder / name.replace(" ", "-").replace(",", "")
        here.mkdir()
        found[name] = run(here)
    return found

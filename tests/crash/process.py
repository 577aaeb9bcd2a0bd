"""The engine in a process of its own, on a real store, with tools at the other end of a pipe. It can really be killed.

It is forked from a process that has imported everything: a start costs milliseconds, and a kill is a kill all the same.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Final

from sqlalchemy import text
from tests.crash.fuse import Fuse, watch_commits
from tests.crash.tools import ALERTS, FILE, LAG, TOOLS, WORKSPACE, Answer, Letter, Tools

from tieline import mappings
from tieline.adapters.memory import plugin as memory
from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation import alerts
from tieline.core import journal
from tieline.core.config import Config, load_text
from tieline.core.errors import StoreUnavailable
from tieline.core.hooks import hookimpl
from tieline.core.model import Audience, ConnectionName
from tieline.core.plugins import Plugin
from tieline.core.port import (
    Act,
    AdapterKind,
    Body,
    ConnectionSettings,
    Cursor,
    Delivery,
    FieldFact,
    Health,
    Page,
    Reading,
    Received,
    Ref,
    RemoteComment,
    Token,
    Version,
    Workbench,
)
from tieline.core.registry import Limits, Registry
from tieline.core.settings import Findings
from tieline.core.store.engines import is_postgres
from tieline.core.store.store import Store
from tieline.core.yaml import Node
from tieline.plugins.grouping.plugin import Grouping, Settings
from tieline.sync import explain
from tieline.sync.build import build
from tieline.sync.daemon.firing import fire_timers
from tieline.sync.daemon.lane import Lane
from tieline.sync.intake.intake import Intake
from tieline.sync.records import Incident, Replica

PATIENCE: Final = 60.0
"""Seconds after which a silent engine counts as hanging."""

CYCLES: Final = 30
"""Poll intervals within which everything must have come to rest."""

IDLE: Final = 3
"""Further poll intervals in which nothing may be written."""

WAITING: Final = text(
    "SELECT (SELECT count(*) FROM inbox WHERE parked = '') + (SELECT count(*) FROM replica WHERE dirty) "
    "+ (SELECT count(*) FROM twin WHERE state IN ('wanted', 'sending')) "
    "+ (SELECT count(*) FROM signal WHERE act <> acted AND parked = '')"
)


class Line:
    """The engine's end of the pipe: asks, and dies before or after the answer when its time has come."""

    def __init__(self, pipe: Connection, clock: ManualClock) -> None:
        self._pipe = pipe
        self._clock = clock
        self.fuse = Fuse(None, self.last_words)

    def last_words(self, point: str) -> None:
        self._pipe.send(("dies", point))

    def ask(self, question: str, *arguments: Any) -> Any:
        """Something that is no call to a tool: the post, and what the harness wants to know."""
        self._pipe.send((question, *arguments))
        return self._pipe.recv()

    def call(self, name: str, verb: str, *arguments: Any) -> Any:
        """One call to a tool. Raises the error that it answered."""
        self.fuse.reach(f"before {name} did {verb}")
        answer: Answer = self.ask("call", name, verb, arguments, self._clock.now())
        self.fuse.reach(f"after {name} did {verb}")
        if answer.refusal is not None:
            raise answer.refusal.error()
        return answer.value

    def understand(self, name: str, verb: str, *arguments: Any) -> Any:
        """What an adapter does without the network."""
        answer: Answer = self.ask("call", name, verb, arguments, self._clock.now())
        if answer.refusal is not None:
            raise answer.refusal.error()
        return answer.value


class FarTool:
    """An adapter whose tool is in the other process."""

    def __init__(self, name: ConnectionName, line: Line) -> None:
        self._name = name
        self._line = line
        self.lookup_lag = LAG if name == "middle" else timedelta(0)

    def check(self) -> Health:
        found: Health = self._line.call(self._name, "check")
        return found

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        yield from self._line.call(self._name, "changes", since)

    def read(self, ref: Ref) -> Reading:
        found: Reading = self._line.call(self._name, "read", ref)
        return found

    def create(self, body: Body, token: Token) -> Reading:
        made: Reading = self._line.call(self._name, "create", dict(body), token)
        return made

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        now: Reading = self._line.call(self._name, "update", ref, dict(patch), seen)
        return now

    def output(self, ref: Ref, start: int, most: int) -> bytes:
        written: bytes = self._line.call(self._name, "output", ref, start, most)
        return written

    def find(self, token: Token) -> Reading | None:
        found: Reading | None = self._line.call(self._name, "find", token)
        return found

    def verify(self, delivery: Delivery, now: datetime) -> None:
        self._line.understand(self._name, "verify", delivery, now)

    def parse(self, delivery: Delivery) -> Received:
        received: Received = self._line.understand(self._name, "parse", delivery)
        return received

    audiences = frozenset({Audience.STAFF, Audience.CUSTOMERS})

    def comments(self, ref: Ref) -> Sequence[RemoteComment]:
        found: Sequence[RemoteComment] = self._line.call(self._name, "comments", ref)
        return found

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        written: RemoteComment = self._line.call(self._name, "add_comment", ref, body, audience, token)
        return written

    def edit_comment(self, ref: Ref, comment: str, body: Any, audience: Audience) -> RemoteComment:
        written: RemoteComment = self._line.call(self._name, "edit_comment", ref, comment, body, audience)
        return written

    def acknowledge(self, ref: Ref, act: Act, *, until: datetime, note: str, token: Token) -> str:
        handle: str = self._line.call(self._name, "acknowledge", ref, act, until, note, token)
        return handle

    def person_id(self, email: str) -> str | None:
        found: str | None = self._line.call(self._name, "person_id", email)
        return found

    def link(self, ref: Ref, url: str, title: str, token: Token) -> None:
        self._line.call(self._name, "link", ref, url, title, token)

    def describe(self) -> Mapping[str, FieldFact]:
        found: Mapping[str, FieldFact] = self._line.call(self._name, "describe")
        return found


def _connect(name: ConnectionName, _settings: ConnectionSettings, workbench: Workbench) -> FarTool:
    return FarTool(name, workbench.transport)


class FarKinds:
    """Registers the tools at the other end of the pipe, with the powers that they have."""

    @hookimpl
    def tieline_adapters(self) -> list[AdapterKind]:
        return [replace(memory.KIND, connect=_connect), replace(alerts.KIND, connect=_connect)]


def _provide(_allowed: Mapping[str, Node], findings: Findings) -> Registry:
    plugins = [Plugin("far", FarKinds()), Plugin("grouping", Grouping(Settings(by=("service",))))]
    return Registry(plugins, limits=Limits(inline=True), findings=findings)


@cache
def load(address: str) -> tuple[Config, Registry]:
    """The configuration, read once."""
    return load_text(WORKSPACE.format(address=address), FILE, _provide)


load_mapping = cache(mappings.load)


def warm(address: str) -> None:
    """Read what every life would read from disk, once, in the process that they are forked from."""
    config, _registry = load(address)
    for one in config.connections.values():
        load_mapping(one.mapping, one.overlay)
    # A forked process that touches fewer pages is faster.
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True)
class Rest:
    """What an engine that came to rest says of itself and of its store."""

    points: list[str]
    incidents: list[tuple[Incident, list[Replica]]]
    parked: list[str]
    conflicts: list[str]
    entries: int
    written_idle: int


class EngineProcess:
    """What runs in the forked process: start on whatever the store holds, work until nothing is left to do."""

    def __init__(self, line: Line, clock: ManualClock, address: str, life: str) -> None:
        self._line = line
        self._clock = clock
        config, registry = load(address)
        self._store = Store.open(address)
        watch_commits(self._store, line.fuse)
        self._store.migrate()
        self._engine = build(
            config,
            self._store,
            registry,
            clock=clock,
            sleep=clock.sleep,
            wake=lambda _name: None,
            dice=random.Random(1),
            transports=dict.fromkeys((*TOOLS, ALERTS), line),
            load_mapping=load_mapping,
            # As the daemon does: a file that nobody put another one in the place of has forgotten nothing.
            in_doubt=is_postgres(address),
        )
        self._tokens = 0
        self._refused = 0
        self._life = life
        self._engine.new_token = self._token
        self._lanes = [Lane(self._engine, here) for here in self._engine.connections.values()]

    def _token(self) -> Token:
        self._tokens += 1
        return Token(f"tl-{self._life}-{self._tokens}")

    def settle(self) -> Rest:
        """Poll and work until nothing is left to do. Raises RuntimeError when there is no end to it."""
        for number in range(CYCLES):
            before, refused = self._line.ask("written"), self._refused
            # It was started again at once: nothing has had time to become visible by itself.
            self._cycle(31 if number else 0)
            waiting = self._waiting()
            quiet = (
                not waiting
                and refused == self._refused
                and self._line.ask("written") == before
                and not self._line.ask("mail", self._clock.now())
            )
            if number and quiet:
                return self._rest()
        raise RuntimeError(f"not quiet after {CYCLES} poll intervals")

    def _waiting(self) -> int:
        try:
            with self._store.read() as connection:
                return int(connection.execute(WAITING).scalar_one())
        except StoreUnavailable:
            return 1

    def _cycle(self, seconds: float = 31) -> None:
        self._clock.advance(seconds)
        self._patiently(lambda: bool(fire_timers(self._engine, self._clock.now())))
        for _ in range(60):
            self._take_in_post()
            worked = [self._run_dry(lane) for lane in self._lanes]
            if not any(worked):
                return

    def _take_in_post(self) -> None:
        letters: list[Letter] = self._line.ask("mail", self._clock.now())
        if not letters:
            return
        batch = []
        for letter in letters:
            source: Any = self._engine.connections[ConnectionName(letter.tool)].source
            source.verify(letter.delivery, self._clock.now())
            batch.append((ConnectionName(letter.tool), source.parse(letter.delivery)))
        if self._patiently(lambda: bool(Intake(self._engine).store(batch))):
            self._line.ask("answered", [letter.number for letter in letters])

    def _run_dry(self, lane: Lane) -> bool:
        worked = False
        while self._patiently(lane.step):
            worked = True
        return worked

    def _patiently(self, work: Callable[[], bool]) -> bool:
        """A store that does not answer is waited for, as every loop of the daemon does."""
        try:
            return work()
        except StoreUnavailable as error:
            self._clock.advance(error.wait.total_seconds())
            self._refused += 1
            return False

    def _rest(self) -> Rest:
        points = list(self._line.fuse.points)
        before = self._line.ask("written")
        for _ in range(IDLE):
            self._cycle()
        with self._store.read() as connection:
            incidents = list(reversed(explain.incidents(connection, limit=1000)))
            parked = sorted(f"{one.what} {one.connection}: {one.sentence}" for one in explain.parked(connection))
            conflicts = [f"{one.incident} {one.connection} {one.field}" for one in explain.conflicts(connection)]
        entries = journal.verify(self._store).count
        self._store.close()
        return Rest(points, incidents, parked, conflicts, entries, self._line.ask("written") - before)


@dataclass(frozen=True, slots=True)
class Died:
    """The process was killed at this point."""

    point: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The store refused, at the start or at the end; it is for whoever supervises the process to start it again."""

    words: str


def live(tools: Tools, address: str, life: str, burns_at: int | None) -> Rest | Died | Unavailable:
    """One life of the engine: until it rests, or dies at the point of this number. Raises RuntimeError otherwise."""
    ours, theirs = Pipe()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_the_engine(theirs, tools.clock.now(), address, life, burns_at)
    theirs.close()
    try:
        return _serve(ours, tools)
    finally:
        ours.close()
        _, status = os.waitpid(pid, 0)
        if burns_at is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            raise RuntimeError(f"the engine ended by signal {os.WTERMSIG(status)}")


def _be_the_engine(pipe: Connection, now: datetime, address: str, life: str, burns_at: int | None) -> None:
    try:
        clock = ManualClock(now)
        line = Line(pipe, clock)
        line.fuse = Fuse(burns_at, line.last_words)
        pipe.send(("rest", EngineProcess(line, clock, address, life).settle()))
    except StoreUnavailable as error:
        pipe.send(("unavailable", str(error)))
    except BaseException:  # noqa: BLE001 - whatever it is, the process that waits must hear of it
        pipe.send(("failed", traceback.format_exc()))
    finally:
        os._exit(0)


def _serve(pipe: Connection, tools: Tools) -> Rest | Died | Unavailable:
    """Answer the engine's questions until it has nothing more to say."""
    died = ""
    while True:
        if not pipe.poll(PATIENCE):
            raise RuntimeError(f"the engine says nothing for {PATIENCE:.0f} s")
        try:
            question, *arguments = pipe.recv()
        except (EOFError, ConnectionResetError):
            if died:
                return Died(died)
            raise RuntimeError("the engine ended without a word") from None
        match question:
            case "call":
                pipe.send(tools.ask(*arguments))
            case "mail":
                tools.wait_until(*arguments)
                pipe.send(tools.post())
            case "answered":
                tools.answered(*arguments)
                pipe.send(None)
            case "written":
                pipe.send(tools.written)
            case "dies":
                died = arguments[0]
            case "rest":
                rest: Rest = arguments[0]
                return rest
            case "unavailable":
                return Unavailable(arguments[0])
            case _:
                raise RuntimeError(f"{question}: {arguments[0]}")

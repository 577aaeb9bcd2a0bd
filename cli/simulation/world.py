"""The simulated world: tools, a network that keeps the post, the store, and the engine that may die at any time."""

from __future__ import annotations

import random
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
from sqlalchemy import select

from tieline.adapters.memory.shelf import Note, Row
from tieline.adapters.memory.tool import SIGNATURE, MemoryTool, sign
from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation.alerts import AlertTool
from tieline.cli.simulation.fate import Fate, Killed, Weather
from tieline.cli.simulation.people import CUT, Chronicle
from tieline.cli.simulation.shape import ALERTS, Shape, hook_secret, load, load_mapping
from tieline.cli.simulation.store import new_store
from tieline.core.errors import Forged, StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Receiver, Token, Version
from tieline.core.store import tables as t
from tieline.sync.build import build
from tieline.sync.daemon import fire_timers
from tieline.sync.engine import Engine
from tieline.sync.intake import Intake
from tieline.sync.lane import Lane

PEOPLE = ("ann@example.com", "bob@example.com")


class SimulatedTool(MemoryTool):
    """A memory tool that counts what the engine wrote, and in which people may be faster than it."""

    made = written = commented = 0

    def attend(self, world: World, name: str) -> None:
        self._world, self._name = world, name

    def signed(self, delivery: Delivery) -> Delivery:
        """The same delivery, signed now."""
        at = int(self.now().timestamp())
        proof = f"t={at},v1={sign(self.webhook_secret, at, delivery.body)}"
        return Delivery({**delivery.headers, SIGNATURE: proof}, delivery.body)

    def edit_before_write(self, ref: str) -> None:
        """Somebody may be faster than a write."""
        self._world.just_before_a_write(self._name, ref)

    def version_of(self, ref: str) -> Version:
        """The version of a record, "" for one that is gone."""
        found = [row for row in self.rows() if row.ref == ref]
        return Version(str(found[0].version)) if found else Version("")

    def write(self, ref: str, patch: Any, seen: str) -> Row:
        self.edit_before_write(ref)
        row = super().write(ref, patch, seen)
        self.written += row.version != int(seen)
        return row

    def make(self, body: Any, *, token: str | None = None) -> Row:
        row = super().make(body, token=token)
        self.made += token is not None
        return row

    def comment(self, ref: str, text: str, *args: Any, token: str | None = None, **others: Any) -> Note:
        note = super().comment(ref, text, *args, token=token, **others)
        self.commented += token is not None
        return note


@dataclass(frozen=True, slots=True)
class Post:
    """A webhook on its way."""

    tool: str
    delivery: Delivery


class World:
    """Everything outside the engine survives `restart`; everything inside is made anew from the store."""

    def __init__(self, shape: Shape, weather: Weather, dice: random.Random) -> None:
        self.shape = shape
        self.dice = dice
        self.clock = ManualClock()
        self.fate = Fate(dice, weather, self.clock.now)
        self.people = Chronicle()
        self.store = new_store()
        self.store.fate = self.fate
        self.mail: list[Post] = []
        self.acknowledged: list[tuple[str, str]] = []
        self.backups: list[bytes] = []
        self.restored = 0
        self.forgotten: list[dict[str, Any]] = []
        """What the journals said that a restored backup replaced."""
        self.dead: list[str] = []
        """What came out of a lane that must never come out of one."""
        self.tools = {name: self._tool(name) for name in shape.tools}
        self.alerts = AlertTool(self.clock.now)
        self.alerts.subscribers.append(partial(self._post, ALERTS))
        for name in shape.connections:
            self.faults(name).draw = self.fate.call(name)
        self._tokens = 0
        self.engine: Engine
        self.lanes: dict[str, Lane] = {}
        self.start()

    def _tool(self, name: str) -> SimulatedTool:
        shape = self.shape
        tool = SimulatedTool(
            self.clock.now,
            people=PEOPLE,
            webhook_secret=hook_secret(name),
            lookup_lag=shape.lookup_lag,
            resolution=shape.resolution,
        )
        tool.attend(self, name)
        tool.replication_lag = shape.replication_lag
        tool.subscribers.append(partial(self._post, name))
        if shape.cut and name == shape.tools[-1]:
            tool.cut = {"description": CUT}
        if shape.rule and name == shape.tools[0]:
            tool.workflow = lambda body: {"close_notes": "set by a rule"} if body.get("status") == "resolved" else {}
        if shape.quarrel:
            # Each tool has a rule that takes back what the other one's rule did.
            tool.workflow = lambda _body: {"hold_reason": name}
        return tool

    def faults(self, name: str) -> Any:
        return self.alerts.faults if name == ALERTS else self.tools[name].faults

    # -- the engine ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the engine on whatever the store holds."""
        config, registry = load(self.shape)
        self.engine = build(
            config,
            self.store,
            registry,
            clock=self.clock,
            sleep=self.clock.sleep,
            wake=lambda _name: None,
            dice=self.dice,
            transports={**self.tools, ALERTS: self.alerts},
            load_mapping=load_mapping,
        )
        self.engine.new_token = self._token
        self.lanes = {str(name): Lane(self.engine, here) for name, here in self.engine.connections.items()}

    def _token(self) -> Token:
        self._tokens += 1
        return Token(f"tl-{self._tokens}-{self.dice.getrandbits(64):016x}")

    def step(self, name: str) -> bool:
        """One step of one lane. A dead process is started again, and a store that fails is a step that failed."""
        try:
            return self.lanes[name].step()
        except StoreUnavailable as error:
            self.clock.advance(error.wait.total_seconds())
            return True
        except Killed:
            self.start()
            return True
        except Exception as error:  # noqa: BLE001 - whatever leaves a lane stops the daemon, which is a finding
            self.dead.append(f"the lane of {name} died: {type(error).__name__}: {error}")
            self.start()
            return True

    def tick(self) -> None:
        """What the daemon's timer loop does."""
        try:
            fire_timers(self.engine, self.clock.now())
        except StoreUnavailable:
            return
        except Killed:
            self.start()

    def just_before_a_write(self, name: str, ref: str) -> None:
        """Between our read and our write, somebody else edits the record."""
        from tieline.cli.simulation import actions

        if self.fate.happens(self.fate.weather.race, "race"):
            self.fate.told.append(actions.edit_record(self, name, ref))

    # -- the network -----------------------------------------------------------------------------------------------

    def _post(self, name: str, delivery: Delivery) -> None:
        if self.shape.hooks and not self.fate.happens(self.fate.weather.lost_hook, "lost hook"):
            self.mail.append(Post(name, delivery))

    def deliver(self, post: Post, *, forged: bool = False) -> int:
        """Hand a webhook to our server, as it would come over HTTP. Answers the status."""
        source = self.engine.connections[ConnectionName(post.tool)].source
        if not self.shape.polls and not forged and post.tool in self.tools:
            # A delivery too old to be proved is made good by the next poll. Where there are none, it is signed anew.
            post = Post(post.tool, self.tools[post.tool].signed(post.delivery))
        if not isinstance(source, Receiver):
            raise TypeError(f"{post.tool} receives nothing")
        try:
            source.verify(post.delivery, self.clock.now())
        except Forged:
            return 401
        received = source.parse(post.delivery)
        try:
            Intake(self.engine).store([(ConnectionName(post.tool), received, Future())])
        except StoreUnavailable:
            return 503
        except Killed:
            self.start()
            return 0
        self.acknowledged.append((post.tool, received.delivery_id))
        return 200

    # -- peace -----------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Everything works again: no faults, no more edits; what the post still holds arrives."""
        self.fate.weather = Weather.calm()
        self.fate.put_out()
        for name in self.shape.connections:
            self.faults(name).heal()
        for tool in self.tools.values():
            tool.cut = {}
        self.receive_all()

    def receive_all(self) -> None:
        """Everything in the post arrives, and whoever is not answered 200 does not send it again."""
        rest, self.mail = self.mail, []
        for post in rest:
            self.deliver(post)

    def cycle(self, seconds: float = 31) -> None:
        """One poll interval: every lane works until none of them has anything left to do."""
        self.clock.advance(seconds)
        self.tick()
        for _ in range(60):
            worked = [self._dry(name) for name in self.lanes]
            self.receive_all()
            if not any(worked):
                return

    def _dry(self, name: str) -> bool:
        worked = False
        for _ in range(60):
            if not self.step(name):
                return worked
            worked = True
        return worked

    def waits(self) -> timedelta:
        """Longer than anything in the engine waits."""
        return timedelta(hours=1, minutes=10) + self.shape.lookup_lag

    def state(self) -> list[Any]:
        """What all tools show, for telling whether anything was written."""
        rows = [
            (name, row.ref, row.key, row.version, sorted(row.body.items(), key=str), [vars(note) for note in row.notes])
            for name, tool in self.tools.items()
            for row in tool.rows()
        ]
        return [*rows, self.alerts.acts]

    def remember_journal(self) -> None:
        """Keep what the journal says, because a backup is about to take its place, or to judge it."""
        with self.store.read() as connection:
            payloads = connection.execute(select(t.journal_payload.c.payload)).scalars()
            self.forgotten += [orjson.loads(payload) for payload in payloads]

    def close(self) -> None:
        self.store.close()

"""The simulated world: tools, a network that keeps the post, the store, and the engine that may die at any time."""

from __future__ import annotations

import random
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from sqlalchemy import select

from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation.alerts import AlertTool
from tieline.cli.simulation.fate import Fate, Killed, Weather
from tieline.cli.simulation.people import CAPITALS, CUT, TEXTS, Chronicle
from tieline.cli.simulation.shape import ALERTS, POLL_EVERY, Shape, hook_secret, load, load_mapping
from tieline.cli.simulation.store import Copy, SimulatedStore
from tieline.cli.simulation.tickets import Oddities, SimulatedTool
from tieline.core.errors import Forged, StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Receiver, Token
from tieline.core.store import tables as t
from tieline.sync.build import build
from tieline.sync.daemon import fire_timers
from tieline.sync.engine import Engine
from tieline.sync.intake import Intake
from tieline.sync.lane import Lane, LaneState
from tieline.sync.limits import FARTHEST

CYCLE = timedelta(seconds=POLL_EVERY + 1)

PEOPLE = ("ann@example.com", "bob@example.com")


@dataclass(frozen=True, slots=True)
class Post:
    """A webhook on its way."""

    tool: str
    delivery: Delivery


class World:
    """Everything outside the engine survives `restart`; everything inside is made anew from the store."""

    def __init__(self, shape: Shape, weather: Weather, dice: random.Random, store: SimulatedStore) -> None:
        self.shape = shape
        self.page_size = shape.page_size
        self.dice = dice
        self.clock = ManualClock()
        self.fate = Fate(dice, weather, self.clock.now)
        self.people = Chronicle()
        self.store = store
        self.store.fate = self.fate
        self.mail: list[Post] = []
        self.acknowledged: list[tuple[str, str]] = []
        self.backups: list[Copy] = []
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
            self.faults(name).turn = self._between_pages
        self._tokens = 0
        self.engine: Engine
        self.lanes: dict[str, Lane] = {}
        self._idle: dict[str, tuple[int, datetime]] = {}
        self.start()

    def _tool(self, name: str) -> SimulatedTool:
        shape = self.shape
        tool = SimulatedTool(
            self.clock.now,
            people=PEOPLE,
            webhook_secret=hook_secret(name),
            lookup_lag=shape.lookup_lag,
            resolution=shape.resolution,
            conditional=name != shape.blunt,
        )
        tool.oddities = Oddities(
            partial(self._just_before_a_write, name),
            partial(self._is_odd, "empty list"),
            partial(self._is_odd, "repeated page"),
            self.clock.monotonic,
        )
        tool.replication_lag = shape.replication_lag
        tool.subscribers.append(partial(self._post, name))
        if name == shape.tools[-1]:
            tool.cut = {"description": CUT} if shape.cut else {}
            tool.capitals = CAPITALS if shape.tidy else ""
            tool.ignored = frozenset({"team"}) if shape.deaf else frozenset()
            tool.refuses = {"severity": "critical"} if shape.narrow else {}
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
        config, registry = load(self.shape, self.page_size)
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
        batch, connections = self.shape.batch, self.engine.connections
        self.lanes = {str(name): Lane(self.engine, here, batch) for name, here in connections.items()}
        self._idle.clear()

    def _token(self) -> Token:
        self._tokens += 1
        return Token(f"tl-{self._tokens}-{self.dice.getrandbits(64):016x}")

    def step(self, name: str) -> bool:
        """One step of one lane. A dead process is started again, and a store that fails is a step that failed.

        A lane that found nothing to do finds nothing again, until something is written or time passes.
        """
        lane, at = self.lanes[name], (self.store.writes, self.clock.now())
        if self._idle.get(name) == at and lane.state is LaneState.WORKING:
            return False
        self.store.at_work = True
        try:
            worked = lane.step()
            if not worked and lane.state is LaneState.WORKING:
                self._idle[name] = (self.store.writes, self.clock.now())
            return worked
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
        finally:
            self.store.at_work = False

    def tick(self) -> None:
        """What the daemon's timer loop does."""
        try:
            fire_timers(self.engine, self.clock.now())
        except StoreUnavailable:
            return
        except Killed:
            self.start()

    def _is_odd(self, what: str) -> bool:
        weather = self.fate.weather
        return self.fate.happens(weather.empty_list if what == "empty list" else weather.repeated_page, what)

    def _between_pages(self) -> None:
        """While we turn a page, somebody works over there."""
        from tieline.cli.simulation import actions

        if self.fate.happens(self.fate.weather.drift, "edit between pages"):
            self.fate.told.append(actions.edit(self))

    def _just_before_a_write(self, name: str, ref: str, patch: Mapping[str, Any]) -> None:
        """Between our read and our write, somebody else edits the record; in a blunt tool, that is after its adapter's
        own look, and mostly one of the fields that we are about to write."""
        from tieline.cli.simulation import actions

        if not self.fate.happens(self.fate.weather.race, "race"):
            return
        fields = [one for one in TEXTS if one in patch]
        if name == self.shape.blunt and fields and self.dice.random() < 0.7:
            self.fate.counts["race for a field"] += 1
            self.fate.told.append(actions.edit_field(self, name, ref, self.dice.choice(fields)))
        else:
            self.fate.told.append(actions.edit_record(self, name, ref))

    # -- the network -----------------------------------------------------------------------------------------------

    def _post(self, name: str, delivery: Delivery) -> None:
        if not self.shape.hooks or self.fate.happens(self.fate.weather.lost_hook, "lost hook"):
            return
        post = Post(name, delivery)
        if self.store.at_work and not self.fate.burning:
            # Our own call brought this about, and perhaps its answer comes later than what it brought about.
            early = self.fate.happens(self.fate.weather.early_hook, "early hook")
            if early and self.deliver(post) == 200:
                return
        self.mail.append(post)

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
            tool.settle_down()
        self.receive_all()

    def receive_all(self) -> None:
        """Everything in the post arrives, and whoever is not answered 200 does not send it again."""
        rest, self.mail = self.mail, []
        for post in rest:
            self.deliver(post)

    def cycle(self) -> None:
        """A little more than a poll interval: every lane works until none of them has anything left to do."""
        self.clock.advance(CYCLE.total_seconds())
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
        return FARTHEST + timedelta(minutes=10)

    def state(self) -> list[Any]:
        """What all tools show, for telling whether anything was written."""
        return [
            (name, row.ref, row.key, row.version, sorted(row.body.items(), key=str), [vars(note) for note in row.notes])
            for name, tool in self.tools.items()
            for row in tool.rows()
        ]

    def remember_journal(self) -> None:
        """Keep what the journal says, because a backup is about to take its place, or to judge it."""
        with self.store.read() as connection:
            entries = select(t.journal_payload.c.payload, t.journal.c.connection, t.journal.c.incident_id)
            entries = entries.join_from(t.journal_payload, t.journal, t.journal.c.seq == t.journal_payload.c.seq)
            for row in connection.execute(entries.order_by(t.journal_payload.c.seq)):
                where = {"connection": row.connection, "incident": row.incident_id}
                self.forgotten.append({**orjson.loads(row.payload), **where})

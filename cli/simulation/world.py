"""The simulated world: tools, a network that keeps the post, the store, and the engine that may die at any time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final

from sqlalchemy import CursorResult, bindparam, select

from tieline.adapters.memory.faults import Fault
from tieline.adapters.memory.tool import ODDITY
from tieline.adapters.testing.clock import ManualClock
from tieline.cli.simulation import habits
from tieline.cli.simulation.alerts import AlertTool, Memory
from tieline.cli.simulation.desk import Desk
from tieline.cli.simulation.fate import Fate, Killed, Weather
from tieline.cli.simulation.floor.floor import PLUGINS, Floor
from tieline.cli.simulation.floor.page import PAGE, StatusPage
from tieline.cli.simulation.people import Chronicle
from tieline.cli.simulation.shape import (
    ALERTS,
    DOUBT_FROM,
    POLL_EVERY,
    PUBLISHING,
    Shape,
    hook_secret,
    is_only_heard,
    load,
    load_mapping,
)
from tieline.cli.simulation.shipped.cast import ROLES, WATCHES
from tieline.cli.simulation.shipped.habits import POSSIBLE, kind
from tieline.cli.simulation.shipped.monitoring import Monitoring
from tieline.cli.simulation.staff import PEOPLE, Staff
from tieline.cli.simulation.store import Copy, SimulatedStore
from tieline.cli.simulation.tickets import Oddities, SimulatedTool
from tieline.core import journal
from tieline.core.errors import Forged, LeaseLost, StoreUnavailable
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Receiver, Token
from tieline.core.secrets import Secret
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.sync.alerts import board, damping, unheeded
from tieline.sync.build import build
from tieline.sync.daemon.firing import fire_timers
from tieline.sync.daemon.jobs import lease
from tieline.sync.daemon.jobs.turn import take_turn
from tieline.sync.daemon.lane import Lane, LaneState
from tieline.sync.engine import Engine
from tieline.sync.intake.intake import Intake
from tieline.sync.limits import FARTHEST

_HOLDER = select(t.lease.c.worker).where(t.lease.c.lane == bindparam("lane"))

FOR_GOOD: Final = frozenset({200, 400, 401})
"""The answers after which nobody sends a webhook again."""

CYCLE = timedelta(seconds=POLL_EVERY + 1)


@dataclass
class Worker:
    """One process of ours: what it forgets when it dies. Its engine and its lanes are made at each start."""

    name: str
    engine: Engine = field(init=False)
    intake: Intake = field(init=False)
    lanes: dict[str, Lane] = field(init=False)


@dataclass(frozen=True, slots=True)
class Post:
    """A webhook on its way."""

    tool: str
    delivery: Delivery


class World:
    """Everything outside the workers survives `start`; everything inside is made anew from the store."""

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
        self.backups: list[tuple[Copy, int]] = []
        """Each with how many edits there had been."""
        self.restored = 0
        self.starts = 0
        self.decided = False
        """Whether a person has let everything try again that was put aside or held."""
        self.forgotten: list[dict[str, Any]] = []
        """What the journals said that a restored backup replaced."""
        self.dead: list[str] = []
        """What came out of a lane that must never come out of one."""
        self.late: list[str] = []
        """What a worker did in a turn that another one had taken over."""
        self.odd_dice = random.Random(0)  # noqa: S311 - it makes worlds, not secrets
        """Of its own, so that odd records change nothing else in a schedule."""
        self.stopped_by_one: set[str] = set()
        """Connections that stood still because of one record."""
        self.dead_alerts: list[str] = []
        """Alerts that were taken for ended because too many were missing from a listing, and fired."""
        self.tools = {name: self._tool(name) for name in shape.tools}
        self.staff = Staff(dice, self.tools, self.people)
        self.alerts = self._monitoring()
        self.alerts.memory = Memory(self._is_forgetful, self._guard)
        self.guarded: frozenset[str] = frozenset()
        """Alerts that fire, and that the last listing lacked together with too many others to be believed."""
        self.alerts.subscribers.append(partial(self._post, ALERTS))
        self.pages = {PAGE: StatusPage(self.clock, self._before_call, self._last_entry)} if shape.page else {}
        for name in shape.connections:
            self.faults(name).draw = partial(self._called, self.fate.call(name, over_http=self._is_shipped(name)))
            self.faults(name).turn = self._between_pages
        self._tokens = 0
        self._idle: dict[str, tuple[int, datetime]] = {}
        names = ("worker 1", "worker 2") if shape.workers > 1 else ("the process",)
        self.workers = [Worker(name) for name in names]
        self._turn: tuple[Worker, str] | None = None
        """Who is at work in its turn, and at which lane."""
        self._begun = 0
        """How many turns were begun."""
        self._held: tuple[str, str, int] | None = None
        """The turn that was its worker's when so many were begun: it stays so until another one begins."""
        self._left: dict[str, Worker] = {}
        """Lanes whose last turn was never given back, and who died in it."""
        if shape.workers > 1:
            self.fate.on_freeze = self._freeze
            self.store.before_commit = self._committed
        self.groups: tuple[str, ...] = PLUGINS if shape.floor else ()
        """The plugins that are at work."""
        self.floor: Floor | None = None
        self.start()
        if shape.floor:
            self.floor = Floor(self, shape.hands)
            self.floor.begin()

    @property
    def is_gated(self) -> bool:
        """Whether what closes or lowers in a tool waits there until somebody agrees."""
        return self.shape.gated

    def _is_shipped(self, name: str) -> bool:
        return name in (*ROLES, PAGE) or (name == ALERTS and self.shape.monitoring in WATCHES)

    def _monitoring(self) -> AlertTool | Monitoring:
        watch = WATCHES.get(self.shape.monitoring)
        if watch is not None:
            desk = watch.make(self.clock, self._before_call)
            possible = POSSIBLE.get(kind(self.shape.monitoring), {})
            desk.take_on(habit for name, habit in possible.items() if name in self.shape.alert_habits)
            return desk
        tool = AlertTool(self.clock.now)
        tool.before_call = self._before_call
        return tool

    def _oddities(self, name: str) -> Oddities:
        return Oddities(
            partial(self._just_before_a_write, name),
            partial(self._is_odd, "empty list"),
            partial(self._is_odd, "repeated page"),
            self.clock.monotonic,
            self._before_call,
            lambda: self.shape.polls,
        )

    def _tool(self, name: str) -> Desk:
        if name not in ROLES:
            return self._memory_tool(name)
        desk = ROLES[name].make(self.clock, self.dice, self._oddities(name), self.shape.lookup_lag)
        names = self.shape.tool_habits.get(name, frozenset())
        desk.take_on(habit for one, habit in POSSIBLE[kind(name)].items() if one in names)
        desk.subscribers.append(partial(self._post, name))
        return desk

    def _memory_tool(self, name: str) -> SimulatedTool:
        shape = self.shape
        tool = SimulatedTool(
            self.clock.now,
            people=PEOPLE,
            webhook_secret=hook_secret(name),
            lookup_lag=shape.lookup_lag,
            resolution=shape.resolution,
            conditional=name != shape.blunt,
        )
        tool.oddities = self._oddities(name)
        tool.replication_lag = shape.replication_lag
        tool.plain_comments = shape.plain_comments
        tool.subscribers.append(partial(self._post, name))
        if name == shape.tools[-1]:
            habits.take_on(tool, shape.habits)
            tool.refuses = {"severity": "critical"} if shape.narrow else {}
            tool.candid = shape.candid
        if shape.rule and name == shape.tools[0]:
            tool.workflow = lambda body: {"close_notes": "set by a rule"} if body.get("status") == "resolved" else {}
        if shape.quarrel:
            # Each tool has a rule that takes back what the other one's rule did.
            tool.workflow = lambda _body: {"hold_reason": name}
        return tool

    def faults(self, name: str) -> Any:
        if name in self.pages:
            return self.pages[name].faults
        return self.alerts.faults if name == ALERTS else self.tools[name].faults

    # -- the engine ------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """Any worker's: for what is the same in all of them."""
        return self.workers[0].engine

    def anybody(self) -> Worker:
        """One of the workers, whichever it hits."""
        return self.dice.choice(self.workers) if len(self.workers) > 1 else self.workers[0]

    def start(self, *workers: Worker) -> None:
        """Start these workers, or all of them, on whatever the store holds."""
        for worker in workers or self.workers:
            self._start(worker)
        self._idle.clear()

    def secrets(self) -> frozenset[str]:
        """What must be shown nowhere."""
        desks: list[Any] = [*self.tools.values(), self.alerts, *self.pages.values()]
        given = [one for desk in desks for one in _flat(desk.secrets.values())]
        return frozenset(secret.reveal() for secret in given)

    @property
    def always(self) -> tuple[str, ...]:
        """The plugins that are at work whatever is set aside."""
        return (PUBLISHING,) if self.shape.page else ()

    def _last_entry(self) -> int:
        with self._unspoilt(), self.store.read() as connection:
            return int(connection.execute(select(t.journal_head.c.seq)).scalar_one())

    def _start(self, worker: Worker) -> None:
        self.starts += 1
        engine = worker.engine = self.engine_of(self.groups)
        worker.intake = Intake(engine)
        worker.lanes = {str(name): Lane(engine, here, self.shape.batch) for name, here in engine.connections.items()}

    def engine_of(self, groups: tuple[str, ...]) -> Engine:
        """A new engine with these plugins."""
        config, registry = load(self.shape, self.page_size, groups)
        engine = build(
            config,
            self.store,
            registry,
            clock=self.clock,
            sleep=self.clock.sleep,
            wake=lambda _name: None,
            dice=self.dice,
            transports={
                **{name: desk.transport for name, desk in self.tools.items()},
                **{name: page.transport for name, page in self.pages.items()},
                ALERTS: self.alerts.transport,
            },
            load_mapping=load_mapping,
            is_alone=len(self.workers) == 1,
        )
        engine.new_token = self._token
        return engine

    def restart_all(self) -> None:
        """Every worker starts anew, with the plugins of now."""
        self.start()
        if self.floor is not None:
            self.floor.start()

    def somebody_edits(self) -> str:
        """Somebody edits a record in a tool."""
        return self.staff.edit()

    def _token(self) -> Token:
        self._tokens += 1
        return Token(f"tl-{self._tokens}-{self.dice.getrandbits(64):016x}")

    def step(self, name: str) -> bool:
        """One step of one lane, or a worker's turn at it where there are two. False when nothing is left to do."""
        if len(self.workers) > 1:
            return self._take_turn(self._next_at(name), name)
        worker = self.workers[0]
        lane, at = worker.lanes[name], (self.store.writes, self.clock.now())
        # A lane that found nothing to do finds nothing again, until something is written or time passes.
        if self._idle.get(name) == at and lane.state is LaneState.WORKING:
            return False
        worked = self._at_work(worker, name, lane.step)
        if not worked and lane.state is LaneState.WORKING:
            self._idle[name] = (self.store.writes, self.clock.now())
        return worked

    def _at_work(self, worker: Worker, name: str, work: Callable[[], bool]) -> bool:
        """Let a worker do something. A dead process is started again, and a store that fails is a step that failed."""
        self.store.at_work = True
        try:
            worked = work()
            self._look_at_guarded()
            self._look_at_stopped(worker)
            return worked
        except LeaseLost:
            self.fate.counts["turn refused"] += 1
            return True
        except StoreUnavailable as error:
            self.clock.advance(error.wait.total_seconds())
            return True
        except Killed:
            if self._turn is not None:
                self.fate.counts["killed in a turn"] += 1
                self._left[name] = worker
            self.start(worker)
            return True
        except Exception as error:  # noqa: BLE001 - whatever leaves a lane stops the daemon, which is a finding
            self.dead.append(f"the lane of {name} died: {type(error).__name__}: {error}")
            self.start(worker)
            return True
        finally:
            self.store.at_work = False

    def tick(self) -> None:
        """What the daemon's timer loop does."""
        worker = self.anybody()
        try:
            fire_timers(worker.engine, self.clock.now())
        except StoreUnavailable:
            return
        except Killed:
            self.start(worker)

    # -- two workers -----------------------------------------------------------------------------------------------

    def _next_at(self, name: str) -> Worker:
        """Whose turn is next. A lane whose worker died in its turn is given to the other one."""
        died = self._left.pop(name, None)
        return self.anybody() if died is None else self._other(died)

    def _other(self, worker: Worker) -> Worker:
        return next(one for one in self.workers if one is not worker)

    def _take_turn(self, worker: Worker, name: str) -> bool:
        """A turn as the daemon's fleet takes it, which ends with the lane's work, or in the midst of it. True when
        something was done."""
        asked, slice_of_time = count(), self.dice.randint(2, 40)
        before, self._turn = self._turn, (worker, name)
        self._begun += 1
        if before is None:
            self.fate.let_freeze()

        def turn() -> bool:
            take_turn(
                self.store,
                worker.lanes[name],
                worker.name,
                self.clock,
                ends=lambda: next(asked) >= slice_of_time,
                lingers=lambda: False,
                pause=lambda _seconds: None,  # whoever is silent here is frozen, and no longer believes in its turn
            )
            return next(asked) > 1  # nobody asks twice when the first step found nothing

        try:
            return self._at_work(worker, name, turn)
        finally:
            self._turn = before

    def _before_call(self) -> None:
        # Between the question whether a call is permitted and the call, nobody can be frozen: that is not promised.
        if self._turn is not None and self.store.at_work:
            self.fate.may_freeze("before a call")

    def _freeze(self, where: str) -> None:
        """A worker says nothing for longer than its lease. The other one takes its lane over, and works elsewhere too;
        people go on. Then it wakes up, and knows nothing of it."""
        if self._turn is None:
            return
        worker, name = turn = self._turn
        other = self._other(worker)
        self.fate.counts["frozen"] += 1
        self.fate.told.append(f"{worker.name} freezes at {name} {where}, and {other.name} takes over")
        self.clock.advance(self.engine.config.lease.total_seconds() + self.dice.choice((1, 1, 40)))
        self.store.at_work = False
        for lane in (name, *self.dice.choices((name, *self.shape.connections), k=self.dice.randint(0, 3))):
            if self.dice.random() < 0.3:
                self.fate.told.append(self.staff.edit())
            self._take_turn(other, lane)
        self.fate.told.append(f"{worker.name} wakes up at {name}")
        self._turn, self.store.at_work = turn, True

    def _called(self, draw: Callable[[str, bool], Fault | None], verb: str, writes: bool) -> Fault | None:
        if self._turn is not None and self.store.at_work:
            self.store.at_work = False  # it is not the worker who looks here
            with self.store.read() as connection:
                self._find_out(connection.execute, f"calls {verb}")
            self.store.at_work = True
        return draw(verb, writes)

    def _committed(self, tx: Transaction) -> None:
        if self._turn is not None and self.store.at_work:
            self._find_out(tx.execute, "commits")

    def _find_out(self, execute: Callable[..., CursorResult[Any]], what: str) -> None:
        """Whoever is at work in a turn must be the last who began one there."""
        if self._turn is None:
            return
        worker, name = self._turn
        if self._held == (worker.name, name, self._begun):
            return
        holder = execute(_HOLDER, {"lane": name}).scalar()
        if holder == worker.name:
            self._held = (worker.name, name, self._begun)
        else:
            self.late.append(f"{worker.name} {what} at {name} in a turn that {holder} has taken over")

    def _is_odd(self, what: str) -> bool:
        weather = self.fate.weather
        return self.fate.happens(weather.empty_list if what == "empty list" else weather.repeated_page, what)

    def _is_forgetful(self) -> bool:
        chance = self.fate.weather.forgetful
        if len(self.alerts.firing) < DOUBT_FROM or not chance or self.alerts.dice.random() >= chance:
            return False
        self.fate.counts["forgotten alerts"] += 1
        self.fate.told.append("the monitoring forgets what fires")
        return True

    def _guard(self, forgotten: frozenset[str]) -> None:
        """Of what a listing has just left out though it fires, remember what must not be taken for ended: enough of
        what the store believes to fire, at this moment, and nothing of it on its way to another belief."""
        self.guarded = frozenset()
        if forgotten:
            firing, unsettled = self._believed()
            # What came in at this very moment may have begun after the listing was made: a pass does not miss it.
            # Of what the inbox still says something, the end may be believed by itself, and counts no more then.
            missing = (forgotten & self._believed_before(self.clock.now())) - unsettled
            if len(missing) >= DOUBT_FROM and 2 * len(missing) > len(firing):
                self.guarded = missing

    def _look_at_guarded(self) -> None:
        """None of the alerts that were left out may end without having ended."""
        if self.guarded:
            firing, _unsettled = self._believed()
            for ref in sorted((self.guarded & self.alerts.firing.keys()) - firing):
                self.dead_alerts.append(ref)
            self.guarded &= firing

    def _look_at_stopped(self, worker: Worker) -> None:
        """What is odd about one record is that record's trouble, and never a connection's."""
        for name, lane in worker.lanes.items():
            if lane.state is not LaneState.WORKING and ODDITY in lane.reason:
                self.stopped_by_one.add(name)

    def _believed(self) -> tuple[frozenset[str], frozenset[str]]:
        """The episodes that fire in the store, and those of which the inbox still says something."""
        with self._unspoilt(), self.store.read() as connection:
            firing = connection.execute(select(t.signal.c.episode).where(t.signal.c.firing)).scalars()
            waiting = connection.execute(select(t.inbox.c.ref).where(t.inbox.c.connection == ALERTS)).scalars()
            return frozenset(firing), frozenset(waiting)

    def _believed_before(self, moment: datetime) -> frozenset[str]:
        firing = select(t.signal.c.episode).where(t.signal.c.firing, t.signal.c.seen_at < moment)
        with self._unspoilt(), self.store.read() as connection:
            return frozenset(connection.execute(firing).scalars())

    @contextmanager
    def _unspoilt(self) -> Iterator[None]:
        """No fault comes of looking."""
        at_work, self.store.at_work = self.store.at_work, False
        try:
            yield
        finally:
            self.store.at_work = at_work

    def _between_pages(self) -> None:
        """While we turn a page, somebody works over there."""
        if self.fate.happens(self.fate.weather.drift, "edit between pages"):
            self.fate.told.append(self.staff.edit())

    def _just_before_a_write(self, name: str, ref: str, patch: Mapping[str, Any]) -> None:
        """Between our read and our write, somebody else edits the record; in a blunt tool, that is after its adapter's
        own look, and mostly one of the fields that we are about to write."""
        if not self.fate.happens(self.fate.weather.race, "race"):
            return
        desk = self.tools[name]
        fields = [one for one in desk.texts if one in patch]
        if not desk.tells_replaced:
            # Whoever edits what is being written, where nothing tells of it, is not promised anything.
            self.fate.told.append(self.staff.edit_record(name, ref, but=frozenset(patch)))
        elif self._is_overwritten(name) and fields and self.dice.random() < 0.7:
            desk.overwrote += name in ROLES
            self.fate.counts["race for a field"] += 1
            self.fate.told.append(self.staff.edit_field(name, ref, self.dice.choice(fields)))
        else:
            self.fate.told.append(self.staff.edit_record(name, ref))

    def _is_overwritten(self, name: str) -> bool:
        """Whether this tool lets us replace what somebody has just written."""
        return name == self.shape.blunt or name in ROLES

    # -- the network -----------------------------------------------------------------------------------------------

    def _post(self, name: str, delivery: Delivery) -> None:
        if not self._leaves(name):
            return
        post = Post(name, delivery)
        if self.store.at_work and not self.fate.burning:
            # Our own call brought this about, and perhaps its answer comes later than what it brought about.
            early = self.fate.happens(self.fate.weather.early_hook, "early hook")
            if early and self.deliver(post) == 200:
                return
        self.mail.append(post)

    def _leaves(self, name: str) -> bool:
        """Where nothing else tells of alerts, none of their webhooks is lost: it is sent until it is taken."""
        if self.is_only_heard(name):
            return True
        return self.shape.hooks and not self.fate.happens(self.fate.weather.lost_hook, "lost hook")

    def is_only_heard(self, name: str) -> bool:
        """Whether webhooks are all that reaches us of this connection."""
        return name == ALERTS and is_only_heard(self.shape.monitoring)

    def deliver(self, post: Post, *, forged: bool = False) -> int:
        """Hand a webhook to our server, as it would come over HTTP. Answers the status."""
        worker = self.anybody()
        # A webhook is taken in by the server's threads, whatever the lanes do.
        turn, self._turn = self._turn, None
        try:
            return self._deliver(worker, post, forged=forged)
        finally:
            self._turn = turn

    def _deliver(self, worker: Worker, post: Post, *, forged: bool) -> int:
        source = worker.engine.connections[ConnectionName(post.tool)].source
        if not self.shape.polls and not forged and post.tool in self.tools:
            # A delivery too old to be proved is made good by the next poll. Where there are none, it is signed anew.
            post = Post(post.tool, self.tools[post.tool].signed(post.delivery))
        if not isinstance(source, Receiver):
            raise TypeError(f"{post.tool} receives nothing")
        try:
            source.verify(post.delivery, self.clock.now())
        except Forged:
            return 401
        try:
            received = source.parse(post.delivery)
        except ValueError:
            return 400
        try:
            worker.intake.store([(ConnectionName(post.tool), received)])
        except StoreUnavailable:
            return 503
        except Killed:
            self.start(worker)
            return 0
        self.acknowledged.append((post.tool, received.delivery_id))
        if received.incomplete:
            worker.lanes[post.tool].poll_soon()
        return 200

    # -- peace -----------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Everything works again: no faults, no more edits; what the post still holds arrives."""
        self.fate.weather = Weather.calm()
        self.fate.put_out()
        self.alerts.forgotten = frozenset()
        for name in self.shape.connections:
            self.faults(name).heal()
        for tool in self.tools.values():
            tool.settle_down()
        self.receive_all()

    def receive_all(self) -> None:
        """Everything in the post arrives. Whoever is not answered 200 sends it again some time; 400 and 401 are for
        good. What is told of alerts that nobody can ask for comes in its order, as Alertmanager tells of a group."""
        rest, self.mail = self.mail, []
        refused: list[Post] = []
        for post in rest:
            behind = self.is_only_heard(post.tool) and any(one.tool == post.tool for one in refused)
            if behind or self.deliver(post) not in FOR_GOOD:
                refused.append(post)
        self.mail = [*refused, *self.mail]

    def cycle(self) -> None:
        """A little more than a poll interval: every lane works until none of them has anything left to do."""
        self.clock.advance(CYCLE.total_seconds())
        self.tick()
        if self.floor is not None and not self.floor.rests:
            self.floor.settle()
        for _ in range(60):
            worked = [self._dry(name) for name in self.shape.connections]
            self.receive_all()
            if not any(worked):
                return

    def _dry(self, name: str) -> bool:
        worked = False
        for _ in range(60):
            if not self._is_due(name) or not self.step(name):
                return worked
            worked = True
        return worked

    def _is_due(self, name: str) -> bool:
        """Two workers are woken by their sweep alone, as if no wake-up ever arrived: it has to find all that waits."""
        if len(self.workers) == 1:
            return True
        with self.store.read() as connection:
            return lease.is_due(connection, ConnectionName(name), self.clock.now())

    def alerts_wait(self) -> bool:
        """True while something about alerts is still to come: a hold, words for the tickets, a second look."""
        kinds = (damping.HOLD, board.BOARD, unheeded.RERAISE)
        with self.store.read() as connection:
            waiting = select(t.timer.c.id).where(t.timer.c.kind.in_(kinds)).limit(1)
            return connection.execute(waiting).first() is not None

    def waits(self) -> timedelta:
        """Longer than anything in the engine waits."""
        return FARTHEST + timedelta(minutes=10)

    def state(self) -> list[Any]:
        """What all tools show, for telling whether anything was written."""
        return [
            (name, row.ref, row.key, row.version, sorted(row.body.items(), key=str), [vars(note) for note in row.notes])
            for name, tool in self.tools.items()
            for row in tool.rows()
        ] + [page.state() for page in self.pages.values()]

    def has_history(self) -> bool:
        """True once the journal has an entry."""
        with self.store.read() as connection:
            return bool(connection.execute(select(t.journal_head.c.seq)).scalar_one())

    def remember_journal(self) -> None:
        """Keep what the journal says, because a backup is about to take its place, or to judge it."""
        with self.store.read() as connection:
            entries = select(*journal.TOLD, t.journal.c.connection)
            entries = entries.join_from(t.journal_payload, t.journal, t.journal.c.seq == t.journal_payload.c.seq)
            for row in connection.execute(entries.order_by(t.journal_payload.c.seq)):
                where = {"connection": row.connection, "incident": row.incident_id}
                self.forgotten.append({**(journal.facts(connection, row) or {}), **where})


def _flat(values: Iterable[Any]) -> Iterator[Secret]:
    for value in values:
        yield from value if isinstance(value, tuple) else (value,)

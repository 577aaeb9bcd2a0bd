"""Webhooks that come one to five times, in any order, up to a day late, beside polls that see the same: the end must be
what it is when each comes once and at once.

A record is edited in the tool where it was made. Two people who edit one record in two tools are told apart by the
time of its last change (see `docs/explanation/road.md`), so that who hears of it when may decide between them.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from typing import Any, Final

from tests.sync.office import ALERTS, Office
from tests.sync.world import World

from tieline.adapters.alertmanager.webhook import parse
from tieline.core.model import ConnectionName
from tieline.core.port import Delivery, Received, Receiver
from tieline.sync import explain
from tieline.sync.daemon.firing import fire_timers
from tieline.sync.intake import inbox

TICK: Final = 600.0
DAY: Final = 86_400.0
HOURLY: Final[Mapping[str, str]] = {"left": "poll_every: 1h", "right": "poll_every: 1h"}

EVENTS: Final = 5
"""Of each record, its making included."""

TIMES: Final = ("opened_at", "resolved_at", "closed_at", "acknowledged_at")
"""When something happened: of an alert, the first that was heard of. They differ with what was heard first."""


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """As a person sees them: an emptied field is as one that was never filled."""
    return {name: value for name, value in values.items() if name not in TIMES and value is not None}


def digest(state: object) -> str:
    """A state as one hash."""
    return sha256(json.dumps(state, sort_keys=True, default=str).encode()).hexdigest()


class Post:
    """The webhooks of every tool of a world, as they leave."""

    def __init__(self, world: World) -> None:
        self.sent: list[tuple[str, Delivery]] = []
        self._world = world
        for name, tool in world.tools.items():
            tool.subscribers.append(lambda delivery, name=name: self.sent.append((name, delivery)))  # type: ignore[misc]

    def take(self) -> list[tuple[str, Delivery]]:
        """What was sent since the last time."""
        taken, self.sent = self.sent, []
        return taken

    def deliver(self, deliveries: Iterable[tuple[str, Delivery]]) -> int:
        """They come in, in this order; answers how many were not known yet."""
        new = 0
        many = [(ConnectionName(name), self._understood(name, one)) for name, one in deliveries]
        for first in range(0, len(many), 50):
            with self._world.engine.store.write() as tx:
                new += sum(inbox.accept_all(tx, many[first : first + 50], self._world.clock.now()))
        return new

    def _understood(self, name: str, delivery: Delivery) -> Received:
        source = self._world.engine.connections[ConnectionName(name)].source
        if not isinstance(source, Receiver):
            raise TypeError(f"{name} takes no webhooks")
        return source.parse(delivery)


def run_dry(world: World) -> None:
    """Every lane does what there is to do now."""
    while sum(world.step(name) for name in world.lanes):
        pass
    fire_timers(world.engine, world.clock.now())


def tickets(world: World) -> dict[str, Any]:
    """The whole state, by what no edit touches: fields, both copies, what is held, and how many comments there are."""
    rows = {name: {row.ref: row for row in tool.rows()} for name, tool in world.tools.items()}
    found: dict[str, Any] = {}
    for incident, copies in world.incidents():
        shown = {
            copy.connection: [
                _shown(rows[copy.connection][copy.ref].body),
                len(rows[copy.connection][copy.ref].notes),
                sorted(copy.holds),
                copy.state.value,
                copy.dirty,
            ]
            for copy in copies
            if copy.ref is not None
        }
        fields = _shown(incident.fields)
        found.setdefault(str(incident.fields["description"]), []).append([fields, shown])
    return found


class Story:
    """What people do in two tools: each record is made and then changed in one of them. Drawn once, played twice."""

    def __init__(self, records: int, seed: int) -> None:
        dice = random.Random(seed)
        self.acts: list[tuple[float, int, str, int]] = []
        for record in range(records):
            tool = dice.choice(("left", "right"))
            at = sorted(dice.uniform(0, DAY) for _ in range(EVENTS))
            self.acts += [(moment, record, tool, number) for number, moment in enumerate(at)]
        self.acts.sort()
        self._refs: dict[int, str] = {}

    def play(self, world: World, record: int, tool: str, number: int) -> None:
        """The record's next event."""
        desk = world.tools[tool]
        if number == 0:
            body = {"title": f"Disk {record} is full", "description": f"record {record}", "status": "new"}
            self._refs[record] = desk.make(body).ref
            return
        ref = self._refs[record]
        match number:
            case 1:
                desk.edit(ref, status="in_progress")
            case 2:
                desk.edit(ref, title=f"Disk {record} is full, says a person")
            case 3:
                desk.comment(ref, f"a comment on {record}")
            case _:
                desk.edit(ref, status="resolved" if record % 2 else "on_hold")


def shuffled(folder: Path, deliveries: int, seed: int = 1) -> dict[str, Any]:
    """About so many deliveries, those about our own writes included. The state afterwards is compared with that of a
    quiet world."""
    records = max(1, deliveries // (6 * EVENTS))
    quiet, _sent, _known = _live(folder / "quiet", Story(records, seed), None, seed)
    wild, sent, new = _live(folder / "wild", Story(records, seed), random.Random(seed + 1), seed)
    differing = [key for key in quiet.keys() | wild.keys() if quiet.get(key) != wild.get(key)]
    return {
        "records": records,
        "events": records * EVENTS,
        "deliveries": sent,
        "known_already": sent - new,
        "differing": len(differing),
        "state": digest(wild),
        "failures": [f"{key}: {quiet.get(key)} against {wild.get(key)}" for key in sorted(differing)[:5]]
        + ([] if len(wild) == records and sent >= 0.9 * deliveries else ["there were fewer records or deliveries"]),
    }


def _live(folder: Path, story: Story, dice: random.Random | None, seed: int) -> tuple[dict[str, Any], int, int]:
    """Two days: people act on the first, webhooks come until the end of the second. Without dice each comes once and at
    once. Answers the state, how many came, and how many of them were new."""
    folder.mkdir()
    world = World(folder, options=HOURLY, seed=seed)
    post, todo = Post(world), list(reversed(story.acts))
    due: dict[int, list[tuple[str, Delivery]]] = defaultdict(list)
    sent = new = 0
    for tick in range(int(2 * DAY / TICK) + 2):
        while todo and todo[-1][0] <= tick * TICK:
            _at, record, tool, number = todo.pop()
            story.play(world, record, tool, number)
        for name, delivery in post.take():
            for late, copy in _copies(world, name, delivery, dice):
                due[tick + late].append((name, copy))
        now = due.pop(tick, [])
        if dice is not None:
            dice.shuffle(now)
        sent += len(now)
        new += post.deliver(now)
        run_dry(world)
        world.clock.advance(TICK)
    world.settle()
    state = tickets(world)
    if world.parked():
        state["parked"] = len(world.parked())
    world.engine.store.close()
    return state, sent, new


def _copies(world: World, name: str, delivery: Delivery, dice: random.Random | None) -> Iterator[tuple[int, Delivery]]:
    """How many ticks late it comes, each time that it comes: as it was sent, or sent anew under another id."""
    if dice is None:
        yield 0, delivery
        return
    for _ in range(dice.randint(1, 5)):
        anew = dice.random() < 0.3
        copy = world.tools[name].webhook(json.loads(delivery.body)["ref"]) if anew else delivery
        yield dice.choice((0, int(dice.uniform(0, DAY / TICK)))), copy


def orders(folder: Path, of: int = 6) -> dict[str, Any]:
    """Every order of the webhooks of `of` events of a ticket, and of an alert that fires and ends three times."""
    every = list(permutations(range(of)))
    ends = {"tickets": _orders_of_tickets(folder / "tickets", every), "alerts": _orders_of_alerts(folder, every)}
    return {
        "orders": len(every),
        "ends": {what: len(set(found)) for what, found in ends.items()},
        "failures": [
            f"{what}, order {every[number]}: another end"
            for what, found in ends.items()
            for number, one in enumerate(found)
            if one != found[0]
        ][:10],
    }


def _orders_of_tickets(folder: Path, every: Sequence[Sequence[int]]) -> list[str]:
    """Record i sends its webhooks in the i-th order, beside its events: no webhook comes before what it tells of."""
    folder.mkdir()
    world = World(folder, options=HOURLY)
    run_dry(world)
    post, left = Post(world), world.tools["left"]
    bodies = [{"title": "Disk full", "description": f"record {one}", "status": "new"} for one in range(len(every))]
    refs = [left.make(body).ref for body in bodies]
    told: dict[tuple[int, int], Delivery] = {}
    waiting: dict[int, list[tuple[str, Delivery]]] = defaultdict(list)
    for event in range(len(every[0])):
        for record, ref in enumerate(refs):
            _event(world, ref, event)
            told[record, event] = left.webhook(ref)
            waiting[max(event, every[record].index(event))].append(("left", told[record, event]))
        post.take()
        post.deliver(waiting[event])
        run_dry(world)
        world.clock.advance(60)
    world.settle(12)
    found = tickets(world)
    world.engine.store.close()
    return [_nameless(found.get(f"record {one}"), f"record {one}") for one in range(len(every))]


def _event(world: World, ref: str, event: int) -> None:
    left = world.tools["left"]
    match event % 6:
        case 0:
            pass  # it was made
        case 1:
            left.edit(ref, status="in_progress")
        case 2:
            left.edit(ref, title="Disk full on db1", team="storage")
        case 3:
            left.edit(ref, status="resolved")
        case 4:
            left.edit(ref, status="in_progress", team=None)
        case _:
            left.edit(ref, title="Disk full on db2", status="resolved")


def _nameless(state: object, name: str) -> str:
    return digest(json.loads(json.dumps(state, default=str).replace(name, "record")))


def _orders_of_alerts(folder: Path, every: Sequence[Sequence[int]]) -> list[str]:
    """An alert's webhook is all that is known of it: it fires and ends three times within some minutes, and the six
    webhooks about it come in every order, after it is over. Whether a ticket is made of an alert that is over before
    anybody looks is no matter of order: a flap that is held would keep it open until one is."""
    office = Office(folder, "memory", signals="flap_hold: 0s")
    office.settle(1)
    told: dict[tuple[int, int], Delivery] = {}
    refs: list[str] = []
    for event in range(len(every[0])):
        if event % 2 == 0:
            refs = [str(office.fire(one)) for one in range(len(every))]
        else:
            for ref in refs:
                office.alerts.resolve(ref)
        office.posted.clear()
        office.alerts.flush()
        for body in office.posted:
            service = json.loads(body)["commonLabels"]["service"]
            told[int(service.removeprefix("billing-")), event] = Delivery({}, body)
        office.clock.advance(20)
    for place in range(len(every[0])):
        received = [(ALERTS, parse(told[one, order[place]])) for one, order in enumerate(every)]
        for first in range(0, len(received), 50):
            with office.engine.store.write() as tx:
                inbox.accept_all(tx, received[first : first + 50], office.clock.now())
        alerts = office.lanes[ALERTS]
        while alerts.step():
            pass
        office.clock.advance(2)
    office.settle(12)
    with office.engine.store.read() as connection:
        found = explain.incidents(connection, limit=100_000)
    rows: Mapping[str, Any] = {row.ref: row.body for row in office.tools["memory"].rows()}
    ends: dict[str, list[Any]] = defaultdict(list)
    for incident, copies in found:
        shown = [_shown(rows[copy.ref]) for copy in copies if copy.ref is not None and copy.ref in rows]
        fields = _shown(incident.fields)
        ends[str(incident.fields["service"])].append([fields, shown])
    office.close()
    return [
        digest(
            json.loads(
                json.dumps(ends[f"billing-{one}"], default=str)
                .replace(f"billing-{one}", "service")
                .replace(f"Disk {one} is", "Disk is")
            )
        )
        for one in range(len(every))
    ]


def play(folder: Path, size: int) -> dict[str, dict[str, Any]]:
    """About `size` deliveries, and every order of six."""
    return {"shuffled": shuffled(folder, size), "orders": orders(folder)}

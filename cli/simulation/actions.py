"""What may happen in one step of a schedule. Each action draws what it needs from the world's dice and answers with
the sentence that a minimal story tells of it, or "" when there was nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from tieline.cli.simulation.fate import Killed
from tieline.cli.simulation.floor.page import PAGE
from tieline.cli.simulation.people import HERE, SCRIBBLE, TEXTS, Remark
from tieline.cli.simulation.shape import ALERTS, PAGE_SIZES, SIMULATED
from tieline.cli.simulation.staff import PEOPLE
from tieline.cli.simulation.world import FOR_GOOD, Post, World
from tieline.core.errors import StoreUnavailable
from tieline.core.model import Audience, IncidentId, RecordKind
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.sync import explain
from tieline.sync.comments import comments
from tieline.sync.engine import Engine
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

Action = Callable[[World], str]

SERVICES = ("shop", "mail")

TAKEN_UP: Final = 0.6
"""How often somebody sees to an alert's ticket when somebody edits anything: where a shipped tool monitors, so that
its silences are made and taken back in a few schedules."""

TRIED: Final = 0.4
"""How often somebody writes what a shipped tool has a habit with, when somebody edits anything."""


# -- people --------------------------------------------------------------------------------------------------------


def make(world: World) -> str:
    """Somebody makes a record."""
    return world.staff.make()


def edit(world: World) -> str:
    """Somebody edits a record; now and then an import leaves something odd in one, or somebody mends it, or takes up
    what an alert has opened, or leaves it again."""
    return world.staff.edit() + _perhaps_spoil(world) + _perhaps_take_up(world) + _perhaps_try_habits(world)


def _perhaps_take_up(world: World) -> str:
    if world.shape.monitoring == SIMULATED or world.odd_dice.random() >= TAKEN_UP:
        return ""
    return world.staff.take_up(world.odd_dice)


def _perhaps_try_habits(world: World) -> str:
    unruly = {name: desk.unruly for name, desk in world.tools.items() if desk.unruly}
    if not unruly or world.odd_dice.random() >= TRIED:
        return ""
    return world.staff.try_habits(world.odd_dice, unruly)


def _perhaps_spoil(world: World) -> str:
    if world.odd_dice.random() >= world.fate.weather.odd:
        return ""
    name = world.odd_dice.choice(world.shape.tools)
    tool = world.tools[name]
    rows = [row for row in tool.rows() if row.merged_into is None]
    if not rows:
        return ""
    ref = world.odd_dice.choice(rows).ref
    if ref in tool.spoilt:
        tool.mend(ref)
        return f"; record {ref} in {name} is in order again"
    world.fate.counts["odd record"] += 1
    tool.spoil(ref)
    return f"; an import leaves something odd in record {ref} in {name}"


def comment(world: World) -> str:
    """Somebody comments."""
    return world.staff.comment()


def delete(world: World) -> str:
    """Somebody deletes a record, or takes one out of the bin."""
    return world.staff.delete()


def merge(world: World) -> str:
    """Somebody merges two records."""
    return world.staff.merge()


def move(world: World) -> str:
    """Somebody moves a record: its key changes."""
    return world.staff.move()


# -- people who work in Tieline ------------------------------------------------------------------------------------


def work_here(world: World) -> str:
    """Somebody edits or comments in Tieline itself. After an error it is looked up whether it happened."""
    with world.store.read() as connection:
        found = explain.incidents(connection, limit=1000, kind=RecordKind.INCIDENT)
    if not found:
        return ""
    incident = world.dice.choice(found)[0].id
    if world.dice.random() < 0.3:
        return _comment_here(world, incident)
    number = len(world.people.edits)
    field, value = world.dice.choice(TEXTS), f"e{number} here"

    def edit_here(tx: Transaction, engine: Engine) -> None:
        commit.edit(tx, engine, incident, {field: value}, actor=PEOPLE[0], reason=Reason.EDITED)

    trouble = _try_here(world, edit_here)
    with world.store.read() as connection:
        after = explain.one_incident(connection, incident)
    if after is not None and after[0].fields.get(field) == value:
        world.people.wrote(HERE, str(incident), field, value)
    return f"somebody edits INC-{incident} in Tieline: {field} = {value!r}{trouble}"


def _comment_here(world: World, incident: IncidentId) -> str:
    text = f"remark {len(world.people.remarks)}."
    # In Tieline itself a comment may be for others than the tools tell apart; who they are costs no throw of the dice.
    kept_in = world.dice.choice((True, False))
    audience = _readers(kept_in, len(world.people.remarks))

    def write(tx: Transaction, engine: Engine) -> None:
        comments.write(tx, engine, incident, PEOPLE[0], text, audience)

    trouble = _try_here(world, write)
    with world.store.read() as connection:
        stored = connection.execute(select(t.comment.c.id).where(t.comment.c.body == text)).first()
    if stored is not None:
        world.people.remarks.append(Remark(text, HERE, str(incident), audience))
    return f"somebody comments on INC-{incident} in Tieline: {text}{trouble}"


def _readers(kept_in: bool, number: int) -> Audience:
    among = (
        (Audience.STAFF, Audience.EXECUTIVES, Audience.PARTNERS) if kept_in else (Audience.CUSTOMERS, Audience.PUBLIC)
    )
    return among[number % len(among)]


def _try_here(world: World, act: Callable[[Transaction, Engine], None]) -> str:
    worker = world.anybody()
    try:
        with world.store.write() as tx:
            act(tx, worker.engine)
    except StoreUnavailable:
        return ", and sees an error"
    except Killed:
        world.start(worker)
        return ", and the process dies"
    return ""


# -- monitoring ----------------------------------------------------------------------------------------------------


def alert(world: World) -> str:
    """An alert begins or ends."""
    if not world.shape.alerts:
        return ""
    firing = sorted(world.alerts.firing)
    if firing and world.dice.random() < 0.45:
        ref = world.dice.choice(firing)
        world.alerts.end(ref)
        world.people.changes += 1
        return f"alert {ref} ends"
    labels = {
        "alertname": world.dice.choice(("Down", "Slow")),
        "service": world.dice.choice(SERVICES),
        "instance": world.dice.choice("abc"),
        "severity": world.dice.choice(("critical", "critical", "warning", "info")),
    }
    began = world.alerts.fire(labels)
    world.people.changes += 1 + len(world.tools)
    return f"alert {began} ({labels['severity']}) of {labels['service']} begins" if began else ""


def flap(world: World) -> str:
    """An alert goes off and on, a few times within minutes, and we work on it as it does."""
    firing = sorted(world.alerts.firing)
    if not firing:
        return ""
    ref = world.dice.choice(firing)
    labels, times = dict(world.alerts.firing[ref].labels), world.dice.randint(3, 7)
    for _ in range(times):
        world.alerts.end(ref)
        _work_for_a_while(world)
        again = world.alerts.fire(labels)
        if again is None:
            break
        ref = again
        _work_for_a_while(world)
        world.people.changes += 2 * len(world.tools)
    return f"alert {ref} goes off and on {times} times"


def _work_for_a_while(world: World) -> None:
    world.receive_all()
    for name in (ALERTS, *world.tools):
        for _ in range(4):
            if not world.step(name):
                break
    world.clock.advance(world.dice.choice((1, 5, 21)))
    world.tick()


def scribble(world: World) -> str:
    """Somebody writes into a block of alerts, where nothing of theirs belongs."""
    return world.staff.scribble(SCRIBBLE)


# -- the network and the clocks ------------------------------------------------------------------------------------


def post(world: World) -> str:
    """A webhook arrives: late, twice, out of order, or forged."""
    if not world.mail:
        return ""
    dice = world.dice
    count = min(len(world.mail), dice.randint(1, 3))
    words: list[str] = []
    if world.fate.happens(world.fate.weather.stray_hook, "stray hook"):
        name = dice.choice(world.shape.tools)
        status = world.deliver(Post(name, world.tools[name].stray()))
        words.append(f"a webhook of {name} about a record that nobody knows is answered {status}")
    for _ in range(count):
        place = 0 if dice.random() < 0.6 else dice.randrange(len(world.mail))
        item = world.mail[place]
        if world.is_only_heard(item.tool):
            item = next(one for one in world.mail if one.tool == item.tool)
        if world.fate.happens(world.fate.weather.forged_hook, "forged hook"):
            forged = _forge(world, item)
            status = world.deliver(forged, forged=True)
            if status == 200:
                world.dead.append(f"a forged webhook of {item.tool} was taken")
            words.append(f"a forged webhook of {item.tool} is answered {status}")
            continue
        world.fate.light_fuse()
        status = world.deliver(item)
        world.fate.put_out()
        done = status in FOR_GOOD and not world.fate.happens(world.fate.weather.doubled_hook, "doubled hook")
        if done:
            world.mail.remove(item)
        words.append(f"a webhook of {item.tool} is answered {status}")
    return "; ".join(words)


def _forge(world: World, item: Post) -> Post:
    desk = world.alerts if item.tool == ALERTS else world.tools[item.tool]
    return Post(item.tool, desk.forged(item.delivery))


def clocks(world: World) -> str:
    """A clock is set: a tool's, or our own."""
    if not world.shape.polls or not world.fate.happens(world.fate.weather.clocks, "clock set"):
        return ""
    seconds = world.dice.choice((-86400, -3600, -5, -1, 1, 5, 3600, 86400))
    name = world.dice.choice((*(one for one in world.shape.connections if one != PAGE), HERE))
    if name == HERE:
        world.clock.step(seconds)
    elif name == ALERTS:
        world.alerts.skew = timedelta(seconds=seconds)
    else:
        world.tools[name].skew = timedelta(seconds=seconds)
    return f"the clock of {name} is set by {seconds} s"


def reload(world: World) -> str:
    """The configuration is changed while we run: the same store and other settings."""
    if not world.shape.polls:
        return ""
    world.page_size = world.dice.choice(PAGE_SIZES)
    world.fate.counts["reload"] += 1
    # The other worker, if there is one, goes on with the old one until something else restarts it.
    world.start(world.anybody())
    return f"the configuration is changed: pages of {world.page_size}"


def backup(world: World) -> str:
    """The store is copied, or a copy is put in its place."""
    # A store in which nothing has happened has no name yet: restoring it is beginning with another Tieline.
    if not world.shape.backups or not world.has_history():
        return ""
    if not world.backups or world.dice.random() < 0.6:
        world.backups.append((world.store.copy(), len(world.people.edits)))
        return "a backup of the store is made"
    world.remember_journal()
    world.restored += 1
    place = world.dice.randrange(len(world.backups))
    copy, written = world.backups[place]
    world.store.restore(copy)
    world.people.forget(written)
    world.acknowledged.clear()
    world.guarded = frozenset()
    world.start()
    if world.floor is not None:
        world.floor.forget()
    return f"backup {place} is put in the place of the store"


# -- ourselves -----------------------------------------------------------------------------------------------------


def work(world: World) -> str:
    """Some lanes take some steps; the process may die under them."""
    lanes = [world.dice.choice(world.shape.connections) for _ in range(world.dice.randint(1, 3))]
    world.clock.advance(world.dice.choice((0, 0, 1, 5, 31)))
    world.fate.light_fuse()
    for name in lanes:
        for _ in range(world.dice.randint(1, 6)):
            if not world.step(name):
                break
    world.fate.put_out()
    return f"the lanes of {', '.join(lanes)} work"


def wait(world: World) -> str:
    """Time passes."""
    seconds = world.dice.choice((1, 10, 31, 31, 90))
    world.clock.advance(seconds)
    world.tick()
    return f"{seconds} s pass"


def die(world: World) -> str:
    """The process is killed while it does nothing, and started again."""
    if not world.fate.happens(world.fate.weather.kill, "kill"):
        return ""
    worker = world.anybody()
    world.start(worker)
    return f"{worker.name} is killed and started"


ACTIONS: Final[Mapping[str, tuple[Action, int]]] = {
    "work": (work, 44),
    "make": (make, 4),
    "edit": (edit, 16),
    "comment": (comment, 5),
    "post": (post, 12),
    "wait": (wait, 8),
    "alert": (alert, 5),
    "flap": (flap, 1),
    "scribble": (scribble, 1),
    "work here": (work_here, 3),
    "die": (die, 3),
    "clocks": (clocks, 3),
    "delete": (delete, 1),
    "merge": (merge, 1),
    "move": (move, 1),
    "backup": (backup, 3),
    "reload": (reload, 1),
}
"""Every action with its weight."""

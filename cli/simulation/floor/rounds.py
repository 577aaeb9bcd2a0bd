"""The plugin of the simulation's own: somebody goes the rounds. It has one of everything that a plugin may have, and
tells of all that it does, so that it can be held against what it should have done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy import Column, Integer, String, select

from tieline.cli.simulation.floor.deeds import (
    AGREE,
    COMMAND,
    COUNSEL,
    PATROL,
    RESPOND,
    TERMS,
    VISIT,
    Announced,
    Stepped,
    Visited,
    announce,
    visit,
)
from tieline.core.access import Role
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, Duration, Instant, ItemName, Line
from tieline.core.desk import Desk
from tieline.core.events import Changed, Commented, Opened
from tieline.core.hooks import hookimpl
from tieline.core.identity import PLUGIN
from tieline.core.model import Audience
from tieline.core.offer import Due, Follower, Offer, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store.types import Instant as InstantColumn

GROUP: Final = "rounds"
ACTOR: Final = f"{PLUGIN}{GROUP}"
ROUNDS_TERMS: Final = f"{GROUP}.terms"
"""The policy by which everybody goes."""
LOOK: Final = "look"
FIRST_ROUND: Final = timedelta(minutes=2)
NEXT_ROUND: Final = timedelta(minutes=3)
ROUNDS: Final = 3
TRIPS: Final = "trip"
"""What is promised in such words makes the follower stumble until the time that it was promised for."""

PROMISE: Final = plugin_table(
    GROUP,
    "promise",
    Column("words", String, primary_key=True),
    subject_column(),
    Column("until", InstantColumn, nullable=False),
)
SLOT: Final = plugin_table(
    GROUP, "slot", Column("slot", Integer, primary_key=True), subject_column(), Column("words", String, nullable=False)
)
TALLY: Final = plugin_table(
    GROUP,
    "tally",
    subject_column(primary_key=True),
    Column("kind", String, primary_key=True),
    Column("times", Integer, nullable=False),
    Column("last", Integer, nullable=False),
)


class Promised(PluginEvent, kind="rounds.promised"):
    """somebody promised something about an item, which is looked at again at that time; by the terms of that moment"""

    words: Line
    next: Instant
    mark: int


class Forgotten(PluginEvent, kind="rounds.forgotten"):
    """a promise was taken back"""

    words: Line


class HandedOver(PluginEvent, kind="rounds.handed_over"):
    """an item was handed over"""

    words: Line


class Taken(PluginEvent, kind="rounds.taken"):
    """somebody took one of the slots, which one person has"""

    slot: int
    words: Line


class Seen(PluginEvent, kind="rounds.seen"):
    """something was noticed: which entry, and when its item is looked at next; by the terms of that moment, and those
    that its item began with"""

    entry: int
    words: Line
    next: Instant | None
    mark: int
    pinned: int


class Looked(PluginEvent, kind="rounds.looked"):
    """it was time to look at something: when that was to be, how many milliseconds late it is, and when it is looked
    at next; by the terms of that moment, and those that its item began with"""

    words: Line
    due: Instant
    late_ms: int
    next: Instant | None
    mark: int
    pinned: int


class Promise(Ask):
    """Something that is promised."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    words: Line = Field(description="What is promised.")
    time: Duration = Field(description="For how long.")


class Forget(Ask):
    """A promise that is taken back."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    words: Line = Field(description="Why.")


class HandOver(Ask):
    """An item for somebody else."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    words: Line = Field(description="Whom it goes to.")


class Take(Ask):
    """A slot that somebody wants."""

    slot: int = Field(ge=0, description="Its number.")
    words: Line = Field(description="What for.")


class Done(Answer):
    """What was done."""

    words: str
    about: str

    def sentence(self) -> str:
        return f"{self.about}: {self.words}"


def promise(desk: Desk, ask: Promise) -> Answer:
    """Promise something about an item."""
    item, until = desk.item(ask.incident), desk.now + ask.time
    desk.record(Promised(words=ask.words, next=until, mark=desk.policy(TERMS).mark), item)
    _set(desk, item, ask.words, until)
    return Done(words=ask.words, about=desk.called(item))


def forget(desk: Desk, ask: Forget) -> Answer:
    """Take back what was promised first about an item."""
    item = desk.item(ask.incident)
    query = select(PROMISE).where(PROMISE.c.subject == item.uid).order_by(PROMISE.c.until, PROMISE.c.words)
    row = desk.rows.first(query)
    if row is None:
        raise NotDone(f"nothing is promised about {desk.called(item)}")
    desk.record(Forgotten(words=row.words), item)
    desk.cancel_timer(LOOK, item, key=row.words)
    return Done(words=row.words, about=desk.called(item))


def hand_over(desk: Desk, ask: HandOver) -> Answer:
    """Hand an item over: tell it, write it down, and say so to everybody."""
    item = desk.item(ask.incident)
    desk.record(HandedOver(words=ask.words), item)
    desk.edit(item, {"team": ask.words})
    desk.comment(item, f"handed over: {ask.words}.", Audience.STAFF)
    return Done(words=ask.words, about=desk.called(item))


def take(desk: Desk, ask: Take) -> Answer:
    """Take a slot that nobody has."""
    row = desk.rows.first(select(SLOT).where(SLOT.c.slot == ask.slot))
    if row is not None:
        raise NotDone(f"slot {ask.slot} is taken: {row.words}")
    desk.record(Taken(slot=ask.slot, words=ask.words))
    return Done(words=ask.words, about=f"slot {ask.slot}")


def watch(desk: Desk, happened: Happened) -> None:
    """Tell of everything that somebody else did."""
    if happened.actor == ACTOR:
        return
    item = desk.item(happened.item)
    words, following = f"entry {happened.seq} of {_at(desk.now)}", None
    match happened.event:
        case Opened():
            following = happened.at + FIRST_ROUND
            _set(desk, item, words, following, left=ROUNDS - 1)
            desk.comment(item, f"seen: {words}.", Audience.STAFF)
        case Promised(words=said, next=until) if said.startswith(TRIPS) and desk.now < until:
            raise NotDone(f"it stumbles over {said} until then")
        case Promised():
            desk.edit(item, {"category": words})
    mark, pinned = desk.policy(TERMS).mark, desk.policy(TERMS, item).mark
    desk.record(Seen(entry=happened.seq, words=words, next=following, mark=mark, pinned=pinned), item)


def look(desk: Desk, due: Due) -> None:
    """Look at something again, a few times."""
    item, words, left = desk.item(due.item), str(due.facts["words"]), int(due.facts["left"])
    following = desk.now + NEXT_ROUND if left else None
    late = int(due.late.total_seconds() * 1000)
    mark, pinned = desk.policy(TERMS).mark, desk.policy(TERMS, item).mark
    desk.record(Looked(words=words, due=due.at, late_ms=late, next=following, mark=mark, pinned=pinned), item)
    if following is not None:
        _set(desk, item, words, following, left=left - 1)


def _set(desk: Desk, item: Any, words: str, at: datetime, left: int = 0) -> None:
    desk.set_timer(LOOK, at, item, key=words, facts={"words": words, "left": left})


def _at(now: datetime) -> str:
    return f"{now:%d.%m. %H:%M:%S.%f}"


def _promised(rows: Rows, event: Promised, happened: Happened) -> None:
    rows.put(PROMISE, words=event.words, subject=happened.subject, until=event.next)


def _kept(rows: Rows, event: Forgotten | Looked, _happened: Happened) -> None:
    rows.drop(PROMISE, words=event.words)


def _taken(rows: Rows, event: Taken, _happened: Happened) -> None:
    rows.put(SLOT, slot=event.slot, subject=f"slot:{event.slot}", words=event.words)


def _counted(rows: Rows, _event: object, happened: Happened) -> None:
    kind = type(happened.event).__name__
    found = rows.find(TALLY, subject=happened.subject, kind=kind)
    times = 1 + (found[0].times if found else 0)
    rows.put(TALLY, subject=happened.subject, kind=kind, times=times, last=happened.seq)


RIGHTS: Final = {
    RESPOND: Right("promise something about an incident", (Role.RESPONDER, Role.COMMANDER)),
    COMMAND: Right("hand incidents over and take slots", (Role.COMMANDER,)),
    AGREE: Right("approve what everybody is told", (Role.COMMANDER,)),
    COUNSEL: Right("give counsel on what everybody is told", (Role.RESPONDER, Role.MANAGER)),
}

OFFER: Final = Offer(
    group=GROUP,
    summary="Somebody goes the rounds, and tells of what they see.",
    acts=(
        Act("promise", promise, RESPOND, ("incident", "words", "time"), records=(Promised,)),
        Act("forget", forget, RESPOND, ("incident", "words"), records=(Forgotten,)),
        Act("hand-over", hand_over, COMMAND, ("incident", "words"), records=(HandedOver,)),
        Act("take", take, COMMAND, ("slot", "words"), records=(Taken,)),
        Act("announce", announce, RESPOND, ("incident", "words"), records=(Announced,), asks_first=(AGREE, COUNSEL)),
        Act("visit", visit, RESPOND, ("words",), records=(Visited,)),
    ),
    rights=RIGHTS,
    events=(Promised, Forgotten, HandedOver, Taken, Seen, Looked, Announced, Stepped, Visited),
    projections=(
        Projection("promises", (PROMISE,), {Promised: _promised, Forgotten: _kept, Looked: _kept}),
        Projection("slots", (SLOT,), {Taken: _taken}),
        Projection("tallies", (TALLY,), dict.fromkeys((Opened, Changed, Commented, Promised), _counted)),
    ),
    followers=(Follower("watch", (Opened, Changed, Commented, Promised), watch),),
    timers=(TimerKind(LOOK, look),),
    jobs=(PATROL,),
    kinds=(VISIT,),
    policies=(TERMS,),
    does=frozenset({"incident.edit", "incident.comment"}),
)


class RoundsPlugin:
    """What a configuration would name."""

    @hookimpl
    def tieline_offer(self) -> Offer:
        """What it offers."""
        return OFFER

"""A plugin that keeps the contract, for its saboteurs to corrupt: who takes care of an item, and that it was looked
after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import Field
from sqlalchemy import Column, Integer, String, Text, select

from tieline.core.access import READ, Role
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, ItemName, Line, Words
from tieline.core.desk import Desk, Look
from tieline.core.events import Changed, Opened
from tieline.core.jobs import Done, Job, Result, State, Step
from tieline.core.model import FieldSpec, FieldType, ItemKind
from tieline.core.offer import Due, Follower, Offer, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.views import Keyset, Listing, Paged, Row, View

CARE: Final = plugin_table(
    "toy", "care", Column("seq", Integer, primary_key=True), subject_column(), Column("words", String, nullable=False)
)
LOOKS: Final = plugin_table("toy", "looks", subject_column(primary_key=True), Column("looks", Integer, nullable=False))
EDITS: Final = plugin_table("toy", "edits", subject_column(primary_key=True), Column("edits", Integer, nullable=False))
LOOK: Final = timedelta(minutes=30)


class Cared(PluginEvent, kind="toy.cared"):
    """somebody said what they do about an item"""

    words: Words


class Watched(PluginEvent, kind="toy.watched"):
    """an item is looked after from now on"""


class Looked(PluginEvent, kind="toy.looked"):
    """it was time to look after an item"""


class Care(Ask):
    """What somebody does about an item."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    words: Words = Field(description="What you do about it.")


class Caring(Answer):
    """What was said."""

    incident: str
    words: str

    def sentence(self) -> str:
        return f"{self.incident}: it is known what you do"


def care(desk: Desk, ask: Care) -> Answer:
    """Say what you do about an item."""
    item = desk.item(ask.incident)
    desk.record(Cared(words=ask.words), item)
    return Caring(incident=desk.called(item), words=ask.words)


class Cares(Paged):
    """Who takes care."""


class CareShown(Row):
    """What somebody does about an item."""

    incident: str
    words: str


class CaresShown(Listing[CareShown]):
    """All of it."""


ORDER: Final = Keyset("toy cares", int)


def cares(look: Look, ask: Cares) -> CaresShown:
    """What is done about items."""
    after = 0 if ask.after is None else ORDER.after(ask.after)[0]
    query = select(CARE).where(CARE.c.seq > after).order_by(CARE.c.seq).limit(ask.limit + 1)
    page, following = ORDER.page(look.rows.all(query), ask, lambda row: (row.seq,))
    called = look.called_by_id(row.subject for row in page)
    items = tuple(CareShown(incident=called[row.subject], words=row.words) for row in page)
    return CaresShown(items=items, next=following)


def cared(rows: Rows, event: Cared, happened: Happened) -> None:
    rows.put(CARE, seq=happened.seq, subject=happened.subject, words=event.words)


def looked(rows: Rows, _event: Looked, happened: Happened) -> None:
    found = rows.find(LOOKS, subject=happened.subject)
    rows.put(LOOKS, subject=happened.subject, looks=1 + (found[0].looks if found else 0))


def edited(rows: Rows, _event: Changed, happened: Happened) -> None:
    found = rows.find(EDITS, subject=happened.subject)
    rows.put(EDITS, subject=happened.subject, edits=1 + (found[0].edits if found else 0))


def watch(desk: Desk, happened: Happened) -> None:
    item = desk.item(happened.item)
    desk.record(Watched(), item)
    desk.set_timer("look", desk.now + LOOK, item)


def look_after(desk: Desk, due: Due) -> None:
    desk.record(Looked(), desk.item(due.item))


class Tell(Ask):
    """It is told nothing."""


class Telling(State):
    """How far it has read, and what it read."""

    after: int = 0
    words: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


def tell(desk: Desk, _ask: Tell, so_far: Telling) -> Step | Done:
    """Write down all that is done about items."""
    found = desk.rows.all(select(CARE).where(CARE.c.seq > so_far.after).order_by(CARE.c.seq).limit(2))
    if not found:
        return Done("\n".join(so_far.words).encode(), so_far.subjects)
    words = (*so_far.words, *(row.words for row in found))
    subjects = (*so_far.subjects, *(row.subject for row in found))
    return Step(Telling(after=found[-1].seq, words=words, subjects=subjects), len(words), None, subjects)


TELL: Final = Job("tell", tell, "toy.care", example={}, result=Result("text/plain", "toy.care"))


class Toy:
    """What the entry point would name. `offer` replaces what it offers."""

    def __init__(self, offer: Callable[[], Offer] | None = None) -> None:
        self._offer = offer or toy

    def tieline_offer(self) -> Offer:
        """What it offers."""
        return self._offer()


ACT: Final = Act(
    "care", care, "toy.care", ("incident",), example={"incident": "INC-1", "words": "I look."}, records=(Cared,)
)


def toy() -> Offer:
    """A plugin that keeps the contract."""
    return Offer(
        group="toy",
        summary="Who takes care of what.",
        acts=(ACT,),
        views=(View("cares", cares, READ),),
        rights={"toy.care": Right("say what you do about an item", (Role.RESPONDER,))},
        events=(Cared, Watched, Looked),
        projections=(
            Projection("cares", (CARE,), {Cared: cared}),
            Projection("looks", (LOOKS,), {Looked: looked}),
            Projection("edits", (EDITS,), {Changed: edited}),
        ),
        followers=(Follower("watch", (Opened,), watch),),
        timers=(TimerKind("look", look_after),),
        jobs=(TELL,),
    )


class ErrandStatus(StrEnum):
    """Where an errand stands."""

    BEGUN = "begun"
    DONE = "done"


ERRAND: Final = ItemKind(
    "errand",
    "ERD",
    "What somebody is sent for.",
    ErrandStatus,
    frozenset({ErrandStatus.DONE}),
    (FieldSpec("title", FieldType.TEXT, "what for"),),
    kept=frozenset({"title", "status"}),
)
SENT: Final = plugin_table("toy", "sent", subject_column(primary_key=True), Column("of", Text, nullable=False))


class Sent(PluginEvent, kind="toy.sent"):
    """somebody was sent for something; with the id of what it is for"""

    of: Line


class Send(Ask):
    """What somebody is sent for."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    words: Line = Field(description="What they are sent for.")


class Errand(Ask):
    """An errand."""

    errand: ItemName = Field(description="An errand, by its number.")


class ErrandShown(Answer):
    """An errand. `of` is None where that is not there for whoever asks."""

    errand: str
    title: str
    of: str | None

    def sentence(self) -> str:
        return f"{self.errand}: {self.title}"


def send(desk: Desk, ask: Send) -> Callable[[], ErrandShown]:
    """Send somebody for something."""
    item = desk.item(ask.incident)
    made = desk.open("errand", {"title": ask.words})
    desk.record(Sent(of=item.uid), made)
    return lambda: ErrandShown(errand=desk.called(made), title=ask.words, of=desk.called(item))


def finish(desk: Desk, ask: Errand) -> ErrandShown:
    """Say that an errand is done."""
    item = desk.item(ask.errand)
    if not item.is_open:
        raise NotDone(f"{desk.called(item)} is done already")
    desk.edit(item, {"status": ErrandStatus.DONE})
    return ErrandShown(errand=desk.called(item), title=str(item.fields["title"]), of=None)


def errand(look: Look, ask: Errand) -> ErrandShown:
    """An errand, and what it is for."""
    item = look.item(ask.errand)
    row = look.rows.first(select(SENT).where(SENT.c.subject == item.uid))
    of = look.called_by_id([row.of] if row is not None else [])
    return ErrandShown(errand=look.called(item), title=str(item.fields["title"]), of=next(iter(of.values()), None))


def sent(rows: Rows, event: Sent, happened: Happened) -> None:
    rows.put(SENT, subject=happened.subject, of=event.of)


SEND: Final = Act(
    "send",
    send,
    "toy.care",
    ("incident", "words"),
    kind="incident",
    example={"incident": "INC-1", "words": "Fetch a disk."},
    records=(Sent,),
    opens="errand",
)
FINISH: Final = Act("finish", finish, "toy.care", ("errand",), kind="errand", example={"errand": "ERD-1"})
SHOWN: Final = View("errand", errand, READ, ("errand",), kind="errand", example={"errand": "ERD-1"})


def sending() -> Offer:
    """The same with items of a kind of its own: it keeps the contract as well."""
    one = asking()
    return replace(
        one,
        acts=(*one.acts, SEND, FINISH),
        views=(*one.views, SHOWN),
        events=(*one.events, Sent),
        projections=(*one.projections, Projection("sent", (SENT,), {Sent: sent})),
        kinds=(ERRAND,),
        does=frozenset({"incident.edit"}),
    )


class Announce(Ask):
    """What everybody is to be told."""

    announcement: ItemName = Field(description="An announcement, by its number.")
    words: Words = Field(description="What everybody reads.")


class Announced(Answer):
    """An announcement."""

    announcement: str

    def sentence(self) -> str:
        return f"{self.announcement}: it is written"


def draft(desk: Desk, ask: Send) -> Callable[[], Announced]:
    """Have something be there to be announced."""
    desk.item(ask.incident)
    made = desk.open("announcement", {"title": ask.words})
    return lambda: Announced(announcement=desk.called(made))


def announce(desk: Desk, ask: Announce) -> Announced:
    """Have everybody read something, if somebody else finds it right."""
    item, fields = desk.item(ask.announcement), {"description": ask.words, "status": "published"}
    desk.release(item, fields)
    desk.edit(item, fields)
    desk.ask_first("toy.approve", "everybody reads it")
    return Announced(announcement=desk.called(item))


DRAFT: Final = Act(
    "draft",
    draft,
    "toy.care",
    ("incident", "words"),
    kind="incident",
    example={"incident": "INC-1", "words": "A disk is full."},
    opens="announcement",
)
ANNOUNCE: Final = Act(
    "announce",
    announce,
    "toy.care",
    ("announcement", "words"),
    kind="announcement",
    example={"announcement": "ANN-1", "words": "We look into it."},
    asks_first=("toy.approve",),
)


def announcing() -> Offer:
    """The same with announcements, which are read outside: it keeps the contract as well."""
    return replace(asking(), acts=(DRAFT, ANNOUNCE), does=frozenset({"incident.edit"}))


def asking(run: Callable[[Desk, Care], Answer] | None = None) -> Offer:
    """The same, whose act asks first: it keeps the contract as well."""

    def ask_first(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item, if somebody else finds it right."""
        said = care(desk, ask)
        desk.ask_first("toy.approve", "two know more than one")
        return said

    act = replace(ACT, run=run or ask_first, asks_first=("toy.approve",))
    rights = {**toy().rights, "toy.approve": Right("find right what somebody does", (Role.COMMANDER,))}
    return replace(toy(), acts=(act,), rights=rights)

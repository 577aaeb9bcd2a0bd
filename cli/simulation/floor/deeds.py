"""What on the rounds takes more than one hand or more than one moment: a policy by which everybody goes, what somebody
else approves first, work of many steps, and items of a kind of their own. Each tells by which terms it was done."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from tieline.core.acts import NotDone
from tieline.core.arguments import Answer, Ask, Instant, ItemName, Line
from tieline.core.desk import Desk
from tieline.core.jobs import Bound, Done, Job, Result, State, Step
from tieline.core.model import Audience, FieldSpec, FieldType, ItemKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.policy import Policy

RESPOND: Final = "rounds.promise"
COMMAND: Final = "rounds.command"
AGREE: Final = "rounds.agree"
COUNSEL: Final = "rounds.counsel"


class Terms(BaseModel):
    """What a revision of the policy says: nothing but which one it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mark: int = 0


TERMS: Final = Policy("terms", "by what terms the rounds are gone", Terms())


class Said(Answer):
    """What was done."""

    words: str
    about: str

    def sentence(self) -> str:
        return f"{self.about}: {self.words}"


# -- what somebody else approves first ---------------------------------------------------------------------------------


class Announced(PluginEvent, kind="rounds.announced"):
    """somebody told everybody about an item, in this text, by the terms of that moment"""

    words: Line
    text: str
    mark: int


class Announce(Ask):
    """Something that everybody is told."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    words: Line = Field(description="What is told.")
    anyhow: bool = Field(default=False, description="Whether that is done however the incident has changed since.")
    both: bool = Field(default=False, description="Whether two others are asked, one for each of two rights.")


def announce(desk: Desk, ask: Announce) -> Said:
    """Tell everybody about an item, once somebody else has approved the text."""
    item, mark = desk.item(ask.incident), desk.policy(TERMS).mark
    text = f"{item.fields.get('title') or 'nothing'}: {ask.words}."
    desk.bind("what everybody is told", text)
    desk.record(Announced(words=ask.words, text=text, mark=mark), item)
    desk.comment(item, text, Audience.CUSTOMERS)
    rights = (AGREE, COUNSEL) if ask.both else AGREE
    desk.ask_first(rights, "everybody reads it", lasts=timedelta(minutes=4), at_any_revision=ask.anyhow)
    return Said(words=ask.words, about=desk.called(item))


# -- work of many steps ------------------------------------------------------------------------------------------------

STEPS: Final = 4


class Stepped(PluginEvent, kind="rounds.stepped"):
    """a step of a patrol was done: which one, by the terms of that moment and those that its item began with"""

    words: Line
    number: int
    mark: int
    pinned: int


class Patrol(Ask):
    """A patrol past an item."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    words: Line = Field(description="What for.")
    until: Instant = Field(description="Until when its steps stumble, but for the first.")


class Patrolled(State):
    """How far a patrol has come."""

    number: int = 0
    told: tuple[int, ...] = ()


def patrol(desk: Desk, ask: Patrol, so_far: Patrolled) -> Step | Done:
    """Go past an item in a few steps."""
    if so_far.number and desk.now < ask.until:
        raise NotDone(f"it stumbles over {ask.words} until then")
    item, mark = desk.item(ask.incident), desk.policy(TERMS).mark
    pinned = desk.policy(TERMS, item).mark
    desk.record(Stepped(words=ask.words, number=so_far.number, mark=mark, pinned=pinned), item)
    told = (*so_far.told, mark)
    if so_far.number + 1 == STEPS:
        return Done(came_to(ask.words, told))
    return Step(Patrolled(number=so_far.number + 1, told=told), so_far.number + 1, STEPS)


def came_to(words: str, told: tuple[int, ...]) -> bytes:
    """What a patrol comes to: its words, and the terms of each of its steps."""
    return f"{words}: {', '.join(map(str, told))}".encode()


PATROL: Final = Job(
    "patrol", patrol, RESPOND, ("incident", "words"), result=Result("text/plain", RESPOND), bound=Bound()
)

# -- items of a kind of their own --------------------------------------------------------------------------------------


class VisitStatus(StrEnum):
    """Where a visit stands."""

    PLANNED = "planned"
    UNDER_WAY = "under_way"
    OVER = "over"


VISIT: Final = ItemKind(
    "visit",
    "VIS",
    "somebody goes and looks",
    VisitStatus,
    over=frozenset({VisitStatus.OVER}),
    fields=(
        FieldSpec("team", FieldType.TEXT, "who goes"),
        FieldSpec("category", FieldType.TEXT, "what it is about"),
    ),
)


class Visited(PluginEvent, kind="rounds.visited"):
    """somebody is to go and look, by the terms of that moment"""

    words: Line
    mark: int


class Visit(Ask):
    """A visit that is to be made."""

    words: Line = Field(description="What for.")


def visit(desk: Desk, ask: Visit) -> Said:
    """Have somebody go and look."""
    mark = desk.policy(TERMS).mark
    made = desk.open(VISIT.name, {"title": ask.words})
    desk.record(Visited(words=ask.words, mark=mark), made)
    return Said(words=ask.words, about="a visit")

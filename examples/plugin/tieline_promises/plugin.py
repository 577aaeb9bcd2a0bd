"""What somebody promised to do about an incident, and until when. A promise that is not kept is told of."""

from __future__ import annotations

from pydantic import Field
from sqlalchemy import Column, Text, select

from tieline.core.access import READ, Role
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, Duration, Instant, ItemName, Line
from tieline.core.desk import Desk, Look
from tieline.core.events import Changed
from tieline.core.hooks import hookimpl
from tieline.core.model import Audience
from tieline.core.offer import Due, Follower, Offer, Right, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store.types import Instant as InstantColumn
from tieline.core.views import Keyset, Listing, Moment, Paged, Row, View

# -- what happens, and what is kept of it ------------------------------------------------------------------------------


class Made(PluginEvent, kind="promises.made"):
    """somebody promised to do something about an incident; what, and until when"""

    what: Line
    until: Instant


PROMISE = plugin_table(
    "promises",
    "promise",
    subject_column(primary_key=True),
    Column("what", Text, nullable=False),
    Column("until", InstantColumn, nullable=False),
)


def made(rows: Rows, event: Made, happened: Happened) -> None:
    rows.put(PROMISE, subject=happened.subject, what=event.what, until=event.until)


# -- what people do ----------------------------------------------------------------------------------------------------


class Make(Ask):
    """A promise."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    time: Duration = Field(description="Until it is done, like 30m or 2h.")
    what: Line = Field(description="What you will have done by then.")


class Promised(Answer):
    """A promise that was made."""

    incident: str
    until: Instant

    def sentence(self) -> str:
        return f"{self.incident}: it is known what you do until {self.until:%Y-%m-%d %H:%M} UTC"


def make(desk: Desk, ask: Make) -> Answer:
    """Promise to do something about an incident."""
    item = desk.item(ask.incident)
    if not item.is_open:
        raise NotDone(f"{desk.called(item)} is over; there is nothing to be promised")
    until = desk.now + ask.time
    desk.record(Made(what=ask.what, until=until), item)
    desk.set_timer("over", until, item)
    return Promised(incident=desk.called(item), until=until)


# -- what there is to see ----------------------------------------------------------------------------------------------


class List(Paged):
    """All promises."""


class Shown(Row):
    """A promise."""

    incident: str
    what: str
    until: Moment


class ListShown(Listing[Shown]):
    """What was promised last of each incident."""

    def sentence(self) -> str:
        return "\n".join(f"{one.incident}: {one.what}, until {one.until}" for one in self.items) or "no promises"


ORDER = Keyset("promises list", str)


def promised(look: Look, ask: List) -> ListShown:
    """What was promised, and until when."""
    query = select(PROMISE).order_by(PROMISE.c.subject).limit(ask.limit + 1)
    if ask.after is not None:
        query = query.where(PROMISE.c.subject > ORDER.after(ask.after)[0])
    page, following = ORDER.page(look.rows.all(query), ask, lambda row: (row.subject,))
    called = look.called_by_id(row.subject for row in page)
    items = tuple(Shown(incident=called[row.subject], what=row.what, until=row.until) for row in page)
    return ListShown(items=items, next=following)


# -- what it does by itself --------------------------------------------------------------------------------------------


def release(desk: Desk, happened: Happened) -> None:
    """Nobody owes anything for what is over."""
    item = desk.item(happened.item)
    if not item.is_open:
        desk.cancel_timer("over", item)


def tell(desk: Desk, due: Due) -> None:
    """Say that it is time, in every copy."""
    item = desk.item(due.item)
    row = desk.rows.first(select(PROMISE).where(PROMISE.c.subject == item.uid))
    if row is not None and item.is_open:
        desk.comment(item, f"This was to be done by now: {row.what}", Audience.STAFF)


# -- the offer ---------------------------------------------------------------------------------------------------------


@hookimpl
def tieline_offer() -> Offer:
    """All of it."""
    return Offer(
        group="promises",
        summary="What somebody promised to do about an incident, and until when.",
        acts=(
            Act(
                "make",
                make,
                "promises.make",
                ("incident", "time", "what"),
                example={"incident": "INC-1", "time": "2h", "what": "I look through the logs."},
                records=(Made,),
            ),
        ),
        views=(View("list", promised, READ),),
        rights={"promises.make": Right("promise to do something about an incident", (Role.RESPONDER, Role.COMMANDER))},
        events=(Made,),
        projections=(Projection("promises", (PROMISE,), {Made: made}),),
        followers=(Follower("release", (Changed,), release),),
        timers=(TimerKind("over", tell),),
        does=frozenset({"incident.comment"}),
    )

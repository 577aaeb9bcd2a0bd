"""What goes on by itself: how far plugins have come with what happened, and what is to happen when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from pydantic import Field
from sqlalchemy import Select, Text, and_, func, or_, select, text, type_coerce

from tieline.core.model import IncidentId
from tieline.core.shown import Part, Table
from tieline.core.store import tables as t
from tieline.core.store.types import from_micros, to_micros
from tieline.core.views import Keyset, Listing, Long, Moment, Paged, Row
from tieline.sync import explain
from tieline.sync.office import happenings
from tieline.sync.office.look import EngineLook
from tieline.sync.sight import called_by_number

_FOLLOWERS: Final = (
    select(t.follower, t.journal.c.at.label("since"))
    .outerjoin(t.journal, t.journal.c.seq == t.follower.c.seq + 1)
    .order_by(t.follower.c.name)
)


class FollowerShown(Row):
    """How far a plugin has come with what happened. `behind` counts the entries of the journal that it has not looked
    at, and `since` is when the first of them was written: null for whoever reads within a scope only. `waiting` counts
    what failed and is tried again, or waits behind that, and `parked` what waits for a person, of what they see."""

    follower: str
    behind: int | None
    since: Moment | None
    waiting: int
    parked: int


class Followers(Listing[FollowerShown]):
    """The followers of the plugins."""

    def shown(self) -> Sequence[Part]:
        columns = ["follower", "behind", "since (UTC)", "waiting", "parked"]
        rows = [(one.follower, one.behind, one.since, one.waiting, one.parked) for one in self.items]
        return (Table("Followers", columns, rows, empty="no plugin follows what happens"), *self.more())


_BY_NAME: Final = Keyset("followers", str)


def followers(look: EngineLook, ask: Long) -> Followers:
    """How far plugins have come with what they do about what happened."""
    [after] = _BY_NAME.after(ask.after) if ask.after is not None else [""]
    rows = look.seen_in.execute(_FOLLOWERS.where(t.follower.c.name > after).limit(ask.limit + 1)).all()
    page, following = _BY_NAME.page(rows, ask, lambda row: (row.name,))
    parked, waiting = _counted(look, is_parked=True), _counted(look, is_parked=False)
    last = happenings.last(look.seen_in)
    return Followers(
        items=tuple(
            FollowerShown(
                follower=row.name,
                behind=last - row.seq if look.sight.is_wide else None,
                since=None if row.seq >= last or not look.sight.is_wide else row.since,
                waiting=waiting.get(row.name, 0),
                parked=parked.get(row.name, 0),
            )
            for row in page
        ),
        next=following,
    )


def _counted(look: EngineLook, *, is_parked: bool) -> dict[str, int]:
    backlog = t.follower_backlog.c
    query = select(backlog.follower, func.count()).group_by(backlog.follower)
    query = query.where(text("parked <> ''") if is_parked else text("parked = ''"))
    found = look.seen_in.execute(look.sight.within(query, backlog.incident_id))
    return {str(name): int(count) for name, count in found}


class Timers(Paged):
    """Which timers are meant."""

    overdue: bool = Field(default=False, description="Only those that should have fired by now.")


class TimerShown(Row):
    """What is to happen. `attempts` is how often it failed, and `parked` why it is not tried again."""

    timer: str
    incident: str | None
    due: Moment
    attempts: int
    parked: str


class TimersShown(Listing[TimerShown]):
    """What is to happen, the soonest first."""

    def shown(self) -> Sequence[Part]:
        columns = ["timer", "incident", "due (UTC)", "tries", "parked"]
        rows = [(one.timer, one.incident, one.due, one.attempts, one.parked) for one in self.items]
        return (Table("Timers", columns, rows, empty="nothing is to happen later"), *self.more())


_AT_ONCE: Final = 500
"""Timers that are looked at together: of those before a page, many may be hidden."""

_BY_TIME: Final = Keyset("timers", int, int)
_SOONEST: Final = (
    select(t.timer.c.id, t.timer.c.kind, t.timer.c.due_at, t.timer.c.attempts, t.timer.c.parked)
    .add_columns(type_coerce(t.timer.c.payload, Text).label("facts"))
    .order_by(t.timer.c.due_at, t.timer.c.id)
)


def _visible(look: EngineLook, ask: Timers, place: tuple[int, int] | None) -> Iterator[tuple[Any, IncidentId | None]]:
    """The timers after a place, each with the item that it is about, without those of items that are hidden."""
    query = _SOONEST.where(t.timer.c.due_at <= look.now) if ask.overdue else _SOONEST
    most = max(ask.limit, _AT_ONCE)
    while True:
        rows = look.seen_in.execute(_behind(query, place).limit(most + 1)).all()
        owners = explain.owners(look.seen_in, [row.facts for row in rows])
        is_seen = look.sight.among(look.seen_in, owners)
        yield from ((row, owner) for row, owner in zip(rows, owners, strict=True) if is_seen(owner))
        if len(rows) <= most:
            return
        place = (to_micros(rows[-1].due_at), rows[-1].id)


def _behind(query: Select[Any], place: tuple[int, int] | None) -> Select[Any]:
    if place is None:
        return query
    due, number = from_micros(place[0]), place[1]
    return query.where(or_(t.timer.c.due_at > due, and_(t.timer.c.due_at == due, t.timer.c.id > number)))


def timers(look: EngineLook, ask: Timers) -> TimersShown:
    """What is to happen later, by itself, and when."""
    place = _BY_TIME.after(ask.after) if ask.after is not None else None
    found = list(islice(_visible(look, ask, place), ask.limit + 1))
    page, following = _BY_TIME.page(found, ask, lambda one: (to_micros(one[0].due_at), one[0].id))
    called = called_by_number(look.seen_in, look.sight, [owner for _row, owner in page])
    look.shows(owner for _row, owner in page)
    return TimersShown(
        items=tuple(
            TimerShown(
                timer=row.kind,
                incident=None if owner is None else called.get(owner),
                due=row.due_at,
                attempts=row.attempts,
                parked=row.parked,
            )
            for row, owner in page
        ),
        next=following,
    )

"""What there is to see of the clocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import and_, or_, select

from tieline.core.arguments import ItemName
from tieline.core.desk import Look
from tieline.core.shown import Part, Table
from tieline.core.store.types import from_micros, to_micros
from tieline.core.views import Keyset, Listing, Moment, Paged, Row
from tieline.plugins.escalation.tables import CLOCK


class Clocks(Paged):
    """Which clocks are meant."""

    incident: ItemName | None = Field(default=None, description="Only those of one incident.")
    over: bool = Field(default=False, description="Only those whose time is over.")


class ClockShown(Row):
    """A clock that runs. `told` is of how many percent somebody was told, and `next` when somebody is told again."""

    incident: str
    what: str
    began: Moment
    ends: Moment
    told: int
    alarms: int
    next: Moment
    snoozed_until: Moment | None


class ClocksShown(Listing[ClockShown]):
    """Clocks that run, those first of which somebody is told next."""

    def shown(self) -> Sequence[Part]:
        columns = ["incident", "to", "until (UTC)", "told", "next (UTC)"]
        rows = [(one.incident, one.what, one.ends, _told(one), one.next) for one in self.items]
        return (Table("Clocks", columns, rows, empty="no clock runs"), *self.more())


def _told(one: ClockShown) -> str:
    if one.alarms:
        return f"over, {one.alarms} alarms" if one.alarms > 1 else "over, one alarm"
    return "over" if one.told >= 100 else f"{one.told} %"


_ORDER: Final = Keyset("escalation clocks", int, str, str)


def clocks(look: Look, ask: Clocks) -> ClocksShown:
    """The limits that run for incidents, and when somebody is told of each."""
    query = select(CLOCK).order_by(CLOCK.c.next_at, CLOCK.c.subject, CLOCK.c.what)
    if ask.incident is not None:
        query = query.where(CLOCK.c.subject == look.item(ask.incident).uid)
    if ask.over:
        query = query.where(CLOCK.c.told >= 100)
    if ask.after is not None:
        micros, subject, what = _ORDER.after(ask.after)
        at = from_micros(micros)
        behind = or_(CLOCK.c.subject > subject, and_(CLOCK.c.subject == subject, CLOCK.c.what > what))
        query = query.where(or_(CLOCK.c.next_at > at, and_(CLOCK.c.next_at == at, behind)))
    found = look.rows.all(query.limit(ask.limit + 1))
    page, following = _ORDER.page(found, ask, lambda row: (to_micros(row.next_at), row.subject, row.what))
    called = look.called_by_id(row.subject for row in page)
    return ClocksShown(
        items=tuple(
            ClockShown(
                incident=called[row.subject],
                what=row.what,
                began=row.began_at,
                ends=row.ends_at,
                told=row.told,
                alarms=row.alarms,
                next=row.next_at,
                snoozed_until=row.snoozed_until,
            )
            for row in page
        ),
        next=following,
    )

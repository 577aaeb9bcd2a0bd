"""What is to be kept for a court or an authority, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import select, text

from tieline.core.holds import EVERYTHING, label
from tieline.core.shown import Part, Table
from tieline.core.store import persons
from tieline.core.store import tables as t
from tieline.core.views import Keyset, Listing, Moment, Paged, Row
from tieline.sync.office.look import EngineLook
from tieline.sync.sight import called_by_number


class Holds(Paged):
    """Which holds are meant."""

    all: bool = Field(default=False, description="Also those that were lifted.")


class HoldShown(Row):
    """A hold, and what it is over: an item, whatever a condition is true of, or everything."""

    hold: str
    incident: str | None
    condition: str
    everything: bool
    reference: str
    why: str
    by: str
    placed_at: Moment
    lifted_at: Moment | None

    @property
    def over(self) -> str:
        """What it is over, in words."""
        return EVERYTHING if self.everything else self.incident or self.condition


class HoldsShown(Listing[HoldShown]):
    """Holds, the oldest first."""

    def shown(self) -> Sequence[Part]:
        columns = ["hold", "over", "for", "why", "by", "since (UTC)", "lifted (UTC)"]
        rows = [
            (one.hold, one.over, one.reference, one.why, one.by, one.placed_at, one.lifted_at) for one in self.items
        ]
        return (Table("Holds", columns, rows, empty="nothing is held"), *self.more())


_OLDEST: Final = Keyset("holds", int)
_SHOWN: Final = (
    select(t.legal_hold, t.person.c.id.label("known"), t.person.c.name.label("called"))
    .outerjoin(t.person, t.legal_hold.c.person == t.person.c.id)
    .order_by(t.legal_hold.c.id)
)


def holds(look: EngineLook, ask: Holds) -> HoldsShown:
    """What is to be kept for a court or an authority, whatever else says that it is to be forgotten."""
    query = look.sight.within(_SHOWN, t.legal_hold.c.incident_id)
    if not ask.all:
        query = query.where(text("lifted_at IS NULL"))
    if ask.after is not None:
        query = query.where(t.legal_hold.c.id > _OLDEST.after(ask.after)[0])
    found = look.seen_in.execute(query.limit(ask.limit + 1)).all()
    page, following = _OLDEST.page(found, ask, lambda row: (row.id,))
    called = called_by_number(look.seen_in, look.sight, {row.incident_id for row in page})
    look.shows(called)
    return HoldsShown(
        items=tuple(
            HoldShown(
                hold=label(row.id),
                incident=called.get(row.incident_id),
                condition=row.condition,
                everything=row.incident_id is None and not row.condition,
                reference=row.reference,
                why=row.why,
                by=persons.shown(row.person, row.known, row.called),
                placed_at=row.placed_at,
                lifted_at=row.lifted_at,
            )
            for row in page
        ),
        next=following,
    )

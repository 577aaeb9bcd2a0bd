"""What of its plugin's tables an act or a view may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Table

from tieline.core.offer import Offer
from tieline.core.projections import RowsSeen
from tieline.sync.office import projecting
from tieline.sync.office.seeing import Seeing
from tieline.sync.sight import called_by_uid


def rows_of(offer: Offer, seeing: Seeing, read: Callable[[str, int], object] = lambda _name, _seq: None) -> RowsSeen:
    """The rows of a plugin's own tables, without those of items that are not there for whoever asks. `read` is told of
    each projection that is read, with the last entry that is in it. Reading raises NotDone for tables that are not
    made yet, and TypeError once whoever reads is done."""
    tables = {table: one for one in offer.projections for table in one.tables}
    seen_in, sight = seeing.seen_in, seeing.sight

    def current(table: Table) -> None:
        seeing.refuse_if_over()
        one = tables[table]
        full = f"{offer.group}.{one.name}"
        read(full, projecting.current(seen_in, full, one).seq)

    def shown(subjects: Iterable[str]) -> None:
        seeing.shows(number for number, _called in called_by_uid(seen_in, sight, filter(None, subjects)).values())

    return RowsSeen(seen_in, tables, sight.sees_subject, current, shown if sight.reads else None)

"""What of its plugin's tables an act or a view may read."""

from __future__ import annotations

from collections.abc import Callable

from tieline.core.offer import Offer
from tieline.core.projections import RowsSeen
from tieline.core.store.store import Connection, Transaction
from tieline.sync.office import projecting
from tieline.sync.sight import Sight, uids_of


def rows_of(
    offer: Offer,
    seen_in: Connection | Transaction,
    sight: Sight,
    read: Callable[[str, int], object] = lambda _name, _seq: None,
) -> RowsSeen:
    """The rows of a plugin's own tables, without those of items that are not there for whoever asks. `read` is told of
    each projection that is read, with the last entry that is in it. Reading raises NotDone for tables that are not
    made yet."""
    tables = {table: one for one in offer.projections for table in one.tables}

    def hidden() -> frozenset[str]:
        found = sight.hidden(seen_in)
        return uids_of(seen_in, found) if found else frozenset()

    def current(name: str) -> None:
        one = next(one for one in offer.projections if one.name == name)
        full = f"{offer.group}.{name}"
        read(full, projecting.current(seen_in, full, one).seq)

    return RowsSeen(seen_in, tables, hidden, lambda table: current(tables[table].name))

"""What an act and a view have in common: what whoever asks sees of the items, while it lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tieline.core.desk import Item
from tieline.core.model import IncidentId
from tieline.core.store.store import Connection, Transaction
from tieline.sync import explain
from tieline.sync.records import Incident
from tieline.sync.sight import Sight, called_by_uid


class Seeing:
    """A desk, or a look."""

    __slots__ = ()

    seen_in: Connection | Transaction
    sight: Sight
    is_over: bool

    def shows(self, items: Iterable[IncidentId | None]) -> None:
        """Note that something of these is shown; None is of no item."""

    def found(self, name: str) -> Incident:
        """The item that is meant by a number or by a ticket. Raises NotThere for none, and for several."""
        self.refuse_if_over()
        return explain.one_named(self.seen_in, name, self.sight)

    def called(self, item: Item) -> str:
        """How whoever asks calls an item: by its number, or by the label of one that is restricted."""
        return self.sight.called(item.id, item.number)

    def called_by_id(self, subjects: Iterable[str]) -> Mapping[str, str]:
        """How whoever asks calls the items of these ids; those that are not there for them are left out."""
        self.refuse_if_over()
        found = called_by_uid(self.seen_in, self.sight, subjects)
        self.shows(number for number, _called in found.values())
        return {uid: called for uid, (_number, called) in found.items()}

    def refuse_if_over(self) -> None:
        """Raises TypeError once it is over: what it sees is then another moment's, and what it notes would be lost."""
        if self.is_over:
            raise TypeError("what it was there for is over; look and note only within the function that is given it")

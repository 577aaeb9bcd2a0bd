"""What an act and a view have in common: what whoever asks sees of the items, while it lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tieline.core import holds, journal
from tieline.core.acts import NotDone
from tieline.core.desk import Item
from tieline.core.errors import Misfit
from tieline.core.journal import Trace
from tieline.core.model import IncidentId
from tieline.core.offer import Offer
from tieline.core.policy import Model, Policy
from tieline.core.store import parts
from tieline.core.store.store import Connection, Transaction
from tieline.sync import explain, loading, policies
from tieline.sync.policies import Held
from tieline.sync.records import Incident
from tieline.sync.sight import Sight, called_by_uid


class Seeing:
    """A desk, or a look."""

    __slots__ = ()

    seen_in: Connection | Transaction
    sight: Sight
    is_over: bool
    held: dict[tuple[str, IncidentId | None], Held]
    """What was asked for of policies, each of an item or as they are now: what is seen is one moment's."""

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

    def copies(self, item: Item) -> tuple[str, ...]:
        """Where the copies of an item and of its parts are: each the connection, and how its tool calls it."""
        self.refuse_if_over()
        whole = sorted(parts.with_parts(self.seen_in, [item.id]))
        copies = [copy for one in whole for copy in loading.load_replicas(self.seen_in, IncidentId(one))]
        return tuple(f"{one.connection} {one.key or one.ref}" for one in copies if one.ref is not None)

    def parts(self, item: Item) -> tuple[Incident, ...]:
        """The parts of an item, and theirs: what goes with it."""
        self.refuse_if_over()
        numbers = sorted(one for one in parts.with_parts(self.seen_in, [item.id]) if one != item.id)
        found = (loading.load_incident(self.seen_in, IncidentId(one)) for one in numbers)
        return tuple(one for one in found if one is not None)

    def on_hold(self, item: Item) -> str:
        """The sentence that says why an item or a part of it is to be kept, whatever else says; "" where it is not."""
        self.refuse_if_over()
        held = holds.over(self.seen_in, sorted(parts.with_parts(self.seen_in, [item.id])))
        return next((holds.sentence(one) for one in held.values()), "")

    def trace(self, item: Item, before: int) -> Trace:
        """What the journal tells of an item before one of its entries, whether it can be read or not."""
        self.refuse_if_over()
        return journal.trace(self.seen_in, item.id, before)

    @property
    def plugin(self) -> Offer:
        """What the plugin offers of which this is. Raises TypeError for what is of no plugin."""
        raise NotImplementedError

    def rests_on(self, name: str, number: int) -> None:
        """Note that what is decided rests on this revision of a policy."""

    def policy(self, policy: Policy[Model], item: Item | None = None) -> Model:
        """What a policy of the plugin says now; with an item, what it said when that was opened. Raises NotDone for one
        that the plugin, as it is now, does not understand."""
        self.refuse_if_over()
        if policy not in self.plugin.policies:
            raise TypeError(f"{self.plugin.group!r} offers no policy {policy.name!r}")
        name, number = f"{self.plugin.group}.{policy.name}", None if item is None else item.id
        found = self.held.get((name, number))
        if found is None:
            found = self.held[name, number] = policies.held(self.seen_in, name, number)
        if not found.is_pinned:
            self.rests_on(name, found.number)
        if not found.number:
            return policy.shipped
        try:
            return policy.read(found.text, f"{name}, revision {found.number}")
        except Misfit as error:
            raise NotDone(
                f"{name}, revision {found.number}, is not what the plugin takes by now: {error}; propose one that it "
                f"takes with `tieline policy propose {name} FILE`"
            ) from None

    def refuse_if_over(self) -> None:
        """Raises TypeError once it is over: what it sees is then another moment's, and what it notes would be lost."""
        if self.is_over:
            raise TypeError("what it was there for is over; look and note only within the function that is given it")

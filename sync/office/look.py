"""What a view looks at: the store as one moment found it, and what whoever asks sees of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tieline.core import grants
from tieline.core.access import STORE, Facts, may
from tieline.core.config import Config
from tieline.core.errors import Problem
from tieline.core.identity import Someone
from tieline.core.model import IncidentId
from tieline.core.offer import Offer, Offers
from tieline.core.projections import RowsSeen
from tieline.core.store.store import Connection
from tieline.sync.office.asking import Lacking
from tieline.sync.office.rows import rows_of
from tieline.sync.office.seeing import Seeing
from tieline.sync.policies import Held
from tieline.sync.records import Incident
from tieline.sync.sight import Sight

if TYPE_CHECKING:
    from tieline.core.registry import PluginState


@dataclass(frozen=True, slots=True)
class Outside:
    """What is known of the workspace beside its store, where somebody looked: what is wrong with its file as it is now,
    the stores that daemons still work on which it named before, and whose the store's file is."""

    problems: tuple[Problem, ...] = ()
    stores_left: tuple[str, ...] = ()
    owner: str = ""
    plugins: Callable[[], Sequence[PluginState]] = list
    """The plugins that are installed, as this process knows them."""


@dataclass(slots=True)
class EngineLook(Seeing):
    """One look at one moment. What `Look` has not is for the engine's own views."""

    seen_in: Connection
    config: Config
    actor: Someone
    now: datetime
    facts: Facts
    sight: Sight
    outside: Outside
    offer: Offer | None = None
    """What the plugin offers whose view it is."""
    offers: Offers = field(default_factory=Offers)
    """What all plugins offer."""
    shown: set[IncidentId] = field(default_factory=set)
    """The items of which something is shown: that a restricted one is read is journalled."""
    is_over: bool = False
    held: dict[tuple[str, IncidentId | None], Held] = field(default_factory=dict)

    def end(self) -> None:
        """It is answered: from now on nothing is looked at."""
        self.is_over = True

    @property
    def person(self) -> str:
        """The id of whoever asks, as events and rows have it; "" for somebody of whom nothing tells yet."""
        self.refuse_if_over()
        return grants.id_of(self.seen_in, self.actor)

    def item(self, name: str) -> Incident:
        """The item that is meant by a number or by a ticket. Raises LookupError for none, and for several."""
        found = self.found(name)
        self.shown.add(found.id)
        return found

    @property
    def rows(self) -> RowsSeen:
        """The rows of the plugin's own tables, of whatever whoever asks may see."""
        return rows_of(self.plugin, self)

    @property
    def plugin(self) -> Offer:
        """What the plugin offers whose view it is."""
        if self.offer is None:
            raise TypeError("a view of Tieline's own has no tables and no policies of a plugin")
        return self.offer

    def require(self, right: str) -> None:
        """Raises Lacking unless they have this right as well."""
        verdict = may(self.actor, right, STORE, self.facts)
        if not verdict.allowed:
            raise Lacking(right, verdict)

    def shows(self, items: Iterable[IncidentId | None]) -> None:
        """Note that something of these is shown; None is of no item."""
        self.shown.update(one for one in items if one is not None)

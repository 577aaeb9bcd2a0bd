"""The desk at which an act decides: what it looked at, and what it noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tieline.core.access import Rule, Subject, Verdict
from tieline.core.acts import Act
from tieline.core.desk import Item
from tieline.core.events import Event
from tieline.core.identity import Actor, Someone
from tieline.core.model import Audience, Fields, IncidentId
from tieline.core.store.store import Connection, Transaction
from tieline.sync import explain
from tieline.sync.comments import comments
from tieline.sync.engine import Engine
from tieline.sync.records import Incident
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason
from tieline.sync.sight import OUTSIDER, Sight

Effect = Callable[[Transaction], object]
May = Callable[[Connection | Transaction, str, Subject], Verdict]
"""Whether whoever asks may do this to that, at that moment."""


def nobody(_seen_in: Connection | Transaction, _right: str, _subject: Subject) -> Verdict:
    """No."""
    return Verdict(False, Rule.NO_RIGHT)


@dataclass(slots=True)
class Made:
    """What a note made, once it was carried out."""

    made: int | None = None

    @property
    def number(self) -> int:
        """Its number. Raises LookupError before it is there."""
        if self.made is None:
            raise LookupError("what was noted is not carried out yet; answer with a function that is called then")
        return self.made


@dataclass(slots=True)
class EngineDesk:
    """One act at one moment. `within` is for the engine's own acts: a plugin has what `Desk` has."""

    engine: Engine
    seen_in: Connection | Transaction
    act: Act
    actor: Actor
    now: datetime
    sight: Sight = OUTSIDER
    """What whoever asks sees."""
    may: May = nobody
    looked_at: dict[IncidentId, Incident] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    holds: list[Effect] = field(default_factory=list)

    @property
    def asking(self) -> Someone:
        """Who asks. Raises TypeError where that is a part of Tieline."""
        if isinstance(self.actor, Someone):
            return self.actor
        raise TypeError(f"{self.actor} is nobody who could ask for that")

    def item(self, name: str) -> Incident:
        """The item that is meant by a number or by a ticket. Raises LookupError for none, and for several."""
        found = explain.one_named(self.seen_in, name, self.sight)
        return self.looked_at.setdefault(found.id, found)

    def called(self, item: Item) -> str:
        """How whoever asks calls an item: by its number, or by the label of one that is restricted."""
        return self.sight.called(item.id, item.number)

    def edit(self, item: Item, fields: Fields) -> None:
        """Note new values; every copy follows."""
        number, actor = item.id, self.actor
        self.within(lambda tx: commit.edit(tx, self.engine, number, fields, actor=actor, reason=Reason.EDITED))

    def comment(self, item: Item, body: str, audience: Audience) -> Made:
        """Note a comment in the name of whoever asks; it goes into every copy that may show it."""
        noted, number, author = Made(), item.id, self.actor

        def write(tx: Transaction) -> None:
            noted.made = comments.write(tx, self.engine, number, author, body, audience)

        self.within(write)
        return noted

    def record(self, event: Event, item: Item | None = None) -> None:
        """Note that something happened. Raises TypeError for a kind that the act does not declare."""
        if type(event) not in self.act.records:
            raise TypeError(f"the act {self.act.name!r} does not declare that it records {event.KIND!r}")
        number, actor = None if item is None else item.id, self.actor
        self.within(lambda tx: self.engine.record(tx, event, incident=number, actor=actor))

    def within(self, effect: Effect, *, hold: Effect | None = None) -> None:
        """Note what is to be done in the transaction, after what was noted before. `hold` locks the rows that it
        changes beside those of the items: before `acted` is journalled, or it and the daemon wait for one another."""
        self.effects.append(effect)
        if hold is not None:
            self.holds.append(hold)

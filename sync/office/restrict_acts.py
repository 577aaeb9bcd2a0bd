"""Restricting an item, and ending that, as acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydantic import Field, field_validator

from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, ItemName, Words
from tieline.core.store.store import Transaction
from tieline.sync import restricting
from tieline.sync.office.desk import EngineDesk

RESTRICT: Final = "incident.restrict"


class Why(Ask):
    """An item, and why it is restricted or is not any more."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")
    reason: Words = Field(description="Why, for the journal.")

    @field_validator("reason")
    @classmethod
    def _says_something(cls, reason: str) -> str:
        if not reason.strip():
            raise ValueError("an empty reason says nothing; write some words")
        return reason


class Restricted(Answer):
    """An incident that is restricted from now on: what it is called meanwhile, and what it was before."""

    incident: str
    was: str
    restricted: bool

    def sentence(self) -> str:
        sentence = "Its tools show it to whomever they did before."
        return f"{self.was} is restricted and called {self.incident} from now on. {sentence}"


class Unrestricted(Answer):
    """An incident that is there for everybody again."""

    incident: str
    was: str
    restricted: bool

    def sentence(self) -> str:
        return f"{self.was} is there for everybody again, as {self.incident}"


def restrict(desk: EngineDesk, ask: Why) -> Callable[[], Restricted]:
    """Have an incident be there only for those who may read what is restricted. It stays in step with its tools."""
    item, labels = desk.item(ask.incident), list[str]()
    if restricting.is_restricted(desk.seen_in, item.id):
        raise NotDone("it is restricted already")

    def write(tx: Transaction) -> None:
        labels.append(restricting.restrict(tx, desk.engine, item.id, ask.reason, actor=desk.asking))

    desk.within(write)
    return lambda: Restricted(incident=labels[0], was=item.number, restricted=True)


def unrestrict(desk: EngineDesk, ask: Why) -> Unrestricted:
    """Have an incident be there for everybody again, with all that was written meanwhile."""
    item = desk.item(ask.incident)
    if not restricting.is_restricted(desk.seen_in, item.id):
        raise NotDone("it is not restricted")
    if restricting.is_part_of_restricted(desk.seen_in, item.id):
        raise NotDone(restricting.PART)
    desk.within(lambda tx: restricting.unrestrict(tx, desk.engine, item.id, ask.reason, actor=desk.asking))
    return Unrestricted(incident=item.number, was=desk.called(item), restricted=False)


_EXAMPLE: Final = {"incident": "INC-1", "reason": "An insider is suspected."}

# No figure counts them: what plugins are told of ends in figures that everybody reads.
ACTS: Final = (
    Act("restrict", restrict, RESTRICT, ("incident",), example=_EXAMPLE, travels=False, is_told=False),
    Act("unrestrict", unrestrict, RESTRICT, ("incident",), travels=False, is_told=False),
)

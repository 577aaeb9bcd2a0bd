"""What is decided about legal holds: that something is to be kept, and that it need not be any longer."""

from __future__ import annotations

from typing import Final

from pydantic import Field
from sqlalchemy import select

from tieline.core import holds
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, ItemName, Line, Words
from tieline.core.errors import NotThere
from tieline.core.events import HoldLifted, HoldPlaced
from tieline.core.expressions import ExpressionError
from tieline.core.holds import Hold
from tieline.core.model import IncidentId
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.sync.office import notes
from tieline.sync.office.desk import EngineDesk

PLACE: Final = "holds.place"
LIFT: Final = "holds.lift"


class Place(Ask):
    """What is to be kept: an item, whatever a condition is true of, or everything."""

    reference: Line = Field(description="The case that it is for, like 2026-CV-1834.")
    why: Line = Field(description="Why, for whoever asks later.")
    incident: ItemName | None = Field(default=None, description="An item, by its number or a ticket's key.")
    condition: Words = Field(
        default="",
        description="Whatever this is true of, now or at any time until it is lifted: CEL over the fields of an "
        "incident and its `kind`.",
    )
    everything: bool = Field(default=False, description="Over all that there is, and all that comes.")


class Placed(Answer):
    """A hold that was placed."""

    hold: str
    over: str

    def sentence(self) -> str:
        return f"{self.hold} is over {self.over}: nothing of that is forgotten before somebody lifts it"


def place(desk: EngineDesk, ask: Place) -> Placed:
    """Have something be kept, whatever else says that it is to be forgotten."""
    if [ask.incident is not None, bool(ask.condition.strip()), ask.everything].count(True) != 1:
        raise ValueError("say one of the three: an incident, a condition, or everything")
    if ask.condition:
        try:
            holds.compiled(ask.condition)
        except ExpressionError as error:
            raise ValueError(str(error)) from None
    item = desk.item(ask.incident) if ask.incident is not None else None
    number = None if item is None else item.id
    called = desk.called(item) if item is not None else ask.condition or holds.EVERYTHING
    same = next((one for one in holds.in_force(desk.seen_in) if _same(one, number, ask)), None)
    if same is not None:
        raise NotDone(f"{same.label} is over {called} already, for {same.reference}")
    new = 1 + holds.last(desk.seen_in)
    label = holds.label(new)
    told = HoldPlaced(
        hold=label,
        item=None if item is None else item.uid,
        condition=ask.condition,
        why=ask.why,
        reference=ask.reference,
    )

    def write(tx: Transaction) -> None:
        if holds.last(tx) >= new:
            raise NotDone("somebody else placed a hold just now; look at `tieline holds`, and ask again")
        seq = desk.engine.record(tx, told, actor=desk.actor, reason=label)
        who = tx.person(desk.asking)
        holds.place(tx, Hold(new, number, ask.condition, ask.why, ask.reference, who, desk.now, seq))

    desk.within(write, hold=holds.lock)
    return Placed(hold=label, over=called)


def _same(one: Hold, number: IncidentId | None, ask: Place) -> bool:
    return (one.incident, one.condition, one.reference) == (number, ask.condition, ask.reference)


class Lift(Ask):
    """A hold that is to hold no longer."""

    hold: Line = Field(description="The hold, as `tieline holds` calls it: HOLD-1.")
    why: Line = Field(description="Why, for whoever agrees and whoever asks later.")


class Lifted(Answer):
    """A hold that was lifted."""

    hold: str

    def sentence(self) -> str:
        return f"{self.hold} is lifted: what it was over is forgotten when its time is over, unless another one is"


def lift(desk: EngineDesk, ask: Lift) -> Lifted:
    """Have a hold hold no longer. Somebody else with the right to it has to agree, whoever asks."""
    hold = _seen(desk, ask.hold)
    if hold.lifted_at is not None:
        raise NotDone(f"{hold.label} was lifted at {hold.lifted_at:%Y-%m-%d %H:%M} UTC already")
    told = HoldLifted(hold=hold.label, why=ask.why)

    def write(tx: Transaction) -> None:
        now = holds.found(tx, hold.number)
        if now is None or now.lifted_at is not None:
            raise NotDone(f"{hold.label} was lifted meanwhile")
        desk.engine.record(tx, told, actor=desk.actor, reason=hold.label)
        holds.lift(tx, hold.number, desk.now)

    desk.within(write, hold=holds.lock, shown=notes.record(told, None))
    desk.ask_first(LIFT, f"nobody alone lifts what is kept for {hold.reference}")
    return Lifted(hold=hold.label)


def _seen(desk: EngineDesk, words: str) -> Hold:
    number = holds.number_of(words)
    is_it = select(t.legal_hold.c.id).where(t.legal_hold.c.id == number)
    is_there = desk.seen_in.execute(desk.sight.within(is_it, t.legal_hold.c.incident_id)).first() is not None
    hold = holds.found(desk.seen_in, number) if is_there else None
    if hold is None:
        raise NotThere(f"there is no {words}; `tieline holds` lists those there are")
    return hold


ACTS: Final = (
    Act(
        "holds place",
        place,
        PLACE,
        ("reference", "why"),
        example={"reference": "2026-CV-1834", "why": "The vendor's lawyers wrote.", "incident": "INC-1"},
    ),
    Act("holds lift", lift, LIFT, ("hold", "why"), asks_first=(LIFT,), is_breakable=False),
)

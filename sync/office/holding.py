"""Between deciding and doing: what was looked at is locked, and looked at again.

Locks are taken in one order, by everybody: items by number, projections by name, timers by key, other rows, the
journal's head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from tieline.core import timers
from tieline.core.store.store import Connection, Transaction
from tieline.sync import loading, policies
from tieline.sync.office import projecting
from tieline.sync.office.desk import EngineDesk, Moved


class Decided(Protocol):
    """Whatever was decided at a desk."""

    @property
    def desk(self) -> EngineDesk: ...


D = TypeVar("D", bound=Decided)


def _anyway(_tx: Transaction) -> bool:
    return True


def stands(
    tx: Transaction,
    decided: D,
    decide: Callable[[Connection | Transaction], D],
    claim: Callable[[Transaction], bool] = _anyway,
) -> D | None:
    """What was decided, with all that it was decided on locked; decided anew where that has moved since. None where
    `claim`, which is asked once all is locked, says that somebody else did it. Raises Moved where the second look went
    to something else, and NotDone where tables are not made yet."""
    items, projections, keys = decided.desk.looked_at, _projections(decided.desk), {*decided.desk.timers}
    locked = loading.load_incidents(tx, sorted(items))
    states = projecting.lock(tx, projections)
    timers.lock(tx, keys)
    if not claim(tx):
        return None
    is_as_seen = (
        all(locked.get(number) == seen for number, seen in items.items())
        and all(name in states and states[name].seq == seq for name, seq in decided.desk.read.items())
        and policies.stand(tx, decided.desk.rests)
    )
    if not is_as_seen:
        decided = decide(tx)
        desk = decided.desk
        if not (desk.looked_at.keys() <= items.keys() and _projections(desk) <= projections and desk.timers <= keys):
            raise Moved
    for name, projection in decided.desk.written.items():
        projecting.refuse_unless_current(states.get(name), name, projection)
    return decided


def _projections(desk: EngineDesk) -> set[str]:
    return {*desk.read, *desk.written}


def follow(tx: Transaction, desk: EngineDesk, cause: Callable[[Transaction], int]) -> int:
    """Carry out what was noted, as brought about by the entry that `cause` answers, which is journalled after the other
    rows are locked and before everything else. Answers that entry's seq."""
    for hold in desk.holds:
        hold(tx)
    tx.cause = seq = cause(tx)
    for effect in desk.effects:
        effect(tx)
    return seq

"""What plugins object to of an edit in a tool: such a field is held there until a person agrees.

Who edits in a tool is told by the tool and proved by nobody, so that a policy may want more than that for some fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from tieline.core.hooks import Edited, Objection
from tieline.core.identity import Actor
from tieline.core.model import ABSENT, Value
from tieline.sync.engine import Connected, Engine
from tieline.sync.records import Held, Hold, Incident, Replica
from tieline.sync.road.merge import Known, Reason
from tieline.sync.road.reconcile import Conflict, Decision

T = TypeVar("T")

Question = tuple[str, int, str, tuple[tuple[str, Value], ...]]
"""An item, its revision, the editor and the new values: what the plugins are asked about once."""


class NotReviewed(Exception):
    """The plugins have to be asked about this first, outside of the transaction; what was begun is undone."""

    def __init__(self, question: Question, edited: Edited) -> None:
        super().__init__(f"an edit of {edited.number} in {edited.connection} is to be reviewed before the transaction")
        self.question = question
        self.edited = edited


@dataclass(frozen=True, slots=True)
class Reviews:
    """What the plugins said of edits; `asks` is false where none of them is ever asked."""

    asks: bool = False
    found: Mapping[Question, Mapping[str, Objection]] = field(default_factory=dict)

    def of(
        self, here: Connected, incident: Incident, editor: Actor, changes: Mapping[str, Value]
    ) -> Mapping[str, Objection]:
        """The fields that are not taken. Raises NotReviewed where nobody was asked about this yet."""
        if not self.asks or not changes:
            return {}
        question = (incident.uid, incident.revision, str(editor), tuple(sorted(changes.items())))
        if question not in self.found:
            asked = Edited(incident.kind, incident.number, here.name, str(editor), incident.fields, changes)
            raise NotReviewed(question, asked)
        return self.found[question]


def with_reviews(engine: Engine, work: Callable[[Reviews], T]) -> T:
    """Do what takes in edits, in one transaction. `work` is begun again where it raises NotReviewed, and leaves nothing
    behind then."""
    asks, found = engine.registry.reviews, dict[Question, Mapping[str, Objection]]()
    while True:
        try:
            return work(Reviews(asks, found))
        except NotReviewed as missing:
            found[missing.question] = engine.registry.objections(missing.edited)


def held(
    decision: Decision, objections: Mapping[str, Objection], incident: Incident, replica: Replica, now: datetime
) -> Decision:
    """The decision without what is objected to: those fields stay as they are on both sides, and say why."""
    if not objections:
        return decision
    changes, base = dict(decision.changes), dict(decision.base)
    conflicts, reasons, holds = dict(decision.conflicts), dict(decision.reasons), dict(decision.holds)
    for name, objection in objections.items():
        change, known = changes.pop(name), replica.holds.get(name)
        ours = incident.fields.get(name)
        goes_on = known is not None and known.kind is Held.REVIEW
        since = known.since if known is not None and goes_on else now
        holds[name] = Hold(Held.REVIEW, ours, change.after, since, _words(name, objection), right=objection.right)
        _keep(base, name, replica.base.get(name, ABSENT))
        reasons[name] = Reason.REVIEW
        if known is None or not goes_on or known.theirs != change.after:
            conflicts[name] = Conflict(incident.fields.get(name, ABSENT), change.after, Reason.REVIEW, open=True)
    return replace(decision, changes=changes, base=base, holds=holds, conflicts=conflicts, reasons=reasons)


def _keep(base: dict[str, Value], name: str, before: Known) -> None:
    if before is ABSENT:
        base.pop(name, None)
    else:
        base[name] = before


def _words(name: str, objection: Objection) -> str:
    who = f"somebody with the right {objection.right}" if objection.right else "a person"
    return f"{name} was edited there and waits for {who} to agree: {objection.why}; run `tieline conflicts settle`"

"""Proposals and reviews as rows: what somebody else is to approve first, and what was done at once and is looked at
afterwards. Each is called by a label that is drawn and not counted, so that whoever knows one learns of no other.

What would be written, and the words in which it was asked for, stand in the journal's entry that tells of it, sealed
with the key of its item; the row keeps the words, sealed as well, only while somebody may still approve it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, func, insert, select, update

from tieline.core import sealing, timers
from tieline.core.events import Expired
from tieline.core.model import IncidentId
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.core.timers import Timer

if TYPE_CHECKING:  # who only looks does not wait for the engine
    from tieline.sync.engine import Engine

PROPOSAL: Final = "PRO-"
REVIEW: Final = "REV-"
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no label is a word, and no digits, so that none looks like a number."""
_LENGTH: Final = 6

_WORDS: Final = "proposal"
"""As what its words are sealed."""

EXPIRE: Final = "proposal.expire"
"""The timer of a proposal."""

_ONE: Final = select(t.proposal).where(t.proposal.c.label == bindparam("said"))
_BY_ID: Final = select(t.proposal).where(t.proposal.c.id == bindparam("id")).with_for_update()
_NEW: Final = insert(t.proposal)
_CLOSE: Final = (
    update(t.proposal)
    .where(t.proposal.c.id == bindparam("row_id"))
    .values(state=bindparam("became"), closed_at=bindparam("at"), ask=bindparam("nothing"))
)
_APPROVE: Final = update(t.proposal).where(t.proposal.c.id == bindparam("row_id")).values(approvals=bindparam("by_now"))
_REVIEW: Final = select(t.review).where(t.review.c.label == bindparam("said"))
_REVIEW_BY_ID: Final = select(t.review).where(t.review.c.id == bindparam("id")).with_for_update()
_NEW_REVIEW: Final = insert(t.review)
_REVIEWED: Final = (
    update(t.review)
    .where(t.review.c.id == bindparam("row_id"))
    .values(closed_at=bindparam("at"), closed_by=bindparam("whose"))
)
_KNOWN_AS: Final = select(func.min(t.identity.c.known_as)).where(t.identity.c.person == bindparam("whose"))


class State(StrEnum):
    """What became of a proposal. Closed."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Given:
    """One approval: the right by which it was given, by whom, and by which of their tokens; "" for none."""

    right: str
    person: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What somebody asked for and somebody else is to approve first. `items` are those that it is about, each with the
    revision at which it was asked, None where that does not matter; `sha` is of what would be written; `entry` is the
    journal's that tells of it."""

    id: str
    label: str
    act: str
    ask: Mapping[str, Any]
    asker: str
    token: str
    items: Mapping[IncidentId, int | None]
    rights: tuple[str, ...]
    approvals: tuple[Given, ...]
    sha: str
    state: State
    asked_at: datetime
    until: datetime
    entry: int

    @property
    def incident(self) -> IncidentId | None:
        """The item under whose key the journal tells of it."""
        return next(iter(self.items), None)

    @property
    def timer(self) -> str:
        """The key of the timer that ends it."""
        return f"proposal {self.id}"


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody did at once. `entry` is the journal's that tells of it."""

    id: str
    label: str
    act: str
    person: str
    items: tuple[IncidentId, ...]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    entry: int


def proposal_of(row: Any) -> Proposal:
    """A proposal as its row keeps it."""
    return Proposal(
        row.id,
        row.label,
        row.act,
        row.ask,
        row.asker,
        row.token,
        {IncidentId(number): revision for number, revision in row.items},
        tuple(row.rights),
        tuple(Given(*one) for one in row.approvals),
        row.sha,
        State(row.state),
        row.asked_at,
        row.until,
        row.entry,
    )


def review_of(row: Any) -> Review:
    """A review as its row keeps it."""
    items = tuple(map(IncidentId, row.items))
    return Review(row.id, row.label, row.act, row.person, items, row.opened_at, row.closed_at, row.closed_by, row.entry)


def find(source: Connection | Transaction, label: str) -> Proposal | None:
    """The proposal that is called so; None for none."""
    row = source.execute(_ONE, {"said": label.strip().upper()}).first()
    return None if row is None else proposal_of(row)


def find_review(source: Connection | Transaction, label: str) -> Review | None:
    """The review that is called so; None for none."""
    row = source.execute(_REVIEW, {"said": label.strip().upper()}).first()
    return None if row is None else review_of(row)


def lock(tx: Transaction, found: Proposal) -> Proposal:
    """The same as it is now, which nobody else changes until this transaction ends."""
    return proposal_of(tx.execute(_BY_ID, {"id": found.id}).one())


def lock_review(tx: Transaction, found: Review) -> Review:
    """The same as it is now, which nobody else changes until this transaction ends."""
    return review_of(tx.execute(_REVIEW_BY_ID, {"id": found.id}).one())


def label(tx: Transaction, prefix: str) -> str:
    """A label that nothing has yet."""
    known = _ONE if prefix == PROPOSAL else _REVIEW
    while True:
        drawn = prefix + "".join(_LETTERS[byte % len(_LETTERS)] for byte in tx.draw(_LENGTH))
        if tx.execute(known, {"said": drawn}).first() is None:
            return drawn


def keep(tx: Transaction, made: Proposal) -> None:
    """Keep a proposal, and the timer that ends it."""
    tx.execute(
        _NEW,
        {
            "id": made.id,
            "label": made.label,
            "act": made.act,
            "ask": sealing.kept(tx, made.ask, made.entry, _WORDS, made.incident),
            "asker": made.asker,
            "token": made.token,
            "incident_id": made.incident,
            "items": [[number, revision] for number, revision in made.items.items()],
            "rights": list(made.rights),
            "approvals": [],
            "sha": made.sha,
            "state": made.state.value,
            "asked_at": made.asked_at,
            "until": made.until,
            "closed_at": None,
            "entry": made.entry,
        },
    )
    timers.set_timer(tx, made.timer, EXPIRE, made.until, {"incident": made.incident, "proposal": made.id})


def words(source: Connection | Transaction, found: Proposal) -> dict[str, Any]:
    """In what words it was asked for; none where its item is forgotten. Raises ValueError for what nobody asked."""
    return sealing.told(source, found.ask, found.entry, _WORDS, found.incident)


def approve(tx: Transaction, found: Proposal, approvals: Sequence[Given]) -> None:
    """Keep what was approved of one so far."""
    by_now = [[one.right, one.person, one.token] for one in approvals]
    tx.execute(_APPROVE, {"row_id": found.id, "by_now": by_now})


def close(tx: Transaction, found: Proposal, became: State, at: datetime) -> None:
    """Have nobody decide about one any more, and let go of its words."""
    tx.execute(_CLOSE, {"row_id": found.id, "became": became.value, "at": at, "nothing": {}})
    timers.cancel(tx, found.timer)


def keep_review(tx: Transaction, made: Review) -> None:
    """Keep what is to be looked at."""
    tx.execute(
        _NEW_REVIEW,
        {
            "id": made.id,
            "label": made.label,
            "act": made.act,
            "person": made.person,
            "incident_id": next(iter(made.items), None),
            "items": list(made.items),
            "opened_at": made.opened_at,
            "closed_at": None,
            "closed_by": None,
            "entry": made.entry,
        },
    )


def close_review(tx: Transaction, found: Review, person: str, at: datetime) -> None:
    """Keep that one was closed, and by whom."""
    tx.execute(_REVIEWED, {"row_id": found.id, "at": at, "whose": person})


def known_as(source: Connection | Transaction, person: str) -> str | None:
    """By what a person is known who asked or approved; None for one who was forgotten."""
    found: str | None = source.execute(_KNOWN_AS, {"whose": person}).scalar()
    return found


def expire(tx: Transaction, engine: Engine, timer: Timer) -> None:
    """End a proposal that nobody approved in time."""
    row = tx.execute(_BY_ID, {"id": timer.payload["proposal"]}).first()
    if row is None or row.state != State.OPEN:
        return
    found = proposal_of(row)
    engine.record(tx, Expired(proposal=found.id, label=found.label), incident=found.incident)
    close(tx, found, State.EXPIRED, engine.clock.now())

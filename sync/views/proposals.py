"""What somebody else is to approve first, with all that would be written; and what was done at once, and waits to be
looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from pydantic import Field
from sqlalchemy import Select, select, tuple_

from tieline.core import journal
from tieline.core.model import IncidentId
from tieline.core.shown import Note, Part, Table
from tieline.core.store import tables as t
from tieline.core.store.persons import FORGOTTEN
from tieline.core.store.types import from_micros, to_micros
from tieline.core.views import Keyset, Listing, Moment, Paged, Row
from tieline.sync import proposals as rows
from tieline.sync.office import notes
from tieline.sync.office.look import EngineLook
from tieline.sync.proposals import Proposal, Review
from tieline.sync.sight import called_by_number, called_by_uid

_AT_ONCE: Final = 500
"""Rows that are looked at together: of those before a page, many may be hidden."""


class Proposals(Paged):
    """Which proposals are meant."""

    all: bool = Field(default=False, description="Also those about which somebody has decided, or nobody in time.")


class ProposalShown(Row):
    """What somebody asked for. `writes` is all that would be written, and `sha` the hash of that, which is what is
    approved; `approved_by` are those who have."""

    proposal: str
    state: str
    act: str
    incident: str | None
    by: str
    why: str
    rights: tuple[str, ...]
    approved_by: tuple[str, ...]
    asked_at: Moment
    until: Moment
    ask: dict[str, Any]
    writes: tuple[dict[str, Any], ...]
    sha: str
    told: tuple[str, ...] = Field(exclude=True)


class ProposalsShown(Listing[ProposalShown]):
    """What others are to approve first, the oldest first."""

    def shown(self) -> Sequence[Part]:
        columns = ["proposal", "state", "what", "incident", "asked by", "takes", "approved by", "until (UTC)"]
        return (
            Table(
                "Proposals",
                columns,
                [
                    (
                        one.proposal,
                        one.state,
                        one.act,
                        one.incident,
                        one.by,
                        ", ".join(one.rights),
                        ", ".join(one.approved_by),
                        one.until,
                    )
                    for one in self.items
                ],
                empty="nothing waits to be approved",
            ),
            *(Note(one.proposal, sentence) for one in self.items for sentence in (one.why, *one.told)),
            *self.more(),
        )


_OLDEST: Final = Keyset("proposals", int, str)


def proposals(look: EngineLook, ask: Proposals) -> ProposalsShown:
    """What somebody asked for and somebody else is to approve first, with all that would be written."""
    query = select(t.proposal).order_by(t.proposal.c.asked_at, t.proposal.c.id)
    if not ask.all:
        query = query.where(t.proposal.c.state == rows.State.OPEN.value, t.proposal.c.until > look.now)
    place = _OLDEST.after(ask.after) if ask.after is not None else None
    found = list(islice(_visible(look, query, t.proposal.c.asked_at, t.proposal.c.id, place, ask), ask.limit + 1))
    page, following = _OLDEST.page(found, ask, lambda row: (to_micros(row.asked_at), row.id))
    made = [rows.proposal_of(row) for row in page]
    told = _told(look, [one.entry for one in made])
    called = _called(look, [item for one in made for item in one.items])
    names = _names(look, {one.asker for one in made} | {each.person for one in made for each in one.approvals})
    writes = [told.get(one.entry, {}).get("writes", ()) for one in made]
    uids = called_by_uid(
        look.seen_in, look.sight, {note["item"] for each in writes for note in each if note.get("item")}
    )
    words = {uid: name for uid, (_number, name) in uids.items()}
    return ProposalsShown(
        items=tuple(
            _proposal(one, told.get(one.entry, {}), called, names, words, is_over=one.until <= look.now) for one in made
        ),
        next=following,
    )


def _proposal(
    one: Proposal,
    told: Mapping[str, Any],
    called: Mapping[IncidentId, str],
    names: Mapping[str, str],
    words: Mapping[str, str],
    *,
    is_over: bool,
) -> ProposalShown:
    state = rows.State.EXPIRED if is_over and one.state is rows.State.OPEN else one.state
    writes = tuple(dict(note) for note in told.get("writes", ()))
    return ProposalShown(
        proposal=one.label,
        state=state.value,
        act=one.act,
        incident=None if one.incident is None else called.get(one.incident),
        by=names[one.asker],
        why=told.get("why", "what was asked can no longer be read: it was let go of"),
        rights=one.rights,
        approved_by=tuple(f"{names[each.person]} ({each.right})" for each in one.approvals),
        asked_at=one.asked_at,
        until=one.until,
        ask=dict(told.get("ask", {})),
        writes=writes,
        sha=one.sha,
        told=tuple(notes.sentence(note, words) for note in writes),
    )


class Reviews(Paged):
    """Which reviews are meant."""

    all: bool = Field(default=False, description="Also those that are closed.")


class ReviewShown(Row):
    """What somebody did at once, where others were to be asked first, and `why`; `found` is what the review came to."""

    review: str
    act: str
    incident: str | None
    by: str
    why: str
    at: Moment
    closed_at: Moment | None
    closed_by: str | None


class ReviewsShown(Listing[ReviewShown]):
    """What was done at once, the oldest first."""

    def shown(self) -> Sequence[Part]:
        columns = ["review", "what", "incident", "done by", "when (UTC)", "closed by"]
        cells = [(one.review, one.act, one.incident, one.by, one.at, one.closed_by) for one in self.items]
        return (
            Table("Reviews", columns, cells, empty="nothing waits to be reviewed"),
            *(Note(one.review, one.why) for one in self.items),
            *self.more(),
        )


_OLDEST_REVIEW: Final = Keyset("reviews", int, str)


def reviews(look: EngineLook, ask: Reviews) -> ReviewsShown:
    """What was done at once, where others were to be asked first, and waits until somebody else has looked at it."""
    query = select(t.review).order_by(t.review.c.opened_at, t.review.c.id)
    if not ask.all:
        query = query.where(t.review.c.closed_at.is_(None))
    place = _OLDEST_REVIEW.after(ask.after) if ask.after is not None else None
    found = list(islice(_visible(look, query, t.review.c.opened_at, t.review.c.id, place, ask), ask.limit + 1))
    page, following = _OLDEST_REVIEW.page(found, ask, lambda row: (to_micros(row.opened_at), row.id))
    made = [rows.review_of(row) for row in page]
    told = _told(look, [one.entry for one in made])
    called = _called(look, [item for one in made for item in one.items])
    names = _names(look, {one.person for one in made} | {one.closed_by for one in made if one.closed_by is not None})
    return ReviewsShown(items=tuple(_review(one, told, called, names) for one in made), next=following)


def _review(
    one: Review, told: Mapping[int, Mapping[str, Any]], called: Mapping[IncidentId, str], names: Mapping[str, str]
) -> ReviewShown:
    first = next(iter(one.items), None)
    return ReviewShown(
        review=one.label,
        act=one.act,
        incident=None if first is None else called.get(first),
        by=names[one.person],
        why=told.get(one.entry, {}).get("why", "why can no longer be read: it was let go of"),
        at=one.opened_at,
        closed_at=one.closed_at,
        closed_by=None if one.closed_by is None else names[one.closed_by],
    )


def _visible(
    look: EngineLook, query: Select[Any], at: Any, key: Any, place: tuple[int, str] | None, ask: Paged
) -> Iterator[Any]:
    """The rows after a place, without those that are about an item that is hidden."""
    most = max(ask.limit, _AT_ONCE)
    while True:
        behind = query if place is None else query.where(tuple_(at, key) > (from_micros(place[0]), place[1]))
        found = look.seen_in.execute(behind.limit(most + 1)).all()
        items = [_numbers(row.items) for row in found]
        is_seen = look.sight.among(look.seen_in, {one for each in items for one in each})
        yield from (row for row, each in zip(found, items, strict=True) if all(map(is_seen, each or [None])))
        if len(found) <= most:
            return
        last = found[-1]
        place = (to_micros(last.asked_at if hasattr(last, "asked_at") else last.opened_at), last.id)


def _numbers(items: Sequence[Any]) -> list[IncidentId | None]:
    return [IncidentId(one[0] if isinstance(one, list) else one) for one in items]


def _told(look: EngineLook, entries: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """What the journal tells of these."""
    if not entries:
        return {}
    found = look.seen_in.execute(journal.ENTRIES.where(t.journal.c.seq.in_(entries))).all()
    return {row.seq: journal.facts(look.seen_in, row) or {} for row in found}


def _called(look: EngineLook, items: Sequence[IncidentId]) -> dict[IncidentId, str]:
    look.shows(items)
    return called_by_number(look.seen_in, look.sight, items)


def _names(look: EngineLook, persons: set[str]) -> dict[str, str]:
    found = look.seen_in.execute(select(t.person.c.id, t.person.c.name).where(t.person.c.id.in_(persons))).all()
    return {row.id: row.name or FORGOTTEN for row in found}

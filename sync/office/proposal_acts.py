"""What somebody decides about what others asked for: yes, no, and of what one asked for oneself that it is wanted no
more; and that what was done at once was looked at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from tieline.core import grants
from tieline.core.access import DECIDE, REVIEW, Rule, Subject, Verdict
from tieline.core.acts import Act, NotDone
from tieline.core.arguments import Answer, Ask, Line
from tieline.core.events import Rejected as WasRejected
from tieline.core.events import Reviewed, Withdrawn
from tieline.core.model import IncidentId
from tieline.core.store.store import Connection, Transaction
from tieline.sync import proposals
from tieline.sync.office import proposing
from tieline.sync.office.answering import answering
from tieline.sync.office.asking import Lacking
from tieline.sync.office.desk import EngineDesk, Moved
from tieline.sync.proposals import Proposal, Review, State
from tieline.sync.sight import Sight

LabelName = Annotated[
    str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{3}-[A-Za-z]{6}$")
]


class Approve(Ask):
    """A proposal that is approved."""

    proposal: LabelName = Field(description="The proposal, as it is called: PRO-BCDFGH.")


class Decision(Answer):
    """A proposal that was approved. `done` is false while it takes others as well, with the rights that are
    `lacking`."""

    proposal: str
    act: str
    done: bool
    lacking: tuple[str, ...]
    result: dict[str, Any]
    said: str = Field(exclude=True)

    def sentence(self) -> str:
        if not self.done:
            return (
                f"{self.proposal} is approved by you. It takes somebody else as well, with the right "
                f"{' and '.join(self.lacking)}; nothing is done before"
            )
        return f"{self.proposal} is approved and done: {self.said}"


def approve(desk: EngineDesk, ask: Approve) -> Callable[[], Decision]:
    """Approve what somebody else asked for. It is done at once, as it was shown and in their name.

    Every right, every duty and all that it rests on is asked once more as it is now. Of what has changed since, nothing
    is done, and a sentence says what has.
    """
    found = proposing.opened(desk, ask.proposal)
    proposing.check_is_another(desk, found)
    done = proposing.again(desk, found)
    given = proposing.mine(desk, found, done)
    lacking = proposing.note_approval(desk, found, done, given)

    def answer() -> Decision:
        if lacking:
            return _decision(found, lacking)
        with answering(done.desk.whose.offer, found.act):
            said = done.answer() if callable(done.answer) else done.answer
            kept = said.kept()
            return _decision(found, (), kept.facts(), kept.sentence())

    return answer


def _decision(
    found: Proposal, lacking: tuple[str, ...], result: dict[str, Any] | None = None, said: str = ""
) -> Decision:
    return Decision(
        proposal=found.label, act=found.act, done=not lacking, lacking=lacking, result=result or {}, said=said
    )


class Reject(Ask):
    """A proposal that is rejected."""

    proposal: LabelName = Field(description="The proposal, as it is called: PRO-BCDFGH.")
    why: Line = Field(description="Why not, for whoever asked.")


class Rejected(Answer):
    """A proposal that was rejected."""

    proposal: str
    why: str

    def sentence(self) -> str:
        return f"{self.proposal} is rejected; nothing was done"


def reject(desk: EngineDesk, ask: Reject) -> Rejected:
    """Say no to what somebody else asked for, and why."""
    found = proposing.opened(desk, ask.proposal)
    if grants.person_of(desk.seen_in, desk.asking) == found.asker:
        raise NotDone(f"{found.label} is your own; take it back with `tieline proposals withdraw {found.label}`")
    _check_may_reject(desk, found, desk.seen_in)
    told = WasRejected(proposal=found.id, label=found.label, why=ask.why)
    _close(desk, found, State.REJECTED, told, partial(_check_may_reject, desk, found))
    return Rejected(proposal=found.label, why=ask.why)


def _check_may_reject(desk: EngineDesk, found: Proposal, seen_in: Connection | Transaction) -> None:
    of, _item = proposing.about(seen_in, found.items)
    asker = proposing.around_of(desk).asker()
    verdicts = {right: proposing.approves(asker, seen_in, right, of) for right in found.rights}
    if not any(verdict.allowed for verdict in verdicts.values()):
        right, verdict = next(iter(verdicts.items()))
        raise Lacking(right, verdict)


class Withdraw(Ask):
    """A proposal that is taken back."""

    proposal: LabelName = Field(description="The proposal, as it is called: PRO-BCDFGH.")


class TakenBack(Answer):
    """A proposal that was taken back."""

    proposal: str

    def sentence(self) -> str:
        return f"{self.proposal} is taken back; nothing was done"


def withdraw(desk: EngineDesk, ask: Withdraw) -> TakenBack:
    """Take back what you asked for yourself."""
    found = proposing.opened(desk, ask.proposal)
    if grants.person_of(desk.seen_in, desk.asking) != found.asker:
        sentence = f"{found.label} was asked for by somebody else, and only they take it back; reject it instead"
        raise Lacking(DECIDE, Verdict(False, Rule.DUTY, sentence=sentence))
    _close(desk, found, State.WITHDRAWN, Withdrawn(proposal=found.id, label=found.label))
    return TakenBack(proposal=found.label)


def _close(
    desk: EngineDesk,
    found: Proposal,
    became: State,
    told: WasRejected | Withdrawn,
    check: Callable[[Transaction], None] | None = None,
) -> None:
    def hold(tx: Transaction) -> None:
        if proposals.lock(tx, found) != found:
            raise Moved
        if check is not None:
            check(tx)

    def close(tx: Transaction) -> None:
        desk.engine.record(tx, told, incident=found.incident, actor=desk.actor, reason=found.act)
        proposals.close(tx, found, became, desk.now)

    desk.timers.add(found.timer)
    desk.within(close, hold=hold)


class CloseReview(Ask):
    """A review that is over."""

    review: LabelName = Field(description="The review, as it is called: REV-BCDFGH.")
    found: Line = Field(description="What you found: whether it was right to act at once, and what follows.")


class ReviewClosed(Answer):
    """A review that is over."""

    review: str
    found: str

    def sentence(self) -> str:
        return f"{self.review} is closed"


def close_review(desk: EngineDesk, ask: CloseReview) -> ReviewClosed:
    """Close the review of what somebody else did at once, where others were to be asked first."""
    found = _review(desk.seen_in, ask.review, desk.sight)
    if found.closed_at is not None:
        raise NotDone(f"{found.label} was closed at {found.closed_at:%Y-%m-%d %H:%M:%S} UTC already")
    _check_may_close(desk, found, desk.seen_in)
    told = Reviewed(review=found.id, label=found.label, found=ask.found)

    def hold(tx: Transaction) -> None:
        if proposals.lock_review(tx, found) != found:
            raise Moved
        _check_may_close(desk, found, tx)

    def close(tx: Transaction) -> None:
        desk.engine.record(tx, told, incident=next(iter(found.items), None), actor=desk.actor, reason=found.act)
        proposals.close_review(tx, found, tx.person(desk.asking), desk.now)

    desk.within(close, hold=hold)
    return ReviewClosed(review=found.label, found=ask.found)


def _review(seen_in: Connection | Transaction, label: str, sight: Sight) -> Review:
    found = proposals.find_review(seen_in, label)
    if found is None or not proposing.sees_all(seen_in, sight, found.items):
        raise LookupError(f"there is no review {label[:40]!r}; `tieline reviews` lists those that there are")
    return found


def _check_may_close(desk: EngineDesk, found: Review, seen_in: Connection | Transaction) -> None:
    of, _item = proposing.about(seen_in, found.items)
    is_author = grants.person_of(seen_in, desk.asking) == found.person
    verdict = proposing.approves(proposing.around_of(desk).asker(), seen_in, REVIEW, of, is_author=is_author)
    if not verdict.allowed:
        raise Lacking(REVIEW, verdict)


def _of_proposal(
    seen_in: Connection | Transaction, ask: Approve | Reject | Withdraw, sight: Sight
) -> tuple[Subject, IncidentId | None]:
    return proposing.about(seen_in, proposing.visible(seen_in, ask.proposal, sight).items)


def _of_review(seen_in: Connection | Transaction, ask: CloseReview, sight: Sight) -> tuple[Subject, IncidentId | None]:
    return proposing.about(seen_in, _review(seen_in, ask.review, sight).items)


ACTS: Final = (
    Act("proposals approve", approve, DECIDE, ("proposal",), about=_of_proposal),
    Act("proposals reject", reject, DECIDE, ("proposal", "why"), about=_of_proposal),
    Act("proposals withdraw", withdraw, DECIDE, ("proposal",), about=_of_proposal),
    Act("reviews close", close_review, REVIEW, ("review", "found"), about=_of_review),
)

"""Asking first: what an act noted is proposed, and done once somebody else has approved these bytes of it.

    noted -> rendered -> proposed -> looked at again, with every right, duty and fact of then -> done, or a sentence

What is approved is what is written: the act is run again, and what it notes then has to have the hash of what was
shown. Whoever may act at once does, and that is reviewed by somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from tieline.core import grants
from tieline.core.access import BREAK_GLASS, STORE, Duty, Relation, Rule, Subject, Verdict, may
from tieline.core.acts import Act, Approval, AskFirst, NotDone, Withheld
from tieline.core.arguments import Answer, Ask, Instant
from tieline.core.declared import WrongWords
from tieline.core.errors import NotProved
from tieline.core.events import Approved, GlassBroken, Proposed
from tieline.core.identity import Someone, called
from tieline.core.model import ABSENT, IncidentId, instant
from tieline.core.store.store import Connection, Transaction
from tieline.sync import proposals
from tieline.sync.office import acted, notes
from tieline.sync.office.answering import answering
from tieline.sync.office.asking import Asker, Lacking
from tieline.sync.office.desk import Around, EngineDesk, Moved, Whose
from tieline.sync.office.subjects import subject
from tieline.sync.proposals import Given, Proposal, Review, State
from tieline.sync.sight import Sight, subject_of

Cause = Callable[[Transaction], int]


class AsksFirst(Answer):
    """What is not done before somebody else approves it."""

    proposal: str
    act: str
    needs: tuple[str, ...]
    why: str
    until: Instant

    def sentence(self) -> str:
        each = f"somebody else with the right {self.needs[0]} approves it"
        if len(self.needs) > 1:
            each = f"{len(self.needs)} others approve it, one for each of the rights {', '.join(self.needs)}"
            if len({*self.needs}) == 1:
                each = f"{len(self.needs)} others with the right {self.needs[0]} approve it"
        return (
            f"nothing is done before {each}: {self.why}. They do with `tieline proposals approve {self.proposal}`, "
            f"until {self.until:%Y-%m-%d %H:%M} UTC; then it ends as a no."
        )


# -- proposed ----------------------------------------------------------------------------------------------------------


def propose(desk: EngineDesk, act: Act, ask: Ask, *, is_pinned: bool) -> tuple[Cause, Callable[[], AsksFirst]]:
    """Have a proposal made in place of what was noted. `is_pinned` is true where whoever asks named the revision of the
    item. Answers what journals it, and what is answered."""
    approval, made = _approval(desk), list[Proposal]()
    if not isinstance(desk.actor, Someone):
        raise TypeError(f"{desk.whose.name}: {desk.actor} is nobody who could ask somebody else first")
    asker, writes, items = desk.actor, desk.shown, _items(desk, approval, is_pinned=is_pinned)
    until = desk.now + approval.lasts

    def tell(tx: Transaction) -> int:
        uid, label = tx.new_uid(desk.now), proposals.label(tx, proposals.PROPOSAL)
        happened = Proposed(
            proposal=uid,
            label=label,
            act=act.name,
            ask=acted.journalled(tx, ask),
            rights=list(approval.rights),
            why=approval.why,
            until=instant(until),
            writes=[dict(one) for one in writes],
            sha=notes.sha(writes),
            by_token=asker.token or ABSENT,
        )
        seq = desk.engine.record(tx, happened, incident=next(iter(items), None), actor=asker, reason=act.name)
        made.append(
            Proposal(
                uid,
                label,
                act.name,
                ask.plain(),
                tx.person(asker),
                asker.token,
                items,
                approval.rights,
                (),
                notes.sha(writes),
                State.OPEN,
                desk.now,
                until,
                seq,
            )
        )
        return seq

    desk.effects[:] = [lambda tx: proposals.keep(tx, made[0])]
    desk.holds.clear()
    desk.timers.clear()
    return tell, lambda: AsksFirst(
        proposal=made[0].label, act=act.name, needs=approval.rights, why=approval.why, until=until
    )


def _approval(desk: EngineDesk) -> Approval:
    if desk.approval is None:
        raise TypeError(f"{desk.whose.name} asks nobody first")
    return desk.approval


def _items(desk: EngineDesk, approval: Approval, *, is_pinned: bool) -> dict[IncidentId, int | None]:
    """What it is about. One that is restricted comes first: the journal tells of it under its key."""
    restricted = {number for number, item in desk.looked_at.items() if item.restricted}
    counts = is_pinned or not approval.at_any_revision
    return {
        number: desk.looked_at[number].revision if counts else None
        for number in sorted(desk.looked_at, key=lambda number: number not in restricted)
    }


# -- found -------------------------------------------------------------------------------------------------------------


def visible(seen_in: Connection | Transaction, label: str, sight: Sight) -> Proposal:
    """The proposal that is called so. Raises LookupError for one that is not there for them."""
    found = proposals.find(seen_in, label)
    if found is None or not sees_all(seen_in, sight, found.items):
        raise LookupError(f"there is no proposal {label[:40]!r}; `tieline proposals` lists those that there are")
    return found


def sees_all(seen_in: Connection | Transaction, sight: Sight, items: Iterable[IncidentId]) -> bool:
    """Whether they see each of these; where there is none, whether they see what is of no item."""
    named: list[IncidentId | None] = [*items]
    is_seen = sight.among(seen_in, named)
    return all(map(is_seen, named or [None]))


def opened(desk: EngineDesk, label: str) -> Proposal:
    """The same, where somebody may still decide about it. Raises NotDone."""
    found = visible(desk.seen_in, label, desk.sight)
    if found.state is not State.OPEN:
        raise NotDone(f"{found.label} was {found.state} already; nothing was done. Ask anew for what is still wanted")
    if is_over(found, desk.now):
        raise NotDone(
            f"{found.label} ended at {found.until:%Y-%m-%d %H:%M:%S} UTC, and nobody had approved it; ask anew for "
            "what is still wanted"
        )
    return found


def is_over(found: Proposal, now: datetime) -> bool:
    """Whether nobody may approve it any more, whatever its timer has done by then."""
    return now >= found.until


def about(seen_in: Connection | Transaction, items: Iterable[IncidentId]) -> tuple[Subject, IncidentId | None]:
    """What something is about that is about these."""
    first = next(iter(items), None)
    return (STORE if first is None else subject_of(seen_in, first)), first


# -- looked at again ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Again:
    """What was proposed, decided once more as things are now."""

    act: Act
    ask: Ask
    asker: Asker
    subject: Subject
    item: IncidentId | None
    desk: EngineDesk
    answer: Answer | Callable[[], Answer]

    @property
    def approval(self) -> Approval:
        """Who has to be asked."""
        return _approval(self.desk)


def again(desk: EngineDesk, found: Proposal) -> Again:
    """Decide once more what was proposed, in the name of whoever did. Raises NotDone where that is not what was shown,
    and where it may not be done any more."""
    around = around_of(desk)
    asker = _who(around, desk.seen_in, found.asker, found.token, f"{found.label} cannot be carried out: whoever asked")
    if found.act not in around.acts.by_name:
        raise NotDone(f"{found.label} is for `{found.act}`, which nothing at work can do; allow its plugin again")
    act = around.acts[found.act]
    sight = asker.sight(desk.seen_in)
    offer = desk.engine.registry.offers.of_act(act.name)
    whose = Whose(act.name, asker.someone, act.records, offer, asks_first=act.asks_first)
    inner = EngineDesk(
        desk.engine,
        desk.seen_in,
        whose,
        desk.now,
        sight,
        asker.may,
        has_leave=True,
        around=Around(around.acts, lambda: asker),
    )
    try:
        ask = act.told(proposals.words(desk.seen_in, found))
        of, item = subject(act, ask, desk.seen_in, sight)
        _check_asker(desk.seen_in, found, asker, act.right(ask), of)
        with answering(offer, act.name):
            answer = act.run(inner, ask)
    except (NotDone, LookupError, ValueError, WrongWords, AskFirst) as error:
        if isinstance(error, KeyError | IndexError | ValidationError):
            raise
        why = f"{found.label} cannot be carried out as things are: {error}"
        raise (Withheld(error.item, why) if isinstance(error, Withheld) else NotDone(why)) from None
    finally:
        inner.end()
    _check_the_same(found, inner)
    return Again(act, ask, asker, of, item, inner, answer)


def around_of(desk: EngineDesk) -> Around:
    """What is known around a desk. Raises TypeError where nobody asks there."""
    if desk.around is None:
        raise TypeError(f"{desk.whose.name}: nobody is known who could decide about what others asked")
    return desk.around


def _who(around: Around, seen_in: Connection | Transaction, person: str, token: str, what: str) -> Asker:
    known = proposals.known_as(seen_in, person)
    if known is None:
        raise NotDone(f"{what} was forgotten")
    asker = around.asker().other(replace(called(known), token=token))
    try:
        asker.facts(seen_in)
    except NotProved as error:
        raise NotDone(f"{what} did so by a token that no longer stands: {error}") from None
    return asker


def _check_asker(seen_in: Connection | Transaction, found: Proposal, asker: Asker, right: str, of: Subject) -> None:
    verdict = asker.may(seen_in, right, of)
    if not verdict.allowed:
        raise NotDone(f"{found.label} cannot be carried out: {verdict.sentence}")


def _check_the_same(found: Proposal, inner: EngineDesk) -> None:
    moved = [
        item for number, item in inner.looked_at.items() if found.items.get(number, 0) not in (None, item.revision)
    ]
    if moved:
        raise NotDone(
            f"{found.label}: {inner.called(moved[0])} has changed since that was asked for. Look at it, and ask anew"
        )
    if inner.approval is None or notes.sha(inner.shown) != found.sha:
        raise NotDone(
            f"{found.label}: what would be written now is not what was shown, and nobody has approved it. Ask anew, "
            "and have that approved"
        )


# -- approved ----------------------------------------------------------------------------------------------------------


def check_is_another(desk: EngineDesk, found: Proposal) -> None:
    """Raises Lacking for whoever asked, whatever became of it."""
    if grants.person_of(desk.seen_in, desk.asking) == found.asker:
        of, _item = about(desk.seen_in, found.items)
        right = found.rights[0]
        verdict = approves(around_of(desk).asker(), desk.seen_in, right, of, is_author=True)
        raise Lacking(right, verdict)


def mine(desk: EngineDesk, found: Proposal, done: Again) -> Given:
    """The approval that whoever asks may give. Raises Lacking where there is none."""
    person = grants.person_of(desk.seen_in, desk.asking) or ""
    if person in {one.person for one in found.approvals}:
        lacking = ", ".join(lacking_of(done.approval.rights, found.approvals))
        raise NotDone(f"{found.label}: you have approved it. It takes somebody else as well, with the right {lacking}")
    is_author = person in {found.asker, *done.approval.authors}
    refused = list[tuple[str, Verdict]]()
    for right in lacking_of(done.approval.rights, found.approvals):
        verdict = approves(around_of(desk).asker(), desk.seen_in, right, done.subject, is_author=is_author)
        if verdict.allowed:
            return Given(right, person, desk.asking.token)
        refused.append((right, verdict))
    right, verdict = refused[0]
    raise Lacking(right, verdict)


def lacking_of(rights: Iterable[str], given: Iterable[Given]) -> tuple[str, ...]:
    """The rights with which nobody approved it yet; one that several are to approve with as often as somebody is
    missing."""
    left = list(rights)
    for one in given:
        if one.right in left:
            left.remove(one.right)
    return tuple(left)


def approves(
    asker: Asker, seen_in: Connection | Transaction, right: str, of: Subject, *, is_author: bool = False
) -> Verdict:
    """Whether somebody may say yes or no to what somebody else asked for."""
    facts = grants.toward(seen_in, asker.facts(seen_in), of)
    relations = facts.relations | ({Relation.AUTHOR} if is_author else frozenset())
    return may(
        asker.someone, right, of, replace(facts, relations=relations, duties=facts.duties | {Duty.NOT_THE_AUTHOR})
    )


def note_approval(desk: EngineDesk, found: Proposal, done: Again, given: Given) -> tuple[str, ...]:
    """Note one approval, and with the last that it is carried out. Answers the rights that are still lacking."""
    others = (*found.approvals, given)
    lacking = lacking_of(done.approval.rights, others)
    desk.timers.add(found.timer)
    desk.stand_on(done.desk)

    def approve(tx: Transaction) -> None:
        token = desk.asking.token
        kept = replace(given, person=tx.person(desk.asking))
        told = Approved(
            proposal=found.id, label=found.label, right=given.right, sha=found.sha, by_token=token or ABSENT
        )
        seq = desk.engine.record(tx, told, incident=found.incident, actor=desk.actor, reason=found.act)
        proposals.approve(tx, found, (*found.approvals, kept))
        if not lacking:
            done.desk.approved_by = tuple(one.person for one in (*found.approvals, kept))
            proposals.close(tx, found, State.APPROVED, desk.now)
            tx.cause = seq
            tx.cause = acted.tell(tx, desk.engine, done.act, done.ask, done.asker.someone, done.item)

    desk.within(approve, hold=partial(_check_again, desk, found, done, given))
    if not lacking:
        desk.adopt(done.desk)
    return lacking


def _check_again(desk: EngineDesk, found: Proposal, done: Again, given: Given, tx: Transaction) -> None:
    """The proposal is as it was seen, and nobody changes it; and each of them still may."""
    now = around_of(desk).asker().now
    if proposals.lock(tx, found) != found or is_over(found, now):
        raise Moved
    asker = replace(done.asker, now=now)
    _check_asker(tx, found, asker, done.act.right(done.ask), done.subject)
    verdict = approves(around_of(desk).asker(), tx, given.right, done.subject)
    if not verdict.allowed:
        raise Lacking(given.right, verdict)
    for one in found.approvals:
        what = f"{found.label} cannot be carried out: whoever approved it"
        before = _who(around_of(desk), tx, one.person, one.token, what)
        verdict = approves(before, tx, one.right, done.subject)
        if not verdict.allowed:
            raise NotDone(
                f"{found.label} cannot be carried out, since one who approved it may not any more: {verdict.sentence}"
            )


# -- done at once ------------------------------------------------------------------------------------------------------


def break_glass(desk: EngineDesk, act: Act, ask: Ask, why: str) -> list[str]:
    """Have what was noted be done at once, and reviewed. Answers what will hold the label of its review. Raises Lacking
    for whoever may not."""
    approval, made, writes = _approval(desk), list[str](), desk.shown
    of, _item = subject(act, ask, desk.seen_in, desk.sight)
    items = tuple(_items(desk, approval, is_pinned=True))

    def check(seen_in: Connection | Transaction) -> None:
        verdict = desk.may(seen_in, BREAK_GLASS, of)
        if verdict.rule is Rule.HIDDEN:
            raise LookupError(verdict.sentence)
        if not verdict.allowed:
            raise Lacking(BREAK_GLASS, verdict)

    def open_review(tx: Transaction) -> None:
        uid, label = tx.new_uid(desk.now), proposals.label(tx, proposals.REVIEW)
        happened = GlassBroken(
            review=uid, label=label, act=act.name, rights=list(approval.rights), why=why, sha=notes.sha(writes)
        )
        seq = desk.engine.record(tx, happened, incident=next(iter(items), None), actor=desk.actor, reason=act.name)
        person = tx.person(desk.asking)
        proposals.keep_review(tx, Review(uid, label, act.name, person, items, desk.now, None, None, seq))
        made.append(label)

    check(desk.seen_in)
    desk.effects.insert(0, open_review)
    desk.holds.insert(0, check)
    return made

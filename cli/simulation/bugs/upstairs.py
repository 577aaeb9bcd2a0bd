"""Bugs to plant where people ask for acts and plugins work by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, false, select, update

from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing, seen_by
from tieline.core import timers, tokens
from tieline.core.access import REVIEW, Grant
from tieline.core.acts import NotDone
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.core.timers import Timer
from tieline.sync import policies, proposals
from tieline.sync.daemon import firing
from tieline.sync.office import (
    asking,
    following,
    happenings,
    holding,
    jobs,
    office,
    projecting,
    proposing,
    seeing,
    stepping,
)
from tieline.sync.office.desk import EngineDesk
from tieline.sync.road import commit


def _repeats() -> Sequence[Patch]:
    def stands(tx: Any, decided: Any, decide: Any, claim: Any) -> Any:
        claim(tx)
        return holding.stands(tx, decided, decide)

    return [(following, "stands", stands)]


def _moves_first() -> Sequence[Patch]:
    react = following._react

    def early(engine: Any, offer: Any, follower: Any, name: str, happened: Any) -> None:
        with engine.store.write() as tx:
            tx.execute(following._MOVE, {"follower": name, "upto": happened.seq})
        react(engine, offer, follower, name, happened)

    return [*_repeats(), (following, "_react", early)]


def _forgets_what_failed() -> Sequence[Patch]:
    def put_behind(engine: Any, _name: str, _happened: Any, move: Callable[[Transaction], bool], _next: Any) -> None:
        with engine.store.write() as tx:
            move(tx)

    return [(following, "_put_behind", put_behind)]


def _overtakes() -> Sequence[Patch]:
    return [(following, "_HAS_BACKLOG", select(false()))]


def _fires_on() -> Sequence[Patch]:
    return [seen_by(following, "timers", take=lambda _tx, _timer: True)]


def _fires_early() -> Sequence[Patch]:
    def overdue(source: Any, now: datetime, limit: int, kinds: Any) -> Any:
        return timers.overdue(source, now + timedelta(minutes=1), limit, kinds)

    return [seen_by(following, "timers", overdue=overdue)]


def _taken_first() -> Sequence[Patch]:
    fire = following._fire

    def early(engine: Any, offer: Any, kind: Any, timer: Timer, now: datetime) -> None:
        with engine.store.write() as tx:
            timers.take(tx, timer)
        fire(engine, offer, kind, timer, now)

    return [(following, "_fire", early), seen_by(following, "timers", take=lambda _tx, _timer: True)]


def _lateness_forgotten() -> Sequence[Patch]:
    def overdue(source: Any, now: datetime, limit: int, kinds: Any) -> Any:
        found, unreadable = timers.overdue(source, now, limit, kinds)
        return [replace(one, late=timedelta(0)) for one in found], unreadable

    return [seen_by(following, "timers", overdue=overdue)]


def _unknown_deleted() -> Sequence[Patch]:
    def say_strange(tx: Transaction, now: datetime, kinds: Any) -> int:
        strange = delete(t.timer).where(t.timer.c.due_at <= now, t.timer.c.kind.not_in(list(kinds)))
        return tx.execute(strange).rowcount

    return [seen_by(firing, "timers", say_strange=say_strange)]


def _key_not_kept() -> Sequence[Patch]:
    return [(office, "_keep", nothing)]


def _key_for_anything() -> Sequence[Patch]:
    def the_same(_asked: Any, before: Any) -> Any:
        return office.Performed(before.answer["facts"], before.answer["sentence"], before.seq, again=True)

    return [(office, "_the_same", the_same)]


def _answers_anew() -> Sequence[Patch]:
    def the_same(asked: Any, before: Any) -> Any:
        return replace(_plain_same(asked, before), seq=None)

    return [(office, "_the_same", the_same)]


_plain_same = office._the_same


def _asked_before_only() -> Sequence[Patch]:
    return [(asking.Asked, "__call__", nothing)]


def _role_for_ever() -> Sequence[Patch]:
    return [(Grant, "stands", lambda _grant, _now: True)]


def _token_for_ever() -> Sequence[Patch]:
    return [(tokens.Token, "check", nothing)]


def _revision_unread() -> Sequence[Patch]:
    return [(office, "_check_revision", nothing)]


def _decided_once() -> Sequence[Patch]:
    return [(office, "stands", lambda _tx, decided, _decide: decided)]


def _in_part() -> Sequence[Patch]:
    def follow(tx: Transaction, desk: Any, cause: Any) -> int:
        del desk.effects[2:]
        return holding.follow(tx, desk, cause)

    return [(office, "follow", follow)]


def _cause_untold() -> Sequence[Patch]:
    def follow(tx: Transaction, desk: Any, cause: Any) -> int:
        for hold in desk.holds:
            hold(tx)
        seq: int = cause(tx)
        for effect in desk.effects:
            effect(tx)
        return seq

    return [(office, "follow", follow)]


def _row_forgotten() -> Sequence[Patch]:
    write = projecting.write

    def forgetful(tx: Transaction, offer: Any, happened: Any) -> None:
        if happened.event.KIND != "rounds.looked":
            write(tx, offer, happened)

    return [(projecting, "write", forgetful)]


def _made_of_what_was() -> Sequence[Patch]:
    def chosen(source: Any, after: int, upto: int, kinds: Any) -> Any:
        found = happenings.between(source, after, upto, kinds)
        return found[:-1] if isinstance(source, Transaction) and upto - after > 1 and len(found) > 1 else found

    return [seen_by(projecting, "happenings", between=chosen)]


def _nobody_asked() -> Sequence[Patch]:
    return [(EngineDesk, "ask_first", nothing)]


def _other_bytes() -> Sequence[Patch]:
    def accept(_found: Any, inner: Any) -> None:
        if inner.approval is None:
            raise NotDone("nobody is to be asked")

    return [(proposing, "_check_the_same", accept)]


def _by_oneself() -> Sequence[Patch]:
    def approves(asker: Any, seen_in: Any, right: str, of: Any, *, is_author: bool = False) -> Any:
        return _plain_approves(asker, seen_in, right, of, is_author=is_author and right == REVIEW)

    return [(proposing, "check_is_another", nothing), (proposing, "approves", approves)]


def _own_review() -> Sequence[Patch]:
    def approves(asker: Any, seen_in: Any, right: str, of: Any, *, is_author: bool = False) -> Any:
        return _plain_approves(asker, seen_in, right, of, is_author=is_author and right != REVIEW)

    return [(proposing, "approves", approves)]


_plain_approves = proposing.approves


def _seen_once() -> Sequence[Patch]:
    return [(proposing, "_check_again", nothing)]


def _asker_trusted() -> Sequence[Patch]:
    return [(proposing, "_check_asker", nothing)]


def _one_is_enough() -> Sequence[Patch]:
    note = proposing.note_approval

    def hasty(desk: Any, found: Any, done: Any, given: Any) -> Any:
        done.desk.approval = replace(done.desk.approval, rights=(given.right,))
        return note(desk, found, done, given)

    return [(proposing, "note_approval", hasty)]


def _never_over() -> Sequence[Patch]:
    return [(proposing, "is_over", lambda _found, _now: False), (proposals, "expire", nothing)]


def _stays_open() -> Sequence[Patch]:
    return [seen_by(proposing, "proposals", close=nothing)]


def _glass_unreviewed() -> Sequence[Patch]:
    return [seen_by(office, "proposing", break_glass=lambda *_args: [])]


def _step_by_two() -> Sequence[Patch]:
    def hold(_tx: Any, number: int, token: int) -> bool:  # noqa: ARG001 - by these names it is called
        return True

    return [seen_by(stepping, "jobs", holds=hold)]


def _step_kept_first() -> Sequence[Patch]:
    do = stepping._do

    def early(engine: Any, offer: Any, job: Any, row: Any, began: datetime) -> None:
        with engine.store.write() as tx:
            state = {"number": (row.state or {}).get("number", 0) + 1, "told": (row.state or {}).get("told", [])}
            tx.execute(update(t.job).where(t.job.c.id == row.id).values(state=state))
        do(engine, offer, job, row, began)

    return [(stepping, "_do", early)]


def _goes_on() -> Sequence[Patch]:
    held = select(t.job.c.id).where(t.job.c.id == bindparam("number"), t.job.c.token == bindparam("held"))
    return [(jobs, "_HOLD", held)]


def _terms_remembered() -> Sequence[Patch]:
    known: dict[str, Any] = {}

    def held(source: Any, name: str, item: Any = None) -> Any:
        if item is not None or isinstance(source, Transaction):
            return policies.held(source, name, item)
        return known.setdefault(name, policies.held(source, name))

    return [seen_by(seeing, "policies", held=held), *_terms_not_looked_at_again()]


def _terms_not_looked_at_again() -> Sequence[Patch]:
    return [seen_by(holding, "policies", stand=lambda _tx, _seen: True)]


def _terms_unpinned() -> Sequence[Patch]:
    def held(source: Any, name: str, item: Any = None) -> Any:
        return replace(policies.held(source, name), is_pinned=item is not None)

    return [seen_by(seeing, "policies", held=held)]


def _verdict_forgotten() -> Sequence[Patch]:
    def taken(decision: Any, *_others: Any) -> Any:
        return decision

    return [seen_by(commit, "reviewing", held=taken)]


def _upstairs(words: str, patches: Callable[[], Sequence[Patch]]) -> Mutant:
    return Mutant(words, patches, upstairs=1.0)


MUTANTS: Final[Mapping[str, Mutant]] = {
    "follower-repeats": _upstairs("a follower that was frozen reacts to what another process has reacted to", _repeats),
    "follower-moves-first": _upstairs("a follower's cursor moves before what it does is committed", _moves_first),
    "follower-forgets-failures": _upstairs("what a follower failed at is never tried again", _forgets_what_failed),
    "follower-overtakes": _upstairs("what happens to an item overtakes what failed before", _overtakes),
    "timer-fires-on": _upstairs("a timer that fired stays, and fires again", _fires_on),
    "timer-fires-early": _upstairs("timers fire a minute before their time", _fires_early),
    "timer-taken-first": _upstairs("a timer is gone before what it does is committed", _taken_first),
    "timer-is-never-late": _upstairs("a timer says that it is in time", _lateness_forgotten),
    "unknown-timer-deleted": _upstairs(
        "a timer of a plugin that is set aside is taken away when due", _unknown_deleted
    ),
    "key-not-kept": _upstairs("what was done under a key is done again", _key_not_kept),
    "key-for-anything": _upstairs("under a key that was used anything else is answered as done", _key_for_anything),
    "key-answers-otherwise": _upstairs(
        "whoever asks again is not told which entry says that it was done", _answers_anew
    ),
    "right-asked-before-only": _upstairs("whether somebody may is not asked again when it is done", _asked_before_only),
    "role-for-ever": _upstairs("a role that is over still gives its rights", _role_for_ever),
    "token-for-ever": _upstairs("a token that is over or revoked is taken", _token_for_ever),
    "revision-unread": _upstairs("an act is done to an item that is no longer as it was seen", _revision_unread),
    "decided-once": _upstairs("an act is carried out on what it saw, whatever is there by now", _decided_once),
    "act-in-part": _upstairs("of an act only the beginning is carried out", _in_part),
    "cause-untold": _upstairs("what an act brings about does not say so", _cause_untold),
    "nobody-asked-first": _upstairs("what somebody else is to approve first is done at once", _nobody_asked),
    "other-bytes-approved": _upstairs("what is done is not held against what was approved", _other_bytes),
    "approved-by-oneself": _upstairs("whoever asked may approve it", _by_oneself),
    "reviewed-by-oneself": _upstairs("whoever acted at once may close the review of it", _own_review),
    "approval-seen-once": _upstairs(
        "a proposal and who may approve it are not looked at again when it is done", _seen_once
    ),
    "asker-trusted": _upstairs(
        "what was approved is done, although whoever asked may not do it any more", _asker_trusted
    ),
    "one-approval-is-enough": _upstairs("of several who are to approve, one is enough", _one_is_enough),
    "proposal-never-over": _upstairs("a proposal is approved after its time", _never_over),
    "proposal-stays-open": _upstairs("what was approved can be approved again", _stays_open),
    "glass-unreviewed": _upstairs("what is done at once is not reviewed", _glass_unreviewed),
    "step-by-two": _upstairs("a step of a job is kept by whoever comes late", _step_by_two),
    "step-kept-first": _upstairs("how far a job has come is kept before what its step did", _step_kept_first),
    "cancelled-goes-on": _upstairs("a step that is under way is kept, although its job was cancelled", _goes_on),
    "policy-remembered": _upstairs("a process goes by the policy that it saw first", _terms_remembered),
    "policy-seen-once": _upstairs(
        "a policy is not looked at again when what was decided by it is done", _terms_not_looked_at_again
    ),
    "policy-unpinned": _upstairs("an item goes by the policy of now, and not of when it began", _terms_unpinned),
    "verdict-forgotten": _upstairs("an edit in a tool that is objected to is taken all the same", _verdict_forgotten),
    "row-forgotten": _upstairs("an event is journalled, and not written into its table", _row_forgotten),
    "tables-without-the-last": _upstairs("tables lack the last of the entries they are made of", _made_of_what_was),
}

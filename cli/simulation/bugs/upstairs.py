"""Bugs to plant where people ask for acts and plugins work by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, false, select

from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing, seen_by
from tieline.core import timers, tokens
from tieline.core.access import Grant
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.core.timers import Timer
from tieline.sync.daemon import firing
from tieline.sync.office import asking, following, happenings, holding, office, projecting


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
    "row-forgotten": _upstairs("an event is journalled, and not written into its table", _row_forgotten),
    "tables-without-the-last": _upstairs("tables lack the last of the entries they are made of", _made_of_what_was),
}

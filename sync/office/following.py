"""What plugins do by themselves: about what happened, and when a time has come.

Each is decided at a desk on a snapshot and committed together with what says that it was done: the cursor of a follower
moves, the row of a timer goes. So it has its effect once, after a crash and in a fleet as well. What fails is tried
again, then waits for a person; behind an event only others about the same item wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import bindparam, delete, exists, func, insert, or_, select, update

from tieline.core import timers
from tieline.core.acts import NotDone
from tieline.core.errors import StoreUnavailable, TielineError, as_sentence
from tieline.core.events import TimerFired
from tieline.core.identity import PLUGIN
from tieline.core.model import IncidentId
from tieline.core.offer import Due, Follower, Offer, TimerKind
from tieline.core.projections import Happened
from tieline.core.redaction import redacted
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.core.strangers import guarded
from tieline.core.timers import Timer
from tieline.sync import loading
from tieline.sync.engine import Engine
from tieline.sync.limits import TRIES, doubled
from tieline.sync.office import happenings
from tieline.sync.office.desk import EngineDesk, Moved, Whose
from tieline.sync.office.holding import follow, stands
from tieline.sync.sight import WHOLE

WINDOW: Final = 2_000
"""So many entries of the journal a follower looks through at a time."""

AT_ONCE: Final = 100
"""So many timers of a plugin's fire before whatever else it does."""

LOOKS: Final = 3
"""So often it looks anew, where whatever it looks at changes under it."""

LONGEST_CHAIN: Final = 16
"""So many events of plugins in a row bring each other about; no more."""

_CURSORS: Final = select(t.follower).order_by(t.follower.c.name)
_CURSOR: Final = select(t.follower.c.seq).where(t.follower.c.name == bindparam("follower"))
_NEW: Final = insert(t.follower)
_MOVE: Final = (
    update(t.follower)
    .where(t.follower.c.name == bindparam("follower"), t.follower.c.seq < bindparam("upto"))
    .values(seq=bindparam("upto"))
)
_BEHIND: Final = insert(t.follower_backlog)
_HAS_BACKLOG: Final = select(
    exists().where(
        t.follower_backlog.c.follower == bindparam("follower"),
        t.follower_backlog.c.incident_id == bindparam("incident"),
    )
)
_FIRST: Final = (
    select(func.min(t.follower_backlog.c.seq))
    .where(t.follower_backlog.c.follower == bindparam("follower"))
    .group_by(func.coalesce(t.follower_backlog.c.incident_id, -t.follower_backlog.c.seq))
)
_READY: Final = (
    select(t.follower_backlog)
    .where(
        t.follower_backlog.c.follower == bindparam("follower"),
        t.follower_backlog.c.parked == "",
        or_(
            t.follower_backlog.c.next_at.is_(None),
            t.follower_backlog.c.next_at <= bindparam("now"),
            t.follower_backlog.c.next_at > bindparam("no_wait"),  # the clock was put back since
        ),
        t.follower_backlog.c.seq.in_(_FIRST),
    )
    .order_by(t.follower_backlog.c.seq)
    .limit(bindparam("limit"))
)
# Whoever is frozen meanwhile may find the number of its row be another one's: SQLite gives it anew.
_THIS: Final = (
    t.follower_backlog.c.follower == bindparam("whose"),
    t.follower_backlog.c.seq == bindparam("entry"),
)
_DEALT_WITH: Final = delete(t.follower_backlog).where(*_THIS)
_PUT_OFF: Final = (
    update(t.follower_backlog)
    .where(*_THIS)
    .values(attempts=bindparam("tries"), next_at=bindparam("again_at"), parked=bindparam("sentence"))
)


@dataclass(frozen=True, slots=True)
class _ByItself:
    """What a plugin decided, of its own accord."""

    desk: EngineDesk


def do_by_itself(
    engine: Engine,
    whose: Whose,
    run: Callable[[EngineDesk], object],
    claim: Callable[[Transaction], bool],
    cause: Callable[[Transaction], int],
    fires: Collection[str] = (),
) -> bool:
    """Decide, and carry it out together with `claim`, which says that it is done; False from it: somebody else did.
    `fires` is the key of the timer that it does away with."""

    def decide(seen_in: Connection | Transaction) -> _ByItself:
        desk = EngineDesk(engine, seen_in, whose, engine.clock.now(), WHOLE, timers={*fires})
        try:
            with guarded(whose.name):
                run(desk)
        finally:
            desk.end()
        return _ByItself(desk)

    for _ in range(LOOKS):
        with engine.store.read() as connection:
            decided = decide(connection)
        try:
            with engine.store.write() as tx:
                stood = stands(tx, decided, decide, claim)
                if stood is not None and stood.desk.effects:
                    with guarded(whose.name):
                        follow(tx, stood.desk, cause)
                return stood is not None
        except Moved:
            continue
    raise NotDone(f"{whose.name}: what it is about changes faster than it can be looked at")


def whose_of(offer: Offer, name: str) -> Whose:
    return Whose(name, offer.actor, offer.events, offer, offer.does)


# -- followers ---------------------------------------------------------------------------------------------------------


def keep_up(engine: Engine, offer: Offer, follower: Follower) -> int:
    """Deal with what happened since the last time, and with what waits to be tried again. Answers how many entries of
    the journal were looked through."""
    name = f"{offer.group}.{follower.name}"
    _try_again(engine, offer, follower, name)
    with engine.store.read() as connection:
        seq = connection.execute(_CURSOR, {"follower": name}).scalar()
        end = happenings.last(connection)
        if seq is not None and seq < end:
            upto = min(int(seq) + WINDOW, end)
            found = happenings.between(connection, int(seq), upto, [event.KIND for event in follower.on])
    if seq is None:
        # What happened before it was there is not its business.
        with engine.store.write() as tx:
            tx.lock_names([f"follower {name}"])
            if tx.execute(_CURSOR, {"follower": name}).first() is None:
                tx.execute(_NEW, {"name": name, "seq": happenings.last(tx)})
        return 0
    if seq >= end:
        return 0
    for happened in found:
        _react(engine, offer, follower, name, happened)
    with engine.store.write() as tx:
        tx.execute(_MOVE, {"follower": name, "upto": upto})
    return upto - int(seq)


def _react(engine: Engine, offer: Offer, follower: Follower, name: str, happened: Happened) -> None:
    def move(tx: Transaction) -> bool:
        return tx.execute(_MOVE, {"follower": name, "upto": happened.seq}).rowcount > 0

    if happened.incident is not None:
        with engine.store.read() as connection:
            waits = bool(connection.execute(_HAS_BACKLOG, {"follower": name, "incident": happened.incident}).scalar())
        if waits:
            _put_behind(engine, name, happened, move, None)
            return
    try:
        run = partial(_run, follower, happened)
        do_by_itself(engine, whose_of(offer, name), run, move, partial(_seq_of, happened))
    except StoreUnavailable:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may raise anything; it waits, and nobody else does
        _tell(name, happened.seq, 1, error)
        _put_behind(engine, name, happened, move, engine.clock.now() + doubled(1))


def _put_behind(
    engine: Engine, name: str, happened: Happened, move: Callable[[Transaction], bool], next_at: datetime | None
) -> None:
    with engine.store.write() as tx:
        if move(tx):
            row = {"follower": name, "seq": happened.seq, "incident_id": happened.incident}
            tx.execute(_BEHIND, {**row, "attempts": 0 if next_at is None else 1, "next_at": next_at, "parked": ""})


def _try_again(engine: Engine, offer: Offer, follower: Follower, name: str) -> None:
    with engine.store.read() as connection:
        now = engine.clock.now()
        asked = {"follower": name, "now": now, "no_wait": now + timers.NO_WAIT, "limit": AT_ONCE}
        rows = connection.execute(_READY, asked).all()
    for row in rows:
        with engine.store.read() as connection:
            found = happenings.between(connection, row.seq - 1, row.seq, [event.KIND for event in follower.on])
        this = {"whose": name, "entry": row.seq}
        claim = partial(_is_dealt_with, this)
        if not found:
            with engine.store.write() as tx:
                claim(tx)  # what it was about was let go of
            continue
        happened = found[0]
        run = partial(_run, follower, happened)
        try:
            do_by_itself(engine, whose_of(offer, name), run, claim, partial(_seq_of, happened))
        except StoreUnavailable:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - as above
            attempts = row.attempts + 1
            _tell(name, row.seq, attempts, error)
            sentence = why(f"what it does about entry {row.seq}", attempts, error) if attempts >= TRIES else ""
            again = None if sentence else engine.clock.now() + doubled(attempts)
            with engine.store.write() as tx:
                tx.execute(_PUT_OFF, {**this, "tries": attempts, "again_at": again, "sentence": redacted(sentence)})


def _run(follower: Follower, happened: Happened, desk: EngineDesk) -> object:
    if isinstance(happened.event, happenings.Unread):
        happened.event.refuse()
    if happened.actor.startswith(PLUGIN) and happenings.chain(desk.seen_in, happened.seq, LONGEST_CHAIN):
        raise NotDone(
            f"{desk.whose.name} reacts to what it brought about itself, or plugins do to one another, {LONGEST_CHAIN} "
            "times in a row; have the plugin pass over what plugins did"
        )
    return follower.run(desk, happened)


def _seq_of(happened: Happened, _tx: Transaction) -> int:
    return happened.seq


def _is_dealt_with(this: Mapping[str, object], tx: Transaction) -> bool:
    return tx.execute(_DEALT_WITH, this).rowcount > 0


def _tell(name: str, seq: int, attempts: int, error: BaseException) -> None:
    facts = {"follower": name, "entry": seq, "attempts": attempts}
    structlog.get_logger("tieline.followers").error("follower_failed", **facts, exc_info=error)


def why(what: str, attempts: int, error: BaseException) -> str:
    if isinstance(error, TielineError):
        return f"{what} failed {attempts} times, at last because of this: {as_sentence(error)}"
    return f"{what} failed {attempts} times, at last by what nobody expected: the log tells what"


# -- timers ------------------------------------------------------------------------------------------------------------


def fire(engine: Engine, offer: Offer, now: datetime) -> int:
    """Fire what is due of an offer's timers. Answers how many were taken up."""
    kinds = {f"{offer.group}.{one.name}": one for one in offer.timers}
    if not kinds:
        return 0
    with engine.store.read() as connection:
        due, unreadable = timers.overdue(connection, now, AT_ONCE, kinds)
    if unreadable:
        with engine.store.write() as tx:
            timers.set_aside(tx, unreadable)
    for timer in due:
        _fire(engine, offer, kinds[timer.kind], timer, now)
    return len(due)


def set_schedules(engine: Engine, offer: Offer) -> None:
    """Have every timer with a schedule set for the next of its times, unless it is set for one."""
    for one in offer.timers:
        if one.schedule is None:
            continue
        name = f"{offer.group}.{one.name}"
        with engine.store.read() as connection:
            due = timers.when(connection, name)
        if due is None or not (one.schedule.has(due) or due <= engine.clock.now()):
            with engine.store.write() as tx:
                timers.set_timer(tx, name, name, one.schedule.after(engine.clock.now()), {"incident": None})


def _fire(engine: Engine, offer: Offer, kind: TimerKind, timer: Timer, now: datetime) -> None:
    incident, set_by = timer.payload.get("incident"), timer.payload.get("cause")
    is_scheduled = kind.schedule is not None and timer.key == timer.kind

    def run(desk: EngineDesk) -> object:
        if set_by is not None and happenings.chain(desk.seen_in, set_by, LONGEST_CHAIN):
            raise NotDone(
                f"{desk.whose.name} is set for at once by what it brought about itself, or plugins do so to one "
                f"another, {LONGEST_CHAIN} times in a row; have the plugin set it for later"
            )
        item = "" if incident is None else _number(desk.seen_in, IncidentId(incident))
        if is_scheduled:
            desk.within(partial(_set_next, kind, timer, now))
        return kind.run(desk, Due(timer.due_at, timer.late, item, timer.payload.get("facts", {})))

    def cause(tx: Transaction) -> int:
        tx.cause = set_by
        fired = TimerFired(timer=timer.kind, late_ms=int(timer.late.total_seconds() * 1000))
        return engine.record(tx, fired, incident=incident, actor=offer.actor, reason=timer.kind)

    try:
        do_by_itself(engine, whose_of(offer, timer.kind), run, lambda tx: timers.take(tx, timer), cause, [timer.key])
    except StoreUnavailable:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may raise anything; it waits, and nobody else does
        attempts = timer.attempts + 1
        sentence = redacted(why("what was to happen then", attempts, error)) if attempts >= TRIES else ""
        with engine.store.write() as tx:
            if sentence and is_scheduled:
                # What failed waits for a person under a name of its own, and the next time comes all the same.
                timers.call_otherwise(tx, timer, f"{timer.key} at {timer.due_at.isoformat()}")
                _set_next(kind, timer, now, tx)
                timer = replace(timer, key=f"{timer.key} at {timer.due_at.isoformat()}")
            timers.put_off(tx, timer, None if sentence else now + doubled(attempts), sentence)
        facts = {"kind": timer.kind, "key": timer.key, "attempts": attempts, "parked": bool(sentence)}
        structlog.get_logger("tieline.timers").error("timer_failed", **facts, exc_info=error)


def _set_next(kind: TimerKind, timer: Timer, now: datetime, tx: Transaction) -> None:
    if kind.schedule is not None:
        timers.set_timer(tx, timer.kind, timer.kind, kind.schedule.after(max(now, timer.due_at)), {"incident": None})


def _number(seen_in: Connection | Transaction, incident: IncidentId) -> str:
    found = loading.load_incident(seen_in, incident)
    return "" if found is None else found.number


def lags(source: Connection | Transaction) -> dict[str, Any]:
    """How far each follower has come: the last entry that it has dealt with or put behind."""
    return {row.name: row.seq for row in source.execute(_CURSORS)}

"""Firing timers: each in the transaction that removes it, so that it fires once. One that fails delays no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import structlog

from tieline.core import timers
from tieline.core.errors import StoreUnavailable, TielineError, as_sentence
from tieline.core.model import kinds_at_work
from tieline.core.redaction import redacted
from tieline.core.store.store import Transaction
from tieline.core.timers import Timer
from tieline.sync import proposals
from tieline.sync.alerts import acts, board, damping, reraise, unheeded
from tieline.sync.alerts.judging import Judgements, with_judgements
from tieline.sync.engine import Engine
from tieline.sync.limits import TRIES, doubled
from tieline.sync.road import commit

TIMERS_AT_ONCE: Final = 100
"""How many timers fire before the daemon does what else is to be done each second."""

Handlers = Mapping[str, Callable[[Transaction, Engine, Timer, Judgements], None]]

HANDLERS: Final[Handlers] = {
    acts.RENEW: lambda tx, engine, timer, _judged: acts.renew(tx, engine, int(timer.payload["signal"])),
    damping.HOLD: lambda tx, engine, timer, judged: damping.release(tx, engine, timer.payload, judged),
    board.BOARD: lambda tx, engine, timer, _judged: commit.refresh_board(tx, engine, timer.payload),
    unheeded.RERAISE: lambda tx, engine, timer, judged: reraise.look_again(tx, engine, timer.payload, judged),
    proposals.EXPIRE: lambda tx, engine, timer, _judged: proposals.expire(tx, engine, timer),
}
"""What happens when a timer of each kind fires."""

MEANING: Final[Mapping[str, str]] = {
    acts.RENEW: "asking for the silence of an alert anew",
    damping.HOLD: "following alerts that had flapped",
    board.BOARD: "telling the tickets which alerts fire",
    unheeded.RERAISE: "looking whether the alerts of what is over still fire",
    proposals.EXPIRE: "ending what nobody approved in time",
}
"""The same in words."""


def fire_timers(engine: Engine, now: datetime, handlers: Handlers = HANDLERS) -> int:
    """Fire what is due, at most TIMERS_AT_ONCE. Answers how many were taken up, those that failed among them."""
    with kinds_at_work(engine.registry.offers.known):
        return _fire_timers(engine, now, handlers)


def _fire_timers(engine: Engine, now: datetime, handlers: Handlers) -> int:
    taken, known = 0, {*handlers, *engine.registry.offers.timers}
    with engine.store.read() as connection:
        are_due = timers.any_due(connection, now, handlers)
        are_strange = timers.any_strange(connection, now, known)
    if are_strange:
        with engine.store.write() as tx:
            strange = timers.say_strange(tx, now, known)
        structlog.get_logger("tieline.timers").error("timers_unknown", timers=strange, fix=timers.NOBODY_KNOWS)
    while are_due and taken < TIMERS_AT_ONCE:
        are_due = _fire_next(engine, now, handlers)
        taken += are_due
    return taken


def _fire_next(engine: Engine, now: datetime, handlers: Handlers) -> bool:
    timer = None

    def fire(judged: Judgements) -> None:
        nonlocal timer
        with engine.store.write() as tx:
            timer = next(iter(timers.due(tx, now, 1, handlers)), None)
            if timer is not None:
                handlers[timer.kind](tx, engine, timer, judged)

    try:
        with_judgements(engine, fire)
    except StoreUnavailable:
        raise
    except Exception as error:
        if timer is None:
            raise
        _put_off(engine, timer, now, error)
    return timer is not None


def _because(error: Exception) -> str:
    if isinstance(error, TielineError):
        return f"because of this: {as_sentence(error)}"
    return "by a mistake in Tieline or in a plugin; the line `timer_failed` of the log tells which."


def _put_off(engine: Engine, timer: Timer, now: datetime, error: Exception) -> None:
    attempts = timer.attempts + 1
    what = f"{MEANING.get(timer.kind, 'what was to happen then')} failed {attempts} times, at last {_because(error)}"
    sentence = redacted(what) if attempts >= TRIES else ""
    with engine.store.write() as tx:
        timers.put_off(tx, timer, None if sentence else now + doubled(attempts), sentence)
    facts = {"kind": timer.kind, "key": timer.key, "attempts": attempts, "parked": bool(sentence)}
    structlog.get_logger("tieline.timers").error("timer_failed", **facts, exc_info=error)

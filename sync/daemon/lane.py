"""A lane: everything that happens with one connection, one step after the other, by one thread at a time.

One lane per connection keeps the order of writes to one tool, lets a slow tool slow down nobody else, and gives every
SDK the single thread that it was written for. A step does one bounded thing and never raises what a tool did wrong:
the error's class decides what becomes of the record and of the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache, partial
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import bindparam, insert, or_, select, text, update

from tieline.core.errors import (
    NeedsOperator,
    RemoteError,
    StaleVersion,
    StoreUnavailable,
    TryAgain,
    Unforeseen,
    as_sentence,
)
from tieline.core.events import ConnectionStopped, ConnectionWaiting, ConnectionWorking, Parked
from tieline.core.model import kinds_at_work
from tieline.core.port import Power, Ref
from tieline.core.store import tables as t
from tieline.sync import limits, loading, outcomes
from tieline.sync.accounts.account import Together
from tieline.sync.alerts import acts
from tieline.sync.comments import comments, writing
from tieline.sync.daemon import putback
from tieline.sync.engine import Connected, Engine
from tieline.sync.fit import fitting
from tieline.sync.fit.preflight import preflight
from tieline.sync.intake import inbox
from tieline.sync.limits import is_due, wait_after
from tieline.sync.outcomes import Conduct, Counts, Verb
from tieline.sync.polling import poll
from tieline.sync.road import copy_states, creation, deliver, road

BATCH: Final = 200
"""Rows looked at in one step."""

RECHECK: Final = timedelta(minutes=5)
"""How often a stopped connection is tried again: renewed credentials heal it without a restart."""

SAME: Final = timedelta(seconds=1)
"""By which two moments of the next try may differ, and nobody is told of another one."""

PUZZLED: Final = 3
"""Odd answers in a row after which a connection stops, or failures of records after which its check is asked."""

TRIES: Final[Mapping[Counts, int]] = {
    Counts.FREE: 0,
    Counts.ONCE: 1,
    Counts.REFUSED: limits.REFUSED,
    Counts.ALL: limits.GIVE_UP,
}

ABOUT_THE_TOOL: Final = frozenset((Verb.CHECK, Verb.CHANGES, Verb.DESCRIBE))
"""What is asked of a tool whatever there is to do."""


Item = TypeVar("Item")


class LaneState(StrEnum):
    """How a connection is doing."""

    STARTING = "starting"  # nothing has been read of it yet
    WORKING = "working"
    WAITING = "waiting"  # the tool asked for a pause, or does not answer
    STOPPED = "stopped"  # a person must act


_ENTERED: Final = {
    LaneState.WORKING: ConnectionWorking,
    LaneState.WAITING: ConnectionWaiting,
    LaneState.STOPPED: ConnectionStopped,
}
"""Every connection is starting before anything is known of it: that is no event."""


class Lane:
    """One connection at work. `step` is driven by a thread in the daemon, and by hand in a simulation."""

    def __init__(self, engine: Engine, here: Connected, batch: int = BATCH) -> None:
        self.engine = engine
        self._batch = batch
        self.here = here
        self._proved = here.polled
        """Whether its tool was read since the last trouble: until then nobody says that it works."""
        self.state = LaneState.WORKING if self._proved else LaneState.STARTING
        self.reason = ""
        self.next_at: datetime | None = None
        self.poll_at: datetime | None = None
        self.polled_at: datetime | None = None
        self.silent_since: datetime | None = None
        self.took = 0
        """Readings of a source that the last step took in, where none waits behind them."""
        self._failures = 0
        self._listing_rests = 0.0
        self._flown = False
        self._told = False
        self._turn = 0
        self._together = False
        """Whether it waits because its account is not answered, and not for a reason of its own."""
        self._watch = putback.Watch(engine.clock)
        self.stopping: Callable[[], bool] = lambda: False
        """Asked between records: a lane that is to stop does not begin another one."""
        self._log: Any = structlog.get_logger("tieline.lane").bind(connection=here.name)

    def memory(self) -> dict[str, Any]:
        """What the next turn has to know, when it is another worker's: plain JSON."""
        return {
            "state": self.state.value,
            "reason": self.reason,
            "next_at": _written(self.next_at),
            "poll_at": _written(self.poll_at),
            "polled_at": _written(self.polled_at),
            "silent_since": _written(self.silent_since),
            "failures": self._failures,
            "told": self._told,
            "proved": self._proved,
            "together": self._together,
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Go on where the last turn ended. An empty memory is a beginning."""
        self.state = LaneState(memory.get("state", LaneState.STARTING.value))
        self.reason = memory.get("reason", "")
        self.next_at = _moment(memory.get("next_at"))
        self.poll_at = _moment(memory.get("poll_at"))
        self.polled_at = _moment(memory.get("polled_at"))
        self.silent_since = _moment(memory.get("silent_since"))
        self._failures = int(memory.get("failures", 0))
        self._told = bool(memory.get("told", False))
        self._proved = bool(memory.get("proved", False))
        self._together = bool(memory.get("together", False))
        # What happened to the clock meanwhile was for the other worker to notice.
        self._watch = putback.Watch(self.engine.clock)

    def step(self) -> bool:
        """Do the next thing. True when there was something to do, so that another step is worth while."""
        with kinds_at_work(self.engine.registry.offers.known):
            return self._step()

    def _step(self) -> bool:
        now = self.engine.clock.now()
        self.took = 0
        self._move_waits(now)
        rests = not self._may_work(now)
        if rests and not self.here.signals:
            return False
        try:
            if rests:
                return self._take_deliveries(now)
            if self.state is LaneState.STOPPED:
                self.here.call(Verb.CHECK, self.here.source.check)
                self._proved = True
            worked = self._work(now)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one tool's odd answer must not stop the other connections
            self._break_off(error)
            return False
        if self._proved and (self.state is not LaneState.WORKING or not self._told):
            self._resume()
        return worked

    def _may_work(self, now: datetime) -> bool:
        """Whether this moment is one to ask the tool, by what this connection knows and by what its account does."""
        rests = not self._together and not is_due(self.next_at, now)
        account = self.here.account
        if account is None or (rests and not account.holds()):
            return not rests
        try:
            looks = account.ask()
        except Together as told:
            self._wait_together(told)
            return False
        self._together, self.next_at = False, None
        if looks:
            self.poll_at = None
        return True

    def _move_waits(self, now: datetime) -> None:
        back = self._watch.put_back()
        if not back:
            return
        self._log.warning("clock_put_back", seconds=round(back.total_seconds()))
        with self.engine.store.write() as tx:
            putback.move(tx, self.here.name, now, back)
        if self.poll_at is not None:
            self.poll_at -= back
        if self.next_at is not None:
            self._say_when(self.next_at - back)

    def _work(self, now: datetime) -> bool:
        """The kinds of work take turns, so that none of them can keep the others waiting for ever."""
        if not self._flown:
            unproved = preflight(self.here, self.engine.clock.monotonic())
            if unproved:
                self._log.warning("schema_unknown", reason=unproved)
            self._look_again_at_held_fields(now)
            self._put_wanted_in_doubt(now)
            self._flown = True
        fitting.keep(self.engine, self.here)
        kinds = (self._poll_if_due, self._inbox, self._deliveries, self._comments, self._acts)
        first = self._turn
        for turn in range(first, first + len(kinds)):
            # Whoever fails goes to the end of the row: a listing that cannot be had keeps nothing else waiting.
            self._turn = (turn + 1) % len(kinds)
            if kinds[turn % len(kinds)](now):
                return True
        return False

    def _take_deliveries(self, now: datetime) -> bool:
        """What webhooks of monitoring brought needs nothing of their source: nobody waits for a ticket because it does
        not answer."""
        with self.engine.store.read() as connection:
            items = inbox.brought(connection, self.here.name, now, self._batch)
        self._signals(items)
        return bool(items)

    def _look_again_at_held_fields(self, now: datetime) -> None:
        """The mapping may have learnt the word that a field was held for: read those records once more."""
        with self.engine.store.read() as connection:
            held = list(connection.execute(_HELD, {"connection": self.here.name}).scalars())
        if held:
            with self.engine.store.write() as tx:
                refs = [(Ref(ref), None) for ref in held if ref is not None]
                inbox.put(tx, self.here.name, refs, asked=0, now=now)

    def _put_wanted_in_doubt(self, now: datetime) -> None:
        """What was wanted when we began may be there already, where a backup was put in the store's place."""
        if not self.here.in_doubt:
            return
        with self.engine.store.read() as connection:
            copies_wait = self.here.can(Power.FIND) and loading.any_wanted(connection, self.here.name)
            comments_wait = comments.any_wanted(connection, self.here.name)
        if copies_wait or comments_wait:
            with self.engine.store.write() as tx:
                if copies_wait:
                    loading.put_wanted_in_doubt(tx, self.here.name, now)
                comments.put_wanted_in_doubt(tx, self.here.name)

    # -- the kinds of work -----------------------------------------------------------------------------------------

    def _poll_if_due(self, now: datetime) -> bool:
        if self.here.only_listens:
            if not self._proved:
                # Nothing is asked there: that a webhook could be proved is all that can be known of it.
                self.here.call(Verb.CHECK, self.here.source.check)
            self.here.polled = self._proved = True
            return False
        if not self._poll_is_due(now):
            return False
        if self.engine.clock.monotonic() < self._listing_rests:
            self.poll_at = now + self.here.config.poll_every
            return False
        self._poll(now)
        return True

    def _poll_is_due(self, now: datetime) -> bool:
        far = self.poll_at is not None and self.poll_at - now > 2 * self.here.config.poll_every
        return self.poll_at is None or self.poll_at <= now or far

    def _poll(self, now: datetime) -> None:
        self.poll_at = now + self.here.config.poll_every
        try:
            result = poll.poll(self.engine, self.here, self.silent_since)
        except TryAgain as error:
            if outcomes.bearing(error).conduct is not Conduct.GOES_ON:
                raise
            # Listings are asked for too often, and whatever else there is to do is not.
            wait = wait_after(1, self.engine.random, error)
            self._log.warning("listing_waits", reason=str(error), seconds=round(wait.total_seconds(), 1))
            self._listing_rests = self.engine.clock.monotonic() + wait.total_seconds()
            return
        # Counted from its end: a tool that answers slowly is not asked without a pause.
        self.polled_at = self.engine.clock.now()
        self.here.polled = self._proved = True
        self.poll_at = self.polled_at + self.here.config.poll_every
        self._failures = 0
        if result.silent_since is not None and self.silent_since is None:
            self._log.warning("webhooks_silent", since=result.silent_since.isoformat(), found_by_poll=result.fresh)
        self.silent_since = result.silent_since

    def poll_soon(self) -> None:
        """Poll at the next step: a webhook said that it left something out."""
        self.poll_at = None

    def _inbox(self, now: datetime) -> bool:
        with self.engine.store.read() as connection:
            if self.here.signals:
                items = inbox.one_by_one(connection, self.here.name, now, self._batch)
            else:
                items = inbox.waiting(connection, self.here.name, now, self._batch)
        if not items:
            self._catch_up()
            return False
        if self.here.signals:
            # Readings are taken in at once; a hint has to ask the source first, and one that cannot be answered now
            # must not hold up the alerts behind it.
            readings = [item for item in items if item.reading is not None]
            self._signals(readings)
            self.took = len(readings) if len(items) < self._batch else 0
            if self.here.only_listens:
                self._forget_hints([item for item in items if item.reading is None])
                return True
            self._hints([item for item in items if item.reading is None], max(item.rows[-1][0] for item in items))
        else:
            self._each(items, self._travel, self._inbox_failed)
        return True

    def _catch_up(self) -> None:
        """Everything has been taken in, once nothing of it waits to be tried again either."""
        if self.here.polled and self.here.in_doubt:
            with self.engine.store.read() as connection:
                self.here.in_doubt = inbox.any_waits(connection, self.here.name)

    def _forget_hints(self, items: list[inbox.Waiting]) -> None:
        """There is nobody to ask any more: they are left from a time when there was."""
        with self.engine.store.write() as tx:
            inbox.all_done(tx, items)

    def _hints(self, items: list[inbox.Waiting], newest: int) -> None:
        """Ask the source about each, at least one a step. An alert that comes in meanwhile goes first: a tool may take
        its time with every answer, and who waits for a ticket waits for all of them. `newest` is the last row seen."""
        for item in items:
            self._each([item], self._travel, self._inbox_failed)
            with self.engine.store.read() as connection:
                if self.stopping() or inbox.has_reading_after(connection, self.here.name, newest):
                    return

    def _each(
        self,
        items: Sequence[Item],
        work: Callable[[Item], None],
        failed: Callable[[Item], Callable[[int, datetime | None, str], None]],
    ) -> None:
        for item in items:
            if self.stopping():
                return
            self._guard(partial(work, item), failed(item))

    def _travel(self, item: inbox.Waiting) -> None:
        if self.here.signals:
            road.travel_signals(self.engine, self.here, [item])
        else:
            road.travel(self.engine, self.here, item)

    def _signals(self, items: list[inbox.Waiting]) -> None:
        """A batch at once; when the batch fails, one by one, so that one bad alert holds up none of the others."""
        if not items:
            return
        try:
            road.travel_signals(self.engine, self.here, items)
        except StoreUnavailable:
            raise
        except Exception as error:
            # Whatever is wrong with one of them alone is found out below, one by one.
            if isinstance(error, RemoteError) and outcomes.bearing(error).conduct in (Conduct.TIRES, Conduct.WAITS):
                raise
            self._each(items, self._travel, self._inbox_failed)

    def _deliveries(self, now: datetime) -> bool:
        if self.here.signals:
            return False  # it has alerts, and no copies of incidents
        far = now + timedelta(hours=2)
        with self.engine.store.read() as connection:
            due = list(
                connection.execute(
                    _DUE, {"connection": self.here.name, "now": now, "far": far, "limit": self._batch}
                ).scalars()
            )
        # Asked for the first create of a batch: it looks through everything that waits.
        look_first = cache(partial(creation.shows_strangers, self.engine, self.here))
        self._each(due, partial(deliver.deliver, self.engine, self.here, look_first), self._delivery_failed)
        return bool(due)

    def _comments(self, now: datetime) -> bool:
        if self.here.signals or not self.here.can(Power.COMMENT):
            return False
        with self.engine.store.read() as connection:
            items = comments.outgoing(connection, self.here.name, now, now + timedelta(hours=2), self._batch)
        self._each(items, partial(writing.deliver, self.engine, self.here), self._comment_failed)
        return bool(items)

    def _acts(self, now: datetime) -> bool:
        if not self.here.can(Power.ACKNOWLEDGE):
            return False
        with self.engine.store.read() as connection:
            items = acts.pending(connection, self.here.name, now, now + timedelta(hours=2), self._batch)
        self._each(items, partial(acts.carry_out, self.engine, self.here), self._act_failed)
        return bool(items)

    # -- what becomes of a record that failed ----------------------------------------------------------------------

    def _guard(self, work: Callable[[], None], failed: Callable[[int, datetime | None, str], None]) -> None:
        """Do one record's work. `failed(extra attempts, next try, sentence)` puts the record back or aside.

        What concerns the whole connection is raised: a pause the tool asked for, or nothing answering any more.
        """
        try:
            work()
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one record's fault, whatever it is, must not stop the others
            self._weigh(error, failed)
        else:
            self._failures = 0

    def _weigh(self, error: Exception, failed: Callable[[int, datetime | None, str], None]) -> None:
        """Put one record back, or aside, as the table says of its error; raises what concerns the connection."""
        bearing = outcomes.bearing(error)
        tries = TRIES[bearing.counts]
        match bearing.conduct:
            case Conduct.TIRES | Conduct.WAITS:
                self._failures += 1
                # A tool that nobody reaches says nothing about the record that it was asked for: that is due as soon as
                # the connection works again.
                everybody = bearing.conduct is Conduct.WAITS
                if not everybody and self._failures % PUZZLED == 0:
                    self._prove(failed, None)
                failed(0 if everybody else tries, None if everybody else self._later(self._failures, error), "")
                if everybody or (isinstance(error, TryAgain) and error.wait is not None):
                    raise error
            case Conduct.PROVES:
                self._prove(failed, self._later(2))
                failed(tries, self._later(2), self._sentence(error))
            case Conduct.STOPS | Conduct.PUZZLED:
                # A check or a listing failed in the midst of this record's work: that is about the tool.
                failed(tries, self._later(2), "")
                raise error
            case _ if isinstance(error, (TryAgain, StaleVersion)):
                failed(tries, self._later(1, error), "")
            case _:
                failed(tries, self._later(2), self._sentence(error))

    def _prove(self, failed: Callable[[int, datetime | None, str], None], later: datetime | None) -> None:
        """The connection's trouble, or a record's alone? Raises what the check raises, and then the record is free, and
        due `later`."""
        try:
            self.here.call(Verb.CHECK, self.here.source.check)
        except RemoteError:
            failed(0, later, "")
            raise

    def _later(self, failures: int, error: Exception | None = None) -> datetime:
        told = error if isinstance(error, TryAgain) else None
        return self.engine.clock.now() + wait_after(failures, self.engine.random, told)

    def _sentence(self, error: Exception) -> str:
        """What is said of a record that is put aside for this."""
        if isinstance(error, NeedsOperator):
            return str(error)
        self._tell_failure("record_failed", error)
        return outcomes.in_words(error, "record_failed")

    def _tell_failure(self, event: str, error: Exception) -> None:
        trace = isinstance(error, Unforeseen) or not isinstance(error, RemoteError)
        words = str(error) if isinstance(error, Unforeseen) else f"{type(error).__name__}: {error}"
        self._log.error(event, error=words, exc_info=error if trace else None)

    def _inbox_failed(self, item: inbox.Waiting) -> Callable[[int, datetime | None, str], None]:
        def put_back(extra: int, next_at: datetime | None, sentence: str) -> None:
            attempts = item.attempts + extra
            aside = _aside(attempts, sentence)
            with self.engine.store.write() as tx:
                inbox.later(tx, item, attempts, next_at, aside)
                if aside:
                    self.engine.record(
                        tx, Parked(ref=item.ref, sentence=aside), connection=self.here.name, reason="parked"
                    )

        return put_back

    def _delivery_failed(self, replica_id: int) -> Callable[[int, datetime | None, str], None]:
        def put_back(extra: int, next_at: datetime | None, sentence: str) -> None:
            with self.engine.store.write() as tx:
                replica = loading.lock_replica(tx, replica_id)
                if replica is None:
                    return
                attempts = replica.attempts + extra
                loading.save_replica(tx, replace(replica, attempts=attempts, next_at=next_at))
            aside = _aside(attempts, sentence)
            if aside:
                copy_states.park(self.engine, replica_id, aside)

        return put_back

    def _comment_failed(self, item: comments.Outgoing) -> Callable[[int, datetime | None, str], None]:
        def put_back(extra: int, next_at: datetime | None, sentence: str) -> None:
            attempts = item.attempts + extra
            aside = _aside(attempts, sentence)
            if aside:
                writing.park(self.engine, self.here, item, aside)
                return
            with self.engine.store.write() as tx:
                comments.retry(tx, item, attempts, next_at)

        return put_back

    def _act_failed(self, item: acts.Pending) -> Callable[[int, datetime | None, str], None]:
        def put_back(extra: int, next_at: datetime | None, sentence: str) -> None:
            attempts = item.attempts + extra
            aside = _aside(attempts, sentence)
            with self.engine.store.write() as tx:
                loading.lock_incident(tx, item.incident)
                if acts.retry(tx, item, attempts, next_at, aside) and aside:
                    self.engine.record(
                        tx,
                        Parked(signal=item.ref, sentence=aside),
                        incident=item.incident,
                        connection=self.here.name,
                        reason="parked",
                    )

        return put_back

    # -- what becomes of the connection ----------------------------------------------------------------------------

    def _break_off(self, error: Exception) -> None:
        """What concerns the connection has come out of its work."""
        if isinstance(error, Together):
            self._wait_together(error)
            return
        if isinstance(error, TryAgain):
            self._pause(error)
            return
        if isinstance(error, NeedsOperator):
            self._stop(error)
            return
        self._tell_failure("connection_failed", error)
        met = as_sentence(outcomes.in_words(error, "connection_failed"))
        words = f"{met} Check `url` and the tool's version; it is tried again by itself."
        if outcomes.bearing(error).conduct is Conduct.PUZZLED and self._failures < PUZZLED:
            self._pause(RemoteError(self.here.name, words))
        else:
            self._stop(NeedsOperator(self.here.name, words))

    def _pause(self, error: RemoteError) -> None:
        self._failures = max(self._failures, 1)
        wait = wait_after(self._failures, self.engine.random, error if isinstance(error, TryAgain) else None)
        if error.verb in ABOUT_THE_TOOL and not _asked_for(error):
            # They show that a tool is back, and it is asked for them as often as where there is no trouble.
            wait = min(wait, self.here.config.poll_every)
        if self.state is not LaneState.WAITING:
            self._log.warning("connection_waiting", reason=str(error), seconds=round(wait.total_seconds(), 1))
        self._failures += 1
        self._doubt()
        self._wait(LaneState.WAITING, error, wait)

    def _stop(self, error: NeedsOperator) -> None:
        if self.state is not LaneState.STOPPED:
            self._log.error("connection_stopped", reason=str(error))
        self._doubt()
        self._turn = 0
        self._wait(LaneState.STOPPED, error, RECHECK)

    def _wait(self, state: LaneState, error: RemoteError, wait: timedelta) -> None:
        """Rest alone, or with all connections of the account where the trouble is everybody's."""
        account = self.here.account
        told = None if account is None else account.met(error, state.value, wait)
        if told is not None:
            self._wait_together(told)
            return
        self._together = False
        self._enter(state, str(error), self.engine.clock.now() + wait)

    def _wait_together(self, told: Together) -> None:
        self._doubt()
        self._together = True
        state, sentence = LaneState(told.state), told.sentence[:2000]
        until = self.engine.clock.now() + (told.wait or timedelta(0))
        is_old = (state, sentence) == (self.state, self.reason)
        if not (is_old and self.next_at is not None and abs(self.next_at - until) < SAME):
            self._enter(state, sentence, until)

    def _doubt(self) -> None:
        """It works again once it was read: the next try is a poll, however long the next one would be away."""
        self._proved, self.poll_at = False, None

    def _resume(self) -> None:
        if self.state is not LaneState.WORKING:
            self._log.info("connection_working", was=self.state.value)
        self._failures = 0
        self._enter(LaneState.WORKING, "", None)

    def _enter(self, state: LaneState, reason: str, next_at: datetime | None) -> None:
        changed = (state, reason) != (self.state, self.reason) or not self._told
        if not changed:
            self._say_when(next_at)
            return
        self.next_at = next_at
        now = self.engine.clock.now()
        with self.engine.store.write() as tx:
            row = {
                "state": state.value,
                "reason": reason[:2000],
                "attempts": self._failures,
                "next_at": next_at,
                "since": now,
            }
            if tx.execute(_ROW, {"row_name": self.here.name, **row}).rowcount == 0:
                tx.execute(insert(t.connection), {"name": self.here.name, "uid": tx.new_uid(now), **row})
            self.engine.record(tx, _ENTERED[state](sentence=reason[:2000]), connection=self.here.name)
        self.state, self.reason, self._told = state, reason, True

    def _say_when(self, next_at: datetime | None) -> None:
        """The same trouble as before: only the moment of the next try has moved."""
        self.next_at = next_at
        with self.engine.store.write() as tx:
            tx.execute(_ROW, {"row_name": self.here.name, "next_at": next_at, "attempts": self._failures})


_ROW = update(t.connection).where(t.connection.c.name == bindparam("row_name"))
_HELD = select(t.replica.c.ref).where(t.replica.c.connection == bindparam("connection"), loading.WAITS_FOR_A_PERSON)
_DUE = (
    select(t.replica.c.id)
    .where(
        t.replica.c.connection == bindparam("connection"),
        text("dirty"),
        or_(
            t.replica.c.next_at.is_(None),
            t.replica.c.next_at <= bindparam("now"),
            t.replica.c.next_at > bindparam("far"),
        ),
    )
    .order_by(t.replica.c.id)
    .limit(bindparam("limit"))
)


def _asked_for(error: RemoteError) -> bool:
    """True where the tool named the wait, or wants to be left alone."""
    return isinstance(error, TryAgain) and (error.wait is not None or error.limit is not None)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def _aside(attempts: int, sentence: str) -> str:
    """The sentence to park a record with, once it has failed often enough; "" while it may be tried again."""
    if attempts < limits.GIVE_UP:
        return ""
    return sentence or f"the tool failed {attempts} times on this record while it worked for others"

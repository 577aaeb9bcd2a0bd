"""Bugs to plant where news come in: cursors, webhooks, the inbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from tieline.adapters.memory.adapter import MemoryAdapter
from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing, seen_by
from tieline.core.errors import StoreUnavailable
from tieline.core.model import instant, parse_instant
from tieline.core.port import Cursor
from tieline.sync.daemon.lane import Lane
from tieline.sync.intake import inbox
from tieline.sync.intake.intake import Intake
from tieline.sync.polling import poll
from tieline.sync.road import deliver, road


def _strict_cursor() -> Sequence[Patch]:
    start = MemoryAdapter._start

    def after(self: Any, since: Any) -> str:
        found = start(self, since)
        return found if since is None else instant(parse_instant(found) + timedelta(microseconds=1))

    return [(MemoryAdapter, "_start", after)]


def _cursor_of_our_clock() -> Sequence[Patch]:
    put_page = inbox.put_page

    def ours(tx: Any, name: Any, page: Any, fresh: Any, asked: int, now: Any) -> None:
        if not page.cursor.startswith("e1:"):
            page = replace(page, cursor=Cursor(instant(now)))
        put_page(tx, name, page, fresh, asked, now)

    return [seen_by(poll, "inbox", put_page=ours)]


def _cursor_before_rows() -> Sequence[Patch]:
    def hasty(engine: Any, here: Any) -> poll.Pass:
        with engine.store.read() as connection:
            (since, _before), asked = poll.last_pass(connection, here.name), inbox.head(connection)
        for page in here.source.changes(since):
            with engine.store.write() as tx:
                inbox.put_page(tx, here.name, page, (), asked, engine.clock.now())
            with engine.store.write() as tx:
                news = [(one.ref, one) for one in page.readings]
                inbox.put(tx, here.name, news, asked=asked, now=engine.clock.now())
        return poll.Pass(0, 0, None)

    return [(poll, "poll", hasty)]


def _ack_before_store() -> Sequence[Patch]:
    store = Intake.store

    def polite(self: Any, batch: Any) -> list[bool]:
        try:
            return store(self, batch)
        except StoreUnavailable:
            return [True for _item in batch]

    return [(Intake, "store", polite)]


def _done_before_work() -> Sequence[Patch]:
    travel = road.travel

    def hasty(engine: Any, here: Any, item: Any) -> None:
        road._drop(engine, item)
        travel(engine, here, item)

    return [(road, "travel", hasty)]


def _failed_is_forgotten() -> Sequence[Patch]:
    def forget(tx: Any, item: Any, *_args: Any) -> None:
        inbox.done(tx, item)

    return [(inbox, "later", forget)]


def _late_reading_believed() -> Sequence[Patch]:
    def trusting(engine: Any, here: Any, item: Any, known: Any) -> Any:  # noqa: ARG001 - the signature of what it replaces
        if item.reading is None:
            return road.read(engine, here, item.ref)
        return road.sight(engine, here, road.with_comments(here, item.reading), asked=item.asked)

    return [(road, "_look", trusting)]


def _echo_by_author() -> Sequence[Patch]:
    def ours(item: Any, known: Any) -> bool:  # noqa: ARG001 - the signature of what it replaces
        return known is not None and bool(known.trail)

    return [(road, "_tells_nothing", ours)]


def _doubt_forgotten() -> Sequence[Patch]:
    def same(item: Any, known: Any) -> bool:
        return item.reading is not None and known is not None and known.version == item.reading.version

    clean = deliver.look_again

    def voided(engine: Any, here: Any, replica: Any) -> None:
        deliver._void(engine, replica.id)
        with engine.store.read() as connection:
            known = deliver.loading.load_replica(connection, replica.id)
        clean(engine, here, known or replica)

    return [(road, "_tells_nothing", same), (deliver, "look_again", voided)]


def _clock_trusted() -> Sequence[Patch]:
    def due(self: Any, now: Any) -> bool:
        return self.poll_at is None or bool(self.poll_at <= now)

    return [(Lane, "_poll_is_due", due)]


def _forged_taken() -> Sequence[Patch]:
    return [(MemoryAdapter, "verify", nothing)]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "strict-cursor": Mutant("a cursor excludes its own moment", _strict_cursor),
    "cursor-of-our-clock": Mutant("a cursor is taken from our own clock", _cursor_of_our_clock),
    "cursor-before-rows": Mutant("a cursor is stored before what it covers", _cursor_before_rows),
    "ack-before-store": Mutant("a webhook is answered 200 though it was not stored", _ack_before_store),
    "done-before-work": Mutant("a row leaves the inbox before its work is done", _done_before_work),
    "failed-is-forgotten": Mutant("a record that could not be read now is dropped", _failed_is_forgotten),
    "late-reading-believed": Mutant("a reading from before our write is believed", _late_reading_believed),
    "echo-by-author": Mutant("whatever a copy shows after our writes is taken for our echo", _echo_by_author),
    "doubt-forgotten": Mutant("a write in doubt is forgotten before anybody looked", _doubt_forgotten),
    "clock-trusted": Mutant("a poll waits for a moment that our clock was set back from", _clock_trusted),
    "forged-taken": Mutant("a webhook's signature is not checked", _forged_taken),
}

"""Poll: read on from the cursor, page by page; each page and its cursor are one transaction.

The poll is the truth and webhooks are hints: a webhook that never comes costs a poll interval, and a connection whose
webhooks have gone silent is named.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, func, select, text, update

from tieline.core.episodes import Firing, dropping, keeping
from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Page, Power, Reading, Ref
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync.alerts import absence
from tieline.sync.comments import comments
from tieline.sync.engine import Connected, Engine
from tieline.sync.intake import inbox
from tieline.sync.polling import unreadable
from tieline.sync.records import ReplicaState

_CURSOR = select(t.cursor.c.cursor, t.cursor.c.polled_at).where(t.cursor.c.connection == bindparam("name"))
_FIRING = select(t.signal.c.episode).where(
    t.signal.c.connection == bindparam("name"),
    text("firing"),
    t.signal.c.seen_at >= bindparam("before"),
)
_KNOWN_SIGNALS = select(t.signal.c.episode, t.signal.c.version).where(
    t.signal.c.connection == bindparam("name"), t.signal.c.episode.in_(bindparam("refs", expanding=True))
)
# What a write in doubt left is looked at again, whatever its version; and what was gone and is listed, is back.
_KNOWN_RECORDS = select(t.replica.c.ref, t.replica.c.version).where(
    t.replica.c.connection == bindparam("name"),
    t.replica.c.ref.in_(bindparam("refs", expanding=True)),
    t.replica.c.ledger == {},
    t.replica.c.state != ReplicaState.GONE.value,
)
_MOVE = update(t.cursor).where(t.cursor.c.connection == bindparam("row_name"))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DELIVERY = select(func.max(t.delivery.c.received_at)).where(t.delivery.c.connection == bindparam("name"))


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass brought: readings seen, of which told something new, and whether webhooks should have."""

    seen: int
    fresh: int
    silent_since: datetime | None


@dataclass(slots=True)
class _Listing:
    """One pass of a source of signals, as its pages come in."""

    since: Cursor | None
    before: datetime | None
    began: datetime
    listed: set[Ref] = field(default_factory=set)
    absent: dict[Ref, Reading] = field(default_factory=dict)
    _remembered: frozenset[Ref] | None = None

    def take(self, page: Page) -> None:
        """Note what a page says."""
        for reading in page.readings:
            if reading.ref in page.absent:
                self.absent[reading.ref] = reading
            else:
                self.listed.add(reading.ref)
        # What cannot be understood is there all the same.
        self.listed.update(odd.ref for odd in page.unreadable if odd.ref is not None)

    def lacks(self, ref: Ref) -> bool:
        """True for an episode that it should have listed as new: one that its cursor does not hold."""
        if self._remembered is None:
            self._remembered = frozenset(episode.ref for episode in Firing.unpack(self.since).stamps)
        return ref not in self.listed and ref not in self._remembered


def poll(engine: Engine, here: Connected, silent_since: datetime | None = None) -> Pass:
    """Read on until the tool has nothing more to tell. `silent_since` is what the poll before said of webhooks.

    Raises TryAgain and NeedsOperator; what was read is kept.
    """
    with engine.store.read() as connection:
        since, before = last_pass(connection, here.name)
        asked = inbox.head(connection)
    began = engine.clock.now()
    listing = _Listing(since, before, began)
    seen = fresh = 0
    for page in here.pages(since):
        with engine.store.write() as tx:
            told = _judged(tx, engine, here, listing, page) if here.signals else page
            news = _news(tx, here, told)
            # The time of a pass counts once all of it is stored, as with `_judged` above.
            inbox.put_page(tx, here.name, told, news, asked, before or began if page.more else began)
            unreadable.take_in(tx, engine, here, page)
        seen += len(page.readings)
        fresh += sum(reading is not None for _ref, reading in news)
        with engine.store.read() as connection:
            asked = inbox.head(connection)
    return Pass(seen, fresh, _silent_since(engine, here, fresh, silent_since))


def last_pass(connection: Connection | Transaction, name: ConnectionName) -> tuple[Cursor | None, datetime | None]:
    """How far this connection has been read, and when its last pass began; nothing before its first page."""
    row = connection.execute(_CURSOR, {"name": name}).first()
    return (Cursor(row.cursor), row.polled_at) if row is not None else (None, None)


def forget(tx: Transaction, here: Connected, refs: Collection[Ref]) -> None:
    """Let the cursor no longer hold episodes that their source, asked for them, did not know. It may have been wrong,
    and what a cursor holds is not told again while it stays as it was."""
    if not refs:
        return
    cursor, _polled_at = last_pass(tx, here.name)
    left = dropping(cursor, refs) if cursor is not None else cursor
    if left != cursor:
        tx.execute(_MOVE, {"row_name": here.name, "cursor": left})


def _judged(tx: Transaction, engine: Engine, here: Connected, listing: _Listing, page: Page) -> Page:
    """The page as it is to be taken in. Ends by absence wait for the last one: only all of them together can be judged,
    and until then the cursor keeps their episodes."""
    listing.take(page)
    told = [reading for reading in page.readings if reading.ref not in page.absent]
    doubted: Collection[Ref] = listing.absent
    if not page.more:
        doubted = _believe(tx, engine, here, listing)
        told += [reading for ref, reading in listing.absent.items() if ref not in doubted]
    return replace(page, readings=told, cursor=keeping(page.cursor, listing.since, doubted))


def _believe(tx: Transaction, engine: Engine, here: Connected, listing: _Listing) -> frozenset[Ref]:
    """Judge what a whole pass lacks. Answers the episodes whose ends are doubted, and asks for the others again that
    no listing tells of."""
    doubt = absence.load(tx, here.name)
    known = _untold(tx, here, listing) | (doubt.episodes if doubt is not None else absence.NONE)
    lacking = listing.absent.keys() | {ref for ref in known if listing.lacks(ref)}
    if not lacking and doubt is None:
        return absence.NONE
    firing = absence.firing(tx, here.name)
    lacking &= firing
    verdict = absence.judge(
        lacking, firing, doubt, many=engine.config.signals.doubt_from, listed_any=bool(listing.listed)
    )
    absence.settle(tx, engine, here, doubt, verdict, lacking)
    _ask_again(tx, here, {ref for ref in lacking if listing.lacks(ref)} - verdict.doubted, listing.began)
    return verdict.doubted


def _untold(tx: Transaction, here: Connected, listing: _Listing) -> frozenset[Ref]:
    """The episodes that fire and were last seen since the last pass began: a webhook may be all that told of them."""
    since = {"name": here.name, "before": listing.before or _EPOCH}
    return frozenset(Ref(one) for one in tx.execute(_FIRING, since).scalars())


def _ask_again(tx: Transaction, here: Connected, refs: Collection[Ref], began: datetime) -> None:
    """Ask for episodes that this pass did not list.

    A source's cursor holds what fired when it was asked. What began and ended in between is in no listing, so that when
    the webhook of its end is lost, nothing else would ever say that it is over.
    """
    inbox.put(tx, here.name, [(ref, None) for ref in sorted(refs)], asked=0, now=began)


def _news(tx: Transaction, here: Connected, page: Page) -> list[tuple[Ref, Reading | None]]:
    """The readings whose version differs from what the store holds, or whose comments do: a quiet page costs one
    look-up and no row.

    A signal that shows what the store holds is asked for again while something else about it waits in the inbox: that
    may be its end, which the source has taken back.
    """
    if not page.readings:
        return []
    known = inbox.failed_versions(tx, here.name)
    query = _KNOWN_SIGNALS if here.signals else _KNOWN_RECORDS
    news: list[tuple[Ref, Reading | None]] = []
    for start in range(0, len(page.readings), 500):
        chunk = page.readings[start : start + 500]
        told = [reading.ref for reading in chunk]
        refs = {"name": here.name, "refs": told}
        if not here.signals:
            passed_over = inbox.forgotten_refs(tx, here.name, told)
            chunk = [reading for reading in chunk if reading.ref not in passed_over]
        found = tx.execute(query, refs)
        known.update((row[0], row[1]) for row in found)
        news += [
            (reading.ref, reading)
            for reading in chunk
            if known.get(reading.ref) != reading.version or comments.any_new(tx, here.name, reading)
        ]
        same = [reading.ref for reading in chunk if known.get(reading.ref) == reading.version]
        if here.signals and same:
            news += [(ref, None) for ref in sorted(inbox.waiting_refs(tx, here.name, same))]
    return news


def _silent_since(engine: Engine, here: Connected, fresh: int, before: datetime | None) -> datetime | None:
    """When the last webhook came, if a poll has found changes that webhooks should have announced long ago, and none
    came since: a poll that finds nothing new does not prove that they come again.

    Only for a connection that has sent webhooks before: one that polls by choice is not silent.
    """
    limit: timedelta | None = here.config.webhook_silence
    if (not fresh and before is None) or limit is None or not here.can(Power.RECEIVE):
        return None
    with engine.store.read() as connection:
        last = connection.execute(_LAST_DELIVERY, {"name": here.name}).scalar_one_or_none()
    if before is not None and before <= engine.clock.now() and (last is None or last <= before):
        return before
    return last if fresh and last is not None and engine.clock.now() - last > limit else None

"""Poll: read on from the cursor, page by page; each page and its cursor are one transaction.

The poll is the truth and webhooks are hints: a webhook that never comes costs a poll interval, and a connection whose
webhooks have gone silent is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, func, or_, select, text

from tieline.core.model import ConnectionName
from tieline.core.port import Cursor, Page, Power, Reading, Ref
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync import inbox
from tieline.sync.engine import Connected, Engine
from tieline.sync.records import ReplicaState

_CURSOR = select(t.cursor.c.cursor, t.cursor.c.polled_at).where(t.cursor.c.connection == bindparam("name"))
_FIRING = select(t.signal.c.episode).where(
    t.signal.c.connection == bindparam("name"),
    text("firing"),
    t.signal.c.seen_at >= bindparam("before"),
    or_(t.signal.c.seen_at < bindparam("began"), t.signal.c.seen_at > bindparam("far")),
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
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FAR: Final = timedelta(hours=1)
_LAST_DELIVERY = select(func.max(t.delivery.c.received_at)).where(t.delivery.c.connection == bindparam("name"))


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass brought: readings seen, of which told something new, and whether webhooks should have."""

    seen: int
    fresh: int
    silent_since: datetime | None


def poll(engine: Engine, here: Connected) -> Pass:
    """Read on until the tool has nothing more to tell. Raises TryAgain and NeedsOperator; what was read is kept."""
    with engine.store.read() as connection:
        since, before = last_pass(connection, here.name)
        asked = inbox.head(connection)
    began = engine.clock.now()
    listed: set[str] = set()
    seen = fresh = 0
    for page in here.source.changes(since):
        with engine.store.write() as tx:
            news = _news(tx, here, page)
            # The time of a pass counts once all of it is stored, as with `_doubt` below.
            inbox.put_page(tx, here.name, page, news, asked, before or began if page.more else began)
            if here.signals:
                listed.update(reading.ref for reading in page.readings)
                if not page.more:
                    _doubt(tx, here, listed, before, began)
        seen += len(page.readings)
        fresh += len(news)
        with engine.store.read() as connection:
            asked = inbox.head(connection)
    return Pass(seen, fresh, _silent_since(engine, here, fresh))


def last_pass(connection: Connection | Transaction, name: ConnectionName) -> tuple[Cursor | None, datetime | None]:
    """How far this connection has been read, and when its last pass began; nothing before its first page."""
    row = connection.execute(_CURSOR, {"name": name}).first()
    return (Cursor(row.cursor), row.polled_at) if row is not None else (None, None)


def _doubt(tx: Transaction, here: Connected, listed: set[str], before: datetime | None, began: datetime) -> None:
    """Ask again for episodes that only a webhook told of, since the last pass began, and that this pass did not list.

    A source's cursor holds what fired when it was asked. What began and ended in between is in no listing, so that when
    the webhook of its end is lost, nothing else would ever say that it is over.
    """
    # A moment far ahead was written before our clock was set back.
    doubtful = tx.execute(_FIRING, {"name": here.name, "before": before or _EPOCH, "began": began, "far": began + _FAR})
    inbox.put(tx, here.name, [(Ref(one), None) for one in doubtful.scalars() if one not in listed], asked=0, now=began)


def _news(tx: Transaction, here: Connected, page: Page) -> Sequence[Reading]:
    """The readings whose version differs from what the store holds: a quiet page costs one look-up and no row."""
    if not page.readings:
        return ()
    refs = [reading.ref for reading in page.readings]
    known = inbox.failed_versions(tx, here.name)
    query = _KNOWN_SIGNALS if here.signals else _KNOWN_RECORDS
    for start in range(0, len(refs), 500):
        chunk = refs[start : start + 500]
        known.update((row[0], row[1]) for row in tx.execute(query, {"name": here.name, "refs": chunk}))
    return [reading for reading in page.readings if known.get(reading.ref) != reading.version]


def _silent_since(engine: Engine, here: Connected, fresh: int) -> datetime | None:
    """When the last webhook came, if the poll finds changes that webhooks should have announced long ago.

    Only for a connection that has sent webhooks before: one that polls by choice is not silent.
    """
    limit: timedelta | None = here.config.webhook_silence
    if not fresh or limit is None or not here.can(Power.RECEIVE):
        return None
    with engine.store.read() as connection:
        last = connection.execute(_LAST_DELIVERY, {"name": here.name}).scalar_one_or_none()
    return last if last is not None and engine.clock.now() - last > limit else None

"""What changed since a cursor: keyset paging on (sys_updated_on, sys_id), never on an offset.

An updated record moves to the end of the order, so that an offset would skip its neighbours. A cursor is a place:
everything before it has been read *and* can no longer appear. A record is stamped before it is committed and the stamp
has whole seconds, so that a place never comes closer to the tool's clock than the lag window: what is inside is read
again by the next pass, and versions tell the caller what is new in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import structlog

from tieline.adapters.servicenow.answers import Row
from tieline.adapters.servicenow.query import both, condition
from tieline.adapters.servicenow.rows import is_sys_id, moment, named, sound, stamp, version_of
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.adapters.servicenow.wire import Listing
from tieline.core.errors import NeedsOperator
from tieline.core.listing import understood
from tieline.core.port import Cursor, Unreadable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Right after the record `sys_id` of the second `at`; an empty `sys_id` is before all records of that second."""

    at: str
    sys_id: str = ""

    def cursor(self) -> Cursor:
        return Cursor(f"{self.at}|{self.sys_id}")

    @classmethod
    def parse(cls, cursor: Cursor) -> Place:
        """Raises ValueError."""
        at, _, sys_id = cursor.partition("|")
        if sys_id and not is_sys_id(sys_id):
            raise ValueError(f"{sys_id!r} is not a sys_id")
        return cls(stamp(moment(at)), sys_id)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one page, oldest change first, the place to go on from, and the tool's clock."""

    rows: tuple[Row, ...]
    place: Place
    more: bool
    at: datetime | None
    unreadable: tuple[Unreadable, ...] = ()


Lister = Callable[[str, int], Listing]
"""One page of a query, at an offset."""


def query_from(settings: ServiceNowSettings, place: Place) -> str:
    """Everything from a place on; behind a record, only the rest of its second (a burst longer than a page)."""
    if place.sys_id:
        same_second = condition("sys_updated_on", "=", place.at), condition("sys_id", ">", place.sys_id)
        return both(settings.query, *same_second, "ORDERBYsys_id")
    younger = condition("sys_updated_on", ">=", place.at)
    return both(settings.query, younger, "ORDERBYsys_updated_on", "ORDERBYsys_id")


def batches(connection: str, settings: ServiceNowSettings, start: Place, fetch: Lister) -> Iterator[Batch]:
    """All pages from `start` until the tool has no more."""
    place = start
    known: frozenset[tuple[str, str]] = frozenset()
    for turn in count():
        listing = _visible(connection, settings, query_from(settings, place), fetch)
        rows, odd = _sorted_out(connection, settings, listing)
        now = listing.at or moment(max([place.at, *(row["sys_updated_on"] for row in rows)]))
        safe = Place(stamp(now - settings.window))
        if turn == 0 and start.at > stamp(now):
            # The tool's clock was set back: its new stamps lie before our place.
            start = place = safe
            continue
        _check(connection, settings, place, safe, rows)
        fresh = tuple(row for row in rows if (row["sys_id"], version_of(row)) not in known)
        known = frozenset((row["sys_id"], version_of(row)) for row in rows)
        drained = not listing.rows or listing.more is False
        if drained and not place.sys_id:
            yield Batch(fresh, max(start, safe), False, listing.at, odd)
            return
        place = _next_second(place) if drained else _after(rows, safe, place)
        if fresh or odd:
            yield Batch(fresh, max(start, min(place, safe)), True, listing.at, odd)


def _sorted_out(
    connection: str, settings: ServiceNowSettings, listing: Listing
) -> tuple[tuple[Row, ...], tuple[Unreadable, ...]]:
    """The sound rows of a page, and the odd ones. Where all of several are odd, or none tells where the page ends, it
    is the account's access and no record's fault: raises NeedsOperator."""
    rows, odd = understood(listing.rows, lambda row: sound(settings.table, row), named)
    if odd and not rows and (len(odd) > 1 or listing.more):
        raise NeedsOperator(connection, odd[0].sentence)
    return tuple(rows), tuple(odd)


def _visible(connection: str, settings: ServiceNowSettings, query: str, fetch: Lister) -> Listing:
    """The first page of a query that access rules do not hide whole: a keyset cannot advance on an empty page."""
    listing = fetch(query, 0)
    for page in count(1):
        if listing.rows or not listing.more:
            break
        log.warning("servicenow.page_hidden", connection=connection, table=settings.table, query=query, page=page)
        listing = fetch(query, page * settings.page_size)
    return listing


def _after(rows: Sequence[Row], safe: Place, place: Place) -> Place:
    """The place after a full page.

    A record edited while the page was put together bears a stamp that is younger than its position in it; a place
    taken from it would skip its neighbours. So only rows older than the window are trusted, where there are any.
    """
    if place.sys_id:
        return Place(place.at, str(rows[-1]["sys_id"]))
    last = ([row for row in rows if row["sys_updated_on"] < safe.at] or rows)[-1]
    if last["sys_updated_on"] > place.at:
        return Place(str(last["sys_updated_on"]))
    return Place(place.at, str(last["sys_id"]))


def _next_second(place: Place) -> Place:
    return Place(stamp(moment(place.at) + timedelta(seconds=1)))


def _check(connection: str, settings: ServiceNowSettings, place: Place, safe: Place, rows: Sequence[Row]) -> None:
    """ServiceNow leaves out a condition that it does not understand and answers with the rest of the table: every row
    must satisfy what was asked, or nothing that was read can be believed."""
    stamps = [str(row["sys_updated_on"]) for row in rows]
    ids = [str(row["sys_id"]) for row in rows]
    older = any(found < place.at for found in stamps)
    repeated = bool(place.sys_id) and place.sys_id in ids
    others = bool(place.sys_id) and any(place.at < found < safe.at for found in stamps)
    if older or repeated or others:
        raise NeedsOperator(
            connection,
            f"{settings.table} answered with records that the query excludes: a part of it was ignored. Check that the "
            "account may read sys_updated_on, and the field names in `query`.",
        )
    settled = [found for found in stamps if found < safe.at]
    if settled != sorted(settled):
        raise NeedsOperator(connection, f"{settings.table} did not sort by sys_updated_on; paging would lose records.")

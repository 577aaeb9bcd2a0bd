"""The port, spoken by ServiceNow's Table API. Everything about HTTP is in `wire`, about paging in `poll`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tieline.adapters.servicenow import audit, checkup, journal, schema, webhook
from tieline.adapters.servicenow.answers import Row, unread
from tieline.adapters.servicenow.directory import People
from tieline.adapters.servicenow.poll import Batch, Place, batches
from tieline.adapters.servicenow.query import both, condition
from tieline.adapters.servicenow.rows import (
    MARK,
    count_of,
    editor_of,
    is_sys_id,
    named,
    people_ids,
    proven,
    reading_of,
    sound,
    stamp,
    values_of,
    version_of,
    without,
    writes_in,
)
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.adapters.servicenow.wire import Single, Wire
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, StaleVersion
from tieline.core.http import looking
from tieline.core.listing import answered, understood
from tieline.core.model import Audience, ConnectionName
from tieline.core.port import (
    WHOLE,
    Body,
    Cursor,
    Delivery,
    FieldFact,
    Health,
    Page,
    Reading,
    Received,
    Ref,
    RemoteComment,
    Replaced,
    Token,
    Version,
    Workbench,
)

LONGEST_TOKEN = 100
"""The length of correlation_id. What is longer would be cut, and a cut token finds nothing."""


def connect(name: ConnectionName, settings: ServiceNowSettings, workbench: Workbench) -> ServiceNow:
    """A connection. Nothing is sent before the first verb."""
    return ServiceNow(name, settings, workbench)


class ServiceNow:
    """One table of one instance: Adapter, Finder, Receiver, Commenter, Directory and Describer.

    The Table API writes without looking at a version. `update` reads first, and sees afterwards in sys_mod_count
    whether somebody came between: then the reading is annotated `raced`. The window is one round trip wide.
    """

    lookup_lag = timedelta(0)  # queries run on the database that was written to

    def __init__(self, connection: str, settings: ServiceNowSettings, bench: Workbench) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = bench.clock
        self._wire = Wire(connection, settings, bench)
        self._people = People(self._wire, bench.clock)

    def __repr__(self) -> str:
        return f"ServiceNow({self._connection!r}, {self._settings.url!r})"

    # Source

    def check(self) -> Health:
        return checkup.check(self._wire, self._clock)

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        for batch in batches(self._connection, self._settings, self._start(since), self._page):
            yield self._reading_page(batch)

    def read(self, ref: Ref) -> Reading:
        row, at = self._row(ref)
        return self._reading(row, at, automatic=audit.set_by_itself(self._wire, [row]).get(ref, frozenset()))

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:
        """Reads back what was stored: a field that the account may not write is dropped without a word. Where the
        record was saved again since, the answer to the insert shows how it was born."""
        values = values_of(self._connection, body)
        if not 0 < len(token) <= LONGEST_TOKEN:
            raise Rejected(self._connection, f"a create token has 1 to {LONGEST_TOKEN} characters")
        mark = {"correlation_id": str(token), "correlation_display": MARK}
        with looking(self._connection):
            self._wire.account()
        inserted = self._told(lambda: self._wire.insert(self._settings.table, {**values, **mark}))
        made = str(inserted.row.get("number") or inserted.row.get("sys_id") or "")
        try:
            stored = self.read(Ref(str(inserted.row.get("sys_id", ""))))
        except Gone:
            raise NeedsOperator(
                self._connection,
                f"{made} was made, but the account may not read it; grant read access to its own records.",
            ) from None
        except RemoteError as error:
            raise unread(self._connection, f"{made} was made, but not read back: {error}", error) from None
        if stored.body.get("correlation_id") != token:
            raise Rejected(
                self._connection,
                f"{made} was made, but its correlation_id did not keep our token, so that it could not be found again. "
                "Grant the account write access to correlation_id, or take the rule away that changes it.",
            )
        if writes_in(stored.body) == writes_in(inserted.row):
            return stored
        born = answered(self._connection, made, lambda: sound(self._settings.table, inserted.row))
        return self._reading(born, inserted.at)

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        values = values_of(self._connection, patch)
        with looking(self._connection):
            before, _ = self._row(ref)
            # Asked for now: a question that fails behind the write would make it look like one that failed.
            account = self._wire.account().casefold()
        if version_of(before) != seen:
            raise StaleVersion(self._connection, f"{ref} moved from {seen} to {version_of(before)}")
        self._refuse_reopening(before, values)
        answer = self._told(lambda: self._wire.patch(self._settings.table, ref, values))
        after = answered(self._connection, str(ref), lambda: sound(self._settings.table, answer.row))
        # One write counts one, or none where it changes nothing. More means that somebody else, or a rule that saves
        # again, wrote in between.
        again = writes_in(after) > writes_in(before) + (editor_of(after) == account)
        try:
            others = audit.others(self._wire, ref, writes_in(before)) if again else audit.Others()
            # What they wrote where we wrote is read next: here it would pass for what the instance made of our write.
            theirs = others.before if others.before.keys() & values.keys() else {}
            return self._reading(without(theirs, after, before), answer.at, raced=others.wrote)
        except RemoteError as error:
            raise unread(self._connection, f"{ref} was written, but: {error}", error) from None

    # Historian

    def replaced(self, ref: Ref, since: Version) -> Replaced | None:
        row, at = self._row(ref)
        before = count_of(since)
        if writes_in(row) <= before + 1:
            # One write at most: ours, or somebody else's, which then stands.
            return Replaced(None, ours=WHOLE) if editor_of(row) == self._wire.account().casefold() else None
        found = audit.since(self._wire, ref, before)
        if isinstance(found, str):
            name = row.get("number") or ref
            return Replaced(None, untold=f"{name} was written by others at the same time, and {found}")
        if not found.replaced:
            return Replaced(None, ours=found.ours) if found.ours else None
        reading = self._reading({**row, **found.replaced}, at)
        return Replaced(reading.body, reading.people, ours=found.ours)

    # Finder

    def find(self, token: Token) -> Reading | None:
        try:
            query = both(condition("correlation_id", "=", token), "ORDERBYsys_created_on", "ORDERBYsys_id")
        except ValueError:
            return None
        listing = self._wire.rows(self._settings.table, query, limit=20)
        # The database compares without regard to case; a token does not.
        near = [row for row in listing.rows if str(row.get("correlation_id", "")).casefold() == token.casefold()]
        if len(near) != len(listing.rows) or (listing.total and not listing.rows):
            raise NeedsOperator(
                self._connection,
                f"the search for a create token was not answered by {self._settings.table}.correlation_id: the "
                "condition was ignored, or the records are hidden. Grant the account read access to them.",
            )
        exact = [row for row in near if row.get("correlation_id") == token]
        if not exact:
            return None
        row = proven(self._connection, self._settings.table, exact[0])
        ref = Ref(str(row["sys_id"]))
        found = self._reading(row, listing.at, automatic=audit.set_by_itself(self._wire, [row]).get(ref, frozenset()))
        if found.born is not None:
            return found
        before = audit.before_others(self._wire, ref)
        return found if before is None else replace(found, born={**row, **before})

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:
        webhook.verify(self._connection, self._settings, delivery, now)

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(self._settings, delivery)

    # Commenter, Directory, Describer

    audiences = frozenset(journal.FIELD)

    def comments(self, ref: Ref) -> Sequence[RemoteComment]:
        return journal.comments(self._wire, ref)

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:  # noqa: ARG002
        # The journal has no place for the token; it is not told as if it were there.
        return journal.add_comment(self._wire, ref, body, audience)

    def person_id(self, email: str) -> str | None:
        return self._people.person_id(email)

    def describe(self) -> Mapping[str, FieldFact]:
        return schema.describe(self._wire)

    def close(self) -> None:
        """Give the sockets back."""
        self._wire.close()

    def _start(self, since: Cursor | None) -> Place:
        if since is None:
            # One row is asked for only to hear the tool's own time.
            probe = self._wire.rows(self._settings.table, "", limit=1, fields=("sys_id",))
            if probe.at is None:
                raise NeedsOperator(
                    self._connection, "answers carry no Date header, so that the tool's time is not known; a proxy?"
                )
            return Place(stamp(probe.at - self._settings.history))
        try:
            return Place.parse(since)
        except ValueError as error:
            raise NeedsOperator(
                self._connection, f"the stored cursor {since[:80]!r} is not one of ServiceNow's ({error}); reset it."
            ) from None

    def _page(self, query: str, offset: int) -> Any:
        return self._wire.rows(self._settings.table, query, limit=self._settings.page_size, offset=offset)

    def _reading_page(self, batch: Batch) -> Page:
        emails = self._people.emails(people_ids(self._settings, batch.rows))
        doings = audit.set_by_itself(self._wire, batch.rows)
        account = self._wire.account()

        def understand(row: Row) -> Reading:
            automatic = doings.get(Ref(str(row["sys_id"])), frozenset())
            return reading_of(self._settings, row, batch.at, emails, account=account, automatic=automatic)

        told = understood(batch.rows, understand, named)
        return Page(told.found, batch.place.cursor(), batch.more, unreadable=[*batch.unreadable, *told.unreadable])

    def _row(self, ref: Ref) -> tuple[Row, datetime | None]:
        if not is_sys_id(ref):
            raise Gone(self._connection, f"{ref!r} is not a sys_id")
        single = self._wire.row(self._settings.table, ref)
        return proven(self._connection, self._settings.table, single.row), single.at

    def _reading(
        self, row: Row, at: datetime | None, *, raced: bool = False, automatic: frozenset[str] = frozenset()
    ) -> Reading:
        emails = self._people.emails(people_ids(self._settings, [row]))
        account = self._wire.account()
        return reading_of(self._settings, row, at, emails, account=account, raced=raced, automatic=automatic)

    def _told(self, write: Callable[[], Single]) -> Single:
        """A write whose refusal names the columns: a data policy speaks of labels, which are anybody's words."""
        try:
            return write()
        except Rejected as error:
            if error.refused:
                with suppress(RemoteError):
                    error.refused = schema.by_name(self._wire, error.refused)
            raise

    def _refuse_reopening(self, row: Row, values: Mapping[str, str]) -> None:
        state = str(row.get("state", ""))
        if state in self._settings.closed_states and values.get("state", state) != state:
            raise Rejected(
                self._connection,
                f"{row.get('number') or row['sys_id']} is closed, and ServiceNow does not reopen a closed incident; "
                "open a new one that names it.",
            )

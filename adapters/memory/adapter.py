"""The reference implementation of the port: every power, each as plainly as it can be said."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from tieline.adapters.memory import webhook
from tieline.adapters.memory.settings import MemorySettings
from tieline.adapters.memory.shelf import Note, Row
from tieline.adapters.memory.tool import MemoryTool, Moved, Refused, age
from tieline.core.errors import Gone, NeedsOperator, Rejected, RemoteError, StaleVersion
from tieline.core.listing import alone, answered, understood
from tieline.core.model import Audience, ConnectionName, FieldSpec, FieldType, RecordKind, instant, parse_instant
from tieline.core.port import (
    Act,
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

T = TypeVar("T")


def connect(
    name: ConnectionName,
    settings: MemorySettings,
    workbench: Workbench,
    record: RecordKind = RecordKind.INCIDENT,
) -> MemoryAdapter:
    """An adapter on the tool that `workbench.transport` hands over, else on one of its own (in `settings.path`)."""
    tool = workbench.transport
    if not isinstance(tool, MemoryTool):
        tool = MemoryTool(
            workbench.clock.now,
            path=settings.path,
            system=name,
            people=settings.people,
            webhook_secret=_own_secret(settings),
            lookup_lag=settings.lookup_lag,
            record=record,
        )
    return MemoryAdapter(name, settings, workbench, tool)


def _own_secret(settings: MemorySettings) -> str:
    """What the tool signs with. One that cannot be had is told of when a delivery is to be proved."""
    try:
        return settings.webhook_secret.reveal() if settings.webhook_secret else ""
    except LookupError:
        return ""


class MemoryAdapter:
    """One connection to a `MemoryTool`. It keeps nothing: two instances on one tool are the same."""

    def __init__(self, name: ConnectionName, settings: MemorySettings, workbench: Workbench, tool: MemoryTool) -> None:
        self._name = name
        self._settings = settings
        self._workbench = workbench
        self._tool = tool
        self.lookup_lag = tool.lookup_lag

    def __repr__(self) -> str:
        return f"MemoryAdapter({self._name!r})"

    # Source

    def check(self) -> Health:
        now = self._ask("check", self._tool.look)
        return Health(self._settings.user, "memory 1", clock_skew=now - self._workbench.clock.now())

    def changes(self, since: Cursor | None) -> Iterator[Page]:
        """Pages of one snapshot. A record edited meanwhile has a later stamp, which the next pass starts at or before:
        therefore a cursor is a stamp alone, and inclusive, and survives a burst in one second."""
        start = self._start(since)
        found = self._ask("changes", lambda: self._tool.changed_since(start))
        size = self._settings.page_size
        for first in range(0, max(len(found), 1), size):
            part = found[first : first + size]
            if first:
                self._tool.faults.turn_page()
            rows = self._ask("changes", partial(self._rows, part)) if first else self._rows(part)
            told = understood(rows, self._reading, lambda row: (Ref(row.ref), row.key))
            cursor = Cursor(part[-1][0] if part else start)
            yield Page(told.found, cursor, more=first + size < len(found), unreadable=told.unreadable)

    def read(self, ref: Ref) -> Reading:
        row = self._ask("read", lambda: self._tool.replicated(ref))
        return alone(self._name, f"read: record {ref}", lambda: self._reading(row))

    # Adapter

    def create(self, body: Body, token: Token) -> Reading:
        return self._tell("create", lambda: self._reading(self._tool.make(body, token=token)))

    def update(self, ref: Ref, patch: Body, seen: Version) -> Reading:
        if self._tool.conditional:
            return self._written(self._write(ref, patch, seen))
        # As with most real tools: look, compare, write, and see afterwards whether somebody came in between.
        before = self._ask("read", lambda: self._tool.row(ref))
        if str(before.version) != seen:
            raise StaleVersion(self._name, f"update: record {ref} is at version {before.version}, not {seen}")
        after = self._write(ref, patch, seen)
        # One write of ours makes one version, or none where it changes nothing.
        raced = after.version > before.version + (after.author == self._settings.user)
        return replace(self._written(after), raced=raced)

    # Historian

    def replaced(self, ref: Ref, since: Version) -> Replaced | None:
        return self._ask("replaced", lambda: self._put_back(ref, since))

    # Finder

    def find(self, token: Token) -> Reading | None:
        found = self._ask("find", lambda: self._tool.with_token(token))
        return alone(self._name, f"find: record {found[0].ref}", lambda: self._reading(found[0])) if found else None

    # Receiver

    def verify(self, delivery: Delivery, now: datetime) -> None:
        secret = self._settings.webhook_secret
        try:
            revealed = secret.reveal() if secret else None
        except LookupError as error:
            raise NeedsOperator(self._name, f"the webhook's secret cannot be had: {error}") from None
        webhook.verify(self._name, revealed, delivery, now)

    def parse(self, delivery: Delivery) -> Received:
        return webhook.parse(delivery)

    # Commenter

    audiences = frozenset({Audience.STAFF, Audience.CUSTOMERS})

    def comments(self, ref: Ref) -> Sequence[RemoteComment]:
        return self._ask("comments", lambda: [self._comment(note) for note in self._tool.row(ref).notes])

    def add_comment(self, ref: Ref, body: Any, audience: Audience, token: Token) -> RemoteComment:
        author = self._settings.user
        return self._tell(
            "add_comment",
            lambda: self._comment(self._tool.comment(ref, str(body), audience, author=author, token=token)),
        )

    def edit_comment(self, ref: Ref, comment: str, body: Any, audience: Audience) -> RemoteComment:
        return self._tell("edit_comment", lambda: self._comment(self._tool.rewrite(ref, comment, str(body), audience)))

    # The smaller powers

    def acknowledge(self, ref: Ref, act: Act, *, until: datetime, note: str, token: Token) -> str:  # noqa: ARG002 - the memory tool shows no notes
        if act is Act.ACKNOWLEDGE:
            return self._tell("acknowledge", lambda: self._tool.acknowledge(ref, token, until))
        return self._tell("acknowledge", lambda: self._tool.release(ref, token))

    def person_id(self, email: str) -> str | None:
        return self._ask("person_id", lambda: self._tool.person(email))

    def link(self, ref: Ref, url: str, title: str, token: Token) -> None:  # noqa: ARG002 - it shows bare addresses
        self._tell("link", lambda: self._tool.link(ref, url, token))

    def output(self, ref: Ref, start: int, most: int) -> bytes:
        return self._ask("output", lambda: self._tool.row(ref).wrote.encode()[start : start + most])

    def describe(self) -> Mapping[str, FieldFact]:
        return self._ask("describe", lambda: _facts(self._tool.fields))

    # What is the same for all of them

    def _ask(self, verb: str, act: Callable[[], T], *, writes: bool = False) -> T:
        """One call over the wire that could be there: faults first, then credentials, then the tool's answer."""
        self._workbench.spend()
        fault = self._tool.faults.next(verb, writes=writes)
        if fault is None:
            return self._answered(verb, act)
        if fault.after_effect:
            with suppress(RemoteError):  # whatever the tool said, the answer is lost
                self._answered(verb, act)
        raise fault.error(self._name, verb, writes=writes, now=self._workbench.clock.now())

    def _tell(self, verb: str, act: Callable[[], T]) -> T:
        """As `_ask`, for what writes."""
        self._tool.faults.spring()
        answer = self._ask(verb, act, writes=True)
        self._tool.faults.follow()
        return answer

    def _answered(self, verb: str, act: Callable[[], T]) -> T:
        self._come_in(verb)
        try:
            return act()
        except LookupError as error:
            raise Gone(self._name, f"{verb}: there is no record {error.args[0]!r:.80}") from None
        except Moved as error:
            raise StaleVersion(self._name, f"{verb}: {error}") from None
        except Refused as error:
            refused = {error.field: str(error)} if error.field else None
            raise Rejected(self._name, f"{verb}: {error}", refused=refused) from None

    def _come_in(self, verb: str) -> None:
        accounts, password = self._tool.accounts, self._settings.password
        if not accounts:
            return
        try:
            shown = password.reveal() if password else ""
        except LookupError as error:
            raise NeedsOperator(self._name, f"{verb}: {error}") from None
        if not hmac.compare_digest(accounts.get(self._settings.user, "").encode(), shown.encode()) or not shown:
            raise NeedsOperator(
                self._name,
                f"{verb}: the password of {self._settings.user} was refused; renew it, "
                f"then run `tieline check {self._name}`",
            )

    def _start(self, since: Cursor | None) -> str:
        if since is None:
            return instant(self._ask("changes", self._tool.now) - self._settings.history - self._tool.resolution)
        try:
            return instant(parse_instant(since))
        except ValueError:
            raise NeedsOperator(self._name, f"the cursor {since!r:.80} is not one of ours; start anew") from None

    def _write(self, ref: Ref, patch: Body, seen: Version) -> Row:
        return self._tell("update", lambda: self._unmerged(ref, patch, seen))

    def _written(self, row: Row) -> Reading:
        return answered(self._name, f"update: record {row.ref}", lambda: self._reading(row))

    def _unmerged(self, ref: Ref, patch: Body, seen: Version) -> Row:
        into = self._tool.row(ref).merged_into
        if into is not None:
            raise Gone(self._name, f"update: record {ref} was merged into {into}", merged_into=into)
        return self._tool.write(ref, patch, seen, self._settings.user)

    def _put_back(self, ref: Ref, since: Version) -> Replaced | None:
        found = self._tool.replaced(ref, since, self._settings.user)
        if not found:
            return None
        row = self._tool.row(ref)
        row.body |= found
        reading = self._reading(row)
        return Replaced(reading.body, reading.people)

    def _rows(self, part: Sequence[tuple[str, str]]) -> list[Row]:
        """The records as they are now; one that was deleted since the snapshot is left out, as a real listing would."""
        rows = []
        for _, ref in part:
            with suppress(LookupError):
                rows.append(self._tool.row(ref))
        return rows

    def _reading(self, row: Row) -> Reading:
        known = self._tool.addresses()
        named = [str(row.body.get(spec.name)) for spec in self._tool.fields.values() if spec.type is FieldType.PERSON]
        return Reading(
            ref=Ref(row.ref),
            version=Version(str(row.version)),
            body=row.body,
            key=row.key,
            url=f"memory://{self._name}/{row.ref}",
            token=Token(row.token) if row.token is not None else None,
            age=age(row, self._tool.now()),
            people={person: known[person] for person in named if person in known},
            merged_into=Ref(row.merged_into) if row.merged_into is not None else None,
            born=row.born if row.token is not None and self._tool.tells_birth else None,
            automatic=frozenset(row.automatic),
            ours=frozenset(name for name, author in row.authors.items() if author == self._settings.user),
        )

    def _comment(self, note: Note) -> RemoteComment:
        return RemoteComment(
            id=note.id,
            body=note.text,
            author=note.author,
            created_at=parse_instant(note.at),
            audience=Audience(note.audience),
            ours=note.author == self._settings.user,
            token=Token(note.token) if note.token is not None else None,
        )


def _facts(fields: Mapping[str, FieldSpec]) -> dict[str, FieldFact]:
    return {
        spec.name: FieldFact(
            spec.name,
            writable=True,
            required=spec.name == "title",
            choices={value: value for value in spec.choices} if spec.choices is not None else None,
        )
        for spec in fields.values()
    }

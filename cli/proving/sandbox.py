"""Somebody who works in a real tool, by the mapping of its connection: what the contract needs beside an adapter.

All that is made carries the mark in its title, and is found again by it. Nothing is done that could lock an account,
and nothing by anybody but the connection's own account.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tieline.adapters.testing.driver import ToolDriver
from tieline.core.clock import Clock
from tieline.core.config import ConnectionConfig
from tieline.core.model import Fields, Severity, Status
from tieline.core.port import Adapter, Body, Cut, Power, Reading, Ref, Source, Token, Unreadable, Workbench
from tieline.mappings import Mapping as FieldMapping

PAGE: Final = 3
"""Records that are asked for at once where the tool lets us say, so that a few make several pages."""
CLOSED: Final[Fields] = {"status": Status.RESOLVED.value}
WHY_CLOSED: Final[Fields] = {"close_notes": "Made by a proof of Tieline's adapter."}
UNASKED: Final = frozenset({Power.RECEIVE, Power.ACKNOWLEDGE, Power.LINK, Power.PEOPLE, Power.TELL_OUTPUT})
"""What only somebody beside us in the tool could show."""


class Wire:
    """The line to the tool: each request is counted, and a write can be cut, or met by somebody who is faster."""

    def __init__(self) -> None:
        self.sent = 0
        self.took: list[tuple[bool, float]] = []
        """Of each request that was answered: whether it wrote, and the seconds it took."""
        self._before: deque[Callable[[], None]] = deque()
        self._after: deque[Callable[[], None]] = deque()

    @contextmanager
    def around(self, writes: bool) -> Iterator[None]:
        """What stands around each request."""
        self.sent += 1
        if writes and self._before:
            self._before.popleft()()
        began = time.perf_counter()
        yield
        self.took.append((writes, time.perf_counter() - began))
        if writes and self._after:
            self._after.popleft()()

    def before(self, act: Callable[[], None]) -> None:
        """Do this once, right before the next write."""
        self._before.append(act)

    def after(self, act: Callable[[], None]) -> None:
        """Do this once, right after the next write."""
        self._after.append(act)

    def heal(self) -> None:
        """Nothing more is going to happen."""
        self._before.clear()
        self._after.clear()


def cut() -> None:
    """The answer is lost."""
    raise Cut("the line was cut")


@dataclass(frozen=True)
class Sandbox:
    """What all tests of one proof share. `patience` is in seconds: the longest that one test waits at once."""

    connection: ConnectionConfig
    mapping: FieldMapping
    clock: Clock
    spend: Callable[[], None]
    mark: str
    patience: float
    sleep: Callable[[float], None] = time.sleep
    took: list[tuple[bool, float]] = field(default_factory=list)

    def connect(self, bench: Workbench) -> Source:
        """The adapter, as it starts now and reads a few records at once."""
        return connected(self.connection, bench)

    @property
    def bench(self) -> Workbench:
        """What an adapter gets whose line nobody cuts."""
        return Workbench(self.clock, self.sleep, spend=self.spend)

    def is_ours(self, one: Reading) -> bool:
        """Whether it is a record of this proof that is still open."""
        fields = self.mapping.normalize(one.body).fields
        title, status = str(fields.get("title") or ""), fields.get("status")
        return title.startswith(self.fence.strip()) and status is not None and Status(str(status)).is_open

    @property
    def fence(self) -> str:
        """What the title of each record begins with."""
        return f"[Tieline proof {self.mark}] "


def connected(connection: ConnectionConfig, bench: Workbench) -> Source:
    """An adapter that begins with what happens from now on, and reads a few records at once."""
    given = {"history": timedelta(0), "page_size": PAGE}
    settings = connection.settings
    known = {name: value for name, value in given.items() if name in type(settings).model_fields}
    return connection.kind.connect(connection.name, settings.model_copy(update=known), bench)


class Watcher(ToolDriver):
    """Somebody who only reads, as in monitoring: what fires there is not ours to make."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.wire = Wire()
        self.wire.took = sandbox.took
        self.powers = sandbox.connection.kind.powers - UNASKED
        self.page_size = PAGE

    def take(self) -> None:
        self.sandbox.spend()
        super().take()

    def connect(self) -> Source:
        bench = Workbench(self.sandbox.clock, self.sandbox.sleep, spend=self.take, around=self.wire.around)
        return self.sandbox.connect(bench)

    def sent(self) -> int:
        return self.wire.sent

    def now(self) -> datetime:
        return datetime.now(UTC)

    def advance(self, seconds: float) -> None:
        if seconds > self.sandbox.patience:
            pytest.skip(f"it would take {seconds:,.0f} s of the tool's own time")
        self.sandbox.sleep(seconds)


class Worker(Watcher):
    """Somebody who writes, by the same account and over a line of their own."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        other = sandbox.connect(sandbox.bench)
        assert isinstance(other, Adapter)
        self._other = other

    def _written(self, wanted: Fields, *, creating: bool = False, beside: Fields | None = None) -> Body:
        incident = {**(beside or {}), **wanted}
        told = self.sandbox.mapping.denormalize(wanted, incident, creating=creating)
        for name in wanted:
            left = next((one for one in told.left_out if one.field == name), None)
            if left is not None:
                pytest.skip(f"by this mapping {name} is not written: {left.sentence}")
        return told.body

    def _read(self, body: Body) -> Fields:
        return self.sandbox.mapping.normalize(body).fields

    def new_body(self, title: str, description: str = "") -> Body:
        wanted: dict[str, Any] = {"title": self.sandbox.fence + title, "severity": Severity.LOW.value}
        if description:
            wanted["description"] = description
        return self._written(
            {name: value for name, value in wanted.items() if name in self.sandbox.mapping.writable}, creating=True
        )

    def patch_title(self, title: str) -> Body:
        return self._written({"title": self.sandbox.fence + title})

    def patch_description(self, text: str | None) -> Body:
        return self._written({"description": text or None})

    def title_in(self, body: Body) -> str:
        return str(self._read(body)["title"]).removeprefix(self.sandbox.fence)

    def description_in(self, body: Body) -> str | None:
        said = self._read(body)["description"]
        return None if said is None else str(said)

    def text_kept(self, text: str) -> str:
        return str(self.sandbox.mapping.project({"description": text}).get("description") or "")

    def patch_closed(self) -> Body:
        return self._written(CLOSED, beside=WHY_CLOSED)

    def patch_reopened(self) -> Body:
        return self._written({"status": Status.IN_PROGRESS.value})

    def is_open(self, body: Body) -> bool:
        return Status(str(self._read(body)["status"])).is_open

    def make(self, title: str, description: str = "") -> Ref:
        return self._other.create(self.new_body(title, description), self._token()).ref

    def _token(self) -> Token:
        return Token(f"tieline-proof-{uuid.uuid4().hex}")

    def touch(self, ref: Ref) -> None:
        change(self._other, ref, self.patch_title(f"touched at {self.now():%H:%M:%S.%f}"))

    def comment_body(self, text: str) -> Any:
        return self.sandbox.mapping.to_text(text)

    def comment_text(self, body: Any) -> str:
        return self.sandbox.mapping.from_text(body)

    def comment_kept(self, text: str) -> str:
        return self.comment_text(self.comment_body(text))

    def lose_next_write(self, *, after_effect: bool) -> None:
        (self.wire.after if after_effect else self.wire.before)(cut)

    def heal(self) -> None:
        self.wire.heal()


class Colleagues(Worker):
    """The same beside somebody who works by another account, so that the tool tells their edits from ours."""

    def __init__(self, sandbox: Sandbox, colleague: ConnectionConfig) -> None:
        super().__init__(sandbox)
        person = connected(colleague, sandbox.bench)
        assert isinstance(person, Adapter)
        self._colleague = person

    def make(self, title: str, description: str = "") -> Ref:
        return self._colleague.create(self.new_body(title, description), self._token()).ref

    def edit(self, ref: Ref, patch: Body) -> None:
        change(self._colleague, ref, patch)

    def touch(self, ref: Ref) -> None:
        self.edit(ref, self.patch_title(f"touched at {self.now():%H:%M:%S.%f}"))

    def before_next_write(self, act: Callable[[], None]) -> None:
        self.wire.before(act)

    def after_next_write(self, act: Callable[[], None]) -> None:
        self.wire.after(act)


def change(person: Adapter, ref: Ref, patch: Body) -> None:
    """Somebody edits a record as it stands."""
    person.update(ref, patch, person.read(ref).version)


def left_open(sandbox: Sandbox, source: Adapter, since: Any) -> list[Reading | Unreadable]:
    """What the proof made and is still open, as the tool itself lists it; and what cannot be understood."""
    listed: dict[Ref, Reading] = {}
    odd: list[Unreadable] = []
    for page in source.changes(since):
        listed |= {one.ref: one for one in page.readings}
        odd += page.unreadable
    return [*(one for one in listed.values() if sandbox.is_ours(one)), *odd]

"""Where the memory tool keeps its records: in this process, or in one JSON file that several processes share."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

Document = dict[str, Any]
"""A body as the tool keeps it: canonical field names to strings, lists of strings or None."""


@dataclass
class Note:
    """A comment."""

    id: str
    text: str
    author: str
    at: str
    visibility: str
    token: str | None = None


@dataclass
class Act:
    """An acknowledgement and its like, remembered by token for ever, so that a repetition changes nothing."""

    handle: str
    until: str
    in_force: bool


@dataclass
class Entry:
    """One line of a record's history: who changed which field, with which version of the record it came about."""

    version: int
    author: str
    name: str
    before: Any
    after: Any


@dataclass
class Row:
    """A record. Times are canonical instants by the tool's clock."""

    ref: str
    key: str
    body: Document
    made_at: str
    changed_at: str
    version: int = 1
    token: str | None = None
    notes: list[Note] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    acts: dict[str, Act] = field(default_factory=dict)
    merged_into: str | None = None
    deleted: bool = False
    history: list[Entry] = field(default_factory=list)
    born: Document = field(default_factory=dict)
    """Its body right after it was made."""
    author: str = ""
    """Who changed it last."""
    authors: dict[str, str] = field(default_factory=dict)
    """Who changed each field last, since it was made."""
    automatic: list[str] = field(default_factory=list)
    """Fields that the tool's own clock set and nobody has changed since."""
    status_at: str = ""
    """Since when it has its status."""


@dataclass
class State:
    """Everything there is. `counter` numbers records, comments, acts and deliveries alike."""

    rows: dict[str, Row] = field(default_factory=dict)
    counter: int = 0
    last_change: str = ""
    people: dict[str, str] = field(default_factory=dict)

    def number(self) -> int:
        self.counter += 1
        return self.counter


class Shelf:
    """Hands out the state, to one at a time. With a file, every transaction is on disk before it ends."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._state = State()
        self._lock = threading.RLock()
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[State]:
        """The state, to read and to change. A change inside a failed transaction is not written to the file."""
        with self._lock:
            if self._path is None or self._depth:
                yield self._state
                return
            with _locked(self._path):
                before = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
                self._state = _loaded(before)
                self._depth += 1
                try:
                    yield self._state
                finally:
                    self._depth -= 1
                after = json.dumps(asdict(self._state), ensure_ascii=True)
                if after != before:
                    _replace(self._path, after)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl  # POSIX only, and needed only where a file is shared

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    """Rename into place, so that a process killed in the middle leaves the old file or the new one."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _loaded(text: str) -> State:
    if not text:
        return State()
    state = State(**json.loads(text))
    state.rows = {ref: _row(row) for ref, row in _documents(state.rows)}
    return state


def _documents(rows: Any) -> Iterator[tuple[str, Document]]:
    yield from rows.items()


def _row(document: Document) -> Row:
    row = Row(**{each.name: document[each.name] for each in fields(Row) if each.name in document})
    row.notes = [Note(**note) for note in document["notes"]]
    row.history = [Entry(**entry) for entry in document.get("history", ())]
    row.acts = {token: Act(**act) for token, act in document["acts"].items()}
    return row

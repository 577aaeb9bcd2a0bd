"""Where the memory tool keeps its records: in this process, or in one JSON file that several processes share."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tieline.core.errors import NeedsOperator
from tieline.core.model import OF_VISIBILITY

Document = dict[str, Any]
"""A body as the tool keeps it: canonical field names to strings, lists of strings or None."""


@dataclass
class Note:
    """A comment."""

    id: str
    text: str
    author: str
    at: str
    audience: str
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
    wrote: str = ""
    """What was written while it was executed."""
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

    def person(self, email: str) -> str:
        """The id of the person with this address, who is known from now on."""
        return self.people.setdefault(email.lower(), f"person-{len(self.people) + 1}")

    def number(self) -> int:
        self.counter += 1
        return self.counter


class Shelf:
    """Hands out the state, to one at a time. With a file, every transaction is on disk before it ends.

    A file that cannot be used is NeedsOperator: of `system`, which is what the connection to it is called.
    """

    def __init__(self, path: Path | None = None, people: Iterable[str] = (), system: str = "memory") -> None:
        """`people` are known from the beginning. The file is not looked at before it is needed."""
        self._path = path
        self._people = tuple(people)
        self._system = system
        self._state = self._with_people(State())
        self._lock = threading.RLock()
        self._depth = 0

    def look(self) -> None:
        """Whether the file can be used; nothing is written. Raises NeedsOperator."""
        if self._path is None:
            return
        with self._lock, self._usable(self._path):
            self._read(self._path)
            folder = next((one for one in self._path.absolute().parents if one.exists()), None)
            if folder is not None and not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if folder is not None and not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    @contextmanager
    def transaction(self) -> Iterator[State]:
        """The state, to read and to change. A change inside a failed transaction is not written to the file. Raises
        NeedsOperator."""
        with self._lock:
            if self._path is None or self._depth:
                yield self._state
                return
            with ExitStack() as held:
                with self._usable(self._path):
                    held.enter_context(_locked(self._path))
                    before, state = self._read(self._path)
                self._state = self._with_people(state)
                self._depth += 1
                try:
                    yield self._state
                finally:
                    self._depth -= 1
                after = json.dumps(asdict(self._state), ensure_ascii=True)
                if after != before:
                    with self._usable(self._path):
                        _replace(self._path, after)

    @contextmanager
    def _usable(self, path: Path) -> Iterator[None]:
        try:
            yield
        except IsADirectoryError:
            words = f"`path` names {path}, which is a folder; name a JSON file, in it or elsewhere."
            raise NeedsOperator(self._system, words) from None
        except (NotADirectoryError, FileExistsError):
            words = f"`path` names {path}, which stands below what is no folder; name a file in a folder."
            raise NeedsOperator(self._system, words) from None
        except OSError as error:
            why = error.strerror or type(error).__name__
            words = f"`path` names {path}, which cannot be read and written ({why}); mend that, or name another file."
            raise NeedsOperator(self._system, words) from None

    def _read(self, path: Path) -> tuple[str, State]:
        """The file's text and what it says. Raises OSError, or NeedsOperator for what is not ours."""
        # Anything else in the file: another program's, or half of ours.
        try:
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            return text, _loaded(text)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            words = (
                f"`path` names {path}, which does not hold what the memory tool writes; restore it, or name another "
                "file: one that is not there yet is made."
            )
            raise NeedsOperator(self._system, words) from None

    def _with_people(self, state: State) -> State:
        for email in self._people:
            state.person(email)
        return state


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
    document: Document = json.loads(text)
    kinds: dict[str, type[object]] = {"people": dict, "counter": int, "last_change": str}
    if not all(isinstance(document.get(name, kind()), kind) for name, kind in kinds.items()):
        raise TypeError
    state = State(**document)
    state.rows = {ref: _row(row) for ref, row in _documents(state.rows)}
    return state


def _documents(rows: Any) -> Iterator[tuple[str, Document]]:
    yield from rows.items()


def note_of(document: Document) -> Note:
    """A comment, also one of a file that was written before there were audiences."""
    known = {name: value for name, value in document.items() if name != "visibility"}
    return Note(**{"audience": OF_VISIBILITY[document["visibility"]].value, **known} if known != document else known)


def _row(document: Document) -> Row:
    row = Row(**{each.name: document[each.name] for each in fields(Row) if each.name in document})
    row.notes = [note_of(note) for note in document["notes"]]
    row.history = [Entry(**entry) for entry in document.get("history", ())]
    row.acts = {token: Act(**act) for token, act in document["acts"].items()}
    return row

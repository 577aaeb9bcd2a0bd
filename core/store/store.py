"""The store: one door to the database, embedded or at scale.

    with store.write() as tx:          # one transaction: all of it is committed, or nothing
        tx.execute(statement, parameters)
        tx.journal(entry)              # in the same transaction, or no act
    with store.read() as connection:   # one consistent state, never waiting for writers
        connection.execute(statement)

What goes wrong in the database leaves here as StoreUnavailable, with a sentence and a wait. IntegrityError passes
through: it is an answer. On SQLite one thread writes at a time, in the order they came, and commits that wait for each
other share one trip to the disk. On PostgreSQL transactions run side by side (READ COMMITTED): whoever reads to write
takes row locks, and takes them before the first journal entry, because from there on the journal's head is locked.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, CursorResult, Executable, Table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ClauseElement, TextClause

from tieline.core.errors import LeaseLost, StoreUnavailable
from tieline.core.identity import Someone
from tieline.core.store import engines, ownership, schema, volume
from tieline.core.store.chain import Chain, Entry, to_forget
from tieline.core.store.failures import unavailable
from tieline.core.store.keys import Keys
from tieline.core.store.many import Many, lock_names, new_ids
from tieline.core.store.persons import Entropy
from tieline.core.store.tables import incident, journal, journal_head, journal_payload
from tieline.core.store.uids import uid
from tieline.core.store.writers import PooledWriter, SerialWriter, Writer

__all__ = ["Connection", "Store", "Transaction"]

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_KEYS = "tieline.keys"
"""Under this name a connection has the keys of what is sealed in it."""

_log = logging.getLogger("tieline.store")
_JOURNAL = frozenset({journal, journal_payload, journal_head})


@dataclass(slots=True)
class Given:
    """Numbers that were given in a past which the store has forgotten, because a backup was put in its place."""

    items: int = 0
    """The largest number of an item: the next one is larger, so that none names two."""


class Transaction:
    """One write transaction: leave its `with` block and it is committed, leave it by an error and it never was.

    A statement that fails ends it, on both databases: who catches that error and goes on meets it again.
    """

    def __init__(
        self,
        connection: Connection,
        entropy: Entropy = os.urandom,
        given: Given | None = None,
        keys: Keys | None = None,
        forget_keys: Callable[[], object] = lambda: None,
    ) -> None:
        self._connection = connection
        self._entropy = entropy
        self._given = given or Given()
        self.cause: int | None = None
        """The seq of the act that brings about whatever is journalled from here on."""
        self.job: int | None = None
        """The number of the job whose step this is, if it is one's."""
        self._keys = keys
        self._forget_keys = forget_keys
        self._chain: Chain | None = None
        self._callbacks: list[Callable[[], object]] = []
        self._failure: SQLAlchemyError | None = None

    def execute(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run one statement, or one per row of a list of parameters."""
        with self._ended_by_failure():
            if self._chain is not None and self._chain.pending and _reads_journal(statement):
                self._chain.flush()
            return self._connection.execute(statement, parameters)

    def execute_many(self, many: Many, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run one prepared statement for many rows: the cheap way for a storm. Answers how many rows it touched."""
        with self._ended_by_failure():
            return many.execute(self._connection, rows)

    def execute_each(self, many: Many, rows: Sequence[Mapping[str, Any]]) -> list[int] | None:
        """Run one prepared statement row by row. Answers how many rows each one touched, and None, with nothing done,
        on a database where each would be a round trip."""
        with self._ended_by_failure():
            return many.execute_each(self._connection, rows)

    def new_ids(self, table: Table, count: int) -> Sequence[int]:
        """Ids for rows that this transaction inserts next, before anything else goes into that table."""
        with self._ended_by_failure():
            return new_ids(self._connection, table, count, self._given.items if table is incident else 0)

    def new_uid(self, at: datetime) -> str:
        """An id that is given once and never again, for something that is made at this moment."""
        return uid(at, self._entropy)

    def draw(self, count: int) -> bytes:
        """So many bytes that nobody can guess."""
        return self._entropy(count)

    def lock_names(self, names: Sequence[str]) -> None:
        """Keep other transactions from passing here with any of these names, until this one ends."""
        with self._ended_by_failure():
            lock_names(self._connection, names)

    @property
    def dialect(self) -> str:
        """The database's name: sqlite or postgresql."""
        return self._connection.dialect.name

    def journal(self, entry: Entry) -> int:
        """Append to the journal and answer the entry's seq. If it cannot be written, nothing is."""
        return self.hold_journal().append(entry)

    def person(self, someone: Someone) -> str:
        """The id that stands for somebody in the journal. From here on the journal's head is locked."""
        chain = self.hold_journal()
        with self._ended_by_failure():
            return chain.person(someone)

    def hold_journal(self) -> Chain:
        """The journal's end, which nobody else has until this transaction ends."""
        if self._chain is None:
            with self._ended_by_failure():
                behind = partial(self.on_commit, self._forget_keys)
                self._chain = Chain(self._connection, self._entropy, self._keys, behind)
        return self._chain

    @property
    def keys(self) -> Keys | None:
        """The keys of what is sealed in its journal."""
        return self._keys

    def journal_many(self, entries: Iterable[Entry]) -> list[int]:
        """Append entries in order and answer their seqs."""
        return [self.journal(entry) for entry in entries]

    def on_commit(self, call: Callable[[], object]) -> None:
        """Call this once everything is committed. What it raises is logged and harms nobody."""
        self._callbacks.append(call)

    def flush(self) -> None:
        """Send what is still in memory to the database. The store does this before it commits."""
        with self._ended_by_failure():
            if self._chain is not None:
                self._chain.flush()

    def forget_incidents(self, incidents: Sequence[int], entry: int) -> None:
        """Note that the keys of these incidents are to be forgotten, as a journal entry says."""
        chain = self.hold_journal()
        with self._ended_by_failure():
            chain.forget(incidents, entry)

    @contextmanager
    def _ended_by_failure(self) -> Iterator[None]:
        if self._failure is not None:
            # PostgreSQL refuses to go on by itself. SQLite, after a full disk, would commit every further statement.
            raise self._failure
        try:
            yield
        except SQLAlchemyError as error:
            self._failure = error
            raise

    def committed(self) -> None:
        """Run the callbacks. The store calls this after the commit, outside every lock."""
        for call in self._callbacks:
            try:
                call()
            except Exception:  # noqa: BLE001 - whatever it raises, the commit stands and the next one is told
                _log.exception("a callback failed after its transaction was committed; the transaction stands")


class Refusal:
    """What the last writes were refused for, whoever made them; "" once they are kept again.

    One that is kept proves little where another one was just refused: a full disk takes what needs no new page, such as
    a sign of life. So a refusal stands until whoever met it has tried again: twice as long as it says to wait. Where
    the volume showed by itself why (`look` answers in words, or ""), it stands no longer than that shows.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, look: Callable[[], str] = lambda: "") -> None:
        self._monotonic = monotonic
        self._look = look
        self._shows = False
        self._words = ""
        self._stands_until = 0.0
        self._kept = True

    @property
    def sentence(self) -> str:
        """Why writes are not taken; "" while they are."""
        is_over = self._kept and self._monotonic() >= self._stands_until
        return "" if is_over or (self._shows and not self._look()) else self._words

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Around one write. A turn that is over says nothing about the database."""
        try:
            yield
        except LeaseLost:
            raise
        except StoreUnavailable as error:
            self._words, self._kept, self._shows = str(error), False, bool(self._look())
            self._stands_until = self._monotonic() + 2 * error.wait.total_seconds()
            raise
        self._kept = True


def keys_of(source: Connection | Transaction) -> Keys | None:
    """The keys of what a store's connection reads."""
    keys: Keys | None = source.keys if isinstance(source, Transaction) else source.info.get(_KEYS)
    return keys


_statements: WeakKeyDictionary[Executable, bool] = WeakKeyDictionary()


def _reads_journal(statement: Executable) -> bool:
    """True for a query that would miss entries still in memory."""
    if isinstance(statement, TextClause):
        return "journal" in statement.text
    if not isinstance(statement, ClauseElement) or not statement.is_select:
        return False
    known = _statements.get(statement)
    if known is None:
        known = any(element in _JOURNAL for element in visitors.iterate(statement))
        _statements[statement] = known
    return known


class Store:
    """An open database. Safe to use from any thread; close it once."""

    def __init__(
        self,
        name: str,
        writer: Writer,
        reader: Callable[[], AbstractContextManager[Connection]],
        check: Callable[[Transaction], None] | None = None,
        refusal: Refusal | None = None,
        file: ownership.SameFile | None = None,
        entropy: Entropy = os.urandom,
        given: Given | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._name = name
        self._writer = writer
        self._reader = reader
        self._check = check
        self._refusal = refusal or Refusal()
        self._file = file or ownership.SameFile()
        self._entropy = entropy
        self.given = given or Given()
        self._keys = keys
        self.commits = 0
        """Grows with every transaction that this store has committed: whether anything happened, and not how much."""

    @classmethod
    def open(
        cls,
        address: str,
        *,
        group_commit: int = 64,
        busy: timedelta = timedelta(seconds=5),
        turn: timedelta = timedelta(seconds=30),
        share: timedelta = timedelta(milliseconds=5),
        create: bool = True,
        keys: Path | None = None,
    ) -> Store:
        """Open `sqlite:///path`, `sqlite://` (in memory) or `postgresql://…`. Creates a SQLite file with mode 0600.

        `keys` is the file of the keys that journal payloads are sealed with: by default the one beside a SQLite file,
        and none on PostgreSQL, where they are then kept as they are.

        Raises ConfigError for a file of another program, and for one that is not there and may not be
        made (`create`).

        On SQLite, up to `group_commit` transactions that wait for each other share a commit, and none joins one that is
        older than `share`; `busy` bounds the wait for another process, `turn` the wait for threads of this one. Raises
        ConfigError for an address that is none, StoreUnavailable where the file cannot be made.
        """
        url = engines.parse(address)
        name = url.set(query={}).render_as_string(hide_password=True).replace("postgresql+psycopg:", "postgresql:")
        if url.drivername != "sqlite":
            engine = engines.postgres(url)
            # A read sees one state throughout, as it does on SQLite; writes stay READ COMMITTED.
            reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            return cls(name, PooledWriter(engine), reading.begin, keys=Keys(keys) if keys is not None else None)
        if not engines.in_memory(url):
            ownership.examine(Path(str(url.database)), create=create)
        writing = engines.sqlite_writer(url, busy)
        if engines.in_memory(url):
            alone = SerialWriter(name, writing, group_commit, turn, share)
            return cls(name, alone, alone.look, keys=Keys(None))
        readers = engines.sqlite_readers(url, busy)
        writer = SerialWriter(name, writing, group_commit, turn, share, beside=readers)
        file = Path(str(url.database))
        refusal = Refusal(look=lambda: volume.trouble(file))
        kept = Keys(keys or file.with_name(f"{file.name}.keys"))
        return cls(name, writer, readers.begin, refusal=refusal, file=ownership.SameFile(file), keys=kept)

    def guarded(self, check: Callable[[Transaction], None]) -> Store:
        """The same database, whose every write begins with `check`: what it raises ends the transaction.

        It shares everything with this store, and is not closed by itself.
        """
        shared = self._refusal, self._file, self._entropy, self.given, self._keys
        return Store(self._name, self._writer, self._reader, check, *shared)

    @property
    def name(self) -> str:
        """Its address without a password, for people."""
        return self._name

    @property
    def refused(self) -> str:
        """Why the last write was not taken, as a sentence; "" while writes are taken."""
        return self._refusal.sentence

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction. On StoreUnavailable nothing was committed, unless the connection was lost in the commit, or
        another writer that shares the commit took longer than the wait for a turn."""
        with self._refusal.noted(), self._translated(), self._writer.transaction() as connection:
            self._file.prove(self._name)
            tx = Transaction(connection, self._entropy, self.given, self._keys, self.forget_keys)
            if self._check is not None:
                self._check(tx)
            yield tx
            tx.flush()
        self._file.note()
        self.commits += 1
        tx.committed()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent state of the database, for reading only."""
        with self._translated(), self._reader() as connection:
            connection.info[_KEYS] = self._keys
            yield connection

    def migrate(self, *, moved: bool = False, sealed: bool = False) -> None:
        """Bring the schema up to date, in one transaction, and forget what was to be forgotten. Raises ConfigError for
        a database newer than this code, for one whose keys are missing or others, unless it is only looked at as it
        is stored (`sealed`), and for one that was copied into another database, unless that is known (`moved`)."""
        with self._translated(), self._writer.transaction() as connection:
            schema.migrate(connection, self._name, moved=moved)
            is_behind = not sealed and schema.attach_keys(connection, self._name, self._keys)
        if is_behind:
            self.forget_keys()

    def forget_keys(self) -> None:
        """Forget for good whatever the journal says is to be forgotten: of what is committed, and while nobody else
        writes. Raises StoreUnavailable where that cannot be; whoever writes next tries again."""
        if self._keys is None:
            return
        with self.read() as connection:
            rows = to_forget(connection, self._keys.tree.forgotten)
        if not rows:
            return
        failed: StoreUnavailable | None = None
        with self.write() as tx:
            tx.hold_journal()
            try:
                self._keys.forget(rows)
            except StoreUnavailable as error:
                failed = error  # of the file: within the transaction, the database would be said to take no writes
        if failed is not None:
            raise failed

    def take_keys(self, other: Store) -> None:
        """Use the keys of a store whose rows are copied into this one."""
        if self._keys is not None and other._keys is not None:
            self._keys.take(other._keys)

    @property
    def keys(self) -> Keys | None:
        """The keys of what is sealed in its journal; None where nothing is."""
        return self._keys

    def ping(self) -> None:
        """Raises StoreUnavailable unless the database answers, and took the last write: a full disk is read well."""
        if self.refused:
            raise StoreUnavailable(self.refused)
        self._file.prove(self._name)
        with self.read() as connection:
            connection.execute(text("SELECT 1")).scalar_one()

    def scrub(self) -> None:
        """Overwrite the last traces of what was deleted, as far as the database itself keeps them."""
        with self._translated():
            self._writer.scrub()

    def close(self) -> None:
        """Wait for the write under way, then let go of every connection."""
        self._writer.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            cause = unavailable(self._name, error)
            if cause is None:
                raise
            raise cause from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

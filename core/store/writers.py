"""Who may write when: on SQLite one thread after the other with shared commits, on PostgreSQL everybody at once."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, Final, Protocol, cast

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import SQLAlchemyError

from tieline.core.errors import StoreUnavailable
from tieline.core.store.failures import unavailable
from tieline.core.store.locks import FairLock
from tieline.core.store.many import drivers_cursor

_FOLD: Final = "PRAGMA wal_checkpoint(TRUNCATE)"


class Writer(Protocol):
    """Gives out write transactions: committed when the block ends, rolled back when it raises."""

    def transaction(self) -> AbstractContextManager[Connection]: ...

    def scrub(self) -> None:
        """Overwrite what was deleted, as far as the database can."""

    def close(self) -> None:
        """Wait for the write under way, then let go of the connections."""


class PooledWriter:
    """PostgreSQL: every transaction has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def scrub(self) -> None:
        # VACUUM refuses to run inside a transaction.
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM journal_payload")

    def close(self) -> None:
        self._engine.dispose()


class _Group:
    """Transactions that share one commit. `error` says why it failed, once its fate is known."""

    def __init__(self, root: RootTransaction) -> None:
        self.root = root
        self.size = 0
        self.begun = time.monotonic()
        self.error: SQLAlchemyError | StoreUnavailable | None = None
        self._known = False
        self._told: threading.Event | None = None

    def shared(self) -> None:
        """Somebody else will commit it. Until then nobody waits, and an event for nobody costs every commit."""
        self._told = self._told or threading.Event()

    def settle(self) -> None:
        """Its fate is known."""
        self._known = True
        if self._told is not None:
            self._told.set()

    def wait(self, timeout: float) -> bool:
        """False where its fate is not known in time, or nobody else has it in hand."""
        return self._known or (self._told is not None and self._told.wait(timeout))


class SerialWriter:
    """SQLite: one connection, one thread at a time in the order they came.

    A thread whose block is done hands the open transaction to the next one that waits, and the last of them commits for
    all: under load many transactions share one trip to the disk, and alone each commits at once. A block that raises
    is undone by itself. Nobody returns before the shared commit is on disk.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        group: int,
        turn: timedelta,
        share: timedelta,
        *,
        beside: Engine | None = None,
    ) -> None:
        self._name = name
        self._engine = engine
        self._readers = beside
        self._limit = group
        self._turn = turn.total_seconds()
        self._share = share.total_seconds()
        self._lock = FairLock()
        self._owner: int | None = None
        self._connection: Connection | None = None
        self._group: _Group | None = None
        self._closed = False

    @property
    def in_line(self) -> int:
        """How many threads wait for their turn."""
        return self._lock.in_line

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One member of a group. Raises StoreUnavailable when its turn does not come in time."""
        self._take_turn()
        try:
            group = self._join()
            with self._undone_alone(group):
                yield self._open()
        except BaseException:
            self._leave()
            raise
        group.size += 1
        self._leave()
        self._await(group)

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Read on the writing connection: for a database in memory, which no other connection can see."""
        if self._owner == threading.get_ident():
            yield self._open()
            return
        self._take_turn()
        try:
            self._finish()
            with self._open().begin():
                yield self._open()
        finally:
            self._leave()

    def scrub(self) -> None:
        # Pages are overwritten when they are freed (secure_delete); older copies of them stand in the log until now.
        self._take_turn()
        try:
            self._finish()
            with drivers_cursor(self._open(), _FOLD) as cursor:
                cursor.execute(_FOLD)
        finally:
            self._leave()

    def close(self) -> None:
        self._take_turn(closing=True)
        try:
            self._finish()
            if self._connection is not None:
                self._connection.close()
            self._closed = True
            # Readers go first: whoever closes a WAL database last folds its log into the file.
            if self._readers is not None:
                self._readers.dispose()
            self._engine.dispose()
        finally:
            self._leave()

    def _take_turn(self, *, closing: bool = False) -> None:
        if self._owner == threading.get_ident():
            raise RuntimeError("a write inside a write would wait for itself; pass the transaction down instead")
        if not self._lock.acquire(self._turn):
            raise StoreUnavailable(
                f"{self._name}: other threads have been writing for {self._turn:.0f} s. Look for a transaction that "
                "waits for something outside the store.",
                timedelta(seconds=1),
            )
        if self._closed and not closing:
            self._lock.release()
            raise StoreUnavailable(f"{self._name}: it is closed. This process is shutting down.", timedelta(seconds=1))
        self._owner = threading.get_ident()

    def _open(self) -> Connection:
        if self._connection is None or self._connection.invalidated:
            self._connection = self._engine.connect()
        return self._connection

    def _join(self) -> _Group:
        if self._group is None:
            self._group = _Group(self._open().begin())
        return self._group

    @contextmanager
    def _undone_alone(self, group: _Group) -> Iterator[None]:
        """Undo only this member when its block raises. The first member needs no savepoint: nothing is before it."""
        if group.size == 0:
            try:
                yield
            except BaseException:
                self._group = None
                group.root.rollback()
                raise
            return
        savepoint = self._open().begin_nested()
        try:
            yield
            savepoint.commit()
        except BaseException as error:
            if self._in_transaction():
                savepoint.rollback()
                raise
            # A full disk or an I/O error undoes the whole transaction in SQLite, and so for the whole group.
            self._fail(group, self._undone())
            if isinstance(error, SQLAlchemyError) and unavailable(self._name, error) is None:
                raise self._undone() from error
            raise

    def _leave(self) -> None:
        """Give up the turn: to the next writer with the group still open, or after committing it."""
        self._owner = None
        group = self._group
        if group is not None and self._is_young(group) and self._lock.in_line:
            group.shared()
            if self._lock.hand_over():
                return
        try:
            self._finish()
        finally:
            self._lock.release()

    def _is_young(self, group: _Group) -> bool:
        return group.size < self._limit and time.monotonic() - group.begun < self._share

    def _finish(self) -> None:
        """Commit the open group, if there is one. Its members learn the outcome from the group."""
        group, self._group = self._group, None
        if group is None:
            return
        try:
            if not self._in_transaction():
                # SQLite undid everything after a full disk or an I/O error, and somebody overlooked that error.
                raise self._undone()
            group.root.commit()
        except (SQLAlchemyError, StoreUnavailable) as error:
            self._fail(group, error)  # every member raises it from _await, in its own thread
        except BaseException:
            self._fail(group, self._undone())
            raise
        else:
            group.settle()

    def _in_transaction(self) -> bool:
        return self._driver().in_transaction

    def _driver(self) -> sqlite3.Connection:
        driver: Any = self._open().connection.driver_connection
        return cast("sqlite3.Connection", driver)

    def _undone(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._name}: the transaction was undone before it could be committed. It is tried again.",
            timedelta(seconds=1),
        )

    def _fail(self, group: _Group, error: SQLAlchemyError | StoreUnavailable) -> None:
        self._group = None
        group.error = error
        try:
            group.root.rollback()
            # After a commit that failed, SQLAlchemy holds the transaction for ended; SQLite keeps it open.
            self._driver().rollback()
        finally:
            group.settle()

    def _await(self, group: _Group) -> None:
        while not group.wait(self._turn):
            # The thread that was to commit is gone. Whoever waits longest does it.
            self._take_turn()
            self._leave()
        if group.error is not None:
            raise group.error

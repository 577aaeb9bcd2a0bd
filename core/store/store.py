"""The store: one writer at a time, many readers, and either everything of a transaction or nothing.

SQLite runs in WAL mode with synchronous=FULL, so that what was committed survives a power cut. Whatever a database
does wrong (full, locked, read-only, away) becomes StoreUnavailable; nothing was stored then, and it may be tried again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, event
from sqlalchemy.engine import CursorResult, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import NullPool, QueuePool

from tieline.core.errors import StoreUnavailable
from tieline.core.journal import Entry, append
from tieline.core.store.migrate import migrate

__all__ = ["Connection", "Store", "Transaction"]

BUSY: Final = timedelta(seconds=5)
"""How long a write waits for another process before it gives up and is tried again."""

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Transaction:
    """One write transaction: statements, journal entries, and what is to happen once it is committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._after: list[Callable[[], None]] = []

    def execute(self, statement: Any, parameters: Parameters | None = None) -> CursorResult[Any]:
        """Run one statement; a sequence of parameters runs it for each."""
        return self.connection.execute(statement, parameters)

    def journal(self, entry: Entry) -> int:
        """Append to the journal in this transaction; answers the entry's seq. If this fails, nothing is stored."""
        return append(self.connection, [entry])[0]

    def on_commit(self, act: Callable[[], None]) -> None:
        """Do something once the transaction is safe; it must not raise and must be cheap."""
        self._after.append(act)

    def committed(self) -> None:
        """Run what waited for the commit."""
        for act in self._after:
            act()


class Store:
    """The database behind a URL: `sqlite:///path` or `postgresql://…`."""

    def __init__(self, engine: sa.Engine, *, single_writer: bool) -> None:
        self._engine = engine
        self._writer = threading.Lock() if single_writer else None

    @classmethod
    def open(cls, url: str) -> Store:
        """Open the database, without touching its schema. Raises StoreUnavailable."""
        target = make_url(url)
        if target.get_backend_name() == "sqlite":
            return cls(_sqlite(target), single_writer=True)
        if target.get_backend_name() == "postgresql":
            engine = sa.create_engine(
                target.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                pool_size=10,
                max_overflow=20,
                connect_args={"options": "-c lock_timeout=10s -c statement_timeout=60s", "connect_timeout": 5},
            )
            return cls(engine, single_writer=False)
        raise ValueError(f"{target.get_backend_name()!r} is not a store; write sqlite:///path or postgresql://…")

    @property
    def engine(self) -> sa.Engine:
        """The SQLAlchemy engine, for migrations and tools."""
        return self._engine

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def migrate(self) -> None:
        """Bring the schema to what this version knows. Raises StoreUnavailable, or ConfigError for a newer database."""
        with self._translated():
            migrate(self._engine)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One write transaction: committed at the end of the block, rolled back when it raises."""
        if self._writer is not None:
            self._writer.acquire()
        try:
            with self._translated(), self._engine.connect() as connection:
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                tx = Transaction(connection)
                try:
                    yield tx
                except BaseException:
                    connection.rollback()
                    raise
                connection.commit()
        finally:
            if self._writer is not None:
                self._writer.release()
        tx.committed()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view for reading; it never waits for writers."""
        with self._translated(), self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    def ping(self) -> None:
        """Prove that the store answers. Raises StoreUnavailable."""
        with self.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (OperationalError, DBAPIError, sa.exc.TimeoutError) as error:
            raise unavailable(error) from error


def unavailable(error: Exception) -> StoreUnavailable:
    """The sentence for a database's failure."""
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    words = cause.lower()
    if "full" in words or "no space" in words:
        return StoreUnavailable(f"the disk is full ({cause}); make room, it goes on by itself")
    if "locked" in words or "busy" in words or "lock timeout" in words:
        return StoreUnavailable(f"another process holds the database ({cause})", timedelta(seconds=1))
    if "readonly" in words or "read-only" in words:
        return StoreUnavailable(f"the database cannot be written ({cause}); give the account write permission")
    return StoreUnavailable(f"the database failed ({cause})")


def _sqlite(target: sa.URL) -> sa.Engine:
    path = target.database
    if path and path != ":memory:":
        _create_private(Path(path))
    engine = sa.create_engine(
        target.set(drivername="sqlite+pysqlite"),
        poolclass=QueuePool if path and path != ":memory:" else NullPool,
        **({"pool_size": 32, "max_overflow": 64} if path and path != ":memory:" else {}),
        connect_args={"check_same_thread": False, "timeout": BUSY.total_seconds(), "cached_statements": 512},
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: Any, _record: Any) -> None:
        # The driver must not open transactions of its own: BEGIN IMMEDIATE is what makes writers queue.
        raw.isolation_level = None
        cursor = raw.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _create_private(path: Path) -> None:
    """Create the file readable by its owner alone; incidents are nobody else's business."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be created: {error.strerror}") from None

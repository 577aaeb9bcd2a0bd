"""Opening the two databases: what each must be told so that a commit is a promise and no wait is without end."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool
from sqlalchemy.util import LRUCache

from tieline.core.errors import ConfigError, Problem, StoreUnavailable
from tieline.core.store import ownership

_KINDS = ("sqlite", "postgresql", "postgres", "postgresql+psycopg")
_READERS = 8
_WAL_ATTEMPTS = 100
_POSTGRES_SETTINGS = (
    "SET statement_timeout = '60s'",
    "SET lock_timeout = '10s'",
    # A worker that goes silent in the middle keeps everybody from what it has locked, mostly the head of the journal.
    # As long as the default of `lease`: then its turn is another one's, and what it had begun would be refused.
    "SET idle_in_transaction_session_timeout = '20s'",
    "SET TIME ZONE 'UTC'",
)


def parse(address: str) -> URL:
    """The address of a store. Raises ConfigError for one that is neither SQLite nor PostgreSQL."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise _refused("it is not a database address") from None
    if url.drivername not in _KINDS:
        raise _refused(f"{url.drivername} is not a database that Tieline can use")
    return url if url.drivername == "sqlite" else url.set(drivername="postgresql+psycopg")


def conninfo(address: str) -> str:
    """The same PostgreSQL as its own library names it, with the password: never for people."""
    return parse(address).set(drivername="postgresql").render_as_string(hide_password=False)


def is_postgres(address: str) -> bool:
    """True for a store that several workers can share."""
    return parse(address).drivername != "sqlite"


def file_of(address: str) -> Path | None:
    """The file of a SQLite store; None for one in memory, and for PostgreSQL."""
    url = parse(address)
    return None if url.drivername != "sqlite" or in_memory(url) else Path(str(url.database))


def _refused(what: str) -> ConfigError:
    # The address may hold a password, so it is not repeated.
    fix = "write sqlite:///path/to/tieline.db or postgresql://user@host/database."
    return ConfigError([Problem("store", 0, 0, "STORE001", f"{what}.", fix)])


def in_memory(url: URL) -> bool:
    """True for a SQLite database that lives and dies with its connection."""
    return url.drivername == "sqlite" and url.database in (None, "", ":memory:")


class _Compiled(LRUCache[Any, Any]):
    """What statements are in SQL, for every engine of this process: a store has several, and is opened anew at each
    reload. The first part of a key is the dialect, of which each engine has one of its own."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_any_engine(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_of_any_engine(key), value)


def _of_any_engine(key: tuple[Any, ...]) -> tuple[Any, ...]:
    dialect = key[0]
    return dialect.name, dialect.server_version_info, *key[1:]


_COMPILED = _Compiled(2_000)


def sqlite_writer(url: URL, busy: timedelta) -> Engine:
    """The one connection that writes. Every commit reaches the disk before it returns (`synchronous=FULL`)."""
    if not in_memory(url):
        _create_private(Path(str(url.database)))
    engine = create_engine(
        url,
        poolclass=StaticPool,
        hide_parameters=True,
        execution_options={"compiled_cache": _COMPILED},
        # isolation_level None: we say BEGIN ourselves. Threads take turns under our own lock.
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": busy.total_seconds()},
    )
    event.listen(engine, "connect", _prepare_writer)
    event.listen(engine, "invalidate", _undo)
    # BEGIN alone would take the write lock at the first write, and fail there if anybody else was faster.
    _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def sqlite_readers(url: URL, busy: timedelta) -> Engine:
    """Connections that cannot write; each transaction sees one state of the database throughout."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=_READERS,
        max_overflow=_READERS * 3,
        pool_timeout=10,
        hide_parameters=True,
        execution_options={"compiled_cache": _COMPILED},
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": busy.total_seconds()},
    )
    event.listen(engine, "connect", _prepare_reader)
    _begin_with(engine, "BEGIN")
    return engine


def postgres(url: URL) -> Engine:
    """A pool of connections, each tried before it is given out; every wait is bounded."""
    engine = create_engine(
        url,
        pool_size=_READERS,
        max_overflow=_READERS,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        execution_options={"compiled_cache": _COMPILED},
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": 5,
            "application_name": "tieline",
            "keepalives_idle": 30,
            "tcp_user_timeout": 20_000,
        },
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _create_private(path: Path) -> None:
    """Make the file readable by its owner alone, or by a group that may write it, before SQLite first writes to it; its
    WAL inherits the mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        # Somebody else's file keeps its mode; whether it can be used shows at the first statement.
        with suppress(PermissionError):
            mode = path.stat().st_mode & 0o777
            if mode != ownership.kept_mode(mode) and _may_be_ours(path):
                path.chmod(ownership.kept_mode(mode))
    except OSError as error:
        raise StoreUnavailable(
            f"sqlite:///{path}: it cannot be created ({error.strerror}). Make its folder writable.",
            timedelta(seconds=30),
        ) from None


def _may_be_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(ownership.HEADER)) in (b"", ownership.HEADER)


def _prepare_writer(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    switch_to_wal(connection)
    _pragmas(
        connection,
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "journal_size_limit=67108864",
    )


def _undo(connection: DBAPIConnection, _entry: ConnectionPoolEntry, _error: BaseException | None) -> None:
    """Let go of the write lock where Ctrl-C gives up a connection: though closed, SQLite keeps it with its transaction
    as long as anybody knows its last statement, and the traceback does."""
    with suppress(sqlite3.Error):
        connection.rollback()


def switch_to_wal(connection: DBAPIConnection, pause: float = 0.02) -> None:
    """The log is a property of the file: the first to open it switches, and two that do so at once collide.

    `pause` is in seconds, between attempts.
    """
    for attempts_left in reversed(range(_WAL_ATTEMPTS)):
        try:
            _pragmas(connection, "journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # SQLite answers "locked" at once here, without the wait that every other statement gets.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not attempts_left:
                raise
            time.sleep(pause)


def _prepare_reader(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    _pragmas(connection, "query_only=ON", "temp_store=MEMORY")


def _pragmas(connection: DBAPIConnection, *pragmas: str) -> None:
    cursor = connection.cursor()
    try:
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin_with(engine: Engine, statement: str) -> None:
    """Begin every transaction with these words. SQLAlchemy's event for it makes each statement slower, and says them
    through its whole machinery: a third of what an empty transaction costs."""

    def begin(connection: DBAPIConnection) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute(statement)
        finally:
            cursor.close()

    engine.dialect.do_begin = begin  # type: ignore[method-assign, assignment]


def _prepare_postgres(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        for statement in _POSTGRES_SETTINGS:
            cursor.execute(statement)
        cursor.execute("SHOW synchronous_commit")
        # A 2xx promises that the event is on disk. Stricter settings (remote_apply) are left alone.
        if cursor.fetchone() == ("off",):
            cursor.execute("SET synchronous_commit = on")
    finally:
        cursor.close()
    connection.commit()


def driver_connection(connection: Connection) -> sqlite3.Connection | None:
    """SQLite's own connection underneath, or None for PostgreSQL."""
    driver: Any = connection.connection.driver_connection
    return driver if isinstance(driver, sqlite3.Connection) else None

"""What went wrong in the database, as a sentence for people and a wait for the daemon.

Only what may pass by itself or by an operator's act becomes StoreUnavailable. A broken constraint stays SQLAlchemy's
IntegrityError, and a statement that can never work stays what it is: trying it again would loop for ever.
"""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta
from pathlib import Path

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tieline.core.errors import StoreUnavailable
from tieline.core.store import volume

_SQLITE = {
    sqlite3.SQLITE_FULL: (volume.FULL, 30.0),
    sqlite3.SQLITE_BUSY: ("another process holds the write lock. Stop it, or wait until it is done", 1.0),
    sqlite3.SQLITE_LOCKED: ("another connection holds the write lock. Wait until it is done", 1.0),
    sqlite3.SQLITE_READONLY: ("it can only be read. Make the file and its folder writable for this user", 30.0),
    sqlite3.SQLITE_PERM: ("access is denied. Make the file and its folder writable for this user", 30.0),
    sqlite3.SQLITE_IOERR: ("the disk answered with an I/O error. Check the volume it is on", 10.0),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened. Check that its folder exists and is writable", 30.0),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged. Stop, keep a copy, and restore the last backup", 60.0),
    sqlite3.SQLITE_NOTADB: ("the file is not a SQLite database. Point `store` at the right file", 60.0),
    sqlite3.SQLITE_NOMEM: ("it ran out of memory. Free memory on this machine", 10.0),
    sqlite3.SQLITE_PROTOCOL: ("other processes hold its lock file. Wait until they are done", 1.0),
}

_UNWRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""What is said of a file where its volume may be to blame."""

# SQLSTATE, or its first two characters: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES = {
    "53100": ("its disk is full. Free space on the database server", 30.0),
    "53200": ("it ran out of memory. Look at the database server", 10.0),
    "53300": ("it has no connection left. Raise max_connections or run fewer workers", 5.0),
    "53": ("it lacks resources. Look at the database server", 10.0),
    "55P03": ("a lock was not granted in time. Another transaction holds it; it is tried again", 1.0),
    "57014": ("a statement took longer than allowed. Look for a lock or a missing index", 1.0),
    "25P03": ("the transaction sat idle for too long and was ended. It is tried again", 1.0),
    "25006": ("it can only be read: a standby, or default_transaction_read_only. Point `store` at the primary", 10.0),
    "40": ("it gave way to another transaction. It is tried again", 0.1),
    "28": ("it refused the login. Check user, password and pg_hba.conf", 30.0),
    "3D": ("the database does not exist. Create it, or correct `store`", 30.0),
    "58": ("it met a system error. Look at the database server's log", 10.0),
    "XX": ("it reports damage or an internal error. Look at the database server's log", 60.0),
}

# A login that fails has no SQLSTATE, only words: those of libpq, of psycopg and of the server.
_NO_LOGIN = (
    (
        r"failed to resolve host|could not translate host",
        ("the name of its host does not resolve. Correct it", 10.0),
    ),
    (r"database .* does not exist", _POSTGRES["3D"]),
    (r"password|role .* does not exist|pg_hba\.conf|authentication", _POSTGRES["28"]),
    (r"too many (?:clients|connections)|connection slots", _POSTGRES["53300"]),
    (r"starting up|shutting down|recovery", ("it is starting or stopping. It is tried again", 2.0)),
    (
        r"certificate|not support SSL|sslmode",  # what a lost connection is told with speaks of SSL, too
        ("it gives no TLS as wanted. Look at its certificate, and at `sslmode` and `sslrootcert` in `store`", 30.0),
    ),
    (r"timeout expired|timed out", ("it did not answer in time. Check the address, and what stands in between", 5.0)),
)
_AWAY = ("the connection was lost or refused. Check that it runs and can be reached", 2.0)
_NOT_SET_UP = ("it has no tables yet. Start `tieline run` once, which creates them", 30.0)
_OURS = (IntegrityError, DataError, ProgrammingError, NotSupportedError)


def unavailable(name: str, error: SQLAlchemyError) -> StoreUnavailable | None:
    """The failure as StoreUnavailable, or None for an error that trying again cannot cure.

    `name` is the store's address without its password.
    """
    if isinstance(error, PoolTimeout):
        return _sentence(name, "all its connections are busy. They are shared by too many threads", 1.0)
    if not isinstance(error, DBAPIError):
        return None
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _from_sqlite(name, cause)
    state = getattr(cause, "sqlstate", None)
    if isinstance(state, str):
        if state == "42P01":
            return _sentence(name, *_NOT_SET_UP)
        if isinstance(error, _OURS) and state[:2] not in _POSTGRES:
            return None
        return _sentence(name, *(_POSTGRES.get(state) or _POSTGRES.get(state[:2]) or _AWAY))
    return None if isinstance(error, _OURS) else _sentence(name, *_no_login(str(cause)))


def _no_login(said: str) -> tuple[str, float]:
    """Why nobody was let in, or the connection broke. Only our own words: a driver's may hold what is secret."""
    return next((words for pattern, words in _NO_LOGIN if re.search(pattern, said)), _AWAY)


def _from_sqlite(name: str, cause: sqlite3.Error) -> StoreUnavailable | None:
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        # Raised by Python's module itself. "Cannot operate on a closed database" is a shutdown; the rest are mistakes.
        closed = isinstance(cause, sqlite3.ProgrammingError) and "closed" in str(cause)
        return _sentence(name, "it is closed. This process is shutting down", 1.0) if closed else None
    if code == sqlite3.SQLITE_ERROR and str(cause).startswith("no such table"):
        return _sentence(name, *_NOT_SET_UP)
    known = _SQLITE.get(code & 0xFF)  # the low byte is the primary code of an extended one
    if known is None:
        return None
    words, wait = known
    if code & 0xFF in _UNWRITABLE:
        # SQLite says of a volume that can only be read that a file beside the store cannot be opened.
        words = volume.trouble(Path(name.removeprefix("sqlite:///"))) or words
    return _sentence(name, words, wait)


def _sentence(name: str, what: str, seconds: float) -> StoreUnavailable:
    return StoreUnavailable(f"{name}: {what}.", timedelta(seconds=seconds))

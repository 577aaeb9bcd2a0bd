"""Whose a SQLite file is: ours say so in the file's header, and nobody else's is written into.

Asked before the file is opened for writing, because the switch to a write-ahead log alone would change it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from tieline.core.errors import ConfigError, Problem, StoreUnavailable

APPLICATION_ID: Final = 0x54494C4E
"""`TILN`, in the header of the file (https://www.sqlite.org/pragma.html#pragma_application_id)."""

HEADER: Final = b"SQLite format 3\0"
"""What every SQLite database begins with (https://www.sqlite.org/fileformat.html)."""

_OURS: Final = frozenset({"journal", "journal_head", "replica", "alembic_version"})
"""The tables by which a store is known that was made before stores said whose they are."""


def kept_mode(mode: int) -> int:
    """What stays of a file's permissions: for others nothing, for its group nothing unless it may write."""
    return mode & (0o770 if mode & 0o020 else 0o700)


def examine(path: Path, *, create: bool) -> None:
    """Raises ConfigError for a file of another program, for what is no file, and, unless it may be created, for one
    that is not there.

    What cannot be read is left to the first statement, which says why.
    """
    if not path.exists():
        if not create:
            raise _missing(path)
        return
    if not path.is_file():
        raise _no_file(path)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            number = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return
    if number == APPLICATION_ID or (number == 0 and tables >= _OURS):
        return
    if number or tables:
        raise _foreign(path, "a database of another program")
    if path.stat().st_size and not _begins_as_database(path):
        # SQLite takes a single byte for an empty database.
        raise _foreign(path, "no database")
    if not create:
        raise _missing(path)


def is_new(path: Path) -> bool:
    """Whether a store would be made there: where nothing is, and in a file that holds nothing, as a restore that failed
    may leave it."""
    try:
        return path.stat().st_size == 0
    except OSError:
        return True


def sign(connection: Connection) -> None:
    """Write into the file's header that it is ours; once."""
    if connection.dialect.name != "sqlite":
        return
    if connection.execute(text("PRAGMA application_id")).scalar() != APPLICATION_ID:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _missing(path: Path) -> ConfigError:
    what = f"there is no store at {path}; nothing was created."
    fix = "correct `store:` in tieline.yaml if it should be there; a new one is made by `tieline run`."
    return ConfigError([Problem("store", 0, 0, "STORE007", what, fix)])


def _no_file(path: Path) -> ConfigError:
    what, fix = f"{path} is no file; nothing was changed.", "name a file in `store:`."
    if path.is_dir():
        what, fix = f"{path} is a folder; nothing was changed.", f"name a file, like sqlite:///{path}/tieline.db."
    return ConfigError([Problem("store", 0, 0, "STORE009", what, fix)])


def _begins_as_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def _foreign(path: Path, kind: str) -> ConfigError:
    what = f"{path} is {kind}; nothing was written into it."
    fix = "name a file of its own in `store:`."
    return ConfigError([Problem("store", 0, 0, "STORE008", what, fix)])


class SameFile:
    """Whether a SQLite file stands where it was first written to. One that is moved or deleted under a process goes on
    taking writes that nobody finds again."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._known: tuple[int, int] | None = None

    def note(self) -> None:
        """It was written to: a file that some layers of file systems copy for that is another one from then on."""
        if self._file is not None and self._known is None:
            self._known = self._stands()

    def prove(self, name: str) -> None:
        """Raises StoreUnavailable where another file stands there by now, or none."""
        if self._known is not None and self._stands() != self._known:
            raise StoreUnavailable(
                f"{name}: its file was moved, deleted or replaced while this process works on it. Stop the process, "
                "put the file back with its -wal beside it, and start again.",
                timedelta(seconds=5),
            )

    def _stands(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat() if self._file is not None else None
        except OSError:
            return None
        return (found.st_dev, found.st_ino) if found is not None else None

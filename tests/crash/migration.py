"""A migration killed at each of its statements: the next start must find, or make, what an undisturbed one does.

Two migrations: the first schema from nothing, and one revision on that carries data along. The second one is made up,
since nothing has been released yet from which an upgrade could lead anywhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, MetaData, event, inspect, text
from tests.crash.fuse import Fuse, watch_commits
from tests.crash.matrix import Report, Shelf

from tieline.core import journal
from tieline.core.store import schema
from tieline.core.store.store import Store

NEXT: Final = '''\
"""Made up: new columns, values moved between tables, a table and an index more, a column less."""

import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("incident", sa.Column("made_up", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE incident SET made_up = 'revision ' || revision")
    op.create_table(
        "made_up",
        sa.Column("replica_id", sa.BigInteger(), primary_key=True),
        sa.Column("address", sa.Text(), nullable=False),
    )
    op.execute("INSERT INTO made_up (replica_id, address) SELECT id, url FROM replica")
    op.create_index("ix_made_up_address", "made_up", ["address"])
    op.execute("UPDATE replica SET url = '' WHERE id IN (SELECT replica_id FROM made_up)")
    op.execute("DELETE FROM delivery WHERE received_at < (SELECT max(received_at) FROM delivery)")
    op.drop_column("connection", "reason")
'''


def next_revision(folder: Path) -> Path:
    """The migrations as they are, and one more."""
    made = folder / "migrations"
    shutil.copytree(schema._MIGRATIONS, made, ignore=shutil.ignore_patterns("__pycache__"))
    (made / "versions" / "next.py").write_text(NEXT.format(before=schema.REVISION))
    return made


def migrate(address: str, revisions: Path | None, burns_at: int | None) -> list[str] | None:
    """Start on a store in a process of its own; None when it was killed, else its points."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            points = _migrate(address, revisions, burns_at)
            os.write(writing, "\n".join(points).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        points = pipe.read().splitlines()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    if status:
        raise RuntimeError("the migration failed")
    return points


def _migrate(address: str, revisions: Path | None, burns_at: int | None) -> list[str]:
    if revisions is not None:
        schema._MIGRATIONS = revisions
        schema.REVISION = "next"  # type: ignore[misc]  # in this process a newer version of Tieline is installed
    fuse = Fuse(burns_at, lambda _point: None)
    with Store.open(address) as store:
        watch_commits(store, fuse)
        event.listen(Engine, "before_cursor_execute", lambda *_: fuse.reach("before a statement"))
        event.listen(Engine, "after_cursor_execute", lambda *_: fuse.reach("after a statement"))
        store.migrate()
    return fuse.points


def picture(address: str) -> str:
    """Schema and data of a database as one hash. Raises JournalBroken when its journal does not verify."""
    with Store.open(address) as store:
        journal.verify(store)
        with store.read() as connection:
            found: list[Any] = []
            inspector = inspect(connection)
            known = MetaData()
            known.reflect(connection)
            for table in sorted(known.tables.values(), key=lambda one: one.name):
                found.append((table.name, [(one.name, str(one.type), one.nullable) for one in table.columns]))
                found.append(sorted(str(one["name"]) for one in inspector.get_indexes(table.name)))
                names = ", ".join(f'"{one.name}"' for one in table.columns)
                rows = connection.execute(text(f'SELECT {names} FROM "{table.name}"'))
                found.append(sorted(repr(tuple(row)) for row in rows))
            source = "sqlite_master WHERE type = 'trigger'"
            if connection.dialect.name != "sqlite":
                source = "pg_trigger WHERE NOT tgisinternal"
            name = "name" if connection.dialect.name == "sqlite" else "tgname"
            found.append(sorted(connection.execute(text(f"SELECT {name} FROM {source}")).scalars()))
    return sha256(repr(found).encode()).hexdigest()


def die_everywhere(shelf: Shelf, number: int, revisions: Path | None, pick: Callable[[int], bool]) -> Report:
    """Migrate what is kept under `number`: undisturbed, then killed at each point that `pick` wants."""
    began = time.monotonic()
    shelf.put_back(number)
    points = migrate(shelf.address, revisions, None)
    if points is None:
        raise RuntimeError("nobody killed it, and it died")
    whole = picture(shelf.address)
    report = Report(points=len(points))
    for at in range(1, len(points) + 1):
        if not pick(at):
            continue
        shelf.put_back(number)
        report.ran += 1
        report.kinds[points[at - 1]] += 1
        died = migrate(shelf.address, revisions, at) is None
        migrate(shelf.address, revisions, None)
        if died and picture(shelf.address) == whole:
            report.clean += 1
        else:
            report.failures.append(f"killed {points[at - 1]} (point {at} of {len(points)})")
    report.seconds = round(time.monotonic() - began, 1)
    return report

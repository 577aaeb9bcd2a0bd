"""Procrastinate's own tables beside ours, made and moved forward under a lock, by whichever worker comes first."""

from __future__ import annotations

from typing import Final

import psycopg
from procrastinate.schema import SchemaManager, migrations_path

_LOCK: Final = 7_461_201_912  # any number, as long as every worker uses the same one
_APPLIED: Final = (
    "SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class'), to_regclass('procrastinate_jobs')"
)


def pending(files: list[str], applied: str) -> list[str]:
    """The migrations to run now: all that follow `applied`, but for the last clean-up.

    A new release brings `pre` files, which old workers do not notice, and `post` files, which they do not survive:
    those wait for the release after it, when nobody is old any more.
    """
    later = [file for file in sorted(files) if file > applied]
    while later and "_post_" in later[-1]:
        later.pop()
    return later


def install(conninfo: str) -> list[str]:
    """Make the tables, or bring them up to date. Answers what was run. Raises psycopg.Error."""
    files = sorted(file.name for file in migrations_path.glob("*.sql"))
    with psycopg.connect(conninfo, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        found = connection.execute(_APPLIED).fetchone()
        applied, table = found if found is not None else (None, None)
        if table is None:
            connection.execute(SchemaManager.get_schema().encode())
            _remember(connection, files[-1])
            return ["schema.sql"]
        run = pending(files, applied or files[-1])
        for file in run:
            connection.execute((migrations_path / file).read_bytes())
        if run:
            _remember(connection, run[-1])
        return run


def _remember(connection: psycopg.Connection[tuple[object, ...]], file: str) -> None:
    # A comment cannot take a parameter; the name is one of the library's own files.
    connection.execute(f"COMMENT ON TABLE procrastinate_jobs IS '{file}'".encode())

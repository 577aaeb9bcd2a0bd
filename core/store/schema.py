"""The schema in a database: made at once where there is none, moved forward by Alembic where there is an older one.

Both ways end in the same schema, which a test proves. What the journal may not do is said by triggers, so that it holds
for every program that opens the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Dialect, Index, Table, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable

from tieline.core.errors import ConfigError, Problem, as_sentence
from tieline.core.events import StoreMoved
from tieline.core.store import ownership
from tieline.core.store.chain import GENESIS
from tieline.core.store.failures import unavailable
from tieline.core.store.keys import Keys
from tieline.core.store.tables import metadata

REVISION: Final = "0019"
"""The revision this code was written for. The newest file in `migrations/versions` carries the same."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_461_201_911  # any number, as long as every worker uses the same one

# table -> the statements it refuses
_APPEND_ONLY = {
    "journal": ("UPDATE", "DELETE"),
    "journal_payload": ("UPDATE",),
    "journal_shredded": ("UPDATE", "DELETE"),
    "journal_head": ("DELETE",),
}
_APPEND_ONLY_SINCE = {"journal_forgotten": ("UPDATE", "DELETE")}
_MAY_GO = (
    "SELECT 1 FROM journal_shredded AS s JOIN journal AS j ON j.seq = s.entry "
    "WHERE s.seq = OLD.seq AND j.kind = 'shredded' AND j.seq > s.seq"
)


def triggers(dialect: str) -> list[str]:
    """The statements that make the journal append-only, and its payloads deletable only through `shred`."""
    return [
        *_append_only(dialect, _APPEND_ONLY),
        _refuse(dialect, "journal_payload", "DELETE", "a payload goes only through shred", unless=_MAY_GO),
    ]


def triggers_of_keys(dialect: str) -> list[str]:
    """The same for what was to be forgotten, which schemas before 0015 had no table for."""
    return _append_only(dialect, _APPEND_ONLY_SINCE)


def _append_only(dialect: str, tables: Mapping[str, Sequence[str]]) -> list[str]:
    made = [
        _refuse(dialect, table, verb, f"{table} is append-only: {verb} is refused")
        for table, verbs in tables.items()
        for verb in verbs
    ]
    if dialect == "sqlite":
        return made
    return [
        *made,
        _function("journal_truncate_refused", "RAISE EXCEPTION 'the journal is append-only: TRUNCATE is refused' "),
        *(
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION journal_truncate_refused()"
            for table in tables
        ),
    ]


def _refuse(dialect: str, table: str, verb: str, why: str, unless: str = "") -> str:
    name = f"{table}_{verb.lower()}"
    if dialect == "sqlite":
        when = f"WHEN NOT EXISTS ({unless}) " if unless else ""
        return f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{why}'); END"
    guard = f"IF EXISTS ({unless}) THEN RETURN OLD; END IF; " if unless else ""
    return (
        _function(f"{name}_refused", f"{guard}RAISE EXCEPTION '{why}' ")
        + f"; CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}_refused()"
    )


def _function(name: str, body: str) -> str:
    # The error class of a broken constraint: it reaches Python as IntegrityError, as it does from SQLite.
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {body} USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )


def revision_of(connection: Connection) -> str | None:
    """The revision a database is at; None where Tieline has never been."""
    if "alembic_version" not in inspect(connection).get_table_names():
        return None
    found: Any = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def migrate(connection: Connection, name: str, *, moved: bool = False) -> None:
    """Bring the schema to REVISION inside the caller's transaction: all of it, or nothing.

    Raises ConfigError for a database that newer code has written, for one whose tables are not those of its revision,
    and, unless `moved`, for one that was copied away; `name` is its address without a password.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    found = revision_of(connection)
    if found != REVISION:
        _bring_up(connection, name, found)
    elif not moved:
        _refuse_if_moved(connection, name)
    ownership.sign(connection)


def _bring_up(connection: Connection, name: str, found: str | None) -> None:
    try:
        if found is None:
            _create(connection)
        else:
            upgrade(connection, name, found)
    except DBAPIError as error:
        if unavailable(name, error) is not None:
            raise
        raise _not_brought_up(name, error.orig or error) from error


def _refuse_if_moved(connection: Connection, name: str) -> None:
    row = connection.execute(
        text(
            "SELECT j.kind, p.payload FROM journal AS j LEFT JOIN journal_payload AS p ON p.seq = j.seq "
            "ORDER BY j.seq DESC LIMIT 1"
        )
    ).first()
    if row is None or row.kind != StoreMoved.KIND:
        return
    target = orjson.loads(row.payload)["to"] if row.payload else "another database"
    what = f"this store ({name}) was copied into {target}, and its copy is the one in use."
    fix = "write that address into `store:`; to use this one again after all: tieline store reopen."
    raise ConfigError([Problem(name, 0, 0, "STORE006", what, fix)])


_KEYS = text("SELECT key_name, seq, forgotten FROM journal_head WHERE id = 1")
_KEYS_LOCKED = text("SELECT key_name, seq, forgotten FROM journal_head WHERE id = 1 FOR UPDATE")
_NAME_KEYS = text("UPDATE journal_head SET key_name = :name WHERE id = 1")


def attach_keys(connection: Connection, name: str, keys: Keys | None) -> bool:
    """Make sure that these are the keys which this journal's payloads are sealed with. Where none are yet, they are
    from now on, and made where there are none. Answers whether some of them are still to be forgotten. Raises
    ConfigError where its own are missing, or others are named."""
    head = connection.execute(_KEYS if connection.dialect.name == "sqlite" else _KEYS_LOCKED).first()
    if head is None:
        return False  # whoever appends, or verifies, says what is wrong
    known, seq, forgotten = head
    if keys is None:
        if known and seq:
            what = f"the journal's payloads in {name} are sealed, and the file of their keys is not named."
            fix = "write its path into `keys:`; it is a copy of the file that they were sealed with."
            raise ConfigError([Problem(name, 0, 0, "STORE011", what, fix)])
        if known:
            connection.execute(_NAME_KEYS, {"name": ""})
        return False
    in_use = bool(known and seq)  # as long as nothing is journalled, any will do
    keys.attach(make=not in_use)
    found = keys.tree.name
    if in_use and known != found:
        what = f"{keys.file} holds other keys than those that the journal's payloads in {name} were sealed with."
        raise ConfigError([Problem("keys", 0, 0, "STORE012", what, "put back the file that belongs to this store.")])
    if known != found:
        connection.execute(_NAME_KEYS, {"name": found})
    return bool(forgotten > keys.tree.forgotten)


def _create(connection: Connection) -> None:
    for statement in _statements(connection.dialect):
        connection.exec_driver_sql(statement)
    install_journal(connection)
    for statement in triggers_of_keys(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:revision)"), {"revision": REVISION})


_made: Final[dict[str, tuple[str, ...]]] = {}


def _statements(dialect: Dialect) -> tuple[str, ...]:
    """What makes every table and index, the ones before those that refer to them. To say it takes longer than to do it,
    and it is the same for every store of the kind."""
    if dialect.name not in _made:
        made: list[CreateTable | CreateIndex] = []
        for table in metadata.sorted_tables:
            made += [CreateTable(table), *map(CreateIndex, _indexes(table))]
        _made[dialect.name] = tuple(str(one.compile(dialect=dialect)) for one in made)
    return _made[dialect.name]


def _indexes(table: Table) -> list[Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def install_journal(connection: Connection) -> None:
    """The journal's triggers, and the head from which the first entry starts."""
    for statement in triggers(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.execute(text("INSERT INTO journal_head (id, seq, hash) VALUES (1, 0, :genesis)"), {"genesis": GENESIS})


def upgrade(connection: Connection, name: str, found: str | None) -> None:
    """Run the revisions after `found`, or all of them for None."""
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    script = ScriptDirectory(str(_MIGRATIONS))
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise _too_new(name, found)

    def steps(revision: Any, _context: Any) -> Sequence[Any]:
        return script._upgrade_revs("head", revision)

    try:
        with EnvironmentContext(alembic_config(), script, fn=steps, destination_rev="head") as environment:
            environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
            environment.run_migrations()
    except CommandError as error:
        raise _not_brought_up(name, error) from error


def alembic_config() -> Any:
    """Alembic's settings without a file: where the revisions lie."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _not_brought_up(name: str, error: BaseException) -> ConfigError:
    what = f"the database {name} could not be brought up to date: {as_sentence(error)}"
    return ConfigError([Problem(name, 0, 0, "STORE003", what, "restore the last backup.")])


def _too_new(name: str, found: str) -> ConfigError:
    what = f"the database {name} is at schema {found}, and this version of Tieline knows schemas up to {REVISION}."
    fix = "install the version that wrote it, or restore a backup from before the upgrade."
    return ConfigError([Problem(name, 0, 0, "STORE002", what, fix)])

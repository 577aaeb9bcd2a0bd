"""Copy one store into another, row for row: the way from SQLite to PostgreSQL, and back.

All of it is one transaction over there, and the source is locked while it lasts, so that nothing is accepted here that
does not arrive there. Afterwards both sides are counted and hashed, and the source says that it has moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Boolean, Table, select, text

from tieline.core.errors import ConfigError, Problem
from tieline.core.events import StoreMoved
from tieline.core.identity import Actor
from tieline.core.store.chain import Entry
from tieline.core.store.store import Store, Transaction
from tieline.core.store.tables import metadata, projected

_CHUNK: Final = 1_000
_LEAVE: Final = frozenset({"lease", "account", "projected"})
"""Whose turn it was over there, and how many calls were left then, says nothing here. The tables of plugins are made
anew from the journal, and where none are said to be made, they are."""


Progress = Callable[[str, int], object]


def _quiet(_table: str, _rows: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What arrived: rows of each table."""

    rows: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.rows.values())


def copy(
    source: Store,
    target: Store,
    *,
    at: datetime,
    actor: Actor,
    on_progress: Progress = _quiet,
) -> Copied:
    """Copy everything. Raises ConfigError for a target that is not empty, or when what arrived is not what was sent.

    Both stores are at the newest schema. `at` is the time of the entry that marks the source as moved.
    """
    tables = [table for table in metadata.sorted_tables if table.name not in _LEAVE]
    with source.write() as here:
        with target.write() as there:
            for waiting in (here, there):
                _let_wait(waiting)
            _refuse_strange(here, source.name)
            _refuse_unless_empty(there, target.name, tables)
            counted = {table.name: _copy_table(here, there, table, on_progress) for table in tables}
            for table in tables:
                sent, arrived = _digest(here, table), _digest(there, table)
                if sent != arrived:
                    raise _problem(
                        "STORE005", target.name, f"the rows of {table.name} arrived changed; nothing was kept."
                    )
            target.take_keys(source)
        moved = StoreMoved(to=target.name, rows=sum(counted.values()))
        here.journal(Entry(at, moved.KIND, None, None, actor, "", moved.facts()))
    return Copied(counted)


def _let_wait(tx: Transaction) -> None:
    """Each side waits while the other one is read and hashed. PostgreSQL would take the one that waits for a worker
    that went silent, and end it."""
    if tx.dialect == "postgresql":
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


_COLUMNS: Final = {
    "sqlite": text(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ),
    "postgresql": text(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid "
        "WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace "
        "AND a.attnum > 0 AND NOT a.attisdropped"
    ),
}


_PROJECTIONS: Final = select(projected.c.name)


def _refuse_strange(here: Transaction, name: str) -> None:
    """What is not ours would be left behind, and the source is given up afterwards."""
    ours = {table.name: set(table.columns.keys()) for table in metadata.sorted_tables} | {
        "alembic_version": {"version_num"}
    }
    groups = {str(name).partition(".")[0] for name in here.execute(_PROJECTIONS).scalars()}
    strange = sorted(
        {
            table if table not in ours else f"{table}.{column}"
            for table, column in here.execute(_COLUMNS[here.dialect]).tuples()
            if column not in ours.get(table, ()) and table.partition("__")[0] not in groups
        }
    )
    if strange:
        what = f"it has tables or columns that Tieline does not know and would leave behind: {', '.join(strange)}."
        fix = "load the plugins that they belong to, or move them elsewhere first."
        raise ConfigError([Problem(name, 0, 0, "STORE010", what, fix)])


def _refuse_unless_empty(there: Transaction, name: str, tables: list[Table]) -> None:
    for table in tables:
        if table.name == "journal_head":
            continue
        if there.execute(text(f'SELECT 1 FROM "{table.name}" LIMIT 1')).first() is not None:  # noqa: S608 - our tables
            raise _problem("STORE004", name, f"it is not empty: there are rows in {table.name}.")


def _problem(code: str, name: str, what: str) -> ConfigError:
    fix = "copy into a new, empty database." if code == "STORE004" else "copy again into a new, empty database."
    return ConfigError([Problem(name, 0, 0, code, what, fix)])


def _copy_table(here: Transaction, there: Transaction, table: Table, on_progress: Progress) -> int:
    booleans = [column.name for column in table.columns if isinstance(column.type, Boolean)]
    names = [column.name for column in table.columns]
    columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    put = text(f'INSERT INTO "{table.name}" ({columns}) VALUES ({values})')  # noqa: S608 - our own names
    if table.name == "journal_head":
        sets = ", ".join(f"{name} = :{name}" for name in names if name != "id")
        put = text(f"UPDATE journal_head SET {sets} WHERE id = :id")  # noqa: S608 - our own names
    count = 0
    for rows in _pages(here, table):
        there.execute(put, [{**row, **{name: bool(row[name]) for name in booleans}} for row in rows])
        count += len(rows)
        on_progress(table.name, count)
    if there.dialect == "postgresql" and "id" in table.columns and table.columns["id"].autoincrement is True:
        # Numbers go on where they were, or the next insert would meet a row that is there.
        last = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM \"{table.name}\""  # noqa: S608
        there.execute(text(last))
    return count


def _pages(tx: Transaction, table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows as they are stored, no type makes something nicer of them; in the order of the key."""
    key = [column.name for column in table.primary_key.columns]
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    order = ", ".join(f'"{name}"' for name in key)
    after = ", ".join(f":{name}" for name in key)
    first = text(f'SELECT {names} FROM "{table.name}" ORDER BY {order} LIMIT {_CHUNK}')  # noqa: S608 - our own names
    more = text(f'SELECT {names} FROM "{table.name}" WHERE ({order}) > ({after}) ORDER BY {order} LIMIT {_CHUNK}')  # noqa: S608
    rows = [dict(row) for row in tx.execute(first).mappings()]
    while rows:
        yield rows
        rows = [dict(row) for row in tx.execute(more, {name: rows[-1][name] for name in key}).mappings()]


def _digest(tx: Transaction, table: Table) -> int:
    """The sum of the rows' hashes: two databases need not agree on an order."""
    total = 0
    names = [column.name for column in table.columns]
    for rows in _pages(tx, table):
        for row in rows:
            # A truth is 1 here and True there.
            plain = repr([int(row[name]) if isinstance(row[name], bool) else row[name] for name in names])
            total += int.from_bytes(hashlib.sha256(plain.encode()).digest(), "big")
    return total

"""The stores of a simulation: the real ones, on SQLite in memory or on PostgreSQL, with places where the process dies
and writes fail.

A store is used again for the next schedule, emptied: what the database library has compiled stays compiled. On
PostgreSQL everything happens in a schema of its own, which is dropped in the end; nothing else there is touched.

A simulation is one thread: nobody writes between two of its reads. So a read needs no transaction to see one state, and
no connection has to be found again and tried, which would be most of what the databases are asked.
"""

from __future__ import annotations

import itertools
import os
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData, Table, bindparam, create_engine, func, insert, select, text
from sqlalchemy.pool import NullPool, StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from tieline.cli.simulation.fate import Fate
from tieline.core.store import engines, schema
from tieline.core.store import tables as t
from tieline.core.store.keys import Keys
from tieline.core.store.persons import Entropy
from tieline.core.store.store import Store, Transaction
from tieline.core.store.writers import PooledWriter

MEMORY: Final = "sqlite:///:memory:"

_COUNTED: Final = tuple(
    table for table in t.metadata.sorted_tables if "id" in table.c and table.c.id.autoincrement is True
)
"""The tables whose rows the database numbers."""

_TRUNCATE_TRIGGERS: Final = text(
    "SELECT g.tgname, c.relname FROM pg_trigger AS g JOIN pg_class AS c ON c.oid = g.tgrelid "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND g.tgname LIKE '%truncate'"
)


def _sequence(table: str) -> Any:
    return func.pg_get_serial_sequence(table, "id")


def _following(table: Table) -> Any:
    return select(func.coalesce(func.max(table.c.id), 0) + 1).scalar_subquery()


_NUMBER_ANEW: Final = select(*(func.setval(_sequence(table.name), _following(table), False) for table in _COUNTED))

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Copy:
    """What a backup holds: a SQLite database as it is, or the rows of every table, how far each was numbered, and the
    tables that plugins have."""

    image: bytes = b""
    rows: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
    numbered: Mapping[str, tuple[int, bool]] | None = None
    of_plugins: Sequence[Table] = ()


class SimulatedStore(Store):
    """A store whose writes `fate` may spoil. It outlives the engine, as a file outlives a process."""

    fate: Fate | None = None
    writes = 0
    """Transactions begun so far."""
    at_work = False
    """True while the engine works: only then is a read spoilt, and not one of the people's or the checker's."""
    _reading: Connection | None = None
    before_commit: Callable[[Transaction], None] | None = None
    """Who watches what is committed."""
    _under_way = 0

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        self.writes += 1
        fate = self.fate
        if fate is None:
            with super().write() as tx:
                yield tx
            return
        self._may_freeze(fate, "before a write")
        fate.before_write()
        try:
            with self._counted(), super().write() as tx:
                yield tx
                if self.before_commit is not None:
                    self.before_commit(tx)
                fate.before_commit()
        except BaseException:
            self._number_anew()
            raise
        fate.after_commit()

    def draw_from(self, entropy: Entropy) -> None:
        """Keys, salts and ids come from there: who plays a schedule again meets the same ones."""
        self._entropy = entropy
        self._keys = Keys(None, entropy)
        with self._writer.transaction() as connection:
            schema.attach_keys(connection, self._name, self._keys)

    def stay_connected(self) -> None:
        """Read on one connection from now on, without transactions; on PostgreSQL, write on one as well."""
        with self._writer.transaction() as connection:
            engine, driver = connection.engine, engines.driver_connection(connection)
        if driver is None:
            self._writer = _SteadyWriter(engine)
            reader = _steady(engine).execution_options(isolation_level="AUTOCOMMIT")
            reader.exec_driver_sql("SET default_transaction_read_only = on")
        else:
            # A database in memory has one connection. An engine of its own keeps its reads out of the transactions.
            reader = create_engine(MEMORY, creator=lambda: driver, poolclass=StaticPool).connect()
        look = nullcontext(reader)
        self._reader, self._reading = lambda: look, reader

    def close(self) -> None:
        if self._reading is not None:
            self._reading.close()
        super().close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        if self.at_work and self.fate is not None:
            self._may_freeze(self.fate, "before a read")
            self.fate.before_read()
        self._under_way += 1
        try:
            with super().read() as connection:
                yield connection
        finally:
            self._under_way -= 1

    def guarded(self, check: Callable[[Transaction], None]) -> Store:
        return _Guarded(self, check)

    def _may_freeze(self, fate: Fate, where: str) -> None:
        """Whoever freezes within a transaction holds its locks, and nobody takes anything over before it is ended."""
        if self.at_work and not self._under_way:
            fate.may_freeze(where)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def copy(self) -> Copy:
        """The database as a backup would hold it."""
        with self.read() as connection:
            driver = engines.driver_connection(connection)
            if driver is not None:
                return Copy(bytes(driver.serialize()))
            rows = {table.name: _all_rows(connection, table) for table in t.metadata.sorted_tables}
            numbered = {table.name: _numbering(connection, table) for table in _COUNTED}
            of_plugins = _of_plugins(connection)
            rows |= {table.name: _all_rows(connection, table) for table in of_plugins}
        return Copy(rows=rows, numbered=numbered, of_plugins=of_plugins)

    def restore(self, backup: Copy) -> None:
        """Put a backup in the place of the database."""
        with self.read() as connection:
            driver = engines.driver_connection(connection)
            if driver is not None:
                # Not `driver.deserialize`: statements that are prepared outlive the database that it takes away, and
                # SQLite has been seen to end the process by a signal at the next use of one.
                with closing(sqlite3.connect(":memory:")) as kept:
                    kept.deserialize(backup.image)
                    kept.backup(driver)
                return
            present = _of_plugins(connection)
        with super().write() as tx:
            tx.execute(text(f"TRUNCATE {', '.join(table.name for table in t.metadata.sorted_tables)} RESTART IDENTITY"))
            for table in present:
                tx.execute(DropTable(table))
            for table in backup.of_plugins:
                tx.execute(CreateTable(table))
                for index in table.indexes:
                    tx.execute(CreateIndex(index))
            for table in (*t.metadata.sorted_tables, *backup.of_plugins):
                rows = (backup.rows or {}).get(table.name)
                if rows:
                    tx.execute(insert(table), rows)
            for name, (last, called) in (backup.numbered or {}).items():
                tx.execute(select(func.setval(_sequence(name), last, called)))

    def _number_anew(self) -> None:
        """PostgreSQL never gives a number back that an undone transaction had taken, and SQLite does. For a seed to be
        one story on both, it is given back here."""
        if self.name.startswith("sqlite"):
            return
        with super().write() as tx:
            tx.execute(_NUMBER_ANEW)


class _Guarded(Store):
    """A simulated store as one turn may use it: what befalls the store befalls this, too."""

    def __init__(self, whole: SimulatedStore, check: Callable[[Transaction], None]) -> None:
        super().__init__(whole.name, whole._writer, whole._reader)
        self._whole = whole
        self._hold = check

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with self._whole.write() as tx:
            self._hold(tx)
            yield tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._whole.read() as connection:
            yield connection


def _of_plugins(connection: Connection) -> list[Table]:
    """The tables that are no part of the schema, as the database has them."""
    found = MetaData()
    names = connection.execute(_PLUGIN_TABLES, {"own": [*t.metadata.tables, "alembic_version"]}).scalars().all()
    return [Table(name, found, autoload_with=connection) for name in names]


_PLUGIN_TABLES: Final = text(
    "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname NOT IN :own ORDER BY c.relname"
).bindparams(bindparam("own", expanding=True))


def _all_rows(connection: Connection, table: Table) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(select(table)).mappings()]


def _numbering(connection: Connection, table: Table) -> tuple[int, bool]:
    name = connection.execute(select(_sequence(table.name))).scalar_one()
    row = connection.execute(text(f"SELECT last_value, is_called FROM {name}")).one()  # noqa: S608 - the name is ours
    return int(row.last_value), bool(row.is_called)


_SETTINGS: Final = (
    # What is simulated has to outlive a process, and no power cut.
    "SET synchronous_commit = off",
    # Few statements, many times, over few rows.
    "SET plan_cache_mode = force_generic_plan",
)


def _steady(engine: Engine) -> Connection:
    """A connection to PostgreSQL that is used for everything from now on."""
    connection = engine.connect()
    with connection.begin():
        for setting in _SETTINGS:
            connection.exec_driver_sql(setting)
    driver: Any = connection.connection.driver_connection
    # It forgets what it has prepared with every transaction that is undone: prepared at the second use, not the sixth.
    driver.prepare_threshold = 1
    return connection


class _SteadyWriter(PooledWriter):
    """Every transaction on the same connection, which is not tried before each."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._connection = _steady(engine)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._connection.begin():
            yield self._connection

    def close(self) -> None:
        self._connection.close()
        super().close()


class Stores:
    """Empty stores at one address, given out and taken back. Close it in the end."""

    def __init__(self, address: str = MEMORY) -> None:
        self.address = address
        self._schema = ""
        self._idle: list[SimulatedStore] = []
        self._empty: Copy | None = None
        self._lock = threading.Lock()

    @contextmanager
    def empty(self) -> Iterator[SimulatedStore]:
        """A store at the present schema in which nothing is."""
        with self._lock:
            store = self._idle.pop() if self._idle else self._open()
            if self._empty is None:
                self._empty = store.copy()
        store.restore(self._empty)
        store.draw_from(random.Random(0).randbytes)  # noqa: S311 - its salts guard nothing, and are the same each time
        try:
            yield store
        finally:
            store.fate = store.before_commit = None
            store.writes, store.at_work = 0, False
            self._idle.append(store)

    def _open(self) -> SimulatedStore:
        address = self.address
        if not address.startswith("sqlite"):
            if self._schema:
                raise RuntimeError("one world at a time on PostgreSQL: its stores share a schema")
            self._schema = f"simulation_{os.getpid()}_{next(_numbers)}"
            self._administer(f"CREATE SCHEMA {self._schema}")
            address += f"{'&' if '?' in address else '?'}options=-csearch_path%3D{self._schema}"
        store = SimulatedStore.open(address)
        if not isinstance(store, SimulatedStore):
            raise TypeError("Store.open makes what it is called on")
        store.migrate()
        if self._schema:
            with store.write() as tx:
                # The simulation empties its tables between schedules, which nobody else may.
                for name, table in tx.execute(_TRUNCATE_TRIGGERS).all():
                    tx.execute(text(f"DROP TRIGGER {name} ON {table}"))
        store.stay_connected()
        return store

    def _administer(self, statement: str) -> None:
        engine = create_engine(engines.parse(self.address), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def close(self) -> None:
        """Close what is open, and take the schema away again."""
        with self._lock:
            for store in self._idle:
                store.close()
            self._idle.clear()
            if self._schema:
                self._administer(f"DROP SCHEMA {self._schema} CASCADE")
            self._schema, self._empty = "", None


IN_MEMORY: Final = Stores()
"""What every schedule is played on, unless it is told otherwise."""


@contextmanager
def stores_at(address: str) -> Iterator[Stores]:
    """The stores at this address; those in memory stay open for as long as the process lives."""
    if address == MEMORY:
        yield IN_MEMORY
        return
    stores = Stores(address)
    try:
        yield stores
    finally:
        stores.close()

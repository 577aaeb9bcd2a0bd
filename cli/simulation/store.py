"""The store of a simulation: the real one on SQLite in memory, with places where the process dies and writes fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from tieline.cli.simulation.fate import Fate
from tieline.core.store.engines import driver_connection
from tieline.core.store.store import Store, Transaction

ADDRESS = "sqlite:///:memory:"


class SimulatedStore(Store):
    """A store whose writes `fate` may spoil. It outlives the engine, as a file outlives a process."""

    fate: Fate | None = None

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        fate = self.fate
        if fate is None:
            with super().write() as tx:
                yield tx
            return
        fate.before_write()
        with super().write() as tx:
            yield tx
            fate.before_commit()
        fate.after_commit()

    def copy(self) -> bytes:
        """The database as a backup would hold it."""
        with self.read() as connection:
            driver = driver_connection(connection)
        if driver is None:
            raise RuntimeError("only SQLite can be simulated in memory")
        return bytes(driver.serialize())

    def restore(self, backup: bytes) -> None:
        """Put a backup in the place of the database."""
        with self.read() as connection:
            driver = driver_connection(connection)
        if driver is not None:
            driver.deserialize(backup)


@cache
def _empty() -> bytes:
    with Store.open(ADDRESS) as store:
        store.migrate()
        with store.read() as connection:
            driver = driver_connection(connection)
        if driver is None:
            raise RuntimeError("only SQLite can be simulated in memory")
        return bytes(driver.serialize())


def new_store() -> SimulatedStore:
    """An empty store at the present schema; the migration runs once per process."""
    store = SimulatedStore.open(ADDRESS)
    if not isinstance(store, SimulatedStore):
        raise TypeError("Store.open makes what it is called on")
    store.restore(_empty())
    return store

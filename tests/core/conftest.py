"""Fixtures that all tests of the core may use."""

from tests.core.store_backends import (
    address,
    open_store,
    postgres_database,
    postgres_empty,
    postgres_server,
    sqlite_store,
    store,
)

__all__ = ["address", "open_store", "postgres_database", "postgres_empty", "postgres_server", "sqlite_store", "store"]

"""The contract for plugins on PostgreSQL: each ground has a database of its own there."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool
from tests.core.store_backends import postgres_server

__all__ = ["OnPostgres", "postgres_server"]

_numbers = itertools.count(1)


class PostgresDatabases:
    """Databases of one server. `drop` takes away those that nobody works on."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._made: list[str] = []
        address = server.replace("postgresql:", "postgresql+psycopg:")
        self._engine = create_engine(address, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def fresh(self) -> str:
        return self._create("template1")

    def copied(self, address: str) -> str:
        self.drop(but=address)
        return self._create(address.rpartition("/")[2])

    def drop(self, but: str = "") -> None:
        for name in [one for one in self._made if not but.endswith(f"/{one}")]:
            with suppress(OperationalError), self._engine.connect() as connection:  # somebody works on it
                connection.execute(text(f"DROP DATABASE {name}"))
                self._made.remove(name)

    def _create(self, template: str) -> str:
        name = f"contract_{os.getpid()}_{next(_numbers)}"
        with self._engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
        self._made.append(name)
        return f"{self._server.rpartition('/')[0]}/{name}"


class OnPostgres:
    """Beside a plugin's contract: the same on PostgreSQL."""

    pytestmark = pytest.mark.slow

    @pytest.fixture
    def databases(self, postgres_server: str) -> Iterator[PostgresDatabases]:
        made = PostgresDatabases(postgres_server)
        yield made
        made.drop()

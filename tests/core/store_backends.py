"""Both databases for tests: a SQLite file, and a PostgreSQL server that is started for the run where one is installed.

Import the fixtures from here: `address` is a fresh database of each kind, `store` one with the schema in it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tieline.core.store.store import Store

POSTGRES = "postgresql"
BACKENDS = ["sqlite", POSTGRES]
_NOBODY = 65534


def postgres_binaries() -> Path | None:
    """Where initdb and pg_ctl are: on the path, or where Debian puts them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda place: int(place.parts[-3]))
    return places[-1].parent if places else None


def _as_nobody() -> dict[str, int | list[int]]:
    # The server refuses to run as root.
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server of our own on a free port, in a folder of its own: one for each worker, so that none waits for another.
    Yields the address of its first database."""
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    with postgres(binaries) as address:
        yield address


@contextmanager
def postgres(binaries: Path, *, durable: bool = False) -> Iterator[str]:
    """A server of our own while the block lasts; one that is not durable loses everything when the machine stops."""
    home = Path(tempfile.mkdtemp(prefix="tieline-postgres-"))
    data, port = home / "data", _free_port()
    if os.geteuid() == 0:
        os.chown(home, _NOBODY, _NOBODY)

    def run(*command: str) -> None:
        subprocess.run(
            [str(binaries / command[0]), *command[1:]],
            check=True,
            cwd=home,
            stdout=subprocess.DEVNULL,
            timeout=60,
            **_as_nobody(),  # type: ignore[call-overload]
        )

    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c max_connections=60"
    if not durable:
        options += " -c fsync=off -c full_page_writes=off"
    try:
        run("initdb", "-D", str(data), "-U", "tieline", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        run("pg_ctl", "-D", str(data), "-w", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql://tieline@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture
def postgres_empty(postgres_server: str) -> Iterator[str]:
    """An empty schema on that server, dropped afterwards."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _administer(postgres_server, f"CREATE SCHEMA {name}")
    yield f"{postgres_server}?options=-csearch_path%3D{name}"
    _administer(postgres_server, f"DROP SCHEMA {name} CASCADE")


_TEMPLATE = "tieline_template"
_templates: set[str] = set()


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """A database on that server with the schema in it, dropped afterwards. It is copied, file by file: to make the
    tables takes four times as long as everything else that most tests do there."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    if postgres_server not in _templates:
        _administer(postgres_server, f"CREATE DATABASE {_TEMPLATE}")
        with Store.open(_named(postgres_server, _TEMPLATE)) as template:
            template.migrate()
        _templates.add(postgres_server)
    _administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
    yield _named(postgres_server, name)
    _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def _named(server: str, database: str) -> str:
    return f"{server.rpartition('/')[0]}/{database}"


def _administer(server: str, statement: str) -> None:
    engine = create_engine(
        server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        connection.execute(text(statement))


@pytest.fixture(params=BACKENDS)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind: an empty one, or, on PostgreSQL and where the test has a store in it, a copy that has
    the tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tieline.db'}"
    kind = "postgres_database" if "store" in request.fixturenames else "postgres_empty"
    database: str = request.getfixturevalue(kind)
    return database


@pytest.fixture
def open_store() -> Iterator[Callable[..., Store]]:
    """Opens stores with their schema, and closes them in the end."""
    opened: list[Store] = []

    def open_one(where: str, keys: Path | None = None) -> Store:
        store = Store.open(where, keys=keys)
        opened.append(store)
        store.migrate()
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(address: str, open_store: Callable[[str], Store]) -> Store:
    """An open store with its schema, on each kind of database."""
    return open_store(address)


@pytest.fixture
def sqlite_store(tmp_path: Path, open_store: Callable[[str], Store]) -> Store:
    """An open store on a SQLite file, `tieline.db` in `tmp_path`."""
    return open_store(f"sqlite:///{tmp_path / 'tieline.db'}")

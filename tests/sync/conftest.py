"""Worlds for the tests of the road, on both stores."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.store_backends import BACKENDS, postgres_database, postgres_server
from tests.sync.office import Office
from tests.sync.world import World

__all__ = ["postgres_database", "postgres_server"]


@pytest.fixture(params=BACKENDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds, and closes their stores."""
    store = "" if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    made: list[World] = []

    def make(*tools: str, **options: Any) -> World:
        made.append(World(tmp_path, tools or ("left", "right"), **{"store": store, **options}))
        return made[-1]

    yield make
    for one in made:
        one.engine.store.close()
        one.engine.registry.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An Alertmanager and one memory tool, which have been polled once."""
    one = Office(tmp_path, "memory")
    one.settle(1)
    yield one
    one.close()


@pytest.fixture
def fleet_office(tmp_path: Path, postgres_database: str) -> Iterator[Office]:
    """The same on PostgreSQL, where transactions go on side by side."""
    one = Office(tmp_path, "memory", address=postgres_database)
    one.settle(1)
    yield one
    one.close()

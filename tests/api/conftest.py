"""Fixtures that all tests of the API may use: worlds on both stores, and callers of the API over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.api.calling import Caller
from tests.core.store_backends import postgres_database, postgres_server
from tests.sync.conftest import world
from tests.sync.world import World

__all__ = ["postgres_database", "postgres_server", "world"]


@pytest.fixture
def caller(world: Callable[..., World]) -> Iterator[Caller]:
    """Ann, who responds, calls the API of a world with one incident."""
    here = world()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    here.settle(2)
    with Caller(here) as made:
        yield made

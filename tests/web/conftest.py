"""Fixtures of the console's tests: a browser over a world with one incident."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.core.store_backends import postgres_database, postgres_server
from tests.sync.conftest import world
from tests.sync.world import World
from tests.web.browsing import Visitor

from tieline.plugins.console.plugin import Plugin

__all__ = ["postgres_database", "postgres_server", "world"]


@pytest.fixture
def visitor(world: Callable[..., World]) -> Iterator[Visitor]:
    """Somebody who may sign in as Ann, who responds, where there is one incident."""
    here = world(offers=(Plugin().tieline_offer(),))
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    here.settle(2)
    with Visitor(here) as made:
        yield made

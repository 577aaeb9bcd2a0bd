"""Worlds for the tests of the road."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sync.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes worlds, and closes their stores."""
    made: list[World] = []

    def make(*tools: str, **options: Any) -> World:
        made.append(World(tmp_path, tools or ("left", "right"), **options))
        return made[-1]

    yield make
    for one in made:
        one.engine.store.close()
        one.engine.registry.close()

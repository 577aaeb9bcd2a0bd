"""Every run has an order of its own, so that no test comes to rest on another one having been there before.

Files are shuffled, and the tests within each; those of one file stay together, since they share what is dear to make.
Files with slow tests come first, and those of a group, which one worker has: a test that takes a minute and is the last
to begin keeps all but one core waiting.
The seed stands in the header of the run. `TIELINE_ORDER=SEED` repeats it, and 0 keeps the order of the files.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import pytest

SEED = "TIELINE_ORDER"


def pytest_configure() -> None:
    # The workers inherit it: all of them must collect one and the same order.
    os.environ.setdefault(SEED, str(random.SystemRandom().randrange(1, 1_000_000)))


def pytest_report_header() -> str:
    return f"order: {SEED}={os.environ[SEED]}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seed = int(os.environ[SEED])
    if seed:
        items[:] = shuffled(items, seed)


def shuffled(items: Sequence[pytest.Item], seed: int) -> list[pytest.Item]:
    """The same tests in the order of this seed: each file's next to each other, and each class's within its file."""
    dice = random.Random(seed)
    order = {scope: dice.random() for item in items for scope in _scopes(item)}
    for file in {_scopes(item)[0] for item in items if _is_long(item)}:
        order[file] -= 1
    return sorted(items, key=lambda item: [order[scope] for scope in _scopes(item)])


def _is_long(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in ("slow", "xdist_group"))


def _scopes(item: pytest.Item) -> list[str]:
    file, *inner = item.nodeid.split("::")
    return [file, *("::".join([file, *inner[: depth + 1]]) for depth in range(len(inner)))]

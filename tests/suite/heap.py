"""What is there before the first test is no garbage, and is not looked through for any again.

A run of everything holds fourteen thousand tests and the modules of all of them: each look at that whole heap takes
half a second, and a test that asks for one, or makes much, has many. Nor is it looked every 700 objects whether one of
them can go: a test is over soon, and takes its objects with it.
"""

from __future__ import annotations

import gc
from typing import Final

import pytest

SELDOM: Final = 20_000


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)

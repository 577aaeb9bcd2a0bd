"""What is there before the first test is no garbage, and is not looked through for any again.

A run of everything holds fourteen thousand tests and the modules of all of them: each look at that whole heap takes
half a second, and a test that asks for one, or makes much, has many.
"""

from __future__ import annotations

import gc

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()

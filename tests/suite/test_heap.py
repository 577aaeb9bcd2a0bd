"""The heap that a run begins with is not looked through again and again."""

from __future__ import annotations

import gc

import pytest


def test_what_was_there_before_the_first_test_is_no_longer_looked_through() -> None:
    # pytest and this file alone are more than that.
    assert gc.get_freeze_count() > 10_000
    since = ["made by a test", []]
    assert [one for one in gc.get_objects() if one is pytest or one is since] == [since]

"""The heap that a run begins with is not looked through again and again."""

from __future__ import annotations

import gc


def test_what_was_there_before_the_first_test_is_no_longer_looked_through() -> None:
    # pytest and this file alone are more than that.
    assert gc.get_freeze_count() > 10_000
    looked_through = len(gc.get_objects())
    assert looked_through < gc.get_freeze_count()

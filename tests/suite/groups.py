"""Tests of one `xdist_group` follow each other in one worker: they share what is dear to make, or disturb each other.

xdist writes the group behind the id of a test, and its scheduler looks there. Where pytest keeps the id has changed in
9.2, and what xdist 3.8 writes is not read any more: each test went to whichever worker was free, without a word.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    if not getattr(config.option, "loadgroup", False):  # it is set in workers alone
        return
    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        suffix = f"@{'_'.join(groups)}"
        if groups and not item.nodeid.endswith(suffix):
            item._id = type(item._id).parse(f"{item.nodeid}{suffix}")

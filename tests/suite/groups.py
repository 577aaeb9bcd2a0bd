"""Who runs what: the tests of a file follow each other in one worker, since they share what is dear to make.

Each test of a slow file is on its own, lest one worker have all of them, unless it is of an `xdist_group`: those follow
each other in one worker, over several files, because they share what is dearer still, or disturb each other.

xdist writes the group behind the id of a test, and its scheduler looks there. Where pytest keeps the id has changed in
9.2, and what xdist 3.8 writes is not read any more: each test went to whichever worker was free, without a word.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

ALONE = "alone-"


class ByFile(LoadGroupScheduling):  # type: ignore[misc]
    """As `loadgroup`, where a file is a group unless its tests say otherwise."""

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return nodeid.partition("::")[0] if group == nodeid else group


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    return ByFile(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    if not getattr(config.option, "loadgroup", False):  # it is set in workers alone
        return
    for number, item in enumerate(items):
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        if not groups and item.get_closest_marker("slow"):
            groups = [f"{ALONE}{number}"]
        suffix = f"@{'_'.join(groups)}"
        if groups and not item.nodeid.endswith(suffix):
            item._id = type(item._id).parse(f"{item.nodeid}{suffix}")

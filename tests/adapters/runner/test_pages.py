"""A runner whose pages lead nowhere is told of, and not asked without end."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest

from tieline.adapters.runner.driver import RunnerDriver
from tieline.adapters.runner.simulator import RunnerSimulator
from tieline.adapters.testing.simulation import Response
from tieline.core.errors import NeedsOperator
from tieline.core.port import Cursor


class Says(RunnerSimulator):
    """Answers a listing with what it is told to."""

    told: Mapping[str, Any]

    def _list(self, query: Mapping[str, str]) -> Response:
        return Response.of({"executions": [], **self.told})


@pytest.mark.parametrize(
    "told",
    [{"next": 7, "more": True}, {"next": 3, "more": True}, {"next": -1, "more": False}, {"next": True, "more": False}],
)
def test_pages_that_lead_nowhere_end(told: Mapping[str, Any]) -> None:
    driver = RunnerDriver()
    driver.simulator = Says(driver.tool_now)
    driver.simulator.told = told
    with pytest.raises(NeedsOperator, match="what is not a runner's"):
        list(islice(driver.connect().changes(Cursor("7")), 50))

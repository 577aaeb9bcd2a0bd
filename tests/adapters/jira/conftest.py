"""A Jira site in process."""

from __future__ import annotations

import pytest

from tieline.adapters.jira.simulated.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def data_center() -> Desk:
    return Desk(cloud=False)

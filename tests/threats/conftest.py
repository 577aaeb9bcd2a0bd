"""What the tests of the threat table share: how many cases a run plays, and a tally of what was tried and escaped.

`make soak` sets TIELINE_SOAK=true: the same tests then play all their cases, and leave their figures in
`.soak/threats.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.threats.receivers import Listening

SOAK = os.environ.get("TIELINE_SOAK") == "true"
FIGURES = Path(__file__).parents[2] / ".soak" / "threats.json"

Tally = Callable[..., None]


def cases(few: int, many: int) -> int:
    """How many cases to play: few in every run of the tests, many in a soak."""
    return many if SOAK else few


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Tally:
    """Writes down how many cases of a threat were played, then fails when one escaped."""
    threat = request.node.path.stem.removeprefix("test_")

    def count(played: int, escaped: Any = ()) -> None:
        found = list(escaped)
        if SOAK:
            _keep(threat, played, len(found))
        assert found == []
        assert played > 0

    return count


def _keep(threat: str, played: int, escaped: int) -> None:
    FIGURES.parent.mkdir(exist_ok=True)
    known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    before = known.get(threat, {"cases": 0, "escaped": 0})
    known[threat] = {
        "cases": before["cases"] + played,
        "escaped": before["escaped"] + escaped,
        "command": f"TIELINE_SOAK=true python -m pytest tests/threats/test_{threat}.py",
    }
    FIGURES.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def _new_figures() -> None:
    """A soak tells what it saw itself, not what an earlier one saw."""
    if SOAK:
        FIGURES.unlink(missing_ok=True)


@pytest.fixture(scope="module", autouse=True)
def _quiet(quiet_logs: None) -> None:
    """Thousands of refusals would be thousands of lines."""


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """A daemon on a real socket, with a connection for every way of proving a delivery."""
    one = Listening(tmp_path_factory.mktemp("listening"))
    yield one
    one.close()

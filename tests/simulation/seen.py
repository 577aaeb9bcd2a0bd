"""In which world each planted bug was found last: that one is played first, and the others where it shows no more.

    TIELINE_SEEN=write pytest -n0 tests/simulation

writes down where those are found now that no longer show there.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from tieline.cli.simulation.mutants import planted
from tieline.cli.simulation.schedule import Outcome, Plan, play

FILE: Final = Path(__file__).with_name("seen.json")
IS_WRITTEN: Final = os.environ.get("TIELINE_SEEN") == "write"


def found(name: str, plans: Iterable[Plan], shows: Callable[[Outcome], Any]) -> Outcome | None:
    """Plant this bug, and play these worlds until one shows it; None where none does."""
    with planted(name):
        outcome = next((outcome for outcome in map(play, _in_order(name, plans)) if shows(outcome)), None)
    if IS_WRITTEN and outcome is not None:
        kept = {**_known(), name: outcome.plan.seed}
        FILE.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")
    return outcome


def _in_order(name: str, plans: Iterable[Plan]) -> Iterator[Plan]:
    known = _known().get(name)
    yield from sorted(plans, key=lambda plan: plan.seed != known)


def _known() -> dict[str, int]:
    kept: dict[str, int] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return kept

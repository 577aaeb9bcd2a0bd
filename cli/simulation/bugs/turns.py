"""Bugs to plant where workers take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing
from tieline.sync.daemon.jobs import lease


def _no_fence() -> Sequence[Patch]:
    return [(lease, "lock", nothing)]


def _no_permit() -> Sequence[Patch]:
    return [(lease, "permit", lambda *_args: nothing)]


def _sweep_sees_polls_only() -> Sequence[Patch]:
    def drowsy(connection: Any, lane: Any, now: Any) -> bool:
        row = connection.execute(lease._LEASE, {"lane": lane}).first()
        return row is None or row.poll_at is None or bool(row.poll_at <= now)

    return [(lease, "is_due", drowsy)]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "no-fence": Mutant("a worker that wakes up in another one's turn writes on", _no_fence),
    "no-permit": Mutant("a worker that wakes up in another one's turn asks nobody before it calls", _no_permit),
    "sweep-sees-polls-only": Mutant("a lane whose wake-up was lost sleeps until its next poll", _sweep_sees_polls_only),
}

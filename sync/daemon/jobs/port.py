"""What the daemon asks of whoever runs its lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tieline.core.model import ConnectionName
from tieline.sync.daemon.lane import Lane, LaneState
from tieline.sync.engine import Engine

SWEEP: Final = 1.0
"""Seconds after which a lane looks for work that nobody woke it for: the dirty mark is the truth, a wake-up is not."""


@dataclass(frozen=True, slots=True)
class Health:
    """How one connection is doing, whoever runs its lane."""

    state: LaneState
    calls_left: float
    silent: bool


class Jobs(Protocol):
    """Runs the lanes of an engine: each by one thread at a time, wherever that is."""

    @property
    def lanes(self) -> Mapping[ConnectionName, Lane]:
        """The lanes of this process."""
        ...

    def start(self, engine: Engine) -> None:
        """Run these lanes from now on."""

    def retire(self) -> None:
        """End the lanes, each after the record it is at; `start` may follow with another engine."""

    def wake(self, lane: ConnectionName) -> None:
        """Tell a lane that there is work. From any thread; costs nothing; may be lost."""

    def poll_soon(self, lane: ConnectionName) -> None:
        """Have a lane poll at its next step."""

    def health(self) -> Mapping[ConnectionName, Health]:
        """How each connection is doing. Raises StoreUnavailable where the store has to be asked."""
        ...

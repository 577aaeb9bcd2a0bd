"""Planted bugs: the engine with one rule of its protocol left out, inside this process and for as long as it takes.

A simulation that finds nothing is only worth something when it finds these. Each was a bug of somebody's once: of the
tools that came before, of the prototype, or of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tieline.cli.simulation.bugs import (
    alerts,
    comments,
    creating,
    merging,
    publishing,
    reading,
    turns,
    updating,
    upstairs,
)
from tieline.cli.simulation.bugs.planting import Mutant
from tieline.cli.simulation.shipped.mutants import ADAPTER_MUTANTS

MUTANTS: Final[Mapping[str, Mutant]] = {
    **alerts.MUTANTS,
    **creating.MUTANTS,
    **updating.MUTANTS,
    **reading.MUTANTS,
    **merging.MUTANTS,
    **comments.MUTANTS,
    **turns.MUTANTS,
    **upstairs.MUTANTS,
    **publishing.MUTANTS,
    **{name: Mutant(*planted_there) for name, planted_there in ADAPTER_MUTANTS.items()},
}
"""Every planted bug, by name."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The engine with this bug; "" is the engine as it is."""
    patches = list(MUTANTS[name].patches()) if name else []
    before = [(owner, attribute, vars(owner)[attribute]) for owner, attribute, _broken in patches]
    try:
        for owner, attribute, broken in patches:
            setattr(owner, attribute, broken)
        yield
    finally:
        for owner, attribute, whole in before:
            setattr(owner, attribute, whole)

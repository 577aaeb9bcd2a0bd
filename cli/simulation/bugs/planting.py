"""How a bug is planted: which name in which module is something else for as long as it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tieline.cli.simulation.shape import MEMORY, UPSTAIRS

Patch = tuple[Any, str, Any]
"""Where, which name, and what stands there instead."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug, in words and as patches."""

    words: str
    patches: Callable[[], Sequence[Patch]]
    tools: str = MEMORY
    """Among which tools it shows; see `Plan.drawn`."""
    upstairs: float = UPSTAIRS
    """How likely plugins are at work where it is looked for: 1.0 for one that shows nowhere else."""


class _Instead:
    """A module of which some functions are others, for one of its users."""

    def __init__(self, module: ModuleType, others: Mapping[str, Any]) -> None:
        self._module, self._others = module, others

    def __getattr__(self, name: str) -> Any:
        return self._others[name] if name in self._others else getattr(self._module, name)


def seen_by(user: ModuleType, name: str, **others: Any) -> Patch:
    """`user` sees these functions instead of the ones in its module `name`."""
    return user, name, _Instead(getattr(user, name), others)


def nothing(*_args: Any, **_others: Any) -> None:
    return None

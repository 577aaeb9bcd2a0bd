"""Ways to give a tool what it asks for, of which one is chosen: settings declare them, `tieline init` asks which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

PLACEHOLDER: Final = "change-me"
"""What stands in a new file where a person must write something. No file with it is accepted, and no secret is it."""


@dataclass(frozen=True, slots=True)
class Way:
    """One of them. `word` is what a person answers, `meaning` what it stands for.

    `options` are what it needs, by their paths (`oauth.client_id`): each is asked for or given a value to replace.
    `fixed` are options whose value makes it this way. `kept` are those of the secrets that are replaced where they
    are, so that they must be in a file or a keyring.
    """

    word: str
    meaning: str
    options: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    kept: frozenset[str] = frozenset()

    @property
    def paths(self) -> frozenset[str]:
        """Every option that it fills in."""
        return frozenset((*self.options, *self.fixed))


@dataclass(frozen=True, slots=True)
class Choice:
    """A question with its answers, which exclude one another. The first way is suggested."""

    question: str
    ways: tuple[Way, ...]

    @property
    def paths(self) -> frozenset[str]:
        """Every option that one of the ways fills in."""
        return frozenset(path for way in self.ways for path in way.paths)

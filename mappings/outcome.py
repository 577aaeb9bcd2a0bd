"""What a mapping answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tieline.core.model import Fields, Value


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A field whose value in the tool means nothing to us. `value` is what the tool holds, for people only."""

    field: str
    value: Any
    sentence: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A field that was wanted and is not in the body, and the sentence that says why."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that a tool cannot be told: what it would read back otherwise, and the sentence that says why not."""

    meant: Value
    sentence: str


class Normalized(NamedTuple):
    """What a body says. A field in `unmapped` is not in `fields`: the mapping never guesses."""

    fields: Fields
    unmapped: tuple[Unmapped, ...] = ()


class Denormalized(NamedTuple):
    """What to write. `written` is what reading it back will say, of the fields that can be read back."""

    body: dict[str, Any]
    written: Fields
    left_out: tuple[LeftOut, ...] = ()

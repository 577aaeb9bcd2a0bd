"""What the world asks of a tool, whichever it is: what people do there, what it shows, and what goes wrong with it.

A desk shows its records in the canonical words, by its own account and not by a mapping's, so that the checker can
hold the engine and its mappings against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from tieline.adapters.memory.faults import Faults
from tieline.adapters.memory.shelf import Note, Row
from tieline.core.model import Audience
from tieline.core.port import Delivery


class Desk(Protocol):
    """One tool of a world. `edit` and `make` raise `memory.tool.Refused` for what the tool does not take."""

    skew: timedelta
    """How far the tool's clock is set ahead."""
    faults: Faults
    subscribers: list[Callable[[Delivery], None]]
    written: int
    """Writes of ours that changed a record."""
    made: int
    """Records of ours."""
    commented: int
    overwrote: int
    """Writes of ours that may have taken somebody's edit away: each is put right by one more."""

    born: dict[str, Mapping[str, Any]]
    """What each record that we made showed at its birth, by its ref: what differs there from what we sent is the
    tool's making."""

    @property
    def spoilt(self) -> set[str]:
        """Records in which something is odd that nobody understands."""
        ...

    @property
    def transport(self) -> Any:
        """What a connection to it gets in place of the network."""
        ...

    @property
    def account(self) -> str:
        """Under which name the engine writes, as histories have it."""
        ...

    def did_by_itself(self, ref: str, field: str) -> bool:
        """Whether this field's present value may be the tool's own doing: a habit, its clock, or what it does along
        with something else that it was told."""
        ...

    @property
    def unruly(self) -> frozenset[str]:
        """Fields with which a shipped tool has a habit of its own."""
        ...

    @property
    def busiest(self) -> int:
        """Most calls that came within one minute, where that is counted."""
        ...

    @property
    def secrets(self) -> Mapping[str, Any]:
        """The settings of its connection that must be shown nowhere."""
        ...

    @property
    def texts(self) -> Sequence[str]:
        """Fields in which people write what nobody has written before."""
        ...

    @property
    def clearable(self) -> Sequence[str]:
        """Texts that people may empty."""
        ...

    @property
    def choices(self) -> Mapping[str, Sequence[str]]:
        """Fields in which people choose, and what."""
        ...

    @property
    def compared(self) -> Sequence[str]:
        """Fields that it shares with the other tools."""
        ...

    @property
    def spaced(self) -> bool:
        """Whether its labels may hold spaces."""
        ...

    @property
    def skills(self) -> frozenset[str]:
        """What people can do beside editing: delete, restore, merge, move."""
        ...

    @property
    def tells_replaced(self) -> bool:
        """Whether it refuses a write on an old version, or its history tells what one replaced."""
        ...

    @property
    def tells_birth(self) -> bool:
        """Whether it tells how a record was born that somebody has edited since: else a value that nobody gave it at
        its birth may be an edit or a default, and is left where it is."""
        ...

    @property
    def steps_of_a_write(self) -> int:
        """How many writes one update of ours may take here."""
        ...

    @property
    def pins(self) -> bool:
        """Whether it shows which alerts fire in a comment of its own."""
        ...

    def board(self, row: Row) -> str | None:
        """What a ticket says of its alerts; None for nothing."""
        ...

    def scribble(self, ref: str, words: str) -> bool:
        """Somebody writes these words into that, where nothing of theirs belongs. False where it says nothing, or where
        nobody can write there."""
        ...

    def can_show(self, name: str, value: Any) -> bool:
        """Whether it can be told this canonical value at all: nobody, where somebody has to be named."""
        ...

    def would_show(self, name: str, value: Any) -> Any:
        """A canonical value as far as this tool can show it."""
        ...

    def rows(self) -> list[Row]:
        """Every record, in canonical words, oldest change first."""
        ...

    def row(self, ref: str) -> Row:
        """Raises LookupError."""
        ...

    def addresses(self) -> Mapping[str, str]:
        """Its people: ids to e-mail addresses."""
        ...

    def person(self, email: str) -> str | None:
        """The id of a person."""
        ...

    def make(self, body: Mapping[str, Any]) -> Row:
        """Somebody makes a record."""
        ...

    def edit(self, ref: str, **values: Any) -> Row:
        """Somebody edits a record."""
        ...

    def comment(self, ref: str, text: str, audience: Audience, *, author: str) -> Note:
        """Somebody comments. What it answers tells how visible the comment came out."""
        ...

    def delete(self, ref: str) -> None: ...

    def restore(self, ref: str) -> None: ...

    def merge(self, ref: str, into: str) -> None: ...

    def move(self, ref: str, key: str) -> None: ...

    def spoil(self, ref: str) -> None:
        """An import leaves something odd in a record."""
        ...

    def mend(self, ref: str) -> None:
        """Somebody puts it in order again, which is a change."""
        ...

    def stray(self) -> Delivery:
        """A proved webhook about a record that nobody knows."""
        ...

    def signed(self, delivery: Delivery) -> Delivery:
        """The same delivery, proved anew."""
        ...

    def forged(self, delivery: Delivery) -> Delivery:
        """The same delivery with a proof that is none."""
        ...

    def settle_down(self) -> None:
        """Give up every bad habit."""
        ...

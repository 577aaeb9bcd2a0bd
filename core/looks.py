"""The looks of a check, one beside another: what a person must mend in one place hides nothing in the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tieline.core.errors import NeedsOperator, as_sentence

T = TypeVar("T")


class Looks:
    """Takes one look after another at one connection, and tells at the end what all of them found."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._found: list[NeedsOperator] = []

    def at(self, look: Callable[[], T], otherwise: T) -> T:
        """What there is to see; `otherwise` where a person has to mend it first."""
        try:
            return look()
        except NeedsOperator as error:
            self._found.append(error)
            return otherwise

    def conclude(self) -> None:
        """Raises NeedsOperator with everything that a person must mend, if there is anything."""
        if not self._found:
            return
        if len(self._found) == 1:
            raise self._found[0]
        words = dict.fromkeys(str(one).removeprefix(f"{self._connection}: ") for one in self._found)
        raise NeedsOperator(self._connection, " ".join(map(as_sentence, words))) from self._found[0]

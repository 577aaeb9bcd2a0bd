"""What an answer shows to people: tables, sentences, and notes about a row. Where they stand, how wide they are and in
which colours is for whoever shows them: a terminal, or a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns; `empty` is the sentence for when there is none. A long cell is cut, and later where
    the `whole` of it was asked for."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    empty: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about one row of the table above."""

    about: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One value, and whose it is."""

    name: str
    value: Any


Part = Table | Note | Fact | str
"""One thing that is shown; text is a sentence."""

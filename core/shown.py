"""What an answer shows to people: tables, sentences, and notes about a row. Where they stand, how wide they are and in
which colours is for whoever shows them: a terminal, or a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

MOMENT: Final = "%Y-%m-%d %H:%M:%S"
"""How a moment is shown."""


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


def as_facts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The same as plain JSON, for whoever shows it elsewhere."""
    return [_told(part) for part in parts]


def from_facts(told: Any) -> list[Part]:
    """The parts again. Raises ValueError for what this version cannot show."""
    if not isinstance(told, list):
        raise ValueError("that is no list of what is shown")
    return [_part(one) for one in told]


def _told(part: Part) -> dict[str, Any]:
    match part:
        case Table():
            rows = [[_plain(cell) for cell in row] for row in part.rows]
            told = {"table": part.title, "columns": list(part.columns), "rows": rows, "empty": part.empty}
            return {**told, "whole": True} if part.whole else told
        case Note():
            return {"note": part.sentence, "about": part.about}
        case Fact():
            return {"fact": part.name, "value": _plain(part.value)}
        case str():
            return {"sentence": str(part)}


def _plain(value: Any) -> Any:
    """A cell in a form that reads the same in a terminal, and that every JSON can hold."""
    match value:
        case None | bool():
            return value
        case datetime():
            return value.strftime(MOMENT)
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return str(value)


def _part(told: Any) -> Part:
    match told:
        case {"table": str(title), "columns": list(columns), "rows": list(rows), "empty": str(empty)}:
            named = [_text(column) for column in columns]
            return Table(title, named, [_row(row, len(named)) for row in rows], empty, told.get("whole") is True)
        case {"note": str(sentence), "about": str(about)}:
            return Note(about, sentence)
        case {"fact": str(name), "value": value}:
            return Fact(name, value)
        case {"sentence": str(sentence)}:
            return sentence
        case _:
            raise ValueError("that is nothing that can be shown")


def _row(told: Any, columns: int) -> list[Any]:
    if not isinstance(told, list) or len(told) != columns:
        raise ValueError("that is no row of its table")
    return told


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise ValueError("that is no name of a column")
    return told

"""Encoded queries as an instance evaluates them: what it does not understand, it leaves out without a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Row = dict[str, str]
Walk = Callable[[Row, str], str | None]
"""The value of a (dot-walked) field; None when there is no such field."""

_CONDITION = re.compile(
    r"([a-z][a-z0-9_.]*)(ISNOTEMPTY|ISEMPTY|ANYTHING|NOT IN|IN|NOT LIKE|LIKE|STARTSWITH|ENDSWITH|!=|>=|<=|=|>|<)(.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: str
    value: str

    def holds(self, found: str) -> bool:
        # As in the usual collation of its database, text is compared without regard to case.
        have, want = found.casefold(), self.value.casefold()
        match self.operator:
            case "=":
                return have == want
            case "!=":
                return have != want
            case ">" | ">=" | "<" | "<=":
                return _ordered(self.operator, have, want)
            case "IN":
                return have in want.split(",")
            case "NOT IN":
                return have not in want.split(",")
            case "LIKE":
                return want in have
            case "NOT LIKE":
                return want not in have
            case "STARTSWITH":
                return have.startswith(want)
            case "ENDSWITH":
                return have.endswith(want)
            case "ISEMPTY":
                return not have
            case "ISNOTEMPTY":
                return bool(have)
            case _:
                return True


def _run(value: str, user: str) -> str:
    """A value that is a script, as its sandbox runs it for this user; of scripts, one is known."""
    script = value.removeprefix("javascript:")
    return value if script == value else user if script == "gs.getUserName()" else ""


def _ordered(operator: str, have: str, want: str) -> bool:
    """Numbers are ordered as numbers, all else as text."""
    if have.isdigit() and want.isdigit():
        width = max(len(have), len(want))
        have, want = have.zfill(width), want.zfill(width)
    return {">": have > want, ">=": have >= want, "<": have < want, "<=": have <= want}[operator]


@dataclass(frozen=True, slots=True)
class Query:
    """Alternatives (^NQ) of conjunctions (^) of alternatives (^OR), and the order."""

    either: tuple[tuple[tuple[Condition, ...], ...], ...]
    order: tuple[tuple[str, bool], ...]
    invalid: bool

    @classmethod
    def parse(cls, text: str, is_field: Callable[[str], bool], user: str = "") -> Query:
        either: list[list[list[Condition]]] = [[]]
        order: list[tuple[str, bool]] = []
        invalid = False
        for part in text.replace("^^", "\0").split("^"):
            term = part.replace("\0", "^")
            if term.startswith("ORDERBY"):
                descending = term.startswith("ORDERBYDESC")
                name = term.removeprefix("ORDERBYDESC" if descending else "ORDERBY")
                order += [(name, descending)] if is_field(name) else []
                continue
            if term.startswith("NQ"):
                either.append([])
                term = term.removeprefix("NQ")
            or_else = term.startswith("OR")
            found = _CONDITION.fullmatch(term.removeprefix("OR"))
            if found is None or not is_field(found[1]):
                invalid = invalid or bool(term)
                continue
            condition = Condition(found[1], found[2], _run(found[3], user))
            if or_else and either[-1]:
                either[-1][-1].append(condition)
            else:
                either[-1].append([condition])
        frozen = tuple(tuple(tuple(group) for group in groups) for groups in either)
        return cls(frozen, tuple(order), invalid)

    def select(self, rows: Iterable[Row], walk: Walk) -> list[Row]:
        """The matching rows in the order asked for."""
        found = [
            row
            for row in rows
            if any(
                all(any(one.holds(walk(row, one.field) or "") for one in group) for group in groups)
                for groups in self.either
            )
        ]
        for name, descending in reversed(self.order):
            found.sort(key=lambda row, name=name: walk(row, name) or "", reverse=descending)  # type: ignore[misc]
        return found

"""The simulated search index: late, sorted by what it knows, and strict about JQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from tieline.adapters.jira.simulated.screens import Refused

_CLAUSE: Final = re.compile(
    r"""\s*(?P<field>\w+)\s*(?P<operator>>=|<=|!=|=|>|<)\s*
    (?P<value>"(?:[^"\\]|\\.)*"|currentUser\(\)|-?\w+)\s*""",
    re.VERBOSE,
)
_ORDER: Final = re.compile(r"(?:^|\s+)ORDER\s+BY\s+(.+)$", re.IGNORECASE)
_RELATIVE: Final = re.compile(r"-(\d+)([mhdw])$")
_SETS: Final = frozenset({"status", "id", "key", "issue", "labels", "project", "issuetype", "creator"})
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Entry:
    """An issue as the index knows it. Times in milliseconds."""

    id: str
    key: str
    project: str
    issuetype: str
    status: str
    status_id: str
    creator: str
    created: int
    updated: int
    labels: tuple[str, ...] = ()

    def sort_key(self, order: list[tuple[str, bool]]) -> tuple[Any, ...]:
        parts: list[Any] = []
        for name, descending in order:
            value: Any = int(self.key.rpartition("-")[2]) if name == "key" else getattr(self, name)
            parts.append(-value if descending else value)
        return (*parts, int(self.id))


@dataclass(frozen=True, slots=True)
class Question:
    """A parsed query."""

    holds: Callable[[Entry], bool]
    order: list[tuple[str, bool]]


def parse(jql: str, *, now: datetime, zone: str, me: str, projects: Mapping[str, Any]) -> Question:
    """AND of comparisons, with brackets: the part of JQL that the adapter and its tests use. Raises Refused."""
    order: list[tuple[str, bool]] = [("created", True)]
    found = _ORDER.search(jql)
    if found:
        jql = jql[: found.start()]
        order = [(_words(part)[0], "DESC" in part.upper().split()) for part in found.group(1).split(",")]
        if any(name not in ("created", "updated", "key") for name, _ in order):
            raise Refused(None, "Error in the JQL Query: that field cannot be sorted by.")
    tests = _conjunction(jql, now, ZoneInfo(zone), me, projects)
    if not tests:
        raise Refused(
            None, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
        )
    return Question(lambda entry: all(test(entry) for test in tests), order)


def _words(text: str) -> list[str]:
    return text.split() or [""]


def _conjunction(
    text: str, now: datetime, zone: ZoneInfo, me: str, projects: Mapping[str, Any]
) -> list[Callable[[Entry], bool]]:
    tests: list[Callable[[Entry], bool]] = []
    rest = text.strip()
    while rest:
        if rest.startswith("("):
            end = _closing(rest)
            tests += _conjunction(rest[1:end], now, zone, me, projects)
            rest = rest[end + 1 :].strip()
        else:
            clause = _CLAUSE.match(rest)
            if clause is None:
                raise Refused(None, f"Error in the JQL Query: Expecting operator but got '{rest[:20]}'.")
            tests.append(_test(clause, now, zone, me, projects))
            rest = rest[clause.end() :].strip()
        if rest:
            if not rest.upper().startswith("AND"):
                raise Refused(None, f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{rest[:20]}'.")
            rest = rest[3:].strip()
    return tests


def _closing(text: str) -> int:
    depth, quoted, skip = 0, False, False
    for position, character in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            skip, quoted = character == "\\", character != '"'
        elif character == '"':
            quoted = True
        elif character in "()":
            depth += 1 if character == "(" else -1
            if depth == 0:
                return position
    raise Refused(None, "Error in the JQL Query: Expecting ')' before the end of the query.")


def _test(
    clause: re.Match[str], now: datetime, zone: ZoneInfo, me: str, projects: Mapping[str, Any]
) -> Callable[[Entry], bool]:
    name, operator, raw = clause["field"].lower(), clause["operator"], clause["value"]
    value = re.sub(r"\\(.)", r"\1", raw[1:-1]) if raw.startswith('"') else raw
    if name in ("updated", "created"):
        bound = _bound(value, now, zone)
        compare: dict[str, Callable[[int], bool]] = {
            ">=": lambda at: at >= bound,
            ">": lambda at: at > bound,
            "<=": lambda at: at <= bound,
            "<": lambda at: at < bound,
        }
        if operator not in compare:
            raise Refused(None, f"The operator '{operator}' is not supported by the '{name}' field.")
        return lambda entry: compare[operator](getattr(entry, name))
    if name not in _SETS:
        raise Refused(None, f"Field '{name}' does not exist or you do not have permission to view it.")
    if operator not in ("=", "!="):
        raise Refused(None, f"The operator '{operator}' is not supported by the '{name}' field.")
    if name == "project" and value not in projects:
        raise Refused(None, f"The value '{value}' does not exist for the field 'project'.")
    wanted = me if raw == "currentUser()" else value
    equal = operator == "="
    return lambda entry: (wanted.casefold() in _held(entry, name)) is equal


def _held(entry: Entry, name: str) -> set[str]:
    match name:
        case "status":
            held = [entry.status, entry.status_id]
        case "id" | "key" | "issue":
            held = [entry.id, entry.key]
        case "labels":
            held = list(entry.labels)
        case _:
            held = [getattr(entry, name)]
    return {one.casefold() for one in held}


def _bound(text: str, now: datetime, zone: ZoneInfo) -> int:
    """Milliseconds. Absolute times are the account's wall time; of an hour that comes twice, the later."""
    relative = _RELATIVE.match(text)
    if relative:
        moment = now - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
    else:
        try:
            moment = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=zone, fold=1)
        except ValueError:
            raise Refused(
                None,
                f"Date value '{text}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', "
                "'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'.",
            ) from None
    return int(moment.astimezone(UTC).timestamp() * 1000)

"""A workflow as far as it is known, and the way through it: pure functions.

Jira offers an issue only the transitions that it may take now, and the whole workflow only to administrators. So the
graph is learnt status by status, and a way is searched in what has been learnt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from tieline.core.port import Body

DONE = "done"
"""The key of Jira's status category for finished work; passing through it tells people that the work is finished."""


@dataclass(frozen=True, slots=True)
class Station:
    """A status: its id, name and category key (`new`, `indeterminate`, `done`)."""

    id: str
    name: str
    category: str = ""

    @classmethod
    def of(cls, status: Body) -> Station:
        """As far as the answer tells it: whatever has no id and no name is nobody's wanted status."""
        category = (status.get("statusCategory") or {}).get("key", "")
        return cls(str(status.get("id") or ""), str(status.get("name") or ""), str(category))


@dataclass(frozen=True, slots=True)
class ScreenField:
    """A field on a transition's screen."""

    id: str
    name: str
    required: bool


@dataclass(frozen=True, slots=True)
class Move:
    """One transition. Its name says nothing: what counts is where it leads."""

    id: str
    name: str
    to: Station
    screen: tuple[ScreenField, ...] = ()

    @property
    def field_ids(self) -> frozenset[str]:
        return frozenset(one.id for one in self.screen)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The status asked for, by id or by name (names compare without case, as Jira does)."""

    id: str | None
    name: str | None

    @classmethod
    def of(cls, status: Any) -> Wanted | None:
        """None when the patch's `status` names none."""
        if isinstance(status, str) and status:
            return cls(None, status)
        if isinstance(status, dict) and (status.get("id") or status.get("name")):
            identity, name = status.get("id"), status.get("name")
            return cls(str(identity) if identity else None, str(name) if name else None)
        return None

    def matches(self, station: Station) -> bool:
        if self.id is not None:
            return station.id == self.id
        return self.name is not None and station.name.casefold() == self.name.casefold()

    def __str__(self) -> str:
        return self.name or f"status {self.id}"


@dataclass
class Workflow:
    """What has been learnt of one project's workflow for one issue type: the moves out of each status."""

    moves: dict[str, tuple[Move, ...]] = field(default_factory=dict)

    def learn(self, status: str, moves: tuple[Move, ...]) -> None:
        self.moves[status] = moves

    def knows(self, status: str) -> bool:
        return status in self.moves


def moves_of(transitions: Body) -> tuple[Move, ...]:
    """The moves in an answer of `/transitions?expand=transitions.fields`. One that names no target (a looped or broken
    transition of an imported workflow) leads nowhere that anybody asked for."""
    return tuple(
        Move(str(one["id"]), str(one.get("name") or one["id"]), Station.of(one["to"]), _screen(one.get("fields") or {}))
        for one in transitions.get("transitions") or []
        if isinstance(one, dict) and one.get("id") and isinstance(one.get("to"), dict) and one.get("isAvailable", True)
    )


def _screen(fields: Mapping[str, Any]) -> tuple[ScreenField, ...]:
    return tuple(
        ScreenField(name, str(fact.get("name") or name), bool(fact.get("required")) and not fact.get("hasDefaultValue"))
        for name, fact in fields.items()
    )


def missing(move: Move, offered: Collection[str], held: Body) -> tuple[str, ...]:
    """The required fields of a move's screen that neither the patch brings nor the issue has, as `Name (id)`."""
    return tuple(
        f"{one.name} ({one.id})"
        for one in move.screen
        if one.required and one.id not in offered and held.get(one.id) in (None, "", [])
    )


def route(workflow: Workflow, start: str, wanted: Wanted, lacks: Callable[[Move], int]) -> tuple[Move, ...] | None:
    """The shortest way to `wanted`, or None when what is known shows none.

    A way through a finished status is taken only when there is no other. Of two moves between the same statuses, the
    one that `lacks` the fewest required fields wins, then the one with the lower id.
    """
    return _search(workflow, start, wanted, lacks, through_done=False) or _search(
        workflow, start, wanted, lacks, through_done=True
    )


def _search(
    workflow: Workflow, start: str, wanted: Wanted, lacks: Callable[[Move], int], *, through_done: bool
) -> tuple[Move, ...] | None:
    queue: deque[tuple[str, tuple[Move, ...]]] = deque([(start, ())])
    reached = {start}
    while queue:
        status, path = queue.popleft()
        for move in sorted(workflow.moves.get(status, ()), key=lambda one: (lacks(one), _number(one.id))):
            if wanted.matches(move.to):
                return (*path, move)
            if move.to.id not in reached and (through_done or move.to.category != DONE):
                reached.add(move.to.id)
                queue.append((move.to.id, (*path, move)))
    return None


def unknown(workflow: Workflow, start: str) -> tuple[Station, ...]:
    """The statuses that can be reached but whose own moves are not known, nearest first, finished ones last."""
    queue: deque[str] = deque([start])
    reached = {start}
    found: list[Station] = []
    while queue:
        for move in workflow.moves.get(queue.popleft(), ()):
            if move.to.id in reached:
                continue
            reached.add(move.to.id)
            if workflow.knows(move.to.id):
                queue.append(move.to.id)
            else:
                found.append(move.to)
    return tuple(sorted(found, key=lambda station: station.category == DONE))


def cautious_step(moves: Collection[Move], visited: Collection[str], lacks: Callable[[Move], int]) -> Move | None:
    """A step into the unknown: to an unvisited, unfinished status whose screen asks for nothing that is not there.

    Work in progress comes before the backlog, because from there more ways lead on. None when no such step exists.
    """
    open_moves = [move for move in moves if move.to.id not in visited and move.to.category != DONE and lacks(move) == 0]
    return min(open_moves, key=lambda one: (one.to.category == "new", _number(one.id)), default=None)


def _number(identity: str) -> tuple[int, str]:
    return (int(identity) if identity.isdecimal() else 1 << 30), identity

"""A status in a patch becomes a walk over the workflow's transitions: look, plan, step, look again.

Every state between the first and the last is this adapter's own doing. Nothing of it is handed out: `update` answers
with the final reading only, and names the way in the reading's annotations. When a walk fails half-way, the issue is
led back to where it stood, as far as a way is known, so that the half-way state is not taken for a person's edit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tieline.adapters.jira import jql
from tieline.adapters.jira.polling import Fetched
from tieline.adapters.jira.remarks import FIELD as COMMENT
from tieline.adapters.jira.remarks import Remarks
from tieline.adapters.jira.wire import Wire
from tieline.adapters.jira.workflow import (
    Move,
    Station,
    Wanted,
    Workflow,
    cautious_step,
    missing,
    moves_of,
    route,
    unknown,
)
from tieline.core.errors import Gone, Rejected, StaleVersion
from tieline.core.http import looking
from tieline.core.port import Body

MOST_STEPS: Final = 12
"""Transitions one update may take; a longer way is taken for a mistake."""

MOST_SAMPLES: Final = 12
"""Other issues looked at to learn the workflow, in one update."""

Read = Callable[[str], Fetched]
Theirs = Callable[[Fetched], Mapping[str, Body]]
"""What persons changed in the issue after our last write."""
Search = Callable[[str], list[str]]


@dataclass
class Walk:
    """One walk of one issue. `left` holds the patch's fields not yet written; `trail` the statuses passed;
    `looked` that the moves out of the present status have just been read."""

    fetched: Fetched
    wanted: Wanted
    left: dict[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    remarks: Remarks | None = None
    trail: list[Station] = field(default_factory=list)

    looked: bool = False
    gave: bool = False
    """A screen has taken fields."""
    ended: bool = False
    """The issue stands elsewhere than the last transition leads, and is left there: a rule of the workflow held it or
    moved it on, or a person was at work. Who it was is told by the changelog."""
    barren: set[str] = field(default_factory=set)
    """Statuses in which no other issue stands, so that nothing can be learnt of them from afar."""

    @property
    def issue(self) -> Body:
        return self.fetched.issue

    @property
    def at(self) -> Station:
        return Station.of(self.issue["fields"]["status"])

    @property
    def arrived(self) -> bool:
        return self.wanted.matches(self.at)

    @property
    def left_behind(self) -> bool:
        """Whether the issue was moved and stands elsewhere than it did, or a screen on the way took fields."""
        return bool(self.trail) and (self.gave or self.at.id != self.trail[0].id)

    def lacks(self, move: Move) -> int:
        return len(self.missing(move))

    def missing(self, move: Move) -> tuple[str, ...]:
        said = {COMMENT} if self.remarks is not None and self.remarks.text(move) else set()
        return missing(move, {*self.left, *self.defaults, *said}, self.issue["fields"])

    def carried(self, move: Move) -> dict[str, Any]:
        """The patch's fields that the move's screen takes, and defaults where it requires more."""
        required = {
            one.id for one in move.screen if one.required and self.issue["fields"].get(one.id) in (None, "", [])
        }
        defaults = {name: value for name, value in self.defaults.items() if name in required}
        return defaults | {name: value for name, value in self.left.items() if name in move.field_ids}


class Walker:
    """Walks issues to a wanted status; remembers, per project and issue type, what it has learnt of the workflow."""

    def __init__(
        self,
        wire: Wire,
        read: Read,
        search: Search,
        theirs: Theirs,
        defaults: Mapping[str, Any],
        remarks: Remarks | None = None,
    ) -> None:
        """`defaults` fills required screen fields that a patch does not bring; `remarks` are said on the way."""
        self._remarks = remarks
        self._theirs = theirs
        self._defaults = defaults
        self._wire = wire
        self._read = read
        self._search = search
        self._workflows: dict[tuple[str, str], Workflow] = {}

    def walk(self, fetched: Fetched, wanted: Wanted, fields: Body) -> Walk:
        """A walk not yet begun; `fields` are the patch's other fields."""
        return Walk(fetched, wanted, dict(fields), self._defaults, self._remarks)

    def carried(self, walk: Walk) -> frozenset[str]:
        """The fields of the patch that the screens on the planned way take; raises Rejected when the way is barred."""
        self._look(walk)
        path = self._plan(walk)
        return frozenset().union(*(move.field_ids for move in path or ())) & set(walk.left)

    def go(self, walk: Walk) -> None:
        """Walk until the issue stands in the wanted status, or is moved by others. Raises Rejected: what is missing,
        where it stands; and StaleVersion where a person was faster than our first step."""
        try:
            self._go(walk)
        except Rejected:
            if self._taken_over(walk):
                return
            if walk.trail:
                self._lead_back(walk)
            self._workflows.pop(_kind(walk.issue), None)
            raise

    def _taken_over(self, walk: Walk) -> bool:
        """Whether a person moved the issue while we did, so that what we meant to do next is no longer possible."""
        before = walk.at
        walk.fetched, walk.looked = self._read(str(walk.issue["id"])), False
        if "status" not in self._theirs(walk.fetched) or walk.at.id == before.id:
            return False
        if not walk.trail:
            raise StaleVersion(self._wire.connection, f"{walk.issue['key']} was moved to {walk.at.name} meanwhile")
        walk.ended = True
        return True

    def _go(self, walk: Walk) -> None:
        while not walk.arrived and not walk.ended:
            if len(walk.trail) >= MOST_STEPS:
                raise self._barred(f"{_way(walk)}: more than {MOST_STEPS} transitions; not followed")
            workflow = self._look(walk)
            path = self._plan(walk)
            if path is None:
                visited = {station.id for station in walk.trail} | {walk.at.id}
                step = cautious_step(workflow.moves[walk.at.id], visited, walk.lacks)
                if step is None:
                    raise self._no_way(walk, workflow)
            else:
                step = path[0]
            self._step(walk, step)

    def _look(self, walk: Walk) -> Workflow:
        workflow = self._workflows.setdefault(_kind(walk.issue), Workflow())
        if not walk.looked:
            workflow.learn(walk.at.id, self._moves(str(walk.issue["id"])))
            walk.looked = True
        return workflow

    def _plan(self, walk: Walk) -> tuple[Move, ...] | None:
        """The way by what is known, after learning more from other issues where that is not enough."""
        workflow = self._workflows[_kind(walk.issue)]
        path = route(workflow, walk.at.id, walk.wanted, walk.lacks)
        for _ in range(MOST_SAMPLES):
            if path is not None:
                break
            open_questions = [one for one in unknown(workflow, walk.at.id) if one.id not in walk.barren]
            if not open_questions:
                break
            if not self._learn_from_others(walk.issue, workflow, open_questions[0]):
                walk.barren.add(open_questions[0].id)
            path = route(workflow, walk.at.id, walk.wanted, walk.lacks)
        for move in path or ():
            lacking = walk.missing(move)
            if lacking:
                raise self._barred(
                    f"{walk.issue['key']}: the transition “{move.name}” to {move.to.name} requires "
                    f"{', '.join(lacking)}; map a field to it (`needs` of status in the mapping) or give a value in "
                    f"`{'transition_comments' if any(COMMENT in one for one in lacking) else 'transition_fields'}`.",
                )
        return path

    def _learn_from_others(self, issue: Body, workflow: Workflow, station: Station) -> bool:
        """Read the moves of any issue that stands in `station` now: the only way to learn them that changes nothing."""
        fields = issue["fields"]
        found = self._search(
            jql.standing_in(str(fields["project"]["key"]), str(fields["issuetype"]["name"]), station.id)
        )
        try:
            # The index may be late: the issue must really stand there, or its moves belong to another status.
            if not found or Station.of(self._read(found[0]).issue["fields"]["status"]).id != station.id:
                return False
            workflow.learn(station.id, self._moves(found[0]))
        except Gone:
            return False
        return True

    def _moves(self, ref: str) -> tuple[Move, ...]:
        with looking(self._wire.connection):
            return moves_of(
                self._wire.get(f"/issue/{ref}/transitions", {"expand": "transitions.fields"}, has=("transitions",)).json
            )

    def _step(self, walk: Walk, move: Move) -> None:
        carried = walk.carried(move)
        request: dict[str, Any] = {"transition": {"id": move.id}}
        if carried:
            request["fields"] = carried
        remark = self._remarks.update(move) if self._remarks is not None else None
        if remark is not None:
            request["update"] = remark
        before = walk.at
        self._wire.post(f"/issue/{walk.issue['id']}/transitions", request)
        walk.trail.append(before)
        walk.gave = walk.gave or bool(carried)
        walk.left = {name: value for name, value in walk.left.items() if name not in carried}
        walk.fetched, walk.looked = self._read(str(walk.issue["id"])), False
        held = walk.at.id == before.id
        moved_on = walk.at.id != move.to.id and (walk.wanted.matches(move.to) or "status" in self._theirs(walk.fetched))
        walk.ended = held or moved_on

    def _lead_back(self, walk: Walk) -> None:
        """Back to the first status, over moves that ask for nothing; as far as that goes."""
        origin = Wanted(walk.trail[0].id, walk.trail[0].name)
        for _ in range(len(walk.trail) + 1):
            if origin.matches(walk.at):
                return
            workflow = self._look(walk)
            path = route(workflow, walk.at.id, origin, walk.lacks)
            if path is None or missing(path[0], (), walk.issue["fields"]):
                return
            try:
                self._wire.post(f"/issue/{walk.issue['id']}/transitions", {"transition": {"id": path[0].id}})
            except Rejected:
                return
            walk.fetched, walk.looked = self._read(str(walk.issue["id"])), False

    def _no_way(self, walk: Walk, workflow: Workflow) -> Rejected:
        offered = ", ".join(f"“{move.name}” to {move.to.name}" for move in workflow.moves[walk.at.id]) or "none"
        return self._barred(
            f"{_way(walk)}: the workflow shows no way to {walk.wanted}; transitions offered here: {offered}. "
            "Grant the account the transition, or map this status to one that can be reached.",
        )

    def _barred(self, words: str) -> Rejected:
        """The status cannot be had; the other fields can."""
        return Rejected(self._wire.connection, words, refused={"fields.status": words})


def _kind(issue: Body) -> tuple[str, str]:
    fields = issue["fields"]
    return str(fields["project"].get("id")), str((fields.get("issuetype") or {}).get("id"))


def _way(walk: Walk) -> str:
    return f"{walk.issue['key']} (" + " → ".join([*(station.name for station in walk.trail), walk.at.name]) + ")"

"""How a patch is written: edits, transitions, and a look at what became of it.

Jira answers with success to fields that it leaves alone, and a workflow may move an issue on: the record that is read
back tells, and whoever asked decides what that means. Jira has no conditional write either. The window between the
last look and the write stays open for some milliseconds; what another person wrote in it is found in the issue's
changelog and named in the reading's `overwrote` annotation; `history.py` tells what of it our own write replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tieline.adapters.jira.issue import overwritten, says
from tieline.adapters.jira.polling import Fetched, Records
from tieline.adapters.jira.transitions import Walk, Walker
from tieline.adapters.jira.wire import Wire
from tieline.adapters.jira.workflow import Station, Wanted
from tieline.core.errors import Rejected, StaleVersion, TryAgain
from tieline.core.http import looking, written
from tieline.core.port import Body


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch, taken apart: the fields, and the status that has to be walked to."""

    fields: Mapping[str, Any]
    status: Wanted | None

    @classmethod
    def of(cls, connection: str, body: Body) -> Patch:
        """Raises Rejected for a shape that is not an issue's."""
        fields = body.get("fields", {})
        if set(body) - {"fields"} or not isinstance(fields, Mapping):
            raise Rejected(connection, 'a patch is {"fields": {…}} and nothing else; check the mapping')
        rest = {name: value for name, value in fields.items() if name != "status"}
        if "status" not in fields:
            return cls(rest, None)
        wanted = Wanted.of(fields["status"])
        if wanted is None:
            words = "the patch's status names none; check the `values` of status in the mapping"
            raise Rejected(connection, words, refused={"fields.status": words})
        return cls(rest, wanted)

    @property
    def paths(self) -> tuple[str, ...]:
        """What it writes, as mappings name it."""
        return (*(f"fields.{name}" for name in self.fields), *(("fields.status",) if self.status else ()))

    def asks_for_move(self, issue: Body) -> bool:
        return self.status is not None and not self.status.matches(Station.of(issue["fields"]["status"]))


@dataclass
class Plan:
    """In which order a patch is written. Whether anything has been written is told by `wrote` and the walk's trail."""

    first: Mapping[str, Any]
    walk: Walk | None = None
    last: Mapping[str, Any] = field(default_factory=dict)
    wrote: bool = False
    news: bool = False
    """An edit has written something else than stood there."""

    @property
    def begun(self) -> bool:
        return self.wrote or bool(self.walk and self.walk.trail)

    @property
    def changed(self) -> bool:
        """Whether something stands that was not there before: a walk that was led back leaves nothing."""
        return self.news or (self.walk is not None and self.walk.left_behind)

    @property
    def way(self) -> str:
        if self.walk is None or not self.walk.trail:
            return ""
        return " → ".join([*(station.name for station in self.walk.trail), self.walk.at.name])


@dataclass(frozen=True, slots=True)
class Written:
    """The issue as it is after a write, with annotations, and what of the patch was refused while the rest was taken:
    the members by their paths, each with Jira's words."""

    fetched: Fetched
    notes: Mapping[str, str]
    refused: Mapping[str, str] = field(default_factory=dict)


class Writer:
    """Writes patches to issues of one connection."""

    def __init__(self, wire: Wire, records: Records, walker: Walker, account: Callable[[], str]) -> None:
        self._wire = wire
        self._records = records
        self._walker = walker
        self._account = account

    def write(self, before: Fetched, patch: Patch) -> Written:
        """The issue as it is afterwards. Raises as the port's `update` does; Rejected only where nothing is written."""
        plan = self._plan(before, patch)
        try:
            self._carry_out(before.issue, plan)
            return Written(*self._read_back(before.issue, patch, plan))
        except Rejected as error:
            if not plan.changed:
                raise
            return self._half_written(before.issue, patch, plan, error)
        except TryAgain as error:
            error.maybe_done = error.maybe_done or plan.begun
            raise
        except StaleVersion as error:
            if not plan.begun:
                raise
            raise TryAgain(self._wire.connection, f"half of the update is written ({error})", maybe_done=True) from None

    def _half_written(self, before: Body, patch: Patch, plan: Plan, error: Rejected) -> Written:
        """A refusal of one call after another was taken. An error would say that nothing is done, and what is done
        would come back as somebody's edit."""
        with written(self._wire.connection, "half of the update is written"):
            after = self._records.with_history(str(before["id"]))
        held = after.issue["fields"]
        lacking = [f"fields.{name}" for name, value in patch.fields.items() if not says(held.get(name), value)]
        if patch.asks_for_move(after.issue):
            lacking.append("fields.status")
        way = {"way": plan.way} if plan.way else {}
        return Written(after, way, {path: error.refused.get(path, str(error)) for path in lacking})

    def _plan(self, before: Fetched, patch: Patch) -> Plan:
        """Transition screens take what they can. A finished issue may be closed to edits, so what cannot be edited now
        is left until it has moved."""
        if patch.status is None or not patch.asks_for_move(before.issue):
            return Plan(patch.fields)
        walk = self._walker.walk(before, patch.status, patch.fields)
        if not patch.fields:
            return Plan({}, walk)
        carried = self._walker.carried(walk)
        loose = {name: value for name, value in patch.fields.items() if name not in carried}
        if not loose:
            return Plan({}, walk)
        with looking(self._wire.connection):
            editable = self._wire.get(f"/issue/{before.issue['id']}/editmeta", has=("fields",)).json["fields"]
        first = {name: value for name, value in loose.items() if name in editable}
        walk.left = {name: value for name, value in walk.left.items() if name not in first}
        return Plan(first, walk, {name: value for name, value in loose.items() if name not in first})

    def _carry_out(self, issue: Body, plan: Plan) -> None:
        if plan.first:
            self._edit(issue, plan.first)
            plan.wrote = True
            plan.news = not all(says(issue["fields"].get(name), value) for name, value in plan.first.items())
        if plan.walk is not None:
            self._walker.go(plan.walk)
            held = plan.walk.issue["fields"]
            # A resolution that is already there is sent along by `needs`, and no screen would take it now.
            # What it could not take before, it cannot take now where the walk ended elsewhere.
            wanted = {} if plan.walk.ended else plan.last
            plan.last = {k: v for k, v in wanted.items() if k in plan.walk.left and not says(held.get(k), v)}
        if plan.last:
            self._edit(issue, plan.last)
            plan.wrote = True

    def _edit(self, issue: Body, fields: Mapping[str, Any]) -> None:
        self._wire.put(f"/issue/{issue['id']}", {"fields": dict(fields)})

    def _read_back(self, before: Body, patch: Patch, plan: Plan) -> tuple[Fetched, dict[str, str]]:
        """The record as it is now, whatever Jira made of a write that it answered with success."""
        if plan.walk is not None and not patch.fields:
            after = plan.walk.fetched
        else:
            after = self._records.with_history(str(before["id"]))
        lost = ""
        if after.changelog and patch.fields:
            lost = overwritten(after.changelog, before["fields"]["updated"], set(patch.fields), self._account())
        notes = {"way": plan.way, "overwrote": lost}
        return after, {name: text for name, text in notes.items() if text}

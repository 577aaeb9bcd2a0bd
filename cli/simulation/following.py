"""What an incident owes its alerts, held against what the store and the tools say at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row as StoreRow
from sqlalchemy import select

from tieline.adapters.memory.shelf import Row
from tieline.cli.simulation.people import SCRIBBLE
from tieline.cli.simulation.shipped.seat import TOLD
from tieline.cli.simulation.world import World
from tieline.core.store import tables as t
from tieline.mappings.board import ALERTS
from tieline.sync.alerts import board, grades, unheeded
from tieline.sync.records import Incident, Replica

Promise = tuple[str, str]
"""A broken one: its kind and the words."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What is looked at: every incident with its copies and their records, and what the journals told."""

    world: World
    incidents: Sequence[tuple[Incident, Sequence[tuple[Replica, Row]]]]
    told: Sequence[Mapping[str, Any]]


def broken(stage: Stage) -> Iterator[Promise]:
    """Every broken promise about what alerts do to incidents."""
    if not stage.world.shape.alerts:
        return
    with stage.world.store.read() as connection:
        rows = list(connection.execute(select(t.signal).where(t.signal.c.incident_id.is_not(None))))
        ignored = [one for one in unheeded.unheeded(connection) if one.status == "resolved" and one.again is None]
    signals: dict[int, list[StoreRow[Any]]] = defaultdict(list)
    for row in rows:
        signals[row.incident_id].append(row)
    for one in ignored:
        yield "not raised again", f"INC-{one.incident} was resolved by somebody, {one.firing} alerts fire, and it stays"
    for incident, copies in stage.incidents:
        mine = signals.get(incident.id, [])
        if mine:
            yield from _severity(stage, incident, mine)
            yield from _boards(stage, incident, copies, sum(row.firing for row in mine))
        yield from _scribbles(stage, incident, copies)
    yield from _fights(stage)


def _severity(stage: Stage, incident: Incident, signals: Sequence[StoreRow[Any]]) -> Iterator[Promise]:
    """Nobody but its alerts said how bad an open incident is: then it is as bad as the worst that fires."""
    if incident.fields["status"] not in ("new", "in_progress", "on_hold") or stage.world.restored:
        return
    worst = grades.worst(row.judged for row in signals if row.firing)
    for name in grades.above(worst, incident.fields):
        if not _said_by_somebody(stage, incident, name):
            words = f"INC-{incident.id} {name} is {incident.fields.get(name)!r}, and an alert of {worst[name]!r} fires"
            yield "stays low", words


def _said_by_somebody(stage: Stage, incident: Incident, name: str) -> bool:
    return any(
        facts["incident"] == incident.id and (name in _changes(facts) or facts.get("field") == name)
        for facts in stage.told
        if facts["connection"] is not None or facts.get("field") == name
    )


def _changes(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    changes = facts.get("changes")
    return changes if isinstance(changes, Mapping) else {}


def _boards(stage: Stage, incident: Incident, copies: Sequence[tuple[Replica, Row]], firing: int) -> Iterator[Promise]:
    """Every ticket says how many of its alerts fire now, once."""
    for copy, row in copies:
        if {ALERTS, "description"} & copy.holds.keys():
            continue
        desk = stage.world.tools[copy.connection]
        said = desk.board(row)
        if said is None and desk.pins and not board.says_more(incident.fields.get(ALERTS)):
            continue  # no comment that says what the ticket says already
        wanted = {0: "No alert fires now", 1: "One alert fires now"}.get(firing, f"{firing} alerts fire now")
        if said is None or not said.startswith(wanted):
            words = (
                f"{firing} alerts of INC-{incident.id} fire, and record {row.ref} in {copy.connection} says {said!r}"
            )
            yield "stale board", words


def _scribbles(stage: Stage, incident: Incident, copies: Sequence[tuple[Replica, Row]]) -> Iterator[Promise]:
    """What is written into a block is nobody's edit: it spreads nowhere and does not stay. In a comment of ours it
    stays until there is something else to say, and makes no second comment."""
    if SCRIBBLE in str(incident.fields.get("description")) or SCRIBBLE in str(incident.fields.get(ALERTS)):
        yield "spread block", f"INC-{incident.id} took over what somebody wrote into a block of alerts"
    for copy, row in copies:
        pins = stage.world.tools[copy.connection].pins
        told = [note for note in row.notes if TOLD.search(note.text)]
        if pins and len(told) > 1:
            yield (
                "spread block",
                f"record {row.ref} in {copy.connection} says in {len(told)} comments which alerts fire",
            )
        if not pins and any(SCRIBBLE in note.text for note in row.notes):
            yield "spread block", f"record {row.ref} in {copy.connection} has what somebody wrote into ours elsewhere"
        shown = f"{row.body.get('description')} {'' if pins else stage.world.tools[copy.connection].board(row)}"
        if SCRIBBLE in shown and not {ALERTS, "description"} & copy.holds.keys():
            yield (
                "spread block",
                f"record {row.ref} in {copy.connection} still shows what somebody wrote into its block",
            )


def _fights(stage: Stage) -> Iterator[Promise]:
    """Where no two rules fight, no breaker trips: alerts may flap as they like."""
    if stage.world.shape.quarrel:
        return
    for facts in stage.told:
        sentence = str(facts.get("sentence"))
        if "changed it back each time" in sentence or "after another tool had set it" in sentence:
            yield "breaker", f"INC-{facts['incident']}: {sentence}"

"""Raise again what somebody said is over and what still fires when the policy's time has passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update

from tieline.core.events import Reraised
from tieline.core.model import ConnectionName, IncidentId, Signal, Status
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.mappings.board import ALERTS
from tieline.sync import loading
from tieline.sync.alerts import acts, board, groups, judging, vigil
from tieline.sync.alerts.groups import Group
from tieline.sync.alerts.judging import Judgements
from tieline.sync.engine import Engine
from tieline.sync.records import Incident
from tieline.sync.road import commit
from tieline.sync.road.merge import Reason

_FIRING = (
    select(t.signal).where(t.signal.c.incident_id == bindparam("incident"), t.signal.c.firing).order_by(t.signal.c.id)
)
_MOVE: Final = (
    update(t.signal)
    .where(t.signal.c.incident_id == bindparam("old"), t.signal.c.group_key == bindparam("key"), t.signal.c.firing)
    .values(incident_id=bindparam("new"))
)


def look_again(tx: Transaction, engine: Engine, payload: Mapping[str, Any], judged: Judgements) -> None:
    """The time is over: raise the incident again if it still fires, unless its source keeps all of it silent. Raises
    NotJudged where an alert opens a new incident, which `judged` says nothing of."""
    number = IncidentId(int(payload["incident"]))
    firing = list(tx.execute(_FIRING, {"incident": number}))
    standing = groups.standing(tx, engine, {row.group_key for row in firing})
    incident = loading.load_incident(tx, number, lock=True)
    if incident is None or not firing or Status(str(incident.fields["status"])).is_open:
        return
    if all(row.fields.get("suppressed") is True for row in firing):
        # Somebody silenced it where it comes from, and so it is nobody's noise; the silence will run out.
        vigil.set_again(tx, engine, number, Status(str(incident.fields["status"])))
        return
    for key in dict.fromkeys(row.group_key for row in firing):
        mine = [row for row in firing if row.group_key == key]
        _raise_again(tx, engine, incident, key, standing.get(key), mine, judged)


def _raise_again(
    tx: Transaction,
    engine: Engine,
    incident: Incident,
    key: str,
    group: Group | None,
    firing: list[Row[Any]],
    judged: Judgements,
) -> None:
    """One group: in the incident that its alerts open today, in the old one where that may be, or in a new one."""
    now, worst = engine.clock.now(), _signal(firing[0])
    current = loading.load_incident(tx, incident.id, lock=True) or incident
    elsewhere = group is not None and group.incident.id != incident.id and _is_open(group.incident)
    if group is not None and elsewhere:
        _move(tx, engine, incident, group.incident, key, worst)
    elif current.fields["status"] == Status.RESOLVED.value:
        groups.remember(tx, [(key, incident.id)], now)
        status = {"status": Status.NEW.value, ALERTS: board.words(tx, engine, incident.id, Status.NEW)}
        back = commit.edit(tx, engine, incident.id, status, actor="tieline", reason=Reason.RERAISED, by=worst)
        judging.catch_up(tx, engine, back, worst)
    elif not _is_open(current):
        opening = commit.Opening(judged.of([worst])[worst.episode].fields, worst.episode)
        [new] = commit.open_incidents(tx, engine, [opening], source=worst.connection)
        groups.remember(tx, [(key, new.id)], now)
        _move(tx, engine, incident, new, key, worst)


def _move(tx: Transaction, engine: Engine, old: Incident, new: Incident, key: str, signal: Signal) -> None:
    """The alerts that still fire belong to another incident from now on."""
    moved = tx.execute(_MOVE, {"old": old.id, "key": key, "new": new.id}).rowcount
    engine.record(
        tx,
        Reraised(signal=signal.episode, signals=moved, instead_of=old.id),
        incident=new.id,
        reason=Reason.RERAISED.value,
    )
    acts.follow(tx, engine, judging.catch_up(tx, engine, new, signal))
    board.soon(tx, engine, {old.id: signal.connection, new.id: signal.connection}, at_once=True)


def _is_open(incident: Incident) -> bool:
    return Status(str(incident.fields["status"])).is_open


def _signal(row: Row[Any]) -> Signal:
    return Signal(ConnectionName(row.connection), row.episode, row.fields, row.labels)

"""Signals become incidents: each episode once, grouped by key, and the incident ends when its signals have.

Reopening, as a truth table (the incident was opened by signals of the same group):

incident open                                   a new episode joins it
incident resolved, last signal within `window`   a new episode reopens it
incident resolved, last signal before that       a new episode opens a new incident
incident closed or cancelled                     a new episode opens a new incident
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, select, update

from tieline.core.model import ConnectionName, IncidentId, Signal, Status
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.sync import acts, commit, inbox, rows
from tieline.sync.engine import Connected, Engine
from tieline.sync.merge import Reason
from tieline.sync.reconcile import Sighting
from tieline.sync.records import Incident

_KNOWN = select(t.signal).where(
    t.signal.c.connection == bindparam("connection"), t.signal.c.episode == bindparam("episode")
)
_GROUP = select(t.grouping).where(t.grouping.c.group_key == bindparam("key")).with_for_update()
_STILL_FIRING = select(func.count()).where(t.signal.c.incident_id == bindparam("incident"), t.signal.c.firing)
_UPDATE = update(t.signal).where(t.signal.c.id == bindparam("row_id"))


@dataclass(frozen=True, slots=True)
class Known:
    """What the store remembers of an episode."""

    id: int
    incident: IncidentId | None
    group: str
    firing: bool
    version: str
    fields: Mapping[str, Any]


def take_signals(tx: Transaction, engine: Engine, here: Connected, sightings: Sequence[Sighting]) -> None:
    """Take in a batch of sightings of one source, in order."""
    for sighting in sightings:
        take_signal(tx, engine, here, sighting)


def take_signal(tx: Transaction, engine: Engine, here: Connected, sighting: Sighting) -> None:
    """Take in one sighting of an episode: new, changed, ended, or nothing new."""
    signal = Signal(here.name, str(sighting.reading.ref), sighting.fields, _labels(sighting.reading.body))
    known = _known(tx, here.name, signal.episode)
    if known is None:
        if signal.firing:
            _begin(tx, engine, signal, str(sighting.reading.version))
        return
    if known.version == sighting.reading.version:
        return
    if signal.firing and not known.firing and sighting.asked == 0:
        # A webhook may be late: an episode that ended fires again only if its source says so when asked.
        inbox.put(tx, here.name, [(sighting.reading.ref, None)], asked=0, now=engine.clock.now())
        engine.rouse(tx, here.name)
        return
    tx.execute(
        _UPDATE,
        {
            "row_id": known.id,
            "firing": signal.firing,
            # An end that a poll found by absence says nothing of what the alert was about.
            "fields": {**known.fields, **rows.plain(signal.fields)},
            "version": str(sighting.reading.version),
            "seen_at": engine.clock.now(),
        },
    )
    if known.incident is None or signal.firing == known.firing:
        return
    if signal.firing:
        _fires_again(tx, engine, signal, known)
    else:
        _ended(tx, engine, signal, known.incident)


def _known(tx: Transaction, connection: ConnectionName, episode: str) -> Known | None:
    row = tx.execute(_KNOWN, {"connection": connection, "episode": episode}).first()
    if row is None:
        return None
    return Known(row.id, row.incident_id, row.group_key, bool(row.firing), row.version, row.fields)


def _begin(tx: Transaction, engine: Engine, signal: Signal, version: str) -> None:
    key = group_key(engine, signal)
    incident = _group_incident(tx, engine, key)
    if incident is None:
        incident = _open(tx, engine, signal)
        _remember_group(tx, engine, key, incident)
    else:
        tx.execute(update(t.grouping).where(t.grouping.c.group_key == key), {"last_at": engine.clock.now()})
        engine.record(
            tx,
            "signal_joined",
            incident=incident.id,
            connection=signal.connection,
            actor=signal.connection,
            signal=signal.episode,
            title=_text(signal.fields.get("title")),
        )
    tx.execute(
        insert(t.signal),
        {
            "connection": signal.connection,
            "episode": signal.episode,
            "incident_id": incident.id,
            "group_key": key,
            "firing": True,
            "fields": rows.plain(signal.fields),
            "labels": dict(signal.labels),
            "version": version,
            "seen_at": engine.clock.now(),
        },
    )
    if incident.fields.get("status") == Status.RESOLVED.value:
        _set_status(tx, engine, incident.id, Status.NEW, signal)
    elif incident.fields.get("status") != Status.NEW.value:
        acts.follow(tx, engine, incident)


def group_key(engine: Engine, signal: Signal) -> str:
    """Which signals belong together: what a plugin says, else the episode by itself. Long keys are hashed."""
    answer = engine.registry.group_key(signal)
    key = answer if answer is not None else f"{signal.connection}:{signal.episode}"
    return key if len(key) <= 190 else hashlib.sha256(key.encode()).hexdigest()


def _group_incident(tx: Transaction, engine: Engine, key: str) -> Incident | None:
    row = tx.execute(_GROUP, {"key": key}).first()
    if row is None:
        return None
    incident = rows.load_incident(tx, IncidentId(row.incident_id), lock=True)
    if incident is None:
        return None
    status = Status(str(incident.fields["status"]))
    recent = engine.clock.now() - row.last_at <= engine.config.signals.window
    if status.is_open or (status is Status.RESOLVED and recent):
        return incident
    return None


def _remember_group(tx: Transaction, engine: Engine, key: str, incident: Incident) -> None:
    tx.execute(delete(t.grouping).where(t.grouping.c.group_key == bindparam("key")), {"key": key})
    tx.execute(insert(t.grouping), {"group_key": key, "incident_id": incident.id, "last_at": engine.clock.now()})


def _open(tx: Transaction, engine: Engine, signal: Signal) -> Incident:
    fields: dict[str, Any] = {
        name: signal.fields[name]
        for name in ("title", "description", "severity", "service", "tags")
        if signal.fields.get(name) not in (None, ())
    }
    fields.setdefault("title", f"Alert from {signal.connection}")
    fields.update(engine.registry.classify(signal, fields) or {})
    if signal.fields.get("started_at"):
        fields.setdefault("opened_at", signal.fields["started_at"])
    return commit.open_incident(
        tx,
        engine,
        fields,
        actor=str(signal.connection),
        at=engine.clock.now(),
        origin=None,
        signal=signal.episode,
    )


def _ended(tx: Transaction, engine: Engine, signal: Signal, incident: IncidentId) -> None:
    engine.record(
        tx,
        "signal_ended",
        incident=incident,
        connection=signal.connection,
        actor=signal.connection,
        signal=signal.episode,
    )
    if not engine.config.signals.resolve:
        return
    still = tx.execute(_STILL_FIRING, {"incident": incident}).scalar_one()
    current = rows.load_incident(tx, incident, lock=True)
    if still == 0 and current is not None and Status(str(current.fields["status"])).is_open:
        _set_status(tx, engine, incident, Status.RESOLVED, signal)


def _fires_again(tx: Transaction, engine: Engine, signal: Signal, known: Known) -> None:
    """The same episode after it had ended: a flap seen in pieces."""
    incident = _group_incident(tx, engine, known.group)
    if incident is None:
        incident = _open(tx, engine, signal)
        _remember_group(tx, engine, known.group, incident)
        tx.execute(_UPDATE, {"row_id": known.id, "incident_id": incident.id, "act": "", "acted": ""})
    elif incident.fields.get("status") == Status.RESOLVED.value:
        _set_status(tx, engine, incident.id, Status.NEW, signal)


def _set_status(tx: Transaction, engine: Engine, incident: IncidentId, status: Status, signal: Signal) -> None:
    commit.edit(tx, engine, incident, {"status": status.value}, actor=str(signal.connection), reason=Reason.SIGNALLED)


def _labels(body: Mapping[str, Any]) -> dict[str, str]:
    labels = body.get("labels")
    if not isinstance(labels, Mapping):
        return {}
    return {
        str(name): value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in labels.items()
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

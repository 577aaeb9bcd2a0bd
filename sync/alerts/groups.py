"""Groups of alerts: which incident a group's next alert belongs to.

Reopening, as a truth table (the incident was opened by signals of the same group):

incident open                                   a new episode joins it
incident resolved, last signal within `window`   a new episode reopens it
incident resolved, last signal before that       a new episode opens a new incident
incident closed or cancelled                     a new episode opens a new incident
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Row, bindparam, select, text, update

from tieline.core.model import IncidentId, Status
from tieline.core.store import tables as t
from tieline.core.store.many import Many
from tieline.core.store.store import Connection, Transaction
from tieline.sync import loading
from tieline.sync.alerts.flaps import Flaps
from tieline.sync.records import Incident

if TYPE_CHECKING:
    from tieline.sync.engine import Engine

# Who only looks (`tieline status`) does not wait for the engine: see `explain`.

_GROUPS = (
    select(t.grouping)
    .where(t.grouping.c.group_key.in_(bindparam("keys", expanding=True)))
    .order_by(t.grouping.c.group_key)
    .with_for_update()
)
_OF_INCIDENT = (
    select(t.grouping)
    .where(t.grouping.c.incident_id == bindparam("incident"))
    .order_by(t.grouping.c.group_key)
    .with_for_update()
)
_REMEMBER: Final = Many(
    text(
        "INSERT INTO grouping (group_key, incident_id, last_at) VALUES (:key, :incident, :at) "
        "ON CONFLICT (group_key) DO UPDATE SET incident_id = excluded.incident_id, last_at = excluded.last_at, "
        "held_until = CASE WHEN grouping.incident_id = excluded.incident_id THEN grouping.held_until END"
    ).bindparams(bindparam("at", type_=t.grouping.c.last_at.type))
)
_TOUCH = text("UPDATE grouping SET last_at = :at WHERE incident_id = :incident").bindparams(
    bindparam("at", type_=t.grouping.c.last_at.type)
)
_SET = update(t.grouping).where(t.grouping.c.group_key == bindparam("row_key"))
_FLAPPING = (
    select(t.grouping)
    .where(text("flaps > 0"), t.grouping.c.steady_at > bindparam("now"))
    .order_by(t.grouping.c.flaps.desc(), t.grouping.c.group_key)
)


@dataclass(frozen=True, slots=True)
class Group:
    """A group with the incident that its next episode joins."""

    key: str
    incident: Incident
    flaps: Flaps


def lock(tx: Transaction, keys: Iterable[str]) -> Mapping[str, Row[Any]]:
    """Hold these groups, in one order for all, and answer what is remembered of those that are known."""
    names = list(dict.fromkeys(keys))
    tx.lock_names(names)
    return {row.group_key: row for row in tx.execute(_GROUPS, {"keys": names})}


def standing(tx: Transaction, engine: Engine, keys: Iterable[str]) -> dict[str, Group]:
    """The groups whose next episode joins an incident; one that has none is left out."""
    last = lock(tx, keys)
    held = loading.load_incidents(tx, [IncidentId(row.incident_id) for row in last.values()])
    now, window = engine.clock.now(), engine.config.signals.window
    found: dict[str, Group] = {}
    for key, row in last.items():
        incident = held.get(IncidentId(row.incident_id))
        if incident is None:
            continue
        status = Status(str(incident.fields["status"]))
        if status.is_open or (status is Status.RESOLVED and now - row.last_at <= window):
            found[key] = Group(key, incident, _flaps(row))
    return found


def of_incident(tx: Transaction, incident: IncidentId) -> dict[str, Flaps]:
    """The groups whose incident this is, held, and how they flap."""
    return {row.group_key: _flaps(row) for row in tx.execute(_OF_INCIDENT, {"incident": incident})}


def _flaps(row: Row[Any]) -> Flaps:
    return Flaps(row.flaps, row.steady_at, row.held_until)


def remember(tx: Transaction, places: Sequence[tuple[str, IncidentId]], now: datetime) -> None:
    """An episode of each group came to its incident now."""
    tx.execute_many(_REMEMBER, [{"key": key, "incident": incident, "at": now} for key, incident in places])


def touch(tx: Transaction, incident: IncidentId, now: datetime) -> None:
    """The window within which a new alert reopens the incident runs from here."""
    tx.execute(_TOUCH, {"incident": incident, "at": now})


def flapped(tx: Transaction, key: str, flaps: Flaps, title: str | None = None) -> None:
    """Remember how a group flaps, and the title of the alert that did it last."""
    changes = {"flaps": flaps.count, "steady_at": flaps.steady_at, "held_until": flaps.held_until}
    tx.execute(_SET, {"row_key": key, **changes, **({} if title is None else {"flapper": title[:200]})})


@dataclass(frozen=True, slots=True)
class Flapping:
    """A group that flaps, for people."""

    incident: IncidentId
    title: str
    flaps: Flaps


def flapping(connection: Connection | Transaction, now: datetime) -> list[Flapping]:
    """The groups that flap, the busiest first."""
    found = connection.execute(_FLAPPING, {"now": now})
    return [Flapping(IncidentId(row.incident_id), row.flapper, _visible(_flaps(row), now)) for row in found]


def _visible(flaps: Flaps, now: datetime) -> Flaps:
    return flaps if flaps.held_until is not None and flaps.held_until > now else replace(flaps, held_until=None)

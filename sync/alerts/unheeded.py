"""Alerts that fire although somebody says that their incident is over: it is told, and looked at again later.

Monitoring and people may both be right for a while: the cause is mended and the alert takes its time to end. When it
still fires after `signals.reraise_after`, the incident is raised again. What is cancelled is not: somebody said that
this is no incident.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, exists, func, select, text

from tieline.core.model import IncidentId
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

# Who only looks (`tieline status`) does not wait for the engine: see `explain`.

RERAISE: Final = "reraise"
"""The kind of timer that looks whether alerts still fire."""

_FIRING = select(func.count()).where(t.signal.c.incident_id == bindparam("incident"), t.signal.c.firing)
_UNHEEDED = (
    select(t.incident.c.id, t.incident.c.fields, t.incident.c.status, func.count(), func.max(t.timer.c.due_at))
    .join_from(t.signal, t.incident, t.signal.c.incident_id == t.incident.c.id)
    .outerjoin(t.timer, t.timer.c.key == text(f"'{RERAISE}:' || incident.id"))
    # What fires is little and what is over is much: the index over the status is not to be used here.
    .where(text("signal.firing"), (t.incident.c.status + "").in_(["resolved", "closed", "cancelled"]))
    .where(~exists().where(t.grouping.c.incident_id == t.incident.c.id, t.grouping.c.held_until.is_not(None)))
    .group_by(t.incident.c.id, t.incident.c.fields, t.incident.c.status)
    .order_by(t.incident.c.id)
)


def firing(tx: Transaction, incident: IncidentId) -> int:
    """How many of an incident's alerts fire."""
    return int(tx.execute(_FIRING, {"incident": incident}).scalar_one())


def key(incident: IncidentId) -> str:
    """The timer's."""
    return f"{RERAISE}:{incident}"


@dataclass(frozen=True, slots=True)
class Unheeded:
    """An incident that is over for people and not for its alerts. `again` is when it is looked at again, if it is. One
    whose alerts flap is not among them: they decide by themselves when their hold is over."""

    incident: IncidentId
    title: str
    status: str
    firing: int
    again: datetime | None


def unheeded(connection: Connection | Transaction) -> list[Unheeded]:
    """The incidents that are over while their alerts fire."""
    return [
        Unheeded(IncidentId(number), str(fields.get("title", "")), status, count, again)
        for number, fields, status, count, again in connection.execute(_UNHEEDED)
    ]

"""What somebody sees: every incident that is not restricted, and the restricted ones that they may read.

To anybody else those are not there: neither what they say nor that they exist, by number, by a ticket's key, in a list
or in a figure. Whoever asks without saying for whom sees what everybody may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Select, bindparam, select, text

from tieline.core.access import READ_RESTRICTED, Facts, Scope, ScopeKind, Subject, may
from tieline.core.errors import NotThere
from tieline.core.identity import Someone
from tieline.core.model import IncidentId, RecordKind, item_number
from tieline.core.store import tables as t
from tieline.core.store.among import among, not_among
from tieline.core.store.store import Connection, Transaction

_RESTRICTED: Final = select(t.incident.c.id).where(text("restricted"))
_ROWS: Final = select(
    t.incident.c.id, t.incident.c.kind, t.incident.c.fields, t.incident.c.restricted, t.incident.c.label
).order_by(t.incident.c.id)
_RESTRICTED_ROWS: Final = _ROWS.where(text("restricted"))
_ROW: Final = _ROWS.where(t.incident.c.id == bindparam("incident"))
_CONNECTIONS: Final = select(t.replica.c.connection).where(t.replica.c.incident_id == bindparam("incident"))
_RESTRICTED_IN: Final = (
    select(t.replica.c.incident_id, t.replica.c.connection)
    .join(t.incident, t.incident.c.id == t.replica.c.incident_id)
    .where(text("incident.restricted"))
)
_RECORDS: Final = (
    select(t.replica.c.connection, t.replica.c.ref)
    .where(among(t.replica.c.incident_id, "incidents"), t.replica.c.ref.is_not(None))
    .union(select(t.signal.c.connection, t.signal.c.episode).where(among(t.signal.c.incident_id, "incidents")))
)
_ALERTS: Final = select(t.signal.c.connection, t.signal.c.episode, t.signal.c.incident_id).where(
    among(t.signal.c.incident_id, "incidents")
)


N = TypeVar("N")


@dataclass(frozen=True, slots=True)
class Sight:
    """The restricted incidents that somebody may read, each with the label that it has instead of its number."""

    reads: Mapping[IncidentId, str] = field(default_factory=dict)
    is_whole: bool = False
    """True for a part of Tieline itself, to which nothing is hidden."""

    def hidden(self, connection: Connection | Transaction) -> frozenset[IncidentId]:
        """The incidents that are not there for them."""
        if self.is_whole:
            return frozenset()
        return frozenset(map(IncidentId, connection.execute(_RESTRICTED).scalars())) - self.reads.keys()

    def called(self, incident: IncidentId | None, number: N) -> str | N:
        """How the item of this number is called that they see; the same for what is none."""
        return (self.reads.get(incident) if incident is not None else None) or number

    def labelled(self, words: str) -> IncidentId | None:
        """The restricted incident that has this label, where they may read it."""
        wanted = words.strip().upper()
        return next((number for number, label in self.reads.items() if label == wanted), None)


OUTSIDER: Final = Sight()
"""What everybody sees."""

WHOLE: Final = Sight(is_whole=True)
"""What a part of Tieline sees that acts by itself: everything, by its number."""

_UIDS: Final = select(t.incident.c.uid).where(among(t.incident.c.id, "incidents"))


def uids_of(connection: Connection | Transaction, incidents: Iterable[IncidentId]) -> frozenset[str]:
    """The ids that these incidents have for ever."""
    return frozenset(connection.execute(_UIDS, {"incidents": list(incidents)}).scalars())


_BY_UID: Final = select(t.incident.c.id, t.incident.c.kind, t.incident.c.uid, t.incident.c.restricted).where(
    among(t.incident.c.uid, "uids")
)


def called_by_uid(
    connection: Connection | Transaction, sight: Sight, uids: Iterable[str]
) -> dict[str, tuple[IncidentId, str]]:
    """The items of these ids that somebody sees, each with how they call it."""
    wanted = sorted({*uids})
    return {
        row.uid: (number, str(sight.called(number, item_number(RecordKind(row.kind), number))))
        for row in (connection.execute(_BY_UID, {"uids": wanted}) if wanted else ())
        if (number := IncidentId(row.id)) in sight.reads or sight.is_whole or not row.restricted
    }


_BY_NUMBER: Final = select(t.incident.c.id, t.incident.c.kind).where(among(t.incident.c.id, "incidents"))


def called_by_number(
    connection: Connection | Transaction, sight: Sight, incidents: Iterable[IncidentId | None]
) -> dict[IncidentId, str]:
    """How somebody calls these items that they see."""
    wanted = sorted({one for one in incidents if one is not None})
    rows = connection.execute(_BY_NUMBER, {"incidents": wanted}) if wanted else ()
    numbers = {IncidentId(row.id): item_number(RecordKind(row.kind), IncidentId(row.id)) for row in rows}
    return {number: str(sight.called(number, words)) for number, words in numbers.items()}


def without(query: Select[Any], incident: ColumnElement[Any], hidden: frozenset[IncidentId]) -> Select[Any]:
    """The query without the rows of these incidents. Where none is hidden it stays as it is, and as fast."""
    return query.where(incident.is_(None) | not_among(incident, hidden)) if hidden else query


def records_of(connection: Connection | Transaction, hidden: frozenset[IncidentId]) -> frozenset[tuple[str, str]]:
    """The records and alerts of these incidents: each connection, and how it knows them."""
    if not hidden:
        return frozenset()
    return frozenset((name, ref) for name, ref in connection.execute(_RECORDS, {"incidents": list(hidden)}))


def alerts_of(
    connection: Connection | Transaction, incidents: Iterable[IncidentId]
) -> dict[tuple[str, str], IncidentId]:
    """The alerts of these incidents: each connection, and how it knows one, and whose it is."""
    numbers = list(incidents)
    found = connection.execute(_ALERTS, {"incidents": numbers}) if numbers else ()
    return {(row.connection, row.episode): IncidentId(row.incident_id) for row in found}


def sight_of(connection: Connection | Transaction, someone: Someone, facts: Facts) -> Sight:
    """What this person sees."""
    rows = connection.execute(_RESTRICTED_ROWS).all()
    held: dict[int, list[str]] = {}
    for row in connection.execute(_RESTRICTED_IN) if rows else ():
        held.setdefault(row.incident_id, []).append(row.connection)
    return Sight(
        {
            IncidentId(row.id): row.label
            for row in rows
            if may(someone, READ_RESTRICTED, _subject(row, held.get(row.id, ())), facts).allowed
        }
    )


def subject_of(connection: Connection | Transaction, incident: IncidentId) -> Subject:
    """An incident as what somebody does something to. Raises LookupError."""
    row = connection.execute(_ROW, {"incident": incident}).first()
    if row is None:
        raise NotThere(f"there is no incident {incident}; `tieline incidents` lists those that exist")
    return _subject(row, connection.execute(_CONNECTIONS, {"incident": row.id}).scalars())


def _subject(row: Any, connections: Iterable[str]) -> Subject:
    named = {ScopeKind.TEAM: row.fields.get("team"), ScopeKind.SERVICE: row.fields.get("service")}
    scopes = {Scope(kind, str(name)) for kind, name in named.items() if name}
    scopes |= {of_connection(name) for name in connections}
    name = row.label if row.restricted else item_number(RecordKind(row.kind), IncidentId(row.id))
    return Subject(name, bool(row.restricted), frozenset(scopes))


def of_connection(name: str) -> Scope:
    """The scope of what a connection holds."""
    return Scope(ScopeKind.CONNECTION, name)

"""What somebody sees: of the items that are not restricted those that they may read, everywhere or within a scope, and
the restricted ones that they may read.

To them there are no others: neither what those say nor that they exist, by number, by a ticket's key, in a list or in a
figure. That is a condition of each query, so that a page is full and a figure right whatever share of it they see.
Whoever asks without saying for whom sees what everybody may who reads everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    false,
    literal_column,
    not_,
    or_,
    select,
    text,
    true,
)

from tieline.core.access import EVERYWHERE, NOWHERE, READ, READ_RESTRICTED, Facts, Reach, Scope, ScopeKind, Subject
from tieline.core.access import reach as reach_of
from tieline.core.errors import NotThere
from tieline.core.identity import Someone
from tieline.core.model import IncidentId, RecordKind, item_number
from tieline.core.store import tables as t
from tieline.core.store.among import among
from tieline.core.store.store import Connection, Transaction

_ROW: Final = select(
    t.incident.c.id, t.incident.c.kind, t.incident.c.team, t.incident.c.service, t.incident.c.restricted
).add_columns(t.incident.c.label)
_THIS_ROW: Final = _ROW.where(t.incident.c.id == bindparam("incident"))
_CONNECTIONS: Final = select(t.replica.c.connection).where(t.replica.c.incident_id == bindparam("incident"))
_ALERTS: Final = select(t.signal.c.connection, t.signal.c.episode, t.signal.c.incident_id).where(
    among(t.signal.c.incident_id, "incidents")
)

# Of their own names: a query that asks for the same tables is not to be mixed up with what it is held against.
_ITEM: Final = t.incident.alias("seen_item")
_COPY: Final = t.replica.alias("copy_in_scope")
_RECORD: Final = t.replica.alias("seen_record")
_ALERT: Final = t.signal.alias("seen_alert")
_STANDING: Final = t.standing.alias("seen_standing")
_PART: Final = t.incident.alias("part_of_theirs")
_OF_PART: Final = t.incident.alias("part_of_part")

N = TypeVar("N")


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody sees: where they read `items`, where also `restricted` ones, and the restricted ones that they may
    read, each with the label that it has instead of its number."""

    reads: Mapping[IncidentId, str] = field(default_factory=dict)
    is_whole: bool = False
    """True for a part of Tieline itself, to which nothing is hidden."""
    items: Reach = EVERYWHERE
    restricted: Reach = NOWHERE

    @property
    def is_wide(self) -> bool:
        """Whether they see whatever is of no item."""
        return self.is_whole or self.items.is_all

    @property
    def is_blind(self) -> bool:
        """Whether there is nothing that they could see."""
        return not self.is_whole and self.items.is_nowhere

    @property
    def words(self) -> str:
        """What they see, for people: the same for all who see the same."""
        if self.is_whole:
            return "everything"
        if self.restricted == self.items:
            return _words(self.items)
        beside = "" if self.restricted.is_nowhere else f", and what is restricted of {_words(self.restricted)}"
        return f"{_words(self.items)}, as far as it is not restricted{beside}"

    def within(self, query: Select[Any], incident: ColumnElement[Any]) -> Select[Any]:
        """The rows of a query that are of items that they see, and where they see everything also those of none."""
        if self.is_whole:
            return query
        return query.where(self.sees(incident))

    def sees(self, incident: ColumnElement[Any]) -> ColumnElement[bool]:
        """That a row is of an item of this number that they see, or of none where they see everything."""
        if self.is_whole:
            return true()
        if self.items.is_all:
            return or_(incident.is_(None), incident.not_in(select(_ITEM.c.id).where(*self._restricted_away())))
        return _any(_ITEM.c.id == incident, self.sees_item(_ITEM), of=_ITEM)

    def sees_subject(self, subject: ColumnElement[Any]) -> ColumnElement[bool] | None:
        """That a row is not of an item of this id for ever that they do not see; None where they see each."""
        if self.is_whole:
            return None
        if self.items.is_all:
            return or_(subject.is_(None), subject.not_in(select(_ITEM.c.uid).where(*self._restricted_away())))
        return not_(_any(_ITEM.c.uid == subject, not_(self.sees_item(_ITEM)), of=_ITEM))

    def sees_record(self, connection: ColumnElement[Any], ref: ColumnElement[Any]) -> ColumnElement[bool]:
        """That what a connection knows by this ref is a record or an alert of what they see, or of nothing where they
        see everything, or all of what is in that connection."""
        if self.is_whole:
            return true()
        copies = (_RECORD.c.connection == connection, _RECORD.c.ref == ref)
        alerts = (_ALERT.c.connection == connection, _ALERT.c.episode == ref, _ALERT.c.incident_id.is_not(None))
        copy = _any(*copies, not_(self.sees(_RECORD.c.incident_id)), of=_RECORD)
        alert = _any(*alerts, not_(self.sees(_ALERT.c.incident_id)), of=_ALERT)
        seen = not_(or_(copy, alert))
        if self.items.is_all:
            return seen
        copy = _any(*copies, self.sees(_RECORD.c.incident_id), of=_RECORD)
        alert = _any(*alerts, self.sees(_ALERT.c.incident_id), of=_ALERT)
        return or_(copy, alert, and_(seen, self.has_all_in(connection)))

    def sees_connection(self, connection: ColumnElement[Any]) -> ColumnElement[bool]:
        """That something which they see is in this connection, or they see everything."""
        if self.is_wide:
            return true()
        copy = _any(_RECORD.c.connection == connection, self.sees(_RECORD.c.incident_id), of=_RECORD)
        alert = _any(_ALERT.c.connection == connection, self.sees(_ALERT.c.incident_id), of=_ALERT)
        return or_(self.has_all_in(connection), copy, alert)

    def has_all_of(self, connection: str) -> bool:
        """Whether they read whatever is in this connection, as far as it is not restricted."""
        own = Scope(ScopeKind.CONNECTION, connection)
        return (
            self.is_wide
            or (own in self.items.scopes and self.items.within in (None, own))
            or (self.items.everywhere and self.items.within == own)
        )

    def has_all_in(self, connection: ColumnElement[Any]) -> ColumnElement[bool]:
        """The same of the connection that a column names."""
        if self.is_wide:
            return true()
        named = {*self.items.scopes, *([] if self.items.within is None else [self.items.within])}
        own = sorted(one.name for one in named if one.kind is ScopeKind.CONNECTION and self.has_all_of(one.name))
        return connection.in_(own) if own else false()

    def sees_item(self, item: FromClause) -> ColumnElement[bool]:
        """That a row of `incident` is an item that they see."""
        if self.is_whole:
            return true()
        return and_(_lies(self.items, item), or_(not_(item.c.restricted), _lies(self.restricted, item)))

    def _restricted_away(self) -> tuple[ColumnElement[bool], ...]:
        """Of whoever reads everything: that an item is restricted, and not theirs to read."""
        # In the words of the index over the few that are.
        few: ColumnElement[bool] = literal_column(f"{_ITEM.name}.restricted")
        return few, not_(_lies(self.restricted, _ITEM))

    def called(self, incident: IncidentId | None, number: N) -> str | N:
        """How the item of this number is called that they see; the same for what is none."""
        return (self.reads.get(incident) if incident is not None else None) or number

    def labelled(self, words: str) -> IncidentId | None:
        """The restricted incident that has this label, where they may read it."""
        wanted = words.strip().upper()
        return next((number for number, label in self.reads.items() if label == wanted), None)

    def among(
        self, connection: Connection | Transaction, incidents: Iterable[IncidentId | None]
    ) -> Callable[[IncidentId | None], bool]:
        """Which of these they see; what is of none, or of one that is not there, is seen by whoever sees everything."""
        if self.is_whole:
            return lambda _incident: True
        numbers = sorted({one for one in incidents if one is not None})
        sees = self.sees_item(t.incident)
        asked = select(t.incident.c.id).where(among(t.incident.c.id, "incidents"), not_(sees) if self.is_wide else sees)
        found = frozenset(connection.execute(asked, {"incidents": numbers}).scalars())
        return lambda incident: (incident in found) is not self.is_wide


def _any(*conditions: ColumnElement[bool], of: FromClause) -> ColumnElement[bool]:
    return select(literal_column("1")).select_from(of).where(*conditions).correlate_except(of).exists()


def _lies(reach: Reach, item: FromClause) -> ColumnElement[bool]:
    """That an item lies within a reach."""
    if reach.is_nowhere:
        return false()
    own = [_in_one_of(reach.scopes, item)] if reach.scopes else []
    own += [_stands_to(reach, item)] if reach.relations else []
    return and_(
        true() if reach.everywhere else or_(*own),
        true() if reach.within is None else _in_one_of((reach.within,), item),
    )


def _stands_to(reach: Reach, item: FromClause) -> ColumnElement[bool]:
    """That whoever this is stands so to an item, or to what it is a part of."""
    theirs = (_STANDING.c.person == reach.person, _STANDING.c.relation.in_(sorted(reach.relations)))
    parts = select(_PART.c.id).where(_PART.c.part_of.in_(select(_STANDING.c.incident_id).where(*theirs)))
    parts_too = parts.cte("parts_of_theirs", recursive=True, nesting=True)
    parts_too = parts_too.union(select(_OF_PART.c.id).where(_OF_PART.c.part_of == parts_too.c.id))
    return or_(
        _any(_STANDING.c.incident_id == item.c.id, *theirs, of=_STANDING),
        and_(item.c.part_of.is_not(None), item.c.id.in_(select(parts_too.c.id))),
    )


def _in_one_of(scopes: Iterable[Scope], item: FromClause) -> ColumnElement[bool]:
    names: dict[ScopeKind, list[str]] = {}
    for one in sorted(scopes):
        names.setdefault(one.kind, []).append(one.name)
    return or_(*(_IN[kind](item, found) for kind, found in names.items()))


def _in_column(name: str) -> Callable[[FromClause, list[str]], ColumnElement[bool]]:
    # In the words of the partial indexes: a value that is bound shows no database that there is one.
    return lambda item, names: and_(item.c[name].in_(names), item.c[name] != literal_column("''"))


def _in_connection(item: FromClause, names: list[str]) -> ColumnElement[bool]:
    return _any(_COPY.c.incident_id == item.c.id, _COPY.c.connection.in_(names), of=_COPY)


_IN: Final = {
    ScopeKind.TEAM: _in_column("team"),
    ScopeKind.SERVICE: _in_column("service"),
    ScopeKind.CONNECTION: _in_connection,
}


def _words(reach: Reach) -> str:
    if reach.is_nowhere:
        return "nothing"
    theirs = ["what they command, work on or are told of"] if reach.relations else []
    of = "everything" if reach.everywhere else ", ".join([*map(str, sorted(reach.scopes)), *theirs])
    return of if reach.within is None else str(reach.within) if reach.everywhere else f"{of}, within {reach.within}"


OUTSIDER: Final = Sight()
"""What everybody sees who reads everything."""

WHOLE: Final = Sight(is_whole=True)
"""What a part of Tieline sees that acts by itself: everything, by its number."""

_BY_UID: Final = select(t.incident.c.id, t.incident.c.kind, t.incident.c.uid).where(among(t.incident.c.uid, "uids"))


def called_by_uid(
    connection: Connection | Transaction, sight: Sight, uids: Iterable[str]
) -> dict[str, tuple[IncidentId, str]]:
    """The items of these ids that somebody sees, each with how they call it."""
    wanted = sorted({*uids})
    return {
        row.uid: (number, str(sight.called(number, item_number(RecordKind(row.kind), number))))
        for row in (connection.execute(_BY_UID.where(sight.sees_item(t.incident)), {"uids": wanted}) if wanted else ())
        for number in (IncidentId(row.id),)
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


def alerts_of(
    connection: Connection | Transaction, incidents: Iterable[IncidentId]
) -> dict[tuple[str, str], IncidentId]:
    """The alerts of these incidents: each connection, and how it knows one, and whose it is."""
    numbers = list(incidents)
    found = connection.execute(_ALERTS, {"incidents": numbers}) if numbers else ()
    return {(row.connection, row.episode): IncidentId(row.incident_id) for row in found}


def sight_of(connection: Connection | Transaction, someone: Someone, facts: Facts) -> Sight:
    """What this person sees."""
    items, restricted = (reach_of(someone, right, facts) for right in (READ, READ_RESTRICTED))
    sight = Sight(items=items, restricted=restricted)
    if items.is_nowhere or restricted.is_nowhere:
        return sight
    rows = connection.execute(_LABELS.where(sight.sees_item(t.incident)))
    return replace(sight, reads={IncidentId(row.id): row.label for row in rows})


_LABELS: Final = select(t.incident.c.id, t.incident.c.label).where(text("restricted")).order_by(t.incident.c.id)


def subject_of(connection: Connection | Transaction, incident: IncidentId) -> Subject:
    """An incident as what somebody does something to. Raises LookupError."""
    row = connection.execute(_THIS_ROW, {"incident": incident}).first()
    if row is None:
        raise NotThere(f"there is no incident {incident}; `tieline incidents` lists those that exist")
    named = {ScopeKind.TEAM: row.team, ScopeKind.SERVICE: row.service}
    scopes = {Scope(kind, name) for kind, name in named.items() if name}
    scopes |= {of_connection(name) for name in connection.execute(_CONNECTIONS, {"incident": row.id}).scalars()}
    name = row.label if row.restricted else item_number(RecordKind(row.kind), IncidentId(row.id))
    return Subject(name, bool(row.restricted), frozenset(scopes), item=row.id)


def of_connection(name: str) -> Scope:
    """The scope of what a connection holds."""
    return Scope(ScopeKind.CONNECTION, name)

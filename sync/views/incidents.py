"""Incidents and their copies: a list, or one of them with all that it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import Field

from tieline.core.arguments import Filter, ItemName, Line
from tieline.core.model import ConnectionName, RecordKind, Status
from tieline.core.settings import no_such
from tieline.core.shown import Part, Table
from tieline.core.views import Keyset, Listing, Paged, Row
from tieline.sync import explain, loading
from tieline.sync.alerts import unknown
from tieline.sync.loading import plain
from tieline.sync.office.look import EngineLook
from tieline.sync.records import Incident, Replica, ReplicaState


class Incidents(Paged):
    """Which incidents are meant."""

    incident: ItemName | None = Field(
        default=None, description="One incident with all its fields, by its number or the key of any of its tickets."
    )
    status: Status | None = Field(default=None, description="Only in this status.")
    search: Filter = Field(
        default="", description="Only with these words in a text, person or tag, or in a ticket's key."
    )
    connection: Filter = Field(default="", description="Only with a copy in this connection.")


class Items(Paged):
    """Which items are meant."""

    kind: Line = Field(description="Of which kind they are, like problem, or one that a plugin offers.")
    status: Filter = Field(default="", description="Only in this status.")
    search: Filter = Field(
        default="", description="Only with these words in a text, person or tag, or in a ticket's key."
    )
    connection: Filter = Field(default="", description="Only with a copy in this connection.")


class CopyShown(Row):
    """A copy of an incident. `behind` is true for one that is not written yet."""

    key: str
    ref: str | None
    url: str
    state: ReplicaState
    behind: bool


class IncidentShown(Row):
    """An incident and its copies, by connection. `revision` grows by one with every change of it."""

    incident: str
    id: str
    revision: int
    fields: dict[str, Any]
    severity_unknown: tuple[str, ...]
    copies: dict[ConnectionName, CopyShown]


class ItemsShown(Listing[IncidentShown]):
    """Items of a kind, the newest first."""

    kind: str = Field(exclude=True)

    def shown(self) -> Sequence[Part]:
        columns = ["item", "status", "title", "copies"]
        rows = [(one.incident, one.fields.get("status"), one.fields.get("title"), _copies(one)) for one in self.items]
        return (Table(self.kind, columns, rows, "none is like that"), *self.more())


class IncidentsShown(Listing[IncidentShown]):
    """Incidents, the newest first; or one, with what its copies show."""

    is_filtered: bool = Field(default=False, exclude=True)
    observed: dict[str, dict[str, Any]] | None = Field(default=None, exclude=True)

    def shown(self) -> Sequence[Part]:
        if self.observed is not None:
            return _whole(self.items[0], self.observed)
        columns = ["incident", "status", "severity", "title", "copies"]
        empty = "no incident is like that" if self.is_filtered else "no incidents yet"
        return (Table("Incidents", columns, [_in_a_row(one) for one in self.items], empty), *self.more())


def _in_a_row(one: IncidentShown) -> tuple[Any, ...]:
    return (
        one.incident,
        one.fields.get("status"),
        one.fields.get("severity") or ("unknown" if one.severity_unknown else None),
        one.fields.get("title"),
        _copies(one),
    )


def _copies(one: IncidentShown) -> str:
    return "  ".join(f"{_ticket(name, copy)}{'*' if copy.behind else ''}" for name, copy in one.copies.items())


def _whole(one: IncidentShown, observed: Mapping[str, Mapping[str, Any]]) -> Sequence[Part]:
    names = sorted({*one.fields, *(name for fields in observed.values() for name in fields)})
    columns = ["field", "incident", *(f"{name} {_ticket(name, copy)}" for name, copy in one.copies.items())]
    rows = [(name, one.fields.get(name), *(fields.get(name, "—") for fields in observed.values())) for name in names]
    unknown = [f"severity not known: {sentence}" for sentence in one.severity_unknown]
    return (Table(f"{one.incident}  {one.fields.get('title') or '·'}", columns, rows, whole=True), *unknown)


def _ticket(connection: str, copy: CopyShown) -> str:
    """The copy's key, and what has to be said of it before anybody looks for it over there."""
    if copy.state is ReplicaState.GONE:
        return f"{copy.key or copy.ref or connection} (gone)"
    return copy.key or copy.state.value


_NEWEST: Final = Keyset("incidents", int)


def incidents(look: EngineLook, ask: Incidents) -> IncidentsShown:
    """Incidents and their copies, newest first; or one INCIDENT with all its fields, by its number or the key of any
    of its tickets. A star is at a copy that is not written yet."""
    if ask.incident is not None:
        [(one, copies)] = loading.load_with_copies(look.seen_in, [look.item(ask.incident).id])
        observed = {str(copy.connection): dict(copy.observed) for copy in copies}
        return IncidentsShown(items=_shown(look, [(one, copies)]), observed=observed)
    page, following = _page(look, ask, RecordKind.INCIDENT)
    is_filtered = bool(ask.search or ask.connection or ask.status)
    return IncidentsShown(items=_shown(look, page), next=following, is_filtered=is_filtered)


def items(look: EngineLook, ask: Items) -> ItemsShown:
    """Items of a KIND and their copies, newest first. A star is at a copy that is not written yet."""
    kind, kinds = RecordKind(ask.kind), look.offers.kinds
    if kind not in kinds:
        raise no_such("kind of item", ask.kind, kinds)
    statuses = [one.value for one in kinds[kind].statuses]
    if ask.status and ask.status not in statuses:
        raise no_such("status", ask.status, statuses)
    page, following = _page(look, ask, kind)
    return ItemsShown(items=_shown(look, page), next=following, kind=ask.kind)


def _page(
    look: EngineLook, ask: Incidents | Items, kind: RecordKind
) -> tuple[Sequence[tuple[Incident, Sequence[Replica]]], str | None]:
    if ask.connection and ask.connection not in look.config.connections:
        raise no_such("connection", ask.connection, look.config.connections)
    [before] = _NEWEST.after(ask.after) if ask.after is not None else [None]
    found = explain.incidents(
        look.seen_in,
        status=ask.status or "",
        search=ask.search,
        system=ask.connection,
        limit=ask.limit + 1,
        before=before,
        sight=look.sight,
        kind=kind,
    )
    return _NEWEST.page(found, ask, lambda row: (row[0].id,))


def _shown(look: EngineLook, found: Sequence[tuple[Incident, Sequence[Replica]]]) -> tuple[IncidentShown, ...]:
    numbers = [one.id for one, _copies in found]
    look.shows(numbers)
    not_known = unknown.firing_of(look.seen_in, numbers)
    return tuple(
        IncidentShown(
            incident=look.called(one),
            id=one.uid,
            revision=one.revision,
            fields=plain(one.fields),
            severity_unknown=tuple(said.sentence for said in not_known.get(one.id, ())),
            copies={
                copy.connection: CopyShown(
                    key=copy.key, ref=copy.ref, url=copy.url, state=copy.state, behind=copy.dirty
                )
                for copy in copies
            },
        )
        for one, copies in found
    )

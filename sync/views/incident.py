"""One incident, whole: what it says and what each copy shows, what waits for a person, what was said, and what
happened last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import Field
from sqlalchemy import bindparam, select

from tieline.core.arguments import Answer, Ask, ItemName
from tieline.core.model import Audience, Fields, IncidentId, Severity
from tieline.core.shown import Note, Part, Table
from tieline.core.store import tables as t
from tieline.core.views import Moment, Row
from tieline.sync import explain, loading
from tieline.sync.alerts import unknown
from tieline.sync.loading import plain
from tieline.sync.office.look import EngineLook
from tieline.sync.records import Held, Incident, Replica, ReplicaState
from tieline.sync.views.history import Entry, entry_of
from tieline.sync.views.overview import CopyNow, copy_now

MOST_EVENTS: Final = 60
"""Entries of the journal that are told, the newest of them; `tieline history` tells all."""
MOST_COMMENTS: Final = 100
MOST_ALERTS: Final = 200

_LAST: Final = (
    select(t.journal.c.seq)
    .where(t.journal.c.incident_id == bindparam("incident"))
    .order_by(t.journal.c.seq.desc())
    .limit(1)
    .offset(MOST_EVENTS)
)
_COMMENTS: Final = (
    select(t.comment)
    .where(t.comment.c.incident_id == bindparam("incident"))
    .order_by(t.comment.c.id.desc())
    .limit(MOST_COMMENTS)
)
_TWINS: Final = (
    select(t.twin)
    .join(t.comment, t.comment.c.id == t.twin.c.comment_id)
    .where(t.comment.c.incident_id == bindparam("incident"))
    .order_by(t.twin.c.id)
)
_ALERTS: Final = (
    select(t.signal)
    .where(t.signal.c.incident_id == bindparam("incident"))
    .order_by(t.signal.c.firing.desc(), t.signal.c.seen_at.desc(), t.signal.c.id)
    .limit(MOST_ALERTS)
)


class Whole(Ask):
    """Which incident is meant."""

    incident: ItemName = Field(description="An incident, by its number or a ticket's key.")


class CopyWhole(CopyNow):
    """A copy of an incident. `parked` is its number among what is parked; `behind_since` is since when a change of it
    is still to be written."""

    parked: int | None
    behind_since: Moment | None
    next_try_at: Moment | None


class Cell(Row):
    """What a copy shows of a field: `stands` is same, differs, held or none, where the tool does not carry it."""

    connection: str
    stands: str
    shows: Any
    sentence: str


class FieldWhole(Row):
    """A field, and where each copy stands with it."""

    name: str
    value: Any
    cells: tuple[Cell, ...]


class HeldField(Row):
    """A field that waits for a person, with both values. `may_take_theirs` is false where theirs has no meaning."""

    field: str
    connection: str
    kind: str
    ours: Any
    theirs: Any
    since: Moment
    what_to_do: str
    may_take_theirs: bool


class CommentCopy(Row):
    """Where a comment stands: `parked` is its number among what is parked."""

    connection: str
    state: str
    parked: int | None
    sentence: str


class CommentWhole(Row):
    """A comment, and where it stands."""

    number: int
    author: str
    audience: Audience
    body: str
    origin: str
    written_at: Moment
    copies: tuple[CommentCopy, ...]

    @property
    def is_outside(self) -> bool:
        """Whether people read it who do not work here."""
        return self.audience.is_outside


class Alert(Row):
    """An alert that feeds the incident. `severity` is null where nobody knows it."""

    title: str
    severity: Severity | None
    firing: bool
    connection: str
    seen_at: Moment
    parked: int | None
    sentence: str


class IncidentWhole(Answer):
    """One incident. `events` are the newest entries of its journal, the newest first; `earlier` says whether there are
    more."""

    incident: str
    id: str
    revision: int
    as_of: Moment
    title: str
    status: str
    severity: Severity | None
    severity_unknown: tuple[str, ...]
    opened_at: Moment
    is_restricted: bool
    is_open: bool
    fields: dict[str, Any]
    table: tuple[FieldWhole, ...]
    copies: tuple[CopyWhole, ...]
    held: tuple[HeldField, ...]
    comments: tuple[CommentWhole, ...]
    alerts: tuple[Alert, ...]
    events: tuple[Entry, ...]
    earlier: bool

    def shown(self) -> Sequence[Part]:
        columns = ["field", "incident", *(f"{one.connection} {one.key}".strip() for one in self.copies)]
        rows = [(one.name, one.value, *(self._cell(cell) for cell in one.cells)) for one in self.table]
        comments = [(one.written_at, one.author, one.audience, one.body) for one in self.comments]
        alerts = [(one.title, one.severity or "unknown", one.firing, one.connection) for one in self.alerts]
        return (
            Table(f"{self.incident}  {self.title or '·'}", columns, rows, whole=True),
            *self._notes(),
            *([Table("Comments", ["when (UTC)", "who", "for", "what"], comments)] if comments else []),
            *([Table("Alerts", ["alert", "severity", "fires", "connection"], alerts)] if alerts else []),
        )

    @staticmethod
    def _cell(cell: Cell) -> Any:
        return "—" if cell.stands == "none" else cell.shows

    def _notes(self) -> Iterator[Part]:
        yield from (f"severity not known: {sentence}" for sentence in self.severity_unknown)
        yield from (Note(f"{one.field} {one.connection}", one.what_to_do) for one in self.held)
        yield from (Note(one.connection, one.sentence) for one in self.copies if one.condition in ("parked", "gone"))


def incident(look: EngineLook, ask: Whole) -> IncidentWhole:
    """One INCIDENT whole: its fields in every copy, what waits, what was said, and what happened last."""
    item = look.item(ask.incident)
    copies = loading.load_replicas(look.seen_in, item.id)
    says = plain(item.fields)
    severity = item.fields.get("severity")
    last = look.seen_in.execute(_LAST, {"incident": item.id}).scalar() or 0
    events = explain.history(look.seen_in, item.id, after=last)
    not_known = unknown.firing_of(look.seen_in, [item.id]).get(item.id, ())
    return IncidentWhole(
        incident=look.called(item),
        id=item.uid,
        revision=item.revision,
        as_of=look.now,
        title=str(item.fields.get("title") or ""),
        status=str(item.fields.get("status") or "new"),
        severity=Severity(str(severity)) if severity else None,
        severity_unknown=tuple(one.sentence for one in not_known),
        opened_at=item.opened_at,
        is_restricted=item.restricted,
        is_open=item.is_open,
        fields=says,
        table=_table(item.fields, says, copies),
        copies=tuple(map(_copy, copies)),
        held=tuple(_held(copies)),
        comments=_comments(look, item),
        alerts=_alerts(look, item.id),
        events=tuple(map(entry_of, reversed(events))),
        earlier=last > 0,
    )


def _copy(copy: Replica) -> CopyWhole:
    return CopyWhole(
        **copy_now(copy).model_dump(),
        parked=copy.id if copy.state is ReplicaState.PARKED else None,
        behind_since=copy.dirty_since if copy.dirty else None,
        next_try_at=copy.next_at if copy.dirty else None,
    )


def _table(fields: Fields, says: Mapping[str, Any], copies: Sequence[Replica]) -> tuple[FieldWhole, ...]:
    shown = [plain(copy.observed) for copy in copies]
    # In the order in which people read them; what an item lost, a copy may still show.
    names = dict.fromkeys([*fields, *sorted(name for one in shown for name in one)])
    return tuple(
        FieldWhole(
            name=name,
            value=says.get(name),
            cells=tuple(_cell(name, says.get(name), copy, of) for copy, of in zip(copies, shown, strict=True)),
        )
        for name in names
    )


def _cell(name: str, ours: Any, copy: Replica, shown: Mapping[str, Any]) -> Cell:
    hold = copy.holds.get(name)
    if hold is not None:
        stands, sentence = "held", hold.sentence()
    elif name not in shown:
        stands, sentence = "none", ""
    elif shown[name] == ours:
        stands, sentence = "same", ""
    else:
        stands, sentence = "differs", "a change is still to be written" if copy.dirty else ""
    return Cell(connection=copy.connection, stands=stands, shows=shown.get(name), sentence=sentence)


def _held(copies: Sequence[Replica]) -> Iterator[HeldField]:
    for copy in copies:
        for name, hold in sorted(copy.holds.items()):
            if hold.waits:
                values = plain({"ours": hold.ours, "theirs": hold.theirs})
                yield HeldField(
                    field=name,
                    connection=copy.connection,
                    kind=hold.kind.value,
                    ours=values["ours"],
                    theirs=values["theirs"],
                    since=hold.since,
                    what_to_do=hold.sentence(),
                    may_take_theirs=hold.kind is not Held.UNMAPPED,
                )


def _comments(look: EngineLook, item: Incident) -> tuple[CommentWhole, ...]:
    stands: dict[int, list[CommentCopy]] = {}
    for twin in look.seen_in.execute(_TWINS, {"incident": item.id}):
        parked = twin.id if twin.state == "parked" else None
        found = CommentCopy(connection=twin.connection, state=twin.state, parked=parked, sentence=twin.parked)
        stands.setdefault(twin.comment_id, []).append(found)
    return tuple(
        CommentWhole(
            number=row.id,
            author=row.author,
            audience=Audience(row.audience),
            body=row.body,
            origin=row.origin,
            written_at=row.written_at,
            copies=tuple(stands.get(row.id, ())),
        )
        for row in look.seen_in.execute(_COMMENTS, {"incident": item.id})
    )


def _alerts(look: EngineLook, number: IncidentId) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            title=str(row.fields.get("title") or row.episode),
            severity=Severity(row.fields["severity"]) if row.fields.get("severity") in [*Severity] else None,
            firing=row.firing,
            connection=row.connection,
            seen_at=row.seen_at,
            parked=row.id if row.parked else None,
            sentence=row.parked,
        )
        for row in look.seen_in.execute(_ALERTS, {"incident": number})
    )

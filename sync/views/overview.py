"""What is wrong now: the incidents that are open, the worst first, what waits for a person, and tools in trouble.

It asks a fixed number of questions, each of an index over the few rows that need attention: as fast however many
incidents there are in all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import Field
from sqlalchemy import and_, func, or_, select, text

from tieline.core.model import ConnectionName, IncidentId, RecordKind, Severity, Status
from tieline.core.shown import Note, Part, Table
from tieline.core.store import tables as t
from tieline.core.store.forgetting import FORGOTTEN_COPY
from tieline.core.store.types import from_micros, to_micros
from tieline.core.views import Keyset, Listing, Moment, Paged, Row
from tieline.sync import explain, loading
from tieline.sync.daemon.heartbeat import ago
from tieline.sync.office.look import EngineLook
from tieline.sync.records import Incident, Replica, ReplicaState
from tieline.sync.views.at_work import at_work

MOST_TOLD: Final = 5
"""Things that wait for a person, and tools in trouble, that are told one by one."""
MOST_READ: Final = 200
"""Copies that are looked into for what waits; of more only the number is told."""

_OPEN: Final = text("status IN ('new', 'in_progress', 'on_hold')")
_INCIDENTS: Final = t.incident.c.kind == RecordKind.INCIDENT.value


class CopyNow(Row):
    """A copy of an incident: `condition` is one of in_step, behind, held, parked, absent and gone."""

    connection: str
    key: str
    url: str
    condition: str
    sentence: str


class OpenIncident(Row):
    """An incident that is open. `severity` is null where nobody knows it; `who` is "" where nobody is on it."""

    incident: str
    title: str
    severity: Severity | None
    status: Status
    opened_at: Moment
    who: str
    service: str
    firing: int
    is_restricted: bool
    copies: tuple[CopyNow, ...]


class Waiting(Row):
    """Something that waits for a person, and what to do about it."""

    what: str
    incident: str | None
    connection: str
    sentence: str


class InTrouble(Row):
    """A tool that is not asked as it should be."""

    connection: str
    state: str
    reason: str
    since: Moment
    next_try_at: Moment | None


class Figures(Row):
    """How much of each there is. `without_severity` are incidents of which nobody knows how bad they are."""

    critical: int
    high: int
    medium: int
    low: int
    info: int
    without_severity: int
    to_decide: int
    parked: int
    ends_doubted: int
    copies_behind: int
    oldest_behind_seconds: int

    @property
    def incidents(self) -> int:
        """How many are open."""
        return self.critical + self.high + self.medium + self.low + self.info + self.without_severity

    @property
    def waiting(self) -> int:
        """How much waits for a person."""
        return self.to_decide + self.parked + self.ends_doubted


class OverviewShown(Listing[OpenIncident]):
    """What is wrong now. `beside` are sentences about what is to go on beside the daemon and does not."""

    as_of: Moment
    daemon_runs: bool
    daemon: str
    beside: tuple[str, ...]
    figures: Figures
    waiting: tuple[Waiting, ...]
    connections: tuple[InTrouble, ...]
    connections_known: int
    is_paged: bool = Field(default=False, exclude=True)

    def shown(self) -> Sequence[Part]:
        figures = [(name.replace("_", " "), str(value)) for name, value in self.figures]
        rows = [
            (one.incident, one.severity or "unknown", one.status, one.title, self._age(one), one.who or None)
            for one in self.items
        ]
        return (
            *([] if self.daemon_runs else [self.daemon]),
            *self.beside,
            Table("Open", ["incident", "severity", "status", "title", "age", "on it"], rows, "no incident is open"),
            *self.more(),
            Table("Now", ["what", "how many"], figures),
            *self._notes(),
        )

    def _age(self, one: OpenIncident) -> str:
        return ago(self.as_of - one.opened_at)

    def _notes(self) -> Iterator[Part]:
        yield from (Note(one.connection, f"{one.state}: {one.reason}") for one in self.connections)
        yield from (Note(" ".join(filter(None, (one.incident, one.connection))), one.sentence) for one in self.waiting)


class Overview(Paged):
    """Where the list goes on."""


_WORST: Final = Keyset("overview", int, int, int)


def overview(look: EngineLook, ask: Overview) -> OverviewShown:
    """What is wrong now: open incidents, the worst and newest first, and what waits for a person."""
    i = t.incident.c
    query = select(i.id, i.rank, i.opened_at, i.restricted).where(_INCIDENTS, _OPEN)
    query = query.where(look.sight.sees_item(t.incident)).order_by(i.rank.desc(), i.opened_at.desc(), i.id.desc())
    if ask.after is not None:
        rank, micros, number = _WORST.after(ask.after)
        at = from_micros(micros)
        behind = or_(i.opened_at < at, and_(i.opened_at == at, i.id < number))
        query = query.where(or_(i.rank < rank, and_(i.rank == rank, behind)))
    rows = look.seen_in.execute(query.limit(ask.limit + 1)).all()
    page, following = _WORST.page(rows, ask, lambda row: (row.rank, to_micros(row.opened_at), row.id))
    look.shows(IncidentId(row.id) for row in page)
    team = at_work(look)
    daemon = team.daemon
    parked = explain.parked(look.seen_in, look.sight)
    figures = _figures(look, len(parked))
    return OverviewShown(
        items=_items(look, {IncidentId(row.id): row for row in page}),
        next=following,
        as_of=look.now,
        daemon_runs=daemon.running and not daemon.refused,
        daemon=daemon.refused or daemon.sentence(),
        beside=team.sentences,
        figures=figures,
        waiting=_waiting(look, figures, parked),
        connections=_in_trouble(look),
        connections_known=len(explain.connections(look.seen_in, look.sight, look.config.connections)),
        is_paged=ask.after is not None,
    )


def _items(look: EngineLook, rows: Mapping[IncidentId, Any]) -> tuple[OpenIncident, ...]:
    s = t.signal.c
    counted = select(s.incident_id, func.count()).where(s.incident_id.in_(list(rows)), text("firing"))
    firing = {row[0]: row[1] for row in look.seen_in.execute(counted.group_by(s.incident_id))}
    found = loading.load_with_copies(look.seen_in, list(rows)) if rows else []
    return tuple(
        OpenIncident(
            incident=look.called(one),
            title=_words(one.fields.get("title")),
            severity=_severity(one),
            status=Status(str(one.fields.get("status") or "new")),
            opened_at=rows[one.id].opened_at,
            who=_words(one.fields.get("assignee")),
            service=_words(one.fields.get("service")),
            firing=firing.get(one.id, 0),
            is_restricted=bool(rows[one.id].restricted),
            copies=tuple(copy_now(copy) for copy in copies),
        )
        for one, copies in found
    )


def _words(value: object) -> str:
    return "" if value is None else str(value)


def _severity(item: Incident) -> Severity | None:
    known = item.fields.get("severity")
    return Severity(str(known)) if known else None


def copy_now(copy: Replica) -> CopyNow:
    """How a copy is, in one word and in a sentence."""
    condition, sentence = _condition(copy)
    return CopyNow(
        connection=copy.connection, key=copy.key or copy.ref or "", url=copy.url, condition=condition, sentence=sentence
    )


def _condition(copy: Replica) -> tuple[str, str]:
    held = sorted(name for name, hold in copy.holds.items() if hold.waits)
    match copy.state:
        case ReplicaState.GONE:
            return "gone", FORGOTTEN_COPY if copy.forgotten else "it was deleted over there"
        case ReplicaState.PARKED:
            return "parked", copy.parked
        case ReplicaState.ABSENT | ReplicaState.IN_DOUBT:
            return "absent", "it is not made yet"
        case _ if held:
            return "held", f"held: {', '.join(held)}"
        case _ if copy.dirty:
            return "behind", "a change is still to be written"
        case _:
            return "in_step", "in step"


def _figures(look: EngineLook, parked: int) -> Figures:
    i, r, sight = t.incident.c, t.replica.c, look.sight
    ranked = select(i.rank, func.count()).where(_INCIDENTS, _OPEN).group_by(i.rank)
    of_rank = {row[0]: row[1] for row in look.seen_in.execute(ranked.where(sight.sees_item(t.incident)))}
    dirty = select(func.count(), func.min(r.dirty_since)).select_from(t.replica).where(text("dirty"))
    behind, oldest = look.seen_in.execute(sight.within(dirty, r.incident_id)).one()
    waits = select(func.count()).select_from(t.replica).where(loading.WAITS_FOR_A_PERSON)
    severities = {one.value: of_rank.get(loading.rank_of({"severity": one}), 0) for one in Severity}
    return Figures(
        **severities,
        without_severity=of_rank.get(loading.UNKNOWN_RANK, 0),
        to_decide=int(look.seen_in.execute(sight.within(waits, r.incident_id)).scalar_one()),
        parked=parked,
        ends_doubted=sum(1 for one in explain.doubts(look.seen_in, look.sight).values() if one.open),
        copies_behind=int(behind),
        oldest_behind_seconds=0 if oldest is None else max(0, int((look.now - oldest).total_seconds())),
    )


def _waiting(look: EngineLook, figures: Figures, parked: Sequence[explain.Parked]) -> tuple[Waiting, ...]:
    return tuple(
        [
            *(_conflicts(look) if 0 < figures.to_decide <= MOST_READ else []),
            *_parked(look, parked),
            *(_doubts(look) if figures.ends_doubted else []),
        ][:MOST_TOLD]
    )


def _conflicts(look: EngineLook) -> Iterator[Waiting]:
    found = explain.conflicts(look.seen_in, look.sight)[:MOST_TOLD]
    look.shows(one.incident for one in found)
    for one in found:
        called = str(look.sight.called(one.incident, one.number))
        sentence = f"{one.field}: {one.hold.sentence()}"
        yield Waiting(what="conflict", incident=called, connection=one.connection, sentence=sentence)


def _parked(look: EngineLook, parked: Sequence[explain.Parked]) -> Iterator[Waiting]:
    found = parked[:MOST_TOLD]
    look.shows(one.incident for one in found)
    for one in found:
        called = look.sight.called(one.incident, one.number)
        yield Waiting(what=one.what, incident=called, connection=one.connection, sentence=one.sentence)


def _doubts(look: EngineLook) -> Iterator[Waiting]:
    for name, doubt in explain.doubts(look.seen_in, look.sight).items():
        if doubt.open:
            yield Waiting(what="doubt", incident=None, connection=name, sentence=doubt.sentence(name))


_TROUBLE: Final = select(t.connection).where(t.connection.c.state != "working").order_by(t.connection.c.name)


def _in_trouble(look: EngineLook) -> tuple[InTrouble, ...]:
    return tuple(
        InTrouble(connection=row.name, state=row.state, reason=row.reason, since=row.since, next_try_at=row.next_at)
        for row in look.seen_in.execute(_TROUBLE.where(look.sight.sees_connection(t.connection.c.name)))
        if ConnectionName(row.name) in look.config.connections
    )

"""When items were over, projected from what the engine journals; and what was planned, allowed and forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import Column, Index, Integer, String, Text

from tieline.core.arguments import Line
from tieline.core.events import Changed, Opened
from tieline.core.model import ABSENT, RecordKind, is_over
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store.types import Instant as InstantColumn

ENDED = plugin_table(
    "retention",
    "ended",
    subject_column(primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("ended_at", InstantColumn),  # null while it is open
)
Index("ix_retention_ended_at", ENDED.c.ended_at, ENDED.c.subject)
GONE = plugin_table(
    "retention",
    "gone",
    subject_column(primary_key=True),
    Column("at", InstantColumn, nullable=False),
    Column("who", Text, nullable=False),  # as the journal names them
    Column("entry", Integer, nullable=False),
    Column("facts", Text, nullable=False),  # of the event, as JSON
)
SWEEP: Final = "sweep"
ALLOWED_FOR: Final = timedelta(days=2)
LAST = plugin_table(
    "retention",
    "sweep",
    subject_column(primary_key=True),
    Column("planned_at", InstantColumn),
    Column("due", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("is_waiting", Integer, nullable=False),
    Column("allowed", Integer, nullable=False),
    Column("allowed_until", InstantColumn),
)
PERSONS = plugin_table(
    "retention",
    "persons",
    subject_column(primary_key=True),  # the reference of the case
    Column("at", InstantColumn, nullable=False),
    Column("who", Text, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("facts", Text, nullable=False),  # of the event, as JSON
    Column("done_at", InstantColumn),  # null while something still tells of them
    Column("done_entry", Integer),
    Column("done", Text),
)


class Planned(PluginEvent, kind="retention.planned"):
    """a sweep looked for what is kept for too long: so many items, beside those that are held; whether it waits until
    somebody allows so many"""

    due: int
    held: int
    waits: bool


class Allowed(PluginEvent, kind="retention.allowed"):
    """somebody allowed, with somebody else's leave, that sweeps of the next two days forget so many items each"""

    items: int


class Forgotten(PluginEvent, kind="retention.forgotten"):
    """an item was forgotten, which this is the certificate of: of which class it was, by which policy, why and by what
    law; and where tools keep their copies"""

    item: Line
    kept: Line
    policy: Line
    why: Line
    law: Line | None
    copies: tuple[str, ...]


class PersonToErase(PluginEvent, kind="retention.person_begun"):
    """somebody asked that a person be forgotten, by a case and a law, and somebody else agreed: what they held is gone,
    and a job goes through the rest"""

    reference: Line
    law: Line
    texts: bool


class PersonErased(PluginEvent, kind="retention.person_erased"):
    """a person was forgotten, which this is the certificate of: so many payloads of the journal and so many values let
    go of; where tools keep copies that named them, and how many more do"""

    reference: Line
    entries: int
    values: int
    copies: tuple[str, ...]
    more: int


def _opened(rows: Rows, event: Opened, happened: Happened) -> None:
    kind = RecordKind.INCIDENT if event.item is ABSENT else RecordKind(str(event.item))
    ended = happened.at if is_over(kind, event.fields.get("status")) else None
    rows.put(ENDED, subject=happened.subject, kind=kind.value, ended_at=ended)


def _changed(rows: Rows, event: Changed, happened: Happened) -> None:
    change = event.changes.get("status")
    if not isinstance(change, Mapping):
        return
    for row in rows.find(ENDED, subject=happened.subject):
        ended = row.ended_at or happened.at if is_over(RecordKind(row.kind), change["after"]) else None
        rows.change(ENDED, {"subject": happened.subject}, ended_at=ended)


def _planned(rows: Rows, event: Planned, happened: Happened) -> None:
    _put(rows, planned_at=happened.at, due=event.due, held=event.held, is_waiting=int(event.waits))


def _allowed(rows: Rows, event: Allowed, happened: Happened) -> None:
    _put(rows, allowed=event.items, allowed_until=happened.at + ALLOWED_FOR)


def _put(rows: Rows, **values: object) -> None:
    if not rows.change(LAST, {"subject": SWEEP}, **values):
        none = {"planned_at": None, "due": 0, "held": 0, "is_waiting": 0, "allowed": 0, "allowed_until": None}
        rows.put(LAST, **{"subject": SWEEP, **none, **values})


def _forgotten(rows: Rows, event: Forgotten, happened: Happened) -> None:
    row = {"at": happened.at, "who": happened.actor, "entry": happened.seq, "facts": event.model_dump_json()}
    rows.drop(GONE, subject=happened.subject)
    rows.put(GONE, subject=happened.subject, **row)


def _person_begun(rows: Rows, event: PersonToErase, happened: Happened) -> None:
    row = {"at": happened.at, "who": happened.actor, "entry": happened.seq, "facts": event.model_dump_json()}
    rows.drop(PERSONS, subject=event.reference)
    rows.put(PERSONS, subject=event.reference, **row, done_at=None, done_entry=None, done=None)


def _person_erased(rows: Rows, event: PersonErased, happened: Happened) -> None:
    done = {"done_at": happened.at, "done_entry": happened.seq, "done": event.model_dump_json()}
    rows.change(PERSONS, {"subject": event.reference}, **done)


EVENTS = (Planned, Allowed, Forgotten, PersonToErase, PersonErased)
ENDS = Projection("ends", (ENDED,), {Opened: _opened, Changed: _changed})
KEPT = Projection("kept", (GONE, LAST), {Planned: _planned, Allowed: _allowed, Forgotten: _forgotten})
ERASED = Projection("erased", (PERSONS,), {PersonToErase: _person_begun, PersonErased: _person_erased})

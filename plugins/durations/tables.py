"""The stamps of each incident, projected from what the engine journals. A stamp that nobody told stays missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Text

from tieline.core.events import Changed, Opened
from tieline.core.model import ABSENT, RecordKind, Status
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store.types import Instant

MILLISECOND: Final = timedelta(milliseconds=1)
GROUPS: Final = ("severity", "category", "service")
"""By what durations are told apart."""

STAMPS = plugin_table(
    "durations",
    "stamps",
    subject_column(primary_key=True),
    Column("severity", String(20)),
    Column("category", Text),
    Column("service", Text),
    Column("is_open", Boolean, nullable=False),
    Column("started_at", Instant),  # as a tool tells it
    Column("detected_at", Instant, nullable=False),  # when it was opened here
    Column("acknowledged_at", Instant),
    Column("resolved_at", Instant),
    Column("detect_ms", BigInteger),
    Column("acknowledge_ms", BigInteger),
    Column("resolve_ms", BigInteger),
)
# Each holds all that a percentile, and a count, is found by, and whose a row is: the rows themselves are not read.
_LAST: Final = ("detected_at", "is_open", "subject")
for _what in ("detect_ms", "acknowledge_ms", "resolve_ms"):
    Index(f"ix_durations_{_what}", *(STAMPS.c[one] for one in (_what, *_LAST)))
    for _group in GROUPS:
        Index(f"ix_durations_{_group}_{_what}", *(STAMPS.c[one] for one in (_group, _what, *_LAST)))


def _opened(rows: Rows, event: Opened, happened: Happened) -> None:
    if event.item is not ABSENT and event.item != RecordKind.INCIDENT:
        return
    row: dict[str, Any] = {name: event.fields.get(name) for name in GROUPS}
    started, status = _moment(event.fields.get("opened_at")), _status(event.fields.get("status"))
    row |= {"subject": happened.subject, "started_at": started, "detected_at": happened.at}
    row |= {"is_open": status.is_open, "acknowledged_at": None, "resolved_at": None}
    row |= _at_status(row, status, happened.at, _moment(event.fields.get("resolved_at")))
    rows.put(STAMPS, **row, **_lengths(row))


def _changed(rows: Rows, event: Changed, happened: Happened) -> None:
    wanted = {*GROUPS, "status", "opened_at", "resolved_at"} & event.changes.keys()
    if not wanted:
        return
    found = rows.find(STAMPS, subject=happened.subject)
    if not found:
        return
    before: dict[str, Any] = {column.name: getattr(found[0], column.name) for column in STAMPS.c}
    after: dict[str, Any] = {}
    for name in wanted:
        change = event.changes[name]
        if isinstance(change, Mapping):
            after[name] = change["after"]
    row: dict[str, Any] = {**before, **{name: after[name] for name in GROUPS if name in after}}
    if "opened_at" in after:
        row["started_at"] = _moment(after["opened_at"])
    told = _moment(after.get("resolved_at"))
    if "status" in after:
        row |= _at_status(row, _status(after["status"]), happened.at, told)
    elif told is not None and not row["is_open"]:
        row["resolved_at"] = told
    row |= _lengths(row)
    if row != before:
        rows.change(STAMPS, {"subject": happened.subject}, **{name: row[name] for name in row if name != "subject"})


def _at_status(row: Mapping[str, Any], status: Status, at: datetime, told: datetime | None) -> dict[str, Any]:
    """What becomes of the stamps when an incident gets a status: `told` is when it was resolved, as its tool tells it.
    One that is opened again is not resolved any more, and was acknowledged when it was first taken."""
    acknowledged = row["acknowledged_at"] or (None if status is Status.NEW else at)
    resolved = None if status.is_open or status is Status.CANCELLED else row["resolved_at"] or told or at
    return {"is_open": status.is_open, "acknowledged_at": acknowledged, "resolved_at": resolved}


def _lengths(row: Mapping[str, Any]) -> dict[str, Any]:
    """The durations between the stamps that are there. One that would be negative is not known: a clock was wrong."""
    began = row["started_at"] or row["detected_at"]
    return {
        "detect_ms": None if row["started_at"] is None else _length(row["started_at"], row["detected_at"]),
        "acknowledge_ms": _length(row["detected_at"], row["acknowledged_at"]),
        "resolve_ms": _length(began, row["resolved_at"]),
    }


def _length(since: datetime, until: datetime | None) -> int | None:
    return None if until is None or until < since else (until - since) // MILLISECOND


def _status(told: object) -> Status:
    try:
        return Status(str(told))
    except ValueError:
        return Status.NEW


def _moment(told: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


STAMPED = Projection("stamps", (STAMPS,), {Opened: _opened, Changed: _changed})

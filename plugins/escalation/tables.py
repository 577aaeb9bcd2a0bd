"""What happened to an incident's clocks, and the table of those that run."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String

from tieline.core.arguments import Duration, Instant, Line
from tieline.core.events import Facts
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store.types import Instant as InstantColumn

CLOCK = plugin_table(
    "escalation",
    "clock",
    subject_column(primary_key=True),
    Column("what", String(20), primary_key=True),
    Column("began_at", InstantColumn, nullable=False),
    Column("ends_at", InstantColumn, nullable=False),
    Column("told", Integer, nullable=False),  # percent of which somebody was reminded; 100 once it is over
    Column("alarms", Integer, nullable=False),
    Column("next_at", InstantColumn, nullable=False),
    Column("snoozed_until", InstantColumn),
)


class Started(PluginEvent, kind="escalation.started"):
    """the time for something began to run for an incident, or is counted anew; until when it may take"""

    what: Line
    began: Instant
    ends: Instant
    next: Instant
    told: int


class Stopped(PluginEvent, kind="escalation.stopped"):
    """what was limited is done, or no longer limited; with how much later than its limit, if it was"""

    what: Line
    late: Duration | None


def _none_skipped(facts: Facts) -> Facts:
    return {**facts, "skipped": []}


class Reminded(PluginEvent, kind="escalation.reminded", upcasts=(_none_skipped,)):
    """so many percent of a limit were over; with those before of which nobody was told, and how late it was noticed"""

    what: Line
    percent: int
    skipped: tuple[int, ...]
    next: Instant
    late: Duration


class Expired(PluginEvent, kind="escalation.expired", upcasts=(_none_skipped,)):
    """a limit was over, and the incident went to whom it then belongs to; with the reminders that were skipped, and how
    late that was noticed"""

    what: Line
    skipped: tuple[int, ...]
    next: Instant
    late: Duration
    to: Line | None


class Alarmed(PluginEvent, kind="escalation.alarmed"):
    """nobody took it up after that either, and the manager on duty was alarmed; for which time, and how late"""

    what: Line
    times: int
    next: Instant
    late: Duration
    manager: Line | None


class Snoozed(PluginEvent, kind="escalation.snoozed"):
    """somebody put the escalation of an incident off; until when, and why"""

    until: Instant
    why: Line


def _started(rows: Rows, event: Started, happened: Happened) -> None:
    # What is put off is the incident's escalation: a clock that begins meanwhile is put off with the others.
    others = rows.find(CLOCK, subject=happened.subject)
    rows.put(
        CLOCK,
        subject=happened.subject,
        what=event.what,
        began_at=event.began,
        ends_at=event.ends,
        told=event.told,
        alarms=0,
        next_at=event.next,
        snoozed_until=max((one.snoozed_until for one in others if one.snoozed_until is not None), default=None),
    )


def _stopped(rows: Rows, event: Stopped, happened: Happened) -> None:
    rows.drop(CLOCK, subject=happened.subject, what=event.what)


def _reminded(rows: Rows, event: Reminded, happened: Happened) -> None:
    rows.change(CLOCK, {"subject": happened.subject, "what": event.what}, told=event.percent, next_at=event.next)


def _expired(rows: Rows, event: Expired, happened: Happened) -> None:
    rows.change(CLOCK, {"subject": happened.subject, "what": event.what}, told=100, next_at=event.next)


def _alarmed(rows: Rows, event: Alarmed, happened: Happened) -> None:
    rows.change(CLOCK, {"subject": happened.subject, "what": event.what}, alarms=event.times, next_at=event.next)


def _snoozed(rows: Rows, event: Snoozed, happened: Happened) -> None:
    rows.change(CLOCK, {"subject": happened.subject}, snoozed_until=event.until)


EVENTS = (Started, Stopped, Reminded, Expired, Alarmed, Snoozed)
CLOCKS = Projection(
    "clocks",
    (CLOCK,),
    {
        Started: _started,
        Stopped: _stopped,
        Reminded: _reminded,
        Expired: _expired,
        Alarmed: _alarmed,
        Snoozed: _snoozed,
    },
    version=2,
)

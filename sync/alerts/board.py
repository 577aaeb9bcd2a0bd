"""Which alerts of an incident fire now, in words: its field `alerts`, which every tool shows in its own way.

A block or a comment is kept up to date in each ticket. Whatever writes to the tickets anyway (the incident opens,
resolves, reopens, is raised) brings the words along; joins and ends alone are told at a cadence, `signals.tell_every`,
so that a storm costs each ticket one write in such a time, however many alerts it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Row, bindparam, case, func, select, text

from tieline.core import timers
from tieline.core.grades import GRADED, place
from tieline.core.model import ConnectionName, Fields, IncidentId, Status, parse_instant
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.mappings.convert.lines import clean_line, fit_line
from tieline.mappings.convert.markdown import careful
from tieline.sync.alerts import flaps, groups, unheeded
from tieline.sync.alerts.telling import told_apart

if TYPE_CHECKING:
    from tieline.sync.engine import Engine

BOARD: Final = "board"
"""The kind of timer that brings an incident's words up to date."""

LONGEST_TITLE: Final = 90
"""UTF-16 units of an alert's title."""

ALONE: Final = "One alert fires now:"

_WORST_FIRST = case(
    *((text(f'signal.judged LIKE \'%"severity":"{word}"%\''), rank) for word, rank in GRADED["severity"].items()),
    else_=len(GRADED["severity"]),
)
_COUNTED = select(func.count(), func.sum(case((t.signal.c.firing, 1), else_=0))).where(
    t.signal.c.incident_id == bindparam("incident")
)
_SHOWN = (
    select(t.signal.c.fields, t.signal.c.judged, t.signal.c.labels)
    .where(t.signal.c.incident_id == bindparam("incident"), t.signal.c.firing)
    .order_by(_WORST_FIRST, t.signal.c.id)
    .limit(bindparam("rows"))
)
_AGAIN = select(t.timer.c.due_at).where(t.timer.c.key == bindparam("key"))


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that fires, as far as it is shown."""

    fields: Fields
    grade: Fields
    labels: Mapping[str, str] = field(default_factory=dict)
    """Those by which it may be told from others of its name."""


def shown_as(engine: Engine, fields: Fields, grade: Fields, labels: Mapping[str, str]) -> Alert:
    """An alert as the tickets may show it."""
    return Alert(fields, grade, labels if engine.tells_labels else {})


def rendered(alerts: Sequence[Alert], firing: int, ended: int, notes: Iterable[str] = ()) -> str:
    """The words, in Markdown: how many fire, the worst of them, and what is to be said besides."""
    parts = [_heading(firing, ended)]
    titles = [_title(alert) for alert in alerts]
    lines = [_line(*one) for one in zip(alerts, titles, _apart(alerts, titles), strict=True)]
    if firing > len(alerts):
        lines.append(f"- and {firing - len(alerts)} more")
    if lines:
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, *notes])


def says_more(words: object) -> bool:
    """Whether there is more to say than that the alert fires which opened the incident: its ticket says so already."""
    return isinstance(words, str) and not (words.startswith(ALONE) and words.count("\n\n") == 1)


def first(alerts: Sequence[Alert], rows: int) -> str:
    """The words of an incident that these alerts open."""
    if len(alerts) > 1:
        alerts = sorted(alerts, key=lambda one: place("severity", one.grade))
    return rendered(alerts[:rows], len(alerts), 0)


def words(tx: Transaction, engine: Engine, incident: IncidentId, status: Status) -> str:
    """The words of an incident in this status, as its alerts are."""
    total, fires = tx.execute(_COUNTED, {"incident": incident}).one()
    firing = int(fires or 0)
    found: list[Row[Any]] = []
    if firing:
        found = list(tx.execute(_SHOWN, {"incident": incident, "rows": engine.config.signals.alerts_shown}))
    alerts = [shown_as(engine, row.fields, row.judged, row.labels) for row in found]
    return rendered(alerts, firing, int(total) - firing, _notes(tx, engine, incident, status, firing))


def differ(before: Fields, after: Fields) -> bool:
    """Whether an alert is shown otherwise than before."""
    return any(before.get(name) != after.get(name) for name in ("title", "severity", "started_at"))


def soon(
    tx: Transaction, engine: Engine, changed: Mapping[IncidentId, ConnectionName], *, at_once: bool = False
) -> None:
    """Bring the words of these incidents up to date when it is time; what is to be told by then is told with it. Each
    with the source whose alerts changed."""
    now = engine.clock.now()
    due = now if at_once else now + engine.config.signals.tell_every
    wanted = [(key(incident), {"incident": incident, "connection": source}) for incident, source in changed.items()]
    if at_once:
        for one, payload in wanted:
            timers.set_timer(tx, one, BOARD, due, payload)
    else:
        timers.set_unless_set(tx, BOARD, due, wanted)


def key(incident: IncidentId) -> str:
    """The timer's."""
    return f"{BOARD}:{incident}"


def _heading(firing: int, ended: int) -> str:
    over = f", {ended} {'has' if ended == 1 else 'have'} ended" if ended else ""
    match firing:
        case 0:
            return "No alert fires now."
        case 1:
            return f"One alert fires now{over}:"
        case _:
            return f"{firing} alerts fire now{over}:"


def _apart(alerts: Sequence[Alert], titles: Sequence[str]) -> list[str]:
    """What is said of each alert to tell it from others that are shown by the same name."""
    found = [""] * len(alerts)
    named: dict[str, list[int]] = {}
    for number, title in enumerate(titles):
        named.setdefault(title, []).append(number)
    for numbers in named.values():
        if len(numbers) > 1:
            for number, words in zip(numbers, told_apart([alerts[one].labels for one in numbers]), strict=True):
                found[number] = words
    return found


def _title(alert: Alert) -> str:
    return fit_line(clean_line(str(alert.fields.get("title") or "an alert without a title")), LONGEST_TITLE)


def _line(alert: Alert, title: str, apart: str) -> str:
    fields = alert.fields
    severity = alert.grade.get("severity") or fields.get("severity") or "unknown"
    words = careful(f"{title} ({apart})" if apart else title)
    since = f", since {_moment(parse_instant(start))}" if isinstance(start := fields.get("started_at"), str) else ""
    # Not whether it is silenced: who takes an incident on silences its alerts, and that is no news for the ticket.
    return f"- **{severity}** {words}{since}"


def _notes(tx: Transaction, engine: Engine, incident: IncidentId, status: Status, firing: int) -> list[str]:
    now = engine.clock.now()
    held = [one for one in groups.of_incident(tx, incident).values() if one.held_until is not None]
    notes = [
        f"It flaps ({flaps.known(one, now)} times): what it does is followed from {_moment(one.held_until)} on."
        for one in held
        if one.held_until is not None
    ]
    if not firing or status.is_open or held:
        return notes
    again = tx.execute(_AGAIN, {"key": unheeded.key(incident)}).scalar()
    later = "" if again is None else f" It is raised again at {_moment(again)} if it still does."
    return [*notes, f"Somebody said that this is over, and it fires.{later}"]


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")

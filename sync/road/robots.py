"""Two robots that answer each other through us: each of our writes is what the other side reacts to.

The oscillation breaker knows values that come back. Robots may as well say something new each time, in a field or in
comments. What gives them away is the turn-taking: one voice spoke, then the other, then the one again, at a pace that
people who talk across two tools do not keep up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select

from tieline.core import journal
from tieline.core.events import Changed
from tieline.core.model import IncidentId, Value
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction
from tieline.sync.records import Replica
from tieline.sync.road.merge import BY_ALERTS

WINDOW: Final = timedelta(minutes=10)

ANSWERS: Final = 5
"""So often within the window one voice may answer what came from elsewhere. Two robots made nine writes by then."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who spoke: the connection it came from ("" for Tieline itself), and the author where one is known."""

    origin: str
    author: str = ""


def answers(voices: Iterable[Voice]) -> Counter[Voice]:
    """How often each voice spoke right after something that came from another connection."""
    counted: Counter[Voice] = Counter()
    before: Voice | None = None
    for voice in voices:
        if before is not None and before.origin != voice.origin:
            counted[voice] += 1
        before = voice
    return counted


def robots(voices: Iterable[Voice]) -> list[Voice]:
    """The voices that answered too often, the busiest first. People write in Tieline; robots do not."""
    return [voice for voice, count in answers(voices).most_common() if count >= ANSWERS and voice.origin]


def is_busy(steps: Sequence[tuple[datetime, Value]], now: datetime) -> bool:
    """Whether a field was written often enough to be part of a volley: what we wrote is what is answered."""
    return sum(now - at < WINDOW for at, _value in steps) >= ANSWERS - 1


def of_comments(connection: Connection | Transaction, incident: IncidentId, number: str, now: datetime) -> str:
    """The sentence about a volley of comments that another one would keep up, or ""."""
    found = connection.execute(_COMMENTS, {"incident": incident, "since": now - WINDOW})
    talking = robots(Voice(row.origin, row.author) for row in found)
    if not talking:
        return ""
    names = " and ".join(f"{voice.author or 'somebody'} in {voice.origin}" for voice in talking)
    return (
        f"{names} answered {ANSWERS} comments of {number} within {_minutes()} minutes; "
        "that is a robot that reacts to what is copied. Stop it, then run `tieline parked retry`."
    )


def of_field(connection: Connection | Transaction, copy: Replica, field: str, now: datetime) -> str:
    """The sentence about tools that keep setting one field against each other, or ""."""
    found = connection.execute(_CHANGES, {"incident": copy.incident, "since": now - WINDOW})
    changes = [(row.connection or "", journal.facts(connection, row) or {}) for row in found]
    fighting = robots(Voice(origin) for origin, told in changes if field in _changed(told))
    if not fighting:
        return ""
    names = " and ".join(sorted(voice.origin for voice in fighting))
    return (
        f"{field} of {copy.number} was set by {names} {ANSWERS} times within {_minutes()} minutes, each "
        "time after another tool had set it; that is a rule that reacts to what is copied. Find it, then run "
        "`tieline parked retry`."
    )


def _changed(told: object) -> frozenset[str]:
    changes = told.get("changes") if isinstance(told, dict) else None
    return frozenset(changes) if isinstance(changes, dict) else frozenset()


def _minutes() -> int:
    return int(WINDOW.total_seconds() // 60)


_COMMENTS = (
    select(t.comment.c.origin, t.comment.c.author)
    .where(t.comment.c.incident_id == bindparam("incident"), t.comment.c.written_at > bindparam("since"))
    .order_by(t.comment.c.id)
)
_CHANGES = (
    select(t.journal.c.connection, *journal.TOLD)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(
        t.journal.c.incident_id == bindparam("incident"),
        t.journal.c.kind == Changed.KIND,
        # What alerts do is no answer to anybody, and what a tool says after it answers no tool.
        t.journal.c.reason.not_in([one.value for one in BY_ALERTS]),
        t.journal.c.at > bindparam("since"),
    )
    .order_by(t.journal.c.seq)
)

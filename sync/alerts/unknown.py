"""Alerts of which nobody knows how bad they are, for people: a word without a meaning must not look like a calm one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select, text

from tieline.core.model import ConnectionName, IncidentId
from tieline.core.port import Body
from tieline.core.severities import why_unknown
from tieline.core.store import tables as t
from tieline.core.store.among import among
from tieline.core.store.store import Connection, Transaction
from tieline.sync.sight import WHOLE, Sight

if TYPE_CHECKING:
    # Who only looks (`tieline status`) does not wait for the engine.
    from tieline.sync.engine import Connected, Engine

# The store keeps these as compact JSON, where a quote inside a text is escaped: only a known severity looks like this.
# What was judged before there was a place to keep it has only what its mapping read.
_LACKS: Final = """NOT LIKE '%"severity":"%'"""
_FIRING = (
    select(t.signal.c.incident_id, t.signal.c.connection, t.signal.c.fields)
    .where(text("firing"), text(f"judged {_LACKS}"), text(f"fields {_LACKS}"), t.signal.c.incident_id.is_not(None))
    .order_by(t.signal.c.id)
)
_FIRING_OF = _FIRING.where(among(t.signal.c.incident_id, "incidents"))


@dataclass(frozen=True, slots=True)
class UnknownSeverity:
    """Alerts of one source that say the same word, or none (""), about how bad they are."""

    connection: ConnectionName
    word: str
    alerts: int

    @property
    def sentence(self) -> str:
        """Who says what, why it is not known, and what to do."""
        many = "alert" if self.alerts == 1 else "alerts"
        return f"{self.alerts} {many} of {self.connection}: {why_unknown(self.word)}"


def firing(connection: Connection | Transaction, sight: Sight = WHOLE) -> tuple[UnknownSeverity, ...]:
    """What fires without a known severity, of what somebody sees."""
    rows = connection.execute(sight.within(_FIRING, t.signal.c.incident_id))
    return _counted((row.connection, row.fields) for row in rows)


def firing_of(
    connection: Connection | Transaction, incidents: Sequence[IncidentId]
) -> Mapping[IncidentId, tuple[UnknownSeverity, ...]]:
    """The same, for each of these incidents that has any."""
    found: dict[IncidentId, list[tuple[str, Mapping[str, object]]]] = {}
    for row in connection.execute(_FIRING_OF, {"incidents": list(incidents)}):
        found.setdefault(IncidentId(row.incident_id), []).append((row.connection, row.fields))
    return {incident: _counted(signals) for incident, signals in found.items()}


def foreseen(engine: Engine, here: Connected, bodies: Iterable[Body]) -> tuple[UnknownSeverity, ...]:
    """What of the alerts that a source says it may raise nobody would know the severity of, by the road's own rules."""
    from tieline.sync.alerts import judging, signals

    # Each stands for itself: as episodes of one name, one would answer for all.
    alerts = [signals.foreseen(here, body, f"foreseen {number}") for number, body in enumerate(bodies)]
    judged = judging.judge(engine, alerts)
    return _counted((here.name, one.fields) for one in alerts if judged[one.episode].fields.get("severity") is None)


def _counted(signals: Iterable[tuple[str, Mapping[str, object]]]) -> tuple[UnknownSeverity, ...]:
    """The most frequent first."""
    words = Counter((name, str(fields.get("severity_word") or "")) for name, fields in signals)
    return tuple(
        UnknownSeverity(ConnectionName(name), word, alerts)
        for (name, word), alerts in sorted(words.items(), key=lambda one: (-one[1], one[0]))
    )

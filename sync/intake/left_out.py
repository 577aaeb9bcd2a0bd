"""What a source that nobody can ask told of without its being taken in. It is lost, so people are told of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, text

from tieline.core.errors import as_sentence
from tieline.core.model import ConnectionName
from tieline.core.port import Received
from tieline.core.redaction import redacted
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

LONGEST: Final = 300
"""Characters that are kept of why."""

_ADD = text(
    "INSERT INTO left_out (connection, records, since, last_at, why) "
    "VALUES (:connection, :records, :now, :now, :why) ON CONFLICT (connection) DO UPDATE SET "
    "records = left_out.records + excluded.records, last_at = excluded.last_at, why = excluded.why"
).bindparams(bindparam("now", type_=t.left_out.c.since.type))
_FORGET = delete(t.left_out).where(t.left_out.c.last_at < bindparam("before"))


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many records of one connection were lost since a moment, when the last was, and why that one."""

    records: int
    since: datetime
    last_at: datetime
    why: str

    def sentence(self, connection: str) -> str:
        """For people, with what to do."""
        many = "one alert that was" if self.records == 1 else f"{self.records} alerts that were"
        return (
            f"{connection} told of {many} left out since {self.since:%Y-%m-%d %H:%M:%S} UTC, the last at "
            f"{self.last_at:%Y-%m-%d %H:%M:%S} UTC: {self.why} Nobody could be asked for it: mend it where it comes "
            "from, and look there for what fires."
        )


def note(tx: Transaction, deliveries: Iterable[tuple[ConnectionName, Received]], now: datetime) -> None:
    """Count what these deliveries lack."""
    lost: dict[ConnectionName, list[Received]] = {}
    for name, received in deliveries:
        if received.lost:
            lost.setdefault(name, []).append(received)
    # By name, so that workers side by side lock them in one order.
    for name, some in sorted(lost.items()):
        records = sum(one.lost for one in some)
        tx.execute(_ADD, {"connection": name, "records": records, "now": now, "why": _why(some[-1])})


def forget(tx: Transaction, before: datetime) -> int:
    """Tell no longer of connections that have lost nothing since then. Answers of how many."""
    return tx.execute(_FORGET, {"before": before}).rowcount


def found(connection: Connection) -> Mapping[ConnectionName, LeftOut]:
    """What was lost, by connection."""
    rows = connection.execute(select(t.left_out).order_by(t.left_out.c.connection))
    return {ConnectionName(row.connection): LeftOut(row.records, row.since, row.last_at, row.why) for row in rows}


def as_facts(name: ConnectionName, one: LeftOut) -> dict[str, Any]:
    """The same as plain facts, the sentence for people among them."""
    return {
        "records": one.records,
        "since": one.since,
        "last_at": one.last_at,
        "why": one.why,
        "sentence": one.sentence(name),
    }


def _why(received: Received) -> str:
    if not received.unreadable:
        return f"the sender cut {received.cut} from a delivery (`max_alerts` of Alertmanager's receiver)."
    odd = received.unreadable[-1]
    words = redacted(f"{odd.key or odd.ref or 'one without a name'}: {odd.sentence}")
    return as_sentence(words if len(words) <= LONGEST else f"{words[:LONGEST]}…")

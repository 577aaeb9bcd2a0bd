"""What a source's webhooks told of without its being taken in. People are told of it: where nobody can ask the source,
it is lost, and where it is asked, whatever is odd about it there as well comes in by no way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, delete, select, text

from tieline.core.errors import as_sentence
from tieline.core.model import ConnectionName
from tieline.core.port import Received
from tieline.core.redaction import redacted
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

if TYPE_CHECKING:
    # Who only looks (`tieline status`) does not wait for the engine.
    from tieline.sync.engine import Connected

LONGEST: Final = 300
"""Characters that are kept of why."""

_ADD = text(
    "INSERT INTO left_out (connection, records, since, last_at, why, asked) "
    "VALUES (:connection, :records, :now, :now, :why, :asked) ON CONFLICT (connection) DO UPDATE SET "
    "records = left_out.records + excluded.records, last_at = excluded.last_at, why = excluded.why, "
    "asked = excluded.asked"
).bindparams(bindparam("now", type_=t.left_out.c.since.type), bindparam("asked", type_=t.left_out.c.asked.type))
_FORGET = delete(t.left_out).where(t.left_out.c.last_at < bindparam("before"))


_LOST: Final = "Nobody could be asked for it: mend it where it comes from, and look there for what fires."
_ASKED: Final = (
    "The source is polled, and what it tells in order is taken in: mend it where it comes from, and look in "
    "`tieline parked` for what is odd there too."
)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many records of one connection were left out since a moment, when the last was, why that one, and whether its
    source could be asked for it."""

    records: int
    since: datetime
    last_at: datetime
    why: str
    asked: bool

    def sentence(self, connection: str) -> str:
        """For people, with what to do."""
        many = "one alert that was" if self.records == 1 else f"{self.records} alerts that were"
        return (
            f"{connection} told of {many} left out since {self.since:%Y-%m-%d %H:%M:%S} UTC, the last at "
            f"{self.last_at:%Y-%m-%d %H:%M:%S} UTC: {self.why} {_ASKED if self.asked else _LOST}"
        )


def note(tx: Transaction, deliveries: Iterable[tuple[Connected, Received]], now: datetime) -> None:
    """Count what these deliveries lack. What was only cut is not counted where the source is asked for it."""
    lacking: dict[ConnectionName, tuple[bool, list[Received]]] = {}
    for here, received in deliveries:
        asked = not here.only_listens
        told = replace(received, cut=0) if asked else received
        if told.lost:
            lacking.setdefault(here.name, (asked, []))[1].append(told)
    # By name, so that workers side by side lock them in one order.
    for name, (asked, some) in sorted(lacking.items()):
        facts = {"records": sum(one.lost for one in some), "why": _why(some[-1]), "asked": asked}
        tx.execute(_ADD, {"connection": name, "now": now, **facts})


def forget(tx: Transaction, before: datetime) -> int:
    """Tell no longer of connections that have left nothing out since then. Answers of how many."""
    return tx.execute(_FORGET, {"before": before}).rowcount


def found(connection: Connection) -> Mapping[ConnectionName, LeftOut]:
    """What was left out, by connection."""
    rows = connection.execute(select(t.left_out).order_by(t.left_out.c.connection))
    return {
        ConnectionName(row.connection): LeftOut(row.records, row.since, row.last_at, row.why, row.asked) for row in rows
    }


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
    words = redacted(f"{odd.called or 'one without a name'}: {odd.sentence}")
    return as_sentence(words if len(words) <= LONGEST else f"{words[:LONGEST]}…")

"""What happened, as it is told to what plugins declare: entries of the journal, with the events that they tell of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from sqlalchemy import bindparam, func, select

from tieline.core import journal
from tieline.core.acts import NotDone
from tieline.core.events import CAUSE, Event, Facts, NotUpcast, kind_of
from tieline.core.identity import PLUGIN
from tieline.core.model import IncidentId, RecordKind, item_number
from tieline.core.projections import Happened
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

_ENTRIES: Final = (
    select(
        t.journal.c.seq,
        t.journal.c.at,
        t.journal.c.kind,
        t.journal.c.incident_id,
        t.journal.c.actor,
        t.journal.c.reason,
        t.journal_payload.c.payload,
        t.journal_payload.c.sealed,
        t.incident.c.uid,
        t.incident.c.kind.label("item_kind"),
    )
    .join(t.journal_payload, t.journal.c.seq == t.journal_payload.c.seq, isouter=True)
    .join(t.incident, t.incident.c.id == t.journal.c.incident_id, isouter=True)
    .where(
        t.journal.c.seq > bindparam("after"),
        t.journal.c.seq <= bindparam("upto"),
        t.journal.c.kind.in_(bindparam("kinds", expanding=True)),
    )
    .order_by(t.journal.c.seq)
)
_ENTRY: Final = (
    select(t.journal.c.seq, t.journal.c.kind, t.journal.c.incident_id, t.journal.c.actor)
    .add_columns(t.journal_payload.c.payload, t.journal_payload.c.sealed)
    .join(t.journal_payload, t.journal.c.seq == t.journal_payload.c.seq, isouter=True)
    .where(t.journal.c.seq == bindparam("seq"))
)
_LAST: Final = select(func.coalesce(func.max(t.journal.c.seq), 0))


def last(source: Connection | Transaction) -> int:
    """The seq of the journal's last entry; 0 where nothing happened yet."""
    return int(source.execute(_LAST).scalar_one())


def between(source: Connection | Transaction, after: int, upto: int, kinds: Collection[str]) -> list[Happened]:
    """What happened of these kinds after one entry and up to another. What was let go of, and what nothing here knows
    the meaning of, is left out."""
    rows = source.execute(_ENTRIES, {"after": after, "upto": upto, "kinds": list(kinds)})
    return [happened for row in rows.all() if (happened := _happened(source, row)) is not None]


def chain(source: Connection | Transaction, seq: int, length: int) -> bool:
    """Whether an entry is the last of at least so many of plugins that brought each other about."""
    for _ in range(length):
        row = source.execute(_ENTRY, {"seq": seq}).first()
        facts = _written(source, row)
        if row is None or facts is None or not row.actor.startswith(PLUGIN) or CAUSE not in facts:
            return False
        seq = facts[CAUSE]
    return True


def _written(source: Connection | Transaction, row: Any) -> Facts | None:
    try:
        return journal.facts(source, row)
    except ValueError:
        return None


def _happened(source: Connection | Transaction, row: Any) -> Happened | None:
    declared = kind_of(row.kind)
    if declared is None:
        return None
    event: Event
    try:
        facts = journal.facts(source, row)
        if facts is None:
            return None
        event = _event(declared, facts)
    except NotUpcast as error:
        event = Unread(declared.KIND, error)
    except ValueError:
        return None  # written by somebody else, which is for `tieline audit verify` to say
    incident = None if row.incident_id is None else IncidentId(row.incident_id)
    number = "" if incident is None or row.item_kind is None else item_number(RecordKind(row.item_kind), incident)
    return Happened(row.seq, row.at, event, incident, number, row.uid or "", row.actor, row.reason)


@dataclass(frozen=True, slots=True)
class Unread(Event):
    """An event whose facts are none of its kind, as the plugin declares it by now. It waits, and nothing else does."""

    kind: str
    why: Exception

    def refuse(self) -> NoReturn:
        """Raises NotDone."""
        raise NotDone(
            f"its facts cannot be read as {self.kind}, as the plugin declares it; install a version of the plugin that "
            "still reads them"
        ) from self.why


def _event(declared: type[Event], facts: Facts) -> Event:
    try:
        return declared.from_facts(facts)
    except Exception as error:  # noqa: BLE001 - a stranger's class may raise anything
        return Unread(declared.KIND, error)

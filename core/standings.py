"""How people stand to items: who commands one, who works on it, and who is told of it. It is said by whoever may say
so, or by a plugin that knows, and never by a tool: what stands in a ticket's field grants nothing. Whoever stands to an
item stands so to its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, insert, select

from tieline.core.access import Relation
from tieline.core.events import Event, Related, Unrelated
from tieline.core.identity import Actor
from tieline.core.model import IncidentId
from tieline.core.store import parts, persons
from tieline.core.store import tables as t
from tieline.core.store.chain import Entry
from tieline.core.store.store import Connection, Transaction

SAID: Final = (Relation.COMMANDER, Relation.MEMBER, Relation.RECEIVER)
"""Those that somebody may be said to stand in; an author is one by what they did."""

_OF_ITEM = (
    select(t.standing, t.person.c.name, t.identity.c.known_as)
    .join(t.person, t.person.c.id == t.standing.c.person)
    .join(t.identity, t.identity.c.person == t.person.c.id, isouter=True)
    .where(t.standing.c.incident_id == bindparam("item"))
    .order_by(t.standing.c.relation, t.person.c.name, t.standing.c.person, t.standing.c.source, t.identity.c.known_as)
)
_TO_ANY = select(t.standing.c.relation).where(
    t.standing.c.person == bindparam("whose"), t.standing.c.incident_id.in_(bindparam("items", expanding=True))
)
_THESE = (
    t.standing.c.person == bindparam("whose"),
    t.standing.c.relation == bindparam("which"),
    t.standing.c.incident_id == bindparam("item"),
)
_THERE = select(t.standing.c.source).where(*_THESE)
_NEW = insert(t.standing)
_GONE = delete(t.standing).where(*_THESE, t.standing.c.source == bindparam("by_whom"))
_OF_PERSON = delete(t.standing).where(t.standing.c.person == bindparam("whose"))


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands to an item. `source` is the plugin that says so, "" for a person."""

    person: str
    name: str
    identities: tuple[str, ...]
    relation: Relation
    source: str


def of_item(connection: Connection | Transaction, item: IncidentId) -> list[Standing]:
    """Who stands how to an item."""
    found: dict[tuple[str, str, str], Standing] = {}
    for row in connection.execute(_OF_ITEM, {"item": item}):
        key = (row.relation, row.person, row.source)
        known = found[key].identities if key in found else ()
        known = (*known, row.known_as) if row.known_as is not None else known
        found[key] = Standing(row.person, row.name or persons.FORGOTTEN, known, Relation(row.relation), row.source)
    return list(found.values())


def to_item(connection: Connection | Transaction, person: str, item: int) -> frozenset[Relation]:
    """How somebody stands to an item: as they do to what it is a part of, as well."""
    items = sorted({item, *parts.wholes(connection, [item]).values()})
    return frozenset(map(Relation, connection.execute(_TO_ANY, {"whose": person, "items": items}).scalars()))


def sources(connection: Connection | Transaction, person: str, relation: Relation, item: IncidentId) -> Sequence[str]:
    """By whose word somebody stands so to an item: plugins, and "" for a person's."""
    return list(connection.execute(_THERE, _key(person, relation, item)).scalars())


def add(
    tx: Transaction, person: str, relation: Relation, item: IncidentId, *, source: str, at: datetime, actor: Actor
) -> None:
    """Have somebody stand so to an item, which is locked; nothing is said where they do."""
    if source in sources(tx, person, relation, item):
        return
    entry = _journal(tx, Related(person=person, relation=relation.value, source=source), item, at, actor)
    row = {"person": person, "relation": relation.value, "incident_id": item, "source": source, "entry": entry}
    tx.execute(_NEW, row)


def remove(
    tx: Transaction, person: str, relation: Relation, item: IncidentId, *, source: str, at: datetime, actor: Actor
) -> None:
    """Have somebody no longer stand so to an item, which is locked, by this word; nothing is said where they do not."""
    if source not in sources(tx, person, relation, item):
        return
    _journal(tx, Unrelated(person=person, relation=relation.value, source=source), item, at, actor)
    tx.execute(_GONE, {**_key(person, relation, item), "by_whom": source})


def let_go(tx: Transaction, person: str) -> None:
    """Have somebody who is forgotten stand to nothing."""
    tx.execute(_OF_PERSON, {"whose": person})


def _key(person: str, relation: Relation, item: IncidentId) -> dict[str, object]:
    return {"whose": person, "which": relation.value, "item": item}


def _journal(tx: Transaction, event: Event, item: IncidentId, at: datetime, actor: Actor) -> int:
    # Told to no plugin as it happens: who may read what is restricted ends in figures that everybody reads.
    return tx.journal(Entry(at, event.KIND, item, None, actor, "", event.facts()))

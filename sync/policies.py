"""The policies that hold, from the store: each revision of each document, and from which entry of the journal on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select

from tieline.core.store import persons
from tieline.core.store import tables as t
from tieline.core.store.store import Connection, Transaction

_SHOWN: Final = select(t.policy, t.person.c.id.label("known"), t.person.c.name.label("called")).outerjoin(
    t.person, t.policy.c.person == t.person.c.id
)
_NEWEST: Final = _SHOWN.where(t.policy.c.name == bindparam("policy")).order_by(t.policy.c.revision.desc())
_LAST: Final = _NEWEST.limit(1)
_BEFORE: Final = _NEWEST.where(t.policy.c.seq < bindparam("before")).limit(1)
_ONE: Final = _SHOWN.where(t.policy.c.name == bindparam("policy"), t.policy.c.revision == bindparam("number"))
_OPENED: Final = select(func.min(t.journal.c.seq)).where(t.journal.c.incident_id == bindparam("item"))
_ADD: Final = insert(t.policy)


@dataclass(frozen=True, slots=True)
class Revision:
    """One document that held, or holds: its number, the entry from which on, when and by whom it was set. `by` is what
    they are called; of one that is to be added, their id."""

    name: str
    number: int
    seq: int
    at: datetime
    by: str
    text: str
    sha: str
    why: str


def _revision(row: Any) -> Revision:
    by = persons.shown(row.person, row.known, row.called)
    return Revision(row.name, row.revision, row.seq, row.at, by, row.document, row.sha, row.why)


def latest(source: Connection | Transaction, name: str) -> Revision | None:
    """The one that holds now; None while what is shipped does."""
    row = source.execute(_LAST, {"policy": name}).first()
    return None if row is None else _revision(row)


def before(source: Connection | Transaction, name: str, seq: int) -> Revision | None:
    """The one that held when this entry was written."""
    row = source.execute(_BEFORE, {"policy": name, "before": seq}).first()
    return None if row is None else _revision(row)


def opened(source: Connection | Transaction, item: int) -> int | None:
    """The entry that an item begins with; None for one that the journal does not know yet."""
    found: int | None = source.execute(_OPENED, {"item": item}).scalar()
    return found


def one(source: Connection | Transaction, name: str, number: int) -> Revision | None:
    """A revision by its number."""
    row = source.execute(_ONE, {"policy": name, "number": number}).first()
    return None if row is None else _revision(row)


def every(source: Connection | Transaction, name: str, limit: int, below: int | None = None) -> Sequence[Revision]:
    """The revisions of one policy, the newest first."""
    query = _NEWEST if below is None else _NEWEST.where(t.policy.c.revision < below)
    return [_revision(row) for row in source.execute(query.limit(limit), {"policy": name})]


def stand(tx: Transaction, seen: Mapping[str, int]) -> bool:
    """Whether these revisions, 0 for what is shipped, are those that hold."""
    return all((0 if (now := latest(tx, name)) is None else now.number) == number for name, number in seen.items())


def hold(tx: Transaction, name: str) -> None:
    """Have nobody else set this policy until this transaction ends."""
    tx.lock_names([f"policy {name}"])


def add(tx: Transaction, revision: Revision) -> None:
    """Write down that a revision holds from now on."""
    tx.execute(
        _ADD,
        {
            "name": revision.name,
            "revision": revision.number,
            "seq": revision.seq,
            "at": revision.at,
            "person": revision.by,
            "document": revision.text,
            "sha": revision.sha,
            "why": revision.why,
        },
    )

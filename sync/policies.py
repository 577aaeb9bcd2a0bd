"""The policies that hold, from the store: each revision of each document, and from which entry of the journal on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, bindparam, func, insert, or_, select

from tieline.core.store import persons
from tieline.core.store import tables as t
from tieline.core.store.among import among
from tieline.core.store.store import Connection, Transaction

_SHOWN: Final = select(t.policy)
_CALLED: Final = select(t.person.c.id, t.person.c.name).where(among(t.person.c.id, "ids"))
_NEWEST: Final = _SHOWN.where(t.policy.c.name == bindparam("policy")).order_by(t.policy.c.revision.desc())
_LAST: Final = _NEWEST.limit(1)
_ONE: Final = _SHOWN.where(t.policy.c.name == bindparam("policy"), t.policy.c.revision == bindparam("number"))
_OPENED: Final = (
    select(func.min(t.journal.c.seq).label("opened")).where(t.journal.c.incident_id == bindparam("item")).subquery()
)
_WHEN_OPENED: Final = (
    select(_OPENED.c.opened, t.policy.c.revision, t.policy.c.document)
    .outerjoin(
        t.policy,
        and_(
            t.policy.c.name == bindparam("policy"), or_(_OPENED.c.opened.is_(None), t.policy.c.seq < _OPENED.c.opened)
        ),
    )
    .order_by(t.policy.c.revision.desc())
    .limit(1)
)
_ADD: Final = insert(t.policy)


@dataclass(frozen=True, slots=True)
class Revision:
    """One document that held, or holds: its number, the entry from which on, when and by whom it was set, and who
    approved it. Persons are ids, as the journal has them; see `called`."""

    name: str
    number: int
    seq: int
    at: datetime
    person: str
    text: str
    sha: str
    why: str
    approved_by: tuple[str, ...] = ()


def _revision(row: Any) -> Revision:
    approved = tuple(row.approved_by)
    return Revision(row.name, row.revision, row.seq, row.at, row.person, row.document, row.sha, row.why, approved)


def called(source: Connection | Transaction, revisions: Iterable[Revision | None]) -> Callable[[str], str]:
    """What those are called who set and approved these revisions, by their ids."""
    ids = {one for found in revisions if found is not None for one in (found.person, *found.approved_by)}
    rows = source.execute(_CALLED, {"ids": sorted(ids)}) if ids else ()
    names = {row.id: persons.shown(row.id, row.id, row.name) for row in rows}
    return lambda person: names.get(person, person)


def latest(source: Connection | Transaction, name: str) -> Revision | None:
    """The one that holds now; None while what is shipped does."""
    row = source.execute(_LAST, {"policy": name}).first()
    return None if row is None else _revision(row)


@dataclass(frozen=True, slots=True)
class Held:
    """What holds for somebody: the number of a revision and what it says, 0 and nothing where what is shipped does; and
    whether it is what held when an item was opened, which stays so."""

    number: int
    text: str
    is_pinned: bool


def held(source: Connection | Transaction, name: str, item: int | None = None) -> Held:
    """What holds now, or of an item that the journal knows, what held when it was opened. It is one query."""
    if item is None:
        row = source.execute(_LAST, {"policy": name}).first()
        return Held(0, "", is_pinned=False) if row is None else Held(row.revision, row.document, is_pinned=False)
    row = source.execute(_WHEN_OPENED, {"policy": name, "item": item}).one()
    return Held(row.revision or 0, row.document or "", is_pinned=row.opened is not None)


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
            "person": revision.person,
            "document": revision.text,
            "sha": revision.sha,
            "why": revision.why,
            "approved_by": list(revision.approved_by),
        },
    )

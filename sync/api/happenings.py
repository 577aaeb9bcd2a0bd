"""What happened, for whoever may see it: entries of the journal in order, each with an id to go on after.

An id says nothing of how many entries there are, so that what somebody does not see cannot be counted by gaps: it is
the entry's number and the beginning of its hash, enciphered. After a backup was put back, an id of what is no longer
there is no place any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy import Select, and_, bindparam, or_, select

from tieline.core.model import IncidentId, RecordKind, item_number
from tieline.core.store import persons
from tieline.core.store import tables as t
from tieline.core.store.store import Connection
from tieline.sync.sight import Sight

BEGINNING: Final = "begin"
"""The id before everything."""
AT_ONCE: Final = 100
"""Entries that are looked at in one go."""
OF_ALL: Final = ("connection_working", "connection_waiting", "connection_stopped", "reloaded")
"""What is about no item, and everybody's who reads."""

_SEEN: Final = (
    select(
        t.journal.c.seq,
        t.journal.c.at,
        t.journal.c.kind,
        t.journal.c.hash,
        t.journal.c.incident_id,
        t.journal.c.connection,
        t.journal.c.actor,
        t.person.c.id.label("person"),
        t.person.c.name,
        t.incident.c.kind.label("item_kind"),
    )
    .join(t.person, t.person.c.id == t.journal.c.actor, isouter=True)
    .join(t.incident, t.incident.c.id == t.journal.c.incident_id, isouter=True)
    .where(or_(t.incident.c.id.is_not(None), t.journal.c.kind.in_(OF_ALL)))
)
_AFTER: Final = _SEEN.where(t.journal.c.seq > bindparam("after")).order_by(t.journal.c.seq).limit(AT_ONCE)
_LAST: Final = _SEEN.order_by(t.journal.c.seq.desc()).limit(1)
_CONNECTION: Final = t.journal.c.connection
_HASH: Final = select(t.journal.c.hash).where(t.journal.c.seq == bindparam("seq"))
HEAD: Final = select(t.journal_head.c.seq)


class NoPlace(ValueError):
    """That is no id of an entry that is there."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry as it is told: its number, which is told to nobody, its id, its kind, and facts."""

    seq: int
    id: str
    kind: str
    facts: Mapping[str, Any]


def after(connection: Connection, seq: int, sight: Sight) -> list[Happening]:
    """What happened after an entry, oldest first, as far as somebody sees it."""
    cipher = _cipher(connection)
    return [_happening(row, cipher, sight) for row in _rows(connection, _AFTER, {"after": seq}, sight)]


def last(connection: Connection, sight: Sight) -> tuple[int, str]:
    """The number and the id of the last entry that somebody sees."""
    rows = _rows(connection, _LAST, {}, sight)
    return (rows[0].seq, _id(rows[0], _cipher(connection))) if rows else (0, BEGINNING)


def place(connection: Connection, told: str) -> int:
    """The number of the entry with this id. Raises NoPlace."""
    if told == BEGINNING:
        return 0
    try:
        block = bytes.fromhex(told)
    except ValueError:
        block = b""
    if len(block) != 16:
        raise NoPlace("that is no id of an event; take the last one that came, or begin without one")
    decryptor = _cipher(connection).decryptor()
    plain = decryptor.update(block) + decryptor.finalize()
    seq = int.from_bytes(plain[:8], "big")
    known = connection.execute(_HASH, {"seq": seq}).scalar() if seq < 2**63 else None
    if known is None or plain[8:] != bytes.fromhex(known)[:8]:
        raise NoPlace("there is no event of that id any more, or never was; begin without one, and read anew")
    return seq


def _rows(connection: Connection, query: Select[Any], given: Mapping[str, Any], sight: Sight) -> Sequence[Any]:
    of_none = and_(t.incident.c.id.is_(None), or_(t.journal.c.connection.is_(None), sight.sees_connection(_CONNECTION)))
    seen = or_(of_none, and_(t.incident.c.id.is_not(None), sight.sees_item(t.incident)))
    return connection.execute(query.where(seen), given).all()


def _happening(row: Any, cipher: Cipher[modes.ECB], sight: Sight) -> Happening:
    item = None
    if row.incident_id is not None:
        number = IncidentId(row.incident_id)
        item = sight.called(number, item_number(RecordKind(row.item_kind), number))
    told = {
        "kind": row.kind,
        "at": row.at.isoformat(),
        "incident": item,
        "connection": row.connection,
        "who": persons.shown(row.actor, row.person, row.name),
    }
    return Happening(row.seq, _id(row, cipher), row.kind, told)


def _id(row: Any, cipher: Cipher[modes.ECB]) -> str:
    encryptor = cipher.encryptor()
    block = row.seq.to_bytes(8, "big") + bytes.fromhex(row.hash)[:8]
    return (encryptor.update(block) + encryptor.finalize()).hex()


def _cipher(connection: Connection) -> Cipher[modes.ECB]:
    """The same for as long as the journal is: its key is made of what the API shows to nobody."""
    first = connection.execute(_HASH, {"seq": 1}).scalar() or ""
    key = sha256(b"ids of events " + first.encode("ascii")).digest()
    # Each is one block and another one than every other: there is nothing that would repeat.
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305

"""The journal's hash chain: what an entry is, its one canonical form, and how it is appended.

    payload_sha = SHA-256(sealed payload), or SHA-256(salt, canonical payload) of one that is not sealed
    hash        = SHA-256(canonical [seq, at, kind, incident, connection, actor, reason, payload_sha, prev])

`prev` is the hash before it, sixty-four zeros for the first. The chain runs over the payloads' hashes, so that a
payload can be shredded, or replaced by what is left of it, and everything still verifies: the entry that says so has
the hash of what stands there since. What is told of an incident is sealed with that incident's key,
which stands outside of the database (`keys`) and can be forgotten: the chain verifies without any. Everything else has
a salt, thirty-two hexadecimal digits, which goes with the payload: without it the hash that stays says nothing, however
few words the payload can have been. Persons stand in the hashed rows as ids. Entries of schemas before 0015 are not
sealed, and those of schemas before 0009 have neither salts nor ids.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson
from sqlalchemy import Connection, text

from tieline.core.errors import JournalBroken, StoreUnavailable
from tieline.core.identity import Actor, Someone
from tieline.core.store import persons
from tieline.core.store.keys import Keys
from tieline.core.store.keytree import NONCE, KeyTree, Subject
from tieline.core.store.many import Many
from tieline.core.store.persons import Entropy
from tieline.core.store.tables import journal, journal_forgotten, journal_payload
from tieline.core.store.types import to_micros

GENESIS: Final = "0" * 64

_LARGEST = 2**53 - 1  # RFC 8785 section 3.2.2.3: beyond it, JSON readers may disagree about an integer
_DEEPEST = 64
_WORD = 40  # the width of the columns `kind`, `reason` and `connection`

_HEAD = text("SELECT seq, hash, key_name, forgotten FROM journal_head WHERE id = 1")
_HEAD_LOCKED = text("SELECT seq, hash, key_name, forgotten FROM journal_head WHERE id = 1 FOR UPDATE")
_MOVE_HEAD = text("UPDATE journal_head SET seq = :seq, hash = :hash WHERE id = 1")
_COUNT_FORGOTTEN = text("UPDATE journal_head SET forgotten = :forgotten WHERE id = 1")
_TO_FORGET = text("SELECT number, incident_id, life FROM journal_forgotten WHERE number > :after")
_ENTRY = Many.into(journal)
_PAYLOAD = Many.into(journal_payload)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `payload` holds text, whole numbers within 2^53, booleans, null, lists and objects."""

    at: datetime
    kind: str
    incident: int | None
    connection: str | None
    actor: Actor
    reason: str
    payload: Mapping[str, Any]


def canonical(value: Any) -> bytes:
    """JSON by RFC 8785. Raises ValueError for what has no single form there: floats, huge integers, lone surrogates."""
    try:
        return orjson.dumps(_plain(value, 0))
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"this text cannot be journalled: {error}") from None


def _plain(value: Any, depth: int) -> Any:
    """The value in types that orjson writes as RFC 8785 does, with the keys of every object in order."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        if -_LARGEST <= value <= _LARGEST:
            return value
        raise ValueError(f"{value} is beyond 2^53 and cannot be journalled; write it as a string.")
    if depth == _DEEPEST:
        raise ValueError(f"a journal payload may be nested {_DEEPEST} deep, and this one is deeper.")
    if isinstance(value, Mapping):
        return {key: _plain(value[key], depth + 1) for key in _sorted_keys(value)}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, str):
        return str.__str__(value)  # the value of a StrEnum
    raise ValueError(
        f"{kind.__name__} {value!r} cannot be journalled; use text, whole numbers, booleans, lists and objects."
    )


def _sorted_keys(mapping: Mapping[Any, Any]) -> list[str]:
    for key in mapping:
        if type(key) is not str:
            raise ValueError(f"the key {key!r} cannot be journalled; keys are plain text.")
    keys = sorted(mapping)
    # RFC 8785 orders keys by UTF-16 units, which differs from the order of characters only beyond ASCII.
    return keys if all(map(str.isascii, keys)) else sorted(keys, key=lambda key: key.encode("utf-16-be"))


def payload_hash(salt: str, payload: bytes) -> str:
    """The hash of a payload behind its salt, which is "" in entries of before there was one."""
    return sha256(salt.encode("ascii") + payload).hexdigest()


def sealed_hash(sealed: bytes) -> str:
    """The hash of a payload that is sealed."""
    return sha256(sealed).hexdigest()


def about(seq: int, kind: str) -> bytes:
    """Beside what a payload was sealed: it opens nowhere else."""
    return f"{seq} {kind}".encode()


def to_forget(connection: Connection, after: int) -> dict[int, Subject]:
    """What is to be forgotten, by its number."""
    return {row.number: (row.incident_id, row.life) for row in connection.execute(_TO_FORGET, {"after": after})}


def entry_hash(row: tuple[Any, ...]) -> str:
    """The hash of (seq, at in microseconds, kind, incident, connection, actor, reason, payload_sha, prev)."""
    return sha256(orjson.dumps(row)).hexdigest()


class Chain:
    """The journal's end within one transaction: reads the head once, then appends in memory until it is flushed."""

    def __init__(
        self,
        connection: Connection,
        entropy: Entropy = os.urandom,
        keys: Keys | None = None,
        behind: Callable[[], object] = lambda: None,
    ) -> None:
        """`behind` is called where something is to be forgotten that the keys still know."""
        self._connection = connection
        self._entropy = entropy
        self._keys = keys
        self._behind = behind
        # SQLite knows no row locks, and needs none: its write transaction is alone.
        locked = connection.dialect.name != "sqlite"
        head = connection.execute(_HEAD_LOCKED if locked else _HEAD).first()
        if head is None:
            raise JournalBroken(0, "the journal's head is missing; restore the last backup before anything is written.")
        self._seq: int = head[0]
        self._hash: str = head[1]
        self._forgotten: int = head[3]
        self._key_name: str = head[2]
        self._tree: KeyTree | None = None
        self._entries: list[dict[str, Any]] = []
        self._payloads: list[dict[str, Any]] = []

    def _sealing(self) -> KeyTree | None:
        """The keys without those that are to be forgotten; None where payloads are kept as they are."""
        if self._tree is None and self._key_name:
            self._tree = self._known(self._keys, self._key_name)
        return self._tree

    def _known(self, keys: Keys | None, name: str) -> KeyTree:
        if keys is None:
            raise StoreUnavailable("the journal's payloads are sealed by now. Name the file of its keys in `keys:`.")
        tree = keys.tree
        if tree.name != name or tree.forgotten < self._forgotten:
            tree = keys.fresh()
        if tree.name != name:
            raise StoreUnavailable(
                f"{keys.file} holds other keys than those of this store. Put back the right ones, then start again."
            )
        if tree.forgotten < self._forgotten:
            self._behind()
            tree = tree.without(to_forget(self._connection, tree.forgotten).values(), self._forgotten)
        return tree

    def seal(self, incident: int, words: bytes, payload: bytes) -> bytes | None:
        """A payload sealed with an incident's key, beside these words about it; None where nothing is sealed."""
        tree = self._sealing()
        return None if tree is None else tree.seal(incident, words, payload, self._entropy(NONCE))

    def append(self, entry: Entry) -> int:
        """Chain one entry and answer its seq. Raises ValueError for one that cannot be written on every store."""
        payload = canonical(entry.payload)
        at = to_micros(entry.at)
        kind, connection, reason = _words(entry)
        actor = self._actor(entry.actor)
        seq = self._seq + 1
        kept, sha = self.kept(seq, kind, entry.incident, payload)
        digest = entry_hash((seq, at, kind, entry.incident, connection, actor, reason, sha, self._hash))
        self._entries.append(
            {
                "seq": seq,
                "at": entry.at,
                "kind": kind,
                "incident_id": entry.incident,
                "connection": connection,
                "actor": actor,
                "reason": reason,
                "payload_sha": sha,
                "prev": self._hash,
                "hash": digest,
            }
        )
        self._payloads.append(kept)
        self._seq, self._hash = seq, digest
        return seq

    def kept(self, seq: int, kind: str, incident: int | None, payload: bytes) -> tuple[dict[str, Any], str]:
        """A canonical payload as it is kept, sealed where it tells of an incident, and the hash of that."""
        tree = None if incident is None else self._sealing()
        if tree is not None and incident is not None:
            sealed = tree.seal(incident, about(seq, kind), payload, self._entropy(NONCE))
            return {"seq": seq, "payload": "", "salt": "", "sealed": sealed}, sealed_hash(sealed)
        salt = self._entropy(16).hex()
        return {"seq": seq, "payload": payload.decode(), "salt": salt, "sealed": None}, payload_hash(salt, payload)

    def forget(self, incidents: Sequence[int], entry: int) -> None:
        """Note that the keys of these incidents are to be forgotten, as an entry says that follows from it."""
        tree = self._sealing()
        if tree is None:
            return
        subjects = [(incident, tree.life_of(incident)) for incident in incidents]
        # Beside a store that was put back, the keys have forgotten more than it knows of.
        first = max(self._forgotten, tree.forgotten) + 1
        rows = [
            {"number": number, "incident_id": incident, "life": life, "entry": entry}
            for number, (incident, life) in enumerate(subjects, first)
        ]
        self._connection.execute(journal_forgotten.insert(), rows)
        self._forgotten = first + len(rows) - 1
        self._connection.execute(_COUNT_FORGOTTEN, {"forgotten": self._forgotten})
        self._tree = tree.without(subjects, self._forgotten)

    def catch_up(self) -> None:
        """Count what the keys have forgotten beside a store that was put back as known here."""
        tree = self._sealing()
        if tree is not None and tree.forgotten > self._forgotten:
            self._forgotten = tree.forgotten
            self._connection.execute(_COUNT_FORGOTTEN, {"forgotten": self._forgotten})

    def _actor(self, actor: Actor) -> str:
        if isinstance(actor, Someone):
            return self.person(actor)
        return persons.kept(str(actor))

    def person(self, someone: Someone) -> str:
        """The id that stands for somebody in the journal, from now on if there was none."""
        return persons.id_of(self._connection, someone, self._entropy)

    @property
    def pending(self) -> bool:
        """True while entries wait to be flushed."""
        return bool(self._entries)

    def flush(self) -> None:
        """Write what was appended and move the head. What fails here fails the transaction."""
        if not self._entries:
            return
        entries, self._entries = self._entries, []
        payloads, self._payloads = self._payloads, []
        _ENTRY.execute(self._connection, entries)
        _PAYLOAD.execute(self._connection, payloads)
        self._connection.execute(_MOVE_HEAD, {"seq": self._seq, "hash": self._hash})


def _words(entry: Entry) -> tuple[str, str | None, str]:
    """The text columns as plain strings. PostgreSQL refuses NUL and over-long words, so both stores do."""
    kind, reason = str(entry.kind), str(entry.reason)
    connection = None if entry.connection is None else str(entry.connection)
    if len(kind) > _WORD or len(reason) > _WORD or (connection is not None and len(connection) > _WORD):
        raise ValueError(f"the words of a journal entry are at most {_WORD} characters: {kind!r}, {reason!r}.")
    return kind, connection, reason

"""The journal: everything that happened, in order, provably. Times and metrics derive from it.

Entries are appended by `Transaction.journal`, in the same transaction as what they tell of. Here they are read, the
whole chain is verified, pinned outside the store, and what is personal is let go of. Someone who can rewrite every row
can also recompute every hash: only a checkpoint kept elsewhere shows that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import bindparam, select, text

from tieline.core import events, grants, holds, local_accounts, sessions, standings, tokens
from tieline.core.errors import ConfigError, JournalBroken, Problem, StoreUnavailable
from tieline.core.events import Event, IncidentsForgotten, KeysRenewed, PersonForgotten, Shredded
from tieline.core.identity import Actor, Someone
from tieline.core.model import ABSENT, IncidentId, incident_number
from tieline.core.store import forgetting, parts, persons
from tieline.core.store import tables as t
from tieline.core.store.chain import GENESIS, Entry, about, canonical, entry_hash, payload_hash, sealed_hash
from tieline.core.store.store import Connection, Store, Transaction, keys_of

__all__ = [
    "ENTRIES",
    "GENESIS",
    "TOLD",
    "Actor",
    "Checkpoint",
    "Entry",
    "Replaced",
    "Someone",
    "Verified",
    "as_written",
    "canonical",
    "checkpoint",
    "facts",
    "forget",
    "forget_in",
    "forget_incidents",
    "is_replaced",
    "let_go",
    "read_checkpoint",
    "renew_keys",
    "replace_in",
    "shred",
    "shred_in",
    "take_from",
    "verify",
    "who",
]

ENTRIES: Final = (
    select(
        t.journal,
        t.journal_payload.c.payload,
        t.journal_payload.c.salt,
        t.journal_payload.c.sealed,
        t.person.c.id.label("person"),
        t.person.c.name,
    )
    .join(t.journal_payload, t.journal.c.seq == t.journal_payload.c.seq, isouter=True)
    .join(t.person, t.journal.c.actor == t.person.c.id, isouter=True)
    .order_by(t.journal.c.seq)
)
"""Entries in order, each with its payload, None where that was shredded, and with the person its actor stands for."""

TOLD: Final = (
    t.journal.c.seq,
    t.journal.c.kind,
    t.journal.c.incident_id,
    t.journal_payload.c.payload,
    t.journal_payload.c.sealed,
)
"""What `facts` has to know of an entry."""


def who(row: Any) -> str:
    """Who one of ENTRIES says that acted, for people."""
    return persons.shown(row.actor, row.person, row.name)


def is_replaced(row: Any) -> bool:
    """Whether what one of ENTRIES says is not what was written there, but what a later entry left of it."""
    return row.payload is not None and _sha(row.salt, row.payload, row.sealed) != row.payload_sha


def facts(source: Connection | Transaction, row: Any | None) -> events.Facts | None:
    """What the payload of one of ENTRIES says, or of a row with TOLD, as its kind has it today; None where it was
    shredded, its incident's key was forgotten, or there is no such row. `source` is what the row was read from.

    Raises ValueError for one that is no JSON, or was not sealed with our keys: then somebody else wrote into the store.
    """
    if row is None:
        return None
    found = as_written(source, row)
    return None if found is None else events.today(row.kind, found)


def as_written(source: Connection | Transaction, row: Any) -> events.Facts | None:
    """The same, as the version had it that wrote it."""
    if row.payload is None:
        return None
    payload = row.payload if row.sealed is None else _unsealed(source, row)
    found: events.Facts | None = None if payload is None else orjson.loads(payload)
    return found


def _unsealed(source: Connection | Transaction, row: Any) -> bytes | None:
    keys = keys_of(source)
    if keys is None:
        raise StoreUnavailable("the journal's payloads are sealed. Name the file of their keys in `keys:`.")
    return keys.fresh().unseal(row.incident_id, about(row.seq, row.kind), bytes(row.sealed))


MOST: Final = 1_000
"""So much is let go of at a time."""

_CHUNK: Final = 5_000
# Raw columns: the hash is over what is stored, before any type makes something nicer of it.
_ROWS = text(
    "SELECT j.seq, j.at, j.kind, j.incident_id, j.connection, j.actor, j.reason, j.payload_sha, j.prev, j.hash, "
    "p.payload, p.salt, p.sealed FROM journal AS j LEFT JOIN journal_payload AS p ON p.seq = j.seq "
    "WHERE j.seq > :after AND j.seq <= :upto ORDER BY j.seq"
)
_HEAD = text("SELECT seq, hash FROM journal_head WHERE id = 1")
_LAST = text("SELECT max(seq) FROM journal")
_STRAY = text("SELECT min(p.seq) FROM journal_payload AS p LEFT JOIN journal AS j ON j.seq = p.seq WHERE j.seq IS NULL")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The journal's end at one moment. Kept outside the store, it shows later what was cut off or rewritten."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """An entry that has another payload than it was written with: what is left of that, as a later entry says, `by`,
    which `who` wrote. `is_opened` is whether keys at hand open it: then somebody sealed it who has them."""

    seq: int
    by: int
    who: str
    is_opened: bool


@dataclass(frozen=True, slots=True)
class Verified:
    """A journal that is whole: how many entries, the last hash, how many payloads were shredded, and which ones were
    replaced by what is left of them."""

    count: int
    head: str
    shredded: int
    replaced: tuple[Replaced, ...] = ()


@dataclass(frozen=True, slots=True)
class _Other:
    """A payload that is not the one which its entry was written with."""

    sha: str
    is_plain: bool
    """It tells of an incident, and is not sealed."""
    is_opened: bool


_Opens = Callable[[int, str, int, bytes], bool]
"""Whether a payload that is sealed can be opened: of which entry, of which kind, of which incident. Raises ValueError
for one that was not sealed with these keys, or for another entry."""


def _opens_none(_seq: int, _kind: str, _incident: int, _sealed: bytes) -> bool:
    return False


@dataclass(slots=True)
class _Walk:
    """Where a verification stands. `missing` are entries whose payload is gone and not yet known to be shredded; of
    those that have another payload than they were written with, `found` is that, and `told` the hash that the last
    entry says which replaced it, and that entry. What is read after `sure` may tell of what happened since the rest
    was. From `sealed_from` on, what is told of an incident is sealed: that entry is as it was written."""

    anchor: Checkpoint | None
    opens: _Opens = _opens_none
    seq: int = 0
    hash: str = GENESIS
    shredded: int = 0
    missing: set[int] = field(default_factory=set)
    found: dict[int, _Other] = field(default_factory=dict)
    told: dict[int, tuple[str, int]] = field(default_factory=dict)
    sealed_from: int | None = None
    sure: int = 0

    def step(self, rows: Sequence[Any]) -> None:
        """Walk over the next entries. Raises JournalBroken at the first that is not as it was written."""
        seq, head = self.seq, self.hash
        anchored = self.anchor.seq if self.anchor is not None else -1
        for found, at, kind, incident, connection, actor, reason, sha, prev, digest, payload, salt, sealed in rows:
            seq += 1
            if found != seq:
                raise JournalBroken(seq, f"journal entry {seq} is missing; the next one found is {found}.")
            if prev != head:
                raise JournalBroken(
                    seq, f"journal entry {seq} does not follow entry {seq - 1}: one of them was changed."
                )
            try:
                head = entry_hash((found, at, kind, incident, connection, actor, reason, sha, prev))
            except TypeError:
                head = ""
            if head != digest:
                raise JournalBroken(seq, f"journal entry {seq} was changed after it was written.")
            if payload is None:
                self.missing.add(seq)
            elif (is_now := _sha(salt, payload, sealed)) != sha:
                if kind == Shredded.KIND or not is_now:
                    raise _changed(seq)
                self.found[seq] = self._other(is_now, seq, kind, incident, sealed)
            else:
                if sealed is not None and self.sealed_from is None:
                    self.sealed_from = seq
                if kind == Shredded.KIND:
                    told = orjson.loads(payload)
                    self._forgive(told["seqs"], told.get("instead", {}), seq)
            if seq == anchored and self.anchor is not None and head != self.anchor.hash:
                raise JournalBroken(
                    seq, f"the journal up to entry {seq} was rewritten: the checkpoint holds another hash for it."
                )
        self.seq, self.hash = seq, head

    def _other(self, sha: str, seq: int, kind: str, incident: int | None, sealed: bytes | None) -> _Other:
        if incident is None or sealed is None:
            return _Other(sha, is_plain=incident is not None, is_opened=False)
        try:
            return _Other(sha, is_plain=False, is_opened=self.opens(seq, kind, incident, sealed))
        except ValueError as error:
            words = f"the payload of journal entry {seq} was changed after it was written: {error}."
            raise JournalBroken(seq, words) from error

    def _forgive(self, seqs: Sequence[int], instead: Mapping[str, str], entry: int) -> None:
        for seq in seqs:
            left = instead.get(str(seq))
            if left is None and seq in self.missing:
                self.missing.remove(seq)
                self.shredded += 1
            elif left is not None and seq in self.found:
                self.told[seq] = (left, entry)
                if entry > self.sure:  # it was replaced once more since it was looked at
                    self.found[seq] = replace(self.found[seq], sha=left)
            elif left is not None and seq in self.missing:
                pass  # and shredded after that
            elif seq < entry <= self.sure:
                raise JournalBroken(
                    seq, f"journal entry {entry} says that the payload of {seq} was shredded, and it is still there."
                )

    @property
    def is_open(self) -> bool:
        """Whether there are payloads that are not what they were, and no entry says that."""
        return bool(self.missing) or any(self.told.get(seq, ("", 0))[0] != one.sha for seq, one in self.found.items())

    def end(self) -> None:
        """Raises JournalBroken where it is, and where one was replaced by what nobody needed a key for."""
        if self.missing:
            lost = min(self.missing)
            raise JournalBroken(
                lost, f"the payload of journal entry {lost} is gone, and no entry says it was shredded."
            )
        for seq, other in sorted(self.found.items()):
            sha, entry = self.told.get(seq, ("", 0))
            if sha != other.sha:
                raise _changed(seq)
            if other.is_plain and self.sealed_from is not None and self.sealed_from < entry:
                words = f"the payload of journal entry {seq} is not sealed, and entry {entry}, which says that it was "
                raise JournalBroken(seq, f"{words}replaced, was written when payloads were: it was changed.")


def _changed(seq: int) -> JournalBroken:
    return JournalBroken(seq, f"the payload of journal entry {seq} was changed after it was written.")


def _sha(salt: Any, payload: Any, sealed: Any) -> str:
    """The hash of a payload as it stands in the store; "" where what stands there cannot be one."""
    if sealed is not None:
        return sealed_hash(sealed) if isinstance(sealed, bytes) and (salt, payload) == ("", "") else ""
    if not isinstance(payload, str) or not isinstance(salt, str) or not salt.isascii():
        return ""
    return payload_hash(salt, payload.encode())


def verify(
    store: Store,
    *,
    anchor: Checkpoint | None = None,
    on_progress: Callable[[int], object] = lambda _seq: None,
    chunk: int = _CHUNK,
) -> Verified:
    """Walk the whole chain, in short reads beside the daemon's work. Raises JournalBroken with the first bad seq.

    Entries appended after it began are left for the next time. What is told of an incident, and was replaced by what is
    left of it, has to be sealed from where the journal is; where the store's keys are at hand, they have to open it.
    """
    walk = _Walk(anchor, _opening(store))
    with store.read() as connection:
        end = _end(connection)
        walk.sure = end.seq
        stray = connection.execute(_STRAY).scalar()
    _walk_to(store, walk, end, chunk, on_progress)
    if walk.is_open:
        # A payload may have been shredded while we read: then the entry that says so came after the end we knew.
        with store.read() as connection:
            end = _end(connection)
        _walk_to(store, walk, end, chunk, on_progress)
    walk.end()
    if stray is not None:
        raise JournalBroken(stray, f"there is a payload for journal entry {stray}, and no such entry.")
    if anchor is not None and anchor.seq > end.seq:
        words = f"the journal ends at entry {end.seq}, and the checkpoint knows entry {anchor.seq}: it was cut off."
        raise JournalBroken(end.seq + 1, words)
    return Verified(walk.seq, walk.hash, walk.shredded, _replaced(store, walk))


def _opening(store: Store) -> _Opens:
    """How the store's keys open what is sealed, as far as they are at hand."""
    try:
        tree = store.keys.fresh() if store.keys is not None else None
    except StoreUnavailable:
        tree = None
    if tree is None:
        return _opens_none
    known = tree
    return lambda seq, kind, incident, sealed: known.unseal(incident, about(seq, kind), sealed) is not None


_SAYS: Final = ENTRIES.where(t.journal.c.seq.in_(bindparam("entries", expanding=True)))


def _replaced(store: Store, walk: _Walk) -> tuple[Replaced, ...]:
    entries = sorted({walk.told[seq][1] for seq in walk.found})
    says = dict[int, str]()
    for start in range(0, len(entries), MOST):
        with store.read() as connection:
            says |= {row.seq: who(row) for row in connection.execute(_SAYS, {"entries": entries[start : start + MOST]})}
    return tuple(
        Replaced(seq, walk.told[seq][1], says[walk.told[seq][1]], other.is_opened)
        for seq, other in sorted(walk.found.items())
    )


def _walk_to(store: Store, walk: _Walk, end: Checkpoint, chunk: int, on_progress: Callable[[int], object]) -> None:
    while walk.seq < end.seq:
        upto = min(walk.seq + chunk, end.seq)
        with store.read() as connection:
            rows = connection.execute(_ROWS, {"after": walk.seq, "upto": upto}).all()
        walk.step(rows)
        if walk.seq < upto:
            raise JournalBroken(walk.seq + 1, f"journal entry {walk.seq + 1} is missing.")
        on_progress(walk.seq)
    if walk.hash != end.hash:
        raise JournalBroken(end.seq, f"journal entry {end.seq} is not the one that the journal's head names.")


def _end(connection: Connection) -> Checkpoint:
    """The head, which must be the last entry there is."""
    head = connection.execute(_HEAD).first()
    last: int = connection.execute(_LAST).scalar() or 0
    if head is None:
        raise JournalBroken(last, "the journal's head is missing.")
    if last != head.seq:
        words = f"the journal ends at entry {last}, and its head names entry {head.seq}."
        raise JournalBroken(min(last, head.seq) + 1, words)
    return Checkpoint(head.seq, head.hash)


def checkpoint(store: Store, file: Path | None = None) -> Checkpoint:
    """The journal's end; written to `file` as well, which replaces an older one in one step. Raises ConfigError for a
    file with something else in it, and for one that cannot be written."""
    if file is not None:
        _refuse_to_replace(file)
    with store.read() as connection:
        found = _end(connection)
    if file is not None:
        _replace(file, orjson.dumps({"checkpoint": 1, "seq": found.seq, "hash": found.hash}) + b"\n")
    return found


def _refuse_to_replace(file: Path) -> None:
    """Whatever is there and is neither a checkpoint nor an empty file stays."""
    try:
        if not file.exists() or (file.is_file() and file.stat().st_size == 0):
            return
    except OSError as error:
        raise _unwritable(file, error) from error
    try:
        # A pipe would be waited for, and a device be put aside.
        found = read_checkpoint(file) if file.is_file() else None
    except ConfigError:
        found = None
    if found is None:
        fix = "name a file that does not exist yet, or an older checkpoint."
        what = "there is something else in it, which a checkpoint would replace."
        raise ConfigError([Problem(str(file), 1, 1, "JOURNAL001", what, fix)])


def _replace(file: Path, content: bytes) -> None:
    beside = file.with_name(f".checkpoint.{os.getpid()}")
    try:
        with beside.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        beside.replace(file)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> ConfigError:
    fix = "name a file in a folder that exists, can be written and has room."
    return ConfigError([Problem(str(file), 1, 1, "JOURNAL001", f"{error.strerror}.", fix)])


def read_checkpoint(file: Path) -> Checkpoint:
    """A checkpoint that was written before. Raises ConfigError for a file that is none."""
    try:
        found = orjson.loads(file.read_bytes())
        seq, digest = found["seq"], found["hash"]
        if found["checkpoint"] != 1 or type(seq) is not int or seq < 0 or len(bytes.fromhex(digest)) != 32:
            raise ValueError("unknown form")
    except (OSError, ValueError, KeyError, TypeError):
        fix = "name a file that `tieline audit checkpoint` wrote."
        raise ConfigError([Problem(str(file), 1, 1, "JOURNAL002", "this is not a checkpoint.", fix)]) from None
    return Checkpoint(seq, digest)


def _entry(event: Event, at: datetime, actor: Actor) -> Entry:
    return Entry(at, event.KIND, None, None, actor, "", event.facts())


_KINDS = select(t.journal.c.seq, t.journal.c.kind, t.journal.c.incident_id).where(
    t.journal.c.seq.in_(bindparam("seqs", expanding=True))
)
_PRESENT = (
    select(t.journal.c.seq, t.journal.c.kind, t.journal.c.incident_id)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(t.journal.c.seq.in_(bindparam("seqs", expanding=True)))
    .order_by(t.journal.c.seq)
)
_SHREDDED = select(t.journal_shredded.c.seq).where(t.journal_shredded.c.seq.in_(bindparam("seqs", expanding=True)))
_LET_GO = t.journal_shredded.insert()
_DELETE = t.journal_payload.delete().where(t.journal_payload.c.seq == bindparam("row_seq"))


def shred(store: Store, seqs: Sequence[int], *, at: datetime, actor: Actor, why: str) -> int | None:
    """Delete payloads for good and journal that it was done; their entries and hashes stay. At most 1,000 at a time.

    Answers the seq of the entry that says so, or None when all of them were shredded before. Raises ValueError for a
    seq that is none, and for the entry of a shredding, and OnHold. The hash that stays is of a salt that is gone as
    well: nobody can try what the payload may have said. Backups and replicas of the database keep their own copies.
    """
    wanted = sorted(set(seqs))
    if not 0 < len(wanted) <= MOST:
        raise ValueError(f"name between 1 and {MOST:,} journal entries to shred.")
    with store.write() as tx:
        holds.lock(tx)
        rows = tx.execute(_KINDS, {"seqs": wanted}).all()
        kinds = {row.seq: row.kind for row in rows}
        for seq in wanted:
            if kinds.get(seq, Shredded.KIND) == Shredded.KIND:
                raise ValueError(f"journal entry {seq} does not exist, or tells of a shredding; it cannot be shredded.")
        holds.refuse(tx, {row.incident_id for row in rows if row.incident_id is not None})
        entry = shred_in(tx, wanted, at=at, actor=actor, why=why)
    if entry is not None:
        store.scrub()
    return entry


def shred_in(tx: Transaction, seqs: Sequence[int], *, at: datetime, actor: Actor, why: str) -> int | None:
    """The same in a transaction, of whoever has asked whether any of it is held, and scrubs the store afterwards."""
    return replace_in(tx, dict.fromkeys(seqs), at=at, actor=actor, why=why)


def replace_in(
    tx: Transaction, left: Mapping[int, events.Facts | None], *, at: datetime, actor: Actor, why: str
) -> int | None:
    """Shred payloads in a transaction, as `shred_in` does, and put what is left of each in its place; None for
    nothing."""
    rows = tx.execute(_PRESENT, {"seqs": sorted(left)}).all()
    if not rows:
        return None
    put, instead, chain = list[dict[str, Any]](), dict[str, str](), tx.hold_journal()
    for row in rows:
        if (facts_left := left[row.seq]) is not None:
            kept, instead[str(row.seq)] = chain.kept(row.seq, row.kind, row.incident_id, canonical(facts_left))
            put.append(kept)
    told = Shredded(seqs=[row.seq for row in rows], why=why, instead=instead or ABSENT)
    entry = tx.journal(_entry(told, at, actor))
    tx.flush()
    known = {*tx.execute(_SHREDDED, {"seqs": sorted(left)}).scalars()}
    if new := [{"seq": row.seq, "entry": entry} for row in rows if row.seq not in known]:
        tx.execute(_LET_GO, new)
    tx.execute(_DELETE, [{"row_seq": row.seq} for row in rows])
    if put:
        tx.execute(t.journal_payload.insert(), put)
    return entry


_TOUCHED = (
    select(t.journal.c.incident_id)
    .where(t.journal.c.actor == bindparam("person"), t.journal.c.incident_id.is_not(None))
    .distinct()
)
_FORGET = t.person.update().where(t.person.c.id == bindparam("row_id")).values(name=None)
_UNKNOWN = t.identity.delete().where(t.identity.c.person == bindparam("row_id"))
_UNCALLED = t.token.update().where(t.token.c.person == bindparam("row_id")).values(name="")


def forget(store: Store, who: str, *, at: datetime, actor: Actor) -> int:
    """Let go of a person's name, by it, by an identity (`os:ann@db1`) or by the id: whatever they did stays in the
    journal, done by somebody who was forgotten, who no longer holds a role. What payloads say of them is let go of by
    `shred`; comments, and what incidents and their copies hold, stay as they are.

    Answers the seq of the entry that says so, which has only the id. Raises LookupError for whom the journal does not
    know, and for a name that several have; ValueError for the last admin; OnHold where an item is held that they did
    something about. Backups and replicas of the database keep their own copies.
    """
    with store.write() as tx:
        grants.lock(tx)
        holds.lock(tx)
        found = list(grants.known_to(tx, persons.kept(who)))
        if not found:
            raise LookupError(
                f"the journal knows nobody called {who!r}; look at `tieline history` for how they are called"
            )
        if len(found) > 1:
            several = "; ".join(f"{one} ({', '.join(known) or 'of before'})" for one, _name, known in found)
            raise LookupError(f"several are called {who!r}: {several}. Name one of them by the id")
        person = found[0][0]
        holds.refuse(tx, {*tx.execute(_TOUCHED, {"person": person}).scalars()})
        take_from(tx, person, at=at, actor=actor)
        entry = forget_in(tx, person, at=at, actor=actor)
    store.scrub()
    return entry


def take_from(tx: Transaction, person: str, *, at: datetime, actor: Actor) -> None:
    """Take from somebody their roles, tokens, accounts, sessions and relations. Raises ValueError for the last
    admin."""
    grants.let_go(tx, person, at=at, actor=actor)
    tokens.let_go(tx, person, at=at, actor=actor)
    local_accounts.let_go(tx, person)
    sessions.let_go(tx, person)
    standings.let_go(tx, person)


def forget_in(tx: Transaction, person: str, *, at: datetime, actor: Actor) -> int:
    """Let go of a person's name, what they called their tokens, and all that they are known by. Answers the seq of the
    entry that says so."""
    entry = tx.journal(_entry(PersonForgotten(person=person), at, actor))
    tx.execute(_FORGET, {"row_id": person})
    tx.execute(_UNKNOWN, {"row_id": person})
    tx.execute(_UNCALLED, {"row_id": person})
    return entry


_KNOWN = select(t.journal.c.incident_id).where(t.journal.c.incident_id.in_(bindparam("incidents", expanding=True)))
_PLAIN = (
    select(t.journal.c.seq)
    .join(t.journal_payload, t.journal_payload.c.seq == t.journal.c.seq)
    .where(
        t.journal.c.incident_id.in_(bindparam("incidents", expanding=True)),
        t.journal_payload.c.sealed.is_(None),
    )
    .order_by(t.journal.c.seq)
    .limit(MOST)
)


def forget_incidents(store: Store, incidents: Sequence[int], *, at: datetime, actor: Actor, why: str) -> int:
    """Let go of everything that is kept of incidents; see `let_go`. At most 1,000 at a time.

    Answers the seq of the entry that says so, which is kept before a key is forgotten: a process that dies in between
    leaves that to the next start. Raises LookupError for an incident that the journal does not know, OnHold, and
    StoreUnavailable where the keys cannot be replaced now. Copies of their file keep what they know.
    """
    wanted = sorted(set(incidents))
    if not 0 < len(wanted) <= MOST:
        raise ValueError(f"name between 1 and {MOST:,} incidents to forget.")
    with store.read() as connection:
        known = set(connection.execute(_KNOWN.distinct(), {"incidents": wanted}).scalars())
    for incident in wanted:
        if incident not in known:
            raise LookupError(f"the journal knows no {incident_number(IncidentId(incident))}")
    with store.write() as tx:
        holds.lock(tx)
        entry = let_go(tx, {IncidentId(one): why for one in wanted}, at=at, actor=actor)
    store.forget_keys()
    store.scrub()
    return entry


def let_go(tx: Transaction, incidents: Mapping[IncidentId, str], *, at: datetime, actor: Actor) -> int:
    """Let go of everything that the journal says of these incidents, each for its reason: payloads that are sealed by
    forgetting their keys, so that no copy of the database can be read either, and those that are not by shredding them.
    Their entries stay, and the chain verifies. What was derived from it, what the items and their copies say, and what
    waits or is kept for them, goes as well; see `core/store/forgetting.py`. What is told of them later is readable.

    Answers the seq of the last entry that says so. Whoever calls it has locked the holds, and once this is committed
    calls `forget_keys` and `scrub` of the store. Their parts go with them. Raises OnHold.
    """
    incidents = {IncidentId(one): incidents[IncidentId(of)] for one, of in parts.with_parts(tx, incidents).items()}
    holds.refuse(tx, incidents)
    forgetting.forget(tx, sorted(incidents))
    entry = 0
    for why, found in groupby(sorted(incidents, key=lambda one: (incidents[one], one)), key=incidents.__getitem__):
        these = list(found)
        while plain := tx.execute(_PLAIN, {"incidents": these}).scalars().all():
            shred_in(tx, plain, at=at, actor=actor, why=why)
        entry = tx.journal(_entry(IncidentsForgotten(incidents=these, why=why), at, actor))
        tx.forget_incidents(these, entry)
    return entry


@dataclass(frozen=True, slots=True)
class Trace:
    """What stays in the journal of an item: how many entries tell of it, from which one to which, and SHA-256 of their
    hashes, one line each."""

    entries: int
    first: int
    last: int
    sha256: str


_HASHES = (
    select(t.journal.c.seq, t.journal.c.hash)
    .where(t.journal.c.incident_id == bindparam("item"), t.journal.c.seq < bindparam("before"))
    .order_by(t.journal.c.seq)
)


def trace(source: Connection | Transaction, incident: int, before: int) -> Trace:
    """What the journal tells of an item before one of its entries, whether it can be read or not."""
    found, count, first, last = sha256(), 0, 0, 0
    for seq, digest in source.execute(_HASHES, {"item": incident, "before": before}):
        found.update(f"{digest}\n".encode())
        count, first, last = count + 1, first or seq, seq
    return Trace(count, first, last, found.hexdigest())


_KEYS_IN_USE = select(t.journal_head.c.key_name)
_NAME_KEYS = t.journal_head.update().values(key_name=bindparam("name"))


def renew_keys(store: Store, *, at: datetime, actor: Actor) -> int:
    """Use new keys in the place of lost ones: what was sealed until now cannot be read any more, and the store is in
    use again. Answers the seq of the entry that says so. Raises LookupError where the file is still there."""
    with store.write() as tx:
        keys = tx.keys
        if keys is None or keys.file is None:
            raise LookupError("this store has no file of keys; name one in `keys:`")
        if keys.file.exists():
            raise LookupError(f"the file {keys.file.name} is still there; if it cannot be used, move it away first")
        was = tx.execute(_KEYS_IN_USE).scalar_one()
        keys.attach(make=True)
        tx.execute(_NAME_KEYS, {"name": keys.tree.name})
        return tx.journal(_entry(KeysRenewed(was=was, now=keys.tree.name), at, actor))

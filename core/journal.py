"""The journal: append-only, hash-chained, and closed when in doubt (no entry, no act).

Each entry's hash covers the hash before it, its own columns and the SHA-256 of its payload; not the payload itself, so
that a payload can be shredded (a person's right) and the chain still verifies. Triggers refuse UPDATE and DELETE. What
cannot be seen from inside, entries cut off at the end, shows against a checkpoint kept elsewhere.

Hashes are taken over canonical JSON (RFC 8785). Our values are strings, integers, booleans, null, lists and objects
with sorted keys, for which orjson writes the same bytes; floats are refused, because there the two differ.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from tieline.core.errors import JournalBroken
from tieline.core.store import tables as t
from tieline.core.store.types import to_micros

if TYPE_CHECKING:
    from tieline.core.store.store import Store

START: Final = "0" * 64
"""The hash before the first entry."""

LARGEST_INTEGER: Final = 2**53 - 1
"""Beyond this, JSON numbers mean different things to different readers (RFC 8785, 3.2.2.3)."""

SHREDDED: Final = "shredded"
CHUNK: Final = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `payload` is JSON without floats."""

    at: datetime
    kind: str
    incident: int | None
    connection: str | None
    actor: str
    reason: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head at some time, to be kept where whoever can change the store cannot change it too."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How many entries were found whole, and the last one's hash."""

    count: int
    head: str


def canonical(value: Any) -> bytes:
    """Canonical JSON. Raises TypeError for a float or a foreign type, ValueError for an integer beyond 2^53."""
    _check(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _check(value: Any) -> None:
    match value:
        case bool() | None | str():
            return
        case int():
            if abs(value) > LARGEST_INTEGER:
                raise ValueError(f"{value} is beyond 2^53 and not the same number everywhere; write it as text")
        case dict():
            for name, one in value.items():
                if not isinstance(name, str):
                    raise TypeError(f"a journal key must be text, not {name!r}")
                _check(one)
        case list() | tuple():
            for one in value:
                _check(one)
        case _:
            raise TypeError(f"the journal takes no {type(value).__name__}: {value!r}")


_HEAD = select(t.journal.c.seq, t.journal.c.hash).order_by(t.journal.c.seq.desc()).limit(1)
_INSERT = insert(t.journal)
_INSERT_PAYLOAD = insert(t.journal_payload)


def append(connection: Connection, entries: Sequence[Entry]) -> list[int]:
    """Append entries inside the caller's transaction; answers their seqs. Whatever fails here must abort it."""
    if not entries:
        return []
    if connection.dialect.name == "postgresql":
        # One appender at a time: the chain has one end. Released with the transaction.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7461001)")
    head = connection.execute(_HEAD).first()
    seq, prev = (head.seq, head.hash) if head is not None else (0, START)
    rows: list[dict[str, Any]] = []
    payloads: list[dict[str, Any]] = []
    for entry in entries:
        seq += 1
        body = canonical(dict(entry.payload))
        digest = hashlib.sha256(body).hexdigest()
        row = {
            "seq": seq,
            "at": entry.at,
            "kind": entry.kind,
            "incident_id": entry.incident,
            "connection": entry.connection,
            "actor": entry.actor,
            "reason": entry.reason,
            "payload_sha": digest,
            "prev": prev,
        }
        prev = _hash(row)
        rows.append({**row, "hash": prev})
        payloads.append({"seq": seq, "payload": body.decode()})
    connection.execute(_INSERT, rows)
    connection.execute(_INSERT_PAYLOAD, payloads)
    return [row["seq"] for row in rows]


def _hash(row: Mapping[str, Any]) -> str:
    covered = [
        row["seq"],
        to_micros(row["at"]),
        row["kind"],
        row["incident_id"],
        row["connection"],
        row["actor"],
        row["reason"],
        row["payload_sha"],
        row["prev"],
    ]
    return hashlib.sha256(orjson.dumps(covered)).hexdigest()


def verify(
    store: Store, anchor: Checkpoint | None = None, on_progress: Callable[[int], None] = lambda _count: None
) -> Verified:
    """Walk the whole chain. Raises JournalBroken, which names the first entry that is not as it was written."""
    count, prev = 0, START
    shredded = _shredded(store)
    anchored = anchor is None
    while True:
        with store.read() as connection:
            query = (
                select(t.journal, t.journal_payload.c.payload)
                .join(t.journal_payload, t.journal.c.seq == t.journal_payload.c.seq, isouter=True)
                .where(t.journal.c.seq > count)
                .order_by(t.journal.c.seq)
                .limit(CHUNK)
            )
            rows = connection.execute(query).all()
        if not rows:
            break
        for row in rows:
            prev = _verify_row(row._asdict(), count + 1, prev, shredded)
            count += 1
            if anchor is not None and count == anchor.seq:
                if prev != anchor.hash:
                    raise JournalBroken(count, f"entry {count} is not the one that the checkpoint pinned")
                anchored = True
        on_progress(count)
    if not anchored and anchor is not None:
        raise JournalBroken(
            count + 1, f"the journal ends at entry {count}, and the checkpoint pinned entry {anchor.seq}: it was cut"
        )
    return Verified(count, prev)


def _verify_row(row: Mapping[str, Any], seq: int, prev: str, shredded: frozenset[int]) -> str:
    if row["seq"] != seq:
        raise JournalBroken(seq, f"entry {seq} is missing; the next one is {row['seq']}")
    if row["prev"] != prev:
        raise JournalBroken(seq, f"entry {seq} does not follow entry {seq - 1}: one of them was changed or moved")
    if _hash(row) != row["hash"]:
        raise JournalBroken(seq, f"entry {seq} was changed after it was written")
    payload = row["payload"]
    if payload is None:
        if seq not in shredded:
            raise JournalBroken(seq, f"the payload of entry {seq} is missing, and no entry says that it was shredded")
    elif hashlib.sha256(payload.encode()).hexdigest() != row["payload_sha"]:
        raise JournalBroken(seq, f"the payload of entry {seq} was changed after it was written")
    return str(row["hash"])


def _shredded(store: Store) -> frozenset[int]:
    query = (
        select(t.journal_payload.c.payload)
        .join(t.journal, t.journal.c.seq == t.journal_payload.c.seq)
        .where(t.journal.c.kind == SHREDDED)
    )
    with store.read() as connection:
        return frozenset(int(orjson.loads(payload)["seq"]) for payload in connection.execute(query).scalars())


def shred(connection: Connection, seq: int, *, at: datetime, actor: str, reason: str) -> int:
    """Remove one entry's payload for good, and journal that it was. Answers the seq of that entry."""
    done = append(connection, [Entry(at, SHREDDED, None, None, actor, reason, {"seq": seq})])[0]
    connection.execute(
        delete(t.journal_payload).where(t.journal_payload.c.seq == bindparam("row_seq")), {"row_seq": seq}
    )
    return done


def checkpoint(store: Store, path: Path) -> Checkpoint:
    """Write the head to a file."""
    with store.read() as connection:
        head = connection.execute(_HEAD).first()
        count = connection.execute(select(func.count()).select_from(t.journal)).scalar_one()
    if head is None or head.seq != count:
        raise JournalBroken(int(count), "the journal is empty or has gaps; run `tieline audit verify`")
    found = Checkpoint(head.seq, head.hash)
    path.write_text(json.dumps({"seq": found.seq, "hash": found.hash}) + "\n", encoding="utf-8")
    return found


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file. Raises ValueError with a sentence."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Checkpoint(int(stored["seq"]), str(stored["hash"]))
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is not a checkpoint written by `tieline audit checkpoint`") from None

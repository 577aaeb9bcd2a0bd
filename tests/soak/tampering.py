"""Each field of each entry of a journal is changed, each entry is removed, and each changes places with the next, one
at a time, by somebody with full rights: every time the verifier has to name that entry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tieline.core import journal
from tieline.core.errors import JournalBroken
from tieline.core.journal import Entry
from tieline.core.store.store import Store

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)

CHANGES: Final = (
    "UPDATE journal SET at = at + 1 WHERE seq = :seq",
    "UPDATE journal SET kind = kind || 'x' WHERE seq = :seq",
    "UPDATE journal SET incident_id = coalesce(incident_id, 0) + 1 WHERE seq = :seq",
    "UPDATE journal SET connection = CASE WHEN connection IS NULL THEN 'jira' END WHERE seq = :seq",
    "UPDATE journal SET actor = 'eve@example.com' WHERE seq = :seq",
    "UPDATE journal SET reason = reason || '.' WHERE seq = :seq",
    "UPDATE journal SET payload_sha = hash WHERE seq = :seq",
    "UPDATE journal SET prev = payload_sha WHERE seq = :seq",
    "UPDATE journal SET hash = payload_sha WHERE seq = :seq",
    "UPDATE journal_payload SET payload = CASE payload WHEN '' THEN '{}' ELSE replace(payload, 'Disk', 'Disc') END "
    "WHERE seq = :seq",
    "UPDATE journal_payload SET sealed = CASE WHEN sealed IS NULL THEN x'01' ELSE substr(sealed, 1, 80) END "
    "WHERE seq = :seq",
    "DELETE FROM journal_payload WHERE seq = :seq",
    "DELETE FROM journal WHERE seq = :seq",
    "UPDATE journal SET seq = -seq WHERE seq IN (:seq, :next);"
    "UPDATE journal SET seq = CASE WHEN seq = -:seq THEN :next ELSE :seq END WHERE seq < 0",
)
"""Each field, the payload, the entry, and its place."""


def tampering(folder: Path, entries: int, most: int = len(CHANGES)) -> dict[str, Any]:
    """A journal of so many entries. `most` of the changes are tried on each: other ones on the next, in turn."""
    path = folder / "journal.db"
    with Store.open(f"sqlite:///{path}") as store, closing(sqlite3.connect(path, isolation_level=None)) as eve:
        store.migrate()
        with store.write() as tx:
            tx.journal_many([_entry(number) for number in range(1, entries + 1)])
        for (name,) in eve.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            eve.execute(f"DROP TRIGGER {name}")
        missed: list[str] = []
        tried = 0
        for seq in range(1, entries + 1):
            for change in [CHANGES[(seq + turn) % len(CHANGES)] for turn in range(most)]:
                if ":next" in change and seq == entries:
                    continue
                tried += 1
                with _undone(eve, (seq, seq + 1)):
                    for statement in change.split(";"):
                        eve.execute(statement, {"seq": seq, "next": seq + 1})
                    named = _first_bad(store)
                if named != seq:
                    missed.append(f"{change} at {seq}: {named}")
        whole = journal.verify(store).count == entries
    return {
        "entries": entries,
        "changes": tried,
        "named": tried - len(missed),
        "failures": missed[:10] + ([] if whole else ["the journal was not put back as it was"]),
    }


def _entry(number: int) -> Entry:
    payload = {"title": f"Disk {number} is full"}
    incident, connection = (None, None) if number % 5 == 0 else (number, "snow")
    return Entry(NOON + timedelta(seconds=number), "changed", incident, connection, "ann", "ours_newer", payload)


def _first_bad(store: Store) -> int | None:
    try:
        journal.verify(store)
    except JournalBroken as error:
        return error.seq
    return None


@contextmanager
def _undone(eve: sqlite3.Connection, seqs: Sequence[int]) -> Iterator[None]:
    """Afterwards these entries are as they were."""
    kept = {
        table: eve.execute(f"SELECT * FROM {table} WHERE seq IN (?, ?)", seqs).fetchall()
        for table in ("journal", "journal_payload")
    }
    try:
        yield
    finally:
        for table, rows in kept.items():
            eve.execute(f"DELETE FROM {table} WHERE seq IN (?, ?)", seqs)
            for row in rows:
                eve.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

"""A store with many linked incidents, filled by bulk: valid rows, as the road would have left them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tieline.core.store import tables as t
from tieline.core.store.chain import Entry
from tieline.core.store.many import Many
from tieline.core.store.store import Store
from tieline.sync.loading import rank_of

_AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
_INCIDENTS = Many.into(t.incident)
_REPLICAS = Many.into(t.replica)
_SIGNALS = Many.into(t.signal)
_GROUPS = Many.into(t.grouping)
_A_COMMIT = 5_000


def fill(database: Path, linked: int, connection: str = "snow", first: int = 1) -> None:
    """Add so many incidents, each with a copy in `connection`, a signal, its group and its first journal entry."""
    with Store.open(f"sqlite:///{database}") as store:
        store.migrate()
        for start in range(first, first + linked, _A_COMMIT):
            numbers = range(start, min(start + _A_COMMIT, first + linked))
            with store.write() as tx:
                tx.execute_many(_INCIDENTS, list(map(_incident, numbers)))
                tx.execute_many(_REPLICAS, [_replica(number, connection) for number in numbers])
                tx.execute_many(_SIGNALS, list(map(_signal, numbers)))
                tx.execute_many(_GROUPS, [_group(number) for number in numbers])
                tx.journal_many(_entries(numbers))


def _fields(number: int) -> dict[str, Any]:
    return {"title": f"Disk of db{number} is almost full", "status": "resolved", "severity": "medium"}


def _incident(number: int) -> dict[str, Any]:
    stamp = [_AT.timestamp(), "alerts"]
    return {
        "id": number,
        "uid": f"{number:032x}",
        "kind": "incident",
        "revision": 1,
        "fields": _fields(number),
        "stamps": dict.fromkeys(_fields(number), stamp),
        "status": "resolved",
        "rank": rank_of(_fields(number)),
        "team": "",
        "service": "",
        "exercise": False,
        "restricted": False,
        "label": "",
        "part_of": None,
        "origin": "",
        "opened_at": _AT,
        "updated_at": _AT,
    }


def _replica(number: int, connection: str) -> dict[str, Any]:
    return {
        "id": number,
        "incident_id": number,
        "purpose": "record",
        "kind": "incident",
        "connection": connection,
        "state": "linked",
        "ref": f"{number:032x}",
        "key": f"INC{number:07d}",
        "url": "",
        "token": f"tl-{number:024x}",
        "base": _fields(number),
        "observed": _fields(number),
        "version": "1",
        "touched": 0,
        **{name: {} for name in ("ledger", "intent", "holds", "trail")},
        "waits": False,
        "originals": {},
        "dirty": False,
        "forgotten": False,
        "dirty_since": None,
        "attempts": 0,
        "next_at": None,
        "parked": "",
    }


def _signal(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "connection": "alerts",
        "episode": f"{number + 2**40:016x}@2026-01-05T08:00:00.000Z",
        "incident_id": number,
        "group_key": f"filled={number}",
        "firing": False,
        "fields": _fields(number),
        "labels": {"service": f"filled-{number}"},
        "judged": {},
        "version": "ended",
        "act": "",
        "acted": "",
        "handle": "",
        "act_until": None,
        "attempts": 0,
        "next_at": None,
        "parked": "",
        "seen_at": _AT,
    }


_STEADY: Final = {"flaps": 0, "flapper": "", "steady_at": None, "held_until": None}


def _group(number: int) -> dict[str, Any]:
    return {"group_key": f"filled={number}", "incident_id": number, "last_at": _AT, **_STEADY}


def _entries(numbers: range) -> Iterator[Entry]:
    return map(entry, numbers)


def entry(number: int) -> Entry:
    """What the journal says of an incident that an alert opened."""
    return Entry(_AT, "opened", number, None, "alerts", "opened", {"fields": _fields(number), "signal": "filled"})

"""What becomes of a copy, apart from being written: at rest, put aside, or gone with its record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tieline.core.errors import Gone, RemoteError, as_sentence
from tieline.core.events import Parked, RecordGone, RecordMerged
from tieline.core.port import Ref, Version
from tieline.sync import limits, loading
from tieline.sync.engine import Connected, Engine
from tieline.sync.intake import inbox
from tieline.sync.records import Incident, ReplicaState

PARKED: Final = "parked"
UNFIT: Final = "unfit"
"""Why a copy is put aside: UNFIT where the tool or the mapping refused what was to be written."""

UNTIL_CERTAIN: Final = timedelta(seconds=10)
"""How often a write is tried of which the tool said that its record is gone, while the road looks whether it is."""


def clean(engine: Engine, replica_id: int, incident: Incident) -> None:
    """Nothing to write after all: drop the mark, unless the incident moved on."""
    with engine.store.write() as tx:
        replica = loading.lock_replica(tx, replica_id)
        latest = loading.load_incident(tx, incident.id)
        if replica is not None and latest is not None and latest.revision == incident.revision:
            loading.save_replica(tx, replace(replica, dirty=False, dirty_since=None, attempts=0, next_at=None))


def postpone(engine: Engine, replica_id: int, incident: Incident, until: datetime) -> None:
    """What is left to write cannot be written before then, unless the incident moved on; nothing has failed."""
    with engine.store.write() as tx:
        replica = loading.lock_replica(tx, replica_id)
        latest = loading.load_incident(tx, incident.id)
        if replica is not None and latest is not None and latest.revision == incident.revision:
            loading.save_replica(tx, replace(replica, attempts=0, next_at=until))


def park(engine: Engine, replica_id: int, sentence: str, reason: str = PARKED) -> None:
    """Put one copy aside until a person acts, with the sentence that says what is missing; what is UNFIT, until the
    tool has other fields."""
    with engine.store.write() as tx:
        replica = loading.lock_replica(tx, replica_id)
        if replica is None or replica.state is ReplicaState.GONE:
            return
        engine.record(
            tx, Parked(sentence=sentence), incident=replica.incident, connection=replica.connection, reason=reason
        )
        loading.save_replica(
            tx, replace(replica, state=ReplicaState.PARKED, dirty=False, dirty_since=None, parked=sentence[:2000])
        )


def lose(engine: Engine, here: Connected, replica_id: int, error: Gone) -> None:
    """The record was deleted over there, or merged into another.

    After a merge the copy stands for the record that took its place, unless that one is another incident's copy. After
    a deletion the incident and its other copies stay; nothing is deleted in return.
    """
    with engine.store.write() as tx:
        replica = loading.lock_replica(tx, replica_id)
        if replica is None or replica.state is ReplicaState.GONE:
            return
        heir = Ref(error.merged_into) if error.merged_into else None
        other = loading.replica_by_ref(tx, here.name, here.kind.record, heir) if heir is not None else None
        called, number = loading.known_as(tx, other) if other is not None else ("", None)
        happened = (RecordGone if heir is None else RecordMerged)(
            ref=replica.ref or "", merged_into=heir or "", heir_incident=number
        )
        engine.record(tx, happened, incident=replica.incident, connection=here.name, reason="gone")
        if heir is not None and other is None:
            moved = replace(replica, ref=heir, version=Version(""), base={}, observed={}, originals=None)
            moved = replace(moved, ledger={}, holds={})
            loading.save_replica(tx, moved)
            inbox.put(tx, here.name, [(heir, None)], asked=0, now=engine.clock.now())
            engine.rouse(tx, here.name)
            return
        sentence = f"{as_sentence(error)} The incident and its other copies stay as they are."
        if other is not None:
            taken = f"Its place was taken by {other.key}, the copy of {called}."
            sentence = f"{as_sentence(error)} {taken}"
        gone = replace(replica, state=ReplicaState.GONE, dirty=False, dirty_since=None, ledger={}, parked=sentence)
        loading.save_replica(tx, replace(gone, holds={}))


def look_whether_gone(engine: Engine, here: Connected, replica_id: int, ref: Ref, error: RemoteError) -> None:
    """One 404 may be a proxy's or a lagging replica's, and letting go of a copy is for good: the road asks again, and
    nothing is written meanwhile. A record that can be read and denies each write is put aside in the end."""
    now = engine.clock.now()
    with engine.store.write() as tx:
        replica = loading.lock_replica(tx, replica_id)
        if replica is None or replica.state not in (ReplicaState.LINKED, ReplicaState.PARKED):
            return
        inbox.ask(tx, here.name, ref, now, by=now + UNTIL_CERTAIN)
        engine.rouse(tx, here.name)
        if replica.state is ReplicaState.LINKED:
            loading.save_replica(tx, replace(replica, attempts=replica.attempts + 1, next_at=now + UNTIL_CERTAIN))
    if replica.attempts + 1 >= limits.GIVE_UP:
        park(
            engine,
            replica_id,
            f"{as_sentence(error)} Yet the record can be read: look which right to write it is missing.",
        )

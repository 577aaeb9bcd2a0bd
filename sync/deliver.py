"""Deliver: make a tool show the incident. State-based: what it should show is compared with what it showed last.

The protocol, each line of which lost or doubled records in simulated runs when it was left out:

1. Before a create, the intent is stored: the token and what will be sent. The token travels inside the create.
2. After a lost answer nothing is created again before the tool's look-up lag has passed and `find(token)` says no.
3. A record that is found is adopted with what was *sent* as its base, so that an edit made meanwhile stays an edit.
4. Before an update, the ledger stores each field's prior and new value; what the tool shows later is held against it.
5. Every update names the version it was decided on.
6. Where the tool refuses no write on an old version, its history is asked what a write replaced that came between the
   look and the write, or whose answer was lost; an edit that is found there is decided about like any other.
7. The dirty mark goes only with the transaction that stores the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import orjson
from sqlalchemy import bindparam, select

from tieline.core.errors import Gone, Rejected, StaleVersion, TryAgain
from tieline.core.model import Fields, Status, Tlp, Visibility, incident_number
from tieline.core.port import Commenter, Finder, Power, Reading, Ref, Token, Version
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.mappings import Denormalized
from tieline.sync import commit, inbox, limits, rows, tokens, twins, volley
from tieline.sync.engine import EVERYONE, Connected, Engine, Look
from tieline.sync.read import fresh, sight, with_comments, with_replaced
from tieline.sync.reconcile import Sighting, wanted
from tieline.sync.records import Attempt, Held, Hold, Incident, Replica, ReplicaState

LONGEST_CALL: Final = timedelta(seconds=60)
"""Longer than any adapter waits for an answer."""

UNTIL_CERTAIN: Final = timedelta(seconds=10)
"""How often a write is tried of which the tool said that its record is gone, while the road looks whether it is."""


LEFT_OUT: Final = "left_out"
_LAST_LEFT_OUT = (
    select(t.journal_payload.c.payload)
    .join(t.journal, t.journal.c.seq == t.journal_payload.c.seq)
    .where(
        t.journal.c.incident_id == bindparam("incident"),
        t.journal.c.connection == bindparam("connection"),
        t.journal.c.kind == "left_out",
        t.journal.c.reason == LEFT_OUT,
    )
    .order_by(t.journal.c.seq.desc())
    .limit(1)
)


def deliver(engine: Engine, here: Connected, replica_id: int) -> None:
    """Take one dirty copy as far as it goes. Raises TryAgain and NeedsOperator for the lane to act on."""
    with engine.store.read() as connection:
        replica = rows.load_replica(connection, replica_id)
        incident = rows.load_incident(connection, replica.incident) if replica is not None else None
    if replica is None or incident is None or not replica.dirty:
        return
    try:
        _deliver(engine, here, replica, incident)
    except Rejected as error:
        park(engine, replica_id, str(error))
    except Gone as error:
        if error.merged_into is not None or replica.ref is None:
            lose(engine, here, replica_id, error)
        else:
            _look_whether_gone(engine, here, replica_id, replica.ref)


def _look_whether_gone(engine: Engine, here: Connected, replica_id: int, ref: Ref) -> None:
    """One 404 may be a proxy's or a lagging replica's, and letting go of a copy is for good: the road asks again, and
    nothing is written meanwhile."""
    now = engine.clock.now()
    with engine.store.write() as tx:
        replica = rows.hold(tx, replica_id)
        if replica is not None and replica.state is ReplicaState.LINKED:
            rows.save_replica(tx, replace(replica, attempts=replica.attempts + 1, next_at=now + UNTIL_CERTAIN))
            if not inbox.is_asked_for(tx, here.name, ref):
                inbox.put(tx, here.name, [(ref, None)], asked=0, now=now)
            engine.rouse(tx, here.name)


def _deliver(engine: Engine, here: Connected, replica: Replica, incident: Incident) -> None:
    refusal = _refused_by_tlp(here, incident)
    if refusal:
        park(engine, replica.id, refusal)
        return
    match replica.state:
        case ReplicaState.ABSENT if _may_be_forgotten(engine, here):
            _find_or_create(engine, here, replica, incident)
        case ReplicaState.ABSENT:
            _create(engine, here, replica, incident)
        case ReplicaState.CREATING:
            _find_or_create(engine, here, replica, incident)
        case ReplicaState.LINKED if replica.ledger:
            # A write is in doubt: what the tool shows now settles it, and the next round decides afresh.
            fresh(engine, here, replica)
        case ReplicaState.LINKED:
            _update(engine, here, replica, incident)
        case _:
            _clean(engine, replica.id, incident)


def _refused_by_tlp(here: Connected, incident: Incident) -> str:
    label = incident.fields.get("tlp")
    if label is None or Tlp(str(label)).rank <= here.config.ceiling.rank:
        return ""
    return (
        f"{incident_number(incident.id)} is TLP:{str(label).upper()} and {here.name} may hold at most "
        f"TLP:{here.config.ceiling.value.upper()}; lower the label or raise the connection's ceiling"
    )


def _may_leave(engine: Engine, here: Connected, fields: Fields) -> Fields:
    """The fields that no plugin refuses to disclose to this connection."""
    refused = engine.registry.refused_fields(fields, here.name, here.config.ceiling)
    return {name: value for name, value in fields.items() if name not in refused}


def _create(engine: Engine, here: Connected, replica: Replica, incident: Incident) -> None:
    fields = _may_leave(engine, here, incident.fields)
    ids = here.ids_of(here.mapping.people_in(fields), engine.clock.monotonic())
    written = here.mapping.denormalize(fields, fields, ids, creating=True)
    now = engine.clock.now()
    with engine.store.write() as tx:
        current = rows.hold(tx, replica.id)
        if current is None or current.state not in (ReplicaState.ABSENT, ReplicaState.CREATING):
            return
        engine.record(
            tx,
            "create_intended",
            incident=incident.id,
            connection=here.name,
            token=replica.token,
            fields=rows.plain(written.written),
            left_out=[[left.field, left.sentence] for left in written.left_out],
        )
        rows.save_replica(tx, replace(current, state=ReplicaState.CREATING, intent=written.written, intent_since=now))
    try:
        reading = here.adapter.create(written.body, replica.token)
    except TryAgain as error:
        if not error.maybe_done:
            _not_created(engine, replica.id)
        raise
    except Rejected:
        _not_created(engine, replica.id)
        raise
    _adopt(engine, here, replica.id, reading)


def _not_created(engine: Engine, replica_id: int) -> None:
    """The tool said that it made nothing: the intent is void."""
    with engine.store.write() as tx:
        replica = rows.hold(tx, replica_id)
        if replica is not None and replica.state is ReplicaState.CREATING:
            rows.save_replica(tx, replace(replica, state=ReplicaState.ABSENT, intent=None, intent_since=None))


def _find_or_create(engine: Engine, here: Connected, replica: Replica, incident: Incident) -> None:
    """An earlier create whose outcome nobody knows: look before making another."""
    finder = here.source
    if not (isinstance(finder, Finder) and here.can(Power.FIND)):
        park(
            engine,
            replica.id,
            f"a create in {here.name} was interrupted and the tool cannot be searched for it. Look whether it made a "
            f"record for {incident_number(incident.id)}; link it or let it be created with `tieline parked retry`.",
        )
        return
    asked = engine.clock.now()
    found = _find(engine, here, finder, replica)
    if found is not None:
        here.looked.pop(replica.token, None)
        # Whoever commented on it meanwhile did so before the version that is about to be known.
        _adopt(engine, here, replica.id, with_comments(here, found))
        return
    # A look before the lag has passed proves nothing. After a crash nobody knows when the call ended, which is why a
    # tool that lags gets some more time. It is counted by a clock that nobody sets: whoever trusts the other one makes
    # a second record when it is set ahead.
    now = engine.clock.monotonic()
    left = _certain_at(engine, here, finder, replica, now) - now
    if left > 0:
        with engine.store.write() as tx:
            current = rows.hold(tx, replica.id)
            if current is not None and current.state in (ReplicaState.ABSENT, ReplicaState.CREATING):
                doubted = current if current.intent is not None else rows.doubted(current, asked)
                rows.save_replica(tx, replace(doubted, next_at=asked + timedelta(seconds=left)))
        return
    here.looked.pop(replica.token, None)
    if Status(str(incident.fields["status"])).is_open:
        _create(engine, here, replica, incident)
    else:
        _not_created(engine, replica.id)
        _clean(engine, replica.id, incident)


def _may_be_forgotten(engine: Engine, here: Connected) -> bool:
    """True while this tool shows a record that carries our token and that the store does not know: then it was put back
    from a backup, and what is about to be made may be there, whatever else the tool has not listed yet."""
    if not here.can(Power.FIND):
        return False
    with engine.store.read() as connection:
        return inbox.has_failed(connection, here.name)


def _certain_at(engine: Engine, here: Connected, finder: Finder, replica: Replica, now: float) -> float:
    """When a search that finds nothing means that there is nothing, in seconds that never run backwards."""
    if not replica.intent:
        # What a forgotten future made was made before this process began.
        return engine.began + finder.lookup_lag.total_seconds()
    lag = finder.lookup_lag + min(finder.lookup_lag, LONGEST_CALL)
    first = here.looked.get(replica.token)
    if first is None or first.intended != replica.intent_since:
        first = here.looked[replica.token] = Look(replica.intent_since, now)
    return first.at + lag.total_seconds()


def _find(engine: Engine, here: Connected, finder: Finder, replica: Replica) -> Reading | None:
    """The record of a create in doubt. Of one that a forgotten future may have made, another of the incident's alerts
    may have been the first."""
    found = _find_one(here, finder, replica.token)
    if found is not None or replica.intent:
        return found
    with engine.store.read() as connection:
        others = [one for one in tokens.candidates(connection, replica.incident, here.name) if one != replica.token]
        free = [one for one in others if rows.replica_by_token(connection, one) is None]
    return next((one for token in free if (one := _find_one(here, finder, token)) is not None), None)


def _find_one(here: Connected, finder: Finder, token: Token) -> Reading | None:
    found = finder.find(token)
    if found is not None and found.token != token:
        raise Rejected(
            here.name, f"a search for {token} answered {found.key}, which carries {found.token}: not adopted"
        )
    return found


def _adopt(engine: Engine, here: Connected, replica_id: int, reading: Reading) -> None:
    sighting = sight(engine, here, reading, asked=None)
    with engine.store.write() as tx:
        replica = rows.hold(tx, replica_id)
        if replica is not None and replica.ref is None:
            adopt(tx, engine, here, replace(replica, token=reading.token or replica.token), sighting)


def adopt(tx: Transaction, engine: Engine, here: Connected, replica: Replica, sighting: Sighting) -> None:
    """The record is ours: link it, with what we sent as the base. The create call's answer, a search for the token or
    a poll may be the first to bring it."""
    reading = sighting.reading
    _make_way(tx, engine, replica, reading)
    inbox.forget_parked(tx, here.name, reading.ref)
    seq = engine.record(
        tx,
        "created",
        incident=replica.incident,
        connection=here.name,
        ref=reading.ref,
        key=reading.key,
        version=reading.version,
    )
    linked = replace(
        replica,
        state=ReplicaState.LINKED,
        base=replica.intent or {},
        touched=seq,
        attempts=0,
        next_at=None,
    )
    commit.take(tx, engine, here, linked, sighting)
    twins.take_in(tx, engine, here, replace(linked, ref=reading.ref), reading.comments or ())


def _make_way(tx: Transaction, engine: Engine, replica: Replica, reading: Reading) -> None:
    """A merge may have put another incident's copy in this record's place, before we knew whose record it is."""
    squatter = rows.replica_by_ref(tx, replica.connection, reading.ref)
    if squatter is None or squatter.id == replica.id:
        return
    sentence = f"{squatter.key} was merged into {reading.key}, the copy of {incident_number(replica.incident)}."
    engine.record(
        tx,
        "gone",
        incident=squatter.incident,
        connection=squatter.connection,
        reason="gone",
        ref=reading.ref,
        merged_into=reading.ref,
        heir_incident=replica.incident,
    )
    left = replace(squatter, state=ReplicaState.GONE, ref=None, dirty=False, dirty_since=None, ledger={})
    rows.save_replica(tx, replace(left, parked=sentence))


def _update(engine: Engine, here: Connected, replica: Replica, incident: Incident) -> None:
    if replica.ref is None:
        raise RuntimeError(f"replica {replica.id} is linked to no record")
    ids = here.ids_of(here.mapping.people_in(incident.fields), engine.clock.monotonic())
    projection = _may_leave(engine, here, here.mapping.project(incident.fields, ids))
    fields = wanted(replica, projection, here.mapping)
    loop = limits.oscillation(replica.trail, fields, engine.clock.now()) or _volley(engine, replica, fields)
    if loop:
        park(engine, replica.id, loop)
        return
    anybody = _may_leave(engine, here, here.mapping.project(incident.fields, EVERYONE))
    strangers = wanted(replica, anybody, here.mapping).keys() - fields.keys()
    if strangers:
        _tell_left_out(engine, here, incident, sorted(strangers))
    if not fields:
        _clean(engine, replica.id, incident)
        return
    meant = {name: incident.fields[name] for name in fields}
    patch = here.mapping.denormalize(meant, _may_leave(engine, here, incident.fields), ids, link=replica.url)
    if patch.left_out:
        _hold_unwritable(engine, here, replica.id, incident, patch)
    if not patch.written:
        _clean(engine, replica.id, incident)
        return
    if not _intend(engine, here, replica, incident, patch.written):
        return
    try:
        reading = here.adapter.update(replica.ref, patch.body, replica.version)
    except StaleVersion:
        # Nothing was written, and the record is not as we knew it: look, decide again, come back.
        _void(engine, replica.id)
        fresh(engine, here, replica)
        return
    except TryAgain as error:
        if not error.maybe_done:
            _void(engine, replica.id)
        raise
    except (Rejected, Gone):
        _void(engine, replica.id)
        raise
    sighting = sight(engine, here, reading, asked=None)
    if reading.raced:
        sighting = with_replaced(here, replica, sighting, patch.written)
    with engine.store.write() as tx:
        current = rows.hold(tx, replica.id)
        if current is not None:
            _written(tx, engine, here, current, incident, reading)
            trail = limits.extend_trail(current.trail, patch.written, engine.clock.now())
            landed = replace(current, attempts=0, next_at=None, trail=trail)
            commit.take(tx, engine, here, landed, sighting, wrote=True)
            twins.take_in(tx, engine, here, current, reading.comments or ())


def _volley(engine: Engine, replica: Replica, fields: Fields) -> str:
    """The sentence about robots that answer each other, or "". The journal is asked only once a field was busy."""
    now = engine.clock.now()
    busy = [name for name in sorted(fields) if volley.is_busy(replica.trail.get(name, ()), now)]
    if not busy:
        return ""
    with engine.store.read() as connection:
        return next((words for name in busy if (words := volley.of_field(connection, replica.incident, name, now))), "")


def _hold_unwritable(engine: Engine, here: Connected, replica_id: int, incident: Incident, patch: Denormalized) -> None:
    """A value that this tool cannot be told is held, with the sentence that says why, until either side changes."""
    now = engine.clock.now()
    with engine.store.write() as tx:
        replica = rows.hold(tx, replica_id)
        if replica is None:
            return
        holds = dict(replica.holds)
        for left in patch.left_out:
            ours, theirs = incident.fields.get(left.field), replica.base.get(left.field)
            holds[left.field] = Hold(Held.UNWRITABLE, ours, theirs, now, left.sentence)
        rows.save_replica(tx, replace(replica, holds=holds))
        engine.record(
            tx,
            "left_out",
            incident=incident.id,
            connection=here.name,
            reason="unwritable",
            fields={left.field: left.sentence for left in patch.left_out},
        )


def _tell_left_out(engine: Engine, here: Connected, incident: Incident, names: Sequence[str]) -> None:
    """Journal the people whom this tool does not know, once for each: who is assigned there stays assigned."""
    facts = {name: f"{here.name} knows nobody called {incident.fields[name]}" for name in names}
    with engine.store.write() as tx:
        rows.load_incident(tx, incident.id, lock=True)
        last = tx.execute(_LAST_LEFT_OUT, {"incident": incident.id, "connection": here.name}).scalar()
        if last is None or orjson.loads(last).get("fields") != facts:
            engine.record(tx, "left_out", incident=incident.id, connection=here.name, reason=LEFT_OUT, fields=facts)


def _intend(engine: Engine, here: Connected, replica: Replica, incident: Incident, written: Fields) -> bool:
    """Store what is about to be written. False when the world moved meanwhile and the decision is void."""
    with engine.store.write() as tx:
        current = rows.hold(tx, replica.id)
        latest = rows.load_incident(tx, incident.id)
        if current is None or latest is None or latest.revision != incident.revision:
            return False
        if current.version != replica.version or current.state is not ReplicaState.LINKED:
            return False
        seq = engine.record(
            tx,
            "write_intended",
            incident=incident.id,
            connection=here.name,
            version=replica.version,
            before=rows.plain({name: current.base.get(name) for name in written}),
            after=rows.plain(written),
        )
        rows.save_replica(
            tx,
            replace(
                current,
                ledger={name: (Attempt(current.base.get(name), value),) for name, value in written.items()},
                touched=seq,
            ),
        )
    return True


def _written(
    tx: Transaction, engine: Engine, here: Connected, replica: Replica, incident: Incident, reading: Reading
) -> None:
    engine.record(
        tx,
        "written",
        incident=incident.id,
        connection=here.name,
        fields=rows.plain({name: steps[-1].written for name, steps in replica.ledger.items()}),
        version=reading.version,
        annotations=dict(reading.annotations),
    )


def _void(engine: Engine, replica_id: int) -> None:
    """The tool refused the write: the ledger's entries never happened."""
    with engine.store.write() as tx:
        replica = rows.hold(tx, replica_id)
        if replica is not None and replica.ledger:
            rows.save_replica(tx, replace(replica, ledger={}))


def _clean(engine: Engine, replica_id: int, incident: Incident) -> None:
    """Nothing to write after all: drop the mark, unless the incident moved on."""
    with engine.store.write() as tx:
        replica = rows.hold(tx, replica_id)
        latest = rows.load_incident(tx, incident.id)
        if replica is not None and latest is not None and latest.revision == incident.revision:
            rows.save_replica(tx, replace(replica, dirty=False, dirty_since=None, attempts=0, next_at=None))


def park(engine: Engine, replica_id: int, sentence: str) -> None:
    """Put one copy aside until a person acts, with the sentence that says what is missing."""
    with engine.store.write() as tx:
        replica = rows.hold(tx, replica_id)
        if replica is None or replica.state is ReplicaState.GONE:
            return
        engine.record(
            tx, "parked", incident=replica.incident, connection=replica.connection, reason="parked", sentence=sentence
        )
        rows.save_replica(
            tx, replace(replica, state=ReplicaState.PARKED, dirty=False, dirty_since=None, parked=sentence[:2000])
        )


def lose(engine: Engine, here: Connected, replica_id: int, error: Gone) -> None:
    """The record was deleted over there, or merged into another.

    After a merge the copy stands for the record that took its place, unless that one is another incident's copy. After
    a deletion the incident and its other copies stay; nothing is deleted in return.
    """
    with engine.store.write() as tx:
        replica = rows.hold(tx, replica_id)
        if replica is None or replica.state is ReplicaState.GONE:
            return
        heir = Ref(error.merged_into) if error.merged_into else None
        other = rows.replica_by_ref(tx, here.name, heir) if heir is not None else None
        engine.record(
            tx,
            "gone" if heir is None else "merged",
            incident=replica.incident,
            connection=here.name,
            reason="gone",
            ref=replica.ref or "",
            merged_into=heir or "",
            heir_incident=other.incident if other else None,
        )
        if heir is not None and other is None:
            moved = replace(replica, ref=heir, version=Version(""), base={}, observed={}, ledger={}, holds={})
            rows.save_replica(tx, moved)
            inbox.put(tx, here.name, [(heir, None)], asked=0, now=engine.clock.now())
            engine.rouse(tx, here.name)
            return
        sentence = f"{error}. The incident and its other copies stay as they are."
        if other is not None:
            sentence = f"{error}. Its place was taken by {other.key}, the copy of {incident_number(other.incident)}."
        gone = replace(replica, state=ReplicaState.GONE, dirty=False, dirty_since=None, ledger={}, parked=sentence)
        rows.save_replica(tx, replace(gone, holds={}))


def deliver_comment(engine: Engine, here: Connected, item: twins.Outgoing) -> None:
    """Write one comment into one copy, once. Raises TryAgain and NeedsOperator for the lane to act on."""
    source = here.source
    if not isinstance(source, Commenter):
        raise TypeError(f"{here.name} claims to comment and cannot")
    refused = item.tlp is not None and item.tlp.rank > here.config.ceiling.rank
    if refused or engine.registry.refuses_comment(item.visibility, here.name, here.config.ceiling):
        _park_comment(engine, here, item, f"a comment may not leave for {here.name}: its label is above the ceiling")
        return
    with engine.store.read() as connection:
        loop = volley.of_comments(connection, item.incident, engine.clock.now())
    if loop and item.state == "wanted":
        _park_comment(engine, here, item, loop)
        return
    if item.state == "sending":
        found = twins.search(source.comments(item.ref), here.mapping, item)
        if found is not None:
            with engine.store.write() as tx:
                twins.finish(tx, engine, here, item, found)
            return
    with engine.store.write() as tx:
        twins.begin(tx, engine, item)
    try:
        written = source.add_comment(item.ref, twins.rendered(here.mapping, item), item.visibility, item.token)
    except Rejected as error:
        _park_comment(engine, here, item, str(error))
        return
    except Gone as error:
        if error.merged_into is not None:
            lose(engine, here, item.replica, error)
            _park_comment(engine, here, item, str(error))
            return
        _look_whether_gone(engine, here, item.replica, item.ref)
        with engine.store.write() as tx:
            again = engine.clock.now() + UNTIL_CERTAIN
            twins.postpone(tx, item, state="wanted", attempts=item.attempts + 1, next_at=again)
        return
    except TryAgain as error:
        if not error.maybe_done:
            with engine.store.write() as tx:
                twins.postpone(tx, item, state="wanted", attempts=item.attempts, next_at=None)
        raise
    if written.visibility is Visibility.PUBLIC and item.visibility is Visibility.INTERNAL:
        _park_comment(engine, here, item, f"{here.name} shows an internal comment publicly: remove it there at once")
        return
    with engine.store.write() as tx:
        twins.finish(tx, engine, here, item, written)


def _park_comment(engine: Engine, here: Connected, item: twins.Outgoing, sentence: str) -> None:
    with engine.store.write() as tx:
        engine.record(
            tx,
            "parked",
            incident=item.incident,
            connection=here.name,
            reason="parked",
            comment=item.comment,
            sentence=sentence,
        )
        twins.postpone(tx, item, state="parked", attempts=item.attempts, next_at=None, parked=sentence)

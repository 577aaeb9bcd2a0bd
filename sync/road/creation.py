"""Make a record, once. Each line of the protocol lost or doubled records in simulated runs when it was left out.

1. Before a create, the intent is stored: the token and what will be sent. The token travels inside the create.
2. After a lost answer nothing is created again before the tool's look-up lag has passed and `find(token)` says no.
3. A record that is found is adopted with what was *sent* as its base, so that an edit made meanwhile stays an edit.
4. What a store that was put back from a backup may have forgotten is looked for before it is made.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from tieline.core.errors import Rejected, RemoteError
from tieline.core.events import Created, CreateIntended, RecordGone
from tieline.core.port import Finder, Power, Reading, Token
from tieline.core.store.store import Transaction
from tieline.sync import loading, tokens
from tieline.sync.engine import Connected, Engine, Look
from tieline.sync.fit import unfit
from tieline.sync.intake import inbox
from tieline.sync.outcomes import Done, Verb, outcome, standing_of
from tieline.sync.records import Incident, Intent, Replica, ReplicaState
from tieline.sync.road import ceiling, clearance, commit, copy_states
from tieline.sync.road.read import sight, take_comments, with_comments
from tieline.sync.road.reconcile import Moment, Sighting
from tieline.sync.road.reviewing import Reviews, with_reviews

LONGEST_CALL: Final = timedelta(seconds=60)
"""Longer than any adapter waits for an answer."""


def create(engine: Engine, here: Connected, replica: Replica, incident: Incident) -> None:
    """Make the record. Raises what the adapter raises; what does not say that nothing was made leaves it in doubt."""
    fields = ceiling.may_leave(engine, here, incident.fields)
    ids = here.ids_of(here.mapping.people_in(fields), engine.clock.monotonic())
    back = unfit.held_back(replica)
    written = here.mapping.denormalize(fields, fields, ids, creating=True, without=back)
    now = engine.clock.now()
    with engine.store.write() as tx:
        current = loading.lock_replica(tx, replica.id)
        if current is None or current.state not in (ReplicaState.ABSENT, ReplicaState.IN_DOUBT):
            return
        clearance.refuse(tx, engine, here, incident, written.body)
        engine.record(
            tx,
            CreateIntended(
                token=replica.token,
                fields=loading.plain(written.written),
                left_out=[[left.field, left.sentence] for left in written.left_out],
            ),
            incident=incident.id,
            connection=here.name,
        )
        begun = current.put_in_doubt(Intent(now, written.written))
        begun = unfit.at_creation(begun, fields, written, here.mapping, now)
        unfit.tell(tx, engine, current, begun)
        loading.save_replica(tx, begun)
    try:
        reading = here.call(Verb.CREATE, here.adapter.create, written.body, replica.token)
    except RemoteError as error:
        if outcome(error, standing_of(replica)).done is Done.NO:
            _not_created(engine, replica.id)
        if isinstance(error, Rejected) and unfit.go_on(engine, here, replica.id, fields, written, error):
            return
        raise
    _adopt(engine, here, replica.id, sight(engine, here, reading, asked=None, sent=written.body), Moment.BORN)


def find_or_create(engine: Engine, here: Connected, replica: Replica, incident: Incident) -> None:
    """An earlier create whose outcome nobody knows: look before making another."""
    finder = here.source
    if not (isinstance(finder, Finder) and here.can(Power.FIND)):
        copy_states.park(
            engine,
            replica.id,
            f"a create in {here.name} was interrupted and the tool cannot be searched for it. Look whether it made a "
            f"record for {incident.number}; link it or let it be created with `tieline parked retry`.",
        )
        return
    asked = engine.clock.now()
    found = _find(engine, here, finder, replica)
    if found is not None:
        here.looked.pop(replica.token, None)
        # Whoever commented on it meanwhile did so before the version that is about to be known.
        _adopt(engine, here, replica.id, sight(engine, here, with_comments(here, found), asked=None))
        return
    # A look before the lag has passed proves nothing. After a crash nobody knows when the call ended, which is why a
    # tool that lags gets some more time. It is counted by a clock that nobody sets: whoever trusts the other one makes
    # a second record when it is set ahead.
    now = engine.clock.monotonic()
    left = _certain_at(engine, here, finder, replica, now) - now
    if left > 0:
        with engine.store.write() as tx:
            current = loading.lock_replica(tx, replica.id)
            if current is not None and current.state in (ReplicaState.ABSENT, ReplicaState.IN_DOUBT):
                doubted = current if current.intent is not None else current.put_in_doubt(Intent(asked, None))
                loading.save_replica(tx, replace(doubted, next_at=asked + timedelta(seconds=left)))
        return
    here.looked.pop(replica.token, None)
    if incident.is_open:
        create(engine, here, replica, incident)
    else:
        _not_created(engine, replica.id)
        copy_states.clean(engine, replica.id, incident)


def shows_strangers(engine: Engine, here: Connected) -> bool:
    """True while this tool shows a record that the store does not know: should it carry our token, the store was put
    back from a backup, and what is about to be made may be there, whatever else the tool has not listed yet."""
    if not here.can(Power.FIND):
        return False
    with engine.store.read() as connection:
        return inbox.has_strangers(connection, here.name)


def _not_created(engine: Engine, replica_id: int) -> None:
    """The tool said that it made nothing: the intent is void."""
    with engine.store.write() as tx:
        replica = loading.lock_replica(tx, replica_id)
        if replica is not None and replica.state is ReplicaState.IN_DOUBT:
            loading.save_replica(tx, replace(replica, state=ReplicaState.ABSENT, intent=None))


def _certain_at(engine: Engine, here: Connected, finder: Finder, replica: Replica, now: float) -> float:
    """When a search that finds nothing means that there is nothing, in seconds that never run backwards."""
    if replica.intent is None or replica.intent.fields is None:
        # What a forgotten future made was made before this process began.
        return engine.began + finder.lookup_lag.total_seconds()
    lag = finder.lookup_lag + min(finder.lookup_lag, LONGEST_CALL)
    first = here.looked.get(replica.token)
    if first is None or first.intended != replica.intent.since:
        first = here.looked[replica.token] = Look(replica.intent.since, now)
    return first.at + lag.total_seconds()


def _find(engine: Engine, here: Connected, finder: Finder, replica: Replica) -> Reading | None:
    """The record of a create in doubt. Of one that a forgotten future may have made, another of the incident's alerts
    may have been the first."""
    found = _find_one(here, finder, replica.token)
    if found is not None or replica.intended is not None:
        return found
    with engine.store.read() as connection:
        others = [one for one in tokens.candidates(connection, replica.incident, here.name) if one != replica.token]
        free = [one for one in others if loading.replica_by_token(connection, one) is None]
    return next((one for token in free if (one := _find_one(here, finder, token)) is not None), None)


def _find_one(here: Connected, finder: Finder, token: Token) -> Reading | None:
    found = here.call(Verb.FIND, finder.find, token)
    if found is not None and found.token != token:
        raise Rejected(
            here.name, f"a search for {token} answered {found.key}, which carries {found.token}: not adopted"
        )
    return found


def _adopt(engine: Engine, here: Connected, replica_id: int, sighting: Sighting, moment: Moment = Moment.LATER) -> None:
    token = sighting.reading.token

    def take(reviews: Reviews) -> None:
        with engine.store.write() as tx:
            replica = loading.lock_replica(tx, replica_id)
            if replica is not None and replica.ref is None:
                named = replace(replica, token=token or replica.token)
                adopt(tx, engine, here, named, sighting, moment, reviews=reviews)

    with_reviews(engine, take)


def adopt(
    tx: Transaction,
    engine: Engine,
    here: Connected,
    replica: Replica,
    sighting: Sighting,
    moment: Moment = Moment.LATER,
    *,
    reviews: Reviews,
) -> None:
    """The record is ours: link it, with what we sent as the base. The create call's answer, a search for the token or
    a poll may be the first to bring it; where the tool tells how it was born, that is taken in before what it shows."""
    reading = sighting.reading
    _make_way(tx, engine, replica, reading)
    inbox.forget_parked(tx, here.name, reading.ref)
    seq = engine.record(
        tx,
        Created(ref=reading.ref, key=reading.key, version=reading.version),
        incident=replica.incident,
        connection=here.name,
    )
    linked = replace(
        replica,
        state=ReplicaState.LINKED,
        base=replica.intended or {},
        touched=seq,
        attempts=0,
        next_at=None,
    )
    linked = unfit.left_over(linked, here.mapping, sighting, replica.intended or {}, engine.clock.now())
    unfit.tell(tx, engine, replica, linked)
    if moment is Moment.LATER and replica.intended is not None and reading.born is not None:
        born = sight(engine, here, replace(reading, body=reading.born), asked=sighting.asked)
        untold = {n: v for n, v in replica.intended.items() if n in sighting.fields and n not in born.fields}
        born = replace(born, fields={**born.fields, **untold})
        commit.take_in(tx, engine, here, unfit.born(linked, born.fields), born, Moment.FOUND, reviews=reviews)
        linked = loading.lock_replica(tx, replica.id) or linked
    else:
        linked = unfit.born(linked, sighting.fields)
    commit.take_in(tx, engine, here, linked, sighting, moment, reviews=reviews)
    take_comments(tx, engine, here, replace(linked, ref=reading.ref), reading)


def _make_way(tx: Transaction, engine: Engine, replica: Replica, reading: Reading) -> None:
    """A merge may have put another incident's copy in this record's place, before we knew whose record it is."""
    squatter = loading.replica_by_ref(tx, replica.connection, replica.kind, reading.ref)
    if squatter is None or squatter.id == replica.id:
        return
    called, number = loading.known_as(tx, replica)
    sentence = f"{squatter.key} was merged into {reading.key}, the copy of {called}."
    engine.record(
        tx,
        RecordGone(ref=reading.ref, merged_into=reading.ref, heir_incident=number),
        incident=squatter.incident,
        connection=squatter.connection,
        reason="gone",
    )
    left = replace(squatter, state=ReplicaState.GONE, ref=None, dirty=False, dirty_since=None, ledger={})
    loading.save_replica(tx, replace(left, parked=sentence))

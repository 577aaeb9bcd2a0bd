"""Deliver: make a tool show the incident. State-based: what it should show is compared with what it showed last.

A record is made by `creation.py`. The protocol of an update, each line of which lost edits in simulated runs when it
was left out:

1. Before an update, the ledger stores each field's prior and new value; what the tool shows later is held against it.
2. Every update names the version it was decided on.
3. Where the tool refuses no write on an old version, its history is asked what a write replaced that came between the
   look and the write, or whose answer was lost; an edit that is found there is decided about like any other.
4. The dirty mark goes only with the transaction that stores the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy import bindparam, select

from tieline.core import journal
from tieline.core.errors import Gone, Rejected, RemoteError
from tieline.core.events import FieldsLeftOut, WriteIntended
from tieline.core.model import Fields
from tieline.core.port import Body
from tieline.core.store import tables as t
from tieline.mappings import Denormalized
from tieline.mappings.board import ALERTS
from tieline.sync import limits, loading
from tieline.sync.alerts import judging, pins
from tieline.sync.comments import comments
from tieline.sync.engine import EVERYONE, REMEMBER_PEOPLE, Connected, Engine
from tieline.sync.fit import unfit
from tieline.sync.outcomes import Done, Then, Verb, outcome, standing_of
from tieline.sync.records import Attempt, Held, Hold, Incident, Replica, ReplicaState
from tieline.sync.road import ceiling, clearance, commit, copy_states, creation, robots
from tieline.sync.road.read import look_again, sight, with_replaced
from tieline.sync.road.reconcile import Moment, wanted
from tieline.sync.road.reviewing import Reviews, with_reviews

LEFT_OUT: Final = "left_out"
ASKED_AGAIN: Final = timedelta(seconds=REMEMBER_PEOPLE + 1)
ASKED_FOR: Final = timedelta(hours=6)
"""How often, and for how long, a tool is asked again for somebody who could not be looked up when it was to be told of
them: what stands in front of it refuses for a while, and a right that lacks is lacking for good."""
_LAST_LEFT_OUT = (
    select(*journal.TOLD)
    .join(t.journal, t.journal.c.seq == t.journal_payload.c.seq)
    .where(
        t.journal.c.incident_id == bindparam("incident"),
        t.journal.c.connection == bindparam("connection"),
        t.journal.c.kind == FieldsLeftOut.KIND,
        t.journal.c.reason == LEFT_OUT,
    )
    .order_by(t.journal.c.seq.desc())
    .limit(1)
)


def deliver(engine: Engine, here: Connected, look_first: Callable[[], bool], replica_id: int) -> None:
    """Take one dirty copy as far as it goes. `look_first` says whether what was never made may be there all the same.
    Raises RemoteError for the lane to act on."""
    with engine.store.read() as connection:
        replica = loading.load_replica(connection, replica_id)
        incident = loading.load_incident(connection, replica.incident) if replica is not None else None
    if replica is None or incident is None or not replica.dirty:
        return
    try:
        _deliver(engine, here, look_first, replica, incident)
    except RemoteError as error:
        match outcome(error, standing_of(replica)).then:
            case Then.PARK:
                copy_states.park(engine, replica_id, str(error), copy_states.UNFIT)
            case Then.FOLLOW if isinstance(error, Gone):
                copy_states.lose(engine, here, replica_id, error)
            case Then.ASK if replica.ref is not None:
                copy_states.look_whether_gone(engine, here, replica_id, replica.ref, error)
            case _:
                raise


def _deliver(
    engine: Engine, here: Connected, look_first: Callable[[], bool], replica: Replica, incident: Incident
) -> None:
    refusal = ceiling.refusal(here, incident)
    if here.kind.readers.is_outside and not refusal:
        with engine.store.read() as connection:
            refusal = clearance.refusal(connection, engine, here, incident, engine.clock.now())
    if refusal:
        copy_states.park(engine, replica.id, refusal)
        return
    match replica.state:
        case ReplicaState.ABSENT if look_first():
            creation.find_or_create(engine, here, replica, incident)
        case ReplicaState.ABSENT:
            creation.create(engine, here, replica, incident)
        case ReplicaState.IN_DOUBT:
            creation.find_or_create(engine, here, replica, incident)
        case ReplicaState.LINKED if replica.ledger:
            # A write is in doubt: what the tool shows now settles it, and the next round decides afresh.
            look_again(engine, here, replica)
        case ReplicaState.LINKED:
            _update(engine, here, replica, incident)
        case _:
            copy_states.clean(engine, replica.id, incident)


def _update(engine: Engine, here: Connected, replica: Replica, incident: Incident) -> None:
    if replica.ref is None:
        raise RuntimeError(f"replica {replica.id} is linked to no record")
    ids = here.ids_of(here.mapping.people_in(incident.fields), engine.clock.monotonic())
    projection = ceiling.may_leave(engine, here, here.mapping.project(incident.fields, ids))
    fields = wanted(replica, projection, here.mapping)
    trail = limits.moved_by_others(replica.trail, judging.moved_by_no_fight(engine, incident))
    loop = limits.oscillation(trail, fields, engine.clock.now()) or _volley(engine, replica, trail, fields)
    if loop:
        copy_states.park(engine, replica.id, loop)
        return
    anybody = ceiling.may_leave(engine, here, here.mapping.project(incident.fields, EVERYONE))
    strangers = wanted(replica, anybody, here.mapping).keys() - fields.keys()
    if strangers:
        _tell_left_out(engine, here, incident, sorted(strangers))
    if here.mapping.pins and fields.keys() == {ALERTS}:
        pins.pin(engine, here, replica, incident)
        return
    if here.mapping.pins:
        # The comment comes when the record itself is as it should be.
        fields = {name: value for name, value in fields.items() if name != ALERTS}
    if not fields:
        if _may_be_known(engine, here, replica, incident, strangers):
            copy_states.postpone(engine, replica.id, incident, engine.clock.now() + ASKED_AGAIN)
        else:
            copy_states.clean(engine, replica.id, incident)
        return
    if replica.originals is None and fields.keys() & here.mapping.texts.keys():
        # Nobody looked yet whether the tool's own texts hold more than we can say.
        look_again(engine, here, replica)
        return
    present = None
    if here.mapping.splices(fields):
        present = _as_it_stands(engine, here, replica)
        if present is None:
            return
    meant = {name: incident.fields[name] for name in fields}
    known = ceiling.may_leave(engine, here, incident.fields)
    kept, back = replica.originals or {}, unfit.held_back(replica)
    link = "" if here.kind.readers.is_outside else replica.url
    patch = here.mapping.denormalize(meant, known, ids, link=link, originals=kept, without=back, present=present)
    if patch.left_out:
        _hold_unwritable(engine, here, replica.id, incident, patch)
    if not patch.written:
        copy_states.clean(engine, replica.id, incident)
        return
    # What is written back as it stood is watched like any other write, unless a person has still to decide about it.
    undecided = replica.holds.keys() - fields.keys() if present is not None else frozenset()
    watched = {name: value for name, value in patch.written.items() if name not in undecided}
    if not _intend(engine, here, replica, incident, watched, patch.body):
        return
    try:
        reading = here.call(Verb.UPDATE, here.adapter.update, replica.ref, patch.body, replica.version)
    except RemoteError as error:
        becomes = outcome(error, standing_of(replica))
        if becomes.done is Done.NO:
            _void(engine, replica.id)
        if isinstance(error, Rejected) and unfit.go_on(engine, here, replica.id, meant, patch, error):
            return
        if becomes.then is not Then.LOOK:
            raise
        # Nothing was written, and the record is not as we knew it: look, decide again, come back.
        look_again(engine, here, replica)
        return
    sighting = sight(engine, here, reading, asked=None, sent=patch.body)
    if reading.raced:
        sighting = with_replaced(here, replica, sighting, watched)
    changed = {name: value for name, value in watched.items() if value != replica.base.get(name)}
    trail = limits.extend_trail(trail, changed, engine.clock.now())

    def take(reviews: Reviews) -> None:
        with engine.store.write() as tx:
            current = loading.lock_replica(tx, replica.id)
            if current is not None:
                landed = replace(current, attempts=0, next_at=None, trail=trail)
                landed = unfit.left_over(landed, here.mapping, sighting, meant, engine.clock.now())
                unfit.tell(tx, engine, current, landed)
                commit.take_in(tx, engine, here, landed, sighting, Moment.WRITTEN, reviews=reviews)
                comments.take_in(tx, engine, here, current, reading.comments or ())

    with_reviews(engine, take)


def _as_it_stands(engine: Engine, here: Connected, replica: Replica) -> Body | None:
    """The record into whose text a block is to be written, so that every letter around it stays. None where somebody
    changed it since it was read: that is taken in first."""
    if replica.ref is None:
        raise RuntimeError(f"replica {replica.id} is linked to no record")
    reading = here.ask(Verb.READ, here.source.read, replica.ref)
    if reading.version == replica.version and reading.merged_into is None:
        return reading.body
    look_again(engine, here, replica)
    return None


def _volley(engine: Engine, replica: Replica, trail: limits.Trail, fields: Fields) -> str:
    """The sentence about robots that answer each other, or "". The journal is asked only once a field was busy."""
    now = engine.clock.now()
    busy = [name for name in sorted(fields) if robots.is_busy(trail.get(name, ()), now)]
    if not busy:
        return ""
    with engine.store.read() as connection:
        return next((words for name in busy if (words := robots.of_field(connection, replica, name, now))), "")


def _hold_unwritable(engine: Engine, here: Connected, replica_id: int, incident: Incident, patch: Denormalized) -> None:
    """A value that this tool cannot be told is held, with the sentence that says why, until either side changes."""
    now = engine.clock.now()
    with engine.store.write() as tx:
        replica = loading.lock_replica(tx, replica_id)
        if replica is None:
            return
        holds = dict(replica.holds)
        for left in patch.left_out:
            ours = incident.fields.get(left.field)
            theirs = patch.written.get(left.field, replica.base.get(left.field))
            known = holds.get(left.field)
            tries = known.tries if known is not None and known.kind is Held.UNWRITABLE else 0
            holds[left.field] = Hold(Held.UNWRITABLE, ours, theirs, now, left.sentence, tries + 1)
        loading.save_replica(tx, replace(replica, holds=holds))
        engine.record(
            tx,
            FieldsLeftOut(fields={left.field: left.sentence for left in patch.left_out}),
            incident=incident.id,
            connection=here.name,
            reason="unwritable",
        )


def _may_be_known(
    engine: Engine, here: Connected, replica: Replica, incident: Incident, strangers: AbstractSet[str]
) -> bool:
    """Whether somebody whom the tool should be told of could not be looked up, and may be before long."""
    if replica.dirty_since is None or engine.clock.now() - replica.dirty_since > ASKED_FOR:
        return False
    return any(str(incident.fields[name]) in here.unasked for name in strangers)


def _tell_left_out(engine: Engine, here: Connected, incident: Incident, names: Sequence[str]) -> None:
    """Journal the people whom this tool does not know, once for each: who is assigned there stays assigned."""
    facts = {
        name: here.unasked.get(str(incident.fields[name])) or f"{here.name} knows nobody called {incident.fields[name]}"
        for name in names
    }
    with engine.store.write() as tx:
        loading.load_incident(tx, incident.id, lock=True)
        last = tx.execute(_LAST_LEFT_OUT, {"incident": incident.id, "connection": here.name}).first()
        if (journal.facts(tx, last) or {}).get("fields") != facts:
            engine.record(tx, FieldsLeftOut(fields=facts), incident=incident.id, connection=here.name, reason=LEFT_OUT)


def _intend(engine: Engine, here: Connected, replica: Replica, incident: Incident, written: Fields, sent: Body) -> bool:
    """Store what is about to be written. False when the world moved meanwhile and the decision is void."""
    with engine.store.write() as tx:
        current = loading.lock_replica(tx, replica.id)
        latest = loading.load_incident(tx, incident.id)
        if current is None or latest is None or latest.revision != incident.revision:
            return False
        if current.version != replica.version or current.state is not ReplicaState.LINKED:
            return False
        clearance.refuse(tx, engine, here, latest, sent)
        attempts = {name: Attempt(current.base.get(name), value) for name, value in written.items()}
        seq = engine.record(
            tx,
            WriteIntended(
                version=replica.version,
                before=loading.plain({name: one.prior for name, one in attempts.items() if one.is_news}),
                after=loading.plain({name: one.written for name, one in attempts.items() if one.is_news}),
            ),
            incident=incident.id,
            connection=here.name,
        )
        loading.save_replica(
            tx,
            replace(
                current,
                ledger={name: (attempt,) for name, attempt in attempts.items()},
                holds=unfit.tried(current, written),
                touched=seq,
            ),
        )
    return True


def _void(engine: Engine, replica_id: int) -> None:
    """The tool refused the write: the ledger's entries never happened."""
    with engine.store.write() as tx:
        replica = loading.lock_replica(tx, replica_id)
        if replica is not None and replica.ledger:
            loading.save_replica(tx, replace(replica, ledger={}))

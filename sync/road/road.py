"""The road, from the top: how one thing that came in becomes the same incident everywhere.

    webhook / poll ─► inbox ─► read ─► normalize ─► reconcile ─► commit ─► deliver ─► the other replicas

`inbox.py` stores what came in, `read.py` asks the tool and puts the answer into our words, `reconcile.py` decides,
`commit.py` stores the decision and marks the copies that now differ, and `deliver.py`, in the lane of each of those
copies' own connection, writes the difference. An alert takes the same road through `signals.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from tieline.core.errors import Gone, Rejected, RemoteError
from tieline.core.model import IncidentId, is_over
from tieline.core.port import Finder, Power, Reading, Ref
from tieline.core.store.store import Connection, Transaction
from tieline.mappings.board import ALERTS
from tieline.mappings.texts import originals
from tieline.sync import loading
from tieline.sync.alerts import absence, signals
from tieline.sync.alerts.judging import Judgements, with_judgements
from tieline.sync.comments import comments
from tieline.sync.engine import Connected, Engine, expression_value
from tieline.sync.intake import inbox
from tieline.sync.intake.inbox import Waiting
from tieline.sync.outcomes import Then, Verb, outcome, standing_of
from tieline.sync.polling import poll
from tieline.sync.records import Replica, ReplicaState
from tieline.sync.road import commit, copy_states, creation, outputs
from tieline.sync.road.read import UNREAD, read, sight, with_comments, with_replaced
from tieline.sync.road.reconcile import Sighting
from tieline.sync.road.reviewing import Reviews, with_reviews
from tieline.sync.tokens import TOKEN_PREFIX

COMMENTS_AGAIN: Final = timedelta(minutes=1)
"""Until comments that could not be had are asked for once more; longer with each time."""

DOUBT_FOR: Final = timedelta(seconds=30)
DOUBT_EVERY: Final = timedelta(seconds=10)
LOOKS: Final = 3
"""A tool that has just shown a record may deny it: the replica that answers lags behind, or a proxy stands in between.
A 404 is asked for again this often, and believed when it has lasted for so long, and for so many looks in a row: two
that a busy hour lies between may both be a proxy's."""


def travel(engine: Engine, here: Connected, item: Waiting) -> None:
    """Take everything the inbox holds about one record down the road."""
    known = _copy(engine, here, item)
    if _tells_nothing(item, known) or (known is not None and known.forgotten):
        _drop(engine, item)
        return
    try:
        sighting = _look(engine, here, item, known)
    except Gone as error:
        then = outcome(error, standing_of(known)).then
        if then is Then.ASK and _doubts(engine, here, item.ref):
            with engine.store.write() as tx:
                inbox.later(tx, item, item.attempts + 1, engine.clock.now() + DOUBT_EVERY)
            return
        if then is Then.ASK and known is not None:
            # Letting go is for good: a tool that cannot be spoken to at all has not said that a record is gone.
            here.call(Verb.CHECK, here.source.check)
        here.denied.pop(item.ref, None)
        _drop(engine, item)
        if known is not None:
            copy_states.lose(engine, here, known.id, error)
        return
    except RemoteError:
        # Whoever does not answer does not deny: what has lasted is counted from the next denial on.
        here.denied.pop(item.ref, None)
        raise
    here.denied.pop(item.ref, None)
    if here.can(Power.TELL_OUTPUT):
        outputs.keep(engine, here, known or _unmet(engine, here, sighting.reading), sighting)
    with_reviews(engine, partial(_take, engine, here, item, sighting))


def _take(engine: Engine, here: Connected, item: Waiting, sighting: Sighting, reviews: Reviews) -> None:
    with engine.store.write() as tx:
        inbox.done(tx, item)
        reading = sighting.reading
        found = loading.replica_by_ref(tx, here.name, here.kind.record, reading.ref) or _ours(tx, here, reading)
        copy = loading.lock_replica(tx, found.id) if found is not None else None
        if copy is not None and copy.forgotten:
            return
        if copy is None:
            _meet(tx, engine, here, sighting)
        elif copy.ref is None:
            creation.adopt(tx, engine, here, copy, sighting, reviews=reviews)
            _ask_for_comments(tx, engine, here, reading)
        else:
            commit.take_in(tx, engine, here, copy, sighting, reviews=reviews)
            comments.take_in(tx, engine, here, copy, reading.comments or ())
            if UNREAD in reading.annotations and copy.state is not ReplicaState.GONE:
                _ask_for_them_later(tx, engine, item)


def travel_signals(engine: Engine, here: Connected, items: Sequence[Waiting]) -> None:
    """Take a batch of signals down the road, in one transaction: a storm is many alerts and few commits."""
    looks = [(item.ref, _look_at_signal(engine, here, item)) for item in items]
    seen = [sighting for _ref, sighting in looks if sighting is not None]

    def take(judged: Judgements) -> None:
        with engine.store.write() as tx:
            inbox.all_done(tx, items)
            gone = [ref for ref, sighting in looks if sighting is None]
            signals.take_signals(tx, engine, here, seen, judged, gone)
            held = absence.withheld(tx, here, gone)
            over = [ref for ref in gone if ref not in held]
            signals.end_forgotten(tx, engine, here, over)
            poll.forget(tx, here, [*over, *_told_ends(looks)])

    with_judgements(engine, take, signals.to_judge(engine, here, seen))


def _told_ends(looks: Sequence[tuple[Ref, Sighting | None]]) -> list[Ref]:
    """The episodes whose ends a webhook told. The source may take that back, and what its cursor holds is not told
    again while it stays as it was."""
    return [ref for ref, seen in looks if seen is not None and not seen.asked and seen.fields.get("firing") is not True]


def _telling(here: Connected, seen: Sighting) -> Sighting:
    """A sighting that says whether its alert fires. Raises Rejected for a word that nobody mapped, and for none: taken
    for an end it would resolve an incident that nobody has looked at."""
    if "firing" in here.mapping.readable and seen.fields.get("firing") is None:
        _value, words = seen.unmapped.get("firing", (None, "it does not say whether it fires"))
        raise Rejected(here.name, words)
    return seen


def _look_at_signal(engine: Engine, here: Connected, item: Waiting) -> Sighting | None:
    if item.reading is not None:
        return _telling(here, sight(engine, here, item.reading, asked=item.asked, received_at=item.received_at))
    try:
        return _telling(here, read(engine, here, item.ref))
    except Gone as error:
        # The source does not know it any more: it has ended. A status may be somebody else's word.
        if error.status is not None:
            here.call(Verb.CHECK, here.source.check)
        return None


def _copy(engine: Engine, here: Connected, item: Waiting) -> Replica | None:
    with engine.store.read() as connection:
        return loading.replica_by_ref(connection, here.name, here.kind.record, item.ref)


def _unmet(engine: Engine, here: Connected, reading: Reading) -> Replica | None:
    with engine.store.read() as connection:
        return _ours(connection, here, reading)


def _ours(tx: Connection | Transaction, here: Connected, reading: Reading) -> Replica | None:
    """The copy that we began to make and lost sight of: its record carries our token."""
    found = loading.replica_by_token(tx, reading.token) if reading.token is not None else None
    return found if found is not None and found.connection == here.name and found.ref is None else None


def _tells_nothing(item: Waiting, known: Replica | None) -> bool:
    """A reading at the version that we hold already, with no write in doubt, and without comments of its own."""
    return (
        item.reading is not None
        and not item.reading.comments
        and known is not None
        and known.version == item.reading.version
        and not known.ledger
        and known.state is not ReplicaState.GONE
    )


def _look(engine: Engine, here: Connected, item: Waiting, known: Replica | None) -> Sighting:
    """The record as it is: the reading that came along, unless it may be older than what we know."""
    late = known is not None and item.asked < known.touched
    if item.reading is None or late:
        sighting = read(engine, here, item.ref)
    else:
        reading = item.reading if known is None else with_comments(here, item.reading)
        sighting = sight(engine, here, reading, asked=item.asked, received_at=item.received_at)
    if sighting.reading.merged_into is not None and known is not None:
        raise Gone(here.name, f"{known.key} was merged", merged_into=sighting.reading.merged_into)
    if known is None:
        return _with_birth(engine, here, sighting)
    return with_replaced(here, known, sighting, known.ledger)


def _with_birth(engine: Engine, here: Connected, sighting: Sighting) -> Sighting:
    """A record that we made and lost sight of, as a search for its token shows it: that one tells how it was born. Else
    what somebody edited before we knew of it could not be told from what the tool filled in."""
    reading, finder = sighting.reading, here.source
    if reading.token is None or reading.born is not None or not (isinstance(finder, Finder) and here.can(Power.FIND)):
        return sighting
    with engine.store.read() as connection:
        if _ours(connection, here, reading) is None:
            return sighting
    found = here.call(Verb.FIND, finder.find, reading.token)
    if found is None or found.ref != reading.ref or found.born is None:
        return sighting
    return sight(engine, here, found, asked=sighting.asked)


def _doubts(engine: Engine, here: Connected, ref: Ref) -> bool:
    """True while a 404 is not to be believed yet: until it has lasted. That is so of a record that is no copy, too: a
    webhook may be all that tells of it. What went wrong before, in other ways, proves nothing."""
    now = engine.clock.monotonic()
    since, looks = here.denied.get(ref, (now, 0))
    here.denied[ref] = since, looks + 1
    return looks + 1 < LOOKS or now - since < DOUBT_FOR.total_seconds()


def _drop(engine: Engine, item: Waiting) -> None:
    with engine.store.write() as tx:
        inbox.done(tx, item)


def _meet(tx: Transaction, engine: Engine, here: Connected, sighting: Sighting) -> None:
    """A record that no incident knows: it opens one, if the connection's `opens` says so.

    Raises Rejected, which parks it, when nobody can say whether it is open: its status has no word in the mapping.
    """
    reading = sighting.reading
    status = sighting.fields.get("status")
    if reading.merged_into is not None or is_over(here.kind.record, status):
        return
    if reading.token is not None and reading.token.startswith(TOKEN_PREFIX):
        raise Rejected(
            here.name,
            f"{reading.key or reading.ref} was made by Tieline under the token {reading.token}, which this store does "
            "not know: it is older than that record, or another Tieline's. Nothing is opened for it, and what it "
            "was made for takes it over once that comes in.",
        )
    if not here.config.opens.holds({name: expression_value(value) for name, value in sighting.fields.items()}):
        return
    if status is None:
        _value, words = sighting.unmapped.get("status", (None, "it shows no status"))
        raise Rejected(here.name, f"{reading.key or reading.ref} opens no incident: {words}")
    origin = Replica(
        id=0,
        incident=IncidentId(0),
        connection=here.name,
        kind=here.kind.record,
        state=ReplicaState.LINKED,
        token=engine.new_token(),
        ref=reading.ref,
        key=reading.key,
        url=reading.url,
        base=sighting.fields,
        observed=sighting.fields,
        originals=originals(here.mapping.texts, reading.body, {}),
        version=reading.version,
        touched=sighting.asked,
    )
    commit.open_incident(
        tx,
        engine,
        # No alert opened it: a block that says otherwise was copied from elsewhere.
        {name: value for name, value in sighting.fields.items() if name != ALERTS},
        actor=str(here.name),
        at=sighting.edited_at or engine.clock.now(),
        origin=origin,
    )
    met = loading.replica_by_ref(tx, here.name, here.kind.record, reading.ref)
    if met is not None:
        comments.take_in(tx, engine, here, met, reading.comments or ())
        _ask_for_comments(tx, engine, here, reading)


def _ask_for_them_later(tx: Transaction, engine: Engine, item: Waiting) -> None:
    """Comments that could not be had with their record: nothing else would bring them before somebody changes it. Where
    a right is lacking, they are asked for once an hour, and come when it is granted."""
    now = engine.clock.now()
    wait = min(COMMENTS_AGAIN * 2 ** min(item.attempts, 6), timedelta(hours=1))
    inbox.ask_later(tx, item, item.attempts + 1, now, now + wait)


def _ask_for_comments(tx: Transaction, engine: Engine, here: Connected, reading: Reading) -> None:
    """Comments are asked for once it is known that the record matters."""
    if reading.comments is None and comments.can_comment(here) and here.config.comments.comes_in:
        inbox.put(tx, here.name, [(reading.ref, None)], asked=0, now=engine.clock.now())
        engine.rouse(tx, here.name)

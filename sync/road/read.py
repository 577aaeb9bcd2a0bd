"""Read and normalize: from a hint to the record itself, and from the tool's words to ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog

from tieline.core import erasing
from tieline.core.erasing import GONE_WORDS
from tieline.core.errors import Gone, RemoteError
from tieline.core.model import CATALOGUE, Fields, FieldSpec, FieldType
from tieline.core.port import Body, Commenter, Historian, Power, Reading, Ref
from tieline.core.store.store import Transaction
from tieline.sync import loading
from tieline.sync.comments import comments
from tieline.sync.engine import Connected, Engine
from tieline.sync.intake import inbox
from tieline.sync.outcomes import Standing, Then, Verb, outcome
from tieline.sync.records import Replica
from tieline.sync.road import commit
from tieline.sync.road.reconcile import Sighting
from tieline.sync.road.reviewing import Reviews, with_reviews

UNREAD: Final = "comments_unread"
"""The annotation of a reading whose comments could not be had: why."""

_PEOPLE: Final = frozenset({FieldType.PERSON, FieldType.PERSONS})

_log: Any = structlog.get_logger("tieline.read")


def read(engine: Engine, here: Connected, ref: Ref) -> Sighting:
    """Ask the tool for one record, with its comments. Raises Gone."""
    with engine.store.read() as connection:
        asked = inbox.head(connection)
    return sight(engine, here, with_comments(here, here.ask(Verb.READ, here.source.read, ref)), asked=asked)


def with_comments(here: Connected, reading: Reading) -> Reading:
    """The reading with its comments, asked for where they did not come along; without them where they cannot be had,
    although the record was read a moment ago."""
    if reading.comments is not None or not comments.can_comment(here) or not here.config.comments.comes_in:
        return reading
    source = here.source
    if not isinstance(source, Commenter):
        return reading
    try:
        return replace(reading, comments=tuple(here.ask(Verb.COMMENTS, source.comments, reading.ref)))
    except RemoteError as error:
        if outcome(error, Standing.LINKED).then not in (Then.WITHOUT, Then.ASK):
            raise
        _log.warning("comments_unread", connection=here.name, ref=reading.ref, reason=str(error))
        return replace(reading, annotations={**reading.annotations, UNREAD: str(error)})


def sight(
    engine: Engine,
    here: Connected,
    reading: Reading,
    *,
    asked: int | None,
    received_at: datetime | None = None,
    sent: Body | None = None,
) -> Sighting:
    """A reading in our words. `asked` None means that it is the answer to our own write, of `sent`: nothing is newer.
    `received_at` is when it came in, for one that waited in the inbox: its age counts from there.

    People whom the mapping cannot place are simply not known; any other value without a word holds its field.
    """
    said = here.mapping.normalize(reading.body, reading.people)
    edited_at = (received_at or engine.clock.now()) - reading.age if reading.age is not None else None
    specs = CATALOGUE[here.kind.record]
    unmapped = {one.field: (one.value, one.sentence) for one in said.unmapped if specs[one.field].type not in _PEOPLE}
    if asked is None:
        with engine.store.read() as connection:
            asked = inbox.head(connection)
    return Sighting(
        reading,
        _without_forgotten(engine, specs, said.fields),
        unmapped,
        edited_at,
        asked,
        sent=here.mapping.normalize(sent, reading.people).fields if sent is not None else {},
        automatic=here.mapping.read_from(reading.automatic) if reading.automatic else frozenset(),
        ours=here.mapping.read_from(reading.ours) if reading.ours else frozenset(),
    )


def _without_forgotten(engine: Engine, specs: Mapping[str, FieldSpec], fields: Fields) -> Fields:
    """Without people who were forgotten here: what their tool still shows of them is not known."""
    named = {
        name: (value,) if isinstance(value, str) else value
        for name, value in fields.items()
        if value and isinstance(value, str | tuple) and specs[name].type in _PEOPLE
    }
    if not named:
        return fields
    with engine.store.read() as connection:
        gone = {*erasing.forgotten(connection, {one for several in named.values() for one in several}), GONE_WORDS}
    if not any(gone.intersection(several) for several in named.values()):
        return fields
    left = {name: tuple(one for one in several if one not in gone) for name, several in named.items()}
    return {
        name: left[name] if name in left and not isinstance(value, str) else value
        for name, value in fields.items()
        if not isinstance(value, str) or left.get(name) != ()
    }


def with_replaced(here: Connected, replica: Replica, sighting: Sighting, names: Collection[str]) -> Sighting:
    """The sighting with what our write of the fields `names` replaced, asked of the tool's history where the tool
    refuses no write on an old version. One call more, and only after a race or a lost answer."""
    source = here.source
    tells = here.can(Power.TELL_REPLACED) and not here.can(Power.WRITE_IF_UNCHANGED)
    if not names or not tells or not isinstance(source, Historian):
        return sighting
    # Until the outcome of a write is settled, the copy keeps the version that it was decided on.
    try:
        found = here.ask(Verb.REPLACED, source.replaced, sighting.reading.ref, replica.version)
    except RemoteError as error:
        if outcome(error, Standing.WRITE_IN_DOUBT).then is not Then.WITHOUT:
            raise
        return replace(sighting, untold=f"what our write replaced cannot be told: {error}")
    if found is None:
        return sighting
    if found.ours:
        sighting = replace(sighting, ours=sighting.ours | here.mapping.read_from(found.ours))
    if found.body is None:
        return replace(sighting, untold=found.untold)
    said = here.mapping.normalize(found.body, found.people)
    foreign = {one.field: one.value for one in said.unmapped if one.field in names}
    without_words = {name: value for name, value in foreign.items() if name not in sighting.unmapped}
    return replace(sighting, replaced=said.fields, without_words=without_words, untold=found.untold)


def look_again(engine: Engine, here: Connected, replica: Replica) -> None:
    """Look at a known record again and take in what it shows. Raises Gone."""
    if replica.ref is None:
        return
    sighting = with_replaced(here, replica, read(engine, here, replica.ref), replica.ledger)
    if sighting.reading.merged_into is not None:
        raise Gone(here.name, f"{replica.key} was merged", merged_into=sighting.reading.merged_into)

    def take(reviews: Reviews) -> None:
        with engine.store.write() as tx:
            current = loading.lock_replica(tx, replica.id)
            if current is not None:
                commit.take_in(tx, engine, here, current, sighting, reviews=reviews)
                take_comments(tx, engine, here, current, sighting.reading)

    with_reviews(engine, take)


def take_comments(tx: Transaction, engine: Engine, here: Connected, replica: Replica, reading: Reading) -> None:
    """Take in the comments that a reading brought along; those that could not be had are asked for."""
    comments.take_in(tx, engine, here, replica, reading.comments or ())
    if UNREAD in reading.annotations:
        inbox.put(tx, here.name, [(reading.ref, None)], asked=0, now=engine.clock.now())
        engine.rouse(tx, here.name)

"""What becomes of a copy, and of its connection, when a verb of a tool fails: the one table, as data.

An error class means one thing where it was meant and another where nobody expected it: "gone" answers a look at a
record, and a proxy answers the same to a create. So the verb is asked as well, and where the copy stood. The rules
below name every cell once; whoever meets an error asks for its cell and does what stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from tieline.core.errors import (
    Gone,
    Limit,
    NeedsOperator,
    Rejected,
    RemoteError,
    StaleVersion,
    StoreUnavailable,
    TryAgain,
    Unforeseen,
)
from tieline.core.redaction import redacted
from tieline.sync.records import Replica, ReplicaState


class Verb(StrEnum):
    """What a tool is asked to do: the verbs of the port."""

    CHECK = "check"
    CHANGES = "changes"
    READ = "read"
    CREATE = "create"
    FIND = "find"
    UPDATE = "update"
    COMMENTS = "comments"
    ADD_COMMENT = "add_comment"
    ACKNOWLEDGE = "acknowledge"
    REPLACED = "replaced"
    DESCRIBE = "describe"
    PERSON_ID = "person_id"
    LINK = "link"
    OUTPUT = "output"
    NONE = "none"  # no call at all: one of our own rules said no


class Failure(StrEnum):
    """Every way in which a call fails: the error classes with what tells them apart."""

    LOST = "lost"  # TryAgain with maybe_done: the answer was lost, the tool may have acted
    BUSY = "busy"  # TryAgain without: the tool did not act
    LOST_PACED = "lost_paced"  # both: half of it is done, and the rest has to wait
    LOST_PACED_ENDPOINT = "lost_paced_endpoint"  # … of this kind of call
    LOST_PACED_RECORD = "lost_paced_record"  # … of calls about this record
    PACED = "paced"  # TryAgain with a limit on the connection
    PACED_ENDPOINT = "paced_endpoint"  # … on this kind of call
    PACED_RECORD = "paced_record"  # … on calls about this record
    NEEDS_OPERATOR = "needs_operator"  # NeedsOperator
    STALE = "stale"  # StaleVersion
    GONE = "gone"  # Gone
    MERGED = "merged"  # Gone with merged_into
    REJECTED = "rejected"  # Rejected
    UNFORESEEN = "unforeseen"  # any other exception: a fault of the adapter or of its library


class Standing(StrEnum):
    """Where the copy stands at the time of the call."""

    ABSENT = "absent"  # wanted, and not made yet; or it is about a record that is nobody's copy
    IN_DOUBT = "in_doubt"  # a create is under way, or its outcome is not known
    LINKED = "linked"  # a record is there, and no write is in doubt
    WRITE_IN_DOUBT = "write_in_doubt"  # linked, and the outcome of a write is not known
    PARKED = "parked"  # put aside until a person acts
    GONE = "gone"  # its record was deleted over there


class Done(StrEnum):
    """What is known of a write that failed."""

    NO = "no"  # it was not done: what was intended is taken back
    MAYBE = "maybe"  # it may have been done: the tool is asked what became of it before anything is repeated
    NOTHING = "nothing"  # nothing was to be written


class Then(StrEnum):
    """What becomes of the work and of its copy."""

    NEVER = "never"  # the verb is not called where the copy stands so
    AGAIN = "again"  # it is kept, and tried again later
    LOOK = "look"  # the record is read at once, and the decision is made again
    ASK = "ask"  # the record is read a few times: only a denial that lasts is believed
    FOLLOW = "follow"  # the copy stands for the record that took its place
    PARK = "park"  # it is put aside with the sentence, until a person acts
    WITHOUT = "without"  # it goes on without the answer, and says so
    LET_BE = "let_be"  # nothing is left to do


class Counts(StrEnum):
    """What a failed try counts, of those after which a record is put aside."""

    FREE = "free"  # it says nothing about the record
    ONCE = "once"  # one try
    REFUSED = "refused"  # as one of five
    ALL = "all"  # there is no use in another try


class Conduct(StrEnum):
    """What becomes of the connection."""

    GOES_ON = "goes_on"  # with all its other work
    TIRES = "tires"  # it goes on with the others; at each third failure in a row it checks itself, as for `proves`
    WAITS = "waits"  # as long as the tool asked, else longer with each time
    PROVES = "proves"  # it checks itself: if it can, it goes on with the others, else it does as its check failed
    PUZZLED = "puzzled"  # it waits; at the third odd answer in a row it stops
    STOPS = "stops"  # until it checks out again


@dataclass(frozen=True, slots=True)
class CopyRule:
    """Some cells of what becomes of a copy."""

    verbs: frozenset[Verb]
    failures: frozenset[Failure]
    standings: frozenset[Standing]
    done: Done
    then: Then


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the work and of its copy."""

    done: Done
    then: Then


@dataclass(frozen=True, slots=True)
class Bearing:
    """What a failure counts, and what becomes of the connection."""

    counts: Counts
    conduct: Conduct


# -- which cells there are -----------------------------------------------------------------------------------------

EVERYWHERE: Final = frozenset(Standing)
_LOST: Final = frozenset(one for one in Failure if one.value.startswith("lost"))
_BUSY: Final = frozenset((Failure.BUSY, Failure.PACED, Failure.PACED_ENDPOINT, Failure.PACED_RECORD))
_PASSING: Final = _LOST | _BUSY
_DENIED: Final = frozenset((Failure.GONE, Failure.MERGED))
_REST: Final = frozenset((Failure.NEEDS_OPERATOR, Failure.STALE, Failure.REJECTED, Failure.UNFORESEEN))

CALLED: Final[Mapping[Verb, frozenset[Standing]]] = {
    Verb.CHECK: EVERYWHERE,
    Verb.CHANGES: EVERYWHERE,
    Verb.DESCRIBE: EVERYWHERE,
    Verb.ACKNOWLEDGE: EVERYWHERE,  # about a signal, wherever the copies stand
    Verb.NONE: EVERYWHERE,
    Verb.READ: EVERYWHERE,  # of a record that is nobody's copy, the copy counts as absent
    Verb.COMMENTS: EVERYWHERE,
    Verb.CREATE: frozenset((Standing.ABSENT, Standing.IN_DOUBT)),
    # Of a record by its token; and of a comment that is in doubt, by its own, among those of a record that is there.
    Verb.FIND: EVERYWHERE - {Standing.GONE},
    Verb.PERSON_ID: frozenset((Standing.ABSENT, Standing.IN_DOUBT, Standing.LINKED)),
    Verb.UPDATE: frozenset((Standing.LINKED,)),
    Verb.ADD_COMMENT: frozenset((Standing.LINKED, Standing.WRITE_IN_DOUBT, Standing.PARKED)),
    Verb.REPLACED: frozenset((Standing.WRITE_IN_DOUBT, Standing.PARKED)),
    Verb.OUTPUT: EVERYWHERE,
    Verb.LINK: frozenset(),  # no rule of the engine links anything yet
}
"""Where a copy can stand when a verb is called on its behalf. Everywhere else the verb must not be called."""


def _rule(
    verbs: Verb | Iterable[Verb], failures: Iterable[Failure], done: Done, then: Then, *standings: Standing
) -> CopyRule:
    named = frozenset((verbs,)) if isinstance(verbs, Verb) else frozenset(verbs)
    return CopyRule(named, frozenset(failures), frozenset(standings) or EVERYWHERE, done, then)


_LOOKS: Final = (Verb.READ, Verb.COMMENTS)
_UNMADE: Final = (Standing.ABSENT, Standing.IN_DOUBT)
_MADE: Final = (Standing.LINKED, Standing.WRITE_IN_DOUBT, Standing.PARKED)
_KNOWN: Final = (*_UNMADE, *_MADE)

COPY_RULES: Final = (
    # Nothing is about a copy here: what was asked for waits, and is asked for again.
    _rule((Verb.CHECK, Verb.CHANGES), Failure, Done.NOTHING, Then.AGAIN),
    _rule(Verb.DESCRIBE, {*_PASSING, Failure.NEEDS_OPERATOR}, Done.NOTHING, Then.AGAIN),
    # A schema that cannot be had proves nothing against the mapping.
    _rule(Verb.DESCRIBE, {*_DENIED, *_REST} - {Failure.NEEDS_OPERATOR}, Done.NOTHING, Then.WITHOUT),
    # A look at a record. Its comments are a part of it, and a part must not cost the whole.
    _rule(_LOOKS, _PASSING, Done.NOTHING, Then.AGAIN),
    _rule(Verb.READ, _REST, Done.NOTHING, Then.AGAIN),
    _rule(Verb.COMMENTS, _REST, Done.NOTHING, Then.WITHOUT),
    _rule(_LOOKS, {Failure.GONE}, Done.NOTHING, Then.ASK, *_KNOWN),
    _rule(_LOOKS, {Failure.GONE}, Done.NOTHING, Then.LET_BE, Standing.GONE),
    _rule(_LOOKS, {Failure.MERGED}, Done.NOTHING, Then.FOLLOW, *_KNOWN),
    _rule(_LOOKS, {Failure.MERGED}, Done.NOTHING, Then.LET_BE, Standing.GONE),
    # A create. Nothing can be gone that is not there yet, and a 409 may be our own record: it is looked for.
    _rule(Verb.CREATE, _BUSY, Done.NO, Then.AGAIN),
    _rule(Verb.CREATE, {Failure.REJECTED}, Done.NO, Then.PARK),
    _rule(Verb.CREATE, {*_LOST, *_DENIED, *_REST} - {Failure.REJECTED}, Done.MAYBE, Then.AGAIN),
    # A search that fails, however it says so, has not found that there is nothing.
    _rule(Verb.FIND, {*_PASSING, *_REST}, Done.MAYBE, Then.AGAIN),
    _rule(Verb.FIND, _DENIED, Done.MAYBE, Then.AGAIN, *_UNMADE, Standing.GONE),
    _rule(Verb.FIND, {Failure.GONE}, Done.MAYBE, Then.ASK, *_MADE),
    _rule(Verb.FIND, {Failure.MERGED}, Done.MAYBE, Then.FOLLOW, *_MADE),
    # An update.
    _rule(Verb.UPDATE, _BUSY, Done.NO, Then.AGAIN),
    _rule(Verb.UPDATE, {Failure.STALE}, Done.NO, Then.LOOK),
    _rule(Verb.UPDATE, {Failure.GONE}, Done.MAYBE, Then.ASK),
    _rule(Verb.UPDATE, {Failure.MERGED}, Done.NO, Then.FOLLOW),
    _rule(Verb.UPDATE, {Failure.REJECTED}, Done.NO, Then.PARK),
    _rule(Verb.UPDATE, {*_LOST, Failure.NEEDS_OPERATOR, Failure.UNFORESEEN}, Done.MAYBE, Then.AGAIN),
    # A comment is parked alone; its copy goes on.
    _rule(Verb.ADD_COMMENT, _BUSY, Done.NO, Then.AGAIN),
    _rule(Verb.ADD_COMMENT, {Failure.GONE}, Done.MAYBE, Then.ASK),
    _rule(Verb.ADD_COMMENT, {Failure.MERGED}, Done.NO, Then.FOLLOW),
    _rule(Verb.ADD_COMMENT, {Failure.REJECTED}, Done.NO, Then.PARK),
    _rule(Verb.ADD_COMMENT, {*_LOST, *_REST} - {Failure.REJECTED}, Done.MAYBE, Then.AGAIN),
    # An act on a signal. What its source does not know needs no silence; while it fires here, it is asked once more.
    _rule(Verb.ACKNOWLEDGE, _DENIED, Done.NO, Then.LET_BE),
    _rule(Verb.ACKNOWLEDGE, {*_LOST, Failure.UNFORESEEN}, Done.MAYBE, Then.AGAIN),
    # It carries no value that could be refused: something else may have answered, and it is tried a few times.
    _rule(Verb.ACKNOWLEDGE, {*_BUSY, Failure.NEEDS_OPERATOR, Failure.STALE, Failure.REJECTED}, Done.NO, Then.AGAIN),
    # A history that cannot be read costs what it would have told, and not the copy.
    _rule(Verb.REPLACED, _PASSING, Done.MAYBE, Then.AGAIN),
    _rule(Verb.REPLACED, {*_DENIED, *_REST}, Done.MAYBE, Then.WITHOUT),
    # Somebody who cannot be looked up is not assigned there; the record is more important.
    _rule(Verb.PERSON_ID, _PASSING, Done.NOTHING, Then.AGAIN),
    _rule(Verb.PERSON_ID, {*_DENIED, *_REST}, Done.NOTHING, Then.WITHOUT),
    # What was written is no reason not to say that it is over.
    _rule(Verb.OUTPUT, _PASSING, Done.NOTHING, Then.AGAIN),
    _rule(Verb.OUTPUT, {*_DENIED, *_REST}, Done.NOTHING, Then.WITHOUT),
    _rule(Verb.LINK, Failure, Done.NOTHING, Then.AGAIN),
    # Our own rules.
    _rule(Verb.NONE, {Failure.REJECTED}, Done.NO, Then.PARK),
    _rule(Verb.NONE, {Failure.MERGED}, Done.NOTHING, Then.FOLLOW),
    _rule(Verb.NONE, {Failure.GONE}, Done.NOTHING, Then.ASK),
    _rule(Verb.NONE, {*_PASSING, *_REST} - {Failure.REJECTED}, Done.MAYBE, Then.AGAIN),
)
"""Every cell of verb × failure × standing is named by exactly one of these (proved by a test)."""

_NOT_CALLED: Final = Outcome(Done.NOTHING, Then.NEVER)

_RECORDS: Final[Mapping[Failure, Bearing]] = {
    Failure.LOST: Bearing(Counts.ONCE, Conduct.TIRES),
    Failure.BUSY: Bearing(Counts.ONCE, Conduct.TIRES),
    Failure.PACED: Bearing(Counts.FREE, Conduct.WAITS),
    Failure.LOST_PACED: Bearing(Counts.FREE, Conduct.WAITS),
    Failure.PACED_ENDPOINT: Bearing(Counts.FREE, Conduct.GOES_ON),
    Failure.LOST_PACED_ENDPOINT: Bearing(Counts.FREE, Conduct.GOES_ON),
    Failure.PACED_RECORD: Bearing(Counts.ONCE, Conduct.GOES_ON),
    Failure.LOST_PACED_RECORD: Bearing(Counts.ONCE, Conduct.GOES_ON),
    Failure.NEEDS_OPERATOR: Bearing(Counts.REFUSED, Conduct.PROVES),
    Failure.STALE: Bearing(Counts.ONCE, Conduct.GOES_ON),
    # Where nothing can be gone, refused or merged, something else answered in the tool's place.
    Failure.GONE: Bearing(Counts.REFUSED, Conduct.PROVES),
    Failure.MERGED: Bearing(Counts.REFUSED, Conduct.PROVES),
    Failure.REJECTED: Bearing(Counts.REFUSED, Conduct.PROVES),
    Failure.UNFORESEEN: Bearing(Counts.REFUSED, Conduct.GOES_ON),
}
_ASKED: Final = {
    Failure.GONE: Bearing(Counts.ONCE, Conduct.GOES_ON),
    Failure.MERGED: Bearing(Counts.FREE, Conduct.GOES_ON),
}
_VALUES: Final = {Failure.REJECTED: Bearing(Counts.ALL, Conduct.GOES_ON)}
_LISTING: Final[Mapping[Failure, Bearing]] = {
    **dict.fromkeys(Failure, Bearing(Counts.FREE, Conduct.PUZZLED)),
    **dict.fromkeys(_PASSING, Bearing(Counts.FREE, Conduct.WAITS)),
    Failure.NEEDS_OPERATOR: Bearing(Counts.FREE, Conduct.STOPS),
}
_RESTS: Final = dict.fromkeys(
    (Failure.PACED_ENDPOINT, Failure.PACED_RECORD, Failure.LOST_PACED_ENDPOINT, Failure.LOST_PACED_RECORD),
    Bearing(Counts.FREE, Conduct.GOES_ON),
)
_WITHOUT: Final = dict.fromkeys(
    (Failure.GONE, Failure.MERGED, Failure.STALE, Failure.REJECTED, Failure.UNFORESEEN, Failure.NEEDS_OPERATOR),
    Bearing(Counts.FREE, Conduct.GOES_ON),
)

BEARINGS: Final[Mapping[Verb, Mapping[Failure, Bearing]]] = {
    Verb.CHECK: {**_LISTING, **dict.fromkeys({*_DENIED, *_REST}, Bearing(Counts.FREE, Conduct.STOPS))},
    Verb.CHANGES: {**_LISTING, **_RESTS},
    Verb.DESCRIBE: {**_LISTING, **_WITHOUT, Failure.NEEDS_OPERATOR: Bearing(Counts.FREE, Conduct.STOPS)},
    Verb.READ: {**_RECORDS, **_ASKED},
    Verb.COMMENTS: {**_RECORDS, **_WITHOUT},
    Verb.CREATE: {**_RECORDS, **_VALUES},
    Verb.FIND: _RECORDS,
    Verb.UPDATE: {**_RECORDS, **_ASKED, **_VALUES},
    Verb.ADD_COMMENT: {**_RECORDS, **_ASKED, **_VALUES},
    Verb.ACKNOWLEDGE: {**_RECORDS, **dict.fromkeys(_DENIED, Bearing(Counts.FREE, Conduct.GOES_ON))},
    Verb.REPLACED: {**_RECORDS, **_WITHOUT},
    Verb.PERSON_ID: {**_RECORDS, **_WITHOUT},
    Verb.OUTPUT: {**_RECORDS, **_WITHOUT},
    Verb.LINK: _RECORDS,
    Verb.NONE: {**_RECORDS, **_ASKED, **_VALUES},
}
"""What a failure of each verb counts, and what becomes of the connection. It is the same wherever the copy stands."""


def _table() -> dict[tuple[Verb, Failure, Standing], Outcome]:
    table = dict.fromkeys(product(Verb, Failure, Standing), _NOT_CALLED)
    for rule in COPY_RULES:
        outcome = Outcome(rule.done, rule.then)
        for verb in rule.verbs:
            for cell in product((verb,), rule.failures, rule.standings & CALLED[verb]):
                table[cell] = outcome
    return table


OUTCOMES: Final[Mapping[tuple[Verb, Failure, Standing], Outcome]] = _table()


# -- asking it -----------------------------------------------------------------------------------------------------


def verb_of(error: Exception) -> Verb:
    """The verb that failed; NONE for an error of our own making."""
    return Verb(error.verb) if isinstance(error, RemoteError) and error.verb else Verb.NONE


_PASSING_AS: Final = {
    (False, None): Failure.BUSY,
    (True, None): Failure.LOST,
    (False, Limit.CONNECTION): Failure.PACED,
    (True, Limit.CONNECTION): Failure.LOST_PACED,
    (False, Limit.ENDPOINT): Failure.PACED_ENDPOINT,
    (True, Limit.ENDPOINT): Failure.LOST_PACED_ENDPOINT,
    (False, Limit.RECORD): Failure.PACED_RECORD,
    (True, Limit.RECORD): Failure.LOST_PACED_RECORD,
}


def failure_of(error: Exception) -> Failure:
    """Which failure an error is."""
    match error:
        case TryAgain(maybe_done=maybe, limit=limit):
            return _PASSING_AS[maybe, limit]
        case NeedsOperator():
            return Failure.NEEDS_OPERATOR
        case StaleVersion():
            return Failure.STALE
        case Gone(merged_into=into):
            return Failure.GONE if into is None else Failure.MERGED
        case Rejected():
            return Failure.REJECTED
        case StoreUnavailable():
            raise error  # the store's trouble says nothing about a tool
        case _:
            return Failure.UNFORESEEN


def standing_of(replica: Replica | None) -> Standing:
    """Where a copy stands."""
    if replica is None:
        return Standing.ABSENT
    if replica.state is ReplicaState.LINKED:
        return Standing.WRITE_IN_DOUBT if replica.ledger else Standing.LINKED
    return Standing(replica.state.value)


def outcome(error: Exception, standing: Standing) -> Outcome:
    """What becomes of the work and of its copy."""
    return OUTCOMES[verb_of(error), failure_of(error), standing]


def bearing(error: Exception) -> Bearing:
    """What the failure counts, and what becomes of the connection."""
    return BEARINGS[verb_of(error)][failure_of(error)]


def in_words(error: Exception, event: str) -> str:
    """What is said to people of an error that was met. `event` is the line of the log that tells where in the code it
    happened, for whoever wrote that."""
    if isinstance(error, RemoteError) and not isinstance(error, Unforeseen):
        return str(error)
    said = redacted(str(error.__cause__ if isinstance(error, Unforeseen) else error)).removesuffix(".")
    whose = "there is a mistake in Tieline, a mapping or a plugin"
    if isinstance(error, Unforeseen):
        whose = f"{error.connection}: its adapter broke at `{error.verb}`"
    return f"{whose}: {said or 'it does not say which'}; the line `{event}` of the log tells where"

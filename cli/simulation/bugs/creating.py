"""Bugs to plant where records are created, and found again when an answer was lost."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from tieline.cli.simulation.bugs.planting import Mutant, Patch, nothing, seen_by
from tieline.core.errors import Gone, TryAgain
from tieline.sync import tokens
from tieline.sync.daemon import lane
from tieline.sync.outcomes import Done, Outcome, Then, Verb
from tieline.sync.records import Intent, ReplicaState
from tieline.sync.road import commit, creation, deliver, read, road


def _no_intent() -> Sequence[Patch]:
    save = creation.loading.save_replica

    def forgetful(tx: Any, replica: Any) -> None:
        if replica.state is not ReplicaState.IN_DOUBT or replica.intended is None:
            save(tx, replica)

    # What was wanted at a start is looked for first: that layer would cover for this one.
    return [
        seen_by(creation, "loading", save_replica=forgetful),
        seen_by(lane, "loading", any_wanted=lambda *_args: False),
    ]


def _no_lag_wait() -> Sequence[Patch]:
    def impatient(engine: Any, here: Any, replica: Any, incident: Any) -> None:
        found = here.source.find(replica.token)
        if found is None:
            creation.create(engine, here, replica, incident)
        else:
            creation._adopt(engine, here, replica.id, read.sight(engine, here, found, asked=None))

    return [(creation, "find_or_create", impatient)]


def _no_search() -> Sequence[Patch]:
    return [(creation, "find_or_create", creation.create)]


def _denied_create_means(module: Any, meaning: Outcome) -> Sequence[Patch]:
    ask = module.outcome

    def believing(error: Any, standing: Any) -> Any:
        denied = isinstance(error, Gone) and error.verb == Verb.CREATE.value
        return meaning if denied else ask(error, standing)

    return [(module, "outcome", believing)]


def _denied_create_believed() -> Sequence[Patch]:
    return _denied_create_means(deliver, Outcome(Done.NO, Then.FOLLOW))


def _denied_create_not_made() -> Sequence[Patch]:
    return _denied_create_means(creation, Outcome(Done.NO, Then.AGAIN))


def _denied_search_believed() -> Sequence[Patch]:
    find = creation._find_one

    def believing(here: Any, finder: Any, token: Any) -> Any:
        try:
            return find(here, finder, token)
        except Gone:
            return None

    return [(creation, "_find_one", believing)]


def _denial_believed_at_once() -> Sequence[Patch]:
    return [(road, "_doubts", lambda *_args: False)]


def _lost_create_not_made() -> Sequence[Patch]:
    ask = creation.outcome

    def believing(error: Any, standing: Any) -> Any:
        return Outcome(Done.NO, Then.AGAIN) if isinstance(error, TryAgain) else ask(error, standing)

    return [(creation, "outcome", believing)]


def _adopt_as_it_is() -> Sequence[Patch]:
    adopt = creation.adopt

    def trusting(tx: Any, engine: Any, here: Any, replica: Any, sighting: Any, *moment: Any, **more: Any) -> None:
        # What a tool tells of a record's birth would cover for it.
        unborn = replace(sighting, reading=replace(sighting.reading, born=None))
        known = replace(replica, intent=Intent(engine.clock.now(), sighting.fields))
        adopt(tx, engine, here, known, unborn, *moment, **more)

    return [(creation, "adopt", trusting)]


def _no_way_made() -> Sequence[Patch]:
    return [(creation, "_make_way", nothing)]


def _comments_left_at_adoption() -> Sequence[Patch]:
    return [(creation, "with_comments", lambda _here, reading: reading)]


def _second_copy_of_our_own() -> Sequence[Patch]:
    # A record with one of our tokens opens no incident, whoever's it is: that layer would cover for this one.
    return [(road, "_ours", nothing), (road, "TOKEN_PREFIX", "nobody's-")]


def _forgotten_not_looked_for() -> Sequence[Patch]:
    # There are three reasons to doubt. And where polls bring a record before it is made again, its token tells whose it
    # is: each would cover for the others.
    return [
        (commit, "_may_be_there", lambda *_args: False),
        seen_by(lane, "loading", any_wanted=lambda *_args: False),
        (creation, "shows_strangers", lambda *_args: False),
        (road, "_ours", nothing),
    ]


def _tokens_by_chance() -> Sequence[Patch]:
    return [seen_by(commit, "tokens", token=another_token)]


def another_token(_store_name: str, origin: str, connection: Any) -> Any:
    return tokens._token(f"{origin} {connection} {next(_chances)}")


_chances = itertools.count()


MUTANTS: Final[Mapping[str, Mutant]] = {
    "no-intent": Mutant("a create is not written down before it is sent", _no_intent),
    "no-lag-wait": Mutant("a search that lags is believed when it finds nothing", _no_lag_wait),
    "no-search": Mutant("a create in doubt is sent again without a look", _no_search),
    "denied-create-believed": Mutant("a 404 on create is believed: the copy counts as gone", _denied_create_believed),
    "denied-create-not-made": Mutant("a 404 on create is believed: nothing was made", _denied_create_not_made),
    "denied-search-believed": Mutant("a search that is answered 404 has found nothing", _denied_search_believed),
    "denial-believed-at-once": Mutant("one 404 about a record is believed at once", _denial_believed_at_once),
    "lost-create-not-made": Mutant("a create whose answer was lost is taken for not made", _lost_create_not_made),
    "adopt-as-it-is": Mutant("a found record's present state is taken for what we sent", _adopt_as_it_is),
    "no-way-made": Mutant("a copy that a merge moved keeps the place of the record's own incident", _no_way_made),
    "comments-left-at-adoption": Mutant("a found record's comments are not read", _comments_left_at_adoption),
    "forgotten-not-looked-for": Mutant(
        "what a store that was put back has forgotten is made again without a look", _forgotten_not_looked_for
    ),
    "tokens-by-chance": Mutant("a store that was put back comes to other tokens than before", _tokens_by_chance),
    "second-copy-of-our-own": Mutant("a poll does not know our own new record by its token", _second_copy_of_our_own),
}

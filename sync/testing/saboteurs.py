"""Plugins that look right, but for one fault each. The line of the contract that is named has to find it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import field_serializer

from tieline.core.acts import NotDone
from tieline.core.arguments import Answer
from tieline.core.desk import Desk
from tieline.core.errors import NotAllowed
from tieline.core.events import Event
from tieline.core.offer import Due, Offer, TimerKind
from tieline.core.projections import Happened, Projection, Rows
from tieline.sync.testing.toy import ACT, LOOKS, Care, Cared, Caring, Looked, care, look_after, toy


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One fault, the line of the contract that rejects it, and words of the sentence with which it does."""

    fault: str
    offer: Callable[[], Offer]
    rejected_by: str
    words: str


def _acting(run: Callable[[Desk, Care], Any], **changed: Any) -> Offer:
    return replace(toy(), acts=(replace(ACT, run=run, **changed),))


def _without_example() -> Offer:
    return replace(toy(), acts=(replace(ACT, example=None),))


def _wrong_example() -> Offer:
    def refusing(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item."""
        if "look" in ask.words:
            raise NotDone("looking is not enough")
        return care(desk, ask)

    return _acting(refusing)


def _own_refusal() -> Offer:
    def about(*_asked: Any) -> Any:
        raise NotAllowed("I do not let you")

    return replace(toy(), acts=(replace(ACT, about=about),))


def _never_recorded() -> Offer:
    return replace(toy(), acts=(replace(ACT, records=(Cared, Looked)),))


def _undeclared() -> Offer:
    return replace(toy(), acts=(replace(ACT, records=()),))


class Counted(Caring):
    """An answer that says something else each time it is written."""

    @field_serializer("words")
    def _written(self, words: str) -> str:
        return f"{words} {next(_WRITTEN)}"


_WRITTEN: Final = itertools.count()


def _another_answer() -> Offer:
    def answering(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item."""
        said = care(desk, ask)
        return Counted(incident=ask.incident, words=said.sentence())

    return _acting(answering)


def _remembers() -> Offer:
    done: set[str] = set()

    def once(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item."""
        if ask.incident in done:
            return Caring(incident=ask.incident, words="said before")
        done.add(ask.incident)
        return care(desk, ask)

    return _acting(once)


def _remembers_timers() -> Offer:
    done: set[str] = set()

    def once(desk: Desk, due: Due) -> None:
        if due.item not in done:
            done.add(due.item)
            look_after(desk, due)

    return replace(toy(), timers=(TimerKind("look", once),))


def _formats() -> Offer:
    def formatting(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item."""
        said = care(desk, ask)
        return Caring(incident=ask.words.format(), words=said.sentence())

    return _acting(formatting)


def _formats_titles() -> Offer:
    def formatting(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item."""
        title = str(desk.item(ask.incident).fields["title"])
        return Caring(incident=title % (), words=care(desk, ask).sentence())

    return _acting(formatting)


def _counts_in_memory() -> Offer:
    looks = itertools.count(1)

    def counted(rows: Rows, _event: Event, happened: Happened) -> None:
        rows.put(LOOKS, subject=happened.subject, looks=next(looks))

    others = tuple(one for one in toy().projections if one.name != "looks")
    return replace(toy(), projections=(*others, Projection("looks", (LOOKS,), {Looked: counted})))


def _never_fires() -> Offer:
    return replace(toy(), timers=(*toy().timers, TimerKind("never", look_after)))


_ACT_LINE: Final = "test_every_act_has_an_example_that_succeeds"
_DECLARES: Final = "test_it_records_what_it_declares"
_REBUILD: Final = "test_tables_made_anew_are_those_that_were_kept_in_step"

SABOTEURS: Final = (
    Saboteur("an act without an example", _without_example, _ACT_LINE, "has no example"),
    Saboteur("an example that does not succeed", _wrong_example, _ACT_LINE, "does not succeed: looking is not enough"),
    Saboteur(
        "a refusal of its own",
        _own_refusal,
        "test_without_the_right_it_is_refused_and_journalled_so",
        "the journal does not say so",
    ),
    Saboteur("an event that never happens", _never_recorded, _DECLARES, "records 'toy.looked', and never did"),
    Saboteur("an event that is not declared", _undeclared, _DECLARES, "does not declare that it records 'toy.cared'"),
    Saboteur(
        "another answer each time",
        _another_answer,
        "test_the_same_key_answers_the_same_and_is_done_once",
        "answers otherwise",
    ),
    Saboteur(
        "an act that remembers in memory that it was done",
        _remembers,
        "test_an_act_that_was_cut_off_is_done_once",
        "too few",
    ),
    Saboteur(
        "a timer that remembers in memory that it fired",
        _remembers_timers,
        "test_what_it_does_by_itself_is_done_once_wherever_it_was_cut_off",
        "too few",
    ),
    Saboteur(
        "words that are a format",
        _formats,
        "test_hostile_words_are_refused_in_a_sentence_or_kept_as_they_are",
        "ends in IndexError",
    ),
    Saboteur("a title that is a format", _formats_titles, "test_an_item_may_say_anything", "ends in TypeError"),
    Saboteur("rows that depend on memory", _counts_in_memory, _REBUILD, "made anew from the journal is not what"),
    Saboteur("a timer that nothing sets", _never_fires, _REBUILD, "never fired"),
)

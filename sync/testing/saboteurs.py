"""Plugins that look right, but for one fault each. The line of the contract that is named has to find it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from pydantic import field_serializer
from sqlalchemy import select

from tieline.core.access import READ
from tieline.core.acts import NotDone
from tieline.core.arguments import Answer, Line
from tieline.core.desk import Desk, Look
from tieline.core.errors import NotAllowed
from tieline.core.events import Event, Opened
from tieline.core.jobs import Bound, Done, Step
from tieline.core.offer import Due, Follower, Offer, TimerKind
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows
from tieline.core.store.store import Transaction
from tieline.core.views import Keyset, View
from tieline.sync.engine import Connected
from tieline.sync.road import clearance
from tieline.sync.testing.toy import (
    ACT,
    ANNOUNCE,
    CARE,
    DRAFT,
    FINISH,
    LOOK,
    LOOKS,
    SEND,
    SENT,
    TELL,
    Announce,
    Announced,
    Care,
    Cared,
    Cares,
    CareShown,
    CaresShown,
    Caring,
    Errand,
    ErrandShown,
    Looked,
    Tell,
    Telling,
    Watched,
    announcing,
    asking,
    care,
    cared,
    cares,
    finish,
    look_after,
    sending,
    tell,
    toy,
    watch,
)


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


def _remembers_the_twelfth() -> Offer:
    done: set[str] = set()

    def many(desk: Desk, happened: Happened) -> None:
        item = desk.item(happened.item)
        desk.record(Watched(), item)
        for number in range(TIMERS):
            desk.set_timer("look", desk.now + LOOK, item, key=str(number), facts={"number": number})

    def once(desk: Desk, due: Due) -> None:
        if due.facts["number"] == TIMERS - 1:
            if due.item in done:
                return
            done.add(due.item)
        look_after(desk, due)

    return replace(toy(), followers=(Follower("watch", (Opened,), many),), timers=(TimerKind("look", once),))


TIMERS: Final = 12


def _formats() -> Offer:
    def formatting(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item."""
        said = care(desk, ask)
        return Caring(incident=ask.words % (), words=said.sentence())

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


def _told_to_all() -> Offer:
    def everybody(rows: Rows, event: Cared, happened: Happened) -> None:
        rows.put(CARE, seq=happened.seq, subject="everything", words=event.words)

    def shown(look: Look, ask: Cares) -> CaresShown:
        """What is done about items."""
        rows = look.rows.all(select(CARE).limit(ask.limit))
        return CaresShown(items=tuple(CareShown(incident="", words=row.words) for row in rows))

    others = tuple(one for one in toy().projections if one.name != "cares")
    told = Projection("cares", (CARE,), {Cared: everybody})
    return replace(toy(), projections=(told, *others), views=(View("cares", shown, READ),))


def _kept_for_all() -> Offer:
    def everybody(rows: Rows, event: Cared, happened: Happened) -> None:
        cared(rows, event, happened)
        rows.put(CARE, seq=-happened.seq, subject="last words", words=event.words)

    def shown(_look: Look, _ask: Cares) -> CaresShown:
        """What is done about items."""
        return CaresShown(items=())

    others = tuple(one for one in toy().projections if one.name != "cares")
    kept = Projection("cares", (CARE,), {Cared: everybody})
    return replace(toy(), projections=(kept, *others), views=(View("cares", shown, READ),))


def _loses_rows() -> Offer:
    order = Keyset("toy cares", str)

    def by_words(look: Look, ask: Cares) -> CaresShown:
        """What is done about items."""
        after = "" if ask.after is None else order.after(ask.after)[0]
        query = select(CARE).where(CARE.c.words > after).order_by(CARE.c.words).limit(ask.limit + 1)
        page, following = order.page(look.rows.all(query), ask, lambda row: (row.words,))
        return CaresShown(items=tuple(CareShown(incident="", words=row.words) for row in page), next=following)

    return replace(toy(), views=(View("cares", by_words, READ),))


def _asks_for_each() -> Offer:
    def one_by_one(look: Look, ask: Cares) -> CaresShown:
        """What is done about items."""
        said = cares(look, ask)
        for _item in said.items:
            look.rows.first(select(LOOKS))
        return said

    return replace(toy(), views=(View("cares", one_by_one, READ),))


def _endless() -> Offer:
    def again(desk: Desk, due: Due) -> None:
        look_after(desk, due)
        desk.set_timer("look", due.at, desk.item(due.item))

    return replace(toy(), timers=(TimerKind("look", again),))


def _forgets() -> Offer:
    known: set[str] = set()

    def noting(desk: Desk, happened: Happened) -> None:
        known.add(happened.item)
        watch(desk, happened)

    def knowing(desk: Desk, due: Due) -> None:
        if due.item in known:
            look_after(desk, due)

    return replace(toy(), followers=(Follower("watch", (Opened,), noting),), timers=(TimerKind("look", knowing),))


def _only_what_is_new() -> Offer:
    def fresh(desk: Desk, happened: Happened) -> None:
        if desk.now - happened.at < timedelta(hours=1):
            watch(desk, happened)

    return replace(toy(), followers=(Follower("watch", (Opened,), fresh),))


class Seen(PluginEvent, kind="toy.seen"):
    """an item was seen"""


def _renamed() -> Offer:
    def seen(desk: Desk, due: Due) -> None:
        desk.record(Seen(), desk.item(due.item))

    projections = tuple(one for one in toy().projections if one.name != "looks")
    return replace(toy(), events=(Cared, Watched, Seen), projections=projections, timers=(TimerKind("look", seen),))


def _asks_once() -> Offer:
    asked: set[str] = set()

    def once(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item, if somebody else finds it right."""
        said = care(desk, ask)
        if ask.incident not in asked:
            asked.add(ask.incident)
            desk.ask_first("toy.approve", "two know more than one")
        return said

    return asking(once)


class Told(PluginEvent, kind="toy.told"):
    """everybody was told what an item is called"""

    words: Line


def _tells_later() -> Offer:
    def ask_first(desk: Desk, ask: Care) -> Answer:
        """Say what you do about an item, if somebody else finds it right."""
        said = care(desk, ask)
        desk.ask_first("toy.approve", "two know more than one", at_any_revision=True)
        return said

    def tell(desk: Desk, happened: Happened) -> None:
        item = desk.item(happened.item)
        desk.record(Told(words=str(item.fields["title"])), item)

    offer = asking(ask_first)
    return replace(offer, events=(*offer.events, Told), followers=(*offer.followers, Follower("tell", (Cared,), tell)))


def _telling(run: Callable[[Desk, Tell, Telling], Step | Done], **changed: Any) -> Offer:
    return replace(toy(), jobs=(replace(TELL, run=run, **changed),))


def _counts_steps_in_memory() -> Offer:
    steps = itertools.count()

    def counted(desk: Desk, ask: Tell, so_far: Telling) -> Step | Done:
        """Write down all that is done about items."""
        came = tell(desk, ask, so_far)
        return Done(b"%d" % next(steps)) if isinstance(came, Done) else came

    return _telling(counted)


def _never_ends() -> Offer:
    def again(_desk: Desk, _ask: Tell, so_far: Telling) -> Step:
        """Write down all that is done about items."""
        return Step(so_far)

    return _telling(again, bound=Bound(steps=20))


def _goes_on_by_a_timer() -> Offer:
    def begun(desk: Desk, ask: Tell, so_far: Telling) -> Step | Done:
        """Write down all that is done about items."""
        desk.set_timer("tell", desk.now)
        return tell(desk, ask, so_far)

    def goes_on(desk: Desk, _due: Due) -> None:
        desk.record(Looked())

    tells = TimerKind("tell", goes_on)
    return replace(_telling(begun), timers=(*toy().timers, tells))


def _tells_everybody() -> Offer:
    def telling(desk: Desk, ask: Tell, so_far: Telling) -> Step | Done:
        """Write down all that is done about items."""
        return replace(tell(desk, ask, so_far), tells_of=())

    return _telling(telling)


def _opens_nothing() -> Offer:
    return replace(sending(), acts=(SEND, replace(FINISH, opens="errand")))


def _shows_other_words() -> Offer:
    def embellished(desk: Desk, ask: Announce) -> Announced:
        """Have everybody read something, if somebody else finds it right."""
        item, fields = desk.item(ask.announcement), {"description": ask.words, "status": "published"}
        desk.release(item, fields)
        desk.edit(item, {**fields, "description": f"{ask.words} We are sorry."})
        desk.ask_first("toy.approve", "everybody reads it")
        return Announced(announcement=desk.called(item))

    return replace(announcing(), acts=(DRAFT, replace(ANNOUNCE, run=embellished)))


def _lets_out_by_itself() -> Offer:
    def alone(desk: Desk, ask: Announce) -> Announced:
        """Have everybody read something."""
        item, fields = desk.item(ask.announcement), {"description": ask.words, "status": "published"}
        own: Any = desk  # what a desk has, and shows to no plugin
        for here in clearance.places(own.engine, item.kind):
            sha = clearance.sha(clearance.rendered(here, {**item.fields, **fields}))
            own.within(partial(_released, item, here, sha, desk.now))
        desk.edit(item, fields)
        return Announced(announcement=desk.called(item))

    return replace(announcing(), acts=(DRAFT, replace(ANNOUNCE, run=alone, asks_first=())))


def _released(item: Any, here: Connected, sha: str, now: datetime, tx: Transaction) -> None:
    clearance.release(tx, item.id, here, sha, now, 1)


def _takes_anything() -> Offer:
    def heedless(desk: Desk, ask: Errand) -> ErrandShown:
        """Say that an errand is done."""
        row: Any = desk.rows.first(select(SENT).where(SENT.c.subject == desk.item(ask.errand).uid))
        of = str(row.of)
        return finish(desk, ask).model_copy(update={"of": of})

    return replace(sending(), acts=(SEND, replace(FINISH, run=heedless, kind="")))


def _keeps_the_store() -> Offer:
    kept = threading.local()

    def keeping(desk: Desk, due: Due) -> None:
        look_after(desk, due)
        held = desk.engine.store.write()  # type: ignore[attr-defined]  # what a desk has, and shows to no plugin
        held.__enter__()
        kept.held = held

    return replace(toy(), timers=(TimerKind("look", keeping),))


_BESIDE: Final = "test_where_it_raises_or_hangs_no_other_plugin_is_delayed"
_ONCE: Final = "test_what_it_does_by_itself_is_done_once_over_restarts_clock_steps_and_two_workers"
_PAGES: Final = "test_a_list_shows_each_of_10_000_rows_once"
_OUTSIDE: Final = "test_nothing_is_read_outside_but_what_somebody_else_approved_byte_for_byte"
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
        "one of many timers that remembers in memory that it fired",
        _remembers_the_twelfth,
        "test_what_it_does_by_itself_is_done_once_wherever_it_was_cut_off",
        "too few",
    ),
    Saboteur(
        "words that are a format",
        _formats,
        "test_hostile_words_are_refused_in_a_sentence_or_kept_as_they_are",
        "ends in TypeError",
    ),
    Saboteur("a title that is a format", _formats_titles, "test_an_item_may_say_anything", "ends in TypeError"),
    Saboteur("rows that depend on memory", _counts_in_memory, _REBUILD, "made anew from the journal is not what"),
    Saboteur(
        "rows that belong to everybody",
        _told_to_all,
        "test_nothing_of_a_restricted_item_is_in_an_outsiders_answer",
        "which is of a restricted item",
    ),
    Saboteur(
        "words of an item in a row of something else",
        _kept_for_all,
        "test_no_text_of_an_item_is_in_a_row_of_anything_else",
        "its subject is 'last words'",
    ),
    Saboteur("an order in which rows share a place", _loses_rows, _PAGES, "some are lost"),
    Saboteur("a query for each row", _asks_for_each, _PAGES, "queries for 1000 rows"),
    Saboteur("a timer that sets itself for what is over", _endless, _ONCE, "times too often"),
    Saboteur("a timer that knows only what this process saw", _forgets, _ONCE, "too few"),
    Saboteur(
        "a follower that passes over what is old",
        _only_what_is_new,
        "test_what_happens_while_it_is_set_aside_is_not_lost",
        "is lost",
    ),
    Saboteur("an event that is called otherwise", _renamed, "test_what_was_ever_recorded_is_read", "offered no more"),
    Saboteur(
        "an act that takes whoever asks twice for somebody else",
        _asks_once,
        "test_what_asks_first_is_done_by_somebody_elses_leave_alone",
        "done at once",
    ),
    Saboteur(
        "a follower that writes what nobody has approved",
        _tells_later,
        "test_nothing_is_written_that_whoever_approved_it_had_not_seen",
        "changed after it was shown",
    ),
    Saboteur(
        "an act that shows other words than were approved",
        _shows_other_words,
        _OUTSIDE,
        "is not what is read outside",
    ),
    Saboteur(
        "an act that has something be read outside by its own leave",
        _lets_out_by_itself,
        _OUTSIDE,
        "that nobody else has approved",
    ),
    Saboteur(
        "a job that counts its steps in memory",
        _counts_steps_in_memory,
        "test_what_it_does_by_itself_is_done_once_wherever_it_was_cut_off",
        "its jobs came to",
    ),
    Saboteur(
        "a job that never ends",
        _never_ends,
        "test_every_job_comes_to_its_end_and_tells_whoever_has_the_right",
        "does not come to its end",
    ),
    Saboteur(
        "a job that goes on by a timer",
        _goes_on_by_a_timer,
        "test_of_a_cancelled_job_nothing_goes_on",
        "goes on happening",
    ),
    Saboteur(
        "a job that does not say of which items it tells",
        _tells_everybody,
        "test_what_a_job_came_to_tells_an_outsider_nothing_of_a_restricted_item",
        "which is of a restricted item",
    ),
    Saboteur(
        "an act that does not open what it says",
        _opens_nothing,
        "test_an_act_opens_items_of_the_kind_that_it_declares",
        "opened nothing, and declares that it opens errand",
    ),
    Saboteur(
        "an act that takes every item for one of its kind",
        _takes_anything,
        "test_an_item_of_another_kind_is_refused_in_a_sentence_or_taken",
        "ends in AttributeError",
    ),
    Saboteur("a timer that keeps the store for itself", _keeps_the_store, _BESIDE, "is delayed"),
    Saboteur("a timer that nothing sets", _never_fires, _REBUILD, "never fired"),
)

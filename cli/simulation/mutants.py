"""Planted bugs: the engine with one rule of its protocol left out, inside this process and for as long as it takes.

A simulation that finds nothing is only worth something when it finds these. Each was a bug of somebody's once: of the
tools that came before, of the prototype, or of ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import ModuleType
from typing import Any, Final

from tieline.adapters.memory import adapter as memory
from tieline.adapters.memory.adapter import MemoryAdapter
from tieline.cli.simulation.shape import MEMORY
from tieline.cli.simulation.shipped.mutants import ADAPTER_MUTANTS
from tieline.cli.simulation.tickets import SimulatedTool
from tieline.core.errors import Gone, StoreUnavailable, TryAgain
from tieline.core.listing import Understood
from tieline.core.model import ABSENT, Visibility, instant, parse_instant
from tieline.core.port import Act, Cursor
from tieline.mappings import board as shown_alerts
from tieline.sync import (
    absence,
    acts,
    board,
    comments,
    commit,
    creation,
    deliver,
    fitting,
    flaps,
    inbox,
    judging,
    lane,
    merge,
    poll,
    read,
    reconcile,
    reraise,
    road,
    signals,
    tokens,
    unfit,
)
from tieline.sync.intake import Intake
from tieline.sync.jobs import lease
from tieline.sync.lane import Lane
from tieline.sync.merge import Reason, Settled
from tieline.sync.outcomes import Done, Outcome, Then, Verb
from tieline.sync.records import Intent, ReplicaState

Patch = tuple[Any, str, Any]
"""Where, which name, and what stands there instead."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug, in words and as patches."""

    words: str
    patches: Callable[[], Sequence[Patch]]
    tools: str = MEMORY
    """Among which tools it shows; see `Plan.drawn`."""


class _Instead:
    """A module of which some functions are others, for one of its users."""

    def __init__(self, module: ModuleType, others: Mapping[str, Any]) -> None:
        self._module, self._others = module, others

    def __getattr__(self, name: str) -> Any:
        return self._others[name] if name in self._others else getattr(self._module, name)


def _seen_by(user: ModuleType, name: str, **others: Any) -> Patch:
    """`user` sees these functions instead of the ones in its module `name`."""
    return user, name, _Instead(getattr(user, name), others)


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The engine with this bug; "" is the engine as it is."""
    patches = list(MUTANTS[name].patches()) if name else []
    before = [(owner, attribute, vars(owner)[attribute]) for owner, attribute, _broken in patches]
    try:
        for owner, attribute, broken in patches:
            setattr(owner, attribute, broken)
        yield
    finally:
        for owner, attribute, whole in before:
            setattr(owner, attribute, whole)


def _nothing(*_args: Any, **_others: Any) -> None:
    return None


# -- creating ------------------------------------------------------------------------------------------------------


def _no_intent() -> Sequence[Patch]:
    save = creation.rows.save_replica

    def forgetful(tx: Any, replica: Any) -> None:
        if replica.state is not ReplicaState.IN_DOUBT or replica.intended is None:
            save(tx, replica)

    # What was wanted at a start is looked for first: that layer would cover for this one.
    return [
        _seen_by(creation, "rows", save_replica=forgetful),
        _seen_by(lane, "rows", any_wanted=lambda *_args: False),
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

    def trusting(tx: Any, engine: Any, here: Any, replica: Any, sighting: Any, *moment: Any) -> None:
        # What a tool tells of a record's birth would cover for it.
        unborn = replace(sighting, reading=replace(sighting.reading, born=None))
        adopt(tx, engine, here, replace(replica, intent=Intent(engine.clock.now(), sighting.fields)), unborn, *moment)

    return [(creation, "adopt", trusting)]


def _no_way_made() -> Sequence[Patch]:
    return [(creation, "_make_way", _nothing)]


def _comments_left_at_adoption() -> Sequence[Patch]:
    return [(creation, "with_comments", lambda _here, reading: reading)]


def _second_copy_of_our_own() -> Sequence[Patch]:
    # A record with one of our tokens opens no incident, whoever's it is: that layer would cover for this one.
    return [(road, "_ours", _nothing), (road, "TOKEN_PREFIX", "nobody's-")]


def _forgotten_not_looked_for() -> Sequence[Patch]:
    # There are three reasons to doubt. And where polls bring a record before it is made again, its token tells whose it
    # is: each would cover for the others.
    return [
        (commit, "_may_be_there", lambda *_args: False),
        _seen_by(lane, "rows", any_wanted=lambda *_args: False),
        (creation, "shows_strangers", lambda *_args: False),
        (road, "_ours", _nothing),
    ]


def _tokens_by_chance() -> Sequence[Patch]:
    return [_seen_by(commit, "tokens", token=_another_token)]


def _another_token(_store_name: str, origin: str, connection: Any) -> Any:
    return tokens._token(f"{origin} {connection} {next(_chances)}")


_chances = itertools.count()


# -- updating ------------------------------------------------------------------------------------------------------


def _no_ledger() -> Sequence[Patch]:
    save = deliver.rows.save_replica
    return [_seen_by(deliver, "rows", save_replica=lambda tx, one: save(tx, replace(one, ledger={})))]


def _ledger_taken_for_done() -> Sequence[Patch]:
    def believing(replica: Any, name: str, theirs: Any, *, wrote: bool) -> Any:  # noqa: ARG001 - the signature of what it replaces
        attempts = replica.ledger.get(name, ())
        return attempts[-1].written if attempts else replica.base.get(name, ABSENT)

    return [(reconcile, "_settle_ledger", believing)]


def _ledger_taken_for_failed() -> Sequence[Patch]:
    def doubting(replica: Any, name: str, theirs: Any, *, wrote: bool) -> Any:  # noqa: ARG001 - the signature of what it replaces
        return replica.base.get(name, ABSENT)

    return [(reconcile, "_settle_ledger", doubting)]


def _edited_by_nobody(rule: str) -> Callable[[], Sequence[Patch]]:
    """A rule about what tools do by themselves finds nothing: whatever they did is then taken for an edit."""
    return lambda: [(reconcile, rule, _nothing)]


def _clock_taken_for_a_person() -> Sequence[Patch]:
    sight = read.sight

    def blind(*args: Any, **others: Any) -> Any:
        return replace(sight(*args, **others), automatic=frozenset())

    return [(road, "sight", blind), (read, "sight", blind)]


def _decision_not_carried_out() -> Sequence[Patch]:
    wanted = reconcile.wanted

    def reluctant(replica: Any, projection: Any, mapping: Any) -> Any:
        return wanted(
            replace(replica, holds={n: replace(h, again=False) for n, h in replica.holds.items()}), projection, mapping
        )

    return [(commit, "wanted", reluctant), (deliver, "wanted", reluctant)]


def _clean_before_written() -> Sequence[Patch]:
    save = deliver.rows.save_replica

    def early(tx: Any, replica: Any) -> None:
        save(tx, replace(replica, dirty=False, dirty_since=None) if replica.ledger else replica)

    return [_seen_by(deliver, "rows", save_replica=early)]


def _no_version_on_write() -> Sequence[Patch]:
    write = SimulatedTool.write

    def blunt(self: Any, ref: str, patch: Any, seen: str) -> Any:  # noqa: ARG001 - the signature of what it replaces
        self.oddities.before_write(ref)
        return write(self, ref, patch, self.version_of(ref))

    return [(SimulatedTool, "write", blunt)]


def _overwritten_untold() -> Sequence[Patch]:
    def asking_nobody(_here: Any, _replica: Any, sighting: Any, _names: Any) -> Any:
        return sighting

    return [(module, "with_replaced", asking_nobody) for module in (deliver, road, read)]


def _overwritten_in_doubt_untold() -> Sequence[Patch]:
    ask = deliver.with_replaced

    def only_after_an_answer(here: Any, replica: Any, sighting: Any, names: Any) -> Any:
        return sighting if replica.ledger else ask(here, replica, sighting, names)

    return [(module, "with_replaced", only_after_an_answer) for module in (deliver, road, read)]


def _base_not_advanced() -> Sequence[Patch]:
    decide = commit.reconcile

    def stuck(incident: Any, replica: Any, *args: Any, **others: Any) -> Any:
        decision = decide(incident, replica, *args, **others)
        return replace(decision, base=replica.base) if replica.base else decision

    return [(commit, "reconcile", stuck)]


def _no_breaker() -> Sequence[Patch]:
    # Who answers whom is counted beside the values that come back: each would find what the other one misses.
    return [
        _seen_by(deliver, "limits", oscillation=lambda *_args: ""),
        (deliver, "_volley", lambda *_args: ""),
    ]


# -- reading -------------------------------------------------------------------------------------------------------


def _strict_cursor() -> Sequence[Patch]:
    start = MemoryAdapter._start

    def after(self: Any, since: Any) -> str:
        found = start(self, since)
        return found if since is None else instant(parse_instant(found) + timedelta(microseconds=1))

    return [(MemoryAdapter, "_start", after)]


def _cursor_of_our_clock() -> Sequence[Patch]:
    put_page = inbox.put_page

    def ours(tx: Any, name: Any, page: Any, fresh: Any, asked: int, now: Any) -> None:
        if not page.cursor.startswith("e1:"):
            page = replace(page, cursor=Cursor(instant(now)))
        put_page(tx, name, page, fresh, asked, now)

    return [_seen_by(poll, "inbox", put_page=ours)]


def _cursor_before_rows() -> Sequence[Patch]:
    def hasty(engine: Any, here: Any) -> poll.Pass:
        with engine.store.read() as connection:
            (since, _before), asked = poll.last_pass(connection, here.name), inbox.head(connection)
        for page in here.source.changes(since):
            with engine.store.write() as tx:
                inbox.put_page(tx, here.name, page, (), asked, engine.clock.now())
            with engine.store.write() as tx:
                news = [(one.ref, one) for one in page.readings]
                inbox.put(tx, here.name, news, asked=asked, now=engine.clock.now())
        return poll.Pass(0, 0, None)

    return [(poll, "poll", hasty)]


def _ack_before_store() -> Sequence[Patch]:
    store = Intake.store

    def polite(self: Any, batch: Any) -> list[bool]:
        try:
            return store(self, batch)
        except StoreUnavailable:
            return [True for _item in batch]

    return [(Intake, "store", polite)]


def _done_before_work() -> Sequence[Patch]:
    travel = road.travel

    def hasty(engine: Any, here: Any, item: Any) -> None:
        road._drop(engine, item)
        travel(engine, here, item)

    return [(road, "travel", hasty)]


def _failed_is_forgotten() -> Sequence[Patch]:
    def forget(tx: Any, item: Any, *_args: Any) -> None:
        inbox.done(tx, item)

    return [(inbox, "later", forget)]


def _late_reading_believed() -> Sequence[Patch]:
    def trusting(engine: Any, here: Any, item: Any, known: Any) -> Any:  # noqa: ARG001 - the signature of what it replaces
        if item.reading is None:
            return road.read(engine, here, item.ref)
        return road.sight(engine, here, road.with_comments(here, item.reading), asked=item.asked)

    return [(road, "_look", trusting)]


def _echo_by_author() -> Sequence[Patch]:
    def ours(item: Any, known: Any) -> bool:  # noqa: ARG001 - the signature of what it replaces
        return known is not None and bool(known.trail)

    return [(road, "_tells_nothing", ours)]


def _doubt_forgotten() -> Sequence[Patch]:
    def same(item: Any, known: Any) -> bool:
        return item.reading is not None and known is not None and known.version == item.reading.version

    clean = deliver.fresh

    def voided(engine: Any, here: Any, replica: Any) -> None:
        deliver._void(engine, replica.id)
        with engine.store.read() as connection:
            known = deliver.rows.load_replica(connection, replica.id)
        clean(engine, here, known or replica)

    return [(road, "_tells_nothing", same), (deliver, "fresh", voided)]


def _clock_trusted() -> Sequence[Patch]:
    def due(self: Any, now: Any) -> bool:
        return self.poll_at is None or bool(self.poll_at <= now)

    return [(Lane, "_poll_is_due", due)]


def _forged_taken() -> Sequence[Patch]:
    return [(MemoryAdapter, "verify", _nothing)]


# -- merging and spreading -----------------------------------------------------------------------------------------


def _conflicts_untold() -> Sequence[Patch]:
    decide = commit.reconcile
    return [(commit, "reconcile", lambda *args, **others: replace(decide(*args, **others), conflicts={}))]


def _first_come_wins() -> Sequence[Patch]:
    def ours_first(base: Any, ours: Any, *_args: Any) -> Settled:  # noqa: ARG001 - the signature of what it replaces
        return Settled(ours, Reason.LATEST_OURS)

    return [(merge, "_both_changed", ours_first)]


def _sets_replaced() -> Sequence[Patch]:
    return [
        (merge, "unite", lambda _base, _ours, theirs: theirs),
        (reconcile, "absorb", lambda _whole, _base, theirs, _shown: theirs),
    ]


def _parked_for_a_field() -> Sequence[Patch]:
    # What covers it: a copy that was refused is tried once more when the tool takes the value again.
    return [(unfit, "go_on", lambda *_args: False), (fitting, "resume", _nothing)]


def _page_for_a_record() -> Sequence[Patch]:
    def all_or_nothing(items: Any, understand: Any, _named: Any) -> Any:
        return Understood([understand(item) for item in items], [])

    return [(memory, "understood", all_or_nothing)]


def _third_copy_unmarked() -> Sequence[Patch]:
    mark = commit.mark

    def partly(copy: Any, incident: Any, connected: Any, now: Any, *, moved: bool) -> Any:
        if connected.name == "third" and copy.ref is not None:
            return copy
        return mark(copy, incident, connected, now, moved=moved)

    return [(commit, "mark", partly)]


def _edits_here_unspread() -> Sequence[Patch]:
    spread = commit.spread

    def silent(tx: Any, engine: Any, incident: Any, **others: Any) -> None:
        if others:
            spread(tx, engine, incident, **others)

    return [(commit, "spread", silent)]


def _empty_is_absent() -> Sequence[Patch]:
    decide = commit.reconcile

    def blind(incident: Any, replica: Any, sighting: Any, *args: Any, **others: Any) -> Any:
        known = {name: value for name, value in sighting.fields.items() if value is not None}
        return decide(incident, replica, replace(sighting, fields=known), *args, **others)

    return [(commit, "reconcile", blind)]


# -- comments ------------------------------------------------------------------------------------------------------


def _comment_token_ignored() -> Sequence[Patch]:
    return [(comments, "is_copy", lambda *_args: False)]


def _comment_not_begun() -> Sequence[Patch]:
    return [(comments, "begin", _nothing), (comments, "take_in", _without_sending(comments.take_in))]


def _without_sending(take_in: Any) -> Any:
    """Beside a missing mark, the poll would still recognize the twin by its token; without the mark it cannot."""

    def blind(tx: Any, engine: Any, here: Any, replica: Any, comments: Any) -> Any:
        return take_in(tx, engine, here, replica, [one for one in comments if not one.ours])

    return blind


def _comment_not_searched() -> Sequence[Patch]:
    return [(comments, "search", _nothing), (comments, "take_in", _without_sending(comments.take_in))]


def _comment_tokens_by_chance() -> Sequence[Patch]:
    def another(_tx: Any, store_name: str, origin: str, connection: Any, _ref: Any) -> Any:
        return _another_token(store_name, origin, connection)

    return [_seen_by(comments, "tokens", for_comment=another)]


def _without_doubt(wish: Any) -> Any:
    return lambda tx, engine, incident, _may_be_there=None: wish(tx, engine, incident, lambda _number: False)


def _comments_made_again_after_a_restore() -> Sequence[Patch]:
    return [
        (comments, "wish", _without_doubt(comments.wish)),
        _seen_by(lane, "comments", any_wanted=lambda *_args: False),
        (comments, "take_in", _without_sending(comments.take_in)),
    ]


def _comments_shown_wider() -> Sequence[Patch]:
    outgoing = comments.outgoing

    def public(*args: Any) -> Any:
        return [replace(one, visibility=Visibility.PUBLIC) for one in outgoing(*args)]

    return [(comments, "outgoing", public)]


def _late_copies_without_comments() -> Sequence[Patch]:
    return [_seen_by(commit, "comments", wish=_nothing)]


# -- signals -------------------------------------------------------------------------------------------------------


def _one_incident_per_alert() -> Sequence[Patch]:
    return [_seen_by(signals, "groups", standing=lambda *_args: {})]


def _late_alert_believed() -> Sequence[Patch]:
    again = signals._again

    def trusting(tx: Any, engine: Any, here: Any, signal: Any, sighting: Any, *known: Any) -> Any:
        return again(tx, engine, here, signal, replace(sighting, asked=max(sighting.asked, 1)), *known)

    return [(signals, "_again", trusting), (poll, "_ask_again", _nothing)]


def _end_not_asked_for() -> Sequence[Patch]:
    return [(poll, "_ask_again", _nothing)]


def _forgotten_alert_fires_on() -> Sequence[Patch]:
    return [(signals, "end_forgotten", _nothing)]


def _mass_end_believed() -> Sequence[Patch]:
    judge = absence.judge

    def believing(*args: Any, **others: Any) -> absence.Verdict:
        return judge(*args, **{**others, "many": None})

    return [(absence, "judge", believing)]


def _silence_left_behind() -> Sequence[Patch]:
    wanted = acts.wanted_act

    def staying(status: Any, acted: str, **others: Any) -> str:
        act = wanted(status, acted, **others)
        return Act.ACKNOWLEDGE.value if acts.may_be_silent(acted) else act

    return [(acts, "wanted_act", staying)]


# -- turns ---------------------------------------------------------------------------------------------------------


def _no_fence() -> Sequence[Patch]:
    return [(lease, "hold", _nothing)]


def _no_permit() -> Sequence[Patch]:
    return [(lease, "permit", lambda *_args: _nothing)]


def _sweep_sees_polls_only() -> Sequence[Patch]:
    def drowsy(connection: Any, lane: Any, now: Any) -> bool:
        row = connection.execute(lease._LEASE, {"lane": lane}).first()
        return row is None or row.poll_at is None or bool(row.poll_at <= now)

    return [(lease, "is_due", drowsy)]


# -- what alerts do to an incident -----------------------------------------------------------------------------------


def _severity_stays() -> Sequence[Patch]:
    def as_it_is(_tx: Any, _engine: Any, incident: Any, _signal: Any) -> Any:
        return incident

    return [(judging, "rises", lambda *_args: {}), (judging, "catch_up", as_it_is)]


def _board_stale() -> Sequence[Patch]:
    return [(board, "soon", _nothing)]


def _block_taken_for_an_edit() -> Sequence[Patch]:
    return [(shown_alerts, "split", lambda written: (written, None))]


def _flap_is_a_fight() -> Sequence[Patch]:
    # Holding what flaps keeps it from the breaker, too.
    return [
        _seen_by(deliver, "limits", moved_by_others=lambda trail, _moved: trail),
        (flaps, "hold", lambda *_args: timedelta(0)),
    ]


def _not_raised_again() -> Sequence[Patch]:
    return [(reraise, "look_again", _nothing)]


MUTANTS: Final[Mapping[str, Mutant]] = {
    "severity-stays": Mutant("an alert that is worse than its incident does not raise it", _severity_stays),
    "board-stale": Mutant("tickets are not told which alerts joined and ended", _board_stale),
    "block-taken-for-an-edit": Mutant("the block of alerts is taken for somebody's text", _block_taken_for_an_edit),
    "flap-is-a-fight": Mutant("an alert that flaps trips the breaker", _flap_is_a_fight),
    "not-raised-again": Mutant("what somebody resolved stays so, however long it fires", _not_raised_again),
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
    "no-ledger": Mutant("a write is not written down before it is sent", _no_ledger),
    "ledger-taken-for-done": Mutant("a write in doubt is taken for done", _ledger_taken_for_done),
    "ledger-taken-for-failed": Mutant("a write in doubt is taken for failed", _ledger_taken_for_failed),
    "default-taken-for-an-edit": Mutant("a new record's defaults are taken for edits", _edited_by_nobody("_default")),
    "birth-taken-for-an-edit": Mutant(
        "what a new record shows instead of what it was made with is an edit", _edited_by_nobody("_unlike_what_we_made")
    ),
    "altered-taken-for-an-edit": Mutant(
        "what a tool makes of our write is taken for an edit", _edited_by_nobody("_unlike_what_we_wrote")
    ),
    "consequence-taken-for-an-edit": Mutant(
        "what a tool computes from our write is taken for an edit", _edited_by_nobody("_consequence")
    ),
    "clock-taken-for-a-person": Mutant("what a tool's own clock did is taken for an edit", _clock_taken_for_a_person),
    "decision-not-carried-out": Mutant(
        "what a person decided about a held field is not written", _decision_not_carried_out
    ),
    "clean-before-written": Mutant("the dirty mark goes before the write", _clean_before_written),
    "no-version-on-write": Mutant("a write names no version", _no_version_on_write),
    "overwritten-untold": Mutant("nobody asks what a write replaced", _overwritten_untold),
    "overwritten-in-doubt-untold": Mutant(
        "nobody asks what a write replaced whose answer was lost", _overwritten_in_doubt_untold
    ),
    "base-not-advanced": Mutant("what both sides agree on is not remembered", _base_not_advanced),
    "no-breaker": Mutant("two rules that fight are let go on for ever", _no_breaker),
    "strict-cursor": Mutant("a cursor excludes its own moment", _strict_cursor),
    "cursor-of-our-clock": Mutant("a cursor is taken from our own clock", _cursor_of_our_clock),
    "cursor-before-rows": Mutant("a cursor is stored before what it covers", _cursor_before_rows),
    "ack-before-store": Mutant("a webhook is answered 200 though it was not stored", _ack_before_store),
    "done-before-work": Mutant("a row leaves the inbox before its work is done", _done_before_work),
    "failed-is-forgotten": Mutant("a record that could not be read now is dropped", _failed_is_forgotten),
    "late-reading-believed": Mutant("a reading from before our write is believed", _late_reading_believed),
    "echo-by-author": Mutant("whatever a copy shows after our writes is taken for our echo", _echo_by_author),
    "doubt-forgotten": Mutant("a write in doubt is forgotten before anybody looked", _doubt_forgotten),
    "clock-trusted": Mutant("a poll waits for a moment that our clock was set back from", _clock_trusted),
    "forged-taken": Mutant("a webhook's signature is not checked", _forged_taken),
    "conflicts-untold": Mutant("a value that loses is not written down", _conflicts_untold),
    "first-come-wins": Mutant("of two edits the first one stands, and nobody is told", _first_come_wins),
    "sets-replaced": Mutant("tags that both sides changed are replaced, not united", _sets_replaced),
    "parked-for-a-field": Mutant("a value that a tool refuses puts the whole copy aside", _parked_for_a_field),
    "page-for-a-record": Mutant("one odd record costs the page that lists it", _page_for_a_record),
    "third-copy-unmarked": Mutant("a third copy does not hear of changes", _third_copy_unmarked),
    "edits-here-unspread": Mutant("an edit made in Tieline marks no copy", _edits_here_unspread),
    "empty-is-absent": Mutant("a cleared field counts as not known", _empty_is_absent),
    "comment-token-ignored": Mutant("our own comments are not known again", _comment_token_ignored),
    "comment-not-begun": Mutant("a comment is not written down before it is sent", _comment_not_begun),
    "comment-not-searched": Mutant("a comment in doubt is sent again without a look", _comment_not_searched),
    "comment-tokens-by-chance": Mutant(
        "a store that was put back does not know the comments that it copied", _comment_tokens_by_chance
    ),
    "copied-comments-not-looked-for": Mutant(
        "a store that was put back copies comments without a look", _comments_made_again_after_a_restore
    ),
    "comments-shown-wider": Mutant("every comment is copied as public", _comments_shown_wider),
    "late-copies-without-comments": Mutant("a copy made later gets no earlier comments", _late_copies_without_comments),
    "one-incident-per-alert": Mutant("alerts are not grouped", _one_incident_per_alert),
    "late-alert-believed": Mutant("a late webhook makes an ended alert fire again", _late_alert_believed),
    "end-not-asked-for": Mutant("an alert that only a webhook told of is never asked for again", _end_not_asked_for),
    "forgotten-alert-fires-on": Mutant("an alert that its source forgot is not ended", _forgotten_alert_fires_on),
    "no-fence": Mutant("a worker that wakes up in another one's turn writes on", _no_fence),
    "no-permit": Mutant("a worker that wakes up in another one's turn asks nobody before it calls", _no_permit),
    "sweep-sees-polls-only": Mutant("a lane whose wake-up was lost sleeps until its next poll", _sweep_sees_polls_only),
    "mass-end-believed": Mutant("a listing that lacks most alerts ends them all", _mass_end_believed),
    "silence-left-behind": Mutant(
        "a silence is not taken back when nobody works on the incident any more",
        _silence_left_behind,
        "left,right,alertmanager",
    ),
    **{name: Mutant(*planted_there) for name, planted_there in ADAPTER_MUTANTS.items()},
}
"""Every planted bug, by name."""

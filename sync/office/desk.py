"""The desk at which an act decides: what it looked at, and what it noted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NoReturn

from tieline.core import erasing, grants, holds, journal, standings, timers
from tieline.core.access import PEOPLE, Relation, Rule, Standing, Subject, Verdict
from tieline.core.acts import LASTS, Acts, Approval, AskFirst, NotDone, Withheld
from tieline.core.arguments import Ask
from tieline.core.desk import Item
from tieline.core.erasing import Again
from tieline.core.errors import Misfit, NotAllowed
from tieline.core.events import Cleared, Event, Fact
from tieline.core.identity import Actor, Someone, called, is_id, is_proved
from tieline.core.model import OWN_KINDS, Audience, Fields, IncidentId, ItemKind, RecordKind, instant
from tieline.core.offer import Offer
from tieline.core.policy import Policy
from tieline.core.projections import Happened, Projection, RowsSeen
from tieline.core.settings import no_such
from tieline.core.store.store import Connection, Transaction
from tieline.core.store.tombstones import Tombstone
from tieline.core.traces import FIRST, Erasing, Place, Traces, traces
from tieline.sync import loading, proposals, restricting
from tieline.sync.comments import comments
from tieline.sync.engine import Connected, Engine
from tieline.sync.office import deciding, jobs, notes, projecting
from tieline.sync.office.asking import Asker, Lacking
from tieline.sync.office.notes import Note
from tieline.sync.office.rows import rows_of
from tieline.sync.office.seeing import Seeing
from tieline.sync.office.writing import checked
from tieline.sync.policies import Held
from tieline.sync.records import Incident
from tieline.sync.road import clearance, commit
from tieline.sync.road.merge import Reason
from tieline.sync.sight import OUTSIDER, Sight, subject_of

Effect = Callable[[Transaction], object]
May = Callable[[Connection | Transaction, str, Subject], Verdict]
"""Whether whoever asks may do this to that, at that moment."""


def nobody(_seen_in: Connection | Transaction, _right: str, _subject: Subject) -> Verdict:
    """No."""
    return Verdict(False, Rule.NO_RIGHT)


LONGEST_TIMER_KEY: Final = 200

AT_ONCE: Final = timedelta(seconds=1)
"""A timer that is set for sooner than this is brought about by what set it, and not by the time that passes."""


class Moved(Exception):
    """What was looked at inside the transaction is not what was locked for it."""


@dataclass(slots=True)
class Made:
    """What a note made, once it was carried out."""

    made: int | None = None

    @property
    def number(self) -> int:
        """Its number. Raises LookupError before it is there."""
        if self.made is None:
            raise LookupError("what was noted is not carried out yet; answer with a function that is called then")
        return self.made


@dataclass(slots=True)
class MadeItem:
    """An item that a note opens, once it was carried out."""

    kind: RecordKind
    fields: Fields
    mark: str
    """What it is called where it is not there yet."""
    made: Incident | None = None
    label: str = ""
    """What it is called instead of its number: it is a part of what is restricted."""

    @property
    def item(self) -> Incident:
        """The item. Raises LookupError before it is there."""
        if self.made is None:
            raise LookupError("what was noted is not carried out yet; answer with a function that is called then")
        return self.made

    @property
    def id(self) -> IncidentId:
        return self.item.id

    @property
    def uid(self) -> str:
        """What it is known by for ever."""
        return self.item.uid

    @property
    def number(self) -> str:
        """The number people use: `INC-12`."""
        return self.item.number

    @property
    def revision(self) -> int:
        return self.item.revision

    @property
    def is_open(self) -> bool:
        return self.item.is_open

    @property
    def restricted(self) -> bool:
        return self.item.restricted


def _mark(item: Item | None) -> str | None:
    """What stands for an item among notes: its id, or how one is called that is not there yet."""
    if isinstance(item, MadeItem):
        return item.mark
    return None if item is None else item.uid


@dataclass(frozen=True, slots=True)
class Whose:
    """Who decides at a desk, and what that may come to. `records` are the kinds of events that may be noted; `rights`
    are those of whoever is not a person: a person was asked for theirs. `asks_first` are the rights of others who may
    be asked first."""

    name: str
    actor: Actor
    records: Collection[type[Event]] = ()
    offer: Offer | None = None
    rights: frozenset[str] | None = None
    asks_first: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Around:
    """What is known around a desk, for an act that has another one done: all that can be done, and who asks, as of
    now."""

    acts: Acts
    asker: Callable[[], Asker]


@dataclass(slots=True)
class EngineDesk(Seeing):
    """One act at one moment. `within` is for the engine's own acts: a plugin has what `Desk` has."""

    engine: Engine
    seen_in: Connection | Transaction
    whose: Whose
    now: datetime
    sight: Sight = OUTSIDER
    """What whoever asks sees."""
    may: May = nobody
    looked_at: dict[IncidentId, Incident] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    """The projections that were read, each with the last entry that was in it."""
    rests: dict[str, int] = field(default_factory=dict)
    """The policies as they are now that were read, each with its revision; 0 for what is shipped."""
    timers: set[str] = field(default_factory=set)
    """The keys of the timers that are set, taken back or fired."""
    effects: list[Effect] = field(default_factory=list)
    holds: list[Effect] = field(default_factory=list)
    is_over: bool = False
    notes: list[Note | None] = field(default_factory=list)
    """The same as somebody sees it who is to approve; None for what nobody can be shown."""
    approval: Approval | None = None
    """Who is to be asked first."""
    has_leave: bool = False
    """Whether somebody was, or whoever asks does it at once."""
    breaks_glass: bool = False
    """Whether whoever asks does it at once."""
    approved_by: tuple[str, ...] = ()
    """The ids of those who approved what was noted, once it is carried out."""
    around: Around | None = None
    forgets: dict[IncidentId, str] = field(default_factory=dict)
    """The items that are forgotten, each with why."""
    offers: list[Offer] = field(default_factory=list)
    """The plugins whose events are noted."""
    held: dict[tuple[str, IncidentId | None], Held] = field(default_factory=dict)

    def end(self) -> None:
        """It is decided: from now on nothing is looked at, and nothing is noted."""
        self.is_over = True

    @property
    def actor(self) -> Actor:
        """Who asks, as was proved."""
        return self.whose.actor

    @property
    def person(self) -> str:
        """The id of whoever asks, as events and rows have it; "" for somebody of whom nothing tells yet."""
        self.refuse_if_over()
        return grants.id_of(self.seen_in, self.actor)

    @property
    def asking(self) -> Someone:
        """Who asks. Raises TypeError where that is a part of Tieline."""
        if isinstance(self.actor, Someone):
            return self.actor
        raise TypeError(f"{self.actor} is nobody who could ask for that")

    def item(self, name: str) -> Incident:
        """The item that is meant by a number or by a ticket. Raises LookupError for none, and for several."""
        found = self.found(name)
        return self.looked_at.setdefault(found.id, found)

    @property
    def rows(self) -> RowsSeen:
        """The rows of the plugin's own tables, of whatever whoever asks may see."""
        return rows_of(self.plugin, self, self.read.setdefault)

    def standing(self, item: Item, right: str, person: str = "", *, owned_store: bool = False) -> Standing:
        """What somebody is to an item now. Where that changes before it is carried out, it is decided anew."""
        self.refuse_if_over()
        asker = self._asker(person, owned_store=owned_store)
        if asker is None:
            return Standing(may=False)
        subject = subject_of(self.seen_in, item.id)

        def find(seen_in: Connection | Transaction) -> Standing:
            return asker.standing(seen_in, right, subject)

        found = find(self.seen_in)

        def hold(tx: Transaction) -> None:
            if find(tx) != found:
                raise Moved

        self.holds.append(hold)
        return found

    def _asker(self, person: str, *, owned_store: bool) -> Asker | None:
        """Whoever asks, or somebody else; None for one whom nobody knows any more."""
        if self.around is not None and person in ("", self.person):
            return self.around.asker()
        known = proposals.known_as(self.seen_in, person)
        if known is None:
            return None
        rules = self.engine.registry.offers.rules
        return Asker(called(known), owned_store, self.now, rules=rules, is_here=False)

    def refuse(self, right: str, by: str, why: str) -> NoReturn:
        """Refuse what somebody has the right to, by a rule of the plugin's policy."""
        raise Lacking(right, Verdict(False, Rule.POLICY, by, why))

    def edit(self, item: Item, fields: Fields) -> None:
        """Note new values; every copy follows."""
        self._ask("incident.edit")
        values, actor = checked(fields, item.kind), self.actor
        self._note(
            notes.edit(_mark(item), values),
            lambda tx: commit.edit(tx, self.engine, item.id, values, actor=actor, reason=Reason.EDITED),
        )

    def open(self, kind: str, fields: Fields, *, of: Item | None = None) -> MadeItem:
        """Note a new item of a kind that the plugin offers, or of Tieline's own; its copies follow."""
        self._ask("incident.edit")
        record, actor = self._kind(kind), self.actor
        values = checked({"title": None, "status": self._kinds[record].first, **fields}, record)
        count = sum(1 for one in self.notes if one is not None and one["does"] == "open")
        made = MadeItem(record, values, f"new {kind} {count + 1}")

        def write(tx: Transaction) -> None:
            whole = None if of is None else of.id
            made.made = commit.open_item(
                tx, self.engine, record, values, actor=actor, reason=Reason.OPENED, part_of=whole
            )
            made.label = restricting.label_of(tx, made.made.id)

        self._note(notes.open_item(made.mark, values, _mark(of)), write)
        return made

    def called(self, item: Item) -> str:
        """How whoever asks calls an item; one that was opened here as it has been called from its beginning on."""
        return item.label if isinstance(item, MadeItem) and item.label else Seeing.called(self, item)

    def comment(self, item: Item, body: str, audience: Audience) -> Made:
        """Note a comment in the name of whoever asks; it goes into every copy that may show it."""
        self._ask("comment.publish" if audience.is_outside else "incident.comment")
        noted, author = Made(), self.actor

        def write(tx: Transaction) -> None:
            noted.made = comments.write(tx, self.engine, item.id, author, body, audience)

        self._note(notes.comment(_mark(item), body, audience), write)
        return noted

    def forget(self, item: Item, why: str) -> None:
        """Note that all that is kept of an item is let go of, for good. Raises OnHold."""
        self._ask("item.forget")
        holds.refuse(self.seen_in, [item.id])
        # Before everything else is written: what says that it was done, and by whom, is to be readable.
        self.within(lambda _tx: None, hold=None if self.forgets else self._let_go, shown=notes.forget(_mark(item), why))
        self.forgets[item.id] = why

    def _let_go(self, tx: Transaction) -> None:
        holds.lock(tx)
        journal.let_go(tx, self.forgets, at=self.now, actor=self.actor)
        tx.on_commit(self.engine.store.forget_keys)
        tx.on_commit(self.engine.store.scrub)

    def forget_results(self, kept: str, before: datetime) -> int:
        """Note that what jobs came to before then is let go of. Raises ValueError for the class of certificates."""
        self._ask("item.forget")
        gone = jobs.expired(self.seen_in, kept, before)

        def write(tx: Transaction) -> None:
            jobs.let_go_of_results(tx, jobs.unheld(tx, gone))
            tx.on_commit(self.engine.store.scrub)

        if gone:
            self.within(write, hold=holds.lock)
        return len(gone)

    def person_meant(self, words: str) -> str:
        """The id of whoever is meant; "" for an e-mail address of which nothing is known by itself."""
        self.refuse_if_over()
        return erasing.meant(self.seen_in, words) or ""

    def forget_person(self, words: str, addresses: Collection[str], reference: str) -> None:
        """Note that all that somebody holds is taken from them, and that what tells of them is found by this reference
        until it is gone. Raises NotDone, and OnHold."""
        self._ask("item.forget")
        erasing.refuse(self.seen_in, words, addresses)

        def hold(tx: Transaction) -> None:
            grants.lock(tx)
            holds.lock(tx)

        def write(tx: Transaction) -> None:
            erasing.begin(tx, words, addresses, reference, at=self.now, actor=self.actor)

        self.within(write, hold=hold, shown=notes.forget_person(words, addresses, reference))

    def people_to_forget_again(self) -> Iterator[Again]:
        """Who was forgotten, and stands in the store again."""
        self._ask("item.forget")
        return (Again(one.case, one.told, self._hold_over(one)) for one in erasing.outstanding(self.seen_in))

    def _hold_over(self, one: Tombstone) -> str:
        try:
            erasing.refuse_again(self.seen_in, one)
        except holds.OnHold as error:
            return str(error)
        return ""

    def items_to_forget_again(self, after: int) -> tuple[tuple[str, ...], int | None]:
        """The ids of some items that were forgotten, and stand in the store again; and behind which to go on."""
        self._ask("item.forget")
        found, last = erasing.items_outstanding(self.seen_in, after)
        return tuple(found), last

    def nothing_to_forget_again(self) -> None:
        """Note that all of that is forgotten again."""
        self._ask("item.forget")
        self.within(lambda tx: tx.hold_journal().catch_up())

    def forget_person_again(self, reference: str) -> None:
        """Note that somebody is to be forgotten again. Raises OnHold."""
        self._ask("item.forget")
        for one in erasing.outstanding(self.seen_in):
            if one.case == reference:
                erasing.refuse_again(self.seen_in, one)

        def hold(tx: Transaction) -> None:
            grants.lock(tx)
            holds.lock(tx)

        def write(tx: Transaction) -> None:
            for one in erasing.outstanding(tx):
                if one.case == reference:
                    erasing.begin_again(tx, one, at=self.now, actor=self.actor)

        self.within(write, hold=hold)

    def forget_traces(
        self, reference: str, place: Place, why: str, *, texts: bool, told: Mapping[str, Any] | None = None
    ) -> Traces:
        """Note that what tells of somebody at one place is let go of. Raises OnHold."""
        self._ask("item.forget")
        person = erasing.of_case(self.seen_in, reference)
        if person is None:
            raise NotDone(f"{reference} is nobody who is to be forgotten")
        someone = erasing.whom(self.seen_in, person)
        found = traces(self.seen_in, someone, place, Erasing(texts, self.now, self.actor, why))
        holds.refuse(self.seen_in, found.items)

        def write(tx: Transaction) -> None:
            if erasing.of_case(tx, reference) != person:
                raise NotDone(f"{reference} is forgotten already")
            holds.refuse(tx, found.items)
            if place == FIRST or found.place is None:
                erasing.keep_beside(tx, reference, told or {})
            for effect in found.effects:
                effect(tx)
            if found.place is None:
                erasing.end(tx, reference)
            tx.on_commit(self.engine.store.scrub)

        self.within(write, hold=holds.lock)
        copies = tuple(copy for one in found.items for copy in self._copies_of(IncidentId(one)))
        return replace(found, copies=copies, effects=())

    def _copies_of(self, item: IncidentId) -> Iterator[str]:
        for one in loading.load_replicas(self.seen_in, item):
            if one.ref is not None:
                yield f"{one.connection} {one.key or one.ref}"

    def relate(self, item: Item, person: str, relation: Relation) -> None:
        """Note that somebody stands so to an item, by the word of the plugin. Raises ValueError for who is nobody, and
        TypeError for a relation that nobody is said to stand in."""
        self._relate("relate", standings.add, item, person, relation)

    def unrelate(self, item: Item, person: str, relation: Relation) -> None:
        """Note that the plugin says so no longer."""
        self._relate("unrelate", standings.remove, item, person, relation)

    def _relate(self, does: str, write: Callable[..., None], item: Item, person: str, relation: Relation) -> None:
        self._ask(PEOPLE)
        if relation not in standings.SAID:
            raise TypeError(f"nobody is said to be the {relation} of an item")
        if not is_id(person) and not is_proved(person):
            raise Misfit(f"{person[:60]!r} is nobody who could sign in; write them like os:ann@db1")
        source = self.plugin.group

        def note(tx: Transaction) -> None:
            who = person if is_id(person) else tx.person(called(person))
            write(tx, who, relation, item.id, source=source, at=self.now, actor=self.actor)

        self._note(notes.relate(does, _mark(item), person, relation), note)

    def record(self, event: Event, item: Item | None = None) -> None:
        """Note that something happened. Raises TypeError for a kind that is not declared."""
        if type(event) not in self.whose.records:
            raise TypeError(f"{self.whose.name!r} does not declare that it records {event.KIND!r}")
        self._note(notes.record(event, _mark(item)), lambda tx: self._recorded(tx, event, item))

    def set_timer(
        self,
        kind: str,
        at: datetime,
        item: Item | None = None,
        *,
        key: str = "",
        facts: Mapping[str, Fact] | None = None,
    ) -> None:
        """Note a timer of a kind that the plugin offers; one is set for each kind, item and key, and moved by setting
        it again. `facts` is what is told when it is due. Raises TypeError for a kind that is not offered."""
        self.refuse_if_over()
        name = self._timer(kind)
        if not isinstance(item, MadeItem):  # nobody else knows of one that is not there yet
            self.timers.add(self._timer_key(kind, item, key))

        def write(tx: Transaction) -> None:
            told: dict[str, Any] = {"incident": None if item is None else item.id, "facts": dict(facts or {})}
            if at < self.now + AT_ONCE:
                told["cause"] = tx.cause
            timers.set_timer(tx, self._timer_key(kind, item, key), name, at, told)

        self._note(notes.set_timer(name, _mark(item), key, facts or {}), write)

    def start(self, job: str, ask: Ask, item: Item | None = None) -> Made:
        """Note that long work is started, of a kind that the plugin offers. Raises TypeError for one that is not."""
        offer = self.plugin
        if job not in {one.name for one in offer.jobs}:
            raise TypeError(f"{offer.group!r} offers no job {job!r}")
        noted, kind = Made(), f"{offer.group}.{job}"

        def begin(tx: Transaction) -> None:
            number = None if item is None else item.id
            noted.made = jobs.begin(tx, self.engine, kind, ask, number, self.actor, self.now)

        self._note(notes.start(kind, _mark(item), ask.plain()), begin)
        return noted

    def cancel_timer(self, kind: str, item: Item | None = None, *, key: str = "") -> None:
        """Note that a timer is taken back; there need not be one. Raises TypeError for a kind that is not offered."""
        row = self._timer_key(kind, item, key)
        self._note(notes.cancel_timer(self._timer(kind), _mark(item), key), lambda tx: timers.cancel(tx, row))
        self.timers.add(row)

    def bind(self, name: str, text: str) -> None:
        """Note a text that leaves from here, byte for byte: whoever approves sees it, and approves these bytes."""
        self._note(notes.bind(name, text), lambda _tx: None)

    def release(self, item: Item, fields: Fields, *, since: datetime | None = None) -> None:
        """Note that others may read what these fields of an item say, wherever it is shown outside, byte for byte."""
        self.refuse_if_over()
        places = clearance.places(self.engine, item.kind)
        values = {**item.fields, **checked(fields, item.kind)}
        fixed = clearance.withdrawal(self.engine, item.kind, values)
        why = clearance.for_few(self.seen_in, item.id)
        if why and not {name for name in fields if values[name] != item.fields.get(name)} <= {*fixed}:
            raise Withheld(item.id, f"{self.called(item)} {why}, and nothing of that is shown outside")
        if not places:
            raise NotDone(f"no connection shows {self.called(item)} outside; add one, such as a status page")
        for here in places:
            try:
                body = clearance.rendered(here, values)
            except ValueError as error:
                raise NotDone(f"{self.called(item)}: {error}") from None
            sha = clearance.sha(body)
            note = notes.release(_mark(item), here.name, body, sha, None if since is None else instant(since))
            self._note(note, partial(self._cleared, item.id, here, sha, since))

    def take_back(self, item: Item) -> None:
        """Note that nothing of an item is approved any more that was to be shown later."""
        self._note(notes.take_back(_mark(item)), lambda tx: clearance.take_back(tx, item.id, self.now))

    def halt(self, *, goes_on: bool = False) -> None:
        """Note that nothing leaves any more for others to read, whatever was approved; or that it does again."""
        self._ask("comment.publish")

        def write(tx: Transaction) -> None:
            if not goes_on:
                clearance.halt(tx, self.now)
                return
            clearance.go_on(tx)
            for number in clearance.parked(tx, self.engine):
                deciding.release(tx, self.engine, "copy", number, actor=self.actor)

        self._note(notes.halt(goes_on=goes_on), write)

    def propose(self, policy: Policy[Any], document: str, why: str) -> None:
        """Have a policy say something else once somebody else approves it. Raises TypeError for one that is not the
        plugin's."""
        offer = self.plugin
        if policy not in offer.policies:
            raise TypeError(f"{offer.group!r} offers no policy {policy.name!r}")
        if self.around is None:
            raise TypeError(f"{self.whose.name!r}: nobody is known who asks for it")
        act = self.around.acts["policy propose"]
        told = {"policy": f"{offer.group}.{policy.name}", "document": document, "why": why}
        act.run(self, act.told(told))

    def ask_first(
        self,
        right: str | tuple[str, ...],
        why: str,
        *,
        authors: Collection[str] = (),
        lasts: timedelta = LASTS,
        at_any_revision: bool = False,
    ) -> None:
        """Have somebody else approve what was noted. Raises AskFirst where nobody did yet, and TypeError for what
        nobody could approve: a right that the act does not declare, or what cannot be shown."""
        rights = (right,) if isinstance(right, str) else right
        strange = sorted({*rights} - {*self.whose.asks_first})
        if strange or not rights:
            raise TypeError(f"{self.whose.name!r} does not declare that it asks {', '.join(strange)} first")
        self._refuse_once_asked()
        if None in self.notes:
            raise TypeError(f"{self.whose.name!r} notes what nobody who is to approve it could be shown")
        self.approval = Approval(rights, why, lasts, frozenset(authors), at_any_revision)
        if not self.has_leave:
            raise AskFirst(self.approval)

    @property
    def shown(self) -> list[Note]:
        """What was noted, as somebody sees it who is to approve it."""
        return [one for one in self.notes if one is not None]

    def stand_on(self, other: EngineDesk) -> None:
        """Have what was decided at another desk be decided anew, where what it was decided on moves."""
        self.looked_at.update(other.looked_at)
        self.read.update(other.read)
        self.rests.update(other.rests)

    def adopt(self, other: EngineDesk) -> None:
        """Have what was noted at another desk follow what was noted here."""
        self.stand_on(other)
        self.timers |= other.timers
        self.holds += other.holds
        self.offers += [one for one in (other.whose.offer, *other.offers) if one is not None]
        self.effects += other.effects
        self.notes += other.notes

    def within(self, effect: Effect, *, hold: Effect | None = None, shown: Note | None = None) -> None:
        """Note what is to be done in the transaction, after what was noted before. `hold` locks the rows that it
        changes beside those of the items: before `acted` is journalled, or it and the daemon wait for one another.
        Where it says nothing that can be `shown`, nobody can be asked first. Raises TypeError once it is decided."""
        self._note(shown, effect)
        if hold is not None:
            self.holds.append(hold)

    def _note(self, note: Note | None, effect: Effect) -> None:
        self.refuse_if_over()
        self._refuse_once_asked()
        self.notes.append(note)
        self.effects.append(effect)

    def _refuse_once_asked(self) -> None:
        if self.approval is not None:
            raise TypeError(f"{self.whose.name!r} has asked first, and whoever approves sees nothing behind that")

    @property
    def written(self) -> dict[str, Projection]:
        """The projections that events may be written into, by name."""
        offers = [one for one in (self.whose.offer, *self.offers) if one is not None] if self.effects else []
        return {name: one for offer in offers for name, one in projecting.in_step(offer).items()}

    def _cleared(self, item: IncidentId, here: Connected, sha: str, since: datetime | None, tx: Transaction) -> None:
        if self.approval is None:
            raise TypeError(f"{self.whose.name!r} has something be read outside, and asked nobody first")
        at = since or self.now
        told = Cleared(sha=sha, since=instant(at), approved_by=list(self.approved_by))
        seq = self.engine.record(tx, told, incident=item, connection=here.name, actor=self.actor)
        clearance.release(tx, item, here, sha, since or clearance.AT_ONCE, seq)
        found = loading.load_incident(tx, item, lock=True)
        if found is not None:  # what was put aside because nobody had approved it
            commit.spread(tx, self.engine, found)

    def _recorded(self, tx: Transaction, event: Event, item: Item | None) -> None:
        number, actor = (None, self.actor) if item is None else (item.id, self.actor)
        seq = self.engine.record(tx, event, incident=number, actor=actor)
        if self.whose.offer is not None:
            label, subject = ("", "") if item is None else (item.number, item.uid)
            who = tx.person(actor) if isinstance(actor, Someone) else actor
            happened = Happened(seq, self.now, event, number, label, subject, who, "")
            projecting.write(tx, self.whose.offer, happened)

    def demand(self, tx: Transaction, item: Item, right: str) -> None:
        """Ask for a right beside the one that the act itself needs. Raises Lacking."""
        verdict = self.may(tx, right, subject_of(tx, item.id))
        if not verdict.allowed:
            raise Lacking(right, verdict)

    def _ask(self, right: str) -> None:
        if self.whose.rights is not None and right not in self.whose.rights:
            raise NotAllowed(f"{self.whose.name} needs the right {right}, and its offer does not say so in `does`")

    @property
    def plugin(self) -> Offer:
        """What the plugin offers that decides. Raises TypeError where none does."""
        if self.whose.offer is None:
            raise TypeError(f"{self.whose.name!r} is of no plugin, and has no tables, no timers and no policies")
        return self.whose.offer

    def rests_on(self, name: str, number: int) -> None:
        """Note that what is decided rests on this revision of a policy."""
        self.rests[name] = number

    def _kind(self, name: str) -> RecordKind:
        kind = RecordKind(name)
        if kind not in self._kinds:
            raise no_such("kind of item", name, self._kinds)
        return kind

    @property
    def _kinds(self) -> dict[RecordKind, ItemKind]:
        offer = self.whose.offer
        return {one.record: one for one in (*OWN_KINDS, *(offer.kinds if offer is not None else ()))}

    def _timer(self, kind: str) -> str:
        offer = self.plugin
        if kind not in {one.name for one in offer.timers}:
            raise TypeError(f"{offer.group!r} offers no timer {kind!r}")
        return f"{offer.group}.{kind}"

    def _timer_key(self, kind: str, item: Item | None, key: str) -> str:
        found = f"{self._timer(kind)} {'' if item is None else item.uid} {key}"
        if len(found) > LONGEST_TIMER_KEY:
            raise Misfit(f"the key {key[:40]!r} of a timer is too long; take one that stands for it")
        return found

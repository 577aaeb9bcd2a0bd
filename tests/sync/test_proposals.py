"""Asking first: what an act would do waits for somebody else, who approves these bytes of it and no others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import Field
from sqlalchemy import Column, Integer, String, select, update
from tests.sync.world import World

from tieline.core import grants, journal, standings, tokens
from tieline.core.access import Grant, Relation, Role, Rule, Verdict
from tieline.core.acts import Act, AskFirst, NotDone
from tieline.core.arguments import Answer, Ask, ItemName, Words
from tieline.core.declared import WrongWords
from tieline.core.desk import Desk
from tieline.core.errors import NotAllowed, PluginFault
from tieline.core.identity import Someone, of_account
from tieline.core.jobs import Done, Job, Result, State
from tieline.core.model import Audience, IncidentId
from tieline.core.offer import Offer, Right
from tieline.core.plugin_events import PluginEvent
from tieline.core.projections import Happened, Projection, Rows, plugin_table, subject_column
from tieline.core.store import tables as t
from tieline.core.store.store import Store, Transaction
from tieline.sync import explain, restricting
from tieline.sync.office.asking import Asker
from tieline.sync.office.enquiries import Enquiries
from tieline.sync.office.office import Changed, KeyReused, Performed, offered
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.office.performing import perform

ANN, BOB, EVE = (of_account(name, "db1") for name in ("ann", "bob", "eve"))
DAY = timedelta(days=1)
Worlds = Callable[..., World]

SAID = plugin_table(
    "notices",
    "said",
    Column("seq", Integer, primary_key=True),
    subject_column(),
    Column("words", String, nullable=False),
)


class Said(PluginEvent, kind="notices.said"):
    """something was said to everybody"""

    words: Words


class Say(Ask):
    """Words for everybody."""

    incident: ItemName = Field(description="An incident.")
    words: Words = Field(description="What is said.")
    quiet: bool = Field(default=False, description="Nobody is asked.")


class SaidSo(Answer):
    """What was said."""

    incident: str
    words: str

    def sentence(self) -> str:
        return f"{self.incident}: it is said"


@dataclass
class Notices:
    """A plugin that says something to everybody. `suffix` is what it puts behind the words: a setting may change."""

    suffix: str = ""
    rights: tuple[str, ...] = ("notices.approve",)
    authors: set[str] = field(default_factory=set)
    at_any_revision: bool = False
    swallows: bool = False
    goes_on: bool = False

    def say(self, desk: Desk, ask: Say) -> SaidSo:
        """Say something to everybody."""
        item = desk.item(ask.incident)
        text = ask.words + self.suffix
        desk.record(Said(words=text), item)
        desk.comment(item, text, Audience.CUSTOMERS)
        desk.bind("notice", text)
        if not ask.quiet:
            try:
                desk.ask_first(
                    self.rights, "everybody reads it", authors=self.authors, at_any_revision=self.at_any_revision
                )
            except AskFirst:
                if not self.swallows:
                    raise
            if self.goes_on:
                desk.comment(item, "and more", Audience.CUSTOMERS)
        return SaidSo(incident=desk.called(item), words=text)

    def offer(self) -> Offer:
        return Offer(
            group="notices",
            summary="What is said to everybody.",
            acts=(
                Act(
                    "say",
                    self.say,
                    "notices.say",
                    ("incident", "words"),
                    records=(Said,),
                    asks_first=("notices.approve", "notices.legal"),
                ),
            ),
            rights={
                "notices.say": Right("say something to everybody", (Role.RESPONDER,)),
                "notices.approve": Right("approve what is said to everybody", (Role.RESPONDER,)),
                "notices.legal": Right("approve it as a lawyer", (Role.LEGAL,)),
            },
            events=(Said,),
            projections=(Projection("said", (SAID,), {Said: _said}),),
        )


def _said(rows: Rows, event: Said, happened: Happened) -> None:
    rows.put(SAID, seq=happened.seq, subject=happened.subject, words=event.words)


SEALED = pytest.mark.parametrize("world", ["sqlite"], indirect=True)
"""Of a store that has keys; where there are none, nothing is sealed."""


class Team:
    """A world with people in it."""

    def __init__(self, world: Worlds, notices: Notices | None = None, offer: Offer | None = None) -> None:
        self.notices = notices or Notices()
        self.world = world("left", offers=(offer or self.notices.offer(),))
        self.world.work()
        for number in range(2):
            self.world.tools["left"].make({"title": f"Disk {number} full", "status": "new"})
        self.world.settle(2)
        for who in (ANN, BOB):
            self.grant(who, Role.RESPONDER)

    def grant(self, whom: Someone, role: Role, until: Any = None) -> None:
        verdict = Verdict(True, Rule.OWNER)
        with self.world.engine.store.write() as tx:
            given = Grant(role, None, until)
            grants.grant(tx, whom, given, at=self.world.clock.now(), actor=Someone("owner"), verdict=verdict)

    def revoke(self, whom: Someone, role: Role) -> None:
        with self.world.engine.store.write() as tx:
            grants.revoke(tx, whom, Grant(role), at=self.world.clock.now(), actor=Someone("owner"))

    def stand(self, whom: Someone, write: Callable[..., None]) -> None:
        """Have somebody command the first incident, or no longer."""
        with self.world.engine.store.write() as tx:
            now, item = self.world.clock.now(), IncidentId(1)
            write(tx, tx.person(whom), Relation.COMMANDER, item, source="", at=now, actor=ANN)

    def asker(self, someone: Someone) -> Asker:
        return Asker(someone, owns_store=False, now=self.world.clock.now())

    def do(self, someone: Someone, name: str, /, **given: Any) -> Performed:
        how = {key: given.pop(key) for key in ("key", "revision", "break_glass") if key in given}
        act = offered(self.world.engine)[name]
        return perform(self.world.engine, act, act.told(given), self.asker(someone), **how)

    def say(self, someone: Someone = ANN, words: str = "All is well", incident: str = "INC-1", **how: Any) -> Performed:
        return self.do(someone, "notices say", incident=incident, words=words, **how)

    def approve(self, someone: Someone, done: Performed) -> Performed:
        return self.do(someone, "proposals approve", proposal=done.proposal)

    def see(self, someone: Someone, view: str = "proposals", **given: Any) -> list[dict[str, Any]]:
        engine, offers = self.world.engine, self.world.engine.registry.offers
        enquiries = Enquiries(engine.store, engine.config, OWN_VIEWS, offers=offers)
        asker = replace(self.asker(someone), rules=offers.rules)
        return list(enquiries.see(view, given, asker).facts["items"])

    def said(self) -> list[str]:
        with self.world.engine.store.read() as connection:
            return list(connection.execute(select(SAID.c.words).order_by(SAID.c.seq)).scalars())

    def entries(self, number: int = 1) -> list[dict[str, Any]]:
        with self.world.engine.store.read() as connection:
            return explain.history(connection, self.world.incident(number).id)

    def kinds(self, number: int = 1) -> list[str]:
        new = ("proposed", "approved", "rejected", "withdrawn", "expired", "glass_broken", "reviewed", "acted")
        return [one["kind"] for one in self.entries(number) if one["kind"] in (*new, "notices.said", "act_refused")]


def test_nothing_is_done_before_somebody_else_approves_it(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    assert done.proposal.startswith("PRO-")
    assert f"tieline proposals approve {done.proposal}" in done.sentence
    assert (team.said(), team.kinds()) == ([], ["proposed"])
    [shown] = team.see(BOB)
    assert shown["proposal"] == done.proposal
    assert {"does": "record", "kind": "notices.said"}.items() <= shown["writes"][0].items()
    assert [note["does"] for note in shown["writes"]] == ["record", "comment", "bind"]
    approved = team.approve(BOB, done)
    assert approved.facts["done"] is True
    assert approved.facts["result"] == {"incident": "INC-1", "words": "All is well"}
    assert team.said() == ["All is well"]
    assert team.kinds() == ["proposed", "acted", "approved", "acted", "notices.said"]
    assert team.see(BOB) == []
    [closed] = team.see(BOB, all=True)
    assert (closed["state"], closed["approved_by"]) == ("approved", ["bob (notices.approve)"])
    assert team.world.verified() > 0


def test_what_follows_names_who_asked_and_who_approved(world: Worlds) -> None:
    team = Team(world)
    team.approve(BOB, team.say())
    by_seq = {one["seq"]: one for one in team.entries()}
    said = next(one for one in by_seq.values() if one["kind"] == "notices.said")
    acted = by_seq[said["facts"]["cause"]]
    approved = by_seq[acted["facts"]["cause"]]
    assert [(one["kind"], one["actor"]) for one in (said, acted, approved)] == [
        ("notices.said", "ann"),
        ("acted", "ann"),
        ("approved", "bob"),
    ]
    proposed = next(one for one in by_seq.values() if one["kind"] == "proposed")
    assert proposed["facts"]["sha"] == approved["facts"]["sha"]


def test_whoever_asked_never_approves(world: Worlds) -> None:
    team = Team(world)
    team.grant(ANN, Role.ADMIN)
    done = team.say()
    with pytest.raises(NotAllowed, match="its author may not"):
        team.approve(ANN, done)
    assert team.said() == []
    assert team.kinds() == ["proposed", "act_refused"]


def test_an_author_never_approves_whoever_asked(world: Worlds) -> None:
    notices = Notices()
    team = Team(world, notices)
    with team.world.engine.store.read() as connection:
        notices.authors = {str(grants.person_of(connection, BOB))}
    with pytest.raises(NotAllowed, match="its author may not"):
        team.approve(BOB, team.say())
    assert team.said() == []


def test_whoever_has_not_the_right_does_not_approve(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    team.grant(EVE, Role.BUSINESS)
    with pytest.raises(NotAllowed, match=r"notices\.approve"):
        team.approve(EVE, done)
    refused = [one for one in team.entries() if one["kind"] == "act_refused"]
    assert [one["facts"]["right"] for one in refused] == ["notices.approve"]


def test_an_approver_whose_role_has_ended_does_not_approve(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    team.grant(EVE, Role.RESPONDER, team.world.clock.now() + timedelta(hours=1))
    team.grant(EVE, Role.BUSINESS)
    team.world.clock.advance(3_600)
    with pytest.raises(NotAllowed, match="ended at"):
        team.approve(EVE, done)
    assert team.said() == []


def test_an_asker_whose_role_has_ended_has_nothing_done(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    team.revoke(ANN, Role.RESPONDER)
    with pytest.raises(NotDone, match=f"{done.proposal} cannot be carried out: ann may not"):
        team.approve(BOB, done)
    assert team.said() == []


def test_who_asks_and_approves_by_how_they_stand_to_it_does_so_while_they_do(world: Worlds) -> None:
    notices = Notices()
    offer = notices.offer()
    rights = {name: replace(one, roles=(*one.roles, Role.COMMANDER)) for name, one in offer.rights.items()}
    team = Team(world, notices, replace(offer, rights=rights))
    team.stand(EVE, standings.add)
    team.approve(EVE, team.say())
    assert len(team.said()) == 1
    others, own = team.say(words="It goes on"), team.say(EVE, "It is over")
    team.stand(EVE, standings.remove)
    with pytest.raises(LookupError):
        team.approve(EVE, others)
    with pytest.raises(NotDone, match=f"{own.proposal} cannot be carried out: eve may not"):
        team.approve(BOB, own)
    assert len(team.said()) == 1


def test_a_text_that_changed_is_not_approved(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    team.notices.suffix = " (or not)"
    with pytest.raises(NotDone, match="is not what was shown"):
        team.approve(BOB, done)
    team.notices.suffix = ""
    team.approve(BOB, done)
    assert team.said() == ["All is well"]


def test_a_subject_that_moved_is_looked_at_anew_where_that_matters(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    team.world.edit("left", title="Disk fuller")
    team.world.settle(3)
    with pytest.raises(NotDone, match="INC-1 has changed since"):
        team.approve(BOB, done)
    assert team.said() == []


def test_a_subject_may_move_where_that_does_not_matter(world: Worlds) -> None:
    team = Team(world, Notices(at_any_revision=True))
    done, pinned = team.say(), team.say(words="Really", revision=team.world.incident().revision)
    team.world.edit("left", title="Disk fuller")
    team.world.settle(3)
    team.approve(BOB, done)
    assert team.said() == ["All is well"]
    with pytest.raises(NotDone, match="has changed since"):
        team.approve(BOB, pinned)


def test_what_is_closed_stays_closed(world: Worlds) -> None:
    team = Team(world)
    approved, rejected, withdrawn = team.say(), team.say(words="No"), team.say(words="Never")
    team.approve(BOB, approved)
    team.do(BOB, "proposals reject", proposal=rejected.proposal, why="It is not true.")
    team.do(ANN, "proposals withdraw", proposal=withdrawn.proposal)
    for one, state in ((approved, "approved"), (rejected, "rejected"), (withdrawn, "withdrawn")):
        for act, given in (("approve", {}), ("reject", {"why": "late"}), ("withdraw", {})):
            with pytest.raises(NotDone, match=f"{one.proposal} was {state} already"):
                team.do(BOB, f"proposals {act}", proposal=one.proposal, **given)
    assert team.said() == ["All is well"]


def test_nobody_in_time_is_a_no(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    team.world.clock.advance(86_400)
    with pytest.raises(NotDone, match="ended at"):
        team.approve(BOB, done)
    assert team.see(BOB) == []
    team.world.settle(1)
    assert team.kinds() == ["proposed", "expired"]
    with pytest.raises(NotDone, match="was expired already"):
        team.approve(BOB, done)


def test_what_is_over_by_the_time_that_it_would_be_written_is_not_done(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Team(world)
    done, write, is_late = team.say(), Store.write, [DAY.total_seconds()]

    @contextmanager
    def late(store: Store) -> Iterator[Transaction]:
        while is_late:
            team.world.clock.advance(is_late.pop())
        with write(store) as tx:
            yield tx

    monkeypatch.setattr(Store, "write", late)
    with pytest.raises(NotDone, match="ended at"):
        team.approve(BOB, done)
    assert team.said() == []


def test_only_whoever_asked_takes_it_back_and_only_others_say_no(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    with pytest.raises(NotAllowed, match="only they take it back"):
        team.do(BOB, "proposals withdraw", proposal=done.proposal)
    with pytest.raises(NotDone, match="your own"):
        team.do(ANN, "proposals reject", proposal=done.proposal, why="I changed my mind.")
    team.grant(EVE, Role.BUSINESS)
    with pytest.raises(NotAllowed, match=r"notices\.approve"):
        team.do(EVE, "proposals reject", proposal=done.proposal, why="I do not like it.")


def test_several_rights_take_several_people(world: Worlds) -> None:
    team = Team(world, Notices(rights=("notices.approve", "notices.legal")))
    team.grant(BOB, Role.LEGAL)
    team.grant(EVE, Role.LEGAL)
    done = team.say()
    first = team.approve(BOB, done)
    assert (first.facts["done"], first.facts["lacking"], team.said()) == (False, ["notices.legal"], [])
    with pytest.raises(NotDone, match="you have approved it"):
        team.approve(BOB, done)
    team.approve(EVE, done)
    assert team.said() == ["All is well"]


def test_whoever_approved_has_to_have_the_right_still_when_it_is_done(world: Worlds) -> None:
    team = Team(world, Notices(rights=("notices.approve", "notices.legal")))
    team.grant(EVE, Role.LEGAL)
    done = team.say()
    team.approve(BOB, done)
    team.revoke(BOB, Role.RESPONDER)
    with pytest.raises(NotDone, match="may not any more"):
        team.approve(EVE, done)
    assert team.said() == []


def test_a_plugin_that_goes_on_as_if_nobody_were_to_be_asked_does_nothing(world: Worlds) -> None:
    team = Team(world, Notices(swallows=True))
    done = team.say()
    assert (bool(done.proposal), team.said()) == (True, [])
    team.approve(BOB, done)
    assert team.said() == ["All is well"]


def test_nothing_is_noted_behind_what_is_approved(world: Worlds) -> None:
    team = Team(world, Notices(goes_on=True))
    done = team.say()
    with pytest.raises(PluginFault, match="has asked first"):
        team.approve(BOB, done)
    assert team.said() == []


def test_a_right_that_is_not_declared_is_a_fault_of_the_plugin(world: Worlds) -> None:
    team = Team(world, Notices(rights=("incident.edit",)))
    with pytest.raises(PluginFault, match=r"does not declare that it asks incident\.edit first"):
        team.say()


def test_an_outsider_learns_of_no_proposal_about_what_is_restricted(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    with team.world.engine.store.write() as tx:
        restricting.restrict(tx, team.world.engine, team.world.incident().id, "a breach", actor=EVE)
    team.grant(EVE, Role.SECURITY)
    assert team.see(BOB) == []
    for act, given in (("approve", {}), ("reject", {"why": "late"}), ("withdraw", {})):
        with pytest.raises(LookupError, match="there is no proposal"):
            team.do(BOB, f"proposals {act}", proposal=done.proposal, **given)
    [shown] = team.see(EVE)
    assert shown["incident"].startswith("RES-")
    with pytest.raises(NotDone, match="cannot be carried out"):  # whoever asked does not see it any more
        team.approve(EVE, done)


@pytest.mark.parametrize("times", range(3))
def test_two_who_approve_at_once_have_it_done_once(world: Worlds, times: int) -> None:
    team = Team(world)
    team.grant(EVE, Role.RESPONDER)
    done, together, outcomes = team.say(words=f"Round {times}"), threading.Barrier(3), list[str]()

    def decide(name: str, someone: Someone, **given: str) -> None:
        together.wait(10)
        try:
            team.do(someone, f"proposals {name}", proposal=done.proposal, **given)
            outcomes.append(name)
        except NotDone:
            outcomes.append("late")

    threads = [
        threading.Thread(target=decide, args=("approve", BOB)),
        threading.Thread(target=decide, args=("approve", EVE)),
        threading.Thread(target=decide, args=("withdraw", ANN)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes, key=lambda one: one == "late")[1:] == ["late", "late"]
    assert len(team.said()) == (0 if "withdraw" in outcomes else 1)


def test_the_same_key_proposes_once_and_answers_the_same(world: Worlds) -> None:
    team = Team(world)
    first, second = team.say(key="one"), team.say(key="one")
    assert (second.again, second.proposal, second.facts) == (True, first.proposal, first.facts)
    assert len(team.see(BOB)) == 1
    with pytest.raises(KeyReused):
        team.say(words="Else", key="one")
    team.approve(BOB, first)
    assert team.say(key="one").proposal == first.proposal
    assert team.said() == ["All is well"]


def test_a_revision_is_held_against_what_is_proposed(world: Worlds) -> None:
    team = Team(world)
    with pytest.raises(Changed):
        team.say(revision=team.world.incident().revision + 1)
    assert team.see(BOB) == []


def test_breaking_the_glass_takes_a_right_and_a_reason_and_waits_for_somebody_elses_review(world: Worlds) -> None:
    team = Team(world)
    with pytest.raises(NotAllowed, match="break_glass"):
        team.say(break_glass="It burns.")
    assert [one["facts"]["right"] for one in team.entries() if one["kind"] == "act_refused"] == ["break_glass"]
    team.grant(ANN, Role.COMMANDER)
    for reason in ("", "  ", "x" * 301, "two\nlines\x00"):
        with pytest.raises(WrongWords, match="say why"):
            team.say(break_glass=reason)
    assert team.said() == []
    done = team.say(break_glass="It burns.", key="k")
    assert (team.said(), done.proposal, done.review[:4]) == (["All is well"], "", "REV-")
    assert done.review in done.sentence
    assert team.say(break_glass="It burns.", key="k").review == done.review
    with pytest.raises(KeyReused):
        team.say(key="k")
    [review] = team.see(BOB, "reviews")
    assert (review["by"], review["why"], review["act"]) == ("ann", "It burns.", "notices say")
    team.grant(ANN, Role.MANAGER)
    with pytest.raises(NotAllowed, match="its author may not"):
        team.do(ANN, "reviews close", review=done.review, found="I was right.")
    team.grant(BOB, Role.MANAGER)
    team.do(BOB, "reviews close", review=done.review, found="It did burn.")
    assert team.see(BOB, "reviews") == []
    with pytest.raises(NotDone, match="closed at"):
        team.do(BOB, "reviews close", review=done.review, found="Again.")
    kept = [one for one in team.kinds() if one in ("glass_broken", "reviewed", "notices.said")]
    assert kept == ["glass_broken", "notices.said", "reviewed"]


def test_what_asks_nobody_has_no_glass_to_break(world: Worlds) -> None:
    team = Team(world)
    with pytest.raises(WrongWords, match="asks nobody first"):
        team.do(ANN, "comment", incident="INC-1", body="Hello", break_glass="It burns.")


def test_a_proposal_of_a_plugin_that_is_not_at_work_says_so(world: Worlds) -> None:
    team = Team(world)
    done = team.say()
    team.world.offers = ()
    team.world.restart()
    with pytest.raises(NotDone, match="nothing at work can do"):
        team.approve(BOB, done)


@SEALED
def test_the_words_of_what_waits_are_sealed_and_gone_with_the_item(world: Worlds) -> None:
    team = Team(world)
    done, other = team.say(words="canary 51c0de"), team.say(words="All is well", incident="INC-2")
    engine = team.world.engine
    with engine.store.read() as connection:
        assert "canary" not in repr(connection.execute(select(t.proposal)).all())
    with engine.store.write() as tx:
        journal.let_go(tx, {IncidentId(1): "request 12"}, at=team.world.clock.now(), actor="dpo")
    with pytest.raises((NotDone, LookupError)):
        team.approve(BOB, done)
    team.approve(BOB, other)
    assert team.said() == ["All is well"]


@SEALED
def test_the_words_of_what_waits_are_those_of_no_other_proposal(world: Worlds) -> None:
    team = Team(world)
    done, other = team.say(), team.say(words="Really")
    with team.world.engine.store.write() as tx:
        [words] = tx.execute(select(t.proposal.c.ask).where(t.proposal.c.label == other.proposal)).scalars()
        tx.execute(update(t.proposal).where(t.proposal.c.label == done.proposal).values(ask=words))
    with pytest.raises(NotDone, match="cannot be carried out as things are"):
        team.approve(BOB, done)
    assert team.said() == []


def test_the_words_of_what_is_closed_are_let_go_of(world: Worlds) -> None:
    team = Team(world)
    team.approve(BOB, team.say())
    with team.world.engine.store.read() as connection:
        assert connection.execute(select(t.proposal.c.ask)).scalar_one() == {}


def test_why_tells_who_approved_a_value(world: Worlds) -> None:
    def lower(desk: Desk, ask: Say) -> SaidSo:
        """Have it be less bad."""
        item = desk.item(ask.incident)
        desk.edit(item, {"severity": "low"})
        desk.ask_first("notices.approve", "it is less bad")
        return SaidSo(incident=desk.called(item), words=ask.words)

    notices = Notices()
    offer = notices.offer()
    act = replace(offer.acts[0], name="lower", run=lower, records=())
    team = Team(world, notices, replace(offer, acts=(act,)))
    done = team.do(ANN, "notices lower", incident="INC-1", words="fine")
    team.approve(BOB, done)
    item = team.world.incident()
    with team.world.engine.store.read() as connection:
        last = explain.why(connection, item, "severity").steps[-1]
    assert item.fields["severity"] == "low"
    assert (last.who, last.reason) == ("ann", f"edited, approved as {done.proposal} by bob")


def test_long_work_begins_once_somebody_else_approves_what_it_is_told(world: Worlds) -> None:
    def count(_desk: Desk, ask: Say, _so_far: State) -> Done:
        """Count the words."""
        return Done(str(len(ask.words.split())).encode())

    def begin(desk: Desk, ask: Say) -> Callable[[], SaidSo]:
        """Have the words be counted."""
        item = desk.item(ask.incident)
        noted = desk.start("count", ask, item)
        desk.ask_first("notices.approve", "it takes long")
        return lambda: SaidSo(incident=desk.called(item), words=f"JOB-{noted.number}")

    notices = Notices()
    offer = notices.offer()
    act = replace(offer.acts[0], name="begin", run=begin, records=())
    job = Job("count", count, "notices.say", result=Result("text/plain", "notices.say"))
    team = Team(world, notices, replace(offer, acts=(act,), jobs=(job,)))
    done = team.do(ANN, "notices begin", incident="INC-1", words="two words")
    assert team.see(ANN, "jobs") == []
    [shown] = team.see(BOB)
    told = {"incident": "INC-1", "words": "two words"}
    item = team.world.incident().uid
    assert shown["writes"] == [{"does": "start", "item": item, "kind": "notices.count", "ask": told}]
    assert team.approve(BOB, done).facts["result"]["words"] == "JOB-1"
    [begun] = team.see(ANN, "jobs")
    assert (begun["kind"], begun["by"]) == ("notices.count", "ann")


def test_what_was_asked_for_by_a_token_that_was_revoked_since_is_not_done(world: Worlds) -> None:
    team = Team(world)
    with team.world.engine.store.write() as tx:
        terms = tokens.Terms("a program", Role.RESPONDER, (), None, team.world.clock.now() + DAY)
        made, _secret = tokens.issue(tx, ANN, terms, at=team.world.clock.now(), actor=ANN)
    done = team.say(replace(ANN, token=made))
    with team.world.engine.store.write() as tx:
        tokens.revoke(tx, tokens.find(tx, made), at=team.world.clock.now(), actor=ANN)
    with pytest.raises(NotDone, match="token that no longer stands"):
        team.approve(BOB, done)
    assert team.said() == []


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("at", [1, 2])
def test_whoever_is_killed_at_a_commit_and_asks_again_has_it_done_once(
    world: Worlds, monkeypatch: pytest.MonkeyPatch, at: int, is_kept: bool
) -> None:
    team, commits, whole = Team(world), list[int](), Store.write

    @contextmanager
    def mortal(store: Store) -> Iterator[Transaction]:
        with whole(store) as tx:
            yield tx
            commits.append(at)
            if len(commits) == at and not is_kept:
                raise Killed
        if len(commits) == at and is_kept:
            raise Killed

    def all_of_it() -> None:
        team.do(BOB, "proposals approve", proposal=team.say(key="one").proposal, key="two")

    monkeypatch.setattr(Store, "write", mortal)
    with pytest.raises(Killed):
        all_of_it()
    all_of_it()
    assert team.said() == ["All is well"]
    kinds = ["proposed", "acted", "approved", "acted", "notices.said"]
    assert [kind for kind in team.kinds() if kind != "act_refused"] == kinds

"""Acts are decided on a snapshot and carried out whole: once for a key, in the name of who asked, and journalled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from tests.sync.world import World

from tieline.core import grants, journal
from tieline.core.access import CARRIES, RIGHTS, STORE
from tieline.core.acts import Act, Acts, NotDone
from tieline.core.arguments import Answer, Ask, ItemName, Line, Once, PersonName
from tieline.core.declared import WrongWords
from tieline.core.desk import Desk
from tieline.core.errors import NotAllowed
from tieline.core.events import Reloaded, Shredded
from tieline.core.identity import called
from tieline.core.journal import Someone
from tieline.core.model import ConnectionName
from tieline.core.store import tables as t
from tieline.core.store.store import Transaction
from tieline.sync import explain, loading, restricting
from tieline.sync.alerts import absence
from tieline.sync.alerts.board import BOARD
from tieline.sync.office.office import KEPT_FOR, Changed, KeyReused, Office, Performed
from tieline.sync.office.own import OWN
from tieline.sync.office.subjects import subject
from tieline.sync.sight import OUTSIDER

ANN = Someone("ann")
Worlds = Callable[..., World]


def opened(world: World) -> World:
    world.tools["left"].make({"title": "Disk full", "status": "new"})
    world.settle(2)
    return world


def entries(world: World) -> list[tuple[str, dict[str, Any]]]:
    """What happened to the incident since it was opened: kinds and facts."""
    with world.engine.store.read() as connection:
        found = explain.history(connection, world.incident().id)
    known = ("opened", "created", "create_intended", "commented")
    return [(one["kind"], one["facts"]) for one in found if one["kind"] not in known]


def journalled(world: World) -> int:
    return journal.verify(world.engine.store).count


class Note(Ask):
    incident: ItemName
    words: Line


class Noticed(Answer):
    number: str
    revision: int

    def sentence(self) -> str:
        return f"{self.number} was seen at {self.revision}"


def act(run: Callable[[Any, Note], Any], **options: Any) -> Acts:
    run.__doc__ = run.__doc__ or "Do something."
    return Acts([Act("try", run, "try.it", ("incident", "words"), **options)])


def test_what_an_act_brings_about_names_it_as_its_cause(world: Worlds) -> None:
    here = opened(world())
    done = Office(here.engine, OWN).perform("edit", {"incident": "INC-1", "changes": {"team": "db"}}, actor=ANN)
    assert done.facts == {"incident": "INC-1", "changed": {"team": "db"}, "unchanged": {}}
    assert done.sentence == "INC-1 changed; its copies follow"
    (acted, facts), (changed, told) = entries(here)[-2:]
    assert (acted, changed) == ("acted", "changed")
    assert facts == {"act": "edit", "ask": {"incident": "INC-1", "changes": {"team": "db"}}}
    assert told["cause"] == done.seq
    here.settle()
    assert (here.shows("left", "team"), here.shows("right", "team")) == ("db", "db")


def test_what_is_so_already_is_no_act(world: Worlds) -> None:
    here = opened(world())
    before = journalled(here)
    office = Office(here.engine, OWN)
    done = office.perform("edit", {"incident": "INC-1", "changes": {"title": "Disk full", "team": ""}}, actor=ANN)
    assert (done.seq, journalled(here)) == (None, before)
    assert done.sentence == ("INC-1: title is Disk full already\nINC-1: team is empty already\nnothing was changed")


WRONG_WORDS: list[tuple[str, dict[str, Any], str]] = [
    ("edit", {"incident": "INC-1"}, "edit: changes: it is missing"),
    ("edit", {"incident": "INC-1", "changes": {}}, "edit: changes: it holds nothing; say at least one"),
    ("edit", {"incident": "INC-1", "changes": {"status": "done"}}, "edit: status is one of new, in_progress"),
    ("edit", {"incident": "INC-1", "changes": {"titel": "x"}}, "edit: there is no field 'titel'; did you mean"),
    ("edit", {"incident": "INC-1", "changes": {"title": ""}}, "edit: an incident always has a title"),
    ("edit", {"incident": "INC-1", "changes": {"alerts": "x"}}, "edit: alerts is what fires now"),
    ("edit", {"incident": "INC-1", "changes": {"title": "a\nb"}}, "edit: title is one line"),
    ("edit", {"incident": "INC-1", "changes": {"resolved_at": "soon"}}, "edit: resolved_at is a time with its"),
    ("edit", {"incident": "INC-1", "changes": {"title": "\ud83d"}}, "text is in UTF-8"),
    ("edit", {"incident": "INC-1", "changes": {"title": "a\0b"}}, "no character of the code 0"),
    ("edit", {"incident": "INC-1", "changes": {"title": "x"}, "force": True}, "no argument 'force'"),
    ("comment", {"incident": "INC-1", "body": " \n"}, "comment: an empty comment says nothing"),
    ("comment", {"incident": "INC-1", "body": 3}, "comment: body: Input should be a valid string"),
    ("parked retry", {"what": "thing", "number": 1}, "parked retry: what: Input should be 'copy', 'inbox'"),
    ("parked retry", {"what": "copy", "number": -1}, "parked retry: number: Input should be greater"),
]


NOT_THERE: list[tuple[str, dict[str, Any], str]] = [
    ("edit", {"incident": "INC-9", "changes": {"team": "db"}}, "there is no incident and no ticket 'INC-9'"),
    ("parked retry", {"what": "copy", "number": 7}, "copy 7 is not parked"),
    ("doubts confirm", {"connection": "left"}, "no ends of left are doubted"),
    ("edti", {}, "there is no act 'edti'; did you mean 'edit'?"),
]


@pytest.mark.parametrize(("rows", "error"), [(WRONG_WORDS, WrongWords), (NOT_THERE, LookupError)])
def test_what_cannot_be_done_is_said_in_a_sentence_and_nothing_is_journalled(
    world: Worlds, rows: list[tuple[str, dict[str, Any], str]], error: type[Exception]
) -> None:
    here = opened(world())
    before = journalled(here)
    for name, given, says in rows:
        with pytest.raises(error) as refused:
            Office(here.engine, OWN).perform(name, given, actor=ANN)
        assert says in str(refused.value)
    assert journalled(here) == before


def test_a_comment_is_answered_with_its_number(world: Worlds) -> None:
    here = opened(world())
    done = Office(here.engine, OWN).perform("comment", {"incident": "INC-1", "body": "on it"}, actor=ANN)
    assert (done.facts["comment"], done.sentence) == (1, "INC-1#1 goes into every copy (for staff)")
    here.settle()
    assert [len(tool.rows()[0].notes) for tool in here.tools.values()] == [1, 1]


def test_a_key_is_carried_out_once_and_answered_the_same(world: Worlds) -> None:
    here = opened(world())
    office, ask = Office(here.engine, OWN), {"incident": "INC-1", "body": "on it"}
    first = office.perform("comment", ask, actor=ANN, key="k")
    count = journalled(here)
    second = office.perform("comment", ask, actor=ANN, key="k")
    assert (second.facts, second.sentence, second.seq) == (first.facts, first.sentence, first.seq)
    assert (first.again, second.again, journalled(here)) == (False, True, count)
    with pytest.raises(KeyReused, match="something else was asked for under this key"):
        office.perform("comment", {**ask, "body": "off it"}, actor=ANN, key="k")
    assert office.perform("comment", ask, actor=Someone("bob"), key="k").again is False, "it is bob's own key"


def test_what_was_done_under_a_key_is_answered_however_things_are_now(world: Worlds) -> None:
    here, over = opened(world()), list[bool]()

    def run(desk: Desk, ask: Note) -> Answer:
        if over:
            raise NotDone("it is over")
        item = desk.item(ask.incident)
        desk.edit(item, {"title": ask.words})
        return Noticed(number=item.number, revision=item.revision)

    office, ask = Office(here.engine, act(run)), {"incident": "INC-1", "words": "mine"}
    first = office.perform("try", ask, actor=ANN, key="k")
    over.append(True)
    second = office.perform("try", ask, actor=ANN, key="k")
    assert (second.facts, second.seq, second.again) == (first.facts, first.seq, True)
    with pytest.raises(NotDone, match="it is over"):
        office.perform("try", ask, actor=ANN)


def test_a_key_says_nothing_of_who_used_it_and_goes_after_a_week(world: Worlds) -> None:
    here = opened(world())
    office, ask = Office(here.engine, OWN), {"incident": "INC-1", "body": "on it"}
    office.perform("comment", ask, actor=ANN, key="ann-1")
    here.clock.advance(KEPT_FOR.total_seconds() + 1)
    office.perform("comment", ask, actor=ANN, key="ann-2")
    with here.engine.store.read() as connection:
        [row] = connection.execute(select(t.act_key)).all()
    assert "ann" not in row.id
    with pytest.raises(NotDone, match="at most 200 characters, and this one has 201"):
        office.perform("comment", ask, actor=ANN, key="k" * 201)


def test_eight_that_ask_at_once_under_one_key_are_one(world: Worlds) -> None:
    here = opened(world())
    office, done = Office(here.engine, OWN), []

    def ask() -> None:
        done.append(office.perform("comment", {"incident": "INC-1", "body": "on it"}, actor=ANN, key="k"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.again for one in done) == [False] + [True] * 7
    assert {(one.seq, one.facts["comment"]) for one in done} == {(done[0].seq, 1)}


def test_an_act_whose_item_moved_decides_again_on_what_is_there(world: Worlds) -> None:
    here = opened(world())
    seen: list[int] = []

    def run(desk: Desk, ask: Note) -> Answer:
        item = desk.item(ask.incident)
        seen.append(item.revision)
        if len(seen) == 1:
            Office(here.engine, OWN).perform("edit", {"incident": "1", "changes": {"team": "db"}}, actor=Someone("bob"))
        desk.edit(item, {"title": f"{ask.words} of {item.fields.get('team')}"})
        return Noticed(number=item.number, revision=item.revision)

    done = Office(here.engine, act(run)).perform("try", {"incident": "INC-1", "words": "Disk"}, actor=ANN)
    assert seen == [1, 2]
    assert done.facts["revision"] == 2
    assert here.incident().fields["title"] == "Disk of db"


def test_an_item_that_is_restricted_meanwhile_is_not_there_any_more(world: Worlds) -> None:
    here = opened(world())

    def run(desk: Desk, ask: Note) -> Answer:
        item = desk.item(ask.incident)
        with here.engine.store.write() as tx:
            restricting.restrict(tx, here.engine, item.id, "an insider", actor=ANN)
        desk.edit(item, {"title": ask.words})
        return Noticed(number=item.number, revision=item.revision)

    with pytest.raises(LookupError, match="there is no incident"):
        Office(here.engine, act(run)).perform("try", {"incident": "INC-1", "words": "mine"}, actor=ANN)
    assert here.incident().fields["title"] == "Disk full"


def test_an_act_that_raises_leaves_nothing_behind(world: Worlds) -> None:
    here = opened(world())
    before = journalled(here)

    def run(desk: Desk, ask: Note) -> Callable[[], Answer]:
        desk.edit(desk.item(ask.incident), {"title": ask.words})

        def answer() -> Answer:
            raise NotDone("not today")

        return answer

    with pytest.raises(NotDone, match="not today"):
        Office(here.engine, act(run)).perform("try", {"incident": "INC-1", "words": "x"}, actor=ANN, key="k")
    assert (journalled(here), here.incident().fields["title"]) == (before, "Disk full")


def test_an_event_that_is_not_declared_stores_nothing(world: Worlds) -> None:
    here = opened(world())
    before = journalled(here)

    def run(desk: Desk, ask: Note) -> Answer:
        item = desk.item(ask.incident)
        desk.record(Reloaded(connections=[ask.words]), item)
        return Noticed(number=item.number, revision=item.revision)

    ask = {"incident": "INC-1", "words": "x"}
    with pytest.raises(TypeError, match="does not declare that it records 'reloaded'"):
        Office(here.engine, act(run, records=(Shredded,))).perform("try", ask, actor=ANN)
    assert journalled(here) == before
    done = Office(here.engine, act(run, records=(Reloaded,))).perform("try", ask, actor=ANN)
    assert entries(here)[-1] == ("reloaded", {"connections": ["x"], "cause": done.seq})


def test_who_may_not_is_refused_before_anything_is_done(world: Worlds) -> None:
    here = opened(world())
    before, store = journalled(here), here.engine.store

    def nobody(_tx: Any) -> None:
        raise NotAllowed("ask an admin")

    here.engine.store = store.guarded(nobody)
    with pytest.raises(NotAllowed, match="ask an admin"):
        Office(here.engine, OWN).perform("comment", {"incident": "1", "body": "x"}, actor=ANN)
    here.engine.store = store
    assert journalled(here) == before


class Two(Ask):
    one: ItemName
    other: ItemName


def join(_desk: Desk, _ask: Two) -> Answer:
    """Join two items."""
    raise NotImplementedError


class Nothing(Ask):
    words: Line = "x"


def tidy(_desk: Desk, _ask: Nothing) -> Answer:
    """Tidy up."""
    raise NotImplementedError


def test_an_act_is_about_the_item_that_its_words_name_or_about_the_store(world: Worlds) -> None:
    here = opened(world())
    with here.engine.store.read() as connection:
        edit, tidies = OWN["edit"], Act("tidy", tidy, "store.move")
        about, number = subject(edit, edit.told({"incident": "1", "changes": {"team": "x"}}), connection, OUTSIDER)
        assert (about.name, number) == ("INC-1", 1)
        assert {str(scope) for scope in about.scopes} == {"connection:left", "connection:right"}
        assert subject(tidies, tidies.told({}), connection, OUTSIDER) == (STORE, None)
        with pytest.raises(LookupError):
            subject(edit, edit.told({"incident": "9", "changes": {"team": "x"}}), connection, OUTSIDER)


def test_an_act_that_names_several_items_says_which_it_is_about() -> None:
    with pytest.raises(TypeError, match="several items, and does not say which of them it is `about`"):
        Acts([Act("join", join, "incident.edit")])
    Acts([Act("join", join, "incident.edit", about=lambda _seen_in, _ask, _sight: (STORE, None))])


class Odd(Ask):
    share: float = 0.5
    names: frozenset[str] = frozenset()
    maybe: tuple[float, ...] | None = None


def odd(_desk: Desk, _ask: Odd) -> Answer:
    raise NotImplementedError


def test_what_cannot_be_offered_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError) as refused:
        Acts([Act("odd", odd, "odd.do", ("nothing",))])
    words = str(refused.value)
    assert "Odd.share: a float has no one way to be written" in words
    assert "Odd.names: a set comes in another order each time" in words
    assert "Odd.maybe: a float" in words
    assert "it has no argument 'nothing'" in words
    assert "its function has no docstring" in words
    with pytest.raises(TypeError, match="another act is called so"):
        Acts([OWN["edit"], OWN["edit"]])
    with pytest.raises(TypeError, match="another act is called so"):
        OWN.beside({"edit": OWN["edit"]})


def test_two_that_say_the_same_have_one_digest() -> None:
    one, other = (
        OWN["edit"].told({"incident": "1", "changes": changes})
        for changes in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    )
    assert one.digest() == other.digest()
    assert one.digest() != OWN["edit"].told({"incident": "2", "changes": {"a": "1", "b": "2"}}).digest()


def test_the_rights_to_what_the_engine_offers_are_rights_that_a_role_carries() -> None:
    asked = {right for act in OWN.by_name.values() for right in act.rights}
    assert asked <= RIGHTS.keys()
    assert all(any(right in carried for carried in CARRIES.values()) for right in asked)
    public, internal = (
        OWN["comment"].told({"incident": "1", "body": "x", "public": public}) for public in (True, False)
    )
    assert [OWN["comment"].right(ask) for ask in (public, internal)] == ["comment.publish", "incident.comment"]


HELD_BESIDE: list[tuple[str, dict[str, Any], Callable[[Transaction, World], object]]] = [
    ("parked retry", {"what": "copy"}, lambda tx, here: loading.lock_incident(tx, here.incident().id)),
    ("parked retry", {"what": "timer"}, lambda tx, _here: tx.execute(select(t.timer.c.id).with_for_update())),
    ("doubts confirm", {"connection": "left"}, lambda tx, _here: absence.load(tx, ConnectionName("left"))),
]


@pytest.mark.parametrize(("name", "ask", "hold"), HELD_BESIDE, ids=["copy", "timer", "doubt"])
def test_an_act_and_who_works_on_the_same_at_that_moment_do_not_block_one_another(
    name: str, ask: dict[str, Any], hold: Callable[[Transaction, World], object], world: Worlds
) -> None:
    here = opened(world())
    store, now = here.engine.store, here.clock.now()
    doubt = {"since": now, "reason": "too_many", "fired": 1, "firing": 1, "episodes": ["a"], "confirmed": []}
    copy = here.copy("right").id
    with store.write() as tx:
        tx.execute(update(t.replica).where(t.replica.c.id == copy), {"state": "parked", "parked": "odd"})
        tx.execute(insert(t.timer), {"key": "k", "kind": BOARD, "due_at": now, "payload": {}, "parked": "odd"})
        tx.execute(insert(t.doubt), {"connection": "left", **doubt})
        timer = tx.execute(select(t.timer.c.id)).scalar_one()
    if "what" in ask:
        ask = {**ask, "number": copy if ask["what"] == "copy" else timer}
    done: list[Performed] = []
    person = threading.Thread(target=lambda: done.append(Office(here.engine, OWN).perform(name, ask, actor=ANN)))
    with store.write() as tx:
        hold(tx, here)
        person.start()
        person.join(0.5)  # as far as it gets
        here.engine.record(tx, Reloaded(connections=[]))
    person.join()
    assert len(done) == 1


class Sealed(Answer):
    """What was made, and the words that open it, which are told once."""

    number: str
    words: Once

    def sentence(self) -> str:
        return f"{self.number} is made" + (
            f"; it opens by {self.words}" if self.words else ", and what opens it was told"
        )


def test_what_is_told_once_is_not_kept_for_whoever_asks_again(world: Worlds) -> None:
    here = opened(world())

    def run(desk: Desk, ask: Note) -> Answer:
        item = desk.item(ask.incident)
        desk.edit(item, {"title": ask.words})
        return Sealed(number=item.number, words="open sesame")

    office, ask = Office(here.engine, act(run)), {"incident": "INC-1", "words": "mine"}
    first, second = (office.perform("try", ask, actor=ANN, key="k") for _ in range(2))
    assert first.facts == {"number": "INC-1", "words": "open sesame"}
    assert second.facts == {"number": "INC-1", "words": ""}
    assert second.sentence == "INC-1 is made, and what opens it was told"
    with here.engine.store.read() as connection:
        rows = [list(map(str, row)) for table in t.metadata.sorted_tables for row in connection.execute(select(table))]
    assert "sesame" not in str(rows) + str(entries(here))


class Hand(Ask):
    incident: ItemName
    to: PersonName


def test_whoever_is_named_stands_in_the_journal_by_their_id(world: Worlds) -> None:
    here = opened(world())

    def run(desk: Desk, ask: Hand) -> Answer:
        """Hand it over."""
        item = desk.item(ask.incident)
        desk.edit(item, {"title": "handed over"})
        return Noticed(number=item.number, revision=item.revision)

    office = Office(here.engine, Acts([Act("hand", run, "try.it", ("incident", "to"))]))
    office.perform("hand", {"incident": "INC-1", "to": "os:bob@db1"}, actor=ANN)
    acted = entries(here)[-2][1]
    with here.engine.store.read() as connection:
        bob = grants.person_of(connection, called("os:bob@db1"))
    assert acted["ask"] == {"incident": "INC-1", "to": bob}
    for claimed in ("bob", "told:jira-ops:bob", "os:", "os:bob\n@db1"):
        with pytest.raises(WrongWords, match="no identity that can be proved"):
            office.perform("hand", {"incident": "INC-1", "to": claimed}, actor=ANN)


def test_a_key_is_the_askers_own_whatever_others_are_called(world: Worlds) -> None:
    here = opened(world())
    office, ask = Office(here.engine, OWN), {"incident": "INC-1", "body": "on it"}
    askers = (Someone("ann", "os:ann@db1"), Someone("ann", "os:ann@db2"), Someone("ann", "os:ann@db1", "4f1c09be77d2"))
    assert [office.perform("comment", ask, actor=one, key="k").facts["comment"] for one in askers] == [1, 2, 1]


def test_an_act_at_a_revision_is_done_only_while_the_item_is_there(world: Worlds) -> None:
    here = opened(world())
    office = Office(here.engine, OWN)
    seen = here.incident().revision

    def edit(title: str, revision: int) -> Performed:
        ask = OWN["edit"].told({"incident": "INC-1", "changes": {"title": title}})
        return office.do(OWN["edit"], ask, actor=ANN, revision=revision)

    assert edit("first", seen).seq
    before = journalled(here)
    with pytest.raises(Changed, match=f"INC-1 is at revision {seen + 1} by now, and not at {seen}; look at it again"):
        edit("second", seen)
    with pytest.raises(Changed):
        edit("first", seen)
    assert journalled(here) == before
    ask = OWN["parked retry"].told({"what": "copy", "number": 1})
    with pytest.raises(NotDone, match="it is about no one item"):
        office.do(OWN["parked retry"], ask, actor=ANN, revision=1)


def test_an_item_that_moves_between_the_look_and_the_lock_is_not_at_its_revision(world: Worlds) -> None:
    here = opened(world())
    seen = here.incident().revision

    def run(desk: Desk, ask: Note) -> Answer:
        item = desk.item(ask.incident)
        if item.revision == seen:
            here.edit("left", title="somebody was faster")
            here.settle()
        desk.edit(item, {"title": ask.words})
        return Noticed(number=item.number, revision=item.revision)

    acts = act(run)
    ask = acts["try"].told({"incident": "INC-1", "words": "mine"})
    with pytest.raises(Changed):
        Office(here.engine, acts).do(acts["try"], ask, actor=ANN, revision=seen)
    assert here.incident().fields["title"] == "somebody was faster"

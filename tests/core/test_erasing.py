"""Letting go of a person takes what tells of that one, and nothing that tells of anybody else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from tests.core.test_journal import tamper

from tieline.core import erasing, holds, journal
from tieline.core.acts import NotDone
from tieline.core.erasing import Whom
from tieline.core.events import Commented
from tieline.core.holds import Hold, OnHold
from tieline.core.identity import Actor, Someone, told_by
from tieline.core.journal import Entry
from tieline.core.model import IncidentId
from tieline.core.store import tables as t
from tieline.core.store.persons import FORGOTTEN
from tieline.core.store.store import Store
from tieline.core.traces import FIRST, Erasing, Place, traces

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOW = Erasing(texts=True, at=NOON, actor="dpo", why="DSR-12")
ANN = Someone("Ann", "os:ann@db1")
ADDRESS = "ann@example.com"


def say(store: Store, incident: int | None, actor: Actor = "tieline", kind: str = "changed", **facts: Any) -> int:
    with store.write() as tx:
        return tx.journal(Entry(NOON, kind, incident, None, actor, "", facts))


def item(store: Store, number: int, **fields: Any) -> None:
    row = {"id": number, "uid": f"u{number}", "revision": 1, "fields": fields, "stamps": {}, "status": "new"}
    with store.write() as tx:
        tx.execute(insert(t.incident), {**row, "opened_at": NOON, "updated_at": NOON})


def comment(store: Store, number: int, author: Someone) -> None:
    told = Commented(comment=number, audience="staff")
    row = {"id": number, "incident_id": 1, "author": author.name, "audience": "staff", "body": "x", "origin": ""}
    with store.write() as tx:
        tx.execute(insert(t.comment), {**row, "written_at": NOON})
        tx.journal(Entry(NOON, told.KIND, 1, None, author, "", told.facts()))


def held(store: Store, number: int, incident: int) -> None:
    with store.write() as tx:
        holds.place(tx, Hold(number, IncidentId(incident), "", "A lawsuit.", "2026-CV-1", "p-1", NOON, 1))


def begun(store: Store, words: str = ADDRESS, *addresses: str) -> str:
    with store.write() as tx:
        return erasing.begin(tx, words, addresses, "DSR-12", at=NOON, actor="dpo")


def clear(store: Store, person: str, place: Place | None = FIRST) -> None:
    """All steps from there on, as the job does them."""
    while place is not None:
        with store.read() as connection:
            found = traces(connection, erasing.whom(connection, person), place, HOW)
            holds.refuse(connection, found.items)
        with store.write() as tx:
            for effect in found.effects:
                effect(tx)
        place = found.place


def facts(store: Store, seq: int) -> Any:
    with store.read() as connection:
        row = connection.execute(journal.ENTRIES.where(t.journal.c.seq == seq)).one()
        return journal.facts(connection, row)


def everything(store: Store, table: Any) -> list[Any]:
    with store.read() as connection:
        return [row._asdict() for row in connection.execute(select(table).order_by(*table.primary_key.columns))]


class TestWhatIsTaken:
    @pytest.mark.parametrize(
        ("said", "left"),
        [
            ("joann@example.com, ann@example.com.au", None),
            ("o'ann@example.com ann@example.com-x", None),
            ("<ANN@example.com>, 'ann@example.com'.", "<(forgotten)>, '(forgotten)'."),
            ("mailto:ann@example.com", "mailto:(forgotten)"),
            (r'{"text":"a\nann@example.com"}', r'{"text":"a\n(forgotten)"}'),
            ("os:ann@db1 os:joann@db1 os:ann@db1.example", "(forgotten) os:joann@db1 os:ann@db1.example"),
            ("JÖRG@example.com, İ, jörg@example.com", "(forgotten), İ, (forgotten)"),
            (r"j\u00f6rg@example.com J\u00D6RG@example.com", "(forgotten) (forgotten)"),
        ],
    )
    def test_a_text_loses_whole_addresses_and_identities_alone(self, said: str, left: str | None) -> None:
        someone = Whom("p-1", frozenset({ADDRESS, "os:ann@db1", "jörg@example.com"}), frozenset())
        assert someone.out_of(said) == (left or said)
        assert someone.is_in(said) == (left is not None)

    def test_what_is_called_as_they_are_and_is_nobody_stays(self) -> None:
        someone = Whom("p-1", frozenset({"os:deploy@db1"}), frozenset({"deploy"}))
        told = {"name": "deploy", "by": "deploy", "title": "deploy", "person": "os:deploy@db1"}
        assert someone.left(told) == {**told, "by": FORGOTTEN, "person": "(forgotten)"}

    def test_a_name_that_several_have_is_nobodys(self, store: Store) -> None:
        first, second = told_by("jira", "Ann"), told_by("snow", "Bob")
        with store.write() as tx:
            ids = [tx.person(one) for one in (ANN, first, second)]
            names = [erasing.whom(tx, one).names for one in ids]
        assert names == [{"ann"}, {"jira:Ann"}, {"snow:Bob", "Bob"}]

    def test_a_comment_of_somebody_else_who_is_called_the_same_stays(self, store: Store) -> None:
        item(store, 1, title="x")
        comment(store, 1, ANN)
        comment(store, 2, told_by("jira", "Ann"))
        clear(store, begun(store, ANN.identity))
        assert [(one["author"], one["body"]) for one in everything(store, t.comment)] == [
            (FORGOTTEN, "(forgotten)"),
            ("Ann", "x"),
        ]

    def test_an_answer_goes_for_a_whole_name_alone(self, store: Store) -> None:
        with store.write() as tx:
            tx.person(ANN)
            for name, sentence in (("a", "it was planned"), ("b", "granted to ann")):
                row = {"id": name, "digest": "x", "answer": {"facts": {}, "sentence": sentence}, "at": NOON}
                tx.execute(insert(t.act_key), row)
        clear(store, begun(store, ANN.identity))
        assert [one["digest"] for one in everything(store, t.act_key)] == ["x", ""]

    def test_letters_beyond_ascii_are_compared_in_any_size(self, store: Store) -> None:
        item(store, 1, title="x", assignee="JÖRG@EXAMPLE.COM")
        with store.write() as tx:
            row = {"id": "a", "digest": "x", "answer": {"facts": {}, "sentence": "to JÖRG@EXAMPLE.COM"}, "at": NOON}
            tx.execute(insert(t.act_key), row)
        held(store, 1, 1)
        with store.read() as connection, pytest.raises(OnHold):
            erasing.refuse(connection, "jörg@example.com", ())
        with store.write() as tx:
            holds.lift(tx, 1, NOON)
        clear(store, begun(store, "jörg@example.com"))
        assert everything(store, t.incident)[0]["fields"] == {"title": "x", "assignee": None}
        assert everything(store, t.act_key)[0]["digest"] == ""

    def test_sentences_of_every_table_lose_them(self, store: Store) -> None:
        item(store, 1, title="x")
        words = f"{ADDRESS} is unknown there"
        timer = {"key": "k", "kind": "k", "due_at": NOON, "payload": {}, "parked": words}
        backlog = {"follower": "f", "seq": 1, "parked": words}
        left_out = {"connection": "am", "records": 1, "since": NOON, "last_at": NOON, "why": words, "asked": False}
        with store.write() as tx:
            for table, row in ((t.timer, timer), (t.follower_backlog, backlog), (t.left_out, left_out)):
                tx.execute(insert(table), row)
        clear(store, begun(store))
        found = [everything(store, table)[0] for table in (t.timer, t.follower_backlog, t.left_out)]
        assert [one.get("parked", one.get("why")) for one in found] == ["(forgotten) is unknown there"] * 3


class TestWhoIsMeant:
    @pytest.mark.parametrize("someone", [Someone("Ann@Example.com", "account:ann"), told_by("jira", "Ann@example.com")])
    def test_whoever_is_called_by_an_address_is_meant_by_it(self, store: Store, someone: Someone) -> None:
        with store.write() as tx:
            person = tx.person(someone)
            assert erasing.meant(tx, ADDRESS) == person
            assert ADDRESS in erasing.whom(tx, person).words

    def test_of_several_that_an_address_means_each_is_named(self, store: Store) -> None:
        with store.write() as tx:
            ids = [tx.person(one) for one in (told_by("jira", ADDRESS), told_by("snow", ADDRESS.upper()))]
            with pytest.raises(NotDone, match="several are called") as caught:
                erasing.meant(tx, ADDRESS)
        assert all(one in str(caught.value) for one in ids)


class TestWhoIsKeptOut:
    def test_an_address_is_kept_out_however_it_is_written_and_for_nobody(self, store: Store) -> None:
        with store.read() as connection:
            assert not erasing.keeps_somebody_out(connection)
        person = begun(store)
        clear(store, person)
        two = {"Ann@example.com", "ann@example.com"}
        with store.read() as connection:
            assert erasing.keeps_somebody_out(connection)
            assert erasing.forgotten(connection, {*two, "bob@example.com"}) == two
        assert person not in [one["person"] for one in everything(store, t.identity)], (
            "what they did is not found by it"
        )
        again = begun(store)
        clear(store, again)
        with store.read() as connection:
            assert erasing.forgotten(connection, two) == two

    @pytest.mark.parametrize("address", ["postgresql"], indirect=True)
    def test_a_database_may_order_texts_as_people_do(self, store: Store, address: str) -> None:
        tamper(address, 'ALTER TABLE identity ALTER COLUMN known_as TYPE text COLLATE "en-x-icu"')
        begun(store)
        with store.read() as connection:
            assert erasing.keeps_somebody_out(connection)


class TestBesideOthers:
    def test_what_others_let_go_of_since_it_was_looked_at_does_not_come_back(self, store: Store) -> None:
        for number in (1, 2):
            item(store, number, title="x")
        gone, kept = say(store, 1, assignee=ADDRESS, title="x"), say(store, 2, assignee=ADDRESS, title="y")
        person = begun(store)
        with store.read() as connection:
            someone = erasing.whom(connection, person)
            first, second = (traces(connection, someone, FIRST, HOW) for _ in range(2))
        with store.write() as tx:
            journal.let_go(tx, {IncidentId(1): ""}, at=NOON, actor="dpo")
        for found in (first, second):
            with store.write() as tx:
                for effect in found.effects:
                    effect(tx)
        store.forget_keys()
        assert (facts(store, gone), facts(store, kept)) == (None, {"assignee": "(forgotten)", "title": "y"})
        assert journal.verify(store).count > 0
        assert len([one for one in everything(store, t.journal) if one["kind"] == "shredded"]) <= 2

    def test_a_row_that_is_written_behind_the_walk_loses_them_as_well(self, store: Store) -> None:
        item(store, 1, title="x")
        person = begun(store)
        with store.read() as connection:
            behind = traces(connection, erasing.whom(connection, person), FIRST, HOW).place
        with store.write() as tx:
            tx.execute(t.incident.update().values(fields={"title": "x", "assignee": ADDRESS}))
        say(store, 1, assignee=ADDRESS)
        clear(store, person, behind)
        assert everything(store, t.incident)[0]["fields"] == {"title": "x", "assignee": None}

    def test_what_is_held_is_asked_of_results_answers_and_rows_of_plugins(self, store: Store) -> None:
        item(store, 1, title="x")
        seq = say(store, 1, title="x")
        held(store, 1, 1)
        person = begun(store)
        job = dict.fromkeys(("steps", "done", "entry", "spent", "attempts", "token"), 0)
        more = {"kind": "k", "actor": "a", "ask": {}, "status": "done", "parked": "", "worker": ""}
        blob = {"job": 1, "sha": "", "size": 1, "media_type": "", "readers": "", "retention": "k", "made_at": NOON}
        answer = {"id": "a", "digest": "x", "answer": {"sentence": ADDRESS}, "seq": seq, "at": NOON}
        rows: list[tuple[Any, dict[str, Any]]] = [
            (t.job, {"id": 1, **job, **more, "started_at": NOON, "stepped_at": NOON}),
            (t.job_item, {"job": 1, "incident_id": 1}),
            (t.blob, {**blob, "body": ADDRESS.encode()}),
        ]
        with store.write() as tx:
            for table, row in rows:
                tx.execute(insert(table), row)
        with pytest.raises(OnHold):
            clear(store, person)
        assert everything(store, t.blob)
        with store.write() as tx:
            tx.execute(t.blob.delete())
            tx.execute(insert(t.act_key), answer)
        with pytest.raises(OnHold):
            clear(store, person)
        assert everything(store, t.act_key)[0]["digest"] == "x"
        with store.write() as tx:
            tx.execute(t.act_key.delete())
            tx.execute(text("CREATE TABLE some__rows (subject VARCHAR(32), said TEXT)"))
            tx.execute(text(f"INSERT INTO some__rows VALUES ('u1', 'to {ADDRESS}')"))
        with pytest.raises(OnHold):
            clear(store, person)
        with store.read() as connection:
            assert connection.execute(text("SELECT said FROM some__rows")).scalar() == f"to {ADDRESS}"

    def test_a_row_that_no_entry_tells_of_and_is_written_behind_the_walk_loses_them_as_well(self, store: Store) -> None:
        item(store, 1, title="x")
        say(store, 1, assignee=ADDRESS)
        person = begun(store)
        with store.read() as connection:
            found = traces(connection, erasing.whom(connection, person), FIRST, HOW)
        with store.write() as tx:
            for effect in found.effects:
                effect(tx)
            tx.execute(t.incident.update().values(fields={"title": "x", "assignee": ADDRESS}))
        clear(store, person, found.place)
        assert everything(store, t.incident)[0]["fields"] == {"title": "x", "assignee": None}

    def test_it_ends_although_somebody_goes_on_to_name_them(self, store: Store) -> None:
        item(store, 1, title="x")
        place: Place | None = FIRST
        person, walks = begun(store), 0
        while place is not None:
            with store.write() as tx:
                tx.execute(t.incident.update().values(fields={"title": "x", "assignee": ADDRESS}))
            with store.read() as connection:
                found = traces(connection, erasing.whom(connection, person), place, HOW)
            with store.write() as tx:
                for effect in found.effects:
                    effect(tx)
            place, walks = found.place, walks + 1
            assert walks < 100

    def test_rows_of_plugins_go_some_at_a_time_and_each_its_own_way(self, store: Store) -> None:
        with store.write() as tx:
            tx.execute(text("CREATE TABLE some__rows (subject VARCHAR(32), said TEXT, more TEXT)"))
            for count in range(erasing.AT_ONCE + 50):
                tx.execute(text(f"INSERT INTO some__rows VALUES ('u{count}', 'to {ADDRESS}', 'jo{ADDRESS}')"))
        place: Place | None = FIRST
        person, values = begun(store), list[int]()
        while place is not None:
            with store.read() as connection:
                found = traces(connection, erasing.whom(connection, person), place, HOW)
            with store.write() as tx:
                for effect in found.effects:
                    effect(tx)
            values.append(found.values)
            place = found.place
        assert max(values) <= erasing.AT_ONCE
        with store.read() as connection:
            said = {tuple(row) for row in connection.execute(text("SELECT said, more FROM some__rows"))}
        assert said == {("to (forgotten)", f"jo{ADDRESS}")}

    def test_the_hash_of_what_was_done_at_once_goes_where_that_named_them(self, store: Store) -> None:
        told: dict[str, Any] = {"review": "r", "label": "REV-1", "act": "a", "rights": [], "why": "It burns."}
        broken = say(store, None, kind="glass_broken", cause=7, sha="ab", **told)
        say(store, None, assignee=ADDRESS, cause=7)
        other = say(store, None, kind="glass_broken", cause=9, sha="cd", **told)
        clear(store, begun(store))
        assert (facts(store, broken)["sha"], facts(store, other)["sha"]) == ("", "cd")


class TestByMarks:
    """Addresses of which only hashes are left."""

    @pytest.mark.parametrize(
        ("said", "left"),
        [
            ("joann@example.com, ann@example.com.au", None),
            ("<ANN@example.com>, 'ann@example.com'.", "<(forgotten)>, '(forgotten)'."),
            ("mailto:ann@example.com", "mailto:(forgotten)"),
            (r'{"text":"a\nann@example.com"}', r'{"text":"a\n(forgotten)"}'),
        ],
    )
    def test_only_what_is_whole_is_taken_out_of_a_text(self, said: str, left: str | None) -> None:
        someone = Whom("p-1", frozenset(), frozenset(), frozenset({erasing.mark(ADDRESS)}))
        assert someone.is_in(said) is (left is not None)
        assert someone.out_of(said) == (left or said)
        assert someone.left({"a": [ADDRESS.upper()], "b": "bob@example.com"}) == {
            "a": ["(forgotten)"],
            "b": "bob@example.com",
        }

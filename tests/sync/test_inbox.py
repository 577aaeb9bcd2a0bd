"""What came in: each delivery once, whoever sends it again and however often, and what waits because of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from tieline.core.model import Audience, ConnectionName
from tieline.core.port import Cursor, Hint, Page, Reading, Received, Ref, RemoteComment, Token, Version
from tieline.core.store import tables as t
from tieline.core.store.chain import Entry
from tieline.core.store.store import Connection, Store
from tieline.sync.intake import inbox
from tieline.sync.intake.inbox import Waiting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALERTS, OTHERS = ConnectionName("alerts"), ConnectionName("others")


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open("sqlite://") as opened:
        opened.migrate()
        yield opened


def delivery(name: str, ref: str = "") -> Received:
    return Received(name, (Hint(Ref(ref or name)),))


def accept(store: Store, *items: tuple[ConnectionName, Received]) -> list[bool]:
    with store.write() as tx:
        return inbox.accept_all(tx, items, NOW)


def asked_about(store: Store) -> list[tuple[str, str]]:
    with store.read() as connection:
        rows = connection.execute(select(t.inbox.c.connection, t.inbox.c.ref).order_by(t.inbox.c.id))
        return [(row.connection, row.ref) for row in rows]


def test_each_of_those_that_come_together_is_told_apart_as_new_or_known(store: Store) -> None:
    assert accept(store, (ALERTS, delivery("a"))) == [True]
    together = [(ALERTS, delivery("b")), (ALERTS, delivery("a")), (OTHERS, delivery("a")), (ALERTS, delivery("b"))]
    assert accept(store, *together) == [True, False, True, False]
    assert accept(store, *together) == [False] * 4
    assert asked_about(store) == [("alerts", "a"), ("alerts", "b"), ("others", "a")]


def test_what_a_known_delivery_says_is_not_taken_in(store: Store) -> None:
    accept(store, (ALERTS, delivery("a", "1")))
    assert accept(store, (ALERTS, delivery("a", "2")), (ALERTS, delivery("b", "3"))) == [False, True]
    assert [ref for _name, ref in asked_about(store)] == ["1", "3"]


def test_a_long_id_is_known_by_its_first_two_hundred_characters(store: Store) -> None:
    longest = "x" * 200
    assert accept(store, (ALERTS, delivery(longest + "1")), (ALERTS, delivery(longest + "2"))) == [True, False]
    assert accept(store, (ALERTS, delivery(longest[:-1])), (ALERTS, delivery(longest))) == [True, False]


def test_where_each_is_a_round_trip_two_statements_say_the_same(store: Store) -> None:
    rows = [
        {"connection": name, "delivery_id": one, "received_at": NOW}
        for name, one in ((ALERTS, "b"), (ALERTS, "a"), (OTHERS, "a"), (ALERTS, "b"))
    ]
    accept(store, (ALERTS, delivery("a")))
    with store.write() as tx:
        assert inbox._insert_new(tx, rows) == [True, False, True, False]
        assert inbox._insert_new(tx, rows) == [False] * 4


class Elsewhere:
    """Stands for a transaction beside which another process has stored these deliveries."""

    def __init__(self, *stored: str) -> None:
        self._stored = stored

    def execute(self, _statement: object, _facts: object) -> Elsewhere:
        return self

    def scalars(self) -> tuple[str, ...]:
        return ()

    def execute_many(self, _many: object, rows: Sequence[dict[str, Any]]) -> int:
        return sum(row["delivery_id"] not in self._stored for row in rows)


def test_a_delivery_that_another_process_stores_at_this_moment_is_contested() -> None:
    rows = [{"connection": ALERTS, "delivery_id": one, "received_at": NOW} for one in ("a", "b")]
    tx: Any = Elsewhere("b")
    assert inbox._insert_new(tx, rows[:1]) == [True]
    with pytest.raises(inbox.Contested):
        inbox._insert_new(tx, rows)


def test_deliveries_are_forgotten_by_when_they_came(store: Store) -> None:
    with store.write() as tx:
        for hours in (3, 2, 1):
            assert inbox.accept(tx, ALERTS, delivery(f"{hours} h ago"), NOW - hours * HOUR)
        assert inbox.forget_deliveries(tx, NOW - 2 * HOUR) == 1
        assert [inbox.accept(tx, ALERTS, delivery(f"{hours} h ago"), NOW) for hours in (3, 2, 1)] == [
            True,
            False,
            False,
        ]


@pytest.mark.parametrize(
    ("stored", "last"),
    [
        ([], ""),
        ([(3, "began@1.x")], ""),
        ([(2, "began@1.x")], ""),
        ([(1, "began@1.x")], "began@1.x"),
        ([(1, "ended@1.x"), (0, "began@1.y")], "began@1.y"),
        ([(0, "ended@9.x"), (0, "began@10.x")], "began@10.x"),
        ([(0, "ended@1.x"), (0, "began@1.y")], ""),
        ([(0, "ended"), (0, "began@0.x")], ""),
        ([(0, "plain"), (0, "began@1.x")], "began@1.x"),
        ([(0, "plain")], "plain"),
    ],
)
def test_what_was_stored_last_is_known_where_nobody_stored_at_the_same_place(
    store: Store, stored: list[tuple[int, str]], last: str
) -> None:
    with store.write() as tx:
        for hours, one in stored:
            inbox.accept(tx, ALERTS, delivery(one), NOW - hours * HOUR)
        inbox.accept(tx, OTHERS, delivery("others@99.x"), NOW + HOUR)
        assert inbox.last_delivery(tx, ALERTS, NOW - 2 * HOUR) == last


def test_an_id_that_is_made_tells_what_its_delivery_says() -> None:
    assert inbox.anew("at@work", 12, "mark") == "at@work@12.mark"
    assert inbox.says("at@work@12.mark") == "at@work"
    assert inbox.says("plain") == ""


# -- what waits --------------------------------------------------------------------------------------------------------


def read(ref: str, version: str = "1") -> Reading:
    return Reading(Ref(ref), Version(version), {"title": ref})


def put(store: Store, *items: str | Reading, name: ConnectionName = ALERTS, asked: int = 7, at: datetime = NOW) -> None:
    """Texts are hints."""
    told = [(Ref(one), None) if isinstance(one, str) else (one.ref, one) for one in items]
    with store.write() as tx:
        inbox.put(tx, name, told, asked=asked, now=at)


def change(store: Store, ref: str, **values: Any) -> None:
    with store.write() as tx:
        tx.execute(update(t.inbox).where(t.inbox.c.ref == ref), values)


def stored(store: Store, *columns: str) -> list[tuple[Any, ...]]:
    with store.read() as connection:
        found = connection.execute(select(*(t.inbox.c[one] for one in columns)).order_by(t.inbox.c.id))
        return [tuple(row) for row in found]


Look = Callable[[Connection, ConnectionName, datetime, int], list[Waiting]]
LOOKS: list[Look] = [inbox.waiting, inbox.one_by_one, inbox.brought]


def looked(store: Store, look: Look, limit: int = 99) -> list[Waiting]:
    with store.read() as connection:
        return look(connection, ALERTS, NOW, limit)


def test_a_hint_is_kept_once_and_comes_again_from_the_beginning(store: Store) -> None:
    put(store, "a", at=NOW - HOUR)
    change(store, "a", attempts=3, next_at=NOW + HOUR, parked="refused")
    put(store, "a", "b")
    put(store, "a", name=OTHERS)
    columns = ("connection", "ref", "reading", "asked", "received_at", "attempts", "next_at", "parked")
    assert stored(store, *columns) == [
        ("alerts", "a", None, 0, NOW, 0, None, ""),
        ("alerts", "b", None, 0, NOW, 0, None, ""),
        ("others", "a", None, 0, NOW, 0, None, ""),
    ]


def test_every_reading_is_kept_under_the_record_that_it_was_asked_of(store: Store) -> None:
    """A record that was merged answers as another one."""
    with store.write() as tx:
        inbox.put(tx, ALERTS, [(Ref("a"), read("b")), (Ref("a"), read("b"))], asked=7, now=NOW)
    columns = ("connection", "ref", "asked", "received_at", "attempts", "next_at", "parked")
    assert stored(store, *columns) == [("alerts", "a", 7, NOW, 0, None, "")] * 2
    assert [row["ref"] for (row,) in stored(store, "reading")] == ["b", "b"]


def test_a_page_moves_its_cursor(store: Store) -> None:
    for cursor, at in (("c1", NOW - HOUR), ("c2", NOW)):
        page = Page([], Cursor(cursor), more=False)
        with store.write() as tx:
            inbox.put_page(tx, ALERTS, page, [(Ref("a"), read("a"))], 5, at)
    with store.read() as connection:
        assert [tuple(row) for row in connection.execute(select(t.cursor))] == [("alerts", "c2", NOW)]
    assert stored(store, "ref", "asked", "received_at") == [("a", 5, NOW - HOUR), ("a", 5, NOW)]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    ("next_at", "is_due"),
    [
        (None, True),
        (NOW - timedelta(seconds=1), True),
        (NOW, True),
        (NOW + timedelta(seconds=1), False),
        (NOW + 2 * HOUR, False),
        # No wait is as long as this: the clock was set back since.
        (NOW + 2 * HOUR + timedelta(seconds=1), True),
    ],
)
def test_what_waits_is_looked_at_when_it_is_due(
    store: Store, look: Look, next_at: datetime | None, is_due: bool
) -> None:
    put(store, read("a"))
    change(store, "a", next_at=next_at)
    assert [one.ref for one in looked(store, look)] == (["a"] if is_due else [])


@pytest.mark.parametrize("look", LOOKS)
def test_what_waits_is_looked_at_in_order_and_not_all_at_once(store: Store, look: Look) -> None:
    put(store, read("c"), read("a"), read("b"), read("d"))
    put(store, read("e"), name=OTHERS)
    change(store, "c", parked="refused")
    assert [one.ref for one in looked(store, look, 2)] == ["a", "b"]
    assert [one.ref for one in looked(store, look)] == ["a", "b", "d"]


def test_all_about_one_record_is_looked_at_together(store: Store) -> None:
    put(store, read("a", "1"), asked=1, at=NOW - HOUR)
    put(store, read("b", "1"), read("a", "2"), asked=2)
    put(store, read("a", "3"), asked=3)
    change(store, "a", attempts=1)
    with store.write() as tx:
        tx.execute(update(t.inbox).where(t.inbox.c.asked == 2), {"attempts": 4})
    a, b = looked(store, inbox.waiting)
    assert (a.connection, a.ref, a.reading, a.asked, a.attempts) == (ALERTS, "a", read("a", "3"), 3, 4)
    assert (b.ref, b.reading, b.asked, b.attempts) == ("b", read("b", "1"), 2, 4)
    assert a.rows == ((1, NOW - HOUR), (3, NOW), (4, NOW))
    assert a.received_at == NOW
    put(store, "a")
    assert [one.reading for one in looked(store, inbox.waiting)] == [None, read("b", "1")], "it is to be asked for"


def test_of_a_source_of_signals_every_reading_counts(store: Store) -> None:
    put(store, read("a", "1"), "b", read("a", "2"))
    shown = [(one.ref, one.reading) for one in looked(store, inbox.one_by_one)]
    assert sorted(shown, key=str) == sorted([("a", read("a", "1")), ("a", read("a", "2")), ("b", None)], key=str)
    assert [one.reading for one in looked(store, inbox.brought)] == [read("a", "1"), read("a", "2")]


def test_what_was_looked_at_is_taken_out_and_what_was_renewed_meanwhile_stays(store: Store) -> None:
    put(store, "a", read("b"), "c", at=NOW - HOUR)
    items = {one.ref: one for one in looked(store, inbox.waiting)}
    put(store, "a")
    with store.write() as tx:
        inbox.done(tx, items[Ref("a")])
        inbox.done(tx, items[Ref("b")])
    assert sorted(stored(store, "ref")) == [("a",), ("c",)]
    with store.write() as tx:
        inbox.all_done(tx, [])
        inbox.all_done(tx, list(items.values()))
    assert stored(store, "ref", "received_at") == [("a", NOW)]


def test_what_failed_comes_later_and_what_was_renewed_meanwhile_at_once(store: Store) -> None:
    put(store, read("a"), "b", at=NOW - HOUR)
    items = looked(store, inbox.waiting)
    put(store, "b")
    with store.write() as tx:
        for one in items:
            inbox.later(tx, one, 3, NOW + HOUR)
    columns = ("ref", "attempts", "next_at", "parked")
    assert sorted(stored(store, *columns)) == [("a", 3, NOW + HOUR, ""), ("b", 0, None, "")]


def test_what_is_put_aside_takes_the_place_of_what_was_put_aside_before(store: Store) -> None:
    put(store, read("a", "1"), read("b", "1"))
    for sentence in ("first", "x" * 3000):
        for one in looked(store, inbox.waiting):
            with store.write() as tx:
                inbox.later(tx, one, 3, None, sentence if one.ref == "a" else "")
        put(store, read("a", "2"))
    for one in looked(store, inbox.waiting):
        with store.write() as tx:
            inbox.later(tx, one, 1, None)
    assert stored(store, "ref", "parked") == [("b", ""), ("a", "x" * 2000), ("a", "")]
    with store.write() as tx:
        inbox.forget_parked(tx, OTHERS, Ref("a"))
        inbox.forget_parked(tx, ALERTS, Ref("b"))
        assert [row.ref for row in tx.execute(select(t.inbox.c.ref))] == ["b", "a", "a"]
        inbox.forget_parked(tx, ALERTS, Ref("a"))
    assert stored(store, "ref", "parked") == [("b", ""), ("a", "")]


def test_a_record_is_asked_for_once_more_unless_it_is_already(store: Store) -> None:
    put(store, read("a"), read("b"), "b")
    with store.write() as tx:
        for one in looked(store, inbox.waiting):
            inbox.ask_later(tx, one, 3, NOW + HOUR, NOW + 2 * HOUR)
    hints = {
        row[0]: row[1:]
        for row in stored(store, "ref", "asked", "received_at", "attempts", "next_at", "parked", "reading")
        if row[-1] is None
    }
    assert hints == {"a": (0, NOW + HOUR, 3, NOW + 2 * HOUR, "", None), "b": (0, NOW, 0, None, "", None)}


# -- questions ---------------------------------------------------------------------------------------------------------


def test_what_waits_about_which_records(store: Store) -> None:
    put(store, "a", read("b"), read("c"), "d")
    put(store, "e", name=OTHERS)
    change(store, "b", next_at=NOW + HOUR)
    change(store, "c", parked="refused")
    refs = [Ref(one) for one in "abce"]
    with store.write() as tx:
        assert inbox.waiting_refs(tx, ALERTS, refs) == {"a", "b"}
        assert inbox.asked_refs(tx, ALERTS, refs) == {"a"}
        inbox.put_aside(tx, ALERTS, Ref("a"), "y" * 3000)
        assert inbox.asked_refs(tx, ALERTS, refs) == {"a"}, "it was asked for and put aside"
        assert inbox.waiting_refs(tx, ALERTS, refs) == {"b"}


@pytest.mark.parametrize(
    ("name", "ref", "is_asked_anew"),
    [(ALERTS, "hint", False), (ALERTS, "read", True), (ALERTS, "aside", True), (OTHERS, "hint", True)],
)
def test_a_record_is_asked_for_unless_a_hint_waits(
    store: Store, name: ConnectionName, ref: str, is_asked_anew: bool
) -> None:
    put(store, "hint", read("read"), "aside")
    change(store, "aside", parked="refused")

    def rows() -> int:
        with store.read() as connection:
            waiting = select(func.count()).select_from(t.inbox).where(t.inbox.c.parked == "")
            return int(connection.execute(waiting).scalar_one())

    before = rows()
    with store.write() as tx:
        inbox.ask(tx, name, Ref(ref), NOW, NOW)
    assert rows() - before == is_asked_anew


@pytest.mark.parametrize(("waits", "due"), [(None, None), (10, 10), (11, None), (3_600, None)])
def test_a_hint_that_would_wait_longer_is_due_now(store: Store, waits: int | None, due: int | None) -> None:
    put(store, "hint", "other")
    at = {None: None} | {one: NOW + timedelta(seconds=one) for one in (10, 11, 3_600)}
    for ref in ("hint", "other"):
        change(store, ref, next_at=at[waits])
    with store.write() as tx:
        inbox.ask(tx, ALERTS, Ref("hint"), NOW, NOW + timedelta(seconds=10))
    with store.read() as connection:
        found = dict(connection.execute(select(t.inbox.c.ref, t.inbox.c.next_at)).tuples().all())
    assert found == {"hint": at[due], "other": at[waits]}


def test_what_could_not_be_read_is_put_aside_by_name(store: Store) -> None:
    put(store, "a", read("a"), "b", "both", read("both"), "waits")
    put(store, "a", "c", name=OTHERS)
    change(store, "both", parked="refused")
    with store.write() as tx:
        inbox.put_aside(tx, ALERTS, Ref("a"), "z" * 3000)
        assert inbox.refs_aside(tx, ALERTS) == {"a"}, "what was read once and refused is not odd"
        assert inbox.refs_aside(tx, OTHERS) == frozenset()
    told = {
        (name, ref): (is_read is not None, parked)
        for name, ref, is_read, parked in stored(store, "connection", "ref", "reading", "parked")
        if ref == "a" and is_read is None
    }
    assert told == {("alerts", "a"): (False, "z" * 2000), ("others", "a"): (False, "")}


def test_a_reading_that_waits_keeps_no_hint_from_being_odd(store: Store) -> None:
    put(store, "a", read("a"))
    with store.write() as tx:
        inbox.put_aside(tx, ALERTS, Ref("a"), "odd")
        assert inbox.refs_aside(tx, ALERTS) == {"a"}


def test_what_failed_is_known_with_its_version(store: Store) -> None:
    put(store, read("new", "1"), read("tried", "2"), read("aside", "3"), "hint")
    put(store, read("other", "4"), name=OTHERS)
    for ref in ("tried", "hint", "other"):
        change(store, ref, attempts=1)
    change(store, "aside", parked="refused")
    with store.write() as tx:
        assert inbox.failed_versions(tx, ALERTS) == {"tried": "2", "aside": "3"}


def test_a_later_reading_is_seen(store: Store) -> None:
    put(store, read("a"), read("b"), "c")
    put(store, read("d"), name=OTHERS)
    rows = {ref: number for number, ref in stored(store, "id", "ref")}
    with store.read() as connection:
        found = {ref: inbox.has_reading_after(connection, ALERTS, row) for ref, row in rows.items()}
        assert found == {ref: row < rows["b"] for ref, row in rows.items()}
        assert {found["a"], found["b"]} == {True, False}


def test_whether_anything_waits(store: Store) -> None:
    put(store, "a")
    change(store, "a", next_at=NOW + HOUR)
    with store.read() as connection:
        assert inbox.any_waits(connection, ALERTS)
        assert not inbox.any_waits(connection, OTHERS)
    change(store, "a", parked="refused")
    with store.read() as connection:
        assert not inbox.any_waits(connection, ALERTS)


@pytest.mark.parametrize(
    ("copies", "is_stranger"),
    [
        ([], True),
        ([(ALERTS, "a")], False),
        ([(OTHERS, "a")], True),
        ([(ALERTS, "b")], True),
        ([(ALERTS, "b"), (OTHERS, "a")], True),
    ],
)
@pytest.mark.parametrize("parked", ["", "refused"])
def test_what_is_nobodys_copy_is_a_stranger(
    store: Store, copies: list[tuple[ConnectionName, str]], is_stranger: bool, parked: str
) -> None:
    put(store, "a")
    change(store, "a", parked=parked)
    nothing: dict[str, Any] = {name: {} for name in ("base", "observed", "ledger", "intent", "holds", "trail")}
    incident = {"revision": 1, "fields": {}, "stamps": {}, "status": "new", "opened_at": NOW, "updated_at": NOW}
    with store.write() as tx:
        tx.execute(insert(t.incident), {"id": 1, "uid": "u1", **incident})
        for name, ref in copies:
            copy = {"incident_id": 1, "connection": name, "ref": ref, "state": "linked", "token": f"{name}-{ref}"}
            tx.execute(insert(t.replica), {**copy, **nothing})
    with store.read() as connection:
        assert inbox.has_strangers(connection, ALERTS) is is_stranger
        assert not inbox.has_strangers(connection, OTHERS), "nothing waits there"


def test_the_head_is_the_last_entry_of_the_journal(store: Store) -> None:
    with store.write() as tx:
        assert inbox.head(tx) == 0
        last = [tx.journal(Entry(NOW, "noted", None, None, "", "", {})) for _ in range(2)][-1]
        assert inbox.head(tx) == last > 0


# -- readings as they are stored ---------------------------------------------------------------------------------------

SAID = RemoteComment("c1", {"type": "doc"}, "ann", NOW, Audience.STAFF, True, Token("tl-1"))
FULL = Reading(
    Ref("a"),
    Version("v"),
    {"title": "x"},
    key="OPS-1",
    url="https://tool.example/OPS-1",
    token=Token("tl-2"),
    age=timedelta(seconds=1.5),
    people={"u1": "ann@example.com"},
    comments=(SAID, RemoteComment("c2", "words", "", None, Audience.CUSTOMERS)),
    merged_into=Ref("b"),
    annotations={"editor": "ann"},
    born={"title": "y"},
    automatic=frozenset({"status"}),
    ours=frozenset({"title", "status"}),
)


@pytest.mark.parametrize(
    "reading",
    [
        FULL,
        read("a"),
        replace(FULL, born=FULL.body),
        replace(FULL, born=None, automatic=frozenset(), ours=frozenset()),
        replace(FULL, comments=()),
        replace(FULL, comments=None, token=None, age=None, merged_into=None),
        replace(FULL, age=timedelta(0), token=Token(""), merged_into=Ref("")),
    ],
)
def test_a_reading_comes_out_of_the_inbox_as_it_went_in(store: Store, reading: Reading) -> None:
    put(store, reading)
    [found] = looked(store, inbox.waiting)
    assert found.reading == reading


@pytest.mark.parametrize("one", [SAID, RemoteComment("c2", "words", "", None, Audience.CUSTOMERS)])
def test_a_comment_that_waits_since_before_there_were_audiences_is_read_as_todays(one: RemoteComment) -> None:
    stored = inbox._encode_comment(one)
    assert inbox._decode_comment(stored) == one
    stored["visibility"] = {"staff": "internal", "customers": "public"}[stored.pop("audience")]
    assert inbox._decode_comment(stored) == one


def test_what_few_readings_have_is_stored_only_with_those() -> None:
    rare = {"born", "automatic", "ours"}
    assert rare.isdisjoint(inbox.encode(read("a")))
    assert rare <= inbox.encode(FULL).keys()
    assert inbox.encode(replace(FULL, born=FULL.body))["born"] is None, "the body is not stored twice"

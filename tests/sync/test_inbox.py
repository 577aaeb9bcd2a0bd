"""What is stored of deliveries that come in together: each once, whoever sends it again and however often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tieline.core.model import ConnectionName
from tieline.core.port import Hint, Received, Ref
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync import inbox

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
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

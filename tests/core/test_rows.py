"""What is put into a plugin's tables stands there before anything else is done with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, select
from sqlalchemy.schema import CreateTable

from tieline.core.projections import Putting, Rows, plugin_table, subject_column
from tieline.core.store.store import Store, Transaction

LEFT = plugin_table("rowing", "left", subject_column(primary_key=True), Column("count", Integer))
RIGHT = plugin_table("rowing", "right", subject_column(primary_key=True), Column("count", Integer))


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    with Store.open(f"sqlite:///{tmp_path}/rows.db") as store:
        store.migrate()
        with store.write() as tx:
            for table in (LEFT, RIGHT):
                tx.execute(CreateTable(table))
            yield tx


def rows(tx: Transaction, putting: Putting | None = None) -> Rows:
    return Rows(tx, {LEFT: LEFT, RIGHT: RIGHT}, putting or Putting(tx))


def held(tx: Transaction) -> dict[str, list[tuple[str, int]]]:
    return {
        table.name: [
            (row.subject, row.count_) for row in tx.execute(select(table.c.subject, table.c.count.label("count_")))
        ]
        for table in (LEFT, RIGHT)
    }


def test_what_was_put_is_found_changed_and_dropped(tx: Transaction) -> None:
    made = rows(tx)
    made.put(LEFT, subject="a", count=1)
    made.put(LEFT, subject="b", count=2)
    assert [row.subject for row in made.find(LEFT)] == ["a", "b"]
    made.put(LEFT, subject="c", count=3)
    assert made.change(LEFT, {"subject": "c"}, count=4) == 1
    made.put(LEFT, subject="d", count=5)
    assert made.drop(LEFT, subject="d") == 1
    assert held(tx)["rowing__left"] == [("a", 1), ("b", 2), ("c", 4)]


def test_the_last_that_was_put_stands(tx: Transaction) -> None:
    putting = Putting(tx)
    for count in (1, 2, 3):
        made = rows(tx, putting)
        made.put(LEFT, subject="a", count=count)
        made.put(RIGHT, subject="a", count=-count)
    rows(tx, putting).put(LEFT, subject="a")
    putting.flush()
    putting.flush()
    assert held(tx) == {"rowing__left": [("a", 3)], "rowing__right": [("a", -3)]}


def test_what_was_put_waits_for_the_rest(tx: Transaction) -> None:
    putting = Putting(tx)
    made = rows(tx, putting)
    made.put(LEFT, subject="a", count=1)
    made.end()
    assert held(tx)["rowing__left"] == []
    putting.flush()
    assert held(tx)["rowing__left"] == [("a", 1)]

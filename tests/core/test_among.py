"""A column is held against as many values as there are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select

from tieline.core.store import tables as t
from tieline.core.store.among import among, not_among
from tieline.core.store.store import Store

MANY = 70_000


def projected(store: Store, *names: str) -> None:
    with store.write() as tx:
        for number, name in enumerate(names):
            row = {"name": name, "version": number, "is_current": False, "seq": number, "builder": ""}
            tx.execute(t.projected.insert(), row)


@pytest.mark.parametrize("is_named", [True, False])
def test_more_values_than_a_statement_has_parameters(store: Store, is_named: bool) -> None:
    projected(store, "one", "two", "three")
    numbers, texts = range(2, MANY), ["two", *map(str, range(MANY))]
    name, seq = t.projected.c.name, t.projected.c.seq
    with store.read() as connection:

        def found(held: ColumnElement[bool], given: dict[str, Collection[Any]]) -> list[str]:
            query = select(name).where(held).order_by(name)
            return list(connection.execute(query, given if is_named else {}).scalars())

        assert found(among(name, "texts" if is_named else texts), {"texts": texts}) == ["two"]
        assert found(not_among(name, "texts" if is_named else texts), {"texts": texts}) == ["one", "three"]
        assert found(among(seq, "numbers" if is_named else numbers), {"numbers": numbers}) == ["three"]
        assert found(not_among(seq, "numbers" if is_named else numbers), {"numbers": numbers}) == ["one", "two"]


def test_of_none_there_is_nothing(store: Store) -> None:
    projected(store, "one")
    with store.read() as connection:
        assert connection.execute(select(t.projected.c.name).where(among(t.projected.c.name, []))).all() == []
        assert connection.execute(select(t.projected.c.name).where(not_among(t.projected.c.seq, []))).all() != []

"""The schema is made or moved in one step, and its types mean the same on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, event, inspect, text
from tests.core.store_acts import entry, in_threads, names, put

from tieline.core import journal
from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.store import schema
from tieline.core.store import tables as t
from tieline.core.store.engines import parse
from tieline.core.store.store import Store
from tieline.core.store.types import Instant, JsonText, from_micros, to_micros


class Interrupted(Exception):
    """The process died here."""


@contextmanager
def dying_at(statement: int) -> Iterator[list[str]]:
    """Every statement sent to a database is counted, and the given one raises instead."""
    sent: list[str] = []

    def count(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        if len(sent) == statement:
            raise Interrupted
        sent.append(sql)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", count)


class TestSchema:
    def test_migrating_again_changes_nothing(self, store: Store) -> None:
        with store.write() as tx:
            put(tx, "snow-prod")
        store.migrate()
        assert names(store) == {"snow-prod"}

    def test_a_database_newer_than_the_code_is_refused_and_left_alone(self, store: Store) -> None:
        with store.write() as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            put(tx, "snow-prod")
        with pytest.raises(ConfigError, match=rf"^{re.escape(store.name)}: STORE002 .* is at schema 9999") as caught:
            store.migrate()
        assert "install the version that wrote it" in str(caught.value)
        assert names(store) == {"snow-prod"}

    @pytest.mark.parametrize(
        "spoilt",
        [
            ["DROP TABLE alembic_version"],
            ["UPDATE alembic_version SET version_num = '0008'"],
            [
                "UPDATE alembic_version SET version_num = '0008'",
                "INSERT INTO alembic_version (version_num) VALUES ('another')",
            ],
        ],
        ids=["no revision", "an older revision", "one of theirs beside one of ours"],
    )
    def test_tables_that_are_not_those_of_the_revision_are_refused_and_left_alone(
        self, store: Store, spoilt: list[str]
    ) -> None:
        with store.write() as tx:
            for statement in spoilt:
                tx.execute(text(statement))
            put(tx, "snow-prod")
        refused = rf"^{re.escape(store.name)}: STORE003 .* could not be brought up to date: "
        with pytest.raises(ConfigError, match=refused) as caught:
            store.migrate()
        assert "sqlalche.me" not in str(caught.value)
        assert "restore the last backup" in str(caught.value)
        assert names(store) == {"snow-prod"}

    def test_a_disk_without_room_for_the_tables_is_no_fault_of_the_database(self, tmp_path: Path) -> None:
        with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store:
            with store.write() as tx:
                tx.execute(text("PRAGMA max_page_count=10"))
            with pytest.raises(StoreUnavailable, match="the disk is full"):
                store.migrate()
            with store.write() as tx:
                tx.execute(text("PRAGMA max_page_count=100000"))
            store.migrate()

    def test_the_revisions_lead_to_the_same_schema_as_a_new_database(
        self, address: str, tmp_path: Path, open_store: Callable[[str], Store]
    ) -> None:
        """If this fails, tables.py and the revisions differ: write a revision, or mend the unreleased one."""
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        engine = create_engine(parse(address))
        with engine.begin() as connection:
            schema.upgrade(connection, "test", None)
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, t.metadata) == []
            by_revisions = described(connection)
        engine.dispose()
        with Store.open(address) as store:
            store.migrate()
            with store.write() as tx:
                tx.journal(entry())
            assert journal.verify(store).count == 1
        if address.startswith("sqlite"):
            fresh = open_store(f"sqlite:///{tmp_path / 'fresh.db'}")
            with fresh.read() as connection:
                assert described(connection) == by_revisions

    def test_making_the_schema_takes_place_or_does_not_wherever_it_dies(self, address: str) -> None:
        with Store.open(address) as store:
            at = 0
            while True:
                try:
                    with dying_at(at):
                        store.migrate()
                    break
                except Interrupted:
                    with store.read() as connection:
                        assert inspect(connection).get_table_names() == []
                at += 1
            assert at > 30
            assert journal.verify(store).count == 0

    def test_two_processes_that_start_at_once_make_one_schema(self, address: str) -> None:
        with Store.open(address) as left, Store.open(address) as right:
            in_threads(left.migrate, right.migrate)
            assert names(left) == names(right) == set()


def described(connection: Any) -> set[tuple[str, str]]:
    """Every object of a SQLite database, and what kind it is."""
    if connection.dialect.name != "sqlite":
        return set()
    rows = connection.execute(text("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
    return {(row.type, row.name) for row in rows}


moments = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=9))])
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


class TestTypes:
    @given(moments)
    def test_a_moment_comes_back_to_the_microsecond(self, moment: datetime) -> None:
        assert from_micros(to_micros(moment)) == moment

    @given(moments, moments)
    def test_moments_sort_as_their_numbers_do(self, one: datetime, other: datetime) -> None:
        assert (one < other) == (to_micros(one) < to_micros(other))

    def test_a_moment_without_a_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no time zone"):
            Instant().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]  # noqa: DTZ001

    @given(values)
    def test_a_json_value_comes_back_as_it_was(self, value: Any) -> None:
        kind = JsonText()
        stored = kind.process_bind_param(value, None)  # type: ignore[arg-type]
        assert (stored is None) == (value is None)
        assert kind.process_result_value(stored, None) == value  # type: ignore[arg-type]

    def test_equal_objects_are_equal_text_whatever_their_order(self) -> None:
        kind = JsonText()
        one = kind.process_bind_param({"a": 1, "b": 2}, None)  # type: ignore[arg-type]
        assert one == kind.process_bind_param({"b": 2, "a": 1}, None)  # type: ignore[arg-type]

"""The store keeps its word: all of a transaction or nothing, and a sentence when the database is in trouble."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, event, func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from tieline.core import journal
from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.store import schema
from tieline.core.store import tables as t
from tieline.core.store.engines import parse
from tieline.core.store.store import Store, Transaction
from tieline.core.store.types import Instant, JsonText, from_micros, to_micros

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
COUNT = select(func.count()).select_from(t.cursor)


def put(tx: Transaction, name: str, cursor: str = "1") -> None:
    tx.execute(insert(t.cursor), {"connection": name, "cursor": cursor, "polled_at": NOON})


def names(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(select(t.cursor.c.connection)).scalars())


def entry(number: int = 1) -> journal.Entry:
    return journal.Entry(NOON, "changed", number, "snow-prod", "tieline", "ours_newer", {"n": number})


def in_threads(*calls: Callable[[], Any]) -> None:
    """Run side by side; what any of them raises is raised here."""
    errors: list[BaseException] = []

    def run(call: Callable[[], Any]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]


class TestTransactions:
    def test_what_was_written_is_read_by_everybody_after_the_commit(self, store: Store) -> None:
        with store.write() as tx:
            put(tx, "snow-prod")
            assert tx.execute(COUNT).scalar_one() == 1
        assert names(store) == {"snow-prod"}

    def test_a_block_that_raises_leaves_nothing_behind(self, store: Store) -> None:
        calls: list[str] = []
        with pytest.raises(ZeroDivisionError), store.write() as tx:
            put(tx, "snow-prod")
            tx.journal(entry())
            tx.on_commit(lambda: calls.append("told"))
            raise ZeroDivisionError
        assert names(store) == set()
        assert journal.verify(store).count == 0
        assert calls == []
        with store.write() as tx:
            put(tx, "jira")
        assert names(store) == {"jira"}

    def test_callbacks_run_after_the_commit_and_one_that_fails_silences_nobody(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen: list[object] = []

        def fail() -> None:
            raise ZeroDivisionError

        with caplog.at_level(logging.ERROR), store.write() as tx:
            put(tx, "snow-prod")
            tx.on_commit(lambda: seen.append(names(store)))
            tx.on_commit(fail)
            tx.on_commit(lambda: seen.append("last"))
            assert seen == []
        assert seen == [{"snow-prod"}, "last"]
        assert "the transaction stands" in caplog.text

    def test_a_broken_constraint_is_an_answer_and_no_failure_of_the_store(self, store: Store) -> None:
        with store.write() as tx:
            put(tx, "snow-prod")
        with pytest.raises(IntegrityError), store.write() as tx:
            put(tx, "jira")
            put(tx, "snow-prod")
        assert names(store) == {"snow-prod"}

    def test_a_reference_to_nothing_is_refused(self, store: Store) -> None:
        with pytest.raises(IntegrityError), store.write() as tx:
            tx.execute(insert(t.grouping), {"group_key": "db1", "incident_id": 4711, "last_at": NOON})

    def test_a_commit_that_fails_leaves_nothing_and_the_next_one_works(self, sqlite_store: Store) -> None:
        with pytest.raises(IntegrityError), sqlite_store.write() as tx:
            tx.execute(text("PRAGMA defer_foreign_keys=ON"))
            tx.execute(insert(t.grouping), {"group_key": "db1", "incident_id": 4711, "last_at": NOON})
            put(tx, "snow-prod")
        assert names(sqlite_store) == set()
        with sqlite_store.write() as tx:
            put(tx, "jira")
        assert names(sqlite_store) == {"jira"}

    def test_a_statement_that_can_never_work_is_not_called_an_outage(self, store: Store) -> None:
        with pytest.raises(SQLAlchemyError), store.write() as tx:
            tx.execute(text("SELEKT 1"))
        with pytest.raises(SQLAlchemyError), store.read() as connection:
            connection.execute(text("SELECT no_such_column FROM cursor"))

    def test_a_read_sees_one_state_while_others_commit(self, store: Store) -> None:
        with store.read() as connection:
            before = connection.execute(COUNT).scalar_one()

            def commit() -> None:
                with store.write() as tx:
                    put(tx, "snow-prod")

            in_threads(commit)
            assert connection.execute(COUNT).scalar_one() == before == 0
        assert names(store) == {"snow-prod"}

    def test_threads_that_write_at_once_lose_nothing_and_share_one_chain(self, store: Store) -> None:
        def write(worker: int) -> None:
            for number in range(20):
                with store.write() as tx:
                    put(tx, f"{worker}-{number}")
                    tx.journal(entry(number))

        in_threads(*(lambda worker=worker: write(worker) for worker in range(4)))  # type: ignore[misc]
        assert len(names(store)) == 80
        assert journal.verify(store).count == 80

    def test_a_database_in_memory_reads_what_it_wrote(self) -> None:
        with Store.open("sqlite://") as store:
            store.migrate()
            with store.write() as tx:
                put(tx, "snow-prod")
                with store.read() as connection:
                    assert connection.execute(COUNT).scalar_one() == 1
            assert names(store) == {"snow-prod"}


class Line:
    """Writers that wait for each other in a known order: each holds its turn until it is told to go on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.writer: Any = store._writer
        self.ended: list[str] = []
        self.threads: list[threading.Thread] = []

    def enter(self, name: str, *, fails: bool = False) -> tuple[threading.Event, threading.Event]:
        """A writer joins the line. Answers the events `inside` (set when it is its turn) and `go`."""
        inside, go = threading.Event(), threading.Event()

        def write() -> None:
            try:
                with self.store.write() as tx:
                    put(tx, name)
                    inside.set()
                    go.wait(30)
                    if fails:
                        raise ZeroDivisionError
                self.ended.append(name)
            except (ZeroDivisionError, StoreUnavailable) as error:
                self.ended.append(f"{name} {type(error).__name__}")

        before = self.writer.in_line
        first = not self.threads
        thread = threading.Thread(target=write)
        self.threads.append(thread)
        thread.start()
        while not first and self.writer.in_line == before:
            threading.Event().wait(0.001)
        if first:
            inside.wait(30)
        return inside, go

    def join(self) -> None:
        for thread in self.threads:
            thread.join(30)


class TestSharedCommits:
    @pytest.fixture
    def line(self, tmp_path: Path) -> Iterator[Line]:
        with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}", share=timedelta(seconds=60)) as store:
            store.migrate()
            yield Line(store)

    def test_nobody_returns_before_the_shared_commit(self, line: Line) -> None:
        _, first = line.enter("first")
        second_inside, second = line.enter("second")
        first.set()
        assert second_inside.wait(30)
        assert line.ended == []
        assert names(line.store) == set()
        second.set()
        line.join()
        assert sorted(line.ended) == ["first", "second"]
        assert names(line.store) == {"first", "second"}

    def test_writers_are_served_in_the_order_they_came(self, line: Line) -> None:
        gates = [line.enter(name) for name in ("a", "b", "c", "d")]
        for position, (inside, go) in enumerate(gates):
            assert inside.wait(30)
            assert not any(later.is_set() for later, _ in gates[position + 1 :])
            go.set()
        line.join()

    def test_a_member_that_raises_is_undone_alone(self, line: Line) -> None:
        _, first = line.enter("first")
        second_inside, second = line.enter("second", fails=True)
        third_inside, third = line.enter("third")
        first.set()
        assert second_inside.wait(30)
        second.set()
        assert third_inside.wait(30)
        third.set()
        line.join()
        assert sorted(line.ended) == ["first", "second ZeroDivisionError", "third"]
        assert names(line.store) == {"first", "third"}

    def test_the_last_member_that_raises_still_commits_for_the_others(self, line: Line) -> None:
        _, first = line.enter("first")
        second_inside, second = line.enter("second", fails=True)
        first.set()
        assert second_inside.wait(30)
        second.set()
        line.join()
        assert sorted(line.ended) == ["first", "second ZeroDivisionError"]
        assert names(line.store) == {"first"}

    def test_a_transaction_undone_by_the_database_is_reported_to_every_member(self, line: Line) -> None:
        _, first = line.enter("first")
        ended: list[str] = []
        first_done = threading.Event()

        def break_it() -> None:
            try:
                with line.store.write() as tx:
                    first_done.wait(30)
                    tx.execute(text("ROLLBACK"))
                ended.append("committed")
            except StoreUnavailable:
                ended.append("unavailable")

        breaker = threading.Thread(target=break_it)
        breaker.start()
        while line.writer.in_line == 0:
            threading.Event().wait(0.001)
        first.set()
        first_done.set()
        breaker.join(30)
        line.join()
        assert (line.ended, ended) == (["first StoreUnavailable"], ["unavailable"])
        assert names(line.store) == set()
        with line.store.write() as tx:
            put(tx, "after")
        assert names(line.store) == {"after"}

    def test_a_turn_that_does_not_come_is_a_sentence_and_not_a_hang(self, tmp_path: Path) -> None:
        with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}", turn=timedelta(milliseconds=20)) as store:
            store.migrate()
            line = Line(store)
            _, go = line.enter("slow")
            with pytest.raises(StoreUnavailable, match="other threads"), store.write():
                pass
            go.set()
            line.join()
            assert names(store) == {"slow"}

    def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_itself(self, sqlite_store: Store) -> None:
        with (
            pytest.raises(RuntimeError, match="pass the transaction down"),
            sqlite_store.write(),
            sqlite_store.write(),
        ):
            pass
        with sqlite_store.write() as tx:
            put(tx, "snow-prod")

    def test_a_closed_store_says_so(self, tmp_path: Path) -> None:
        store = Store.open(f"sqlite:///{tmp_path / 'tieline.db'}")
        store.migrate()
        store.close()
        with pytest.raises(StoreUnavailable, match="closed"), store.write():
            pass


HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


class TestTrouble:
    def test_a_lock_held_by_another_process_is_named_and_waited_out(self, tmp_path: Path) -> None:
        path = tmp_path / "tieline.db"
        with Store.open(f"sqlite:///{path}", busy=timedelta(milliseconds=10)) as store:
            store.migrate()
            with subprocess.Popen(
                [sys.executable, "-c", HOLD_THE_LOCK, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as other:
                assert other.stdout is not None
                assert other.stdout.readline() == "held\n"
                with pytest.raises(StoreUnavailable, match="holds the write lock") as caught, store.write() as tx:
                    put(tx, "snow-prod")
                assert caught.value.wait == timedelta(seconds=1)
                assert names(store) == set()
                other.communicate("done\n", timeout=30)
            with store.write() as tx:
                put(tx, "snow-prod")
            assert names(store) == {"snow-prod"}

    def test_a_full_disk_stops_one_write_and_nothing_of_it_is_kept(self, sqlite_store: Store) -> None:
        with sqlite_store.write() as tx:
            put(tx, "before")
            pages = tx.execute(text("PRAGMA page_count")).scalar_one()
            tx.execute(text(f"PRAGMA max_page_count={pages + 2}"))
        with pytest.raises(StoreUnavailable, match="the disk is full") as caught, sqlite_store.write() as tx:
            put(tx, "small")
            put(tx, "large", "x" * 1_000_000)
        assert caught.value.wait == timedelta(seconds=30)
        assert names(sqlite_store) == {"before"}
        with sqlite_store.write() as tx:
            tx.execute(text("PRAGMA max_page_count=1000000"))
            put(tx, "after", "x" * 1_000_000)
        assert names(sqlite_store) == {"before", "after"}

    def test_a_full_disk_that_the_caller_overlooked_is_no_commit(self, sqlite_store: Store) -> None:
        with sqlite_store.write() as tx:
            pages = tx.execute(text("PRAGMA page_count")).scalar_one()
            tx.execute(text(f"PRAGMA max_page_count={pages + 2}"))
        with pytest.raises(StoreUnavailable, match="the disk is full"), sqlite_store.write() as tx:
            put(tx, "small")
            with suppress(SQLAlchemyError):
                put(tx, "large", "x" * 1_000_000)
        with pytest.raises(StoreUnavailable, match="the disk is full"), sqlite_store.write() as tx:
            put(tx, "small")
            with suppress(SQLAlchemyError):
                put(tx, "large", "x" * 1_000_000)
            put(tx, "after")
        assert names(sqlite_store) == set()

    def test_an_error_that_the_caller_overlooked_is_no_commit(self, store: Store) -> None:
        with store.write() as tx:
            put(tx, "snow-prod")
        with pytest.raises(IntegrityError), store.write() as tx:
            put(tx, "jira")
            with suppress(IntegrityError):
                put(tx, "snow-prod")
        assert names(store) == {"snow-prod"}

    def test_a_file_that_can_only_be_read_is_named(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        with Store.open(f"sqlite:///{folder / 'tieline.db'}") as store:
            store.migrate()
        with (
            readable_only(folder),
            pytest.raises(StoreUnavailable, match="writable"),
            Store.open(f"sqlite:///{folder / 'tieline.db'}") as store,
            store.write() as tx,
        ):
            put(tx, "snow-prod")
        with Store.open(f"sqlite:///{folder / 'tieline.db'}") as store:
            assert names(store) == set()

    def test_a_file_that_is_no_database_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "tieline.db"
        path.write_bytes(b"not a database, whatever its name says " * 100)
        with (
            Store.open(f"sqlite:///{path}") as store,
            pytest.raises(StoreUnavailable, match="not a SQLite database"),
        ):
            store.migrate()

    def test_a_database_without_tables_says_how_to_get_them(self, address: str) -> None:
        with Store.open(address) as store, pytest.raises(StoreUnavailable, match="tieline run"):
            names(store)

    def test_a_server_that_is_away_is_named_without_its_password(self) -> None:
        with (
            Store.open("postgresql://tieline:swordfish@127.0.0.1:1/tieline") as store,
            pytest.raises(StoreUnavailable, match="connection was lost or refused") as caught,
        ):
            store.ping()
        assert "swordfish" not in str(caught.value)
        assert "swordfish" not in store.name

    @pytest.mark.xdist_group("postgresql")
    def test_a_connection_cut_in_a_transaction_undoes_it_and_the_next_one_works(
        self, postgres_database: str, open_store: Callable[[str], Store]
    ) -> None:
        store = open_store(postgres_database)
        with pytest.raises(StoreUnavailable), store.write() as tx:
            put(tx, "snow-prod")
            own = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with store.read() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
            put(tx, "jira")
        with store.write() as tx:
            put(tx, "after")
        assert names(store) == {"after"}

    @pytest.mark.xdist_group("postgresql")
    def test_a_promise_survives_a_server_that_commits_lazily(
        self, postgres_database: str, open_store: Callable[[str], Store]
    ) -> None:
        with create_engine(parse(postgres_database), isolation_level="AUTOCOMMIT").connect() as admin:
            admin.execute(text("ALTER ROLE tieline SET synchronous_commit = off"))
            try:
                with open_store(postgres_database).write() as tx:
                    assert tx.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
            finally:
                admin.execute(text("ALTER ROLE tieline RESET synchronous_commit"))
        admin.engine.dispose()

    def test_values_never_appear_in_an_error(self, sqlite_store: Store) -> None:
        with sqlite_store.write() as tx:
            put(tx, "snow-prod")
        with pytest.raises(IntegrityError) as caught, sqlite_store.write() as tx:
            put(tx, "snow-prod", "swordfish")
        assert "swordfish" not in str(caught.value)


@contextmanager
def readable_only(folder: Path) -> Iterator[None]:
    """The folder and its files without any write permission, for somebody whom permissions bind."""
    files = list(folder.iterdir())
    was = os.geteuid()
    for file in files:
        file.chmod(0o444)
    folder.chmod(0o555)
    opened = [parent for parent in folder.parents if parent.stat().st_mode & 0o005 != 0o005]
    modes = [parent.stat().st_mode & 0o777 for parent in opened]
    for parent in opened:
        parent.chmod(0o755)
    if was == 0:
        os.seteuid(65534)  # permissions do not bind root
    try:
        yield
    finally:
        os.seteuid(was)
        for parent, mode in zip(opened, modes, strict=True):
            parent.chmod(mode)
        folder.chmod(0o755)
        for file in files:
            file.chmod(0o600)


WRITE_WITHOUT_END = """
import sys
from datetime import UTC, datetime
from sqlalchemy import insert
from tieline.core.journal import Entry
from tieline.core.store import tables as t
from tieline.core.store.store import Store
now = datetime(2026, 11, 23, tzinfo=UTC)
store = Store.open(sys.argv[1])
for number in range(int(sys.argv[2]), 1_000_000):
    with store.write() as tx:
        tx.execute(insert(t.cursor), {"connection": f"a{number}", "cursor": "x" * 3000, "polled_at": now})
        tx.journal(Entry(now, "changed", number, None, "tieline", "", {"n": number}))
        tx.execute(insert(t.cursor), {"connection": f"b{number}", "cursor": "x" * 3000, "polled_at": now})
    print(number, flush=True)
"""


class TestKilled:
    def test_a_process_killed_while_it_commits_loses_nothing_it_confirmed_and_leaves_no_half(
        self, address: str, open_store: Callable[[str], Store]
    ) -> None:
        store = open_store(address)
        confirmed = -1
        for after in (1, 3, 7, 12):
            command = [sys.executable, "-c", WRITE_WITHOUT_END, address, str(confirmed + 1_000)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
                assert victim.stdout is not None
                for _ in range(after):
                    confirmed = int(victim.stdout.readline())
                victim.kill()
                # What it said before it died counts as well.
                confirmed = max([confirmed, *(int(line) for line in victim.stdout.read().split("\n")[:-1])])
            found = names(store)
            assert f"a{confirmed}" in found
            assert {name[1:] for name in found if name[0] == "a"} == {name[1:] for name in found if name[0] == "b"}
            assert journal.verify(store).count == len(found) // 2
        if address.startswith("sqlite"):
            with store.read() as connection:
                assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


class TestFiles:
    def test_the_file_and_its_log_are_readable_by_their_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "data" / "tieline.db"
        with Store.open(f"sqlite:///{path}") as store:
            store.migrate()
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == {"tieline.db": 0o600, "tieline.db-wal": 0o600, "tieline.db-shm": 0o600}

    def test_a_file_that_others_could_read_is_closed_to_them(self, tmp_path: Path) -> None:
        path = tmp_path / "tieline.db"
        path.touch(0o644)
        Store.open(f"sqlite:///{path}").close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_every_commit_reaches_the_disk_and_references_are_checked(self, sqlite_store: Store) -> None:
        with sqlite_store.write() as tx:
            settings = {
                name: tx.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("synchronous", "journal_mode", "foreign_keys", "secure_delete")
            }
        assert settings == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1}

    @pytest.mark.parametrize("wrong", ["mysql://u:swordfish@h/d", "swordfish", "", "sqlite+swordfish://"])
    def test_an_address_that_is_none_is_refused_without_repeating_it(self, wrong: str) -> None:
        with pytest.raises(ConfigError, match="STORE001") as caught:
            Store.open(wrong)
        assert "swordfish@" not in str(caught.value)


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
        with pytest.raises(ConfigError, match=r"STORE002 the database is at schema 9999") as caught:
            store.migrate()
        assert "install the version that wrote it" in str(caught.value)
        assert names(store) == {"snow-prod"}

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

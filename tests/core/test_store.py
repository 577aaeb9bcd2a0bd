"""The store keeps its word: all of a transaction or nothing, for every thread, in one shared commit or in many."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import event, insert, literal_column, select, text
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from tests.core.store_acts import COUNT, NOON, entry, in_threads, names, put

from tieline.core import journal
from tieline.core.errors import StoreUnavailable
from tieline.core.store import tables as t
from tieline.core.store.many import Many
from tieline.core.store.store import Store, Transaction

ROW: Final = {"connection": "snow-prod", "cursor": "1", "polled_at": NOON}


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

        in_threads(*(lambda worker=worker: write(worker) for worker in range(4)))
        assert len(names(store)) == 80
        assert journal.verify(store).count == 80

    def test_whoever_reads_writes_nothing(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable, match="it can only be read"), store.read() as connection:
            connection.execute(insert(t.cursor), ROW)
        assert names(store) == set()

    def test_it_counts_its_commits_and_nothing_else(self, store: Store) -> None:
        before = store.commits
        with suppress(ZeroDivisionError), store.write():
            raise ZeroDivisionError
        assert names(store) == set()
        assert store.commits == before
        with store.write() as tx:
            put(tx, "snow-prod")
        assert store.commits == before + 1

    @pytest.mark.parametrize(
        ("table", "act"),
        [
            ("cursor", lambda tx: put(tx, "snow-prod")),
            ("cursor", lambda tx: tx.execute_many(Many.into(t.cursor), [ROW])),
            ("cursor", lambda tx: tx.execute_each(Many.into(t.cursor), [ROW])),
            ("incident", lambda tx: tx.new_ids(t.incident, 1)),
            ("journal_head", lambda tx: tx.journal(entry())),
            ("journal", lambda tx: tx.journal(entry()) and tx.flush()),
        ],
        ids=["a statement", "many rows", "row by row", "new ids", "an entry", "what waits to be written"],
    )
    def test_whatever_fails_ends_its_transaction_though_the_caller_overlooks_it(
        self, sqlite_store: Store, table: str, act: Callable[[Transaction], object]
    ) -> None:
        with pytest.raises(StoreUnavailable, match="it has no tables yet"), sqlite_store.write() as tx:
            tx.execute(text(f"ALTER TABLE {table} RENAME TO another"))
            with suppress(SQLAlchemyError):
                act(tx)
            tx.execute(text("SELECT 1"))
        with sqlite_store.write() as tx:
            put(tx, "after")

    def test_a_guarded_store_asks_before_each_write_and_shares_all_the_rest(self, sqlite_store: Store) -> None:
        asked: list[int] = []

        def check(tx: Transaction) -> None:
            asked.append(tx.execute(COUNT).scalar_one())
            if len(asked) == 2:
                raise StoreUnavailable("it is another one's turn", timedelta(seconds=30))

        guarded = sqlite_store.guarded(check)
        assert guarded.name == sqlite_store.name
        with guarded.write() as tx:
            put(tx, "snow-prod")
        with pytest.raises(StoreUnavailable), guarded.write() as tx:
            put(tx, "jira")
        assert asked == [0, 1]
        assert names(sqlite_store) == names(guarded) == {"snow-prod"}
        assert sqlite_store.refused == "it is another one's turn"

    def test_a_database_in_memory_reads_what_it_wrote(self) -> None:
        with Store.open("sqlite://", create=False) as store:
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
        self.told: dict[str, str] = {}
        self.threads: list[threading.Thread] = []

    def enter(
        self, name: str, *, fails: bool = False, act: str = "SELECT 1"
    ) -> tuple[threading.Event, threading.Event]:
        """A writer joins the line. Answers the events `inside` (set when it is its turn) and `go`."""
        inside, go = threading.Event(), threading.Event()

        def write() -> None:
            try:
                with self.store.write() as tx:
                    put(tx, name)
                    inside.set()
                    go.wait(30)
                    tx.execute(text(act))
                    if fails:
                        raise ZeroDivisionError
                self.ended.append(name)
            except (ZeroDivisionError, KeyboardInterrupt, StoreUnavailable) as error:
                self.told[name] = str(error)
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


def becomes_true(store: Store, question: str, **facts: object) -> None:
    """What a server of PostgreSQL tells of itself, which may take it a moment."""
    for _ in range(2_000):
        with store.read() as connection:
            if connection.execute(text(question), facts).scalar_one():
                return
        threading.Event().wait(0.01)
    raise AssertionError(question)


def full() -> OperationalError:
    """What SQLite says where a commit finds no room."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return OperationalError("COMMIT", None, error)


class Interrupting:
    """A value at which Ctrl-C is pressed, as it is handed to the database."""

    def __conform__(self, _protocol: object) -> None:
        raise KeyboardInterrupt


def test_what_a_statement_is_in_sql_is_known_to_every_store_of_a_process(tmp_path: Path) -> None:
    known = []
    for name in ("one", "other"):
        with Store.open(f"sqlite:///{tmp_path / name}.db") as store:
            with store.read() as connection:
                known.append(connection.execute(select(literal_column("1").label("once"))).context.cache_hit)
            with store.write() as tx:
                known.append(tx.execute(select(literal_column("1").label("once"))).context.cache_hit)
    assert known[1:] == [CacheStats.CACHE_HIT] * 3


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

    def test_no_more_writers_share_a_commit_than_may(self, tmp_path: Path) -> None:
        where = f"sqlite:///{tmp_path / 'tieline.db'}"
        with Store.open(where, group_commit=2, share=timedelta(seconds=60)) as store:
            store.migrate()
            line = Line(store)
            (_, first), (second_inside, second), (third_inside, third) = [line.enter(name) for name in ("a", "b", "c")]
            first.set()
            assert second_inside.wait(30)
            assert names(store) == set()
            second.set()
            assert third_inside.wait(30)
            for thread in line.threads[:2]:
                thread.join(30)
            assert sorted(line.ended) == ["a", "b"]
            assert names(store) == {"a", "b"}
            third.set()
            line.join()
            assert names(store) == {"a", "b", "c"}

    @pytest.mark.parametrize(
        "limits",
        [{"group_commit": 1, "share": timedelta(seconds=60)}, {"share": timedelta(0)}],
        ids=["it is full", "it is old"],
    )
    def test_nobody_joins_a_commit_that_is_full_or_old(self, tmp_path: Path, limits: dict[str, Any]) -> None:
        with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}", **limits) as store:
            store.migrate()
            line = Line(store)
            (_, first), (second_inside, second) = [line.enter(name) for name in ("first", "second")]
            first.set()
            assert second_inside.wait(30)
            line.threads[0].join(30)
            assert names(store) == {"first"}
            second.set()
            line.join()
            assert names(store) == {"first", "second"}

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

    @pytest.mark.parametrize(
        ("act", "words"),
        [
            ("ROLLBACK", "the transaction was undone"),
            ("INSERT INTO cursor VALUES ('large', hex(zeroblob(1000000)), 0)", "the disk is full"),
        ],
        ids=["behind our back", "for lack of room"],
    )
    def test_a_transaction_undone_by_the_database_is_reported_to_every_member_and_to_nobody_else(
        self, line: Line, act: str, words: str
    ) -> None:
        with line.store.write() as tx:
            pages = tx.execute(text("PRAGMA page_count")).scalar_one()
            tx.execute(text(f"PRAGMA max_page_count={pages + 2}"))
        _, first = line.enter("first")
        _, breaker = line.enter("breaker", act=act)
        _, third = line.enter("third")
        for go in (breaker, third, first):
            go.set()
        line.join()
        assert sorted(line.ended) == ["breaker StoreUnavailable", "first StoreUnavailable", "third"]
        assert words in line.told["breaker"]
        assert "the transaction was undone" in line.told["first"]
        assert names(line.store) == {"third"}

    def test_a_transaction_ended_behind_our_back_is_no_commit(self, sqlite_store: Store) -> None:
        undone = rf"{sqlite_store.name}: the transaction was undone"
        with pytest.raises(StoreUnavailable, match=undone) as caught, sqlite_store.write() as tx:
            put(tx, "snow-prod")
            tx.execute(text("ROLLBACK"))
        assert caught.value.wait == timedelta(seconds=1)
        assert names(sqlite_store) == set()

    def test_a_commit_that_nobody_makes_is_made_by_who_waits_for_it(self, tmp_path: Path) -> None:
        """Whoever was to make it may be interrupted as its turn comes."""
        address, short = f"sqlite:///{tmp_path / 'tieline.db'}", timedelta(milliseconds=20)
        with Store.open(address, turn=short, share=timedelta(seconds=60)) as store:
            store.migrate()
            line = Line(store)
            _, go = line.enter("first")
            gone = threading.Thread(target=lambda: line.writer._lock.acquire(30) and line.writer._lock.release())
            gone.start()
            while not line.writer.in_line:
                threading.Event().wait(0.001)
            go.set()
            line.join()
            gone.join(30)
            assert line.ended == ["first"]
            assert names(store) == {"first"}

    def test_whoever_waits_too_long_for_a_shared_commit_is_told_and_may_be_kept_all_the_same(self, line: Line) -> None:
        _, first = line.enter("first")
        second_inside, second = line.enter("second")
        line.writer._turn = 0.02
        first.set()
        assert second_inside.wait(30)
        line.threads[0].join(30)
        assert line.ended == ["first StoreUnavailable"]
        assert names(line.store) == set()
        second.set()
        line.join()
        assert names(line.store) == {"first", "second"}

    @pytest.mark.parametrize(
        ("act", "others"),
        [(None, "before"), (Interrupting(), "before StoreUnavailable")],
        ids=["between statements", "in a statement, which gives the connection up"],
    )
    @pytest.mark.parametrize("alone", [True, False])
    def test_whoever_is_interrupted_keeps_nothing_and_the_others_know_what_they_kept(
        self, line: Line, act: Interrupting | None, others: str, *, alone: bool
    ) -> None:
        def let_go(go: threading.Event) -> None:
            while not line.writer.in_line:
                threading.Event().wait(0.001)
            go.set()

        if not alone:
            _, go = line.enter("before")
            line.threads.append(threading.Thread(target=let_go, args=(go,)))
            line.threads[-1].start()
        with pytest.raises(KeyboardInterrupt), line.store.write() as tx:
            put(tx, "interrupted")
            tx.execute(text("SELECT :act"), {"act": act})
            raise KeyboardInterrupt
        line.join()
        assert line.ended == ([] if alone else [others])
        assert names(line.store) == {one for one in line.ended if one == "before"}
        with line.store.write() as tx:
            put(tx, "after")
        assert "after" in names(line.store)

    def test_a_turn_that_does_not_come_is_a_sentence_and_not_a_hang(self, tmp_path: Path) -> None:
        with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}", turn=timedelta(milliseconds=20)) as store:
            store.migrate()
            line = Line(store)
            _, go = line.enter("slow")
            busy = rf"{store.name}: other threads .* for 0 s"
            with pytest.raises(StoreUnavailable, match=busy) as caught, store.write():
                pass
            assert caught.value.wait == timedelta(seconds=1)
            go.set()
            line.join()
            assert names(store) == {"slow"}

    @pytest.mark.parametrize(
        ("how", "told"),
        [
            ({}, "writer"),
            ({"fails": True}, "writer ZeroDivisionError"),
            ({"act": "ROLLBACK"}, "writer StoreUnavailable"),
        ],
        ids=["it is kept", "it fails", "the database undoes it"],
    )
    @pytest.mark.parametrize(
        ("address", "act"),
        [
            ("sqlite://", names),
            ("sqlite:///{folder}/tieline.db", Store.scrub),
            ("sqlite:///{folder}/tieline.db", Store.close),
        ],
        ids=["a read in memory", "a scrub", "the end"],
    )
    def test_what_needs_the_writers_turn_waits_for_the_write_under_way(
        self, tmp_path: Path, address: str, act: Callable[[Store], Any], how: dict[str, Any], told: str
    ) -> None:
        with Store.open(address.format(folder=tmp_path), share=timedelta(seconds=60)) as store:
            store.migrate()
            line = Line(store)
            _, go = line.enter("writer", **how)
            beside = threading.Thread(target=lambda: line.ended.append(str(act(store))))
            beside.start()
            while beside.is_alive() and not line.writer.in_line:
                threading.Event().wait(0.001)
            assert line.ended == []
            go.set()
            line.join()
            beside.join(30)
        kept = {"writer"} if told == "writer" else set()
        assert set(line.ended) == {told, str(kept) if act is names else "None"}
        if act is not names:
            with Store.open(address.format(folder=tmp_path)) as again:
                assert names(again) == kept

    def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_itself(self, sqlite_store: Store) -> None:
        with (
            pytest.raises(RuntimeError, match="pass the transaction down"),
            sqlite_store.write(),
            sqlite_store.write(),
        ):
            pass
        with sqlite_store.write() as tx:
            put(tx, "snow-prod")

    @pytest.mark.parametrize(
        ("error", "ended", "words"),
        [
            (KeyboardInterrupt(), "KeyboardInterrupt", "the transaction was undone"),
            (full(), "StoreUnavailable", "the disk is full"),
        ],
        ids=["it is interrupted", "there is no room"],
    )
    def test_a_commit_that_fails_is_none_and_everybody_who_shares_it_is_told(
        self, line: Line, error: BaseException, ended: str, words: str
    ) -> None:
        def fail(_connection: object) -> None:
            event.remove(line.writer._engine, "commit", fail)
            raise error

        _, first = line.enter("first")
        second_inside, second = line.enter("second")
        first.set()
        assert second_inside.wait(30)
        event.listen(line.writer._engine, "commit", fail)
        second.set()
        line.join()
        assert sorted(line.ended) == ["first StoreUnavailable", f"second {ended}"]
        assert words in line.told["first"]
        assert names(line.store) == set()
        with line.store.write() as tx:
            put(tx, "after")
        assert names(line.store) == {"after"}

    def test_a_scrub_has_postgresql_overwrite_what_payloads_left_behind(
        self, postgres_database: str, open_store: Callable[[str], Store]
    ) -> None:
        store = open_store(postgres_database)
        store.scrub()
        becomes_true(
            store,
            "SELECT last_vacuum IS NOT NULL FROM pg_stat_user_tables "
            "WHERE relname = 'journal_payload' AND schemaname = current_schema()",
        )

    def test_a_closed_store_leaves_no_connection_behind(self, postgres_database: str) -> None:
        with Store.open(postgres_database) as other:
            store = Store.open(postgres_database)
            store.migrate()
            with store.write() as tx:
                own = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
            store.close()
            becomes_true(other, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = :pid", pid=own)

    def test_a_closed_store_says_so_and_leaves_no_log_beside_its_file(self, tmp_path: Path) -> None:
        store = Store.open(f"sqlite:///{tmp_path / 'tieline.db'}")
        store.migrate()
        with store.write() as tx:
            put(tx, "snow-prod")
        assert names(store) == {"snow-prod"}
        for _ in range(2):
            store.close()
            with pytest.raises(StoreUnavailable, match=rf"{store.name}: it is closed") as caught, store.write():
                pass
            assert caught.value.wait == timedelta(seconds=1)
        assert (tmp_path / "tieline.db").exists()
        assert list(tmp_path.glob("tieline.db-*")) == [], "its log was folded into it"

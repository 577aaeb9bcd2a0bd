"""When the database is in trouble the store says so in a sentence, keeps no half, and goes on by itself."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from tests.core.store_acts import names, put

from tieline.core import journal
from tieline.core.errors import ConfigError, LeaseLost, StoreUnavailable
from tieline.core.store import engines, volume
from tieline.core.store.engines import parse
from tieline.core.store.failures import unavailable
from tieline.core.store.store import Refusal, Store

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
        assert sqlite_store.refused == str(caught.value)
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            sqlite_store.ping()
        with sqlite_store.write() as tx:
            tx.execute(text("PRAGMA max_page_count=1000000"))
            put(tx, "after", "x" * 1_000_000)
        assert names(sqlite_store) == {"before", "after"}

    def test_a_scrub_that_the_database_refuses_is_told_in_a_sentence(self, sqlite_store: Store) -> None:
        writer: Any = sqlite_store._writer
        writer._driver().execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another connection holds the write lock"):
            sqlite_store.scrub()
        writer._driver().rollback()
        sqlite_store.scrub()

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
            Store.open("postgresql://tieline:swordfish@127.0.0.1:1/tieline?passfile=swordfish") as store,
            pytest.raises(StoreUnavailable, match="connection was lost or refused") as caught,
        ):
            store.ping()
        assert "swordfish" not in str(caught.value)
        assert store.name == "postgresql://tieline:***@127.0.0.1:1/tieline"

    def test_a_connection_cut_in_a_transaction_undoes_it_and_the_next_one_works(
        self, postgres_database: str, open_store: Callable[[str], Store]
    ) -> None:
        store = open_store(postgres_database)
        with pytest.raises(StoreUnavailable, match="connection was lost"), store.write() as tx:
            put(tx, "snow-prod")
            own = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with store.read() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
            put(tx, "jira")
        with store.write() as tx:
            put(tx, "after")
        assert names(store) == {"after"}

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
from tieline.core.store import engines, volume
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


class Colliding:
    """A connection to a file that somebody else is switching: SQLite answers "locked" without any wait."""

    def __init__(self, collisions: int) -> None:
        self.collisions = collisions
        self.sent: list[str] = []

    def cursor(self) -> Colliding:
        return self

    def close(self) -> None:
        pass

    def execute(self, sql: str) -> None:
        self.sent.append(sql)
        if len(self.sent) <= self.collisions:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error


class TestFiles:
    def test_the_file_and_its_log_are_readable_by_their_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "data" / "tieline.db"
        with Store.open(f"sqlite:///{path}") as store:
            store.migrate()
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        assert modes == dict.fromkeys(("tieline.db", "tieline.db-wal", "tieline.db-shm", "tieline.db.keys"), 0o600)

    def test_a_file_that_others_could_read_is_closed_to_them(self, tmp_path: Path) -> None:
        path = tmp_path / "tieline.db"
        path.touch(0o644)
        Store.open(f"sqlite:///{path}").close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_file_that_a_group_may_write_stays_the_groups_and_nobody_elses(self, tmp_path: Path) -> None:
        path = tmp_path / "tieline.db"
        path.touch()
        path.chmod(0o666)
        with Store.open(f"sqlite:///{path}") as store:
            store.migrate()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660

    def test_every_commit_reaches_the_disk_and_references_are_checked(self, sqlite_store: Store) -> None:
        with sqlite_store.write() as tx:
            settings = {
                name: tx.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("synchronous", "journal_mode", "foreign_keys", "secure_delete")
            }
        assert settings == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1}

    def test_two_processes_that_open_a_new_file_at_once_both_get_its_log(self) -> None:
        connection: Any = Colliding(collisions=3)
        engines.switch_to_wal(connection, pause=0)
        assert connection.sent == ["PRAGMA journal_mode=WAL"] * 4

    @pytest.mark.parametrize("wrong", ["mysql://u:swordfish@h/d", "swordfish", "", "sqlite+swordfish://"])
    def test_an_address_that_is_none_is_refused_without_repeating_it(self, wrong: str) -> None:
        with pytest.raises(ConfigError, match="STORE001") as caught:
            Store.open(wrong)
        assert "swordfish@" not in str(caught.value)


def test_what_a_volume_shows_by_itself_stands_no_longer_than_it_shows() -> None:
    shown = [volume.FULL]
    refusal = Refusal(lambda: 100.0, lambda: shown[0])
    with pytest.raises(StoreUnavailable), refusal.noted():
        raise StoreUnavailable("the disk is full", timedelta(seconds=30))
    assert refusal.sentence == "the disk is full"
    shown[0] = ""
    assert refusal.sentence == "", "there is room again"
    with pytest.raises(StoreUnavailable), refusal.noted():
        raise StoreUnavailable("the disk quota is used up", timedelta(seconds=30))
    assert refusal.sentence == "the disk quota is used up", "of which the volume shows nothing"


def test_a_store_that_has_room_again_answers_so_at_once(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "LEAST", 1 << 80)
    with pytest.raises(StoreUnavailable), sqlite_store.write():
        raise StoreUnavailable("the disk is full", timedelta(seconds=30))
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        sqlite_store.ping()
    monkeypatch.undo()
    sqlite_store.ping()
    assert sqlite_store.refused == ""


def test_a_small_write_that_a_full_disk_still_takes_is_no_proof_that_it_has_room() -> None:
    now = [100.0]
    refusal = Refusal(lambda: now[0])
    with pytest.raises(StoreUnavailable), refusal.noted():
        raise StoreUnavailable("the disk is full", timedelta(seconds=30))
    with refusal.noted():
        """A sign of life, in place."""
    now[0] += 59
    assert refusal.sentence == "the disk is full", "whoever met it has not tried again"
    now[0] += 1
    assert refusal.sentence == ""


def test_a_turn_that_is_over_says_nothing_about_the_database() -> None:
    refusal = Refusal()
    with pytest.raises(LeaseLost), refusal.noted():
        raise LeaseLost("another one took over", timedelta(seconds=30))
    assert refusal.sentence == ""


def test_a_refusal_stands_until_a_write_is_kept_however_long_ago_it_was() -> None:
    now = [100.0]
    refusal = Refusal(lambda: now[0])
    with pytest.raises(StoreUnavailable), refusal.noted():
        raise StoreUnavailable("locked", timedelta(seconds=1))
    now[0] += 1_000_000
    assert refusal.sentence == "locked"
    with refusal.noted():
        """Anything."""
    assert refusal.sentence == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda good: good.replace("/postgres", "/nowhere"), "the database does not exist"),
        (lambda good: good.replace("tieline@", "somebody@"), "it refused the login"),
        (lambda good: good.replace("127.0.0.1", "nowhere.invalid"), "the name of its host does not resolve"),
        (lambda good: f"{good}?sslmode=require", "it gives no TLS as wanted"),
        (lambda good: re.sub(r":\d+/", ":1/", good), "the connection was lost or refused"),
    ],
)
def test_a_login_that_fails_is_told_with_its_cause(postgres_server, wrong, words):
    with Store.open(wrong(postgres_server)) as store, pytest.raises(StoreUnavailable, match=words):
        store.migrate()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('FATAL:  password authentication failed for user "tieline"', "it refused the login"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", no encryption', "it refused the login"),
        ("FATAL:  sorry, too many clients already", "it has no connection left"),
        ("FATAL:  the database system is starting up", "it is starting or stopping"),
        ("SSL error: certificate verify failed", "it gives no TLS as wanted"),
        ('server certificate for "db" does not match host name "pg"', "it gives no TLS as wanted"),
        ("connection timeout expired", "it did not answer in time"),
        ("SSL connection has been closed unexpectedly", "the connection was lost or refused"),
        ("server closed the connection unexpectedly", "the connection was lost or refused"),
    ],
)
def test_what_has_no_code_is_known_by_its_words(said, words):
    found = unavailable("postgresql://db/x", OperationalError("SELECT 1", {}, psycopg.OperationalError(said)))
    assert found is not None
    assert str(found).startswith(f"postgresql://db/x: {words}")

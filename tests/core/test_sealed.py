"""What the journal says of an incident is sealed with that incident's key: forgotten with it, in every copy as well."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from tests.core.test_journal import CANDIDATES, first_bad, tamper

from tieline.core import journal
from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.events import Shredded
from tieline.core.journal import Entry, canonical
from tieline.core.store import tables as t
from tieline.core.store.chain import about, payload_hash, sealed_hash
from tieline.core.store.keytree import NONCE, KeyTree
from tieline.core.store.move import copy
from tieline.core.store.store import Store

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
Opener = Callable[[], Store]

NOT_SEALED = pytest.mark.parametrize("address", ["postgresql"], indirect=True)
"""Payloads in a SQLite file are always sealed."""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The file of the keys, on both databases."""
    return tmp_path / "kept" / "journal.keys"


@pytest.fixture
def opener(address: str, keys: Path, open_store: Callable[..., Store]) -> Opener:
    """Opens the same store again and again, each time as another process would."""
    return lambda: open_store(address, keys=keys)


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()


def say(store: Store, incident: int | None, words: str) -> int:
    with store.write() as tx:
        return tx.journal(Entry(NOON, "changed", incident, "snow", "tieline", "", {"assignee": words}))


def told(store: Store, incident: int) -> list[str | None]:
    """What the journal says of an incident, None where it cannot be read any more."""
    with store.read() as connection:
        rows = connection.execute(journal.ENTRIES.where(t.journal.c.incident_id == incident)).all()
        facts = [journal.facts(connection, row) for row in rows]
    return [None if one is None else one["assignee"] for one in facts]


def forget(store: Store, *incidents: int) -> int:
    return journal.forget_incidents(store, incidents, at=NOON, actor="dpo", why="erasure request 12")


def rows(store: Store) -> str:
    """Everything that the database holds of the journal."""
    with store.read() as connection:
        return repr(
            [
                tuple(row)
                for table in ("journal", "journal_payload", "journal_head", "journal_shredded", "journal_forgotten")
                for row in connection.execute(text(f"SELECT * FROM {table}"))
            ]
        )


class Stopped(BaseException):
    """The process died here."""


def dies() -> None:
    raise Stopped


class TestSealing:
    def test_what_is_said_of_an_incident_stands_nowhere_in_the_database_and_is_read_again(self, store: Store) -> None:
        say(store, 57, "eve@example.com")
        assert "eve@example.com" not in rows(store)
        assert told(store, 57) == ["eve@example.com"]
        assert journal.verify(store).count == 1

    def test_what_belongs_to_no_incident_stays_as_it_was(self, store: Store) -> None:
        seq = say(store, None, "nobody")
        with store.read() as connection:
            row = connection.execute(journal.ENTRIES.where(t.journal.c.seq == seq)).one()
            assert (row.sealed, journal.facts(connection, row)) == (None, {"assignee": "nobody"})

    def test_within_the_transaction_that_says_it_it_can_be_read(self, store: Store) -> None:
        with store.write() as tx:
            tx.journal(Entry(NOON, "changed", 57, "snow", "tieline", "", {"assignee": "ann"}))
            (row,) = tx.execute(journal.ENTRIES).all()
            assert journal.facts(tx, row) == {"assignee": "ann"}

    def test_equal_words_are_never_equal_rows(self, store: Store) -> None:
        for _ in range(3):
            say(store, 57, "ann")
        with store.read() as connection:
            sealed = connection.execute(select(t.journal_payload.c.sealed)).scalars().all()
            hashes = connection.execute(select(t.journal.c.payload_sha)).scalars().all()
        assert len(set(sealed)) == len(set(hashes)) == 3

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE journal_payload SET sealed = NULL WHERE seq = 2",
            "UPDATE journal_payload SET sealed = (SELECT sealed FROM journal_payload WHERE seq = 1) WHERE seq = 2",
            "UPDATE journal_payload SET payload = '{}' WHERE seq = 2",
            "UPDATE journal_payload SET salt = '00' WHERE seq = 2",
            "DELETE FROM journal_payload WHERE seq = 2",
        ],
    )
    def test_a_sealed_payload_that_was_changed_is_found(self, store: Store, address: str, change: str) -> None:
        for number in (1, 2, 3):
            say(store, 57, f"ann{number}")
        tamper(address, change)
        assert first_bad(store) == 2

    def test_a_payload_under_another_entry_is_no_fact_of_it(self, store: Store, address: str) -> None:
        say(store, 57, "ann")
        say(store, 57, "bob")
        tamper(address, "UPDATE journal_payload SET sealed = (SELECT sealed FROM journal_payload WHERE seq = 1)")
        with pytest.raises(ValueError, match="its key does not open it"):
            told(store, 57)

    def test_a_store_in_memory_has_its_keys_there(self) -> None:
        with Store.open("sqlite://") as passing:
            passing.migrate()
            say(passing, 57, "eve@example.com")
            assert "eve@example.com" not in rows(passing)
            assert told(passing, 57) == ["eve@example.com"]
            forget(passing, 57)
            assert told(passing, 57) == [None]

    def test_keys_stand_beside_a_sqlite_file_and_postgresql_needs_to_be_told(
        self, address: str, open_store: Callable[[str], Store], tmp_path: Path
    ) -> None:
        store = open_store(address)
        say(store, 57, "eve@example.com")
        sealed = address.startswith("sqlite")
        assert ((tmp_path / "tieline.db.keys").exists(), "eve@example.com" not in rows(store)) == (sealed, sealed)
        assert told(store, 57) == ["eve@example.com"]


class TestForgetting:
    @pytest.fixture
    def nine(self, store: Store) -> Store:
        for incident, name in enumerate(CANDIDATES, 50):
            say(store, incident, name)
        return store

    def test_no_candidate_can_be_told_from_another_by_what_stays(self, nine: Store) -> None:
        forget(nine, 54)
        stays = rows(nine)
        with nine.read() as connection:
            entry = connection.execute(journal.ENTRIES.where(t.journal.c.incident_id == 54)).one()
            lengths = set(map(len, connection.execute(select(t.journal_payload.c.sealed)).scalars().all()[:9]))
        for name in CANDIDATES:
            guesses = [name.encode(), canonical({"assignee": name})]
            guesses += [sha256(guess).hexdigest().encode() for guess in guesses]
            assert not any(guess in bytes(entry.sealed) or guess.decode() in stays for guess in guesses)
        assert len(lengths) == 1

    def test_it_cannot_be_read_any_more_and_everything_else_can(self, nine: Store, opener: Opener) -> None:
        head = journal.verify(nine).head
        done = forget(nine, 54)
        for one in (nine, opener()):
            assert [told(one, incident) for incident in range(50, 59)] == [
                [None if incident == 54 else name] for incident, name in enumerate(CANDIDATES, 50)
            ]
            assert journal.verify(one, anchor=journal.Checkpoint(9, head)).count == done == 10

    def test_it_tells_who_did_it_and_why(self, nine: Store) -> None:
        done = forget(nine, 54, 52, 54)
        with nine.read() as connection:
            row = connection.execute(journal.ENTRIES.where(t.journal.c.seq == done)).one()
            assert (row.kind, row.actor, row.incident_id) == ("incidents_forgotten", "dpo", None)
            assert journal.facts(connection, row) == {"incidents": [52, 54], "why": "erasure request 12"}

    def test_whoever_has_the_store_open_elsewhere_cannot_read_it_either(self, nine: Store, opener: Opener) -> None:
        elsewhere = opener()
        assert told(elsewhere, 54) == ["eve@example.com"]
        forget(nine, 54)
        assert told(elsewhere, 54) == [None]

    def test_what_is_told_of_it_later_is_kept_until_it_is_forgotten_again(self, nine: Store, opener: Opener) -> None:
        elsewhere = opener()
        forget(nine, 54)
        say(elsewhere, 54, "later")
        say(nine, 54, "too")
        assert told(nine, 54) == told(elsewhere, 54) == [None, "later", "too"]
        forget(elsewhere, 54)
        assert told(nine, 54) == told(elsewhere, 54) == [None, None, None]
        assert journal.verify(nine).count == 13

    @NOT_SEALED
    def test_what_was_never_sealed_is_shredded(self, address: str, keys: Path, opener: Opener) -> None:
        with Store.open(address) as plain:
            plain.migrate()
            say(plain, 57, "eve@example.com")
            say(plain, 58, "bob")
        store = opener()
        say(store, 57, "later")
        assert told(store, 57) == ["eve@example.com", "later"]
        forget(store, 57)
        assert (told(store, 57), told(store, 58)) == ([None, None], ["bob"])
        assert "eve@example.com" not in rows(store)
        assert journal.verify(store).shredded == 1

    @pytest.mark.parametrize("how", ["plain", "of another entry", "with other keys"])
    def test_what_is_put_in_the_place_of_a_payload_by_whoever_has_no_key_is_found(
        self, store: Store, address: str, how: str
    ) -> None:
        for incident in (1, 2, 3):
            say(store, incident, "ann")
        anchor = journal.checkpoint(store)
        words = b'{"assignee":"eve"}'
        put: dict[str, Any] = {"seq": 2, "payload": "", "salt": "", "sealed": None}
        if how == "plain":
            put |= {"payload": words.decode(), "salt": "0" * 32}
        else:
            tree = KeyTree.planted(os.urandom) if how == "with other keys" or store.keys is None else store.keys.tree
            put["sealed"] = tree.seal(2, about(2 if how == "with other keys" else 1, "changed"), words, b"0" * NONCE)
        sha = payload_hash(put["salt"], words) if put["sealed"] is None else sealed_hash(put["sealed"])
        with store.write() as tx:
            says = Shredded(seqs=[2], why="", instead={"2": sha})
            tx.journal(Entry(NOON, says.KIND, None, None, "eve", "", says.facts()))
        tamper(address, "DELETE FROM journal_payload WHERE seq = 2")
        with store.write() as tx:
            tx.execute(t.journal_payload.insert(), put)
        if how == "with other keys":  # it cannot be read: then it says nothing, and is named
            assert told(store, 2) == [None]
            [one] = journal.verify(store, anchor=anchor).replaced
            assert (one.seq, one.by, one.who, one.is_opened) == (2, 4, "eve", False)
        else:
            assert first_bad(store, "not sealed" if how == "plain" else "was changed", anchor=anchor) == 2

    @NOT_SEALED
    def test_without_keys_it_is_shredded(self, address: str) -> None:
        with Store.open(address) as plain:
            plain.migrate()
            say(plain, 57, "ann")
            forget(plain, 57)
            assert told(plain, 57) == [None]
            assert journal.verify(plain).shredded == 1

    def test_only_what_the_journal_knows_can_be_forgotten(self, nine: Store) -> None:
        with pytest.raises(LookupError, match="the journal knows no INC-7"):
            forget(nine, 54, 7)
        for none in ((), range(1, 1_002)):
            with pytest.raises(ValueError, match="between 1 and 1,000"):
                forget(nine, *none)
        assert told(nine, 54) == ["eve@example.com"]


class TestDying:
    """The entry stands first; the keys follow, whoever finds that they have not."""

    @pytest.fixture
    def cut_short(self, opener: Opener) -> Store:
        store = opener()
        say(store, 57, "ann")
        say(store, 58, "bob")
        store.forget_keys = dies  # type: ignore[method-assign]
        with pytest.raises(Stopped):
            forget(store, 57)
        return store

    def test_the_next_start_finishes_it(self, cut_short: Store, opener: Opener, keys: Path) -> None:
        before = keys.read_bytes()
        assert told(cut_short, 57) == ["ann"]
        again = opener()
        assert keys.read_bytes() != before
        assert (told(again, 57), told(again, 58)) == ([None], ["bob"])
        assert (told(cut_short, 57), told(cut_short, 58)) == ([None], ["bob"])
        assert journal.verify(again).count == 3

    def test_whoever_writes_meanwhile_loses_nothing_and_finishes_it(self, opener: Opener) -> None:
        elsewhere = opener()
        say(elsewhere, 57, "ann")
        store = opener()
        store.forget_keys = dies  # type: ignore[method-assign]
        with pytest.raises(Stopped):
            forget(store, 57)
        say(elsewhere, 57, "later")
        assert told(elsewhere, 57) == [None, "later"]
        assert told(opener(), 57) == [None, "later"]

    def test_before_the_entry_is_kept_nothing_is_forgotten(self, store: Store, opener: Opener, keys: Path) -> None:
        say(store, 57, "ann")
        before = keys.read_bytes()
        with pytest.raises(Stopped), store.write() as tx:
            tx.forget_incidents([57], tx.journal(Entry(NOON, "incidents_forgotten", None, None, "dpo", "", {})))
            raise Stopped
        say(store, 58, "bob")
        assert keys.read_bytes() == before
        assert told(opener(), 57) == ["ann"]

    def test_keys_that_cannot_be_replaced_now_say_nothing_of_the_database(self, store: Store, keys: Path) -> None:
        say(store, 57, "ann")
        keys.with_name(f".{keys.name}.new").mkdir()
        with pytest.raises(StoreUnavailable, match="cannot be replaced"):
            forget(store, 57)
        say(store, 58, "bob")
        assert store.refused == ""
        store.ping()

    def test_keys_that_cannot_be_replaced_now_are_replaced_later(
        self, store: Store, opener: Opener, keys: Path
    ) -> None:
        say(store, 57, "ann")
        in_the_way = keys.with_name(f".{keys.name}.new")
        in_the_way.mkdir()
        with pytest.raises(StoreUnavailable, match="cannot be replaced"):
            forget(store, 57)
        with pytest.raises(StoreUnavailable, match="cannot be replaced"):
            opener()
        in_the_way.rmdir()
        say(store, 57, "later")
        assert told(store, 57) == [None, "later"]

    def test_older_keys_that_were_put_back_forget_again(self, store: Store, opener: Opener, keys: Path) -> None:
        say(store, 57, "ann")
        older = keys.read_bytes()
        forget(store, 57)
        store.close()
        keys.write_bytes(older)
        assert told(opener(), 57) == [None]


class TestBackups:
    """On SQLite, where a backup is a file."""

    @pytest.fixture
    def here(self, tmp_path: Path) -> Path:
        return tmp_path / "tieline.db"

    def open(self, file: Path, keys: Path | None = None) -> Store:
        store = Store.open(f"sqlite:///{file}", keys=keys)
        store.migrate()
        return store

    def test_neither_the_files_nor_a_dump_nor_a_backup_say_what_was_forgotten(self, here: Path, tmp_path: Path) -> None:
        backup = tmp_path / "backups" / "older.db"
        backup.parent.mkdir()
        with self.open(here) as store:
            for incident, name in enumerate(CANDIDATES, 50):
                say(store, incident, name * 300)
            with closing(sqlite3.connect(here)) as database:
                database.execute(f"VACUUM INTO '{backup}'")
            before = everything(tmp_path)
            forget(store, *range(50, 58))
            after = everything(tmp_path)
            with closing(sqlite3.connect(here)) as database:
                dump = "\n".join(database.iterdump()).encode()
        for name in CANDIDATES:
            for content in (before, after, dump):
                assert name.encode() not in content and name.encode().hex().upper().encode() not in content
        keys = here.with_name("tieline.db.keys")
        with self.open(backup, keys) as old:
            assert [told(old, incident) for incident in range(50, 59)] == [*[[None]] * 8, [CANDIDATES[8] * 300]]
            assert journal.verify(old).count == 9

    def test_a_backup_in_the_place_of_the_store_goes_on_and_forgets_on(self, here: Path, tmp_path: Path) -> None:
        with self.open(here) as store:
            say(store, 56, "kept")
        shutil.copy(here, tmp_path / "older.db")
        with self.open(here) as store:
            say(store, 57, "made after the backup")
            forget(store, 57)
        for file in tmp_path.glob("tieline.db-*"):
            file.unlink()
        shutil.copy(tmp_path / "older.db", here)
        with self.open(here) as store:
            assert say(store, 57, "given out again") == 2
            assert (told(store, 56), told(store, 57)) == (["kept"], ["given out again"])
            forget(store, 56)
            assert (told(store, 56), told(store, 57)) == ([None], ["given out again"])
            assert journal.verify(store).count == 3
        with self.open(here) as store:
            assert (told(store, 56), told(store, 57)) == ([None], ["given out again"])

    def test_a_number_that_is_given_out_again_never_repeats_what_it_was_sealed_with(
        self, here: Path, tmp_path: Path
    ) -> None:
        with self.open(here) as store:
            say(store, 56, "kept")
        shutil.copy(here, tmp_path / "older.db")
        found = []
        for words in ("first story", "other story"):
            for file in tmp_path.glob("tieline.db-*"):
                file.unlink()
            shutil.copy(tmp_path / "older.db", here)
            with self.open(here) as store, store.read() as connection:
                pass
            with self.open(here) as store:
                seq = say(store, 56, words)
                with store.read() as connection:
                    found.append(
                        connection.execute(
                            select(t.journal_payload.c.sealed).where(t.journal_payload.c.seq == seq)
                        ).scalar_one()
                    )
        assert found[0][7:19] != found[1][7:19]


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


class TestWrongKeys:
    def test_a_missing_file_is_told_and_nothing_starts(self, store: Store, opener: Opener, keys: Path) -> None:
        say(store, 57, "ann")
        keys.rename(keys.with_name("elsewhere"))
        with pytest.raises(ConfigError, match=r"STORE011 .*is missing.*put it back"):
            opener()
        assert not keys.exists()
        keys.with_name("elsewhere").rename(keys)
        assert told(opener(), 57) == ["ann"]

    def test_other_keys_are_told_and_nothing_starts(
        self, store: Store, opener: Opener, keys: Path, tmp_path: Path
    ) -> None:
        say(store, 57, "ann")
        own = keys.read_bytes()
        with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
            other.migrate()
        shutil.copy(tmp_path / "other.db.keys", keys)
        with pytest.raises(ConfigError, match=r"STORE012 .*other keys than those.*put back the file"):
            opener()
        keys.write_bytes(own)
        assert told(opener(), 57) == ["ann"]

    def test_a_sealed_store_without_a_name_for_its_keys_is_told(self, store: Store, address: str) -> None:
        say(store, 57, "ann")
        with Store.open(address) as nameless, pytest.raises(ConfigError, match=r"STORE011 "):
            nameless.migrate()

    @NOT_SEALED
    def test_whoever_was_started_before_the_keys_were_named_writes_nothing(self, address: str, opener: Opener) -> None:
        with Store.open(address) as before:
            before.migrate()
            say(before, 57, "ann")
            opener()
            with pytest.raises(StoreUnavailable, match="sealed by now"):
                say(before, 57, "bob")

    def test_a_store_in_which_nothing_was_said_takes_what_keys_there_are(
        self, store: Store, opener: Opener, keys: Path
    ) -> None:
        keys.unlink()
        again = opener()
        say(again, 57, "ann")
        assert told(opener(), 57) == ["ann"]

    def test_the_chain_verifies_without_any(self, store: Store, address: str, keys: Path) -> None:
        say(store, 57, "ann")
        keys.unlink()
        with Store.open(address) as looked_at:
            looked_at.migrate(sealed=True)
            assert journal.verify(looked_at).count == 1


class TestLostKeys:
    def test_a_person_may_go_on_with_new_ones_and_what_was_sealed_is_lost(
        self, store: Store, address: str, keys: Path, opener: Opener
    ) -> None:
        say(store, 57, "ann")
        forget(store, 57)
        say(store, 57, "bob")
        with pytest.raises(LookupError, match="is still there"):
            journal.renew_keys(store, at=NOON, actor="ann")
        store.close()
        keys.unlink()
        with Store.open(address, keys=keys) as lost:
            lost.migrate(sealed=True)
            assert journal.renew_keys(lost, at=NOON, actor="ann") == 4
        again = opener()
        say(again, 57, "later")
        assert told(again, 57) == [None, None, "later"]
        assert journal.verify(again).count == 5

    def test_whoever_is_at_work_meanwhile_goes_on_with_the_new_ones(
        self, store: Store, opener: Opener, address: str, keys: Path
    ) -> None:
        say(store, 57, "ann")
        keys.unlink()
        with Store.open(address, keys=keys) as lost:
            lost.migrate(sealed=True)
            journal.renew_keys(lost, at=NOON, actor="ann")
        say(store, 57, "later")
        assert (told(store, 57), told(opener(), 57)) == ([None, "later"], [None, "later"])

    def test_one_that_has_none_is_told_so(self) -> None:
        with Store.open("sqlite://") as passing:
            passing.migrate()
            with pytest.raises(LookupError, match="has no file of keys"):
                journal.renew_keys(passing, at=NOON, actor="ann")


class TestMoving:
    def test_keys_that_lay_there_before_are_not_lost(self, store: Store, tmp_path: Path) -> None:
        say(store, 57, "ann")
        file, aside = tmp_path / "third.db", tmp_path / "aside.db"
        with Store.open(f"sqlite:///{file}") as third:
            third.migrate()
            say(third, 57, "bob")
        file.rename(aside)  # its keys stay where they are
        with Store.open(f"sqlite:///{file}") as target:
            target.migrate()
            copy(store, target, at=NOON, actor="test")
            assert told(target, 57) == ["ann"]
        [kept] = tmp_path.glob("third.db.keys.*")
        with Store.open(f"sqlite:///{aside}", keys=kept) as third:
            third.migrate()
            assert told(third, 57) == ["bob"]

    @pytest.fixture
    def target(self, tmp_path: Path) -> Iterator[Store]:
        with Store.open(f"sqlite:///{tmp_path / 'target.db'}") as opened:
            opened.migrate()
            yield opened

    def test_a_copy_is_read_with_the_same_keys_and_forgets_with_its_own(
        self, store: Store, target: Store, tmp_path: Path
    ) -> None:
        say(store, 57, "ann")
        say(store, 58, "bob")
        forget(store, 58)
        copy(store, target, at=NOON, actor="test")
        assert (told(target, 57), told(target, 58)) == (["ann"], [None])
        assert (tmp_path / "target.db.keys").stat().st_mode & 0o777 == 0o600
        forget(target, 57)
        assert (told(target, 57), told(store, 57)) == ([None], ["ann"])
        with Store.open(f"sqlite:///{tmp_path / 'target.db'}") as again:
            again.migrate()
            say(again, 57, "later")
            assert told(again, 57) == [None, "later"]
            assert journal.verify(again).count == 5

    def test_a_copy_without_a_place_for_keys_needs_them(
        self, sqlite_store: Store, postgres_database: str, tmp_path: Path
    ) -> None:
        say(sqlite_store, 57, "ann")
        with Store.open(postgres_database) as target:
            target.migrate()
            copy(sqlite_store, target, at=NOON, actor="test")
            with pytest.raises(ConfigError, match=r"STORE011 .*not named"):
                target.migrate()
        shutil.copy(tmp_path / "tieline.db.keys", tmp_path / "fleet.keys")
        with Store.open(postgres_database, keys=tmp_path / "fleet.keys") as fleet:
            fleet.migrate()
            assert told(fleet, 57) == ["ann"]


def test_forgetting_in_several_places_at_once_forgets_each_and_only_those(opener: Opener) -> None:
    from tests.core.store_acts import in_threads

    stores = [opener() for _ in range(3)]
    for incident in range(1, 31):
        say(stores[0], incident, f"ann{incident}")

    def part(store: Store, first: int) -> None:
        for incident in range(first, 19, 3):
            forget(store, incident)
            say(store, 30, f"{incident}")

    calls: list[Any] = [lambda one=one, first=first: part(one, first) for first, one in enumerate(stores, 1)]
    in_threads(*calls)
    for store in stores:
        assert [told(store, incident) for incident in range(1, 30)] == [
            [None if incident < 19 else f"ann{incident}"] for incident in range(1, 30)
        ]
        assert len(list(itertools.filterfalse(None, told(store, 30)))) == 0
    assert journal.verify(stores[0]).count == 30 + 18 * 2

"""The journal: append-only, provable, and still provable after a payload was let go of."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from tieline.core import journal
from tieline.core.errors import ConfigError, JournalBroken
from tieline.core.journal import GENESIS, Checkpoint, Entry, Someone, Verified, canonical
from tieline.core.store import tables as t
from tieline.core.store.chain import entry_hash
from tieline.core.store.engines import parse
from tieline.core.store.store import Store

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def entry(number: int = 1, **payload: Any) -> Entry:
    return Entry(
        NOON + timedelta(seconds=number), "changed", number, "snow-prod", "ann@example.com", "ours_newer", payload
    )


SAME = t.journal.c.seq == t.journal_payload.c.seq


def append(store: Store, *entries: Entry) -> list[int]:
    with store.write() as tx:
        return tx.journal_many(entries)


def ten(store: Store) -> None:
    append(store, *(entry(number, title=f"Disk full on db{number}") for number in range(1, 11)))


def tamper(address: str, *statements: str) -> None:
    """Change the database as somebody with full rights could, past the triggers."""
    engine = create_engine(parse(address))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def first_bad(store: Store, words: str | None = None, **options: Any) -> int:
    with pytest.raises(JournalBroken, match=words) as caught:
        journal.verify(store, **options)
    return caught.value.seq


def named(store: Store) -> list[Any]:
    """The entries that a whole journal says were replaced by what is left of them, each by which one and by whom."""
    return [(one.seq, one.by, one.who, one.is_opened) for one in journal.verify(store).replaced]


class TestAppending:
    def test_entries_are_numbered_without_gaps_and_chained(self, store: Store) -> None:
        assert append(store, entry(1), entry(2)) == [1, 2]
        assert append(store, entry(3)) == [3]
        with store.read() as connection:
            rows = connection.execute(select(t.journal).order_by(t.journal.c.seq)).all()
        assert [row.seq for row in rows] == [1, 2, 3]
        assert [row.prev for row in rows] == [journal.GENESIS, rows[0].hash, rows[1].hash]
        assert (rows[0].at, rows[0].actor) == (NOON + timedelta(seconds=1), "ann@example.com")
        assert journal.verify(store) == journal.Verified(3, rows[2].hash, 0)

    def test_an_empty_journal_is_whole(self, store: Store) -> None:
        assert journal.verify(store) == journal.Verified(0, journal.GENESIS, 0)

    def test_a_transaction_that_fails_leaves_no_entry_and_no_gap(self, store: Store) -> None:
        append(store, entry(1))
        with pytest.raises(ZeroDivisionError), store.write() as tx:
            assert tx.journal(entry(2)) == 2
            raise ZeroDivisionError
        assert append(store, entry(3)) == [2]
        assert journal.verify(store).count == 2

    def test_an_act_whose_entry_cannot_be_written_does_not_take_place(self, store: Store) -> None:
        with pytest.raises(ValueError, match="cannot be journalled"), store.write() as tx:
            tx.execute(insert(t.cursor), {"connection": "snow-prod", "cursor": "1", "polled_at": NOON})
            tx.journal(entry(1, ratio=0.5))
        with store.read() as connection:
            assert connection.execute(select(func.count()).select_from(t.cursor)).scalar_one() == 0

    def test_an_entry_refused_by_the_database_takes_its_transaction_along(
        self, address: str, open_store: Callable[[str], Store]
    ) -> None:
        store = open_store(address)
        tamper(
            address,
            "INSERT INTO journal (seq, at, kind, actor, reason, payload_sha, prev, hash) "
            "VALUES (1, 0, 'forged', '', '', '', '', '')",
        )
        with pytest.raises(IntegrityError), store.write() as tx:
            tx.execute(insert(t.cursor), {"connection": "snow-prod", "cursor": "1", "polled_at": NOON})
            tx.journal(entry(1))
        with store.read() as connection:
            assert connection.execute(select(func.count()).select_from(t.cursor)).scalar_one() == 0

    def test_a_transaction_sees_its_own_entries(self, store: Store) -> None:
        last = select(func.max(t.journal.c.seq))
        with store.write() as tx:
            assert tx.execute(last).scalar_one() is None
            tx.journal(entry(1))
            assert tx.execute(last).scalar_one() == 1
            tx.journal(entry(2))
            assert tx.execute(text("SELECT count(*) FROM journal_payload")).scalar_one() == 2
            tx.journal(entry(3))
        assert journal.verify(store).count == 3

    @pytest.mark.parametrize("word", ["kind", "reason", "connection"])
    def test_a_word_too_long_for_one_database_is_refused_by_both(self, store: Store, word: str) -> None:
        words: dict[str, str] = {"kind": "changed", "reason": "", "connection": "snow", word: "x" * 41}
        with pytest.raises(ValueError, match="at most 40"):
            append(store, Entry(NOON, words["kind"], None, words["connection"], "ann", words["reason"], {}))

    @pytest.mark.parametrize(("incident", "connection"), [(None, None), (7, None), (None, "snow")])
    def test_an_entry_may_be_of_no_incident_and_of_no_connection(
        self, sqlite_store: Store, incident: int | None, connection: str | None
    ) -> None:
        append(sqlite_store, Entry(NOON, "changed", incident, connection, "ann", "", {}))
        with sqlite_store.read() as reader:
            kept = reader.execute(select(t.journal.c.incident_id, t.journal.c.connection)).one()
        assert kept == (incident, connection)

    def test_a_word_that_just_fits_is_taken(self, sqlite_store: Store) -> None:
        append(sqlite_store, Entry(NOON, "k" * 40, None, "c" * 40, "ann", "r" * 40, {}))
        assert journal.verify(sqlite_store).count == 1

    def test_an_actor_may_be_called_anything(self, store: Store) -> None:
        append(store, Entry(NOON, "changed", None, None, "ann\x00\ud800 \N{PILE OF POO}", "", {"text": "a\x00b"}))
        assert journal.verify(store).count == 1
        with store.read() as connection:
            kept = connection.execute(select(t.journal.c.actor, t.journal_payload.c.payload).where(SAME)).one()
        assert kept == ("ann\N{REPLACEMENT CHARACTER}? \N{PILE OF POO}", '{"text":"a\\u0000b"}')

    def test_nothing_is_appended_to_a_journal_whose_head_is_gone(
        self, address: str, open_store: Callable[[str], Store]
    ) -> None:
        store = open_store(address)
        tamper(address, "DELETE FROM journal_head")
        with pytest.raises(JournalBroken, match="restore the last backup"):
            append(store, entry(1))
        with pytest.raises(JournalBroken, match="head is missing"):
            journal.verify(store)

    def test_a_moment_without_a_zone_is_refused(self, store: Store) -> None:
        with pytest.raises(ValueError, match="no time zone"):
            append(store, Entry(datetime(2026, 1, 1), "changed", None, None, "ann", "", {}))  # noqa: DTZ001


class TestAppendOnly:
    @pytest.mark.parametrize(
        "act",
        [
            "UPDATE journal SET actor = 'eve' WHERE seq = 3",
            "DELETE FROM journal WHERE seq = 10",
            "UPDATE journal_payload SET payload = '{}' WHERE seq = 3",
            "DELETE FROM journal_payload WHERE seq = 3",
            "DELETE FROM journal_head",
        ],
    )
    def test_what_was_recorded_cannot_be_changed_or_removed(self, store: Store, act: str) -> None:
        ten(store)
        with pytest.raises(IntegrityError), store.write() as tx:
            tx.execute(text(act))
        assert journal.verify(store).count == 10

    def test_a_shredding_cannot_be_taken_back(self, store: Store) -> None:
        ten(store)
        journal.shred(store, [3], at=NOON, actor="dpo@example.com", why="erasure request 12")
        for act in ("DELETE FROM journal_shredded", "UPDATE journal_shredded SET seq = 4"):
            with pytest.raises(IntegrityError), store.write() as tx:
                tx.execute(text(act))

    @pytest.mark.parametrize("table", ["journal", "journal_payload", "journal_head", "journal_shredded"])
    def test_truncate_is_refused(self, postgres_database: str, open_store: Callable[[str], Store], table: str) -> None:
        store = open_store(postgres_database)
        ten(store)
        with pytest.raises(IntegrityError), store.write() as tx:
            tx.execute(text(f"TRUNCATE {table}"))
        assert journal.verify(store).count == 10


class TestVerifying:
    @pytest.fixture
    def whole(self, address: str, open_store: Callable[[str], Store]) -> Store:
        store = open_store(address)
        ten(store)
        return store

    @pytest.mark.parametrize(
        "change",
        [
            "at = at + 1",
            "kind = 'opened'",
            "incident_id = 99",
            "incident_id = NULL",
            "connection = 'jira'",
            "connection = NULL",
            "actor = 'eve@example.com'",
            "reason = ''",
            "payload_sha = prev",
            "prev = hash",
            "hash = prev",
        ],
    )
    def test_every_changed_field_is_found_and_its_entry_named(self, whole: Store, address: str, change: str) -> None:
        tamper(address, f"UPDATE journal SET {change} WHERE seq = 4")
        assert first_bad(whole) == 4

    def test_a_changed_seq_shows_as_a_missing_entry(self, whole: Store, address: str) -> None:
        tamper(
            address,
            "UPDATE journal SET seq = 11 WHERE seq = 4",
            "UPDATE journal_payload SET seq = 11 WHERE seq = 4",
            "UPDATE journal_head SET seq = 11",
        )
        assert first_bad(whole) == 4

    def test_a_changed_payload_is_found(self, whole: Store, address: str) -> None:
        tamper(address, 'UPDATE journal_payload SET payload = \'{"title":"nothing happened"}\' WHERE seq = 4')
        assert first_bad(whole) == 4

    def test_a_payload_that_is_gone_without_a_shredding_is_found(self, whole: Store, address: str) -> None:
        tamper(address, "DELETE FROM journal_payload WHERE seq = 4")
        assert first_bad(whole) == 4

    def test_of_several_payloads_that_are_gone_the_first_is_named(self, whole: Store, address: str) -> None:
        tamper(address, "DELETE FROM journal_payload WHERE seq IN (3, 4, 9)")
        assert first_bad(whole, "the payload of journal entry 3 is gone") == 3

    def test_a_payload_without_an_entry_is_found(self, whole: Store, address: str) -> None:
        tamper(address, "INSERT INTO journal_payload (seq, payload, salt) VALUES (77, '{}', '')")
        assert first_bad(whole, "a payload for journal entry 77, and no such entry") == 77

    @pytest.mark.parametrize("seq", [1, 4, 10])
    def test_a_removed_entry_is_named(self, whole: Store, address: str, seq: int) -> None:
        tamper(address, f"DELETE FROM journal WHERE seq = {seq}", f"DELETE FROM journal_payload WHERE seq = {seq}")
        words = f"journal entry {seq} is missing" if seq < 10 else "the journal ends at entry 9"
        for chunk in (1, 2, 4, 5_000):
            assert first_bad(whole, words, chunk=chunk) == seq

    @pytest.mark.parametrize("changed", ["payload = x'7b7d'", "salt = x'00'"])
    def test_what_is_no_text_is_no_payload(
        self, tmp_path: Path, open_store: Callable[[str], Store], changed: str
    ) -> None:
        address = f"sqlite:///{tmp_path / 'tieline.db'}"
        store = open_store(address)
        ten(store)
        tamper(address, f"UPDATE journal_payload SET {changed} WHERE seq = 4")
        assert first_bad(store, "the payload of journal entry 4 was changed") == 4

    def test_a_removed_entry_is_found_though_the_chain_was_mended_around_it(self, whole: Store, address: str) -> None:
        with whole.read() as connection:
            third = connection.execute(text("SELECT * FROM journal WHERE seq = 3")).one()
            fifth = connection.execute(text("SELECT * FROM journal WHERE seq = 5")).one()
        mended = entry_hash((5, *fifth[1:8], third.hash))
        tamper(
            address,
            *(f"DELETE FROM {table} WHERE seq = 4 OR seq > 5" for table in ("journal", "journal_payload")),
            f"UPDATE journal SET prev = '{third.hash}', hash = '{mended}' WHERE seq = 5",
            f"UPDATE journal_head SET seq = 5, hash = '{mended}'",
        )
        assert first_bad(whole) == 4

    def test_entries_that_changed_places_are_found(self, whole: Store, address: str) -> None:
        tamper(
            address,
            *(
                f"UPDATE {table} SET seq = {new} WHERE seq = {old}"
                for table in ("journal", "journal_payload")
                for old, new in ((4, 99), (5, 4), (99, 5))
            ),
        )
        assert first_bad(whole) == 4

    def test_a_forged_entry_at_the_end_is_found(self, whole: Store, address: str) -> None:
        tamper(
            address,
            "INSERT INTO journal SELECT 11, at, kind, incident_id, connection, actor, reason, payload_sha, hash, hash "
            "FROM journal WHERE seq = 10",
        )
        assert first_bad(whole) == 11

    def test_entries_cut_off_at_the_end_no_longer_match_the_head(self, whole: Store, address: str) -> None:
        tamper(address, "DELETE FROM journal WHERE seq > 7", "DELETE FROM journal_payload WHERE seq > 7")
        assert first_bad(whole, "ends at entry 7, and its head names entry 10") == 8

    def test_a_head_that_names_another_hash_is_found(self, whole: Store, address: str) -> None:
        tamper(address, f"UPDATE journal_head SET hash = '{'f' * 64}'")
        assert first_bad(whole, "journal entry 10 is not the one") == 10

    def test_an_entry_rewritten_with_its_hash_breaks_the_next_one(self, whole: Store, address: str) -> None:
        with whole.read() as connection:
            row = connection.execute(text("SELECT * FROM journal WHERE seq = 4")).one()
        forged = entry_hash((4, row.at, row.kind, 4, row.connection, "eve", row.reason, row.payload_sha, row.prev))
        tamper(address, f"UPDATE journal SET actor = 'eve', hash = '{forged}' WHERE seq = 4")
        assert first_bad(whole) == 5

    @pytest.mark.parametrize("chunk", [1, 3, 10, 11])
    def test_it_reads_in_pieces_and_tells_how_far_it_is(self, whole: Store, chunk: int) -> None:
        seen: list[int] = []
        assert journal.verify(whole, on_progress=seen.append, chunk=chunk).count == 10
        assert seen == sorted(seen)
        assert seen[-1] == 10
        assert len(seen) == -(-10 // chunk)

    def test_entries_appended_while_it_reads_do_no_harm(self, whole: Store) -> None:
        assert journal.verify(whole, on_progress=lambda _seq: append(whole, entry(50)), chunk=3).count == 10


class TestCheckpoints:
    @pytest.fixture
    def pinned(self, address: str, open_store: Callable[[str], Store], tmp_path: Path) -> tuple[Store, str, Checkpoint]:
        store = open_store(address)
        ten(store)
        journal.checkpoint(store, tmp_path / "head.json")
        append(store, entry(11))
        return store, address, journal.read_checkpoint(tmp_path / "head.json")

    def test_a_journal_that_went_on_still_holds_the_checkpoint(self, pinned: tuple[Store, str, Checkpoint]) -> None:
        store, _, anchor = pinned
        assert anchor.seq == 10
        assert journal.verify(store, anchor=anchor).count == 11

    def test_a_journal_that_ends_at_the_checkpoint_holds_it(self, sqlite_store: Store, tmp_path: Path) -> None:
        assert journal.verify(sqlite_store, anchor=journal.checkpoint(sqlite_store)) == Verified(0, GENESIS, 0)
        ten(sqlite_store)
        anchor = journal.checkpoint(sqlite_store, tmp_path / "head.json")
        assert (tmp_path / "head.json").read_text() == f'{{"checkpoint":1,"seq":10,"hash":"{anchor.hash}"}}\n'
        assert journal.read_checkpoint(tmp_path / "head.json") == anchor
        assert journal.verify(sqlite_store, anchor=anchor) == Verified(10, anchor.hash, 0)

    def test_a_checkpoints_name_may_be_as_long_as_a_name_can_be(self, sqlite_store: Store, tmp_path: Path) -> None:
        file = tmp_path / ("x" * 255)
        assert journal.checkpoint(sqlite_store, file) == journal.read_checkpoint(file)

    def test_a_checkpoint_that_finds_no_room_leaves_the_older_one_and_nothing_beside_it(
        self, sqlite_store: Store, tmp_path: Path
    ) -> None:
        file = tmp_path / "head.json"
        before = journal.checkpoint(sqlite_store, file)
        append(sqlite_store, entry(1))
        files = set(tmp_path.iterdir())
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            with pytest.raises(ConfigError, match="JOURNAL001 File too large"):
                journal.checkpoint(sqlite_store, file)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert journal.read_checkpoint(file) == before
        assert set(tmp_path.iterdir()) == files

    @pytest.mark.parametrize("there", ["something else", "{}"])
    def test_a_checkpoint_replaces_nothing_else(self, sqlite_store: Store, tmp_path: Path, there: str) -> None:
        file = tmp_path / "head.json"
        file.write_text(there)
        pipe = tmp_path / "head.pipe"
        os.mkfifo(pipe)
        for taken in (file, tmp_path, pipe):
            with pytest.raises(ConfigError, match=f"^{taken}:1:1: JOURNAL001 there is something else in it"):
                journal.checkpoint(sqlite_store, taken)
        assert {one.name for one in tmp_path.glob("*head*")} == {"head.json", "head.pipe"}
        assert file.read_text() == there
        assert pipe.is_fifo()

    def test_a_checkpoint_replaces_an_empty_file_and_an_older_one(self, sqlite_store: Store, tmp_path: Path) -> None:
        file = tmp_path / "head.json"
        file.touch()
        for number in (1, 2):
            append(sqlite_store, entry(number))
            assert journal.checkpoint(sqlite_store, file).seq == number == journal.read_checkpoint(file).seq
        assert [one.name for one in tmp_path.glob("*head*")] == ["head.json"]

    def test_entries_cut_off_together_with_the_head_are_found(self, pinned: tuple[Store, str, Checkpoint]) -> None:
        store, address, anchor = pinned
        tamper(
            address,
            "DELETE FROM journal WHERE seq > 7",
            "DELETE FROM journal_payload WHERE seq > 7",
            "UPDATE journal_head SET seq = 7, hash = (SELECT hash FROM journal WHERE seq = 7)",
        )
        assert journal.verify(store).count == 7
        assert first_bad(store, "ends at entry 7, and the checkpoint knows entry 10", anchor=anchor) == 8

    def test_a_history_rewritten_from_end_to_end_is_found(
        self, pinned: tuple[Store, str, Checkpoint], tmp_path: Path, open_store: Callable[[str], Store]
    ) -> None:
        _, _, anchor = pinned
        rewritten = open_store(f"sqlite:///{tmp_path / 'rewritten.db'}")
        append(rewritten, *(entry(number, title="nothing happened") for number in range(1, 12)))
        assert journal.verify(rewritten).count == 11
        assert first_bad(rewritten, anchor=anchor) == 10

    @pytest.mark.parametrize(
        "content",
        [
            f'{{"checkpoint":2,"seq":1,"hash":"{"0" * 64}"}}',
            "",
            "{}",
            '{"checkpoint":1,"seq":"x","hash":"00"}',
            '{"checkpoint":1}',
            "[]",
            f'{{"checkpoint":1,"seq":-1,"hash":"{"0" * 64}"}}',
            f'{{"checkpoint":1,"seq":true,"hash":"{"0" * 64}"}}',
            f'{{"checkpoint":1,"seq":1,"hash":"{"0" * 62}"}}',
            f'{{"checkpoint":1,"seq":1,"hash":"{"x" * 64}"}}',
        ],
    )
    def test_a_file_that_is_no_checkpoint_is_refused(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "head.json"
        file.write_text(content)
        for none in (file, tmp_path, tmp_path / "nowhere"):
            with pytest.raises(ConfigError, match=f"^{none}:1:1: JOURNAL002 this is not a checkpoint"):
                journal.read_checkpoint(none)

    @pytest.mark.parametrize(
        ("where", "cause"),
        [
            ("nowhere/head.json", "No such file or directory"),
            ("file/head.json", "Not a directory"),
            ("x" * 256, "File name too long"),
        ],
        ids=["no folder", "a file for a folder", "too long a name"],
    )
    def test_a_checkpoint_that_cannot_be_written_is_told_with_its_cause(
        self, sqlite_store: Store, tmp_path: Path, where: str, cause: str
    ) -> None:
        (tmp_path / "file").touch()
        before = set(tmp_path.iterdir())
        with pytest.raises(ConfigError, match=rf"^{tmp_path / where}:1:1: JOURNAL001 {cause}\..*room\."):
            journal.checkpoint(sqlite_store, tmp_path / where)
        assert set(tmp_path.iterdir()) == before


def hashed(store: Store) -> list[Any]:
    """The rows that the chain runs over, and that stay for ever."""
    with store.read() as connection:
        return list(connection.execute(select(t.journal).order_by(t.journal.c.seq)))


CANDIDATES = [f"{name}@example.com" for name in ("ann", "bob", "cleo", "dan", "eve", "fay", "gus", "hal", "ida")]


class TestForgetting:
    def test_what_was_shredded_cannot_be_guessed_from_what_stays(self, store: Store) -> None:
        append(
            store, Entry(NOON, "changed", 1, "desk", Someone("eve@example.com"), "", {"assignee": "eve@example.com"})
        )
        journal.shred(store, [1], at=NOON, actor="dpo", why="asked")
        journal.forget(store, "eve@example.com", at=NOON, actor="dpo")
        stays = repr(hashed(store))
        for name in CANDIDATES:
            guesses = [canonical({"assignee": name}), name.encode()]
            assert name not in stays
            assert not any(sha256(guess).hexdigest() in stays for guess in guesses)
        assert journal.verify(store).shredded == 1

    def test_two_equal_payloads_have_two_hashes(self, store: Store) -> None:
        append(store, entry(1, title="full"), entry(1, title="full"))
        one, other = hashed(store)
        assert one.payload_sha != other.payload_sha

    def test_a_salt_that_was_changed_is_found(self, address: str, open_store: Callable[[str], Store]) -> None:
        store = open_store(address)
        append(store, *(Entry(NOON, "reloaded", None, None, "tieline", "", {}) for _ in range(5)))
        for salt in ("", "0" * 32, "ü"):
            tamper(address, f"UPDATE journal_payload SET salt = '{salt}' WHERE seq = 4")
            assert first_bad(store) == 4

    def test_a_person_stands_in_the_journal_as_one_id(self, store: Store) -> None:
        ann, bob = Someone("ann@example.com"), Someone("bob")
        append(store, Entry(NOON, "changed", 1, None, ann, "", {}), Entry(NOON, "changed", 1, None, bob, "", {}))
        append(store, Entry(NOON, "settled", 1, None, ann, "", {}), Entry(NOON, "opened", 1, None, "alerts", "", {}))
        actors = [row.actor for row in hashed(store)]
        assert actors[0] == actors[2] != actors[1]
        assert actors[0].startswith("p-")
        assert actors[3] == "alerts"

    def test_somebody_who_is_called_like_a_part_of_ours_is_not_taken_for_it(self, store: Store) -> None:
        append(store, Entry(NOON, "changed", 1, None, Someone("tieline"), "", {}))
        assert [row.actor.startswith("p-") for row in hashed(store)] == [True]

    @pytest.mark.parametrize("name", ["a\x00b", "\ud800", "é" * 5_000, ""])
    def test_a_name_may_be_anything(self, store: Store, name: str) -> None:
        append(store, *(Entry(NOON, "changed", 1, None, Someone(name), "", {}) for _ in range(2)))
        assert len({row.actor for row in hashed(store)}) == 1
        journal.forget(store, name, at=NOON, actor="dpo")

    def test_whoever_is_forgotten_is_somebody_else_afterwards(self, store: Store) -> None:
        append(store, Entry(NOON, "changed", 1, None, Someone("ann"), "", {}))
        assert journal.forget(store, "ann", at=NOON, actor=Someone("dpo")) == 2
        append(store, Entry(NOON, "changed", 1, None, Someone("ann"), "", {}))
        first, told, again = hashed(store)
        assert first.actor != again.actor
        assert told.kind == "person_forgotten"
        with pytest.raises(LookupError, match="knows nobody called 'bob'"):
            journal.forget(store, "bob", at=NOON, actor="dpo")
        assert journal.verify(store).count == 3

    def test_a_name_that_was_forgotten_stands_nowhere_in_the_file(self, tmp_path: Path) -> None:
        address = f"sqlite:///{tmp_path}/tieline.db"
        with Store.open(address) as store:
            store.migrate()
            append(store, Entry(NOON, "changed", 1, None, Someone("ann.of.the.canaries"), "", {}))
            assert b"ann.of.the.canaries" in b"".join(file.read_bytes() for file in tmp_path.iterdir())
            journal.forget(store, "ann.of.the.canaries", at=NOON, actor="dpo")
            assert b"ann.of.the.canaries" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


class TestShredding:
    def test_the_payload_goes_and_the_chain_still_verifies(self, store: Store) -> None:
        ten(store)
        done = journal.shred(store, [3, 5], at=NOON, actor="dpo@example.com", why="erasure request 12")
        assert done == 11
        with store.read() as connection:
            left = connection.execute(select(t.journal_payload.c.seq).order_by(t.journal_payload.c.seq)).scalars()
            assert list(left) == [1, 2, 4, 6, 7, 8, 9, 10, 11]
        assert journal.verify(store).shredded == 2

    def test_a_shredding_tells_who_did_it_why_and_of_which_entries(self, sqlite_store: Store) -> None:
        ten(sqlite_store)
        for seqs, told in (([5, 3, 3], [3, 5]), ([3, 4], [4])):
            done = journal.shred(sqlite_store, seqs, at=NOON, actor="dpo", why="erasure request 12")
            with sqlite_store.read() as connection:
                found = connection.execute(
                    select(t.journal, t.journal_payload.c.payload).where(SAME, t.journal.c.seq == done)
                )
                row = found.one()
                let_go = connection.execute(
                    select(t.journal_shredded.c.seq)
                    .where(t.journal_shredded.c.entry == done)
                    .order_by(t.journal_shredded.c.seq)
                )
                assert list(let_go.scalars()) == told
            assert (row.kind, row.at, row.actor, row.reason) == ("shredded", NOON, "dpo", "")
            assert (row.incident_id, row.connection) == (None, None)
            assert json.loads(row.payload) == {"seqs": told, "why": "erasure request 12"}

    def test_shredding_again_changes_nothing(self, store: Store) -> None:
        ten(store)
        journal.shred(store, [3], at=NOON, actor="dpo", why="")
        assert journal.shred(store, [3], at=NOON, actor="dpo", why="") is None
        assert journal.verify(store).count == 11

    @pytest.mark.parametrize(
        ("seqs", "words"),
        [
            ([], "between 1 and 1,000 journal entries to shred"),
            ([0], "entry 0 does not exist"),
            ([12], "entry 12 does not exist"),
            ([1_000, 3, 11], "entry 11 does not exist"),
        ],
    )
    def test_only_entries_that_exist_can_be_shredded(self, store: Store, seqs: list[int], words: str) -> None:
        ten(store)
        with pytest.raises(ValueError, match=words):
            journal.shred(store, seqs, at=NOON, actor="dpo", why="")
        assert journal.verify(store) == journal.Verified(10, journal.verify(store).head, 0)

    def test_a_thousand_are_shredded_at_a_time_and_no_more(self, sqlite_store: Store) -> None:
        append(sqlite_store, *(entry(number) for number in range(1, 1_002)))
        with pytest.raises(ValueError, match="between 1 and 1,000"):
            journal.shred(sqlite_store, range(1, 1_002), at=NOON, actor="ann", why="asked")
        named = [*range(1, 1_001), 1, 2]
        assert journal.shred(sqlite_store, named, at=NOON, actor="ann", why="asked") == 1_002
        assert journal.verify(sqlite_store).shredded == 1_000

    def test_the_entry_that_tells_of_a_shredding_cannot_be_shredded(self, store: Store) -> None:
        ten(store)
        done = journal.shred(store, [3], at=NOON, actor="dpo", why="")
        assert done is not None
        with pytest.raises(ValueError, match="tells of a shredding"):
            journal.shred(store, [done], at=NOON, actor="dpo", why="")

    def test_a_row_that_claims_a_shredding_without_its_entry_opens_nothing(self, store: Store) -> None:
        ten(store)
        with pytest.raises(IntegrityError), store.write() as tx:
            tx.execute(insert(t.journal_shredded), {"seq": 3, "entry": 10})
            tx.execute(text("DELETE FROM journal_payload WHERE seq = 3"))

    def test_a_payload_put_back_after_its_shredding_is_found(
        self, address: str, open_store: Callable[[str], Store]
    ) -> None:
        store = open_store(address)
        ten(store)
        with store.read() as connection:
            was, salt = connection.execute(text("SELECT payload, salt FROM journal_payload WHERE seq = 3")).one()
        journal.shred(store, [3], at=NOON, actor="dpo", why="")
        tamper(address, f"INSERT INTO journal_payload (seq, payload, salt) VALUES (3, '{was}', '{salt}')")
        assert first_bad(store) == 3

    def test_a_payload_shredded_while_the_journal_is_verified_does_no_harm(self, store: Store) -> None:
        ten(store)
        found = journal.verify(
            store,
            chunk=2,
            on_progress=lambda seq: seq == 2 and journal.shred(store, [5], at=NOON, actor="dpo", why=""),
        )
        assert (found.count, found.shredded) == (11, 1)

    def test_what_is_left_of_a_payload_stands_in_its_place_and_is_as_sure(
        self, address: str, open_store: Callable[[str], Store]
    ) -> None:
        store = open_store(address)
        ten(store)

        def payload(seq: int) -> Any:
            query = select(t.journal_payload).where(t.journal_payload.c.seq == seq)
            with store.read() as connection:
                return connection.execute(query).first()

        def replace(**left: Any) -> None:
            with store.write() as tx:
                journal.replace_in(tx, {3: left or None}, at=NOON, actor="dpo", why="")

        replace(title="(forgotten)", severity="low")
        once = payload(3)
        with store.read() as connection:
            row = connection.execute(journal.ENTRIES.where(t.journal.c.seq == 3)).one()
            assert journal.facts(connection, row) == {"title": "(forgotten)", "severity": "low"}
        assert (journal.verify(store).shredded, named(store)) == (0, [(3, 11, "dpo", store.keys is not None)])
        replace(severity="low")
        assert (named(store), journal.verify(store).count) == ([(3, 12, "dpo", store.keys is not None)], 12)
        tamper(address, "DELETE FROM journal_payload WHERE seq = 3")
        assert first_bad(store, "is gone, and no entry says") == 3
        with store.write() as tx:
            tx.execute(insert(t.journal_payload), once._asdict())
        assert first_bad(store, "payload of journal entry 3 was changed") == 3
        tamper(address, "DELETE FROM journal_payload WHERE seq = 3")
        with store.write() as tx:
            tx.execute(insert(t.journal_payload), {**payload(4)._asdict(), "seq": 3})
        assert first_bad(store, "payload of journal entry 3 was changed") == 3
        replace()
        assert payload(3) is None
        assert (journal.verify(store).shredded, named(store)) == (1, [])

    def test_a_payload_replaced_while_the_journal_is_verified_does_no_harm(self, store: Store) -> None:
        ten(store)

        def replace(seq: int) -> bool:
            with store.write() as tx:
                for left in ({"title": "(forgotten)"}, {"title": str(seq)}):
                    journal.replace_in(tx, {1: left, 6: left}, at=NOON, actor="dpo", why="")
            return True

        found = journal.verify(store, chunk=2, on_progress=lambda seq: seq in (2, 6) and replace(seq))
        assert found.count == 14
        assert [one[:2] for one in named(store)] == [(1, 14), (6, 14)]

    def test_nothing_of_it_stays_in_the_files(self, sqlite_store: Store, tmp_path: Path) -> None:
        def plain(**payload: Any) -> Entry:
            return Entry(NOON, "changed", None, "snow-prod", "ann@example.com", "ours_newer", payload)

        append(sqlite_store, plain(title="swordfish " * 2_000), plain(title="swordfish"))
        append(sqlite_store, *(plain() for _ in range(3, 50)))
        assert any(b"swordfish" in file.read_bytes() for file in tmp_path.glob("tieline.db*"))
        journal.shred(sqlite_store, [1, 2], at=NOON, actor="dpo", why="")
        assert not any(b"swordfish" in file.read_bytes() for file in tmp_path.glob("tieline.db*"))

"""The note of how far the journal had come: when it is written, and what it says of the store beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from tieline.core.journal import Entry
from tieline.core.model import instant
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync.daemon.journal_mark import Past

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as opened:
        opened.migrate()
        yield opened


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "tieline.db.head"


def past(store: Store, note: Path) -> Past:
    return Past(store, note.with_name("tieline.db"))


def happens(store: Store) -> str:
    """What the note says from now on."""
    with store.write() as tx:
        tx.journal(Entry(NOON, "changed", None, None, "ann", "", {}))
    with store.read() as connection:
        head = connection.execute(select(t.journal_head)).one()
    return f"{head.seq} {head.hash} - 0 - -\n"


def test_it_is_written_when_the_journal_has_moved_and_only_then(store: Store, note: Path) -> None:
    here = past(store, note)
    here.note(None, in_doubt=False)
    assert not note.exists(), "nothing has happened yet"
    for _ in range(2):
        words = happens(store)
        here.note(None, in_doubt=False)
        assert note.read_text(encoding="ascii") == words
        assert not note.with_name("tieline.db.head.new").exists()
        note.unlink()
        here.note(None, in_doubt=False)
        assert not note.exists(), "nothing has happened since"
    with store.write() as tx:
        tx.execute(t.journal_head.update().values(id=1))
    here.note(None, in_doubt=False)
    assert not note.exists(), "nothing of it stands in the journal"


@pytest.mark.parametrize("in_doubt", [True, False])
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_store_that_has_lost_something_notes_nothing_while_that_is_in_doubt(
    store: Store, note: Path, is_whole: bool, in_doubt: bool
) -> None:
    words = happens(store)
    note.write_text(words if is_whole else f"2 {'0' * 64}\n", encoding="ascii")
    here = past(store, note)
    assert here.is_whole() is is_whole
    words = happens(store)
    here.note(NOON, in_doubt=in_doubt)
    written = note.read_text(encoding="ascii") == words.replace("-", instant(NOON), 1)
    assert written is (is_whole or not in_doubt)


def test_a_note_is_written_at_the_start_of_a_store_with_a_history(store: Store, note: Path) -> None:
    words = happens(store)
    with Store.open(f"sqlite:///{note.with_name('tieline.db')}") as again:
        assert again.commits == 0
        here = past(again, note)
        here.note(None, in_doubt=True)
        assert not note.exists(), "nobody has looked whether something is lost"
        here.note(None, in_doubt=False)
        assert note.read_text(encoding="ascii") == words


def test_what_is_in_doubt_is_known_of_a_note_that_holds_and_of_no_other(store: Store, note: Path) -> None:
    words = happens(store).removesuffix(" - 0 - -\n")
    for says, is_whole, doubt, number in (
        (f"{words} {instant(NOON)} 57 -\n", True, NOON, 57),
        (f"{words} - 57 4f1c09be77d2\n", True, None, 57),
        (f"{words} - 57 - ann:4f1c09be\n", True, None, 57),
        # As earlier versions wrote it.
        (f"{words} - 57\n", True, None, 57),
        # As still earlier ones did.
        (f"{words} {instant(NOON)}\n", True, NOON, 0),
        (f"{words}\n", True, None, 0),
        (f"1 {'0' * 64} {instant(NOON)} 57\n", False, None, 57),
        (f"{words} yesterday\n", False, None, 0),
        (f"{words} - many\n", False, None, 0),
        (f"{words} - 57 - 57\n", False, None, 57),
        (f"{words} - 57 - - 57\n", False, None, 0),
    ):
        here = past(store, note)
        note.write_text(says, encoding="ascii")
        assert (here.is_whole(), here.in_doubt_before, here.numbers_given) == (is_whole, doubt, number)


def test_a_new_store_is_whole_and_one_with_a_history_needs_its_note(store: Store, note: Path) -> None:
    here = past(store, note)
    assert here.is_whole() is True
    happens(store)
    assert here.is_whole() is False


def test_a_new_store_beside_an_old_note_has_lost_something(store: Store, note: Path) -> None:
    note.write_text(f"1 {'0' * 64}\n", encoding="ascii")
    assert not past(store, note).is_whole()


def test_a_note_that_cannot_be_written_is_written_when_it_can(store: Store, note: Path) -> None:
    here = past(store, note)
    words = happens(store)
    beside = note.with_name("tieline.db.head.new")
    beside.mkdir()
    here.note(None, in_doubt=False)
    assert not note.exists()
    beside.rmdir()
    here.note(None, in_doubt=False)
    assert note.read_text(encoding="ascii") == words


def test_a_store_that_workers_share_has_no_note(store: Store, tmp_path: Path) -> None:
    happens(store)
    before = {one.name for one in tmp_path.iterdir()}
    here = Past(store, None)
    here.note(None, in_doubt=False)
    assert not here.is_whole()
    assert {one.name for one in tmp_path.iterdir()} == before

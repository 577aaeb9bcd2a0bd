"""Whose a SQLite file is, by its header and its tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.store import ownership
from tieline.core.store.ownership import APPLICATION_ID, examine
from tieline.core.store.store import Store

OURS = ("journal", "journal_head", "replica", "alembic_version")


def made(file: Path, number: int, *tables: str) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA application_id = {number}")
        for name in tables:
            connection.execute(f"CREATE TABLE {name} (id)")
        connection.commit()
    return file


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(
    ("number", "tables", "code"),
    [
        pytest.param(APPLICATION_ID, (), "", id="it says so"),
        pytest.param(APPLICATION_ID, ("other",), "", id="it says so, whatever is in it"),
        pytest.param(0, OURS, "", id="made before stores said so"),
        pytest.param(0, (*OURS, "more"), "", id="made before, and with more in it"),
        pytest.param(0, OURS[1:], "STORE008", id="a part of it"),
        pytest.param(0, ("other",), "STORE008", id="of another program"),
        pytest.param(7, (), "STORE008", id="empty, and of another program"),
        pytest.param(7, OURS, "STORE008", id="as ours, and of another program"),
        pytest.param(0, (), "STORE007", id="empty"),
    ],
)
def test_nobody_elses_file_is_written_into(
    tmp_path: Path, number: int, tables: tuple[str, ...], code: str, create: bool
) -> None:
    file = made(tmp_path / "a file.db", number, *tables)
    before = file.read_bytes()
    if not code or (code == "STORE007" and create):
        examine(file, create=create)
    else:
        with pytest.raises(ConfigError, match=code):
            examine(file, create=create)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a file.db"]


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("words", [b"x", b"\n", b"a short note", b"\0" * 100])
def test_a_few_bytes_of_something_else_are_no_empty_database(tmp_path: Path, words: bytes, create: bool) -> None:
    """SQLite takes whatever is shorter than a page's header for an empty one."""
    file = tmp_path / "note"
    file.write_bytes(words)
    with pytest.raises((ConfigError, StoreUnavailable), match=r"STORE008|not a SQLite database"):
        Store.open(f"sqlite:///{file}", create=create).migrate()
    assert file.read_bytes() == words


def test_a_file_that_is_not_there_may_be_made_or_is_missed(tmp_path: Path) -> None:
    examine(tmp_path / "tieline.db", create=True)
    with pytest.raises(ConfigError, match="STORE007"):
        examine(tmp_path / "tieline.db", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [True, False])
def test_what_cannot_be_read_is_left_to_the_first_statement(tmp_path: Path, create: bool) -> None:
    file = tmp_path / "tieline.db"
    file.write_bytes(b"no database" * 100)
    examine(file, create=create)


def test_a_file_is_signed_once(tmp_path: Path) -> None:
    file = tmp_path / "tieline.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        ownership.sign(connection)
    with closing(sqlite3.connect(file)) as read:
        assert read.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        version = read.execute("PRAGMA data_version").fetchone()
        with engine.begin() as connection:
            ownership.sign(connection)
        assert read.execute("PRAGMA data_version").fetchone() == version, "nothing was written"
    engine.dispose()


@pytest.mark.parametrize("after", ["moved", "deleted", "replaced"])
def test_a_store_whose_file_is_taken_away_under_it_takes_nothing_more(tmp_path: Path, after: str) -> None:
    file, elsewhere = tmp_path / "tieline.db", tmp_path / "elsewhere.db"
    with Store.open(f"sqlite:///{file}") as store:
        store.migrate()
        guarded = store.guarded(lambda _tx: None)
        with store.write():
            pass
        if after == "deleted":
            file.unlink()
        else:
            file.rename(elsewhere)
        if after == "replaced":
            file.write_bytes(elsewhere.read_bytes())
        for refused in (store, guarded):
            with pytest.raises(StoreUnavailable, match="moved, deleted or replaced"):
                refused.ping()
            with pytest.raises(StoreUnavailable, match="moved, deleted or replaced"), refused.write():
                pass
        if after == "moved":
            elsewhere.rename(file)
            with store.write():
                pass


def test_a_store_is_new_where_nothing_is_and_in_a_file_that_holds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tieline.db"
    assert ownership.is_new(file)
    file.touch()
    assert ownership.is_new(file)
    file.unlink()
    with Store.open(f"sqlite:///{file}") as store:
        store.migrate()
        assert not ownership.is_new(file)

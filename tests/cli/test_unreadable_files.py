"""A file that cannot be read, or is none, is told where it is, what is wrong with it and what to do."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.store.store import Store
from tieline.mappings import check, shipped

MEMORY = "memory-incident"


def test_an_overlay_that_is_not_utf_8_is_told_at_its_line(tmp_path: Path) -> None:
    odd = tmp_path / "odd.yaml"
    odd.write_bytes(b"policy:\n  title: \xff\n")
    for problems in (check(odd), check(MEMORY, odd)):
        (problem,) = problems
        assert (problem.file, problem.line, problem.code) == (str(odd), 2, "YAML001")
        assert (problem.what, problem.fix) == ("the file is not UTF-8.", "save it as UTF-8.")


def test_a_mark_at_the_beginning_of_a_mapping_is_no_part_of_it(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_bytes(b"\xef\xbb\xbf" + shipped()[MEMORY].read_bytes())
    assert check(base) == []


def test_a_mapping_that_is_not_there_or_is_a_folder_is_told_so(tmp_path: Path) -> None:
    (gone,) = check(MEMORY, tmp_path / "none.yaml")
    assert (gone.code, gone.what) == ("MAP000", "there is no such file.")
    (folder,) = check(tmp_path)
    assert (folder.code, folder.what, folder.fix) == ("MAP000", "it is a folder, and no file.", "name a file in it.")


def test_a_folder_that_is_named_as_the_store_keeps_its_rights(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(
        ConfigError, match=rf"{folder} is a folder; nothing was changed. Fix: name a file, like sqlite:"
    ):
        Store.open(f"sqlite:///{folder}")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_a_file_that_is_no_database_keeps_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are the notes of somebody else, and no database.\n" * 20, encoding="utf-8")
    file.chmod(0o644)
    with (
        pytest.raises(StoreUnavailable, match="the file is not a SQLite database"),
        Store.open(f"sqlite:///{file}") as store,
    ):
        store.migrate()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644

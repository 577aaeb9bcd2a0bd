"""The file of the keys: private, replaced in one step, and told from anything else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tieline.core.errors import ConfigError, StoreUnavailable
from tieline.core.store.keys import Keys


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tieline.db.keys"


def made(file: Path) -> Keys:
    keys = Keys(file)
    keys.attach(make=True)
    return keys


def test_it_is_its_owners_alone_and_stays_so(file: Path) -> None:
    keys = made(file)
    assert file.stat().st_mode & 0o777 == 0o600
    keys.forget({1: (57, 0)})
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    made(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_one_that_a_group_may_write_stays_the_groups_and_nobody_elses(file: Path) -> None:
    made(file)
    file.chmod(0o666)
    keys = made(file)
    assert file.stat().st_mode & 0o777 == 0o660
    keys.forget({1: (57, 0)})
    assert file.stat().st_mode & 0o777 == 0o660


def test_what_is_there_is_not_made_anew(file: Path) -> None:
    assert made(file).tree.name == made(file).tree.name


def test_two_that_have_the_file_open_know_what_either_forgot(file: Path) -> None:
    one, other = made(file), made(file)
    one.forget({1: (57, 0)})
    assert (one.tree.forgotten, other.tree.forgotten, other.fresh().forgotten) == (1, 0, 1)
    other.forget({1: (57, 0), 2: (58, 0)})
    assert one.fresh().life_of(57) == one.fresh().life_of(58) == 1
    assert made(file).tree.forgotten == 2


def test_the_file_that_is_replaced_is_overwritten(file: Path) -> None:
    keys = made(file)
    root = keys.tree.nodes[""].hex().encode()
    with file.open("rb") as still_open:
        assert root in still_open.read()
        keys.forget({1: (57, 0)})
        still_open.seek(0)
        assert set(still_open.read()) == {0}
    assert root not in file.read_bytes()


def test_a_copy_by_another_name_is_left_as_it_is(file: Path) -> None:
    keys = made(file)
    copy = file.with_name("copy")
    os.link(file, copy)
    before = copy.read_bytes()
    keys.forget({1: (57, 0)})
    assert copy.read_bytes() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b'"forgotten": 1', b'"forgotten": 0'),
        lambda content: b"[]",
        lambda content: b"\xff" + content,
        lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
    ],
    ids=["empty", "cut off", "another count", "something else", "no text", "one byte"],
)
def test_what_is_not_as_it_was_written_is_told(file: Path, spoil: object) -> None:
    made(file).forget({1: (57, 0)})
    file.write_bytes(spoil(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ConfigError, match=r"STORE012 .*holds no keys of a journal.*put it back"):
        Keys(file).attach(make=False)
    with pytest.raises(StoreUnavailable, match="holds no keys of a journal"):
        _ = Keys(file).tree


def test_a_file_that_is_missing_is_told_and_not_made_by_whoever_needs_it(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"STORE011 .*is missing: .*put it back"):
        Keys(file).attach(make=False)
    assert not file.exists()


def test_a_file_that_cannot_be_replaced_stays_and_is_told(file: Path) -> None:
    keys = made(file)
    before = file.read_bytes()
    in_the_way = file.with_name(f".{file.name}.new")
    in_the_way.mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be replaced"):
        keys.forget({1: (57, 0)})
    assert (file.read_bytes(), keys.tree.forgotten) == (before, 0)
    in_the_way.rmdir()
    keys.forget({1: (57, 0)})
    assert keys.tree.forgotten == 1


def test_a_place_where_none_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(ConfigError, match=r"STORE012 .*cannot be kept in"):
        Keys(tmp_path / "file" / "keys").attach(make=True)


def test_what_a_process_left_that_died_while_it_replaced_the_file_goes_at_the_next_start(file: Path) -> None:
    made(file)
    left = file.with_name(f".{file.name}.new")
    left.write_bytes(file.read_bytes())
    with left.open("rb") as still_open:
        made(file)
        assert set(still_open.read()) == {0}
    assert list(file.parent.iterdir()) == [file]

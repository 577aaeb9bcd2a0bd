"""What is said of a volume that cannot be written."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tieline.core.store import volume
from tieline.core.store.failures import unavailable

FILE = Path("/srv/tieline/tieline.db")


@dataclass
class Volume:
    f_flag: int = 0
    f_bavail: int = 1_000
    f_frsize: int = 4_096


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Volume(), ""),
        (Volume(f_bavail=16), ""),
        (Volume(f_bavail=15), volume.FULL),
        (Volume(f_bavail=0), volume.FULL),
        (Volume(f_flag=os.ST_RDONLY), volume.READ_ONLY),
        (Volume(f_flag=os.ST_RDONLY, f_bavail=0), volume.READ_ONLY),
    ],
)
def test_it_is_full_or_can_only_be_read(found, words):
    assert volume.trouble(FILE, {FILE.parent: found}.__getitem__) == words


def test_one_that_cannot_be_asked_is_not_judged():
    assert volume.trouble(Path("/nowhere/at/all/tieline.db")) == ""


def failed(code, tmp_path):
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = code
    found = unavailable(f"sqlite:///{tmp_path}/tieline.db", OperationalError("SELECT 1", {}, error))
    assert found is not None
    return str(found)


def test_what_sqlite_says_of_a_file_is_told_as_what_it_is_of_the_volume(tmp_path, monkeypatch):
    assert "it cannot be opened" in failed(sqlite3.SQLITE_CANTOPEN, tmp_path)
    monkeypatch.setattr(volume, "LEAST", 1 << 80)
    assert volume.FULL in failed(sqlite3.SQLITE_CANTOPEN, tmp_path)
    assert "another process holds the write lock" in failed(sqlite3.SQLITE_BUSY, tmp_path)

"""What was forgotten of people, kept beside the keys: outside of the database, so that a backup does not bring it back.

Each says what was asked for, by whom and by which case, and whom it was about by hashes alone: of the person's id, and
of e-mail addresses. The file is replaced in one step and lies on the disk before anything goes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from tieline.core.errors import StoreUnavailable
from tieline.core.store.ownership import kept_mode

SUFFIX: Final = ".erased"
"""What the file is called behind the name of the keys'."""

_WAIT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Somebody who was forgotten: by which case, hashes of whom, and what was asked for."""

    case: str
    person: str
    marks: tuple[str, ...]
    told: Mapping[str, Any]


def sealed_person(person: str) -> str:
    """The hash of a person's id."""
    return sha256(f"tieline person {person}".encode()).hexdigest()


class Tombstones:
    """Those of one store. `keep` is for whoever holds a lock that all who call it take."""

    def __init__(self, keys: Path | None) -> None:
        """Without a file of keys they live and die with this."""
        self._file = None if keys is None else keys.with_name(f"{keys.name}{SUFFIX}")
        self._keys = keys
        self._known: tuple[Tombstone, ...] = ()

    def kept(self) -> tuple[Tombstone, ...]:
        """All of them, the first one first. Raises StoreUnavailable where the file cannot be read."""
        if self._file is None:
            return self._known
        try:
            lines = self._file.read_bytes().splitlines()
            return tuple(_parsed(line) for line in lines)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StoreUnavailable(
                f"{self._file}, which says who was forgotten, cannot be read ({error.strerror}). Let this user read "
                "and write it.",
                _WAIT,
            ) from error
        except (ValueError, KeyError, TypeError):
            raise StoreUnavailable(
                f"{self._file}, which says who was forgotten, is not as it was written. Put it back from where you "
                "keep its copy.",
                _WAIT,
            ) from None

    def keep(self, *more: Tombstone) -> None:
        """Keep these as well; nothing for a case that is kept. Raises StoreUnavailable where they cannot be."""
        kept = self.kept()
        known = {one.case for one in kept}
        new = [one for one in more if one.case not in known]
        if new:
            self._write([*kept, *new])

    def _write(self, these: Iterable[Tombstone]) -> None:
        if self._file is None or self._keys is None:
            self._known = tuple(these)
            return
        fresh = self._file.with_name(f".{self._file.name}.new")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as handle:
                handle.writelines(_line(one) for one in these)
                handle.flush()
                with suppress(OSError):  # whoever shares the keys shares these
                    shared = self._keys.stat()
                    os.fchown(handle.fileno(), -1, shared.st_gid)
                    os.fchmod(handle.fileno(), kept_mode(shared.st_mode & 0o777) & 0o660 | 0o600)
                os.fsync(handle.fileno())
            fresh.replace(self._file)
            _sync(self._file.parent)
        except OSError as error:
            raise StoreUnavailable(
                f"that somebody is forgotten cannot be kept in {self._file} ({error.strerror}). Make its folder "
                "writable.",
                _WAIT,
            ) from error


def _line(one: Tombstone) -> bytes:
    told = {"case": one.case, "person": one.person, "addresses": list(one.marks), **one.told}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS) + b"\n"


def _parsed(line: bytes) -> Tombstone:
    found = orjson.loads(line)
    case, person, marks = str(found.pop("case")), str(found.pop("person")), found.pop("addresses")
    return Tombstone(case, person, tuple(map(str, marks)), found)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

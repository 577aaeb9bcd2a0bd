"""The file in which the keys of the journal's payloads are kept: outside of the database, and of its backups.

It is as small as what was forgotten is many, is replaced in one step, and lies on the disk before anything is sealed
with it. What is to be forgotten stands in the database first (`journal_forgotten`), counted: whoever finds the file
behind that count brings it up to it. A file that is ahead of its database stands beside one that was put back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from tieline.core.errors import ConfigError, Problem, StoreUnavailable
from tieline.core.store.keytree import KeyTree, Subject
from tieline.core.store.ownership import kept_mode
from tieline.core.store.persons import Entropy
from tieline.core.store.tombstones import Tombstones

_Stamp = tuple[int, int, int]


class Keys:
    """The keys of one store. Safe to use from any thread; `attach`, `forget` and `take` are for whoever holds the
    journal's head."""

    def __init__(self, file: Path | None, entropy: Entropy = os.urandom) -> None:
        """Keys without a file live and die with this."""
        self._file = file.resolve() if file is not None else None
        self._entropy = entropy
        self._tree: KeyTree | None = KeyTree.planted(entropy) if file is None else None
        self._stamp: _Stamp | None = None
        self._is_made = False
        self.tombstones = Tombstones(self._file)
        """What was forgotten of people. It is not forgotten with a key, and lies beside them."""

    @property
    def file(self) -> Path | None:
        """Where they are kept."""
        return self._file

    @property
    def tree(self) -> KeyTree:
        """What is left of them. Raises StoreUnavailable where they cannot be read."""
        return self._tree or self._loaded()

    def fresh(self) -> KeyTree:
        """The same, after a look whether somebody else has forgotten one since."""
        return self._loaded() if self._file is not None and self._stamp_now() != self._stamp else self.tree

    def attach(self, *, make: bool) -> None:
        """Read the file, after a look whether a process died while it replaced it; where none is, `make` one. Raises
        ConfigError where it is missing or holds none."""
        if self._file is None:
            return
        with suppress(OSError):
            _erase(_beside(self._file))
        if make and not self._file.exists():
            try:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(self._file, KeyTree.planted(self._entropy))
                self._is_made = True
            except OSError as error:
                what = f"the journal's keys cannot be kept in {self._file} ({error.strerror})."
                raise _problem("STORE012", what, "name a file in a folder that can be written in `keys:`.") from error
        self._take(self._read(self._file))

    def forget(self, rows: Mapping[int, Subject]) -> None:
        """Forget subjects for good, each by its number; those up to the number that the file is at, it has already.
        Raises StoreUnavailable where the file cannot be replaced."""
        tree = self.fresh()
        subjects = [subject for number, subject in sorted(rows.items()) if number > tree.forgotten]
        if subjects:
            self._replace(tree.without(subjects, max(rows)))

    def take(self, other: Keys) -> None:
        """Become the keys of another store, which this one's rows were copied from. Keys that lay there before stay
        beside them, under their name: they may be a third store's, which was put away."""
        if self._file is not None and self._file == other.file:
            return
        self.tombstones.keep(*other.tombstones.kept())
        theirs = other.fresh()
        if self._file is not None and not self._is_made and self.tree.name != theirs.name:
            # What has another name is not overwritten when it is replaced.
            with self._replacing(), suppress(FileExistsError):
                self._file.with_name(f"{self._file.name}.{self.tree.name[:8]}").hardlink_to(self._file)
        self._replace(theirs)

    def _replace(self, tree: KeyTree) -> None:
        if self._file is None:
            self._tree = tree
            return
        with self._replacing():
            _write(self._file, tree)
            self._take((tree, _stamp(self._file)))

    @contextmanager
    def _replacing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(
                f"the journal's keys in {self._file} cannot be replaced ({error.strerror}). Make its folder writable.",
                timedelta(seconds=30),
            ) from error

    def _stamp_now(self) -> _Stamp | None:
        try:
            return _stamp(self._file) if self._file is not None else None
        except OSError:
            return self._stamp  # one that is away for now: what is known goes on

    def _loaded(self) -> KeyTree:
        if self._file is None:
            return self._tree or KeyTree.planted(self._entropy)
        try:
            return self._take(self._read(self._file))
        except ConfigError as error:
            problem = error.problems[0]
            raise StoreUnavailable(f"{problem.what} {problem.fix.capitalize()}", timedelta(seconds=30)) from error

    def _take(self, found: tuple[KeyTree, _Stamp]) -> KeyTree:
        tree, self._stamp = found
        self._tree = tree
        return tree

    def _read(self, file: Path) -> tuple[KeyTree, _Stamp]:
        try:
            with file.open("rb") as handle:
                stamp, content = _stamp(handle.fileno()), handle.read()
            # One that is replaced meanwhile is overwritten.
            if _stamp(file) != stamp:
                return self._read(file)
        except FileNotFoundError:
            what = f"the file with the journal's keys, {file}, is missing: what was sealed with them cannot be read."
            fix = "put it back from where you keep its copy; where there is none left: tieline store renew-keys."
            raise _problem("STORE011", what, fix) from None
        except OSError as error:
            what = f"the file with the journal's keys, {file}, cannot be read ({error.strerror})."
            raise _problem("STORE011", what, "name a file in `keys:` that this user may read and write.") from error
        with suppress(OSError):
            mode = file.stat().st_mode & 0o777
            if mode != kept_mode(mode):
                file.chmod(kept_mode(mode))
        try:
            return _parsed(content), stamp
        except (ValueError, KeyError, TypeError, AttributeError):
            what = f"{file} holds no keys of a journal, or not all that was written into it."
            raise _problem("STORE012", what, "put it back from where you keep its copy.") from None


def _problem(code: str, what: str, fix: str) -> ConfigError:
    return ConfigError([Problem("keys", 0, 0, code, what, fix)])


def _stamp(file: Path | int) -> _Stamp:
    found = os.stat(file)  # noqa: PTH116 - of an open file as well
    return found.st_ino, found.st_mtime_ns, found.st_size


def _told(tree: KeyTree) -> dict[str, Any]:
    seeds = {path: seed.hex() for path, seed in sorted(tree.nodes.items())}
    return {"tieline_keys": 1, "name": tree.name, "forgotten": tree.forgotten, "seeds": seeds}


def _sum(told: Mapping[str, Any]) -> str:
    return sha256(orjson.dumps(told)).hexdigest()


def _parsed(content: bytes) -> KeyTree:
    found = orjson.loads(content)
    tree = KeyTree({path: bytes.fromhex(seed) for path, seed in found["seeds"].items()}, found["forgotten"])
    told = _told(tree)
    if {**told, "sum": _sum(told)} != found:
        raise ValueError("not as it was written")
    return tree


_ZEROS: Final = b"\0" * 4_096


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}.new")


def _erase(file: Path) -> None:
    """Remove a file, and overwrite it where it has no other name: that is somebody's copy. Nothing where none is."""
    try:
        handle = file.open("r+b")
    except FileNotFoundError:
        return
    with handle:
        file.unlink()
        _overwrite(handle)


def _overwrite(removed: BinaryIO) -> None:
    left = os.fstat(removed.fileno())
    for _ in range(0, 0 if left.st_nlink else left.st_size, len(_ZEROS)):
        removed.write(_ZEROS)
    removed.flush()
    os.fsync(removed.fileno())


def _write(file: Path, tree: KeyTree) -> None:
    """Replace the file in one step, and overwrite the one that it replaces: what that knew is to be forgotten."""
    told, beside = _told(tree), _beside(file)
    _erase(beside)
    try:
        with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as handle:
            handle.write(orjson.dumps({**told, "sum": _sum(told)}, option=orjson.OPT_INDENT_2) + b"\n")
            handle.flush()
            with suppress(OSError):
                _share(handle.fileno(), file.stat())
            os.fsync(handle.fileno())
        with file.open("r+b") if file.exists() else nullcontext() as replaced:
            beside.replace(file)
            _sync(file.parent)
            if replaced is not None:
                _overwrite(replaced)
    except OSError:
        with suppress(OSError):
            _erase(beside)
        raise


def _share(handle: int, replaced: os.stat_result) -> None:
    """Have the group of the file that is replaced keep its hold. Raises OSError where it cannot be given to it."""
    os.fchown(handle, -1, replaced.st_gid)
    os.fchmod(handle, kept_mode(replaced.st_mode & 0o777) & 0o660 | 0o600)


def _sync(folder: Path) -> None:
    """A name is kept when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

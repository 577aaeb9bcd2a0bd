"""Running commands as somebody: as the owner of the store's file, or as an account of this machine that is not."""

from __future__ import annotations

import contextlib
import io
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.cli.prepared import prepare

from tieline.adapters.testing.clock import ManualClock
from tieline.cli import accounts
from tieline.cli.main import perform
from tieline.core import journal
from tieline.core.store.store import Store

HOST = "db1"
STRANGER = 4_242
"""A number under which no store was made."""


class Machine:
    """A machine with a workspace, on which accounts log in."""

    def __init__(self, folder: Path, clock: ManualClock, patch: pytest.MonkeyPatch, beside: Path) -> None:
        self.folder, self.clock, self._patch, self._beside = folder, clock, patch, beside
        (beside / "hostname").write_text(f"{HOST}\n")
        patch.setattr(accounts, "LOGIN", beside / "loginuid")
        patch.setattr(accounts, "HOST", beside / "hostname")
        self.log_in("daemon")

    def log_in(self, name: str, *, owner: bool = False) -> None:
        """From now on commands are this account's; the store's file is its own, or is not."""
        (self._beside / "loginuid").write_text(str(pwd.getpwnam(name).pw_uid))
        uid = self.folder.stat().st_uid if owner else STRANGER
        self._patch.setattr(os, "geteuid", lambda: uid)

    @contextmanager
    def owner(self) -> Iterator[None]:
        """For a while, as the owner of the file."""
        uid = os.geteuid()
        self._patch.setattr(os, "geteuid", lambda: self.folder.stat().st_uid)
        yield
        self._patch.setattr(os, "geteuid", lambda: uid)

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code of a command, and everything that it wrote."""
        written = io.StringIO()
        with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
            try:
                code = perform(("-w", str(self.folder), *words), self.clock)
            except SystemExit as error:
                code = int(error.code or 0)
        return code, written.getvalue()

    def grant(self, name: str, role: str, *options: str) -> None:
        """By the owner."""
        with self.owner():
            code, words = self.run("access", "grant", name, role, *options)
        assert code == 0, words

    def read(self, *words: str) -> Any:
        """What a command says as JSON."""
        _code, written = self.run(*words, "--json")
        return orjson.loads(written)

    def journal(self, *kinds: str) -> list[tuple[str, str, int | None, Any]]:
        """The entries of these kinds: kind, who, incident and facts."""
        with Store.open(f"sqlite:///{self.folder}/world.db") as store, store.read() as connection:
            return [
                (row.kind, journal.who(row), row.incident_id, journal.facts(connection, row))
                for row in connection.execute(journal.ENTRIES)
                if row.kind in kinds
            ]

    def rows(self) -> int:
        """How many entries the journal has."""
        with Store.open(f"sqlite:///{self.folder}/world.db") as store:
            return journal.verify(store).count


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ManualClock]:
    folder = tmp_path_factory.mktemp("prepared")
    return folder, prepare(folder)


@pytest.fixture
def machine(prepared: tuple[Path, ManualClock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A copy of the prepared workspace, where nobody who is logged in owns the file."""
    folder, clock = prepared
    shutil.copytree(folder, tmp_path / "here")
    return Machine(tmp_path / "here", ManualClock(clock.now()), monkeypatch, tmp_path)

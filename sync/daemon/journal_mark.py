"""How far the journal had come, noted beside a SQLite file: what a backup that is put in its place cannot know.

A store that has lost entries was put back from a backup, and has forgotten what was made since. One that still has the
entry of the note has lost at most what happened between the note and the end: a second, and nothing where it ended in
order. A note that is missing says nothing; then everything that may be there is looked for first. Beside the head
stands what is remembered of an earlier restore: what began before that moment is looked for ever after; the largest
number that an item was given, so that a restore gives none to two; the tokens that were revoked, so that none opens
anything again that a backup still takes for good; and what stands for each local account and its password, so that none
is there again that was taken away, and no password is taken again that was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import bindparam, func, select

from tieline.core import local_accounts
from tieline.core.model import instant, parse_instant
from tieline.core.store import tables as t
from tieline.core.store.store import Store

_HEAD: Final = select(t.journal_head.c.seq, t.journal_head.c.hash)
_LAST: Final = select(func.max(t.incident.c.id))
_HASH: Final = select(t.journal.c.hash).where(t.journal.c.seq == bindparam("seq"))


_REVOKED: Final = (
    select(t.token.c.id).where(t.token.c.revoked_at.is_not(None)).order_by(t.token.c.revoked_at.desc(), t.token.c.id)
)
_MOST_REVOKED: Final = 1_000

_NONE: Final = "-"
_UNKNOWN: Final = "?"


class Past:
    """The note beside one store. `file` is the store's own, None for a database that several workers share: there no
    worker can say for all of them what has happened, and each looks first."""

    def __init__(self, store: Store, file: Path | None) -> None:
        self._store = store
        self._note = file.with_name(f"{file.name}.head") if file is not None else None
        self._noted = ""
        self._commits = -1
        self._whole = False
        self.numbers_given = 0
        """The largest number of an item that an earlier start noted, once `is_whole` has looked."""
        self.revoked: tuple[str, ...] = ()
        """The ids of the tokens that were revoked when that was noted, once `is_whole` has looked."""
        self.accounts: Mapping[str, str] | None = None
        """What stood for the accounts when that was noted, once `is_whole` has looked; None where nobody knows."""
        self.in_doubt_before: datetime | None = None
        """What an earlier start noted, once `is_whole` has looked; see `Engine.in_doubt_before`."""

    def is_whole(self) -> bool:
        """True when the store has lost nothing since the note, or nothing has happened in it yet."""
        self._whole = self._has_noted()
        return self._whole

    def _has_noted(self) -> bool:
        if self._note is None:
            return False
        seq, _hash = self._head()
        if seq == 0 and not self._note.exists():
            return True
        try:
            noted, expected, *more = self._note.read_text(encoding="ascii").split()
            # Notes of earlier versions end before the moment, the number, the tokens, or the accounts.
            doubt, number, revoked, accounts = [*more, *("", "0", _NONE, _UNKNOWN)[len(more) :]]
            self.numbers_given = int(number)
            self.revoked = () if revoked == _NONE else tuple(revoked.split(","))
            self.accounts = _marks(accounts)
            with self._store.read() as connection:
                found = connection.execute(_HASH, {"seq": int(noted)}).scalar() == expected
            self.in_doubt_before = parse_instant(doubt) if found and doubt and doubt != _NONE else None
        except (OSError, ValueError):
            return False
        return found

    @property
    def was_put_back(self) -> bool:
        """Whether this store is one that was put back, once `is_whole` has looked. Nobody can say of a shared one."""
        return self._note is not None and not self._whole

    def accounts_are_closed(self) -> None:
        """Write down that what was left of the accounts is done: what is done to them from now on stands. Raises
        OSError."""
        if self._note is None or self.accounts is None:
            return
        words = self._note.read_text(encoding="ascii").split()
        self._write(" ".join([*words[:-1], _UNKNOWN]) + "\n")
        self.accounts = None

    def note(self, in_doubt_before: datetime | None, *, in_doubt: bool) -> None:
        """Write down how far the journal has come, if it has moved. A note that cannot be written is an old one. After
        a restore nothing is noted while the engine is in doubt: the next start would not know of it otherwise."""
        commits = self._store.commits
        if self._note is None or commits == self._commits or not (self._whole or not in_doubt):
            return
        seq, head = self._head()
        doubt = _NONE if in_doubt_before is None else instant(in_doubt_before)
        words = f"{seq} {head} {doubt} {self._last_number()} {','.join(self._revoked()) or _NONE} {self._accounts()}\n"
        if seq == 0 or words == self._noted:
            self._commits = commits
            return
        try:
            self._write(words)
        except OSError:
            return
        self._noted, self._commits = words, commits

    def _write(self, words: str) -> None:
        if self._note is not None:
            fresh = self._note.with_name(f"{self._note.name}.new")
            fresh.write_text(words, encoding="ascii")
            fresh.replace(self._note)

    def _last_number(self) -> int:
        with self._store.read() as connection:
            return max(connection.execute(_LAST).scalar() or 0, self.numbers_given)

    def _revoked(self) -> list[str]:
        with self._store.read() as connection:
            return list(connection.execute(_REVOKED.limit(_MOST_REVOKED)).scalars())

    def _accounts(self) -> str:
        with self._store.read() as connection:
            found = local_accounts.marks(connection)
        return ",".join(f"{name}:{proof}" for name, proof in found.items()) or _NONE

    def _head(self) -> tuple[int, str]:
        with self._store.read() as connection:
            row = connection.execute(_HEAD).one()
            return int(row.seq), str(row.hash)


def _marks(words: str) -> dict[str, str] | None:
    """Raises ValueError for words that no version wrote."""
    if words in (_NONE, _UNKNOWN):
        return {} if words == _NONE else None
    parted = [one.partition(":") for one in words.split(",")]
    if not all(name and proof for name, _, proof in parted):
        raise ValueError(f"{words!r:.40} says nothing of accounts")
    return {name: proof for name, _, proof in parted}

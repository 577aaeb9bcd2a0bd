"""What is wrong with deliveries, in the log: whoever set the sender up looks there first, and whoever attacks must not
fill it.

One line for a sender, a connection and an event at once, and then one a minute at most, with how many it stands for and
with each kind of mistake among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tieline.core.letters import beginning

QUIET: Final = 60.0
"""Seconds for which what follows a line is only counted."""

MOST_SENDERS: Final = 1_000
"""Senders that are told apart at once; the others share one line a minute."""

OTHERS: Final = ("", "", "")
"""What stands for those beyond."""

MOST_KINDS: Final = 20
"""Kinds of mistakes that one line tells; of the others it tells how often they were made."""

MOST_NAMES: Final = 20
"""Names that one line tells of one kind; the others are counted."""

LONGEST_NAME: Final = 120
"""Characters of a name."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a delivery or a record, in words, and whose mistake it is. Mistakes of one `kind` are told
    once, with each whose they are."""

    kind: str
    whose: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """One delivery that was refused, or taken in only in part. `sender` is the address that the connection came from: a
    proxy's, where there is one, since a header that names another is anybody's to write. `counts` are added up over
    the deliveries that one line stands for; `facts` are those of the last one."""

    event: str
    sender: str
    connection: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    mistakes: Sequence[Mistake] = ()


@dataclass(slots=True)
class _Kind:
    """Whose mistake one kind is, and how often it was made."""

    names: dict[str, None] = field(default_factory=dict)
    times: int = 0
    unnamed: int = 0
    """Times that it was made by others than those that are named."""

    def add(self, whose: str) -> None:
        self.times += 1
        name = beginning(whose, LONGEST_NAME)
        if name in self.names or len(self.names) < MOST_NAMES:
            self.names[name] = None
        else:
            self.unnamed += 1

    def told(self, kind: str) -> str:
        others = [f"{self.unnamed} more"] if self.unnamed else []
        often = f" ({self.times} times)" if self.times > 1 else ""
        return f"{', '.join([*self.names, *others])}: {kind}{often}"


@dataclass(slots=True)
class _Since:
    """What came in since a line was written."""

    times: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, _Kind] = field(default_factory=dict)
    beyond: int = 0
    """Mistakes of further kinds."""

    def add(self, complaint: Complaint) -> None:
        self.times += 1
        self.counts.update(complaint.counts)
        for one in complaint.mistakes:
            if one.kind in self.kinds or len(self.kinds) < MOST_KINDS:
                self.kinds.setdefault(one.kind, _Kind()).add(one.whose)
            else:
                self.beyond += 1

    def told(self) -> list[str]:
        """Each kind of mistake."""
        words = [made.told(kind) for kind, made in self.kinds.items()]
        return [*words, f"{self.beyond} of other kinds"] if self.beyond else words


@dataclass(slots=True)
class _Told:
    """When a line was written about a sender, and what came since."""

    at: float
    newest: Complaint
    since: _Since = field(default_factory=_Since)


Write = Callable[[Complaint, int, list[str]], None]
"""Gets the last complaint with the counts of all that a line stands for, how many those are, and each kind of mistake
among them, in words."""


class Complaints:
    """Decides what is written. `now` answers seconds that never run backwards. Called by one thread."""

    def __init__(self, write: Write, now: Callable[[], float]) -> None:
        self._write = write
        self._now = now
        self._told: dict[tuple[str, str, str], _Told] = {}

    def note(self, complaint: Complaint) -> None:
        """One more: written at once, or counted."""
        key = self._key(complaint)
        told = self._told.get(key)
        if told is not None:
            told.newest = complaint
            told.since.add(complaint)
            return
        alone = _Since()
        alone.add(complaint)
        self._tell_of(complaint, alone)
        self._told[key] = _Told(self._now(), complaint)

    def tell(self) -> bool:
        """Write what was counted for a minute, and forget whoever has been quiet for one. True while anybody is left:
        then this is to be called again."""
        now = self._now()
        for key, told in [one for one in self._told.items() if now - one[1].at >= QUIET]:
            if not told.since.times:
                del self._told[key]
                continue
            self._tell_of(told.newest, told.since)
            told.at, told.since = now, _Since()
        return bool(self._told)

    def _tell_of(self, newest: Complaint, since: _Since) -> None:
        self._write(replace(newest, counts=dict(since.counts)), since.times, since.told())

    def _key(self, complaint: Complaint) -> tuple[str, str, str]:
        key = (complaint.event, complaint.sender, complaint.connection)
        return key if key in self._told or len(self._told) < MOST_SENDERS else OTHERS

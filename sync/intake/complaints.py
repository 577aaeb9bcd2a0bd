"""What is wrong with deliveries, in the log: whoever set the sender up looks there first, and whoever attacks must not
fill it.

One line for a sender, a connection and an event at once, and then one a minute at most, with how many it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

QUIET: Final = 60.0
"""Seconds for which what follows a line is only counted."""

MOST_SENDERS: Final = 1_000
"""Senders that are told apart at once; the others share one line a minute."""

OTHERS: Final = ("", "", "")
"""What stands for those beyond."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One delivery that was refused, or taken in only in part. `sender` is the address that the connection came from: a
    proxy's, where there is one, since a header that names another is anybody's to write."""

    event: str
    sender: str
    connection: str
    facts: Mapping[str, Any]


@dataclass(slots=True)
class _Told:
    """When a line was written about a sender, and what came since."""

    at: float
    newest: Complaint
    since: int = 0


class Complaints:
    """Decides what is written. `write` gets a complaint and how many it stands for; `now` answers seconds that never
    run backwards. Called by one thread."""

    def __init__(self, write: Callable[[Complaint, int], None], now: Callable[[], float]) -> None:
        self._write = write
        self._now = now
        self._told: dict[tuple[str, str, str], _Told] = {}

    def note(self, complaint: Complaint) -> None:
        """One more: written at once, or counted."""
        key = self._key(complaint)
        told = self._told.get(key)
        if told is None:
            self._write(complaint, 1)
            self._told[key] = _Told(self._now(), complaint)
        else:
            told.newest, told.since = complaint, told.since + 1

    def tell(self) -> bool:
        """Write what was counted for a minute, and forget whoever has been quiet for one. True while anybody is left:
        then this is to be called again."""
        now = self._now()
        for key, told in [one for one in self._told.items() if now - one[1].at >= QUIET]:
            if not told.since:
                del self._told[key]
                continue
            self._write(told.newest, told.since)
            told.at, told.since = now, 0
        return bool(self._told)

    def _key(self, complaint: Complaint) -> tuple[str, str, str]:
        key = (complaint.event, complaint.sender, complaint.connection)
        return key if key in self._told or len(self._told) < MOST_SENDERS else OTHERS

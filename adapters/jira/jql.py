"""JQL and the poll's cursor: pure functions.

JQL compares times to the minute, in the time zone of the account that asks, and has no syntax for a zone. The index
shows an issue late. So each poll looks back by `overlap` and remembers what it has handed out within that window.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tieline.core.port import Cursor, Version

MOST_REMEMBERED = 1000
"""Issues remembered in a cursor. Beyond it the oldest are forgotten and come a second time, which is harmless."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the search index says of an issue; it may be late. `updated` in milliseconds."""

    id: str
    updated: int


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor, unpacked. Times in milliseconds by Jira's clock.

    `start` is where the first poll began; nothing older is ever handed out. `at` is the newest `updated` of the index
    rows passed. `seen` maps ids in the window before `at` to the version handed out.
    """

    start: int
    at: int
    seen: Mapping[str, str] = field(default_factory=dict)

    def pack(self) -> Cursor:
        return Cursor(json.dumps({"start": self.start, "at": self.at, "seen": self.seen}, separators=(",", ":")))

    @classmethod
    def unpack(cls, cursor: Cursor) -> Place:
        """Raises ValueError for a cursor that this adapter did not write."""
        try:
            held: Any = json.loads(cursor)
            return cls(int(held["start"]), int(held["at"]), {str(k): str(v) for k, v in held["seen"].items()})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a Jira cursor: {error}") from None

    def since(self, overlap: timedelta) -> int:
        """From which millisecond on the index is asked."""
        return self.at - _milliseconds(overlap)

    def wants(self, row: Row, overlap: timedelta) -> bool:
        """Whether an index row may hold something new.

        A row of the version handed out is skipped only when that version was settled: it had stood for two seconds
        when it was read, so that no later edit can carry the same stamp (Data Centers on MySQL keep whole seconds).
        """
        if row.updated < max(self.since(overlap), self.start):
            return False
        stamp, settled = _stamp(self.seen.get(row.id, ""))
        return not (settled and stamp == row.updated)

    def fresh(self, ref: str, version: Version) -> bool:
        """Whether a version read has not been handed out yet."""
        return self.seen.get(ref, "").rstrip("~") != version

    def passed(
        self, rows: Iterable[Row], read: Mapping[str, tuple[Version, bool]], overlap: timedelta, horizon: int | None
    ) -> Place:
        """The place after a page. `read` maps ids to the version handed out and whether it was settled.

        The index sorts by what it knows, but an answer may show a newer `updated`. While pages follow, only rows
        older than `horizon` (the pass's beginning less the index's lag) are known to stand where they are sorted;
        None on the last page, after which every row counts.
        """
        at = max([self.at, *(row.updated for row in rows if horizon is None or row.updated <= horizon)])
        seen = dict(self.seen) | {ref: version + ("" if settled else "~") for ref, (version, settled) in read.items()}
        window = at - _milliseconds(overlap) - 60_000
        kept = sorted((item for item in seen.items() if _stamp(item[1])[0] >= window), key=lambda item: _stamp(item[1]))
        return Place(self.start, at, dict(kept[-MOST_REMEMBERED:]))


def _stamp(remembered: str) -> tuple[int, bool]:
    head = remembered.partition(".")[0]
    return (int(head) if head.isdecimal() else -1), not remembered.endswith("~")


def _milliseconds(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def quoted(text: str) -> str:
    """A JQL string. Backslash and quote are its only special characters."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def wall_time(at: int, zone: ZoneInfo) -> str:
    """A JQL time that is never later than `at` (ms), whichever way Jira reads it, floored to the minute.

    When clocks are set back, an hour's wall times come twice: one that could be read as the later of the two is moved
    back by the difference.
    """
    wanted = datetime.fromtimestamp(at / 1000, UTC).replace(second=0, microsecond=0)
    later = wanted.astimezone(zone).replace(fold=1).astimezone(UTC)
    if later > wanted:
        wanted -= later - wanted
    return wanted.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def changed(scope: str, since: int, zone: ZoneInfo) -> str:
    """Issues changed since `since`, oldest first."""
    return f"{scope} AND updated >= {quoted(wall_time(since, zone))} ORDER BY updated ASC, key ASC"


def scope(project: str, issue_type: str, extra: str) -> str:
    """Which issues the connection is about."""
    return f"project = {quoted(project)} AND ({extra or f'issuetype = {quoted(issue_type)}'})"


def ours(within: timedelta) -> str:
    """Issues that this account made lately, wherever they have been moved since. The relative form has no zone."""
    minutes = int(within / timedelta(minutes=1)) + 1
    return f"creator = currentUser() AND created >= -{minutes}m ORDER BY created ASC, key ASC"


def standing_in(project: str, issue_type: str, status: str) -> str:
    """Issues that stand in a status now, to learn which transitions lead out of it."""
    return (
        f"project = {quoted(project)} AND issuetype = {quoted(issue_type)} AND status = {status} ORDER BY updated DESC"
    )

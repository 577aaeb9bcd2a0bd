"""People: sys_user, looked up by id or by address and remembered for minutes."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from tieline.adapters.servicenow.query import both, condition
from tieline.adapters.servicenow.wire import Wire
from tieline.core.clock import Clock
from tieline.core.errors import NeedsOperator

REMEMBERED = 600.0
"""Seconds that an answer is believed."""
MOST = 20_000
"""How many people are remembered; beyond it, all are forgotten."""
_AT_ONCE = 100


class People:
    """Both directions of the look-up. Safe between threads: a race costs a second call, never a wrong answer."""

    def __init__(self, wire: Wire, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._lock = threading.Lock()
        self._emails: dict[str, tuple[float, str]] = {}
        self._ids: dict[str, tuple[float, str | None]] = {}

    def emails(self, ids: Collection[str]) -> Mapping[str, str]:
        """The addresses, in lower case, of those of `ids` who have one. One call for all that are not remembered."""
        now = self._clock.monotonic()
        with self._lock:
            known = {person: self._emails[person] for person in ids if person in self._emails}
        found = {person: email for person, (until, email) in known.items() if until > now}
        missing = sorted(set(ids) - found.keys())
        for first in range(0, len(missing), _AT_ONCE):
            found.update(self._ask(missing[first : first + _AT_ONCE], now + REMEMBERED))
        return {person: email for person, email in found.items() if email}

    def person_id(self, email: str) -> str | None:
        """The sys_id of the active user with this address. With several, the oldest account."""
        wanted, now = email.strip().lower(), self._clock.monotonic()
        with self._lock:
            until, known = self._ids.get(wanted, (0.0, None))
        if until > now:
            return known
        try:
            query = both(condition("email", "=", wanted), "active=true", "ORDERBYsys_created_on", "ORDERBYsys_id")
        except ValueError:
            return None
        if not wanted:
            return None
        listing = self._wire.rows("sys_user", query, limit=20, fields=("sys_id", "email", "active"))
        same = [row for row in listing.rows if str(row.get("email", "")).lower() == wanted]
        if listing.rows and not same:
            raise self._ignored()
        active = [str(row["sys_id"]) for row in same if row.get("active") == "true"]
        answer = active[0] if active else None
        with self._lock:
            if len(self._ids) >= MOST:
                self._ids.clear()
            self._ids[wanted] = (now + REMEMBERED, answer)
        return answer

    def _ask(self, ids: list[str], until: float) -> dict[str, str]:
        query = condition("sys_id", "IN", ",".join(ids))
        listing = self._wire.rows("sys_user", query, limit=len(ids), fields=("sys_id", "email"))
        if any(row.get("sys_id") not in ids for row in listing.rows):
            raise self._ignored()
        found = dict.fromkeys(ids, "")
        found.update({str(row["sys_id"]): str(row.get("email", "")).strip().lower() for row in listing.rows})
        with self._lock:
            if len(self._emails) + len(found) > MOST:
                self._emails.clear()
            self._emails.update({person: (until, email) for person, email in found.items()})
        return found

    def _ignored(self) -> NeedsOperator:
        return NeedsOperator(
            self._wire.connection,
            "sys_user answered with other users than asked for: the account may not read sys_user.email or .sys_id; "
            "grant it read access to both.",
        )

"""People by e-mail address."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from tieline.adapters.jira.issue import user_ids
from tieline.adapters.jira.settings import Deployment
from tieline.adapters.jira.wire import Wire
from tieline.core.clock import Clock
from tieline.core.errors import NeedsOperator

KNOWN_FOR: Final = 600.0
"""Seconds that a look-up is taken as known."""


class People:
    """Looks people up and remembers them. `emails` maps the ids found to their addresses: a site that hides addresses
    shows them in no issue, and only somebody who asked by address knows whose id it is."""

    def __init__(self, wire: Wire, deployment: Deployment, clock: Clock) -> None:
        self._wire = wire
        self._cloud = deployment is Deployment.CLOUD
        self._clock = clock
        self._found: dict[str, tuple[str | None, float]] = {}
        self.emails: dict[str, str] = {}

    def id_of(self, email: str) -> str | None:
        """The id of the active person with this address, or None."""
        if "@" not in email:
            return None
        known = self._found.get(email)
        if known is not None and self._clock.monotonic() - known[1] < KNOWN_FOR:
            return known[0]
        identity = self._look_up(email)
        self._found[email] = (identity, self._clock.monotonic())
        if identity is not None:
            self.emails[identity] = email
        return identity

    def _look_up(self, email: str) -> str | None:
        """Where addresses are hidden, the only person found by the whole address is taken to be its owner."""
        query: dict[str, str | int] = {"query" if self._cloud else "username": email, "maxResults": 10}
        try:
            answer = self._wire.get_list("/user/search", query)
        except NeedsOperator as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            # Without "Browse users and groups" Cloud finds nobody, and others refuse: neither stops anything else.
            return None
        people = [one for one in answer.json if one.get("active") and user_ids(one)]
        shown = [one for one in people if str(one.get("emailAddress") or "").lower() == email]
        hidden = [one for one in people if not one.get("emailAddress") and one.get("accountType") != "app"]
        found = shown or (hidden if self._cloud and len(people) == 1 else [])
        return user_ids(found[0])[0] if found else None

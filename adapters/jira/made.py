"""Which issues this account made carry which create token.

An entity property cannot be searched without an app that declares it, and a label would be seen and edited by
people. So the account's own issues are listed and their property is compared: each once, for a token is set at creation
and stays. A look reads on from the last whole one, or many creates in doubt would each read what a month has made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from tieline.adapters.jira import jql
from tieline.adapters.jira.issue import PROPERTY, token_of
from tieline.adapters.jira.polling import Index
from tieline.adapters.jira.settings import Deployment, JiraSettings
from tieline.core.errors import Gone
from tieline.core.port import Body, Token

MINUTE: Final = timedelta(minutes=1)
"""More than an answer takes, and as exact as JQL's relative times are."""


class Made:
    """The issues that this account made within `find_within`, wherever they are now."""

    def __init__(
        self, index: Index, settings: JiraSettings, now: Callable[[], datetime], token_on: Callable[[str], Token | None]
    ) -> None:
        self._index = index
        self._settings = settings
        self._now = now
        self._token_on = token_on
        self._refs: defaultdict[Token, list[str]] = defaultdict(list)
        self._known: set[str] = set()
        self._whole: datetime | None = None
        """When the last look began that saw everything, by the tool's clock."""
        self._ahead = timedelta(0)
        """The tool's clock minus ours, at that look."""

    def carrying(self, token: Token) -> Iterator[str]:
        """The issues with this token, oldest first; those that are known already cost no call."""
        known = tuple(self._refs.get(token, ()))
        yield from known
        self._read_on()
        yield from (ref for ref in self._refs.get(token, ()) if ref not in known)

    def _read_on(self) -> None:
        """Learn what was made since the last whole look, and so long before it as the index may lag.

        How long that is, only the tool's clock knows: ours may have been set, and this machine may have slept. Where
        it was longer than we thought, everything is read.
        """
        whole = self._settings.find_within
        asked = self._now()
        within = whole if self._whole is None else min(whole, self._since(asked + self._ahead) + MINUTE)
        began = self._learn(within)
        if began is not None and self._whole is not None and (began < self._whole or self._since(began) > within):
            began = self._learn(whole)
        self._whole = began
        self._ahead = began - asked if began is not None else timedelta(0)

    def _since(self, at: datetime) -> timedelta:
        lasted = at - self._whole if self._whole is not None else self._settings.find_within
        return max(lasted, timedelta(0)) + self._settings.overlap + min(self._settings.lookup_lag, MINUTE)

    def _learn(self, within: timedelta) -> datetime | None:
        """Read that far back. Answers when the tool gave its first page, by its own clock."""
        began: datetime | None = None
        for number, (issues, _more) in enumerate(self._index.pages(jql.ours(within), PROPERTY)):
            if number == 0:
                began = self._index.at
            for issue in issues:
                ref = str(issue["id"])
                if ref not in self._known:
                    self._remember(ref, issue)
        return began

    def _remember(self, ref: str, issue: Body) -> None:
        if self._settings.deployment is Deployment.CLOUD:
            token = token_of(issue)
            if token is None:
                return  # it costs nothing to look at it again
        else:
            # The search of a Data Center gives no properties.
            try:
                token = self._token_on(ref)
            except Gone:
                return
        self._known.add(ref)
        if token is not None:
            self._refs[token].append(ref)

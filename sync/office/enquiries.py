"""Enquiries: what somebody wants to see is asked for, and shown in one consistent state.

understood -> what it is about -> whether they may -> looked at -> journalled where it is restricted -> shown
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
from pydantic import ValidationError

from tieline.core import grants
from tieline.core.access import Facts, Rule, Verdict, may, proved
from tieline.core.arguments import Answer, Ask
from tieline.core.config import Config
from tieline.core.declared import WrongWords
from tieline.core.errors import NotAllowed
from tieline.core.events import RestrictedRead
from tieline.core.identity import Someone
from tieline.core.journal import Entry
from tieline.core.model import ABSENT, IncidentId, kinds_at_work
from tieline.core.offer import Offers
from tieline.core.store.store import Connection, Store, Transaction
from tieline.core.views import View, Views
from tieline.sync.office.answering import answering
from tieline.sync.office.asking import Lacking
from tieline.sync.office.look import EngineLook, Outside
from tieline.sync.office.subjects import subject
from tieline.sync.sight import Sight, sight_of


class Enquirer(Protocol):
    """Whoever asks, as was proved."""

    @property
    def someone(self) -> Someone: ...

    @property
    def now(self) -> datetime: ...

    def facts(self, connection: Connection | Transaction, /) -> Facts:
        """What is known of them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to see: the answer as it is shown to people, its facts for programs, and the restricted items of
    which it shows something."""

    answer: Answer
    facts: Mapping[str, Any]
    sight: Sight
    restricted: frozenset[IncidentId] = frozenset()

    @property
    def version(self) -> str:
        """Another one as soon as anything of it is another, and for whoever may see other items than they do. It is
        made of nothing that they do not see."""
        told = [self.facts, self.sight.words]
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Enquiries:
    """Answers what is asked. Threads may share it."""

    def __init__(
        self,
        store: Store,
        config: Config,
        views: Views,
        outside: Outside = Outside(),  # noqa: B008 - frozen
        offers: Offers | None = None,
    ) -> None:
        self._store = store
        self._config = config
        self._views = views
        self._outside = outside
        self._offers = offers or Offers()

    def see(self, name: str, given: Mapping[str, Any], who: Enquirer) -> Seen:
        """What one view shows them. Raises WrongWords, LookupError for what it means and is not there, NotAllowed, of
        which the journal tells, and StoreUnavailable."""
        view = self._views[name]
        return self.look(view, view.told(given), who)

    def look(self, view: View, ask: Ask, who: Enquirer) -> Seen:
        """The same for a view whose words are understood."""
        with kinds_at_work(self._offers.known):
            return self._looked(view, ask, who)

    def _looked(self, view: View, ask: Ask, who: Enquirer) -> Seen:
        with self._store.read() as connection:
            facts = who.facts(connection)
            sight = sight_of(connection, who.someone, facts)
            offer = self._offers.of_view(view.name)
            with answering(offer, view.name):
                about, item = subject(view, ask, connection, sight)
            right = view.right(ask)
            toward = grants.toward(connection, facts, about)
            verdict = may(who.someone, right, about, toward) if right else proved(who.someone)
            look = EngineLook(
                connection, self._config, who.someone, who.now, facts, sight, self._outside, offer, self._offers
            )
            answer = None
            try:
                answer = _run(view, look, ask) if verdict.allowed else None
            except Lacking as lacking:
                right, verdict = lacking.right, lacking.verdict
        if answer is None:
            raise self._refused(view, right, who, verdict, item)
        restricted = frozenset(look.shown & sight.reads.keys())
        tell_of_reading(self._store, view.name, who.someone, who.now, restricted)
        with answering(offer, view.name):
            return Seen(answer, answer.facts(), sight, restricted)

    def _refused(
        self, view: View, right: str, who: Enquirer, verdict: Verdict, item: IncidentId | None
    ) -> NotAllowed | LookupError:
        if verdict.rule is Rule.HIDDEN:
            return LookupError(verdict.sentence)
        with self._store.write() as tx:
            grants.refused(tx, who.someone, view.name, right, verdict, item, who.now)
        return NotAllowed(verdict.sentence)


def _run(view: View, look: EngineLook, ask: Ask) -> Answer:
    try:
        with answering(look.offer, view.name):
            answer: Answer = view.run(look, ask)
    except ValidationError:
        raise  # of what it answers, and not of what it was told
    except ValueError as error:
        raise WrongWords(view.name, [("", str(error))]) from None
    finally:
        look.end()
    return answer


def tell_of_reading(store: Store, act: str, someone: Someone, now: datetime, restricted: Iterable[IncidentId]) -> None:
    """Journal that these restricted items are read, before they are shown: once a minute for each of them."""
    numbers = sorted(restricted)
    if not numbers:
        return
    with store.write() as tx:
        for number in numbers:
            if grants.is_news(tx, f"read {tx.person(someone)} {number}", now):
                happened = RestrictedRead(act=act, by_token=someone.token or ABSENT)
                tx.journal(Entry(now, happened.KIND, number, None, someone, "", happened.facts()))

"""Whoever asks for something, and asking whether they may: in the transaction of what they do, whether a command or a
call of a program brings it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from tieline.core import grants, tokens
from tieline.core.access import GRANT, OWN_RULES, STORE, Facts, Rule, Rules, Standing, Subject, Verdict, may, standing
from tieline.core.acts import Withheld
from tieline.core.errors import NotAllowed
from tieline.core.identity import Someone
from tieline.core.model import IncidentId
from tieline.core.store.store import Connection, Store, Transaction
from tieline.sync import explain
from tieline.sync.records import Incident
from tieline.sync.sight import Sight, sight_of

About = Callable[["Asker", Connection | Transaction], tuple[Subject, IncidentId | None]]
"""What an act is about, and the incident that it is done to."""


def _nobody(_someone: Someone) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Asker:
    """Whoever asks, by themselves or by a token."""

    someone: Someone
    owns_store: bool
    now: datetime
    opened_store: bool = False
    """Whether it is not we who show it to them."""
    rules: Rules = OWN_RULES
    """The rights that there are."""
    owns: Callable[[Someone], bool] = _nobody
    """Whether the store's file is somebody's, of whom it is asked beside them."""
    signed_in_at: datetime | None = None
    """When they signed in; None where they prove who they are with each thing that they ask for."""
    is_here: bool = True
    """Whether it is they who ask."""

    def other(self, someone: Someone) -> Asker:
        """Somebody else, who asked before and is not here."""
        owned = self.owns(someone)
        return replace(self, someone=someone, owns_store=owned, opened_store=False, signed_in_at=None, is_here=False)

    def facts(self, connection: Connection | Transaction) -> Facts:
        """What is known of them. Raises NotProved for a token that no longer stands."""
        bound = tokens.bound_of(connection, self.someone, self.now, self.rules)
        found = grants.facts_of(connection, self.someone, self.now, owns_store=self.owns_store, bound=bound)
        return replace(found, opened_store=self.opened_store, rules=self.rules)

    def may(self, connection: Connection | Transaction, right: str, subject: Subject) -> Verdict:
        """Whether they may do this to that."""
        return may(self.someone, right, subject, grants.toward(connection, self.facts(connection), subject))

    def standing(self, connection: Connection | Transaction, right: str, subject: Subject) -> Standing:
        """What they are to this, for a policy that asks for more than a right."""
        facts = grants.toward(connection, self.facts(connection), subject)
        found = standing(may(self.someone, right, subject, facts), subject, facts)
        at = (self.signed_in_at or self.now) if self.is_here and not self.someone.token else None
        return replace(found, signed_in_at=at, is_here=self.is_here)

    def sight(self, connection: Connection | Transaction) -> Sight:
        """What they see."""
        return sight_of(connection, self.someone, self.facts(connection))

    def find(self, connection: Connection | Transaction, words: str) -> Incident:
        """The item that they mean. Raises LookupError for one that is not there for them."""
        return explain.one_named(connection, words, self.sight(connection))


class Lacking(NotAllowed):
    """Whoever asks lacks a right beside the one that the act itself needs."""

    def __init__(self, right: str, verdict: Verdict) -> None:
        super().__init__(verdict.sentence)
        self.right = right
        self.verdict = verdict


@dataclass(slots=True)
class Asked:
    """One act of one person. Asked before it is decided, and at the beginning of each of its transactions, whether they
    may: what gave them the right may end meanwhile, and `clock` says what time it is by then. Without one it is asked
    as of the time at which they came."""

    asker: Asker
    right: str
    about: About
    clock: Callable[[], datetime] | None = None
    verdict: Verdict | None = None
    incident: IncidentId | None = None

    def __call__(self, tx: Transaction) -> None:
        """Raises NotAllowed, and LookupError for what is not there for them."""
        if self.right == GRANT:
            grants.lock(tx)
        self.ask(tx)

    def ask(self, seen_in: Connection | Transaction) -> None:
        """The same as things are now. What is decided before that would tell of them in why it cannot be done."""
        asker = self.asker if self.clock is None else replace(self.asker, now=self.clock())
        subject, self.incident = self.about(asker, seen_in)
        self.verdict = asker.may(seen_in, self.right, subject)
        if self.verdict.rule is Rule.HIDDEN:
            raise LookupError(self.verdict.sentence)
        if not self.verdict.allowed:
            raise NotAllowed(self.verdict.sentence)


@contextmanager
def asking(store: Store, asked: Asked, act: str) -> Iterator[Store]:
    """A store whose every write asks first. A no is journalled."""
    try:
        yield store.guarded(asked)
    except Lacking as error:
        journal_refusal(store, asked.asker, act, error.right, error.verdict, asked.incident)
        raise
    except Withheld as error:
        with store.write() as tx:
            grants.withheld(tx, asked.asker.someone, act, error.item, str(error), asked.asker.now)
        raise
    except NotAllowed:
        if asked.verdict is not None and not asked.verdict.allowed:
            journal_refusal(store, asked.asker, act, asked.right, asked.verdict, asked.incident)
        raise


def ask(store: Store, asker: Asker, act: str, right: str, about: Subject = STORE) -> None:
    """Ask, before anything is shown: of the store as a whole, where nothing else is said. A no is journalled, and
    raised as NotAllowed."""
    with store.read() as connection:
        verdict = asker.may(connection, right, about)
    if not verdict.allowed:
        journal_refusal(store, asker, act, right, verdict, None)
        raise NotAllowed(verdict.sentence)


def journal_refusal(
    store: Store, asker: Asker, act: str, right: str, verdict: Verdict, incident: IncidentId | None
) -> None:
    """Journal that somebody may not do what they tried to."""
    with store.write() as tx:
        grants.refused(tx, asker.someone, act, right, verdict, incident, asker.now)

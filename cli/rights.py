"""Asking who may do what, around what a command does: in its own transaction, or before anything is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import click

from tieline.cli.accounts import account, owns_store
from tieline.cli.open import moment
from tieline.core import grants
from tieline.core.access import GRANT, STORE, Facts, Rule, Subject, Verdict, may
from tieline.core.config import Config
from tieline.core.errors import NotAllowed
from tieline.core.identity import Someone
from tieline.core.model import IncidentId
from tieline.core.store.store import Connection, Store, Transaction
from tieline.sync import explain
from tieline.sync.records import Incident
from tieline.sync.sight import Sight, sight_of, subject_of

About = Callable[["Asker", Transaction], tuple[Subject, IncidentId | None]]
"""What an act is about, and the incident that it is done to."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Whoever runs this command."""

    someone: Someone
    owns_store: bool
    now: datetime

    def facts(self, connection: Connection | Transaction) -> Facts:
        """What is known of them."""
        found = grants.facts_of(connection, self.someone, self.now, owns_store=self.owns_store)
        return replace(found, opened_store=True)

    def sight(self, connection: Connection | Transaction) -> Sight:
        """What they see."""
        return sight_of(connection, self.someone, self.facts(connection))

    def find(self, connection: Connection | Transaction, words: str) -> Incident:
        """The item that they mean. Raises LookupError for one that is not there for them."""
        return explain.one_named(connection, words, self.sight(connection))


def asker(config: Config, store: Store) -> Asker:
    """Whoever runs this command."""
    return Asker(account(), owns_store(config), moment(config, store))


@dataclass(slots=True)
class Asked:
    """One act of one person. Called at the beginning of each of its transactions, it asks whether they may."""

    asker: Asker
    right: str
    about: About
    verdict: Verdict | None = None
    incident: IncidentId | None = None

    def __call__(self, tx: Transaction) -> None:
        """Raises NotAllowed, and LookupError for what is not there for them."""
        if self.right == GRANT:
            grants.lock(tx)
        subject, self.incident = self.about(self.asker, tx)
        self.verdict = may(self.asker.someone, self.right, subject, self.asker.facts(tx))
        if self.verdict.rule is Rule.HIDDEN:
            raise LookupError(self.verdict.sentence)
        if not self.verdict.allowed:
            raise NotAllowed(self.verdict.sentence)


def ask(store: Store, asker: Asker, right: str) -> None:
    """Ask, before anything of the store as a whole is shown. A no is journalled, and raised as NotAllowed."""
    with store.read() as connection:
        verdict = may(asker.someone, right, STORE, asker.facts(connection))
    if not verdict.allowed:
        _journal_refusal(store, asker, right, verdict, None)
        raise NotAllowed(verdict.sentence)


def _journal_refusal(store: Store, asker: Asker, right: str, verdict: Verdict, incident: IncidentId | None) -> None:
    with store.write() as tx:
        grants.refused(tx, asker.someone, command(), right, verdict, incident, asker.now)


@contextmanager
def asking(config: Config, store: Store, right: str, about: About) -> Iterator[tuple[Store, Asked]]:
    """A store whose every write asks first whether whoever runs this command may do it. A no is journalled."""
    asked = Asked(asker(config, store), right, about)
    try:
        yield store.guarded(asked), asked
    except NotAllowed:
        if asked.verdict is not None and not asked.verdict.allowed:
            _journal_refusal(store, asked.asker, right, asked.verdict, asked.incident)
        raise


def of_the_store(_asker: Asker, _tx: Transaction) -> tuple[Subject, None]:
    """An act on the store as a whole."""
    return STORE, None


def of_incident(words: str) -> About:
    """An act on the incident that these words mean."""

    def about(asker: Asker, tx: Transaction) -> tuple[Subject, IncidentId]:
        item = asker.find(tx, words)
        return subject_of(tx, item.id), item.id

    return about


def command() -> str:
    """The words of the command that runs: `conflicts settle`."""
    context = click.get_current_context(silent=True)
    return "" if context is None else context.command_path.partition(" ")[2]

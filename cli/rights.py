"""Asking who may do what, around what a command does: in its own transaction, or before anything is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from tieline.cli.accounts import account, owns_store
from tieline.cli.open import moment
from tieline.core.access import OWN_RULES, STORE, Rules, Subject
from tieline.core.config import Config
from tieline.core.model import IncidentId
from tieline.core.store.store import Connection, Store, Transaction
from tieline.sync.office import asking as office
from tieline.sync.office.asking import About, Asked, Asker
from tieline.sync.sight import subject_of

__all__ = ["About", "Asked", "Asker"]


def asker(config: Config, store: Store, rules: Rules = OWN_RULES) -> Asker:
    """Whoever runs this command. `rules` are the rights that there are, where those of plugins count."""
    return Asker(
        account(),
        owns_store(config),
        moment(config, store),
        opened_store=True,
        rules=rules,
        owns=lambda other: owns_store(config, other),
    )


def ask(store: Store, asker: Asker, right: str) -> None:
    """Ask, before anything of the store as a whole is shown. A no is journalled, and raised as NotAllowed."""
    office.ask(store, asker, command(), right)


@contextmanager
def asking(config: Config, store: Store, right: str, about: About) -> Iterator[tuple[Store, Asked]]:
    """A store whose every write asks first whether whoever runs this command may do it. A no is journalled."""
    asked = Asked(asker(config, store), right, about)
    with office.asking(store, asked, command()) as guarded:
        yield guarded, asked


def of_the_store(_asker: Asker, _seen_in: Connection | Transaction) -> tuple[Subject, None]:
    """An act on the store as a whole."""
    return STORE, None


def of_incident(words: str) -> About:
    """An act on the incident that these words mean."""

    def about(asker: Asker, seen_in: Connection | Transaction) -> tuple[Subject, IncidentId]:
        item = asker.find(seen_in, words)
        return subject_of(seen_in, item.id), item.id

    return about


def command() -> str:
    """The words of the command that runs: `conflicts settle`."""
    context = click.get_current_context(silent=True)
    return "" if context is None else context.command_path.partition(" ")[2]

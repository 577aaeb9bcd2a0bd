"""`tieline access`: who holds which role, granting and revoking them, and why somebody may do something or may not."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from tieline.cli.accounts import meant, owns_store
from tieline.cli.open import configuration, store_of
from tieline.cli.output import emit, json_option, say
from tieline.cli.rights import About, Asker, ask, asker, asking
from tieline.cli.views import command
from tieline.core import grants
from tieline.core.access import GRANT, STORE, Grant, Role, Subject, may, parse_scope
from tieline.core.errors import NotAllowed
from tieline.core.identity import Someone
from tieline.core.settings import no_such
from tieline.core.store.store import Connection
from tieline.sync.office.own_views import OWN_VIEWS
from tieline.sync.sight import subject_of

scope_option = click.option("--scope", default="", help="Only within team:NAME, connection:NAME or service:NAME.")


@click.group()
def access() -> None:
    """Who may do what."""


access.add_command(command(OWN_VIEWS["access list"]))


def _within(held: Grant) -> str:
    return "" if held.scope is None else str(held.scope)


@access.command()
@click.argument("person")
@click.argument("role", type=click.Choice([one.value for one in Role]), metavar="ROLE")
@scope_option
@click.option("--until", default="", help="Until this time, like 2026-11-23T19:04:00Z. Without it, for ever.")
@json_option
@click.pass_obj
def grant(workspace: str, person: str, role: str, scope: str, until: str, as_json: bool) -> None:
    """Have PERSON hold ROLE: an account of this machine, or one like os:ann@db1."""
    whom, given = meant(person), Grant(Role(role), parse_scope(scope), _moment(until))
    config, _registry = configuration(workspace)
    with (
        store_of(config) as store,
        asking(config, store, GRANT, _about(given)) as (guarded, asked),
        guarded.write() as tx,
    ):
        by = asked.asker
        if asked.verdict is None:
            raise NotAllowed("nobody was asked")
        grants.grant(tx, whom, given, at=by.now, actor=by.someone, verdict=asked.verdict)
    _tell(whom.identity, given, as_json=as_json, holds=True)


@access.command()
@click.argument("person")
@click.argument("role", type=click.Choice([one.value for one in Role]), metavar="ROLE")
@scope_option
@json_option
@click.pass_obj
def revoke(workspace: str, person: str, role: str, scope: str, as_json: bool) -> None:
    """Have PERSON no longer hold ROLE. PERSON may also be an id, as the list shows it with --json."""
    given = Grant(Role(role), parse_scope(scope))
    whom: Someone | str = person if person.startswith("p-") else meant(person)
    config, _registry = configuration(workspace)
    with (
        store_of(config) as store,
        asking(config, store, GRANT, _about(given)) as (guarded, asked),
        guarded.write() as tx,
    ):
        grants.revoke(tx, whom, given, at=asked.asker.now, actor=asked.asker.someone)
    _tell(whom if isinstance(whom, str) else whom.identity, given, as_json=as_json, holds=False)


def _about(given: Grant) -> About:
    """Whoever may grant within a scope only may grant that scope, and not everything."""
    within = Subject(_within(given), scopes=frozenset() if given.scope is None else frozenset({given.scope}))
    return lambda _asker, _tx: (within, None)


def _tell(whom: str, given: Grant, *, as_json: bool, holds: bool) -> None:
    if as_json:
        said: dict[str, Any] = {"person": whom, "role": given.role.value, "scope": _within(given), "holds": holds}
        emit({**said, "until": given.until})
        return
    until = f", until {given.until:%Y-%m-%d %H:%M:%S} UTC" if given.until is not None else ""
    say(f"{whom} holds the role {given}{until}" if holds else f"{whom} no longer holds the role {given}")


def _moment(words: str) -> datetime | None:
    if not words:
        return None
    try:
        found = datetime.fromisoformat(words)
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise click.UsageError(f"--until is a time with its zone, like 2026-11-23T19:04:00Z; not {words!r}")
    return found


@access.command()
@click.argument("person")
@click.argument("right")
@click.argument("subject", required=False)
@json_option
@click.pass_obj
def why(workspace: str, person: str, right: str, subject: str | None, as_json: bool) -> None:
    """Whether PERSON has a RIGHT, to the incident SUBJECT or to everything, and by which rule. Exit code 1 for a no."""
    config, registry = configuration(workspace)
    rules = registry.offers.rules
    registry.close()
    if right not in rules.rights:
        raise no_such("right", right, rules.rights)
    whom = meant(person)
    with store_of(config) as store:
        who = asker(config, store)
        of_themselves = whom.identity == who.someone.identity
        if not of_themselves:
            ask(store, who, "access.read")
        with store.read() as connection:
            about = _subject(connection, who, subject)
            # Of whom else nobody knows who they would run it as: the file is theirs where the account is its owner.
            theirs = who.owns_store if of_themselves else owns_store(config, whom)
            asked = replace(who, someone=whom, owns_store=theirs, rules=rules)
            verdict = may(whom, right, about, asked.facts(connection))
    if as_json:
        emit(
            {
                "person": whom.identity,
                "right": right,
                "subject": about.name,
                "allowed": verdict.allowed,
                "rule": verdict.rule.value,
                "by": verdict.by,
                "sentence": verdict.sentence,
            }
        )
    elif verdict.allowed:
        by = f" ({verdict.by})" if verdict.by else ""
        say(f"yes: {whom.identity} may {rules.rights[right]}, by the rule {verdict.rule}{by}")
    else:
        say(f"no, by the rule {verdict.rule}: {verdict.sentence}")
    sys.exit(0 if verdict.allowed else 1)


def _subject(connection: Connection, who: Asker, words: str | None) -> Subject:
    return STORE if words is None else subject_of(connection, who.find(connection, words).id)

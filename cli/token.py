"""`tieline token`: issuing tokens, by which programs act for somebody, looking through them, and revoking them."""

from __future__ import annotations

import click

from tieline.cli.acts import command
from tieline.cli.open import configuration, engine_on, store_of
from tieline.cli.output import emit, json_option, table
from tieline.cli.rights import asker
from tieline.core import grants, tokens
from tieline.core.access import ALL_TOKENS, STORE
from tieline.core.acts import Act
from tieline.core.arguments import Ask
from tieline.sync.office.office import Performed
from tieline.sync.office.own import OWN
from tieline.sync.office.performing import perform


@click.group()
def token() -> None:
    """Tokens, by which programs act for somebody through the API."""


@token.command("list")
@json_option
@click.pass_obj
def list_tokens(workspace: str, as_json: bool) -> None:
    """Your tokens; everybody's where you may see who holds what."""
    config, registry = configuration(workspace)
    rules = registry.offers.rules
    registry.close()
    with store_of(config) as store:
        who = asker(config, store, rules)
        with store.read() as connection:
            own = grants.person_of(connection, who.someone)
            everybody = any(who.may(connection, right, STORE).allowed for right in (ALL_TOKENS, "access.read"))
            found = [one for one in tokens.held(connection) if everybody or one.person == own]
    if as_json:
        emit(
            [
                {
                    "id": one.id,
                    "name": one.name,
                    "person": one.person,
                    "owner": one.owner,
                    "reaches": str(one.bound(rules)),
                    "made_at": one.made_at,
                    "until": one.terms.until,
                    "used_at": one.used_at,
                    "state": one.state(who.now),
                }
                for one in found
            ]
        )
        return
    table(
        "Tokens",
        ["id", "name", "acts for", "reaches", "until (UTC)", "last used (UTC)", "state"],
        [
            (one.id, one.name, one.owner, one.bound(rules), one.terms.until, one.used_at or "never", one.state(who.now))
            for one in found
        ],
        empty="there are no tokens: `tieline token issue NAME` makes one",
    )


def perform_without_tools(workspace: str, act: Act, ask: Ask, key: str, break_glass: str | None = None) -> Performed:
    """Do one act in which no tool has part."""
    config, registry = configuration(workspace)
    with store_of(config) as store:
        # No tool has part in it, and one that cannot be connected keeps nobody from revoking a token.
        engine = engine_on(config, store, registry, {})
        done = perform(engine, act, ask, asker(config, store), key=key, break_glass=break_glass)
        registry.close()
    return done


token.add_command(command(OWN["token issue"], perform_without_tools))
token.add_command(command(OWN["token revoke"], perform_without_tools))

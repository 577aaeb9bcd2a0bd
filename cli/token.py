"""`tieline token`: issuing tokens, by which programs act for somebody, looking through them, and revoking them."""

from __future__ import annotations

import click

from tieline.cli import acts, views
from tieline.cli.decide import do_without_tools
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS


@click.group()
def token() -> None:
    """Tokens, by which programs act for somebody through the API."""


token.add_command(views.command(OWN_VIEWS["token list"]))
for _name in ("issue", "revoke"):
    token.add_command(acts.command(OWN[f"token {_name}"], do_without_tools))

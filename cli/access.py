"""`tieline access`: who holds which role, granting and revoking them, and why somebody may do something or may not."""

from __future__ import annotations

import click

from tieline.cli import acts, views
from tieline.cli.commands import ENDS
from tieline.cli.decide import do_without_tools
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS


@click.group()
def access() -> None:
    """Who may do what."""


for _name in ("access list", "access why", "access rights"):
    access.add_command(views.command(OWN_VIEWS[_name], end=ENDS.get(_name)))
for _name in ("access grant", "access revoke"):
    access.add_command(acts.command(OWN[_name], do_without_tools))

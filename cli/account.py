"""`tieline account`: local accounts, by which people sign in to the console. No password is ever typed here."""

from __future__ import annotations

import click

from tieline.cli.acts import command
from tieline.cli.decide import do_without_tools
from tieline.sync.office.own import OWN


@click.group()
def account() -> None:
    """Local accounts, by which people sign in to the console."""


for _name in ("add", "password", "remove"):
    account.add_command(command(OWN[f"account {_name}"], do_without_tools))

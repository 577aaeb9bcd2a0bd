"""`tieline plugin new`: the files of a plugin, to write one's own from."""

from __future__ import annotations

import click

from tieline.cli.acts import command
from tieline.cli.decide import do
from tieline.cli.output import json_option
from tieline.sync.office import own


@click.group()
def plugin() -> None:
    """Write a plugin, or have its tables made anew."""


plugin.add_command(command(own.OWN["plugin rebuild"], do))


@plugin.command()
@click.argument("name")
@click.option("--folder", type=click.Path(file_okay=False), help="Where to; tieline-NAME without this.")
@json_option
def new(name: str, folder: str | None, as_json: bool) -> None:
    """Write a plugin that works, to be changed into the one that is wanted.

    It is a distribution of its own: an act, an event, a table, a view, a follower and a timer, and the contract that it
    keeps. A folder that is there already is refused.
    """
    from tieline.cli.scaffold import PLUGIN, write

    write(PLUGIN, "plugin", name, folder, as_json=as_json)

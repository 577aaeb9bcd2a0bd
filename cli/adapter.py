"""`tieline adapter`: the files of an adapter, to write one's own from."""

from __future__ import annotations

import click

from tieline.cli.output import json_option


@click.group()
def adapter() -> None:
    """Teach Tieline a tool."""


@adapter.command()
@click.argument("name")
@click.option("--folder", type=click.Path(file_okay=False), help="Where to; tieline-NAME without this.")
@json_option
def new(name: str, folder: str | None, as_json: bool) -> None:
    """Write an adapter that works, to be changed into that of the tool NAME.

    It is a distribution of its own: settings, the five verbs and what it can do beside them, a mapping, a simulator of
    the tool, and the contract that it keeps. A folder that is there already is refused.
    """
    from tieline.cli.scaffold import ADAPTER, write

    write(ADAPTER, "adapter", name, folder, as_json=as_json)

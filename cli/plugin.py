"""`tieline plugin new`: the files of a plugin, to write one's own from."""

from __future__ import annotations

from pathlib import Path

import click

from tieline.cli.acts import command
from tieline.cli.decide import do
from tieline.cli.output import emit, json_option
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
    from tieline.cli.scaffold import files
    from tieline.core.offer import GROUP

    if not GROUP.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name of a plugin: 2 to 20 small letters, digits and _, a letter first")
    place = Path(folder or f"tieline-{name}")
    try:
        place.mkdir(parents=True)
    except FileExistsError:
        raise click.UsageError(f"{place} is there already; name another place with --folder") from None
    except OSError as error:
        raise click.UsageError(f"{place} cannot be made: {error.strerror}") from None
    written = files(name)
    for file, text in written.items():
        (place / file).parent.mkdir(exist_ok=True)
        (place / file).write_text(text, encoding="utf-8")
    if as_json:
        emit({"folder": str(place), "files": list(written)})
        return
    click.echo(f"{place} is written. Then: cd {place} && pip install --editable . && python -m pytest")

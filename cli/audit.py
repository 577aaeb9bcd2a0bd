"""`tieline audit`: prove that the journal is whole, and pin its head outside the store."""

from __future__ import annotations

from pathlib import Path

import click

from tieline.cli.open import configuration, store_of
from tieline.cli.output import emit, json_option, say
from tieline.core import journal


@click.group()
def audit() -> None:
    """Prove that the journal is whole."""


@audit.command()
@click.option(
    "--anchor", type=click.Path(exists=True, dir_okay=False), help="A checkpoint to hold the journal against."
)
@json_option
@click.pass_obj
def verify(workspace: str, anchor: str | None, as_json: bool) -> None:
    """Walk the hash chain; names the first entry that was changed, removed or moved. Exit code 1 if there is one."""
    config, _registry = configuration(workspace)
    with store_of(config, moved=True, sealed=True) as store:
        pinned = journal.read_checkpoint(Path(anchor)) if anchor else None
        found = journal.verify(store, anchor=pinned)
    if as_json:
        emit({"entries": found.count, "head": found.head, "whole": True})
    else:
        say(f"the journal is whole: {found.count} entries, head {found.head[:16]}…")


@audit.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.pass_obj
def checkpoint(workspace: str, file: str) -> None:
    """Write the journal's head to FILE. Kept elsewhere, it shows later whether entries were cut off at the end."""
    config, _registry = configuration(workspace)
    with store_of(config, moved=True, sealed=True) as store:
        found = journal.checkpoint(store, Path(file))
    say(f"entry {found.seq} is pinned in {file}; verify with `tieline audit verify --anchor {file}`")

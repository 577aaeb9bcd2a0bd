"""`tieline audit`: prove that the journal is whole, and pin its head outside the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from tieline.cli.open import configuration, store_of
from tieline.cli.output import emit, json_option, say
from tieline.core import journal
from tieline.core.journal import Replaced


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
        replaced = [{"entry": one.seq, "by": one.by, "who": one.who, "opened": one.is_opened} for one in found.replaced]
        told = {"entries": found.count, "head": found.head, "whole": True}
        emit({**told, "shredded": found.shredded, "replaced": replaced})
        return
    say(f"the journal is whole: {found.count} entries, head {found.head[:16]}…")
    for line in replaced_lines(found.replaced):
        say(line)


MOST_NAMED: Final = 20
"""Runs of entries that are named in one line. Of more it says how many entries they are; `--json` has all."""


def replaced_lines(replaced: Sequence[Replaced]) -> Iterator[str]:
    """What is said of payloads that stand in the place of those that were written, by the entry that says so."""
    for by in sorted({one.by for one in replaced}):
        these = [one for one in replaced if one.by == by]
        yield (
            f"entry {by}, by {these[0].who}, replaced what these said by what is left of it: "
            f"{named([one.seq for one in these])}"
        )
        if closed := [one.seq for one in these if not one.is_opened]:
            yield f"  no key at hand opens what is left of these, so only that entry vouches for it: {named(closed)}"


def named(seqs: Sequence[int]) -> str:
    """Numbers in words, runs of them as such."""
    runs = list[tuple[int, int]]()
    for seq in seqs:
        runs[-1:] = [(runs[-1][0], seq)] if runs and runs[-1][1] == seq - 1 else [*runs[-1:], (seq, seq)]
    words = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:MOST_NAMED]]
    more = sum(last - first + 1 for first, last in runs[MOST_NAMED:])
    return ", ".join(words) + (f" and {more} more" if more else "")


@audit.command()
@click.argument("file", type=click.Path(dir_okay=False))
@click.pass_obj
def checkpoint(workspace: str, file: str) -> None:
    """Write the journal's head to FILE. Kept elsewhere, it shows later whether entries were cut off at the end."""
    config, _registry = configuration(workspace)
    with store_of(config, moved=True, sealed=True) as store:
        found = journal.checkpoint(store, Path(file))
    say(f"entry {found.seq} is pinned in {file}; verify with `tieline audit verify --anchor {file}`")

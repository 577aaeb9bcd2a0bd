"""How commands speak: a table for people, JSON for programs, one sentence and an exit code for trouble."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from tieline.core.errors import ConfigError, JournalBroken, StoreUnavailable, TielineError

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def report(error: Exception) -> int:
    """Say what went wrong, and answer the exit code for it. What nobody expected is raised again."""
    match error:
        case ConfigError():
            for problem in error.problems:
                click.echo(str(problem), err=True)
            count = len(error.problems)
            click.echo(f"{count} problem{'s' if count != 1 else ''}; nothing was started", err=True)
            return 3
        case StoreUnavailable():
            click.echo(f"the store does not answer: {error}", err=True)
            return 4
        case LookupError() if not isinstance(error, (KeyError, IndexError)):
            click.echo(str(error), err=True)
            return 5
        case JournalBroken() | TielineError() | ValueError():
            click.echo(str(error), err=True)
            return 1
        case _:
            raise error


def plain(value: Any) -> Any:
    """Any of our values as JSON."""
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case str():
            return str(value)
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case _:
            return value


def emit(value: Any) -> None:
    """Print JSON."""
    click.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print a table a person likes to read, or the sentence for when there is nothing in it."""
    body = [[text(cell) for cell in row] for row in rows]
    if not body:
        click.echo(empty)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in body:
        # Text, not markup: a ticket's title may contain square brackets.
        grid.add_row(*[Text(cell) for cell in row])
    Console(highlight=False, soft_wrap=False).print(grid)


def text(value: Any) -> str:
    """One cell; control characters that would move the cursor are shown as what they are."""
    match value:
        case None | "":
            return "·"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case list() | tuple():
            return ", ".join(text(one) for one in value) or "·"
        case _:
            return "".join(
                char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in str(value)
            )

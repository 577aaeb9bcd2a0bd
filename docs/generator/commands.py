"""cli.md: the help of every command."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from generator import shapes
from generator.markdown import table
from tieline.cli.main import cli

WIDTH = 100
INTRODUCTION = """\
`tieline` finds its workspace in the folder that `--workspace` (or `TIELINE_WORKSPACE`) names, by default in the current
one. Commands that look read the store and work while the daemon is down. Commands that decide write to the store, and
the daemon beside them acts on it within a second.

In a terminal, tables keep within its width (`COLUMNS`, where that is set); what does not fit side by side is shown as
one block a row. Piped, every row is one line. A text that is very long is cut, with an ellipsis at its end; `--json`
has all of it. Nothing is coloured or bold with `NO_COLOR` or `TERM=dumb`, everything is
with `FORCE_COLOR`, and JSON never is.
"""
EXIT_CODES = {
    0: "done",
    1: "what was asked for does not hold: a connection that does not work, a journal that is not whole",
    2: "wrong usage",
    3: "the configuration or a mapping is refused; every problem stands on standard error",
    4: "the store does not answer",
    5: "there is no such incident, conflict or parked record",
    130: "it was stopped at the keyboard",
    141: "whoever read its output had read enough, and closed the pipe",
}
AS_JSON = """\
Most commands print JSON under `--json`, on standard output, in the shape that is shown below their help. There a text
says what a value is (`moment` is ISO 8601 with its zone), a list holds any number of what stands in it, a name in angle
brackets stands for any names, and one with a question mark at its end is there where it applies. New names may be added
to a shape; none changes its meaning. What goes wrong is JSON too, with the exit code of the table above:
"""


def page() -> str:
    """Every command with its help, in the order of `tieline --help`."""
    codes = table(["code", "meaning"], [(str(code), words) for code, words in EXIT_CODES.items()])
    opening = f"# Commands\n\n{INTRODUCTION}\nExit codes, the same for every command:\n\n{codes}\n\n{AS_JSON}\n"
    parts = [opening + shapes.block(shapes.ERROR)]
    for path, command in all_commands(cli, "tieline"):
        parts.append(f"## `{path}`\n\n```text\n{_help(command, path)}\n```\n{shapes.shown(path)}")
    return "\n".join(parts)


def all_commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and everything below it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from all_commands(inner, f"{path} {name}")


def _help(command: click.Command, path: str) -> str:
    context = click.Context(
        command, info_name=path, terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=["-h", "--help"]
    )
    return inspect.cleandoc(command.get_help(context))

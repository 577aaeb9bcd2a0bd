"""tieline.1: the manual page, from the same commands as cli.md."""

from __future__ import annotations

from collections.abc import Iterator

import click

from generator.commands import EXIT_CODES, INTRODUCTION, all_commands
from tieline.cli.main import cli

NAME = "keeps one incident in step across ServiceNow, Jira, PagerDuty and the monitoring that raised it"
FILES = {
    "tieline.yaml": "The workspace: connections, plugins, the store. `tieline init` writes one.",
    "tieline.db": "The store, where `store` names no other one.",
}
ENVIRONMENT = {
    "TIELINE_WORKSPACE": "The folder with tieline.yaml, as --workspace.",
    "TIELINE_URL": "The server that does what is asked for.",
    "TIELINE_TOKEN_FILE": "The file with the token that is shown to it.",
    "COLUMNS": "How wide the terminal is, if it is not to be asked.",
    "NO_COLOR": "Nothing is coloured or bold.",
    "FORCE_COLOR": "Everything is, whatever reads it.",
}


def page() -> str:
    """The page in the macros of man(7)."""
    lines = [".TH TIELINE 1", ".SH NAME", f"tieline \\- {_plain(NAME)}", ".SH SYNOPSIS"]
    lines += [".B tieline", _plain("[OPTIONS] COMMAND [ARGS]..."), ".SH DESCRIPTION", *_paragraphs(INTRODUCTION)]
    lines.append(".SH COMMANDS")
    for path, command in all_commands(cli, "tieline"):
        lines += _command(path, command)
    lines += [".SH EXIT STATUS", *_list({str(code): words for code, words in EXIT_CODES.items()})]
    lines += [".SH ENVIRONMENT", *_list(ENVIRONMENT), ".SH FILES", *_list(FILES)]
    return "\n".join(lines)


def _command(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path, help_option_names=["-h", "--help"])
    yield f".SS {_plain(' '.join([path, *command.collect_usage_pieces(context)]))}"
    # The whole program's own help says what stands in the description and under the exit status.
    if command is not cli:
        yield from _paragraphs(command.help or "")
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    yield from _list(dict(filter(None, (one.get_help_record(context) for one in options))))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        yield from (".PP", _plain(" ".join(paragraph.split())))


def _list(told: dict[str, str]) -> Iterator[str]:
    for name, words in told.items():
        yield from (".TP", f".B {_plain(name)}", _plain(" ".join(words.split())))


def _plain(text: str) -> str:
    """Text that roff takes as it is: no escapes, no macros, and hyphens that can be copied."""
    escaped = text.replace("`", "").replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped

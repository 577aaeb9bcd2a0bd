"""`tieline init`: asks what it must know, and writes a workspace."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import click

from tieline.cli.accounts import account
from tieline.cli.open import FILE
from tieline.cli.output import emit, json_option, say
from tieline.core.example import CONSOLE, Answers, Wanted, example_config, secrets_wanted, variables_of
from tieline.core.options import WebConfig
from tieline.core.port import AdapterKind
from tieline.core.registry import Registry
from tieline.core.secrets import Secret
from tieline.core.settings import did_you_mean, fields_of
from tieline.core.ways import PLACEHOLDER, Choice, Way
from tieline.core.yaml import Node

SUGGESTED: Final = ("grouping", "severity", "measurement", CONSOLE)
"""Plugins that a new workspace allows: without them alerts are neither grouped nor judged, and there are no pages."""

NONE: Final = "none"
REFERENCES: Final = {"env": r"[A-Za-z_][A-Za-z0-9_]*", "file": r"/.+", "keyring": r"[^/]+/.+"}
"""How a reference to a secret looks, by its kind."""


@click.command()
@click.option("--tool", "tools", multiple=True, help="A tool to connect to; may be repeated. Without it, asks.")
@json_option
@click.pass_obj
def init(workspace: str, tools: tuple[str, ...], as_json: bool) -> None:
    """Write a workspace: tieline.yaml with everything that has to be filled in, and the rest as comments."""
    file = Path(workspace) / FILE
    if file.exists():
        raise _exists(file)
    with _answers_needed():
        chosen = list(dict.fromkeys(tools)) or _ask(sorted(_adapters([]).adapters), aside=as_json)
        registry = _adapters(chosen)
        kinds = [_kind(registry, tool) for tool in chosen]
        answers = None if tools else _ask_for(kinds, aside=as_json)
    text = example_config(kinds, SUGGESTED, answers)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        # "x" writes through no link, and over no file that came to be meanwhile.
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        raise _exists(file) from None
    registry.close()
    address, owner = f"http://{fields_of(WebConfig)['listen'].default}", account().identity
    if as_json:
        emit({"file": str(file), "tools": chosen, "console": address, "account": owner})
        return
    variables = variables_of(kinds, answers)
    left = f" and each {PLACEHOLDER}" if PLACEHOLDER in text else ""
    to_set = f", set {', '.join(variables)} in the environment" if variables else ""
    say(f"{file} is written. Fill in addresses{left}{to_set}, then: tieline check")
    say(
        f"`tieline run` then serves the console at {address} as well. To sign in there as admin, have a code told from "
        f"another terminal by `tieline account add {owner}`, and choose a password with it at {address}/welcome"
    )


def _exists(file: Path) -> click.UsageError:
    return click.UsageError(f"{file} exists already; edit it, or name another folder with --workspace")


def _kind(registry: Registry, tool: str) -> AdapterKind:
    if tool not in registry.adapters:
        raise click.UsageError(f"no adapter speaks to {tool!r}; there are {', '.join(sorted(registry.adapters))}")
    return registry.adapters[tool]


def _adapters(named: Sequence[str]) -> Registry:
    """The shipped adapters, and the installed plugins of these names: as in a workspace, naming a tool allows its
    plugin, and no other is imported. The modules are light; SDKs are imported when a connection is made."""
    from tieline.core.plugins import installed

    points = [point for point in installed() if point.value.startswith("tieline.adapters.") or point.name in named]
    return Registry.load({point.name: Node({}, 1, 1) for point in points})


# -- asking ------------------------------------------------------------------------------------------------------------
# `aside` is for standard error, where standard output is for a program.


@contextmanager
def _answers_needed() -> Iterator[None]:
    """A pipe that ends before every question is answered was not stopped by anybody at a keyboard."""
    try:
        yield
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError) or sys.stdin.isatty():
            raise
        what = "the answers ended before every question had one, and nothing was written."
        fix = "Answer in a terminal, or name the tools: tieline init --tool servicenow --tool jira"
        raise click.UsageError(f"{what} {fix}") from None


def _ask(known: Sequence[str], *, aside: bool) -> list[str]:
    offered = [tool for tool in known if tool not in ("memory", "memory-problem")]

    def chosen(answer: str) -> list[str]:
        tools = list(dict.fromkeys(part.strip().lower() for part in answer.split(",") if part.strip()))
        if not tools:
            raise click.UsageError("name one at least")
        for tool in tools:
            if tool not in known:
                raise click.UsageError(f"no adapter speaks to {tool!r}; {_nearest(tool, known)}")
        return tools

    question = f"Which tools do you have? ({', '.join(offered)})"
    answered: list[str] = click.prompt(question, default="servicenow, jira", value_proc=chosen, err=aside)
    return answered


def _nearest(word: str, known: Sequence[str]) -> str:
    return did_you_mean(word, known, f"there are {', '.join(known)}")


def _ask_for(kinds: Sequence[AdapterKind], *, aside: bool) -> Answers:
    """Which way each tool is given what it asks for, and where the secrets of that way are. A secret itself has no
    business in a terminal's history, nor in the file."""
    ways = {
        kind.tool: [_ask_which(kind.tool, choice, aside=aside) for choice in kind.settings.choices] for kind in kinds
    }
    wanted = [one for kind in kinds for one in secrets_wanted(kind, ways[kind.tool])]
    if wanted:
        click.echo(
            "Where are the secrets? env:NAME, file:/path or keyring:service/name; never the secret itself.", err=aside
        )
    return Answers(ways, dict(_ask_where(wanted, aside=aside)))


def _ask_which(tool: str, choice: Choice, *, aside: bool) -> Way:
    by_word: Mapping[str, Way] = {way.word: way for way in choice.ways}

    def chosen(answer: str) -> Way:
        found = by_word.get(answer.strip().lower())
        if found is None:
            raise click.UsageError(f"{answer.strip()!r} is none of these; {_nearest(answer.strip(), list(by_word))}")
        return found

    width = max(map(len, by_word))
    click.echo(f"{tool}: {choice.question}", err=aside)
    for way in choice.ways:
        click.echo(f"  {way.word:<{width}}   {way.meaning}", err=aside)
    answered: Way = click.prompt("Which?", default=choice.ways[0].word, value_proc=chosen, err=aside)
    return answered


def _ask_where(wanted: Sequence[Wanted], *, aside: bool) -> Iterator[tuple[tuple[str, str], Secret]]:
    for one in wanted:
        suggested = one.suggested.reference if one.suggested is not None else NONE
        answer: Secret | None = click.prompt(
            f"{one.tool} {one.path}", default=suggested, value_proc=partial(_reference, one), err=aside
        )
        if answer is not None:
            yield (one.tool, one.path), answer


def _reference(wanted: Wanted, answer: str) -> Secret | None:
    """What `env:NAME` and its like refer to. The answer is never repeated: it may be the secret."""
    if answer.strip() == NONE:
        if wanted.suggested is None:
            return None
        raise click.UsageError(f"{wanted.tool} needs {wanted.path} to log in; say where it will be")
    kind, _, name = answer.strip().partition(":")
    shape = REFERENCES.get(kind)
    if shape is None or not re.fullmatch(shape, name.strip()):
        raise click.UsageError(
            "that is no reference (was it the secret itself? It was written nowhere). Say env:NAME, file:/path or "
            "keyring:service/name"
        )
    secret = Secret(kind, name.strip())
    if wanted.kept and not secret.keeps:
        raise click.UsageError("it is replaced where it is, so that it must be file:/path or keyring:service/name")
    return secret

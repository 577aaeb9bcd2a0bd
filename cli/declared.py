"""The arguments, options and help of a command, of its description: once, for acts and for views, wherever they are
done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from tieline.cli.output import harmless
from tieline.core.commands import Argument, Command


def parameters(command: Command) -> list[click.Parameter]:
    """Its words as arguments, and the rest of what it is told as options."""
    return [_word(one) if one.is_word else _option(one) for one in command.arguments]


def said(command: Command, given: Mapping[str, Any]) -> dict[str, Any]:
    """What stands on the command line, by name; what was not said is left to whoever does it."""
    found = {one.name: given[one.name] for one in command.arguments if given.get(one.name) not in (None, ())}
    types = {one.name: one.type for one in command.arguments}
    return {name: _meant(name, types[name], value) for name, value in found.items()}


def _meant(name: str, type_: str, value: Any) -> Any:
    match type_:
        case "map":
            return _named(value)
        case "file":
            return _text(name, value)
        case _:
            return value


def wrong_usage(problems: Sequence[tuple[str, str]]) -> click.UsageError:
    """What click says of words that are not what it takes."""
    words = "; ".join(f"{place}: {words}" if place else words for place, words in problems)
    return click.UsageError(harmless(words))


def help_of(command: Command) -> str:
    """What it does, and what stands for each of its words: click explains options alone."""
    words = harmless(command.help)
    named = {one.placeholder: harmless(_told(one)) for one in command.arguments if one.is_word}
    if not named:
        return words
    wide = max(map(len, named))
    lines = [f"{placeholder:{wide}}  {text}" for placeholder, text in named.items()]
    return "\n".join([words, "", "\b", *lines])


def _told(one: Argument) -> str:
    """What it is; of choices also which there are, since its placeholder does not say so."""
    return f"{one.help} One of {', '.join(one.choices)}." if one.choices else one.help


LARGEST: Final = 1024 * 1024
"""Bytes of a file that an argument names."""


def _text(name: str, file: str) -> str:
    """What stands in a file; `-` is what the command is given."""
    try:
        with click.open_file(file, "rb") as opened:
            content: bytes = opened.read(LARGEST + 1)
    except OSError as error:
        raise click.UsageError(f"{name}: {file!r} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise click.UsageError(f"{name}: {file!r} has more than {LARGEST:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise click.UsageError(f"{name}: {file!r} is not in UTF-8") from None


def _named(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{pair!r}: write FIELD=VALUE, a field's name and what it is to be")
        if name in found:
            raise click.UsageError(f"{name} is there twice; write it once")
        found[name] = value
    return found


def _word(one: Argument) -> click.Argument:
    metavar = one.placeholder if one.type in ("map", "choice") else None
    many = -1 if one.is_many else 1
    return click.Argument([one.name], nargs=many, required=one.is_required, metavar=metavar, type=_type(one))


def _option(one: Argument) -> click.Option:
    written, words = f"--{one.name.replace('_', '-')}", harmless(one.help)
    if one.type == "flag":
        return click.Option([written], is_flag=True, default=None, help=words)
    if one.default is not None:
        words += f"  [default: {one.default:,}]"
    return click.Option([written], multiple=one.is_many, required=one.is_required, help=words, type=_type(one))


def _type(one: Argument) -> click.ParamType[Any] | type:
    return click.Choice(one.choices) if one.choices else int if one.type == "whole" else str

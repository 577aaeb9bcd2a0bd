"""What can be asked for on a command line, as plain data: a command is made of it, here or on a machine that has
neither the plugin nor the store. `core/described.py` makes it of what is declared; nothing heavy is imported for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,19}( [a-z][a-z0-9_-]{0,19})?")
"""A command's words: its group's, and its own."""

ARGUMENT: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
TYPES: Final = ("text", "whole", "flag", "map", "choice", "file")

LONGEST: Final = 4_000
"""Characters of a help text."""
MOST: Final = 1_000
"""Commands of one server, and choices of an argument."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One thing that a command is told. `is_word` is true of what stands without a name; `type` is one of `TYPES`, and
    `file` that of a text which stands in the file that is named."""

    name: str
    type: str
    help: str = ""
    is_word: bool = False
    is_required: bool = False
    is_many: bool = False
    is_person: bool = False
    choices: tuple[str, ...] = ()
    default: int | None = None

    @property
    def placeholder(self) -> str:
        """What stands for it in help."""
        return "FIELD=VALUE..." if self.type == "map" else self.name.upper()


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `acts` is false of one that only looks, and `starts_job` true of one that begins long work, whose
    end somebody may wait for; `asks_first` is true of one that somebody else may have to approve before it is done."""

    name: str
    acts: bool
    help: str
    arguments: tuple[Argument, ...]
    asks_first: bool = False
    starts_job: bool = False

    @property
    def path(self) -> str:
        """Where it is called, below the root of the API."""
        return self.name.replace(" ", "/")

    def facts(self) -> dict[str, Any]:
        """The same as plain JSON, without what goes without saying."""
        arguments = [{name: value for name, value in asdict(one).items() if value} for one in self.arguments]
        flags = {name: True for name in ("asks_first", "starts_job") if getattr(self, name)}
        return {"help": self.help, "arguments": arguments, **flags}


def from_facts(name: str, acts: bool, facts: Any) -> Command:
    """What somebody else says of a command. Raises ValueError for what is none."""
    if not NAME.fullmatch(name) or not isinstance(facts, Mapping):
        raise ValueError(f"{name[:60]!r} is no command")
    arguments = tuple(_arguments(facts.get("arguments")))
    asks_first, starts_job = (facts.get(flag) is True for flag in ("asks_first", "starts_job"))
    return Command(name, acts, _text(facts.get("help")), arguments, asks_first, starts_job)


def _arguments(given: Any) -> Iterator[Argument]:
    names: set[str] = set()
    for one in _list(given):
        if not isinstance(one, Mapping) or not ARGUMENT.fullmatch(_text(one.get("name"))) or one["name"] in names:
            raise ValueError("that is no argument")
        names.add(one["name"])
        # Of a type that this version does not know it takes what is typed, and the server says what it is.
        type_ = one["type"] if one.get("type") in TYPES else "text"
        choices = tuple(map(_word, _list(one.get("choices", []))))
        flags = {flag: one.get(flag) is True for flag in ("is_word", "is_required", "is_many", "is_person")}
        default = one.get("default")
        yield Argument(
            one["name"],
            type_ if choices or type_ != "choice" else "text",
            _text(one.get("help", "")),
            choices=choices,
            default=default if type(default) is int else None,
            **flags,
        )


def _text(given: Any) -> str:
    if not isinstance(given, str) or len(given) > LONGEST:
        raise ValueError("that is no text of a bearable length")
    return given


def _word(given: Any) -> str:
    if not _text(given).isprintable():
        raise ValueError("that is no word that can be typed")
    return str(given)


def _list(given: Any) -> list[Any]:
    if not isinstance(given, list) or len(given) > MOST:
        raise ValueError("that is no list of a bearable length")
    return given

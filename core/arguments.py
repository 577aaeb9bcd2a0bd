"""How what an act is told is written: once for the command line, for calls, for forms and for the journal.

Each type reads what a person types and what JSON holds, and writes one canonical text. What an act is told is kept for
ever, so that there is one way to write it: no floats, and nothing that comes in another order each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic.fields import FieldInfo

from tieline.core import model, settings
from tieline.core.access import LONGEST_SCOPE, parse_scope
from tieline.core.identity import is_id, is_proved
from tieline.core.shown import Part
from tieline.core.store.chain import canonical


class Ask(BaseModel):
    """What an act is told. What is not declared is refused, and what was not said is told from what is empty."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def plain(self) -> dict[str, Any]:
        """What was said, in the one form in which it is kept."""
        return self.model_dump(mode="json", exclude_unset=True)

    def digest(self) -> str:
        """The same for two that say the same, in every process."""
        return hashlib.sha256(canonical(self.plain())).hexdigest()


class Answer(BaseModel):
    """What is answered: facts for programs, and for people a sentence, or more than one."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    def sentence(self) -> str:
        """What is said to whoever asked for it."""
        raise NotImplementedError

    def shown(self) -> Sequence[Part]:
        """What is shown to whoever asked for it."""
        return (self.sentence(),)

    def facts(self) -> dict[str, Any]:
        """The same for programs, as plain JSON."""
        return self.model_dump(mode="json", by_alias=True)

    def kept(self) -> Self:
        """The same without what is told once: what is answered to whoever asks again under the same key."""
        once = {name: "" for name, field in type(self).model_fields.items() if ONCE in field.metadata}
        return self.model_copy(update=once) if once else self


def _duration(given: object) -> timedelta:
    try:
        return settings.parse_duration(given)
    except ValueError as error:
        raise ValueError(f"{error}; write it like 30s, 5m, 4h or 2d") from None


def _instant(given: object) -> datetime:
    if isinstance(given, datetime):
        moment = given
    else:
        try:
            moment = datetime.fromisoformat(given if isinstance(given, str) else "")
        except ValueError:
            raise ValueError(f"{given!r} is no time; write it like 2026-11-23T19:04:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{given} has no zone; write it like 2026-11-23T19:04:00Z")
    return moment


def _words(given: object) -> object:
    """Text that every store can keep."""
    if isinstance(given, str):
        try:
            given.encode()
        except UnicodeEncodeError:
            raise ValueError("text is in UTF-8, and this is in another encoding") from None
        if "\0" in given:
            raise ValueError("text holds no character of the code 0")
    return given


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(settings.show_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": settings.DURATION, "examples": ["4h"]}),
]
"""A length of time, as `4h`."""

Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(model.instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment with its zone."""

STORABLE: Final = BeforeValidator(_words)
"""Stands last behind a text that an act is told: every store can keep it."""

Words = Annotated[str, STORABLE]
"""Text of any length, such as Markdown."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), BeforeValidator(_words)]
"""One line of text that says something."""


Filter = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300), BeforeValidator(_words)]
"""Words to look for; empty ones look for nothing."""

Cursor = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[A-Za-z0-9_-]+$")]
"""A place in a list, as a page of it said."""


class _Says:
    """Says of a text what it stands for."""


ITEM: Final = _Says()
PERSON: Final = _Says()
ONCE: Final = _Says()
FILE: Final = _Says()

ItemName = Annotated[
    str, ITEM, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), BeforeValidator(_words)
]
"""An item, by its number (`INC-12`), or by the key, the id or the address of a ticket of it."""


def _identity(given: object) -> object:
    if isinstance(given, str) and not (is_proved(given) and given.isprintable()):
        raise ValueError(f"{given[:60]!r} is no identity that can be proved; write it like os:ann@db1 or token:grafana")
    return given


Document = Annotated[str, FILE, StringConstraints(min_length=1), BeforeValidator(_words)]
"""What stands in a file. A command is told the file, or `-` for what it is given; a call, the text itself."""

PersonName = Annotated[str, PERSON, StringConstraints(max_length=300), BeforeValidator(_identity)]
"""Somebody, by their identity (`os:ann@db1`). The journal keeps their id in its place."""


def _identity_or_id(given: object) -> object:
    return given if isinstance(given, str) and is_id(given) else _identity(given)


HolderName = Annotated[str, PERSON, StringConstraints(max_length=300), BeforeValidator(_identity_or_id)]
"""The same, or somebody who is known already by their id, as lists of persons show it."""


def _scope(given: object) -> object:
    if isinstance(given, str):
        parse_scope(given)
    return given


ScopeName = Annotated[str, StringConstraints(max_length=LONGEST_SCOPE), BeforeValidator(_scope)]
"""A part of what there is, as `team:NAME`; everything, where it is empty."""

Once = Annotated[str, ONCE]
"""What is told when it is made, and never again: it stands in nothing that is kept."""


def person_fields(ask: type[Ask]) -> list[str]:
    """The arguments that name persons."""
    return [name for name, field in ask.model_fields.items() if _is(PERSON, field)]


def _is(mark: _Says, field: FieldInfo) -> bool:
    """Also of one that may be left out, whose marks stand a level deeper."""
    return mark in field.metadata or any(mark in getattr(one, "__metadata__", ()) for one in get_args(field.annotation))


def file_fields(ask: type[Ask]) -> list[str]:
    """The arguments that are what a file says."""
    return [name for name, field in ask.model_fields.items() if _is(FILE, field)]


def item_fields(ask: type[Ask]) -> list[str]:
    """The arguments that name items."""
    return [name for name, field in ask.model_fields.items() if _is(ITEM, field)]


def time_fields(ask: type[Ask]) -> list[str]:
    """The arguments that are points in time."""
    return [name for name, field in ask.model_fields.items() if _is_time(field.annotation)]


def _is_time(annotation: Any) -> bool:
    return annotation is datetime or any(map(_is_time, get_args(annotation)))


def is_many(annotation: Any) -> bool:
    """Whether any number of them may be said: a tuple."""
    return get_origin(annotation) is tuple or any(get_origin(one) is tuple for one in get_args(annotation))


_SCALARS = (str, int, bool, datetime, timedelta)


def misfits(ask: type[BaseModel]) -> list[str]:
    """Sentences: what of a model cannot be an argument of an act, or a fact of an event."""
    return [
        f"{ask.__name__}.{name}: {words}"
        for name, field in ask.model_fields.items()
        for words in _misfits(field.annotation)
    ]


def _misfits(annotation: Any) -> Iterator[str]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in (float, complex):
        yield "a float has no one way to be written; take a whole number, or text"
    elif annotation in (set, frozenset) or origin in (set, frozenset):
        yield "a set comes in another order each time; take a tuple"
    elif origin is Annotated:
        yield from _misfits(inner[0])
    elif origin in (Union, UnionType):
        for one in inner:
            if one is not NoneType:
                yield from _misfits(one)
    elif origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        yield from _misfits(inner[0])
    elif origin in (dict, Mapping):
        for one in inner:
            yield from _misfits(one)
    elif not (origin is Literal or (isinstance(annotation, type) and issubclass(annotation, (*_SCALARS, Enum)))):
        yield f"{annotation} cannot be written on a command line; take text, a number, a choice, or a tuple of these"

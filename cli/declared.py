"""The arguments, options and help of a command, as what is declared says them: once, for acts and for views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from tieline.cli.accounts import meant
from tieline.core.arguments import Ask, person_fields
from tieline.core.declared import Declared, WrongWords


def parameters(declared: Declared) -> list[click.Parameter]:
    """Its words as arguments, and the rest of what it is told as options."""
    fields = declared.fields
    return [
        *(_argument(name, fields[name]) for name in declared.words),
        *(_option(name, field) for name, field in fields.items() if name not in declared.words),
    ]


def told(declared: Declared, given: Mapping[str, Any]) -> Ask:
    """What it is told, of what stands on the command line; what was not said is left to it."""
    return declared.told({**_said(declared.fields, given), **_persons(declared.ask, given)})


def wrong_usage(wrong: WrongWords) -> click.UsageError:
    """What click says of words that are not what it takes."""
    return click.UsageError("; ".join(f"{place}: {words}" if place else words for place, words in wrong.problems))


def help_of(declared: Declared) -> str:
    """What it does, and what stands for each of its words: click explains options alone."""
    fields = declared.fields
    if not declared.words:
        return declared.help
    named = {_placeholder(name, fields[name]): fields[name].description or "" for name in declared.words}
    wide = max(map(len, named))
    lines = [f"{placeholder:{wide}}  {words}" for placeholder, words in named.items()]
    return "\n".join([declared.help, "", "\b", *lines])


def _placeholder(name: str, field: FieldInfo) -> str:
    return "FIELD=VALUE..." if _is_map(field.annotation) else name.upper()


def _said(fields: Mapping[str, FieldInfo], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as the model takes it."""
    said = {name: value for name, value in given.items() if value not in (None, ())}
    return {name: _named(value) if _is_map(fields[name].annotation) else value for name, value in said.items()}


def _persons(ask: type[Ask], given: Mapping[str, Any]) -> dict[str, str]:
    """The persons who were named. An account of this machine may be named without it."""
    return {name: meant(given[name]).identity for name in person_fields(ask) if given.get(name)}


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


def _argument(name: str, field: FieldInfo) -> click.Argument:
    many = -1 if _is_many(field) else 1
    metavar = _placeholder(name, field) if _is_map(field.annotation) else None
    return click.Argument([name], nargs=many, required=field.is_required(), metavar=metavar, type=_type(field))


def _option(name: str, field: FieldInfo) -> click.Option:
    written = f"--{name.replace('_', '-')}"
    if _bare(field.annotation) is bool:
        return click.Option([written], is_flag=True, default=None, help=field.description)
    words, many = field.description or "", _is_many(field)
    if isinstance(field.default, int):
        words += f"  [default: {field.default:,}]"
    return click.Option([written], multiple=many, required=field.is_required(), help=words, type=_type(field))


def _type(field: FieldInfo) -> click.ParamType[Any] | type:
    """What click is told of a type: the choices, and whole numbers. The model knows the rest."""
    bare = _bare(field.annotation)
    if isinstance(bare, type) and issubclass(bare, Enum):
        return click.Choice([str(one.value) for one in bare])
    if get_origin(bare) is Literal:
        return click.Choice([str(one) for one in get_args(bare)])
    return int if bare is int else str


def _bare(annotation: Any) -> Any:
    """The type without what is around it: `X | None`, a tuple of X."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(one for one in get_args(annotation) if one is not NoneType))
    return _bare(get_args(annotation)[0]) if _is_list(annotation) else annotation


def _is_many(field: FieldInfo) -> bool:
    return _is_map(field.annotation) or _is_list(field.annotation)


def _is_map(annotation: Any) -> bool:
    return get_origin(annotation) in (dict, Mapping)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple

"""A command, of what is declared: its words, options and help follow once, for acts and for views."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tieline.core.acts import Act
from tieline.core.arguments import file_fields, person_fields
from tieline.core.commands import Argument, Command
from tieline.core.declared import Declared
from tieline.core.jobs import JobStarted


def described(declared: Declared) -> Command:
    """Its words first, and then the rest of what it is told."""
    fields, persons, files = declared.fields, person_fields(declared.ask), file_fields(declared.ask)
    names = [*declared.words, *(name for name in fields if name not in declared.words)]
    arguments = tuple(
        _argument(name, fields[name], is_word=name in declared.words, is_person=name in persons, is_file=name in files)
        for name in names
    )
    has_glass = isinstance(declared, Act) and declared.has_glass
    starts_job = isinstance(declared, Act) and issubclass(declared.answer, JobStarted)
    return Command(declared.name, isinstance(declared, Act), declared.help, arguments, has_glass, starts_job)


def _argument(name: str, field: FieldInfo, *, is_word: bool, is_person: bool, is_file: bool) -> Argument:
    annotation = field.annotation
    is_map = get_origin(annotation) in (dict, Mapping)
    choices = () if is_map else _choices(_bare(annotation))
    return Argument(
        name,
        "map" if is_map else "choice" if choices else "file" if is_file else _type(_bare(annotation)),
        field.description or "",
        is_word=is_word,
        is_required=field.is_required(),
        is_many=is_map or _is_list(annotation),
        is_person=is_person,
        choices=choices,
        default=field.default if type(field.default) is int else None,
    )


def _type(bare: Any) -> str:
    """Whole numbers and flags are told apart; the model knows the rest."""
    return "flag" if bare is bool else "whole" if bare is int else "text"


def _choices(bare: Any) -> tuple[str, ...]:
    if isinstance(bare, type) and issubclass(bare, Enum):
        return tuple(str(one.value) for one in bare)
    return tuple(str(one) for one in get_args(bare)) if get_origin(bare) is Literal else ()


def _bare(annotation: Any) -> Any:
    """The type without what is around it: `X | None`, a tuple of X."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(one for one in get_args(annotation) if one is not NoneType))
    return _bare(get_args(annotation)[0]) if _is_list(annotation) else annotation


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple

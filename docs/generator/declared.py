"""The part of a page about one thing that is declared: what it does, what it is told, and who may."""

from __future__ import annotations

import json
import typing
from datetime import datetime, timedelta
from enum import Enum
from types import NoneType

from pydantic.fields import FieldInfo

from generator.markdown import code, table
from generator.shipped import offers
from tieline.core.declared import Declared

_MEANT: dict[object, str] = {
    str: "text",
    int: "a whole number",
    bool: "yes or no",
    datetime: "a time with its zone",
    timedelta: "a length of time, like `4h`",
}


def section(declared: Declared) -> str:
    """Its command, its words, its right and the roles that carry it."""
    rows = [
        (code(name), _type(field), _said(field), field.description or "") for name, field in declared.fields.items()
    ]
    rights = " or ".join(map(code, declared.rights))
    who = ", ".join(str(role) for role, carried in offers().rules.carries.items() if carried & set(declared.rights))
    told = f"{table(['argument', 'what', '', 'meaning'], rows)}\n\n" if rows else ""
    example = "" if declared.example is None else f"For example: {code(json.dumps(dict(declared.example)))}.\n\n"
    who_may = f"Right: {rights}. Roles that carry it: {who}.\n" if rights else "It takes no right.\n"
    first = getattr(declared, "asks_first", ())
    asks = f"\nAsks first, where that is needed: {' or '.join(map(code, first))}, of somebody else.\n" if first else ""
    return f"## `tieline {declared.name}`\n\n{declared.help}\n\n{told}{example}{who_may}{asks}"


def _said(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "" if field.default in (None, "", ()) else f"default: {_default(field.default)}"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _type(field: FieldInfo) -> str:
    annotation = _bare(field.annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(code(str(one.value)) for one in annotation)
    if typing.get_origin(annotation) is dict:
        return "`NAME=VALUE`, any number of them"
    if typing.get_origin(annotation) is tuple:
        return f"{_MEANT[_bare(typing.get_args(annotation)[0])]}, any number of them"
    return _MEANT[annotation]


def _bare(annotation: object) -> object:
    """The type without what is around it, as in `X | None`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    arms = [one for one in typing.get_args(annotation) if one is not NoneType]
    return _bare(arms[0]) if len(arms) < len(typing.get_args(annotation)) else annotation

"""acts.md: everything that somebody can do, with its words, its right and what it journals."""

from __future__ import annotations

import typing
from enum import Enum

from pydantic.fields import FieldInfo

from generator.markdown import code, table
from tieline.core.access import CARRIES
from tieline.core.acts import Act
from tieline.sync.office.own import OWN

ABOUT = """\
# Acts

What somebody can do. Each act is declared once; its command, its words, its JSON and its entry in the journal
(`acted`, which whatever follows names as its `cause`) come from that. Every command takes `--json` and `--key`: asked
for again under the same key within a week, an act is not done again, and gives the same answer.

"""

_MEANT: dict[object, str] = {
    str: "text",
    int: "a whole number",
    bool: "yes or no",
}


def page() -> str:
    """Each act, in the order in which they are offered."""
    return ABOUT + "\n".join(_act(act) for act in OWN.by_name.values())


def _act(act: Act) -> str:
    fields = act.ask.model_fields
    rows = [(code(name), _type(field), _said(field), field.description or "") for name, field in fields.items()]
    rights = " or ".join(map(code, act.rights))
    who = ", ".join(str(role) for role, carried in CARRIES.items() if carried & set(act.rights))
    return (
        f"## `tieline {act.name}`\n\n{act.help}\n\n{table(['argument', 'what', '', 'meaning'], rows)}\n\n"
        f"Right: {rights}. Roles that carry it: {who}.\n"
    )


def _said(field: FieldInfo) -> str:
    return "required" if field.is_required() else _default(field.default)


def _default(value: object) -> str:
    return "default: no" if value is False else f"default: {value}"


def _type(field: FieldInfo) -> str:
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(code(str(one.value)) for one in annotation)
    if typing.get_origin(annotation) is dict:
        return "`NAME=VALUE`, any number of them"
    return _MEANT.get(annotation, str(annotation))

"""Forms, made from what an act declares: each argument is a field, and what was wrong with it stands beside it. What
somebody wrote stays there, whatever came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, get_args, get_origin

from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from tieline.core.acts import Act
from tieline.core.arguments import is_many, item_fields
from tieline.core.model import CATALOGUE, FieldSpec, FieldType, RecordKind
from tieline.mappings.board import ALERTS

CHANGED: Final = "was."
"""In front of the name of a field of an item: what it was when the form was made. What stays so is not sent on."""


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a form. `kind` is text, area, choice, check, number or many (one in a line)."""

    name: str
    label: str
    kind: str
    help: str
    value: str
    required: bool = False
    choices: tuple[str, ...] = ()
    error: str = ""
    was: str | None = None

    @property
    def id(self) -> str:
        """What labels and sentences refer to it by."""
        return "f-" + self.name.replace(".", "-")


def inputs(
    act: Act, said: Mapping[str, str], errors: Iterable[tuple[str, str]], item: Mapping[str, Any]
) -> list[Input]:
    """The fields of an act's form: what was said for them, and what is wrong with that. `item` are the fields of the
    item that it is about, where it changes those."""
    wrong: dict[str, str] = {}
    for place, words in placed(act, errors):
        wrong.setdefault(place, words)
    found: list[Input] = []
    for name, field in act.fields.items():
        if _is_mapping(field):
            found += [_of_item(name, spec, item, said, wrong) for spec in _editable()]
        else:
            found.append(_input(name, field, said, wrong))
    return found


def placed(act: Act, errors: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is wrong, each at its field: of a field of an item only the sentence says which one it is."""
    inside = next((name for name, field in act.fields.items() if _is_mapping(field)), "")
    names = {spec.name for spec in _editable()} if inside else set()
    found = []
    for place, words in errors:
        first = words.split(" ", 1)[0].rstrip(":")
        found.append((f"{inside}.{first}" if not place and first in names else place, words))
    return found


def unplaced(act: Act, errors: Iterable[tuple[str, str]], shown: Iterable[Input]) -> list[str]:
    """What is wrong and stands at none of the fields that are shown."""
    names = {one.name for one in shown}
    return [f"{place}: {words}" if place else words for place, words in placed(act, errors) if place not in names]


def given(act: Act, said: Mapping[str, str]) -> dict[str, Any]:
    """What an act is told by a form: what was left empty and need not be said is not."""
    told: dict[str, Any] = {}
    for name, field in act.fields.items():
        if _is_mapping(field):
            inside = {key.removeprefix(f"{name}."): words for key, words in said.items() if key.startswith(f"{name}.")}
            told[name] = {key: words for key, words in inside.items() if said.get(f"{CHANGED}{name}.{key}") != words}
        elif is_many(field.annotation):
            lines = tuple(line.strip() for line in said.get(name, "").splitlines() if line.strip())
            told |= {name: lines} if lines else {}
        elif _bare(field.annotation) is bool:
            told |= {name: True} if said.get(name) else {}
        elif said.get(name) or (name in said and field.is_required()):
            told[name] = said[name]
    return told


def names_an_item(act: Act) -> str:
    """The argument by which an act names the one item that it is about; "" for none."""
    names = item_fields(act.ask)
    return names[0] if len(names) == 1 else ""


def changes_an_item(act: Act) -> bool:
    """Whether its form shows the fields of the item."""
    return any(map(_is_mapping, act.fields.values()))


def _is_mapping(field: FieldInfo) -> bool:
    return get_origin(field.annotation) in (dict, Mapping)


def _bare(annotation: Any) -> Any:
    """The type of one that may be left out."""
    inner = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) is not tuple and len(inner) == 1:
        return _bare(inner[0])
    return _bare(get_args(annotation)[0]) if hasattr(annotation, "__metadata__") else annotation


def _input(name: str, field: FieldInfo, said: Mapping[str, str], wrong: Mapping[str, str]) -> Input:
    bare = _bare(field.annotation)
    kind, choices = "text", tuple[str, ...]()
    if is_many(field.annotation):
        kind = "many"
    elif isinstance(bare, type) and issubclass(bare, Enum):
        kind, choices = "choice", tuple(str(one.value) for one in bare)
    elif bare is bool:
        kind = "check"
    elif bare is int:
        kind = "number"
    elif bare is str and not _is_bounded(field):
        kind = "area"
    return Input(
        name=name,
        label=name.replace("_", " ").capitalize(),
        kind=kind,
        help=field.description or "",
        value=said.get(name, ""),
        required=field.is_required(),
        choices=choices,
        error=wrong.get(name, ""),
    )


def _is_bounded(field: FieldInfo) -> bool:
    """Whether it is one line: text of any length has no bound."""
    marks = [
        *field.metadata,
        *(mark for one in get_args(field.annotation) for mark in getattr(one, "__metadata__", ())),
    ]
    return any(isinstance(mark, StringConstraints) or getattr(mark, "max_length", None) for mark in marks)


def _editable() -> list[FieldSpec]:
    return [spec for spec in CATALOGUE[RecordKind.INCIDENT].values() if spec.name != ALERTS]


def _of_item(
    name: str, spec: FieldSpec, item: Mapping[str, Any], said: Mapping[str, str], wrong: Mapping[str, str]
) -> Input:
    full = f"{name}.{spec.name}"
    was = said.get(f"{CHANGED}{full}", written(item.get(spec.name)))
    return Input(
        name=full,
        label=spec.name.replace("_", " ").capitalize(),
        kind="choice" if spec.choices is not None else "area" if spec.type is FieldType.RICH_TEXT else "text",
        help=spec.meaning,
        value=said.get(full, was),
        choices=() if spec.choices is None else tuple(str(one.value) for one in spec.choices),
        error=wrong.get(full, wrong.get(spec.name, "")),
        was=was,
    )


def written(value: object) -> str:
    """A value as somebody would write it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)

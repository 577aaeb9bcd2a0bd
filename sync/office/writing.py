"""What somebody writes for a field, as its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from tieline.core.errors import Misfit
from tieline.core.model import Fields, FieldSpec, FieldType, RecordKind, Value, fields_of, instant
from tieline.core.settings import no_such
from tieline.core.values import fits, parse
from tieline.mappings.board import ALERTS

NEVER_EMPTY: Final = frozenset({"status", "title"})


def values(changes: Mapping[str, str], catalogue: Mapping[str, FieldSpec]) -> dict[str, Value]:
    """The values that are meant; an empty text empties a field. Raises ValueError with a sentence for the first that
    cannot be."""
    return {name: _value(name, text, catalogue) for name, text in changes.items()}


def checked(fields: Fields, kind: RecordKind) -> dict[str, Value]:
    """The fields as plain values. Raises Misfit with a sentence for the first value that items of this kind cannot
    have, and NotThere for a field that they do not have, and for a kind whose plugin is not at work."""
    known = fields_of(kind)
    for name, value in fields.items():
        if name not in known:
            raise no_such("field", name, known)
        if is_empty(value):
            if name in NEVER_EMPTY:
                raise Misfit(f"it always has a {name}; give it one")
        elif not fits(known[name], value):
            choices = known[name].choices
            wanted = f"one of {', '.join(choices)}" if choices is not None else f"{known[name].type.value}"
            raise Misfit(f"{name} is {wanted}; not {value!r:.80}")
    return {name: str(value) if isinstance(value, str) else value for name, value in fields.items()}


def news(known: Fields, wanted: Mapping[str, Value]) -> dict[str, Value]:
    """The values that are not so yet. A field that holds nothing is as empty as one that is not there."""
    return {
        name: value
        for name, value in wanted.items()
        if known.get(name) != value and not (is_empty(known.get(name)) and is_empty(value))
    }


def is_empty(value: Value) -> bool:
    """Whether a field of this value holds nothing."""
    return value in (None, "", ())


def shown(value: object) -> str:
    """A value in a sentence."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "empty"
    return "empty" if value in (None, "") else str(value)


def _value(name: str, text: str, catalogue: Mapping[str, FieldSpec]) -> Value:
    if name == ALERTS:
        raise ValueError(f"{name} is what fires now, and nobody's to write; write into description")
    spec = catalogue.get(name)
    if spec is None:
        raise ValueError(str(no_such("field", name, [one for one in catalogue if one != ALERTS])))
    if text == "":
        if name in NEVER_EMPTY:
            raise ValueError(f"an incident always has a {name}; give it another one instead of none")
        return None
    if spec.choices is not None:
        known = [choice.value for choice in spec.choices]
        if text not in known:
            raise ValueError(f"{name} is one of {', '.join(known)}; not {text!r}")
        return text
    return _READ[spec.type](name, text) if spec.type in _READ else _parsed(name, spec.type, text)


def _parsed(name: str, type_: FieldType, text: str) -> Value:
    try:
        return parse(type_, text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _line(name: str, text: str) -> Value:
    if not text.isprintable():
        raise ValueError(f"{name} is one line of plain text; it cannot hold line breaks or control characters")
    return text


def _instant(name: str, text: str) -> Value:
    try:
        return instant(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is a time with its zone, like 2026-11-23T19:04:00Z; not {text!r}") from None


def _tags(_name: str, text: str) -> Value:
    return tuple(sorted({part.strip() for part in text.split(",") if part.strip()}))


def _person(_name: str, text: str) -> Value:
    return text.lower()


_READ: Final[Mapping[FieldType, Callable[[str, str], Value]]] = {
    FieldType.TEXT: _line,
    FieldType.INSTANT: _instant,
    FieldType.TAGS: _tags,
    FieldType.PERSON: _person,
}

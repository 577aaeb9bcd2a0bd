"""How one field is read: where to look, what counts as empty, and what to do with a word nobody mapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tieline.core.model import ABSENT, Absent, FieldSpec, Value
from tieline.core.port import Body
from tieline.mappings.codecs import Codec, People, Refused
from tieline.mappings.document import FieldRule
from tieline.mappings.outcome import Unmapped
from tieline.mappings.paths import Getter, getter

Read = Callable[[Body, People], Value | Absent | Unmapped]


class Reader(NamedTuple):
    """One readable field."""

    name: str
    read: Read


def reader(spec: FieldSpec, rule: FieldRule, made: Codec) -> Read:
    """The closure that reads one field from a body."""
    if rule.join is not None:
        read = _joined(spec, rule, rule.join, made)
    elif len(rule.read) == 1:
        read = _single(spec, rule, getter(rule.read[0]), made)
    else:
        read = _first(spec, rule, made)
    return _conditional(rule, read) if rule.only_when else read


def _single(spec: FieldSpec, rule: FieldRule, get: Getter, made: Codec) -> Read:
    name = spec.name
    convert: Callable[[Any, People], Value | Refused] = made.read
    empty: Value = () if spec.type.is_set else None
    otherwise = _otherwise(rule)
    absent = Absent.ABSENT  # an enum's member costs a call each time it is named

    def read(body: Body, people: People) -> Value | Absent | Unmapped:
        raw = get(body)
        if raw is None or raw == "":
            return empty
        if raw is ABSENT:
            return absent
        value = convert(raw, people)
        if isinstance(value, Refused):
            second = otherwise(body)
            return Unmapped(name, raw, str(value)) if second is None else second
        return value

    return read


def _otherwise(rule: FieldRule) -> Callable[[Body], str | None]:
    if rule.read_else is None:
        return lambda _body: None
    get, values = getter(rule.read_else.path), rule.read_else.values

    def look(body: Body) -> str | None:
        raw = get(body)
        return values.get(raw) if isinstance(raw, str | int) else None

    return look


def _first(spec: FieldSpec, rule: FieldRule, made: Codec) -> Read:
    """The first place that holds something; ABSENT only when none of them is there at all."""
    reads = [_single(spec, rule, getter(path), made) for path in rule.read]

    def read(body: Body, people: People) -> Value | Absent | Unmapped:
        best: Value | Absent | Unmapped = ABSENT
        for one in reads:
            value = one(body, people)
            if value is not ABSENT and value is not None and value != ():
                return value
            best = best if value is ABSENT else value
        return best

    return read


def _joined(spec: FieldSpec, rule: FieldRule, glue: str, made: Codec) -> Read:
    gets = [getter(path) for path in rule.read]

    def read(body: Body, people: People) -> Value | Absent | Unmapped:
        found = [get(body) for get in gets]
        if all(raw is ABSENT for raw in found):
            return ABSENT
        pieces = [raw for raw in found if raw is not ABSENT and raw is not None and raw != ""]
        if not pieces:
            return None
        if not all(isinstance(raw, str | int | float) for raw in pieces):
            return Unmapped(spec.name, pieces, f"{spec.name}: only texts can be joined; point `from` at texts.")
        value = made.read(glue.join(str(raw) for raw in pieces), people)
        return Unmapped(spec.name, pieces, str(value)) if value.__class__ is Refused else value

    return read


def _conditional(rule: FieldRule, read: Read) -> Read:
    """Empty while a condition does not hold: Alertmanager's endsAt is a guess until the alert is resolved."""
    conditions: list[tuple[Getter, tuple[Any, ...]]] = [(getter(path), allowed) for path, allowed in rule.only_when]

    def conditional(body: Body, people: People) -> Value | Absent | Unmapped:
        if all(get(body) in allowed for get, allowed in conditions):
            return read(body, people)
        return None

    return conditional

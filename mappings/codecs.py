"""A field's value in both directions: one set of closures per field type.

`read` turns the tool's value into the canonical one; `write` turns a canonical value into the tool's. What `write`
makes, `read` understands, and `project` is `read` after `write`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tieline.core.model import FieldSpec, FieldType, Value
from tieline.mappings.convert import instants, text
from tieline.mappings.convert.lines import clean_line, line_out
from tieline.mappings.document import FieldRule, Scalar

People = Mapping[str, str]


class Refused(str):
    """A sentence that says why a value could not be converted. Never a value of its own."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Codec:
    """`read(raw, people)`, `write(value, ids, link)` and `project(value, ids)`; each may answer Refused instead."""

    read: Callable[[Any, People], Value | Refused]
    write: Callable[[Any, People, str], Any]
    project: Callable[[Any, People], Value | Refused]


def codec(spec: FieldSpec, rule: FieldRule) -> Codec:
    """The codec of one rule."""
    if rule.values is not None or rule.read_also or rule.write_also:
        return _table(spec, rule)
    makers: Mapping[FieldType, Callable[[FieldSpec, FieldRule], Codec]] = {
        FieldType.TEXT: _line,
        FieldType.RICH_TEXT: _rich_text,
        FieldType.CHOICE: _choice,
        FieldType.INSTANT: _instant,
        FieldType.PERSON: _person,
        FieldType.TAGS: _tags,
        FieldType.INTEGER: _integer,
        FieldType.FLAG: _flag,
    }
    return makers[spec.type](spec, rule)


def shown(raw: Any) -> str:
    """A foreign value in a sentence: short, on one line."""
    return line_out(repr(raw), 60)


def _meaningless(spec: FieldSpec, raw: Any) -> str:
    return f"{spec.name}: nothing says what {shown(raw)} means; add it under values or read_also."


def _table(spec: FieldSpec, rule: FieldRule) -> Codec:
    """Values by table. The keys are looked up by type as well, since 1 == True == 1.0 in Python."""
    written = dict(rule.values or {})
    readable = {(raw.__class__, raw): value for raw, value in rule.read_also.items()}
    readable |= {(raw.__class__, raw): value for value, raw in written.items()}
    outgoing = written | dict(rule.write_also)
    returns = {value: readable.get((raw.__class__, raw)) for value, raw in outgoing.items()}
    # `write: {p1: {impact: ..}}` says how a value is written that another field of the tool is computed from.
    returns |= {value: value for value in rule.parts}

    def read(raw: Any, _people: People) -> Value | Refused:
        try:
            return readable[raw.__class__, raw]
        except (KeyError, TypeError):
            return Refused(_meaningless(spec, raw))

    def write(value: Any, _ids: People, _link: str) -> Any:
        if value in outgoing:
            return outgoing[value]
        return Refused(f"{spec.name}: this tool has no word for {shown(value)}; add it under values or write_also.")

    def project(value: Any, _ids: People) -> Value | Refused:
        result = returns.get(value)
        return Refused(f"{spec.name}: this tool has no word for {shown(value)}.") if result is None else result

    return Codec(read, write, project)


def _line(spec: FieldSpec, rule: FieldRule) -> Codec:
    limit = rule.limit
    short = 10**9 if limit is None else limit // 2

    def read(raw: Any, _people: People) -> Value | Refused:
        if raw.__class__ is str:
            # A text longer than the limit is read as it would be written, or it would be written back cut.
            return clean_line(raw if len(raw) < short else line_out(raw, limit)) or None
        if isinstance(raw, int | float):
            return str(raw)
        return Refused(f"{spec.name}: {shown(raw)} is not text; point `from` at the text inside it.")

    def write(value: Any, _ids: People, _link: str) -> Any:
        return line_out(value, limit)

    def project(value: Any, _ids: People) -> Value | Refused:
        return clean_line(line_out(value, limit)) or None

    return Codec(read, write, project)


def _rich_text(spec: FieldSpec, rule: FieldRule) -> Codec:
    dialect, limit = rule.text, rule.limit

    def read(raw: Any, _people: People) -> Value | Refused:
        if raw.__class__ is str or isinstance(raw, dict):
            return text.from_tool(dialect, raw, limit) or None
        return Refused(f"{spec.name}: {shown(raw)} is not text; point `from` at the text inside it.")

    def write(value: Any, _ids: People, link: str) -> Any:
        return text.to_tool(dialect, value, limit, link)

    def project(value: Any, _ids: People) -> Value | Refused:
        return text.project_text(dialect, value, limit) or None

    return Codec(read, write, project)


def _choice(spec: FieldSpec, _rule: FieldRule) -> Codec:
    """A tool that uses our own words."""
    words = {str(choice): str(choice) for choice in spec.choices or ()}

    def known(value: Any) -> Value | Refused:
        word = words.get(value) if value.__class__ is str else None
        return word or Refused(
            f"{spec.name}: nothing says what {shown(value)} means; add it under values or read_also."
        )

    return Codec(
        lambda raw, _people: known(raw), lambda value, _ids, _link: known(value), lambda value, _ids: known(value)
    )


def _instant(spec: FieldSpec, rule: FieldRule) -> Codec:
    out = instants.instant_writer(rule.format)

    def read(raw: Any, _people: People) -> Value | Refused:
        try:
            return instants.read_instant(raw)
        except ValueError:
            return Refused(f"{spec.name}: {shown(raw)} is not a time.")

    def write(value: Any, _ids: People, _link: str) -> Any:
        try:
            return out(value)
        except ValueError:
            return Refused(f"{spec.name}: {shown(value)} is not a canonical time.")

    def project(value: Any, ids: People) -> Value | Refused:
        raw = write(value, ids, "")
        return raw if raw.__class__ is Refused else read(raw, ids)

    return Codec(read, write, project)


def _person(spec: FieldSpec, _rule: FieldRule) -> Codec:
    def read(raw: Any, people: People) -> Value | Refused:
        email = people.get(raw) if isinstance(raw, str) else None
        if email:
            return email.lower()
        return Refused(f"{spec.name}: the e-mail address of {shown(raw)} is not known, or hidden from our account.")

    def write(value: Any, ids: People, _link: str) -> Any:
        return ids.get(value) or Refused(f"{spec.name}: nobody here has the address {value}; create the account.")

    def project(value: Any, ids: People) -> Value | Refused:
        return value if ids.get(value) else Refused(f"{spec.name}: nobody here has the address {value}.")

    return Codec(read, write, project)


def _tags(spec: FieldSpec, rule: FieldRule) -> Codec:
    separator, spaces, pairs = rule.separator, rule.spaces, rule.pairs

    def tidy(tags: Any) -> tuple[str, ...]:
        return tuple(sorted({clean_line(tag) for tag in tags} - {""}))

    def read(raw: Any, _people: People) -> Value | Refused:
        if pairs and isinstance(raw, dict):
            return tidy(f"{name}={value}" for name, value in raw.items())
        if separator is not None and isinstance(raw, str):
            raw = raw.split(separator)
        if not isinstance(raw, list | tuple) or not all(isinstance(tag, str) for tag in raw):
            return Refused(f"{spec.name}: {shown(raw)} is not a list of words.")
        return tidy(raw)

    def sayable(value: Any) -> tuple[str, ...]:
        tags = tidy(value)
        if spaces is not None:
            tags = tidy(tag.replace(" ", spaces) for tag in tags)
        if separator is not None:
            tags = tidy(tag.replace(separator, " ") for tag in tags)
        return tags

    def write(value: Any, _ids: People, _link: str) -> Any:
        tags = sayable(value)
        return list(tags) if separator is None else separator.join(tags)

    return Codec(read, write, lambda value, _ids: sayable(value))


def _integer(spec: FieldSpec, _rule: FieldRule) -> Codec:
    def read(raw: Any, _people: People) -> Value | Refused:
        if raw.__class__ is int:
            return int(raw)
        if isinstance(raw, str) and raw.removeprefix("-").isdecimal() and len(raw) < 19:
            return int(raw)
        return Refused(f"{spec.name}: {shown(raw)} is not a whole number.")

    return Codec(read, lambda value, _ids, _link: value, lambda value, _ids: int(value))


def _flag(spec: FieldSpec, rule: FieldRule) -> Codec:
    yes: tuple[Scalar, ...] = rule.yes or (True,)
    no: tuple[Scalar, ...] = rule.no or (False,)
    words = {(raw.__class__, raw): True for raw in yes} | {(raw.__class__, raw): False for raw in no}

    def read(raw: Any, _people: People) -> Value | Refused:
        try:
            return words[raw.__class__, raw]
        except (KeyError, TypeError):
            return Refused(f"{spec.name}: nothing says whether {shown(raw)} is yes or no; add it under yes or no.")

    return Codec(read, lambda value, _ids, _link: (yes if value else no)[0], lambda value, _ids: bool(value))

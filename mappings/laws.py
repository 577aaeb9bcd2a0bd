"""Proves a mapping before it is used: its own examples, and the laws of a lens on values made to hurt.

The laws: what is written reads back as what was meant (`normalize(denormalize(project(x))) == project(x)`), projecting
twice changes nothing, and what was read writes back as nothing. A mapping that breaks one could write for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingOf
from typing import Any

from tieline.core.errors import Problem
from tieline.core.model import CATALOGUE, FieldSpec, FieldType, Value
from tieline.mappings.document import Example, FieldRule, When
from tieline.mappings.mapping import Mapping

_IDS = {"ada@example.org": "person-1", "grace@example.org": "person-2"}
_PEOPLE = {number: email for email, number in _IDS.items()}

_LINES: Sequence[str] = (
    "Disk full on db1",
    "  two  spaces\tand a tab ",
    "first line\nsecond line\r\nthird",
    "@channel @Here look at [~admin] and @alliance",
    "5 * 3 * 2 <b>not bold</b> {{7*7}} [code]<script>x</script>[/code] $(id) `x`",
    "Störung: Zürich 🔥👩‍🚒 شبكة معطلة",
    "null\x00 bell\x07 escape\x1b[31m \ud800 \ufeff",
    "word " * 60,
    "x" * 300,
    "🔥" * 300,
)
_TEXTS: Sequence[str] = (
    *_LINES,
    "# Head\n\nA *soft* and **strong** `code` [link](https://example.org/a?b=c).\n\n- one\n- two\n  - in\n\n1. first",
    "> quoted\n> text\n\n```python\nprint('*not soft*')\n\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\nend",
    "line one\nline two\n\n    indented code\n\n* * *\n\n{code}x{code} h1. no heading {noformat} ||a||b||",
    "paragraph of words. " * 3000,
)
_INSTANTS: Sequence[str] = (
    "2026-11-23T19:04:37.123456Z",
    "1999-12-31T23:59:59.999999Z",
    "2024-02-29T00:00:00.000000Z",
)
_TAGS: Sequence[tuple[str, ...]] = ((), ("a",), ("b", "two words", "Zürich"), ("x,y", "x;y", "k=v"))


def broken_examples(mapping: Mapping) -> Iterator[Problem]:
    """The examples that do not come out as written down."""
    for example in mapping.document.examples:
        yield from _read_problems(mapping, example)
        yield from _write_problems(mapping, example)


def _read_problems(mapping: Mapping, example: Example) -> Iterator[Problem]:
    if example.fields is None and not example.unmapped:
        return
    got = mapping.normalize(example.body, example.people)
    wanted = {name: frozen(value) for name, value in (example.fields or {}).items()}
    for name in sorted(wanted.keys() | got.fields.keys()):
        if name in wanted and name in got.fields and _same(wanted[name], got.fields[name]):
            continue
        if name in wanted:
            found = f"reads {got.fields[name]!r}" if name in got.fields else "reads nothing"
            said = next((f" ({one.sentence})" for one in got.unmapped if one.field == name), "")
            what = f"{example.because}: {name} {found} instead of {wanted[name]!r}.{said}"
        else:
            what = f"{example.because}: {name} reads {got.fields[name]!r} and the example does not say so."
        yield _at(example, "MAP014", what, "mend the rule, or the example if it is wrong.")
    unmapped = {one.field for one in got.unmapped}
    if example.fields is not None and unmapped != set(example.unmapped):
        what = f"{example.because}: unmapped are {sorted(unmapped)} instead of {sorted(example.unmapped)}."
        yield _at(example, "MAP014", what, "map the value, or list the field under `unmapped`.")


def _write_problems(mapping: Mapping, example: Example) -> Iterator[Problem]:
    if example.write is None:
        return
    fields = {name: frozen(value) for name, value in example.write.items()}
    ids = {email: number for number, email in example.people.items()}
    got = mapping.denormalize(fields, fields, ids, creating=example.creating)
    if got.body != (example.writes or {}):
        left = "".join(f" Left out: {one.sentence}" for one in got.left_out)
        what = f"{example.because}: writes {got.body!r} instead of {example.writes or {}!r}.{left}"
        yield _at(example, "MAP015", what, "mend the rule, or the example if it is wrong.")


def _at(example: Example, code: str, what: str, fix: str) -> Problem:
    return Problem(example.file, example.line, example.column, code, what, fix)


def frozen(value: Any) -> Value:
    """A YAML value as a field's value: lists are tags."""
    return tuple(sorted(value)) if isinstance(value, list) else value


def _same(left: Value, right: Value) -> bool:
    return left == right and left.__class__ is right.__class__


def broken_laws(mapping: Mapping) -> Iterator[Problem]:
    """The lens laws on generated values and on the examples' bodies. At most one finding per field."""
    for name, rule in mapping.document.rules.items():
        if name in mapping.readable and name in mapping.writable:
            what = _broken(mapping, CATALOGUE[mapping.record][name], rule)
            if what:
                yield Problem(
                    rule.file, rule.line, rule.column, "MAP016", what, "make the rule say the same both ways."
                )
    for example in mapping.document.examples:
        read = mapping.normalize(example.body, example.people).fields
        ids = {email: number for number, email in example.people.items()}
        for name, value in mapping.project(read, ids).items():
            if not _same(value, read[name]):
                what = f"{example.because}: {name} was read as {read[name]!r} and would be written as {value!r}."
                yield _at(example, "MAP016", what, "make the rule say the same both ways.")


def _broken(mapping: Mapping, spec: FieldSpec, rule: FieldRule) -> str:
    for value in _readable_words(rule):
        back = mapping.project({spec.name: value}, _IDS).get(spec.name, value)
        if not _same(back, value):
            return f"{spec.name} can be read as {value!r}, which would then be written as {back!r}."
    for value in _samples(spec, rule):
        once = mapping.project({spec.name: value}, _IDS)
        if mapping.project(once, _IDS) != once:
            return f"{spec.name}: {value!r:.80} projects to {once!r:.200}, and that to something else."
        written = mapping.denormalize(
            {spec.name: value}, _company(mapping, spec.name), _IDS, creating=rule.when is When.ONCE
        )
        if rule.parts or rule.to not in rule.read or any(one.field == spec.name for one in written.left_out):
            continue
        read = mapping.normalize(written.body, _PEOPLE).fields
        for name, meant in written.written.items():
            if not mapping.document.rules[name].parts and not _same(read.get(name), meant):
                return f"{name}: writing {value!r:.80} means {meant!r:.80} and reads back as {read.get(name)!r:.80}."
        if spec.name in once and not _same(read.get(spec.name), once[spec.name]):
            back = read.get(spec.name)
            return f"{spec.name}: {value!r:.80} reads back as {back!r:.80}, not {once[spec.name]!r:.80}."
    return ""


def _company(mapping: Mapping, name: str) -> MappingOf[str, Value]:
    """A value for every other field, so that needs are met."""
    specs = CATALOGUE[mapping.record]
    rules = mapping.document.rules
    return {other: next(_samples(specs[other], rules[other])) for other in mapping.writable if other != name}


def _readable_words(rule: FieldRule) -> list[Value]:
    words = [*(rule.values or ()), *rule.read_also.values()]
    return [*words, *(rule.read_else.values.values() if rule.read_else else ())]


def _samples(spec: FieldSpec, rule: FieldRule) -> Iterator[Value]:
    if rule.values is not None or rule.parts:
        yield from [*(rule.values or ()), *rule.write_also, *rule.parts, None]
        return
    match spec.type:
        case FieldType.TEXT:
            yield from _LINES
        case FieldType.RICH_TEXT:
            yield from _TEXTS
        case FieldType.CHOICE:
            yield from (str(choice) for choice in spec.choices or ())
        case FieldType.INSTANT:
            yield from _INSTANTS
        case FieldType.PERSON:
            yield from [*_IDS, "nobody@example.org"]
        case FieldType.TAGS:
            yield from _TAGS
        case FieldType.INTEGER:
            yield from (0, 1, -7, 2**31)
        case FieldType.FLAG:
            yield from (True, False)
    yield None

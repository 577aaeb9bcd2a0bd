"""A mapping in words: for each field where it stands, how it is read and written, and who wins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tieline.mappings.board import ALERTS
from tieline.mappings.computed import behind
from tieline.mappings.document import Computed, FieldRule, InstantFormat, When
from tieline.mappings.mapping import Mapping
from tieline.mappings.paths import show


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a mapping, for people. Every column is a short text."""

    field: str
    path: str
    read: str
    write: str
    policy: str
    because: str


def explain(mapping: Mapping) -> tuple[Row, ...]:
    """One row per canonical field of the record kind, those that are not mapped included."""
    rules = mapping.document.rules
    rows = []
    for name, spec in mapping.document.specs.items():
        if name in rules:
            policy = str(mapping.policies[name])
            read = ", ".join([_read(rules[name]), *_computed(rules[name], mapping.document.computed)])
            rows.append(Row(name, _path(rules[name]), read, _write(rules[name]), policy, spec.meaning))
        elif name == ALERTS and mapping.document.alerts is not None:
            rows.append(_alerts(mapping, spec.meaning))
        else:
            rows.append(Row(name, "", "no", "no", "", f"{spec.meaning}; {mapping.tool} does not carry it"))
    return tuple(rows)


def _alerts(mapping: Mapping, meaning: str) -> Row:
    if mapping.board is None:
        return Row(ALERTS, "a comment of ours", "no", "edited in place", "", meaning)
    return Row(ALERTS, f"a block of {show(mapping.board.path)}", "as it is", "yes", "nobody's", meaning)


def _path(rule: FieldRule) -> str:
    return (" + " if rule.join is not None else " or ").join(show(path) for path in rule.read)


def _computed(rule: FieldRule, computed: tuple[Computed, ...]) -> Iterator[str]:
    for entry in (one for path in rule.read if (one := behind(path, computed))):
        yield "computed from " + " and ".join(map(show, entry.inputs))


def _read(rule: FieldRule) -> str:
    if not rule.read:
        return "no"
    words = []
    if rule.values is not None or rule.read_also:
        words.append(f"{len(rule.values or {}) + len(rule.read_also)} values")
    if rule.words:
        words.append("the words of monitoring")
    if rule.read_else:
        words.append(f"else {show(rule.read_else.path)}")
    if rule.only_when:
        words.append("only when " + " and ".join(show(path) for path, _ in rule.only_when))
    return ", ".join([*words, *_form(rule)]) or "as it is"


def _form(rule: FieldRule) -> Iterator[str]:
    """How the tool writes the value, where that is not plain."""
    if not isinstance(rule.format, InstantFormat):
        yield f"as {rule.format}"
    if rule.currency:
        yield f"in {rule.currency}"
    if rule.places is not None:
        yield f"to {rule.places} places"
    if rule.each is not None:
        yield f"each at {show(rule.each)}"
    if rule.kind:
        yield f"a {rule.kind} of {rule.connection}"


def _write(rule: FieldRule) -> str:
    if rule.when is When.NEVER:
        return "never"
    words = [{When.ONCE: "at creation", When.NEEDED: "where needed"}.get(rule.when, "yes")]
    if rule.parts:
        places = sorted({show(path) for parts in rule.parts.values() for path in parts})
        words.append("as " + " and ".join(places))
    elif rule.to is not None and rule.read != (rule.to,):
        words.append("to " + show(rule.to))
    words += [f"{value} needs {' and '.join(needs)}" for value, needs in rule.needs.items()]
    words += [f"{value} takes {' and '.join(takes)}" for value, takes in rule.takes.items()]
    words += [f"{value} as {raw}" for value, raw in rule.write_also.items()]
    if rule.limit is not None:
        words.append(f"up to {rule.limit}")
    return ", ".join(words)
